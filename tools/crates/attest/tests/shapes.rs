//! The shapes that in-toto and SLSA publish, which real documents of others have, and ours.
//!
//! Sources: in-toto attestation framework, `spec/v1/statement.md`, `resource_descriptor.md`; SLSA, "Provenance"
//! v1 and v0.2, "Verification Summary Attestation" v1.

use serde_json::Value;
use verbatim_attest::{Rebuilt, REBUILT};
use verbatim_digest::Digest;

/// What may stand in an object.
enum Shape {
    Text,
    Flag,
    /// Whatever the build type says.
    Any,
    /// From an algorithm to hexadecimal digits.
    Digests,
    List(&'static Shape),
    Object(&'static [(&'static str, bool, Shape)]),
}

use Shape::{Any, Digests, Flag, List, Object, Text};

const DESCRIPTOR: Shape = Object(&[
    ("name", false, Text),
    ("uri", false, Text),
    ("digest", false, Digests),
    ("content", false, Text),
    ("downloadLocation", false, Text),
    ("mediaType", false, Text),
    ("annotations", false, Any),
]);

const V1: Shape = Object(&[
    (
        "buildDefinition",
        true,
        Object(&[
            ("buildType", true, Text),
            ("externalParameters", true, Any),
            ("internalParameters", false, Any),
            ("resolvedDependencies", false, List(&DESCRIPTOR)),
        ]),
    ),
    (
        "runDetails",
        true,
        Object(&[
            (
                "builder",
                true,
                Object(&[
                    ("id", true, Text),
                    ("builderDependencies", false, List(&DESCRIPTOR)),
                    ("version", false, Any),
                ]),
            ),
            (
                "metadata",
                false,
                Object(&[
                    ("invocationId", false, Text),
                    // So Go's library wrote it at first.
                    ("invocationID", false, Text),
                    ("startedOn", false, Text),
                    ("finishedOn", false, Text),
                ]),
            ),
            ("byproducts", false, List(&DESCRIPTOR)),
        ]),
    ),
]);

const MATERIAL: Shape = Object(&[("uri", false, Text), ("digest", false, Digests)]);

const V0_2: Shape = Object(&[
    ("builder", true, Object(&[("id", true, Text)])),
    ("buildType", true, Text),
    (
        "invocation",
        false,
        Object(&[
            (
                "configSource",
                false,
                Object(&[
                    ("uri", false, Text),
                    ("digest", false, Digests),
                    ("entryPoint", false, Text),
                ]),
            ),
            ("parameters", false, Any),
            ("environment", false, Any),
        ]),
    ),
    ("buildConfig", false, Any),
    (
        "metadata",
        false,
        Object(&[
            ("buildInvocationId", false, Text),
            ("buildInvocationID", false, Text),
            ("buildStartedOn", false, Text),
            ("buildFinishedOn", false, Text),
            (
                "completeness",
                false,
                Object(&[
                    ("parameters", false, Flag),
                    ("environment", false, Flag),
                    ("materials", false, Flag),
                ]),
            ),
            ("reproducible", false, Flag),
        ]),
    ),
    ("materials", false, List(&MATERIAL)),
]);

const SUMMARY: Shape = Object(&[
    (
        "verifier",
        true,
        Object(&[("id", true, Text), ("version", false, Any)]),
    ),
    ("timeVerified", false, Text),
    ("resourceUri", true, Text),
    ("policy", true, DESCRIPTOR),
    ("inputAttestations", false, List(&DESCRIPTOR)),
    ("verificationResult", true, Text),
    ("verifiedLevels", true, List(&Text)),
    ("dependencyLevels", false, Any),
    ("slsaVersion", false, Text),
]);

/// Where a value has another shape.
fn wrong(value: &Value, shape: &Shape, path: &str) -> Option<String> {
    let fits = match (shape, value) {
        (Text, Value::String(_)) | (Flag, Value::Bool(_)) => true,
        (Any, Value::Object(_)) => true,
        (Digests, Value::Object(digests)) => digests.values().all(|hex| {
            let hex = hex.as_str().unwrap_or_default();
            !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit())
        }),
        (List(shape), Value::Array(items)) => {
            let item = |(at, item)| wrong(item, shape, &format!("{path}/{at}"));
            return items.iter().enumerate().find_map(item);
        }
        (Object(members), Value::Object(object)) => {
            let unknown = object
                .keys()
                .find(|name| !members.iter().any(|one| one.0 == *name));
            return unknown
                .map(|name| format!("{path}/{name} is not known"))
                .or_else(|| {
                    members
                        .iter()
                        .find_map(|(name, required, shape)| match object.get(*name) {
                            // Go programs write `null` for what is absent.
                            None | Some(Value::Null) => {
                                required.then(|| format!("{path}/{name} is missing"))
                            }
                            Some(value) => wrong(value, shape, &format!("{path}/{name}")),
                        })
                });
        }
        _ => false,
    };
    (!fits).then(|| format!("{path} is {value}"))
}

fn check(document: &str) -> Option<String> {
    let statement: Value = serde_json::from_str(document).unwrap();
    let (kind, predicate) = match statement["predicateType"].as_str().unwrap() {
        "https://slsa.dev/provenance/v1" => ("https://in-toto.io/Statement/v1", &V1),
        "https://slsa.dev/provenance/v0.2" => ("https://in-toto.io/Statement/v0.1", &V0_2),
        "https://slsa.dev/verification_summary/v1" => ("https://in-toto.io/Statement/v1", &SUMMARY),
        other => panic!("{other}"),
    };
    let subjects = wrong(&statement["subject"], &List(&DESCRIPTOR), "/subject");
    let kind = (statement["_type"] != kind).then(|| format!("/_type is {}", statement["_type"]));
    kind.or(subjects)
        .or_else(|| wrong(&statement["predicate"], predicate, "/predicate"))
}

#[test]
fn others_have_these_shapes() {
    assert_eq!(
        check(include_str!("../testdata/github-generator.json")),
        None
    );
    assert_eq!(
        check(include_str!("../testdata/v0.2-recording-01.json")),
        None
    );
    let tekton = include_str!("../testdata/v1-slsa-tekton-recording-05.json");
    assert_eq!(
        check(&tekton.replace("Statement/v0.1", "Statement/v1")),
        None
    );
}

#[test]
fn ours_have_them_too() {
    let v1 = include_str!("../testdata/bazel-v1.json");
    let v0_2 = include_str!("../testdata/bazel-v0.2.json");
    assert_eq!(check(v1), None);
    assert_eq!(check(v0_2), None);
    // What is wrong is seen.
    for (document, from, to) in [
        (v1, "\"runDetails\"", "\"run\""),
        (v1, "\"buildType\":\"", "\"buildtype\":\""),
        (v1, "Statement/v1", "Statement/v0.1"),
        (v1, "\"sha256\":\"", "\"sha256\":\"x"),
        (v0_2, "\"reproducible\":false", "\"reproducible\":0"),
        (v0_2, "\"materials\":[", "\"materials\":[1,"),
    ] {
        assert!(document.contains(from));
        assert!(check(&document.replacen(from, to, 1)).is_some(), "{from}");
    }
}

#[test]
fn a_summary_has_the_shape_of_summaries() {
    let summary = Rebuilt {
        rebuilder: "https://example.com/us",
        version: "1",
        resource: "oci://registry.example.com/app",
        artifact: Digest::of(b"app"),
        provenance: Digest::of(b"provenance"),
    };
    let text = String::from_utf8(summary.statement().unwrap()).unwrap();
    assert_eq!(check(&text), None);
    assert!(text.contains(REBUILT));
    for required in [
        "verifier",
        "resourceUri",
        "policy",
        "verificationResult",
        "verifiedLevels",
    ] {
        let less = text.replacen(&format!("\"{required}\":"), "\"slsaVersion\":", 1);
        assert!(check(&less).is_some(), "{required}");
    }
}
