//! Policies against provenances: which entry fits, and what is said where none does.

use std::collections::BTreeSet;

use serde_json::{json, Value};
use verbatim_attest::{Known, Policy, Provenance, Requirements, Statement, Vouchers, REBUILT};
use verbatim_signature::dsse::{Envelope, IN_TOTO};
use verbatim_signature::PublicKey;
use verbatim_signature::{Content, Document, PrivateKey};

const BUILDER: &[u8] = include_bytes!("../testdata/builder.pem");
const THIRD: &[u8] = include_bytes!("../testdata/third.pem");
const STRANGER: &[u8] = include_bytes!("../testdata/stranger.pem");

fn key(name: &str) -> verbatim_document::Result<PublicKey> {
    let data = match name {
        "builder.pem" => BUILDER,
        "third.pem" => THIRD,
        _ => STRANGER,
    };
    Ok(PublicKey::from_pem(data, name).unwrap())
}

fn policy(entries: &str) -> Result<Policy, String> {
    let text = format!("schema = \"verbatim.policy/1\"\n{entries}");
    Policy::parse(text.as_bytes(), "p.toml", key).map_err(|e| e.to_string())
}

fn statement(version: &str, predicate: &Value) -> Statement {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [],
        "predicateType": format!("https://slsa.dev/provenance/{version}"), "predicate": predicate,
    });
    Statement::parse(statement.to_string().into_bytes(), "s.json").unwrap()
}

/// Whether an entry fits a build that the builder's key signed for, or why not.
fn judge(entries: &str, statement: &Statement) -> Result<(), String> {
    let signers = [PublicKey::from_pem(BUILDER, "builder.pem")
        .unwrap()
        .key_id()];
    let vouchers = Vouchers {
        signers: &signers,
        rebuilders: &BTreeSet::new(),
    };
    policy(entries)?.fits(&Provenance::of(statement)?, vouchers)
}

const ALLOW: &str = "[[allow]]\nbuilder = \"b\"\nkeys = [\"builder.pem\"]\n";

#[test]
fn each_field_narrows() {
    let build = json!({
        "builder": {"id": "b"}, "buildType": "t",
        "invocation": {"parameters": {"text": "x", "number": 3, "half": 0.5, "yes": true, "list": ["a", 1], "table": {"a": "*"}}},
        "materials": [{"uri": "git+https://example.com/a.git"}, {"uri": "oci://example.com/builder"}],
    });
    let v0_2 = statement("v0.2", &build);
    let v1 = statement(
        "v1",
        &json!({
            "runDetails": {"builder": build["builder"]},
            "buildDefinition": {
                "buildType": "t", "externalParameters": build["invocation"]["parameters"],
                "resolvedDependencies": build["materials"],
            },
        }),
    );
    let all = "text = \"x\"\nnumber = 3\nhalf = 0.5\nyes = true\nlist = [\"a\", 1]\ntable = { a = \"*\" }\n";
    let with = |line: &str| format!("{ALLOW}[allow.parameters]\n{line}\n{all}");
    let without = |name: &str, line: &str| {
        let kept = all.lines().filter(|l| !l.starts_with(name));
        format!(
            "{ALLOW}[allow.parameters]\n{line}\n{}",
            kept.collect::<Vec<_>>().join("\n")
        )
    };
    let more = |line: &str| format!("{ALLOW}{line}\n");
    let other_entry = "[[allow]]\nbuilder = \"c\"\nkeys = [\"builder.pem\"]\n";
    for (entries, reason) in [
        (ALLOW.to_owned(), ""),
        (format!("{other_entry}{ALLOW}"), ""),
        // Builder and key.
        (
            ALLOW.replace("\"b\"", "\"\""),
            "the builder is `b` and must be ``",
        ),
        (
            ALLOW.replace("\"b\"", "\"B\""),
            "the builder is `b` and must be `B`",
        ),
        (
            ALLOW.replace("\"b\"", "\"b*\""),
            "the builder is `b` and must be `b*`",
        ),
        (
            ALLOW.replace("builder.pem", "stranger.pem"),
            "none of its `keys` signed",
        ),
        (
            ALLOW.replace("\"builder.pem\"", "\"stranger.pem\", \"builder.pem\""),
            "",
        ),
        // An entry fits whole or not at all.
        (
            format!(
                "{other_entry}{}",
                ALLOW.replace("builder.pem", "stranger.pem")
            ),
            "entry 1: the builder is `b` and must be `c`; entry 2: none",
        ),
        // Build types.
        (more("build_types = [\"s\", \"t\"]"), ""),
        (more("build_types = [\"s\"]"), "the build type is `t`"),
        (more("build_types = []"), "the build type is `t`"),
        // Sources.
        (
            more(
                "sources = [\"git+https://example.com/a.git\", \"git+https://example.com/b.git\"]",
            ),
            "",
        ),
        (
            more("sources = [\"git+https://example.com/a\"]"),
            "the source is `git+https://example.com/a.git`",
        ),
        (
            more("sources = [\"https://example.com/a.git\"]"),
            "the source is",
        ),
        (more("sources = []"), "the source is"),
        // Parameters.
        (with(""), ""),
        (without("text", "text = \"*\""), ""),
        (without("table", "table = \"*\""), ""),
        (without("half", "half = 5e-1"), ""),
        (without("number", "number = 3.0"), ""),
        (
            without("number", "number = 3.5"),
            "`number` is 3 and must be 3.5",
        ),
        (
            without("number", "number = \"3\""),
            "`number` is 3 and must be \"3\"",
        ),
        (
            without("yes", "yes = \"true\""),
            "`yes` is true and must be \"true\"",
        ),
        (without("yes", "yes = 1"), "`yes` is true"),
        (
            without("list", "list = [1, \"a\"]"),
            "`list` is [\"a\",1] and must be [1,\"a\"]",
        ),
        (without("list", "list = [\"a\"]"), "`list` is"),
        // Only a whole value is any value.
        (without("list", "list = [\"*\", 1]"), "`list` is"),
        (without("table", "table = { a = \"x\" }"), "`table` is"),
        (
            without("text", ""),
            "it has the parameter `text`, which `parameters` does not name",
        ),
        (
            with("more = \"*\""),
            "it does not have the parameter `more`",
        ),
        (more("[allow.parameters]"), "it has the parameter `half`"),
    ] {
        for statement in [&v0_2, &v1] {
            match judge(&entries, statement) {
                Ok(()) => assert_eq!(reason, "", "{entries}"),
                Err(error) => assert!(
                    !reason.is_empty() && error.contains(reason),
                    "{error}\n{entries}"
                ),
            }
        }
    }
}

#[test]
fn what_a_provenance_does_not_tell_does_not_fit() {
    let bare = statement("v1", &json!({"runDetails": {"builder": {"id": "b"}}}));
    assert_eq!(judge(ALLOW, &bare), Ok(()));
    for (line, reason) in [
        ("build_types = [\"t\"]", "it tells no build type"),
        (
            "sources = [\"git+https://example.com/a.git\"]",
            "it names no `git+` source",
        ),
        (
            "[allow.parameters]\nx = \"*\"",
            "it does not have the parameter `x`",
        ),
    ] {
        let error = judge(&format!("{ALLOW}{line}\n"), &bare).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    // Where nothing is allowed, nothing is right.
    assert_eq!(
        judge(&format!("{ALLOW}sources = []\n[allow.parameters]\n"), &bare),
        Ok(())
    );
}

#[test]
fn large_numbers_are_not_rounded() {
    let with = |number: &str| {
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"https://slsa.dev/provenance/v0.2","predicate":{{"builder":{{"id":"b"}},"invocation":{{"parameters":{{"n":{number}}}}}}}}}"#
        );
        Statement::parse(text.into_bytes(), "s").unwrap()
    };
    let entries = |number: &str| format!("{ALLOW}[allow.parameters]\nn = {number}\n");
    assert!(judge(&entries("9007199254740993"), &with("9007199254740993")).is_ok());
    assert!(judge(&entries("9007199254740993"), &with("9007199254740992")).is_err());
    assert!(judge(&entries("9007199254740993"), &with("9007199254740992.0")).is_err());
    assert!(judge(&entries("1"), &with("1.0")).is_ok());
    assert!(judge(&entries("0"), &with("-0.0")).is_ok());
}

#[test]
fn a_policy_that_is_not_one_is_told() {
    for (entries, said) in [
        ("", "allows nothing"),
        ("allow = []", "allows nothing"),
        ("[[allow]]\nbuilder = \"b\"", "line 2: missing field `keys`"),
        (
            "[[allow]]\nkeys = [\"builder.pem\"]",
            "missing field `builder`",
        ),
        (
            "[[allow]]\nbuilder = \"b\"\nkeys = []",
            "allow entry 1: `keys` is empty",
        ),
        (
            "[[allow]]\nbuilder = \"b\"\nkeys = \"builder.pem\"",
            "line 4",
        ),
        (
            "[[allow]]\nbuilder = [\"b\"]\nkeys = [\"builder.pem\"]",
            "line 3",
        ),
        (&format!("{ALLOW}source = []"), "unknown field `source`"),
        (&format!("more = 1\n{ALLOW}"), "unknown field `more`"),
        (&format!("{ALLOW}sources = [1]"), "line 5"),
        (
            &format!("{ALLOW}sources = []\nsources = []"),
            "duplicate key",
        ),
        (
            &format!("{ALLOW}[allow.parameters]\nday = 2026-01-01"),
            "allow entry 1: parameter `day`: JSON has no dates",
        ),
        (
            &format!("{ALLOW}[allow.parameters]\nn = nan"),
            "JSON has no such number",
        ),
        ("[[allow", "line 2"),
        (
            &format!("{ALLOW}threshold = 1"),
            "`rebuilders` and `threshold` go together",
        ),
        (
            &format!("{ALLOW}rebuilders = [\"third.pem\"]"),
            "`rebuilders` and `threshold` go together",
        ),
        (
            &format!("{ALLOW}rebuilders = [\"third.pem\"]\nthreshold = 0"),
            "`threshold` is 0, and must be from 1 to the 1 keys",
        ),
        (
            &format!("{ALLOW}rebuilders = [\"third.pem\"]\nthreshold = 2"),
            "`threshold` is 2",
        ),
        (
            &format!("{ALLOW}rebuilders = [\"third.pem\", \"third.pem\"]\nthreshold = 2"),
            "nobody has two votes",
        ),
        (
            &format!("{ALLOW}rebuilders = [\"builder.pem\"]\nthreshold = 1"),
            "not an independent one",
        ),
    ] {
        let error = policy(entries).unwrap_err();
        assert!(
            error.starts_with("p.toml: ") && error.contains(said),
            "{error}"
        );
    }
    for (text, said) in [
        ("", "missing field `schema`"),
        (
            "schema = \"verbatim.policy/2\"",
            "only `verbatim.policy/1` is known",
        ),
        ("\u{feff}schema = 1", "p.toml"),
    ] {
        let error = Policy::parse(text.as_bytes(), "p.toml", key)
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(Policy::parse(b"\xff", "p.toml", key).is_err());
}

#[test]
fn enough_rebuilders_must_come_to_the_same_bytes() {
    let text = format!(
        "schema = \"verbatim.policy/1\"\n{ALLOW}rebuilders = [\"stranger.pem\", \"third.pem\"]\nthreshold = 2\n"
    );
    let policy = Policy::parse(text.as_bytes(), "p.toml", key).unwrap();
    let requirements = Requirements::of_policy(policy, None);
    let artifact = Known::of(b"abc");
    let signed = |predicate_type: &str, predicate: Value, about: &[u8], key: &[u8]| {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": predicate_type, "predicate": predicate,
            "subject": [{"name": "abc", "digest": {"sha256": Known::of(about).sha256.hex()}}],
        });
        let key = PrivateKey::from_pem(key, "key", None).unwrap();
        let envelope = Envelope::sign(IN_TOTO, statement.to_string().into_bytes(), &key);
        let document = Document {
            name: "d".to_owned(),
            content: Content::Envelope(envelope),
        };
        requirements.open(&document)
    };
    let [builder, stranger, third] = [
        &include_bytes!("../testdata/builder.key.pem")[..],
        include_bytes!("../testdata/stranger.key.pem"),
        include_bytes!("../testdata/third.key.pem"),
    ];
    let provenance = |key| {
        let predicate = json!({"runDetails": {"builder": {"id": "b"}}});
        signed("https://slsa.dev/provenance/v1", predicate, b"abc", key).unwrap()
    };
    let summary = |result: &str, level: &str, about: &[u8], key| {
        let predicate = json!({"verificationResult": result, "verifiedLevels": [level]});
        signed(
            "https://slsa.dev/verification_summary/v1",
            predicate,
            about,
            key,
        )
        .unwrap()
    };
    let rebuilt = |key| summary("PASSED", REBUILT, b"abc", key);
    let judge = |votes: &[_]| {
        let rebuilders = requirements.rebuilders(votes, &artifact);
        requirements.judge(&provenance(builder), &artifact, &rebuilders)
    };
    let both = [rebuilt(stranger), rebuilt(third)];
    assert!(judge(&both).is_ok());
    for (votes, count) in [
        (vec![], 0),
        (vec![rebuilt(stranger)], 1),
        // Twice the same, the builder himself, about something else, and other summaries.
        (vec![rebuilt(stranger), rebuilt(stranger)], 1),
        (vec![rebuilt(stranger), rebuilt(builder)], 1),
        (
            vec![rebuilt(stranger), summary("PASSED", REBUILT, b"abd", third)],
            1,
        ),
        (
            vec![rebuilt(stranger), summary("FAILED", REBUILT, b"abc", third)],
            1,
        ),
        (
            vec![
                rebuilt(stranger),
                summary("PASSED", "SLSA_BUILD_LEVEL_3", b"abc", third),
            ],
            1,
        ),
        (vec![rebuilt(stranger), provenance(third)], 1),
    ] {
        let error = judge(&votes).unwrap_err().to_string();
        let said =
            format!("{count} of its 2 `rebuilders` came to the same bytes, and it asks for 2");
        assert!(error.contains(&said), "{error}");
    }
    // A rebuilder confirms, and allows nothing alone.
    let ids = requirements.rebuilders(&both, &artifact);
    for alone in [rebuilt(third), provenance(third)] {
        let error = requirements.judge(&alone, &artifact, &ids).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("can confirm a provenance and not replace it"),
            "{error}"
        );
    }
}
