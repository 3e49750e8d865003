//! What real documents of Konflux and Tekton Chains say, and what they do not.

use serde_json::{json, Value};
use verbatim_digest::Digest;
use verbatim_rebuild::konflux::{
    self, BuildahBuild, Flags, Given, Parameter, Pipeline, TaskVersion,
};
use verbatim_rebuild::{sbom, ErrorKind};

fn statement(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn pipeline(statement: &Value) -> Pipeline {
    let kind = statement["predicateType"].as_str().unwrap();
    konflux::read(kind, &statement["predicate"], "statement").unwrap()
}

fn builds(statement: &Value) -> Vec<BuildahBuild> {
    konflux::builds(&pipeline(statement), &Given::default(), "statement").unwrap()
}

fn refused(statement: &Value) -> (ErrorKind, String) {
    let kind = statement["predicateType"].as_str().unwrap();
    let error = konflux::read(kind, &statement["predicate"], "statement")
        .and_then(|pipeline| konflux::builds(&pipeline, &Given::default(), "statement"))
        .unwrap_err();
    (error.kind(), error.to_string())
}

const MATRIX: &str = include_str!("../testdata/v0.2-matrix.json");
const GOLDEN: &str = include_str!("../testdata/v0.2-golden-2025-02.json");

#[test]
fn a_matrix_of_platforms() {
    let statement = statement(MATRIX);
    let builds = builds(&statement);
    let [build] = builds.as_slice() else {
        panic!("{builds:#?}")
    };
    let source = build.source.as_ref().unwrap();
    // Not the first git+ material, which is the pipeline's own.
    assert_eq!(
        source.url,
        "https://gitlab.com/redhat/rhel/containers/ubi10"
    );
    assert_eq!(source.commit, "15e5733dc128d8178e29f49c1c417ff41c5d7125");
    assert!(source.checkout.submodules);
    assert_eq!(build.commit_time, Some(1_758_672_755));
    assert_eq!(build.version, Some(TaskVersion::new(0, 5)));
    assert_eq!(build.platform.as_ref().unwrap().to_string(), "linux/amd64");
    assert_eq!(
        (build.containerfile(), build.context()),
        ("Dockerfile", ".")
    );
    assert_eq!(build.parameters.list("LABELS"), ["release=1758699521"]);
    assert_eq!(build.injections(), ["labels.json", "content-sets.json"]);
    let packages = build.prefetched().unwrap().unwrap();
    assert!(packages.digest.hex().starts_with("dbfd3e252a8f"));
    assert!(build
        .buildah
        .as_ref()
        .unwrap()
        .contains("buildah-task@sha256:1e686fc8"));
    let produced = build.produced.as_ref().unwrap();
    assert!(produced.digest.hex().starts_with("b84a60c3256a"));
    let (repository, digest) = build.sbom.as_ref().unwrap();
    assert_eq!(repository, "quay.io/araszka/junk");
    assert!(digest.hex().starts_with("402d2692b68f"));
    assert_eq!(build.missing, ["epoch"]);
    let index: Vec<String> = konflux::indexes(&pipeline(&statement))
        .iter()
        .map(Digest::hex)
        .collect();
    assert_eq!(index.len(), 1);
    assert!(index[0].starts_with("7fdc006b15c5"));
}

#[test]
fn a_task_for_each_platform() {
    let builds = builds(&statement(GOLDEN));
    let platforms: Vec<String> = builds
        .iter()
        .map(|b| b.platform.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let versions: Vec<String> = builds
        .iter()
        .map(|b| b.version.unwrap().to_string())
        .collect();
    assert_eq!(versions, ["0.2", "0.4"]);
    assert_eq!(
        builds
            .iter()
            .map(|b| b.injections().len())
            .collect::<Vec<_>>(),
        [0, 1]
    );
    for build in &builds {
        assert_eq!(build.commit_time, Some(1_739_149_502));
        assert_eq!(
            build.source.as_ref().unwrap().commit,
            "d11c0ada39f18f631ff4f54beafa72a9b62dcd7c"
        );
        assert!(build.pins.is_empty() && build.sbom.is_some());
    }
}

#[test]
fn base_images_that_tasks_reported() {
    for (text, count, start) in [
        (
            include_str!("../testdata/v0.2-golden-2024-01.json"),
            1,
            "14a2cd49b11e",
        ),
        (
            include_str!("../testdata/v0.2-golden-2024-06.json"),
            2,
            "1c8483e0fda0",
        ),
    ] {
        let builds = builds(&statement(text));
        assert_eq!(builds.len(), count);
        for build in builds {
            assert_eq!(build.version, Some(TaskVersion::new(0, 1)));
            assert_eq!(build.pins.len(), 1);
            assert_eq!(
                build.pins[0].repository,
                "registry.access.redhat.com/ubi9/ubi-micro"
            );
            assert_eq!(build.pins[0].tag, None);
            assert!(build.pins[0].digest.hex().starts_with(start));
        }
    }
    assert_eq!(
        builds(&statement(include_str!(
            "../testdata/v0.2-golden-2024-10.json"
        )))
        .len(),
        2
    );
}

#[test]
fn builds_by_other_means_are_not_known() {
    // 2022: source-to-image; recordings: mocks that push nothing.
    for text in [
        include_str!("../testdata/v0.2-2022-09.json"),
        include_str!("../testdata/v0.2-recording-01.json"),
        include_str!("../testdata/v1-slsa-tekton-recording-05.json"),
    ] {
        let (kind, message) = refused(&statement(text));
        assert_eq!(kind, ErrorKind::Unchecked, "{message}");
        assert!(
            message.contains("this kind of build is not known"),
            "{message}"
        );
    }
    let mut other = statement(GOLDEN);
    other["predicate"]["buildType"] = json!("https://example.com/build");
    assert_eq!(refused(&other).0, ErrorKind::Unchecked);
    assert!(refused(&other)
        .1
        .contains("unknown build type `https://example.com/build`"));
    other["predicateType"] = json!("https://spdx.dev/Document");
    assert_eq!(refused(&other).0, ErrorKind::Unchecked);
}

#[test]
fn task_runs_inside_of_dependencies() {
    let statement = statement(include_str!("../testdata/v1-slsa-tekton-recording-05.json"));
    let tasks = pipeline(&statement).tasks.unwrap();
    let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["git-clone", "scan", "av-scan", "build"]);
    assert_eq!(
        tasks[0].results["commit"],
        "18304972d3e4a7621b899da8181b563820bb7861"
    );
    assert_eq!(tasks[3].task.as_deref(), Some("mock-build"));
    assert!(tasks[3].results["IMAGE_DIGEST"].starts_with("sha256:29b9b7a7"));
    assert!(tasks[0].steps[0]
        .image
        .starts_with("registry.access.redhat.com/ubi9@sha256:fc300be6"));
    assert!(pipeline(&statement).results["IMAGE_DIGEST"].starts_with("sha256:29b9b7a7"));
}

#[test]
fn build_type_slsa_tells_of_no_task() {
    let builds = builds(&statement(include_str!(
        "../testdata/v1-slsa-recording-03.json"
    )));
    let [build] = builds.as_slice() else {
        panic!("{builds:#?}")
    };
    let source = build.source.as_ref().unwrap();
    assert_eq!(source.commit, "f41719bc200dcd0f0f3c8bcb66d23ff56b3875de");
    assert_eq!(source.url, "gitspam.spam/spam/spam");
    assert_eq!(
        build.missing,
        [
            "LABELS",
            "ANNOTATIONS",
            "TARGET_STAGE",
            "BUILD_ARGS",
            "bundle",
            "epoch"
        ]
    );
    assert!(build
        .produced
        .as_ref()
        .unwrap()
        .digest
        .hex()
        .starts_with("95b29ef58e5e"));
}

/// The golden document with one build, for changes.
fn golden() -> Value {
    let mut golden = statement(GOLDEN);
    let tasks = golden["predicate"]["buildConfig"]["tasks"]
        .as_array_mut()
        .unwrap();
    tasks.retain(|task| task["name"] != "build-container-arm64");
    golden
}

fn task<'a>(statement: &'a mut Value, name: &str) -> &'a mut Value {
    let tasks = statement["predicate"]["buildConfig"]["tasks"]
        .as_array_mut()
        .unwrap();
    tasks.iter_mut().find(|task| task["name"] == name).unwrap()
}

fn set_result(task: &mut Value, name: &str, value: &str) {
    let results = task["results"].as_array_mut().unwrap();
    results.iter_mut().find(|r| r["name"] == name).unwrap()["value"] = json!(value);
}

#[test]
fn contradictory_commits_are_an_error() {
    let other = "e".repeat(40);
    let mut one = golden();
    set_result(
        task(&mut one, "clone-repository"),
        "CHAINS-GIT_COMMIT",
        &other,
    );
    let mut two = golden();
    task(&mut two, "build-container-amd64")["invocation"]["parameters"]["COMMIT_SHA"] =
        json!(other);
    let mut three = golden();
    for material in three["predicate"]["materials"].as_array_mut().unwrap() {
        if material["uri"].as_str().unwrap().starts_with("git+") {
            material["digest"]["sha1"] = json!(other);
        }
    }
    let mut four = golden();
    set_result(
        task(&mut four, "clone-repository"),
        "CHAINS-GIT_URL",
        "https://example.com/x",
    );
    for changed in [one, two, three, four] {
        let (kind, message) = refused(&changed);
        assert_eq!(kind, ErrorKind::Wrong, "{message}");
        assert!(
            message.contains("contradictory commits") || message.contains("two addresses"),
            "{message}"
        );
    }
    let mut slsa = statement(include_str!("../testdata/v1-slsa-recording-03.json"));
    slsa["predicate"]["runDetails"]["byproducts"] = json!([]);
    let dependencies = slsa["predicate"]["buildDefinition"]["resolvedDependencies"]
        .as_array_mut()
        .unwrap();
    dependencies.push(json!({"uri": "git+https://example.com/b.git", "digest": {"sha1": other}, "name": "inputs/result"}));
    assert!(refused(&slsa).1.contains("contradictory commits"));
}

#[test]
fn malformed_documents_name_their_place() {
    let mut one = golden();
    set_result(
        task(&mut one, "build-container-amd64"),
        "IMAGE_DIGEST",
        "sha256:x",
    );
    assert_eq!(refused(&one).0, ErrorKind::Wrong);
    let mut two = golden();
    two["predicate"]["buildConfig"]["tasks"] = json!("x");
    assert!(
        refused(&two).1.contains("/buildConfig/tasks"),
        "{}",
        refused(&two).1
    );
    let mut three = statement(include_str!("../testdata/v1-slsa-tekton-recording-05.json"));
    three["predicate"]["buildDefinition"]["resolvedDependencies"][0]["content"] = json!("%%");
    let message = refused(&three).1;
    assert!(
        message.contains("is no base64") && message.contains("resolvedDependencies/0"),
        "{message}"
    );
}

/// A build with these parameters and version, the way tasks are parametrised.
fn build_of(version: &str, more: &[(&str, Parameter)]) -> BuildahBuild {
    let mut build = builds(&golden()).remove(0);
    build.version = Some(version.parse().unwrap());
    for (name, value) in [
        ("COMMIT_SHA", "abc"),
        ("SOURCE_URL", "https://example.com/a"),
        ("IMAGE_EXPIRES_AFTER", "5d"),
        ("SOURCE_DATE_EPOCH", "1767352500"),
    ] {
        build.parameters.set(name, Parameter::Text(value.into()));
    }
    build
        .parameters
        .set("LABELS", Parameter::List(vec!["a=1".into(), "b=2".into()]));
    build.parameters.set(
        "ANNOTATIONS",
        Parameter::List(vec!["z=1".into(), "y=2".into()]),
    );
    for (name, value) in more {
        build.parameters.set(*name, value.clone());
    }
    build
}

fn flags(build: &BuildahBuild) -> Flags {
    Flags::of(build, "x86_64", &["n=2".into(), "m=1".into()], Some(0)).unwrap()
}

#[test]
fn labels_and_annotations_by_version() {
    let bash = flags(&build_of("0.9", &[]));
    assert_eq!(
        bash.labels,
        [
            "architecture=x86_64",
            "vcs-type=git",
            "vcs-ref=abc",
            "org.opencontainers.image.revision=abc",
            "org.opencontainers.image.source=https://example.com/a",
            "quay.expires-after=5d",
            "build-date=2026-01-02T11:15:00Z",
            "org.opencontainers.image.created=2026-01-02T11:15:00Z",
            "a=1",
            "b=2"
        ]
    );
    assert_eq!(
        bash.annotations,
        [
            "n=2",
            "m=1",
            "z=1",
            "y=2",
            "org.opencontainers.image.revision=abc",
            "org.opencontainers.image.source=https://example.com/a",
            "org.opencontainers.image.created=2026-01-02T11:15:00Z"
        ]
    );
    assert_eq!(flags(&build_of("0.7.1", &[])), bash);
    let cli = flags(&build_of("0.10", &[]));
    assert_eq!(
        cli.labels,
        [
            "org.opencontainers.image.created=2026-01-02T11:15:00Z",
            "org.opencontainers.image.source=https://example.com/a",
            "org.opencontainers.image.revision=abc",
            "quay.expires-after=5d",
            "build-date=2026-01-02T11:15:00Z",
            "architecture=x86_64",
            "vcs-url=https://example.com/a",
            "vcs-ref=abc",
            "vcs-type=git",
            "a=1",
            "b=2"
        ]
    );
    assert_eq!(
        cli.annotations,
        [
            "org.opencontainers.image.created=2026-01-02T11:15:00Z",
            "org.opencontainers.image.source=https://example.com/a",
            "org.opencontainers.image.revision=abc",
            "m=1",
            "n=2",
            "z=1",
            "y=2"
        ]
    );
    let old = flags(&build_of("0.2", &[]));
    assert_eq!(
        old.labels,
        [
            "build-date=2026-01-02T11:15:00",
            "architecture=x86_64",
            "vcs-type=git",
            "vcs-ref=abc",
            "quay.expires-after=5d",
            "a=1",
            "b=2"
        ]
    );
    assert!(old.annotations.is_empty());
}

#[test]
fn what_is_empty_is_left_out_and_created_needs_a_time_before_0_7() {
    let empty = |name| (name, Parameter::Text(String::new()));
    let bare = [
        empty("SOURCE_DATE_EPOCH"),
        empty("SOURCE_URL"),
        empty("IMAGE_EXPIRES_AFTER"),
    ];
    let flags_of = |version| flags(&build_of(version, &bare));
    assert_eq!(
        flags_of("0.6").labels,
        [
            "architecture=x86_64",
            "vcs-type=git",
            "vcs-ref=abc",
            "org.opencontainers.image.revision=abc",
            "build-date=1970-01-01T00:00:00Z",
            "a=1",
            "b=2"
        ]
    );
    assert!(flags_of("0.7")
        .labels
        .contains(&"org.opencontainers.image.created=1970-01-01T00:00:00Z".to_owned()));
    let stamped = build_of(
        "0.6",
        &[
            bare[0].clone(),
            ("BUILD_TIMESTAMP", Parameter::Text("60".into())),
        ],
    );
    assert!(flags(&stamped)
        .annotations
        .contains(&"org.opencontainers.image.created=1970-01-01T00:01:00Z".to_owned()));
    let wrong = build_of(
        "0.9",
        &[("SOURCE_DATE_EPOCH", Parameter::Text("$(date)".into()))],
    );
    assert!(Flags::of(&wrong, "x86_64", &[], None).is_err());
}

#[test]
fn images_of_sboms() {
    for (text, names) in [
        (
            include_str!("../testdata/sbom.spdx.json"),
            vec![
                "quay.io/redhat-user-workloads/rhtap-integration-tenant/konflux-test",
                "quay.io/redhat-user-workloads/rhtap-shared-team-tenant/tssc-test",
            ],
        ),
        (
            include_str!("../testdata/sbom.cdx.json"),
            vec!["quay.io/redhat-user-workloads/rhtap-integration-tenant/konflux-test"],
        ),
    ] {
        let pins = sbom::images(text.as_bytes(), "sbom").unwrap();
        let mut found: Vec<&str> = pins.iter().map(|pin| pin.repository.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, names);
        assert!(pins.iter().all(|pin| pin.tag.is_some()));
    }
    assert!(sbom::images(b"{}", "sbom")
        .unwrap_err()
        .to_string()
        .contains("no SBOM"));
    let contradicting = include_str!("../testdata/sbom.spdx.json").replace(
        "pkg:oci/konflux-test@sha256:3191d33c484a1cfe",
        "pkg:oci/konflux-test@sha256:0000d33c484a1cfe",
    );
    let error = sbom::images(contradicting.as_bytes(), "sbom").unwrap_err();
    assert!(error.to_string().contains("whose purl says"), "{error}");
}
