//! Provenance of a clone that git made, signed here, attached in a registry, and read by cosign.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{json, Value};
use verbatim_testbed::{output, run, tool, Kind, Registry};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let names = ["--author=A <a@example.com>"];
    let mut command = Command::new(tool("git"));
    command
        .current_dir(folder)
        .env("HOME", folder)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(arguments);
    if arguments.first() == Some(&"commit") {
        command.args(names);
    }
    run(&mut command).trim().to_owned()
}

fn verbatim(folder: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_verbatim");
    output(Command::new(program).current_dir(folder).args(arguments))
}

fn done(folder: &Path, arguments: &[&str]) {
    let output = verbatim(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// A clone with a workspace in a folder of it, and beside it the sums of a file.
fn clone(folder: &Path) {
    let workspace = folder.join("clone/app");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("MODULE.bazel"), "module()\n").unwrap();
    std::fs::write(folder.join("clone/.gitignore"), "bazel-*\n").unwrap();
    let clone = folder.join("clone");
    git(&clone, &["init", "--quiet", "--initial-branch=main", "."]);
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "--quiet", "--message=one"]);
    std::fs::write(folder.join("tool"), "program").unwrap();
    done(
        folder,
        &["sums", "create", "--files=tool", "-o", "sums.sha256"],
    );
}

fn state(folder: &Path, more: &[&str]) -> Output {
    let arguments = [
        "attest",
        "provenance",
        "sums.sha256",
        "--source=clone/app",
        "--builder=https://example.com/ci",
        "--target=//:sums",
        "--bazel-version=7.7.1",
        "--output=provenance.json",
    ];
    verbatim(folder, &[&arguments, more].concat())
}

fn refused(folder: &Path, more: &[&str], said: &str) {
    let output = state(folder, more);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(said), "{told}");
    assert!(!folder.join("provenance.json").exists());
}

#[test]
fn a_clone_is_named_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clone(folder);
    let clone = folder.join("clone");
    refused(folder, &[], "has no remote `origin`");
    git(
        &clone,
        &["remote", "add", "origin", "git@example.com:acme/app.git"],
    );
    refused(folder, &[], "with --uri=URL");
    let address = "https://example.com/acme/app.git";
    git(&clone, &["remote", "set-url", "origin", address]);

    std::fs::write(clone.join("added.txt"), "").unwrap();
    refused(folder, &[], "`?? added.txt`");
    std::fs::remove_file(clone.join("added.txt")).unwrap();
    std::fs::write(clone.join("app/MODULE.bazel"), "module(name = \"x\")\n").unwrap();
    refused(folder, &[], "app/MODULE.bazel`");
    git(&clone, &["checkout", "--quiet", "."]);
    // What git was told to pass over is no part of the sources.
    std::fs::write(clone.join("bazel-bin"), "").unwrap();

    let output = state(folder, &[]);
    assert!(output.status.success(), "{output:?}");
    let bytes = std::fs::read(folder.join("provenance.json")).unwrap();
    let statement: Value = serde_json::from_slice(&bytes).unwrap();
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(
        definition["externalParameters"],
        json!({"source": format!("git+{address}"), "directory": "app", "targets": ["//:sums"], "flags": []})
    );
    assert_eq!(
        definition["resolvedDependencies"][0]["digest"],
        json!({
            "gitCommit": git(&clone, &["rev-parse", "HEAD"]),
            "gitTree": git(&clone, &["rev-parse", "HEAD^{tree}"]),
        })
    );
    // A hook or a setting of the clone runs nothing here.
    git(&clone, &["config", "core.fsmonitor", "touch ../ran; false"]);
    assert!(state(folder, &[]).status.success());
    assert!(!folder.join("ran").exists());
    assert_eq!(
        std::fs::read(folder.join("provenance.json")).unwrap(),
        bytes
    );
}

#[test]
fn cosign_verifies_what_is_stated_and_signed_here() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clone(folder);
    let cosign = |arguments: &[&str]| {
        let mut cosign = Command::new(tool("cosign"));
        cosign.current_dir(folder).env("HOME", folder);
        output(cosign.env("COSIGN_PASSWORD", "").args(arguments))
    };
    assert!(cosign(&["generate-key-pair"]).status.success());
    for (slsa, kind) in [("v1", "slsaprovenance1"), ("v0.2", "slsaprovenance")] {
        let slsa = format!("--slsa={slsa}");
        let address = "--uri=https://example.com/acme/app.git";
        assert!(state(folder, &[address, &slsa]).status.success());
        let sign = Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .current_dir(folder)
            .env("COSIGN_PASSWORD", "")
            .args(["attest", "sign", "provenance.json", "--key=cosign.key"])
            .args(["--bundle", "-o", "bundle.json"])
            .status();
        assert!(sign.unwrap().success());
        let verify = |artifact: &str, kind: &str| {
            cosign(&[
                "verify-blob-attestation",
                "--key=cosign.pub",
                "--insecure-ignore-tlog",
                "--bundle=bundle.json",
                "--type",
                kind,
                artifact,
            ])
        };
        let good = verify("tool", kind);
        assert!(good.status.success(), "{good:?}");
        assert!(!verify("sums.sha256", kind).status.success());
        assert!(!verify("tool", "spdx").status.success());
    }
}

/// The whole way of a release: sums, statements, signatures, a registry; then somebody who has only the
/// references, the key and a policy.
#[test]
fn a_release_is_stated_signed_attached_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clone(folder);
    let registry = Registry::start(Kind::Plain);
    let reference = registry.reference("acme/app:v1");
    for architecture in ["amd64", "arm64"] {
        let platform = format!("--platform=linux/{architecture}");
        std::fs::write(folder.join("layer.tar"), [0; 1024]).unwrap();
        done(
            folder,
            &["image", "--layer=layer.tar", &platform, "-o", architecture],
        );
    }
    done(folder, &["index", "amd64", "arm64", "-o", "both"]);
    let image = format!("--image={reference}=both");
    done(folder, &["sums", "create", &image, "-o", "sums.sha256"]);
    done(folder, &["push", &image, "--sums=sums.sha256"]);

    let address = "--uri=https://example.com/acme/app.git";
    let output = state(folder, &[address, "--platform=linux/amd64=amd64.json"]);
    assert!(output.status.success(), "{output:?}");
    run(Command::new(tool("openssl")).current_dir(folder).args([
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        "key",
    ]));
    run(Command::new(tool("openssl"))
        .current_dir(folder)
        .args(["ec", "-in", "key", "-pubout", "-out", "key.pub"]));
    let sums = std::fs::read(folder.join("sums.json")).unwrap();
    let sums: Value = serde_json::from_slice(&sums).unwrap();
    let amd64 = &sums["images"][0]["platforms"][0]["manifest"]["digest"];
    let name = reference.rsplit_once(':').unwrap().0;
    let of_platform = format!("{name}@{}", amd64.as_str().unwrap());
    for (statement, of) in [
        ("provenance.json", &reference),
        ("amd64.json", &of_platform),
    ] {
        done(
            folder,
            &["attest", "sign", statement, "--key=key", "-o", "signed"],
        );
        done(folder, &["attest", "attach", of, "signed"]);
    }
    // Each is about its own digest.
    let wrong = verbatim(folder, &["attest", "attach", &reference, "signed"]);
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");

    let judge = |targets: &str| {
        let policy = format!(
            r#"
schema = "verbatim.policy/1"
[[allow]]
builder = "https://example.com/ci"
keys = ["key.pub"]
build_types = ["https://example.com/rules_verbatim/docs/build-type-bazel@v1"]
sources = ["git+https://example.com/acme/app.git"]
[allow.parameters]
source = "git+https://example.com/acme/app.git"
directory = "app"
targets = {targets}
flags = []
"#
        );
        std::fs::write(folder.join("policy.toml"), policy).unwrap();
        let verify = |image: &str| {
            let arguments = ["attest", "verify", image, "--policy=policy.toml"];
            verbatim(folder, &arguments).status.code()
        };
        let release = ["verify", "sums.sha256", "--attested=policy.toml"];
        let release = verbatim(folder, &release).status.code();
        (verify(&reference), verify(&of_platform), release)
    };
    assert_eq!(judge(r#"["//:sums"]"#), (Some(0), Some(0), Some(0)));
    assert_eq!(judge(r#"["//:other"]"#), (Some(1), Some(1), Some(1)));

    for image in [&reference, &of_platform] {
        run(Command::new(tool("cosign"))
            .current_dir(folder)
            .env("HOME", folder)
            .args([
                "verify-attestation",
                "--key=key.pub",
                "--type=slsaprovenance1",
            ])
            .args([
                "--insecure-ignore-tlog",
                "--allow-http-registry",
                image.as_str(),
            ]));
    }
}

/// Without a Bazel nothing is built; what its sources must be is checked all the same. `.ci/replay` has one.
#[test]
fn the_sources_of_a_statement_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    clone(folder);
    let clone = folder.join("clone");
    let lock = "{\"lockFileVersion\":13}\n";
    std::fs::write(clone.join("app/MODULE.bazel.lock"), lock).unwrap();
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "--quiet", "--message=two"]);
    let commit = git(&clone, &["rev-parse", "HEAD"]);
    let address = "--uri=https://example.com/acme/app.git";
    let locked = "--lock=clone/app/MODULE.bazel.lock";
    let rebuild = |file: &str, more: &[&str]| {
        let arguments = [
            "rebuild",
            file,
            "--source=clone",
            "--bazel=./absent",
            "--format=json",
        ];
        let output = verbatim(folder, &[&arguments, more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        let report = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        (output.status.code(), report, said)
    };
    for slsa in ["--slsa=v1", "--slsa=v0.2"] {
        assert!(state(folder, &[address, locked, slsa]).status.success());
        let (code, report, said) = rebuild("provenance.json", &[]);
        assert_eq!(
            (code, &report["verdict"]),
            (Some(3), &json!("incomplete")),
            "{said}"
        );
        assert!(said.contains("--bazel ./absent: "), "{said}");
        let sha256 = verbatim_digest::Digest::of(lock.as_bytes());
        assert_eq!(
            report["materials"],
            json!([
                {"uri": "git+https://example.com/acme/app.git", "digest": format!("sha1:{commit}"), "checked": true},
                {"uri": "MODULE.bazel.lock", "digest": sha256, "checked": true},
            ])
        );
        assert_eq!(report["missing"], json!(["bazel", "resolvedDependencies"]));
    }
    let fetched = rebuild("provenance.json", &["--fetch-only=materials"]);
    assert_eq!(fetched.0, Some(3), "Bazel is not among them: {}", fetched.2);
    assert!(folder.join("materials/source/app/MODULE.bazel").exists());

    // What is not about the image, and what contradicts the commit.
    std::fs::write(folder.join("layer.tar"), [0; 1024]).unwrap();
    done(
        folder,
        &[
            "image",
            "--layer=layer.tar",
            "--platform=linux/amd64",
            "-o",
            "image",
        ],
    );
    assert!(state(folder, &[address, locked]).status.success());
    let (code, report, _) = rebuild("provenance.json", &["--against=image"]);
    assert_eq!((code, &report["verdict"]), (Some(1), &json!("different")));
    let statement = std::fs::read_to_string(folder.join("provenance.json")).unwrap();
    let tree = git(&clone, &["rev-parse", "HEAD^{tree}"]);
    let digest = verbatim_digest::Digest::of(lock.as_bytes()).hex();
    for (from, to, code, said) in [
        (tree.as_str(), commit.as_str(), 2, "has the tree"),
        (&commit, &tree, 3, "has no commit"),
        (&digest, &"0a".repeat(32), 1, "that of the attestation is"),
        ("\"app\"", "\"lib\"", 2, "is no folder of the sources"),
        ("\"app\"", "\"..\"", 2, "no folder of the checkout"),
        ("\"//:sums\"", "\"--run_under=x\"", 2, "no full label"),
    ] {
        assert!(statement.contains(from), "{from}");
        let changed = statement.replace(from, to);
        std::fs::write(folder.join("changed.json"), changed).unwrap();
        let (is, report, told) = rebuild("changed.json", &[]);
        let reasons = report["reasons"].to_string();
        assert_eq!(is, Some(code), "{from}: {told}{reasons}");
        assert!(
            told.contains(said) || reasons.contains(said),
            "{from}: {told}{reasons}"
        );
    }
}
