//! Provenance of builds by Bazel: written, read again, and judged by a policy.

use serde_json::{json, Value};
use verbatim_attest::bazel::{
    Build, Dependencies, Dependency, Form, Run, Source, Subjects, BUILD_TYPE,
};
use verbatim_attest::{Known, Provenance, Statement};
use verbatim_digest::Digest;
use verbatim_sums::{Record, Sums};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TREE: &str = "76543210fedcba9876543210fedcba9876543210";

fn descriptor(kind: &str, content: &str) -> Value {
    json!({
        "mediaType": format!("application/vnd.oci.image.{kind}"),
        "digest": Digest::of(content.as_bytes()), "size": content.len(),
    })
}

fn for_platform(architecture: &str, level: u8) -> Value {
    json!({
        "platform": {"os": "linux", "architecture": architecture},
        "manifest": descriptor("manifest.v1+json", architecture),
        "config": descriptor("config.v1+json", "config"),
        "layers": [{
            "schema": "verbatim.layer/1", "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": Digest::of(b"blob"), "size": 4, "diff_id": Digest::of(b"tar"),
            "encoder": {"name": "gzip", "version": "1.26", "level": level, "block_size": 1 << 20},
        }],
    })
}

/// An index of two platforms, and a file.
fn record() -> Record {
    let record = json!({
        "schema": "verbatim.sums/1",
        "images": [{
            "reference": "registry.example.com/acme/app:v1", "digest": Digest::of(b"index"),
            "mediaType": "application/vnd.oci.image.index.v1+json", "size": 5,
            "platforms": [for_platform("amd64", 6), for_platform("arm64", 9)],
        }],
        "files": [{"name": "app-linux-amd64", "digest": Digest::of(b"app"), "size": 3}],
    });
    Record::parse(record.to_string().as_bytes(), "sums.json").unwrap()
}

fn sums() -> Sums {
    record().sums("sums.json").unwrap()
}

fn dependencies() -> Dependencies {
    let mut known = Dependencies::default();
    known.bazel = Some(Digest::of(b"bazel"));
    known.lock = Some(Digest::of(b"lock"));
    known.tools = [("verbatim".to_owned(), Digest::of(b"tool"))].into();
    let fetched = |name: Option<&str>, uri: &str, digest: &str| Dependency {
        name: name.map(str::to_owned),
        uri: Some(uri.to_owned()),
        digest: [(digest.to_owned(), "0a".repeat(32))].into(),
    };
    known
        .fetch([
            fetched(None, "https://example.com/z.tgz", "sha256"),
            fetched(None, "git+https://example.com/lib.git", "gitCommit"),
            // Another commit of the source itself.
            fetched(None, "git+https://example.com/acme/app.git", "gitCommit"),
        ])
        .unwrap();
    known
}

fn build() -> Build {
    Build {
        source: Source {
            uri: "https://example.com/acme/app.git".parse().unwrap(),
            commit: COMMIT.parse().unwrap(),
            tree: TREE.parse().unwrap(),
            reference: Some("refs/tags/v1".parse().unwrap()),
        },
        directory: Some("app".parse().unwrap()),
        targets: vec!["//release:container_sums".parse().unwrap()],
        flags: vec!["--config=release".parse().unwrap()],
        bazel_version: "7.7.1".parse().unwrap(),
        dependencies: dependencies(),
    }
}

fn run() -> Run {
    Run {
        builder: "https://example.com/ci/release".parse().unwrap(),
        invocation_id: None,
        started_on: None,
        finished_on: None,
    }
}

fn statement(build: &Build, subjects: &Subjects, form: Form) -> Statement {
    let bytes = build.statement(subjects, &run(), form).unwrap();
    Statement::parse(bytes, "s.json").unwrap()
}

fn released() -> Subjects {
    Subjects::released(&sums(), Some(&record())).unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    let mut complete = build();
    complete.dependencies.are_complete();
    let bare = Build {
        directory: None,
        flags: Vec::new(),
        dependencies: Dependencies::default(),
        source: Source {
            reference: None,
            commit: "0a".repeat(32).parse().unwrap(),
            ..build().source
        },
        ..build()
    };
    let mut by_content = build();
    by_content
        .dependencies
        .fetch([Dependency {
            name: None,
            uri: None,
            digest: [("sha256".to_owned(), "0c".repeat(32))].into(),
        }])
        .unwrap();
    for build in [build(), complete, bare, by_content] {
        for form in [Form::V1, Form::V0_2] {
            let statement = statement(&build, &released(), form);
            assert_eq!(Build::of(&statement).as_ref(), Ok(&build), "{form:?}");
        }
    }
}

#[test]
fn a_reader_of_provenance_finds_what_it_looks_for() {
    for form in [Form::V1, Form::V0_2] {
        let statement = statement(&build(), &released(), form);
        let provenance = Provenance::of(&statement).unwrap();
        assert_eq!(provenance.builder, "https://example.com/ci/release");
        assert_eq!(provenance.build_type, Some(BUILD_TYPE));
        assert_eq!(
            provenance.sources,
            [
                "git+https://example.com/acme/app.git",
                "git+https://example.com/lib.git"
            ]
        );
        let parameters: Vec<_> = provenance.parameters.into_iter().collect();
        assert_eq!(
            parameters,
            [
                ("directory", &json!("app")),
                ("flags", &json!(["--config=release"])),
                ("ref", &json!("refs/tags/v1")),
                ("source", &json!("git+https://example.com/acme/app.git")),
                ("targets", &json!(["//release:container_sums"])),
            ]
        );
    }
}

#[test]
fn the_subjects_are_those_of_the_sums() {
    let all = statement(&build(), &released(), Form::V1);
    assert!(all.is_about(&Known::of(b"index")).is_ok());
    assert!(all.is_about(&Known::of(b"app")).is_ok());
    assert!(all.is_about(&Known::of(b"amd64")).is_err());
    let names: Vec<_> = all.subjects.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        ["app-linux-amd64", "registry.example.com/acme/app:v1"]
    );
    let levels = |statement: &Statement| {
        let definition = &statement.predicate["buildDefinition"]["internalParameters"];
        let encoders = definition["encoders"].as_array().unwrap().iter();
        encoders
            .map(|one| one["level"].as_u64())
            .collect::<Vec<_>>()
    };
    assert_eq!(levels(&all), [Some(6), Some(9)]);

    let arm64 = Subjects::of_platform(&record(), &"linux/arm64".parse().unwrap()).unwrap();
    let arm64 = statement(&build(), &arm64, Form::V1);
    assert!(arm64.is_about(&Known::of(b"arm64")).is_ok());
    for other in [&b"index"[..], b"app", b"amd64"] {
        assert!(arm64.is_about(&Known::of(other)).is_err());
    }
    assert_eq!(levels(&arm64), [Some(9)]);

    let error = Subjects::of_platform(&record(), &"linux/s390x".parse().unwrap()).unwrap_err();
    assert!(
        error.ends_with("there is linux/amd64, linux/arm64"),
        "{error}"
    );
    assert!(Subjects::released(&Sums::new(), None).is_err());
}

/// The document to the byte: somebody signed it.
#[test]
fn a_statement_has_one_form() {
    let bytes = build().statement(&released(), &run(), Form::V1).unwrap();
    let expected = include_str!("../testdata/bazel-v1.json");
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    let bytes = build().statement(&released(), &run(), Form::V0_2).unwrap();
    let expected = include_str!("../testdata/bazel-v0.2.json");
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn a_run_is_named_where_it_was_given() {
    let run = Run {
        invocation_id: Some("7".parse().unwrap()),
        started_on: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        finished_on: Some("2026-01-02T03:05:05Z".parse().unwrap()),
        ..run()
    };
    let of = |form| {
        let bytes = build().statement(&released(), &run, form).unwrap();
        Statement::parse(bytes, "s").unwrap().predicate
    };
    assert_eq!(
        of(Form::V1)["runDetails"]["metadata"],
        json!({"invocationId": "7", "startedOn": "2026-01-02T03:04:05Z", "finishedOn": "2026-01-02T03:05:05Z"})
    );
    let metadata = &of(Form::V0_2)["metadata"];
    assert_eq!(metadata["buildInvocationId"], "7");
    assert_eq!(metadata["buildFinishedOn"], "2026-01-02T03:05:05Z");
}

#[test]
fn what_a_stranger_wrote_must_have_its_form() {
    let good: Value =
        serde_json::from_slice(&build().statement(&released(), &run(), Form::V1).unwrap()).unwrap();
    let read =
        |value: &Value| Build::of(&Statement::parse(value.to_string().into_bytes(), "s").unwrap());
    assert!(read(&good).is_ok());
    let definition = "/predicate/buildDefinition";
    for (pointer, value, said) in [
        (
            "/buildType",
            json!("https://example.com/other"),
            "its build type is",
        ),
        ("/externalParameters/targets", json!([]), "no target"),
        (
            "/externalParameters/targets",
            json!("//a"),
            "`targets` is not a list",
        ),
        (
            "/externalParameters/targets/0",
            json!("--output_base=/"),
            "no full label",
        ),
        (
            "/externalParameters/flags/0",
            json!("//other:target"),
            "no option",
        ),
        ("/externalParameters/flags/0", json!("--"), "no option"),
        ("/externalParameters/directory", json!("../.."), "no folder"),
        (
            "/externalParameters/source",
            json!("git+file:///etc"),
            "no address",
        ),
        (
            "/externalParameters/source",
            json!("git+https://example.com/other"),
            "not the same",
        ),
        (
            "/externalParameters",
            json!({"source": "x", "extra": 1}),
            "`extra`",
        ),
        (
            "/internalParameters/bazel/version",
            json!("7\n8"),
            "nobody sees",
        ),
        (
            "/internalParameters/bazel/version",
            json!("../bazel"),
            "no version",
        ),
        (
            "/resolvedDependencies/0/digest/gitCommit",
            json!("main"),
            "no whole hash",
        ),
        ("/resolvedDependencies/0/digest", json!({}), "no commit"),
        (
            "/resolvedDependencies/0/digest",
            json!({"gitCommit": COMMIT}),
            "`gitTree`",
        ),
        (
            "/resolvedDependencies/1/name",
            json!("source"),
            "not the same",
        ),
        (
            "/resolvedDependencies/1/digest/sha256",
            json!("0A"),
            "sha256",
        ),
        ("/resolvedDependencies", json!([]), "no commit"),
        ("/resolvedDependencies", json!([1]), "no object"),
    ] {
        let mut changed = good.clone();
        *changed
            .pointer_mut(&format!("{definition}{pointer}"))
            .unwrap() = value.clone();
        let error = read(&changed).unwrap_err();
        assert!(error.contains(said), "{pointer} {value}: {error}");
    }
    let mut twice = good.clone();
    let list = twice
        .pointer_mut("/predicate/buildDefinition/resolvedDependencies")
        .unwrap();
    let first = list[0].clone();
    list.as_array_mut().unwrap().push(first);
    assert!(read(&twice).unwrap_err().contains("twice"));
}
