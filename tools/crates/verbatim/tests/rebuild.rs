//! `verbatim rebuild` of attestations by people who mean harm: each is refused with its reason, and no program is started.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use serde_json::{json, Value};
use verbatim_digest::Digest;

const COMMIT: &str = "a85e5c99b80a6036084608313547138cb490083a";
const DIGEST: &str = "185588d37c551b9310babac316368992e6ad2e4599735d6c34a668b8a0f13442";

/// A statement about a build, for changes.
fn statement() -> Value {
    let bundle = |name: &str| {
        let bundle = format!("quay.io/konflux-ci/tekton-catalog/task-{name}@sha256:{DIGEST}");
        json!({"resolver": "bundles", "params": [{"name": "bundle", "value": bundle}]})
    };
    json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{"name": "registry.example.com/app", "digest": {"sha256": DIGEST}}],
        "predicate": {
            "buildType": "tekton.dev/v1beta1/PipelineRun",
            "buildConfig": {"tasks": [
                {"name": "clone-repository", "ref": bundle("git-clone:0.1"), "invocation": {"parameters": {}}, "results": [
                    {"name": "url", "value": "https://example.invalid/a/b"},
                    {"name": "commit", "value": COMMIT},
                ]},
                {"name": "build-container", "ref": bundle("buildah:0.9"), "invocation": {"parameters": {
                    "SOURCE_DATE_EPOCH": "1", "REWRITE_TIMESTAMP": "true", "SKIP_INJECTIONS": "true",
                    "DOCKERFILE": "Containerfile", "CONTEXT": ".",
                }}, "results": [{"name": "IMAGE_DIGEST", "value": format!("sha256:{DIGEST}")}]},
            ]},
            "materials": [{"uri": "oci://registry.example.com/tool", "digest": {"sha256": DIGEST}}],
        },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut changed = statement();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = changed.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(items) => items[key.parse::<usize>().unwrap()] = value,
        None => parent[key] = value,
    }
    changed
}

fn url(url: &str) -> Value {
    with("/predicate/buildConfig/tasks/0/results/0/value", json!(url))
}

fn parameter(name: &str, value: &str) -> Value {
    with(
        &format!("/predicate/buildConfig/tasks/1/invocation/parameters/{name}"),
        json!(value),
    )
}

/// A folder for programs that leave a trace if somebody starts them.
struct Trap(tempfile::TempDir);

impl Trap {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "git", "buildah", "sh", "ssh", "cp", "unshare", "touch", "curl",
        ] {
            let program = folder.path().join(name);
            let trace = folder.path().join("trace");
            fs::write(
                &program,
                format!(
                    "#!/bin/sh\necho {name} \"$@\" >> {}\nexit 1\n",
                    trace.display()
                ),
            )
            .unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(folder)
    }

    /// Exit code, report or nothing, and words.
    fn run(&self, attestation: &Path, more: &[&str]) -> (i32, Value, String) {
        let program = fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap();
        let output = Command::new(program)
            .env("PATH", self.0.path())
            .current_dir(self.0.path())
            .args(["rebuild", "--format=json"])
            .arg(attestation)
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), report, words)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn is_untouched(&self) -> bool {
        !self.0.path().join("trace").exists()
    }
}

#[test]
fn sources_that_are_none_start_nothing() {
    let trap = Trap::set();
    let branch = with(
        "/predicate/buildConfig/tasks/0/results/1/value",
        json!("main"),
    );
    let option = with(
        "/predicate/buildConfig/tasks/0/results/1/value",
        json!("--upload-pack=touch x"),
    );
    let contradiction = with(
        "/predicate/buildConfig/tasks/1/invocation/parameters/COMMIT_SHA",
        json!("b".repeat(40)),
    );
    for (name, attestation, reason) in [
        (
            "shell",
            url("https://example.invalid/a;touch${IFS}x"),
            "the character",
        ),
        (
            "substitution",
            url("https://example.invalid/$(touch x)"),
            "the character",
        ),
        ("ext", url("ext::sh -c touch% x"), "no address"),
        ("option", url("--upload-pack=touch x"), "no address"),
        ("file", url("file:///etc"), "only http, https and ssh"),
        ("relative", url("../x"), "no address"),
        (
            "host",
            url("ssh://-oProxyCommand=touch%20x/y"),
            "is refused",
        ),
        ("branch", branch, "not the whole hash"),
        ("hash", option, "not the whole hash"),
        ("contradiction", contradiction, "contradictory commits"),
    ] {
        let file = trap.file(name, &attestation.to_string());
        let (code, report, words) = trap.run(&file, &[]);
        assert_eq!((code, report), (2, Value::Null), "{name}: {words}");
        assert!(words.contains(reason), "{name}: {words}");
    }
    assert!(trap.is_untouched());
}

#[test]
fn paths_out_of_the_sources_start_nothing() {
    let trap = Trap::set();
    let sources = trap.0.path().join("sources");
    fs::create_dir_all(sources.join("sub")).unwrap();
    fs::write(sources.join("Containerfile"), "FROM scratch\n").unwrap();
    trap.file("outside", "FROM scratch\n");
    for (name, attestation) in [
        ("up", parameter("DOCKERFILE", "../outside")),
        ("whole", parameter("DOCKERFILE", "/etc/passwd")),
        (
            "address",
            parameter("DOCKERFILE", "https://example.invalid/Containerfile"),
        ),
        ("context", parameter("CONTEXT", "sub/../..")),
        ("arguments", parameter("BUILD_ARGS_FILE", "../outside")),
        (
            "annotations",
            parameter("BUILD_ARGS_FILE", "sub/../../outside"),
        ),
    ] {
        let file = trap.file(name, &attestation.to_string());
        let (code, report, words) = trap.run(&file, &["--source", "sources"]);
        assert_eq!((code, report), (2, Value::Null), "{name}: {words}");
        assert!(words.contains("is refused"), "{name}: {words}");
    }
    for target in ["../../outside", "/etc/passwd"] {
        symlink(target, sources.join("sub/link")).unwrap();
        let file = trap.file("link", &parameter("DOCKERFILE", "sub/link").to_string());
        let (code, _, words) = trap.run(&file, &["--source", "sources"]);
        assert_eq!(code, 2, "{words}");
        assert!(words.contains("leads out of them"), "{words}");
        fs::remove_file(sources.join("sub/link")).unwrap();
    }
    assert!(trap.is_untouched());
}

/// A layout of a manifest that nobody attested.
fn write_layout(folder: &Path) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": format!("sha256:{DIGEST}"), "size": 2});
    let manifest =
        json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}).to_string();
    let digest = Digest::of(manifest.as_bytes());
    fs::write(blobs.join(digest.hex()), &manifest).unwrap();
    let listed = json!({"mediaType": kind, "digest": digest.to_string(), "size": manifest.len()});
    let index = json!({"schemaVersion": 2, "manifests": [listed]});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
}

#[test]
fn another_image_or_platform_is_said_before_anything_is_begun() {
    let trap = Trap::set();
    let image = trap.0.path().join("image");
    write_layout(&image);
    let file = trap.file("statement", &statement().to_string());
    let (code, report, words) = trap.run(&file, &["--against", "image"]);
    assert_eq!(
        (code, &report["verdict"]),
        (1, &json!("different")),
        "{words}"
    );
    assert!(
        report["reasons"]
            .to_string()
            .contains("no subject of the attestation"),
        "{report}"
    );

    let file = trap.file(
        "platform",
        &parameter("PLATFORM", "linux/s390x").to_string(),
    );
    let (code, report, words) = trap.run(&file, &[]);
    assert_eq!(
        (code, &report["verdict"]),
        (3, &json!("incomplete")),
        "{words}"
    );
    assert!(
        report["reasons"].to_string().contains("linux/s390x"),
        "{report}"
    );
    assert_eq!(
        report["materials"][0]["uri"],
        "oci://registry.example.com/tool"
    );

    let file = trap.file(
        "type",
        &with("/predicate/buildType", json!("https://example.com/own")).to_string(),
    );
    let (code, report, words) = trap.run(&file, &[]);
    assert_eq!(
        (code, &report["verdict"]),
        (3, &json!("incomplete")),
        "{words}"
    );
    assert!(
        report["reasons"].to_string().contains("unknown build type"),
        "{report}"
    );
    assert_eq!(report["materials"][0]["digest"], format!("sha256:{DIGEST}"));
    assert!(trap.is_untouched());
}

/// List a statement, which nobody signed rightly, as attached to the image of a layout.
fn attach(image: &Path, statement: &Value) {
    let blob = |media_type: &str, text: &str| {
        let digest = Digest::of(text.as_bytes());
        fs::write(image.join("blobs/sha256").join(digest.hex()), text).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": text.len()})
    };
    let payload = STANDARD.encode(statement.to_string());
    let envelope = json!({"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": "AAAA"}]});
    let layer = blob(
        "application/vnd.dsse.envelope.v1+json",
        &envelope.to_string(),
    );
    let config = blob("application/vnd.oci.empty.v1+json", "{}");
    let mut index = listed(image);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let subject = &index["manifests"][0];
    let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer], "subject": subject});
    let manifest = blob(kind, &manifest.to_string());
    index["manifests"].as_array_mut().unwrap().push(manifest);
    fs::write(image.join("index.json"), index.to_string()).unwrap();
}

fn listed(image: &Path) -> Value {
    serde_json::from_slice(&fs::read(image.join("index.json")).unwrap()).unwrap()
}

#[test]
fn of_several_builds_the_one_of_the_image_is_meant() {
    let trap = Trap::set();
    let image = trap.0.path().join("image");
    write_layout(&image);
    let digest = listed(&image)["manifests"][0]["digest"].clone();
    let mut matrix = statement();
    let hex = digest.as_str().unwrap().trim_start_matches("sha256:");
    matrix["subject"][0]["digest"]["sha256"] = json!(hex);
    let tasks = matrix["predicate"]["buildConfig"]["tasks"]
        .as_array_mut()
        .unwrap();
    let mut elsewhere = tasks[1].clone();
    elsewhere["invocation"]["parameters"]["PLATFORM"] = json!("linux/s390x");
    elsewhere["results"][0]["value"] = digest;
    tasks.push(elsewhere);
    attach(&image, &matrix);
    let (code, report, words) = trap.run(Path::new("--image=image"), &[]);
    assert_eq!(
        (code, &report["verdict"]),
        (3, &json!("incomplete")),
        "{words}"
    );
    assert!(
        report["reasons"].to_string().contains("linux/s390x"),
        "{report}"
    );
    assert!(trap.is_untouched());
}

#[test]
fn what_is_attached_to_an_image_must_be_about_it() {
    let trap = Trap::set();
    let image = trap.0.path().join("image");
    write_layout(&image);
    let own = Path::new("--image=image");
    let (code, report, words) = trap.run(own, &[]);
    assert_eq!((code, report), (1, Value::Null), "{words}");
    assert!(
        words.contains("no provenance that holds is attached"),
        "{words}"
    );

    // A layout may claim that anything is attached to its image.
    attach(&image, &statement());
    let (code, report, words) = trap.run(own, &[]);
    assert_eq!((code, report), (1, Value::Null), "{words}");
    assert!(
        words.contains("it is about `registry.example.com/app`"),
        "{words}"
    );

    let file = trap.file("statement", &statement().to_string());
    for (first, more, expected) in [
        (Path::new("--image=./absent"), &[][..], 3),
        (own, &[file.to_str().unwrap()], 2),
        (
            &file,
            &[
                "--summary=s",
                "--rebuilder=https://example.com/us",
                "--against=image",
            ],
            2,
        ),
        (&file, &["--result=s", "--against=image"], 2),
        (
            &file,
            &[
                "--result=s",
                "--rebuilder=https://example.com/us",
                "--against=image",
            ],
            2,
        ),
        // What is written about is never an image that nothing was held against.
        (
            &file,
            &[
                "--result=s",
                "--rebuilder=https://example.com/us",
                "--resource=oci://a.example.com/a",
                "--against=image",
            ],
            1,
        ),
    ] {
        let (code, _, words) = trap.run(first, more);
        assert_eq!(code, expected, "{first:?} {more:?}: {words}");
        assert!(!trap.0.path().join("s").exists(), "{first:?} {more:?}");
    }
    assert!(trap.is_untouched());
}

#[test]
fn documents_that_are_none() {
    let trap = Trap::set();
    let text = statement().to_string();
    let twice = text.replacen(
        "\"predicateType\"",
        "\"predicateType\":\"x\",\"predicateType\"",
        1,
    );
    for (name, content) in [
        ("empty", String::new()),
        ("twice", twice),
        ("cut", text[..text.len() / 2].to_owned()),
        ("deep", "[".repeat(100_000)),
        (
            "digest",
            text.replace(&format!("sha256:{DIGEST}\""), "sha256:x\""),
        ),
    ] {
        let file = trap.file(name, &content);
        let (code, report, words) = trap.run(&file, &[]);
        assert_eq!((code, report), (2, Value::Null), "{name}: {words}");
    }
    // A gigabyte: refused when a small part of it was read.
    let file = fs::File::create(trap.0.path().join("large")).unwrap();
    file.set_len(1 << 30).unwrap();
    let (code, _, words) = trap.run(&trap.0.path().join("large"), &[]);
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("limit"), "{words}");
    assert!(trap.is_untouched());
}

/// A statement about a build by Bazel, with one option.
fn of_bazel(flag: &str) -> Value {
    let source = "git+https://example.com/acme/app.git";
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": DIGEST}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://example.com/rules_verbatim/docs/build-type-bazel@v1",
                "externalParameters": {"source": source, "targets": ["//:sums"], "flags": [flag]},
                "internalParameters": {"bazel": {"version": "7.7.1"}, "encoders": [], "resolvedDependenciesComplete": false},
                "resolvedDependencies": [
                    {"name": "source", "uri": source, "digest": {"gitCommit": COMMIT, "gitTree": COMMIT}},
                    {"name": "bazel", "uri": "pkg:generic/bazel@7.7.1"},
                ],
            },
            "runDetails": {"builder": {"id": "https://example.com/ci"}},
        },
    })
}

#[test]
fn options_of_bazel_that_could_leave_its_sandbox_start_nothing() {
    let trap = Trap::set();
    for (flag, name) in [
        (
            "--workspace_status_command=/bin/x",
            "workspace_status_command",
        ),
        ("--run_under=/bin/x", "run_under"),
        ("--spawn_strategy=local", "spawn_strategy"),
        ("--override_repository=a=/etc", "override_repository"),
        ("--registry=https://example.com", "registry"),
        ("--disk_cache=/tmp", "disk_cache"),
        ("--remote_cache=https://example.com", "remote_cache"),
        ("--action_env=LD_PRELOAD=/tmp/x", "action_env"),
        ("--host_jvm_args=-agentpath:/tmp/x", "host_jvm_args"),
        ("--build_event_json_file=/tmp/x", "build_event_json_file"),
    ] {
        let file = trap.file("flag", &of_bazel(flag).to_string());
        let (code, report, words) = trap.run(&file, &[]);
        assert_eq!((code, report), (2, Value::Null), "{flag}: {words}");
        assert!(
            words.contains(&format!("--allow={name}")),
            "{flag}: {words}"
        );
    }
    assert!(trap.is_untouched());
    // Allowed, the way goes on: to git.
    let file = trap.file("flag", &of_bazel("--run_under=/bin/x").to_string());
    let (code, _, words) = trap.run(&file, &["--allow=--run_under"]);
    assert_eq!(code, 3, "{words}");
    assert!(!trap.is_untouched());
}
