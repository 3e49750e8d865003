//! `verbatim packages`, as scripts see it: what is written, what is printed, and the exit codes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};

fn program() -> PathBuf {
    std::fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.current_dir(folder).arg("packages").args(arguments);
    command.output().unwrap()
}

/// Its standard output, where the exit code is that one; else what it said.
fn told(output: Output, code: i32) -> String {
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    match code {
        0 => String::from_utf8(output.stdout).unwrap(),
        _ => error,
    }
}

/// A tar archive of one file.
fn tar(path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    for (at, text) in [
        (100, "0000644"),
        (108, "0000000"),
        (116, "0000000"),
        (136, "00000000000"),
    ] {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut out = header.to_vec();
    out.extend(content);
    out.resize(out.len().next_multiple_of(512) + 1024, 0);
    out
}

/// Put a package of this version into a flat repository that has nothing but its index.
fn publish(folder: &Path, version: &str) {
    let control = format!(
        "Package: hello\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: hello\n"
    );
    let mut deb = b"!<arch>\n".to_vec();
    for (name, content) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", tar("./control", control.as_bytes())),
        ("data.tar", tar("./usr/bin/hello", b"#!/bin/sh\n")),
    ] {
        writeln!(
            deb,
            "{name:16}{:<12}{:<6}{:<6}{:<8}{:<10}`",
            0,
            0,
            0,
            100644,
            content.len()
        )
        .unwrap();
        deb.extend(content);
    }
    let digest: String = Sha256::digest(&deb)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let index = format!(
        "{control}Filename: ./hello.deb\nSize: {}\nSHA256: {digest}\n",
        deb.len()
    );
    std::fs::create_dir_all(folder.join("repo")).unwrap();
    std::fs::write(folder.join("repo/hello.deb"), deb).unwrap();
    std::fs::write(folder.join("repo/Packages"), index).unwrap();
}

const MANIFEST: &str = "format = \"deb\"\narchitectures = [\"amd64\"]\npackages = [\"hello\"]\n\
    [[source]]\nname = \"flat\"\nurl = \"repo\"\nsuite = \"./\"\nunsigned = true\n";

#[test]
fn lock_install_vendor_compare() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    publish(at, "1.0");
    std::fs::write(at.join("image.toml"), MANIFEST).unwrap();
    let out = told(run(at, &["lock", "image.toml", "-o", "old.json"]), 0);
    assert_eq!(out, "+ hello all 1.0\nold.json: 1 package for amd64, new\n");
    let lock: serde_json::Value =
        serde_json::from_slice(&std::fs::read(at.join("old.json")).unwrap()).unwrap();
    assert_eq!(lock["schema"], "verbatim.packages/1");
    assert_eq!(lock["packages"][0]["path"], "hello.deb");

    told(
        run(
            at,
            &[
                "install",
                "old.json",
                "-o",
                "a.tar.gz",
                "--metadata",
                "a.json",
                "--threads",
                "1",
            ],
        ),
        0,
    );
    told(run(at, &["vendor", "old.json", "-o", "kept"]), 0);
    std::fs::rename(at.join("repo"), at.join("gone")).unwrap();
    let error = told(run(at, &["install", "old.json", "-o", "b.tar.gz"]), 3);
    assert!(error.contains("the package hello"), "{error}");
    let arguments = [
        "install",
        "old.json",
        "-o",
        "b.tar.gz",
        "--source",
        "flat=kept",
    ];
    told(run(at, &arguments), 0);
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    assert!(read("a.tar.gz") == read("b.tar.gz"));

    publish(at, "1.1");
    std::fs::copy(at.join("old.json"), at.join("new.json")).unwrap();
    let out = told(run(at, &["lock", "image.toml", "-o", "new.json"]), 0);
    assert_eq!(
        out,
        "~ hello all 1.0 -> 1.1\nnew.json: 1 package for amd64, 1 change\n"
    );
    let differ = run(at, &["compare", "old.json", "new.json", "--format", "json"]);
    assert_eq!(differ.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&differ.stdout).unwrap();
    assert_eq!(report["changes"][0]["new"], "1.1");
    told(run(at, &["compare", "new.json", "new.json"]), 0);

    // What was locked is not there any more, but something else under its name.
    let error = told(run(at, &["install", "old.json", "-o", "c.tar.gz"]), 1);
    assert!(error.contains("hello 1.0"), "{error}");
    assert!(!at.join("c.tar.gz").exists());
}

#[test]
fn what_is_wrong_with_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    publish(at, "1.0");
    let lock = |manifest: String| {
        std::fs::write(at.join("image.toml"), manifest).unwrap();
        run(at, &["lock", "image.toml", "-o", "lock.json"])
    };
    for (from, to, code, words) in [
        (
            "\"hello\"",
            "\"hello (>> 1.0)\"",
            2,
            "but there is hello 1.0",
        ),
        (
            "\"hello\"",
            "\"absent\"",
            2,
            "no source has a package `absent`",
        ),
        ("unsigned", "unsinged", 2, "unknown field `unsinged`"),
        (
            "unsigned = true",
            "keys = [\"absent.asc\"]",
            2,
            "absent.asc",
        ),
        ("\"repo\"", "\"absent\"", 3, "there is no folder"),
        ("\"repo\"", "\"http://127.0.0.1:1/\"", 3, "127.0.0.1:1"),
    ] {
        let error = told(lock(MANIFEST.replace(from, to)), code);
        assert!(error.contains(words), "{words}: {error}");
        assert!(!at.join("lock.json").exists());
    }
}

/// What the rules rest on: a lock that is still empty is made from `bazel run`, and packages that a
/// build fetched are found by their digests.
#[test]
fn in_a_build() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    publish(&at.join("images"), "1.0");
    std::fs::write(at.join("images/image.toml"), MANIFEST).unwrap();
    std::fs::write(at.join("images/image.lock.json"), "").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let lock = |workspace: Option<&Path>, manifest: &str| {
        let mut command = Command::new(program());
        command.current_dir(elsewhere.path());
        command.args(["packages", "lock", "--workspace", manifest]);
        command.arg("--output=images/image.lock.json");
        match workspace {
            Some(path) => command.env("BUILD_WORKSPACE_DIRECTORY", path),
            None => command.env_remove("BUILD_WORKSPACE_DIRECTORY"),
        };
        command.output().unwrap()
    };
    let error = told(lock(None, "images/image.toml"), 2);
    assert!(error.contains("bazel run"), "{error}");
    told(lock(Some(at), "../images/image.toml"), 2);
    told(lock(Some(at), "images/image.toml"), 0);

    let install = |out: &str| {
        let arguments = ["install", "images/image.lock.json", "--cache=cache", "-o"];
        run(at, &[&arguments[..], &[out]].concat())
    };
    told(install("one.tar"), 0);
    let package = at.join("images/repo/hello.deb");
    let content = std::fs::read(&package).unwrap();
    let digest: String = Sha256::digest(&content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::fs::create_dir_all(at.join("cache")).unwrap();
    std::fs::rename(&package, at.join("cache").join(&digest)).unwrap();
    told(install("two.tar"), 0);
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    assert_eq!(read("one.tar"), read("two.tar"));
    // It is the digest that counts, wherever a package lies.
    let mut changed = content;
    changed[100] ^= 1;
    std::fs::write(at.join("cache").join(&digest), changed).unwrap();
    told(install("three.tar"), 1);
    assert!(!at.join("three.tar").exists());
}

/// A lock file of another program becomes one of ours, and both name the same packages. What has no
/// sha256 is refused with the fix.
#[test]
fn from_the_lock_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let theirs = format!(
        "---\nlockfileVersion: 1\nlockfileVendor: redhat\narches:\n- arch: x86_64\n  packages:\n  - url: file://{}/a-1-1.x86_64.rpm\n    repoid: base\n    size: 3\n    checksum: sha256:{hex}\n    name: a\n    evr: 1-1\n",
        at.display()
    );
    std::fs::write(at.join("rpms.lock.yaml"), &theirs).unwrap();
    std::fs::write(at.join("a-1-1.x86_64.rpm"), "abc").unwrap();
    let out = told(run(at, &["lock", "rpms.lock.yaml"]), 0);
    assert_eq!(
        out,
        "+ a x86_64 1-1\nrpms.lock.json: 1 package for x86_64, new\n"
    );
    let same = told(run(at, &["compare", "rpms.lock.yaml", "rpms.lock.json"]), 0);
    assert_eq!(same, "the same 1 package\n");
    told(run(at, &["vendor", "rpms.lock.yaml", "-o", "kept"]), 0);
    assert!(at.join("kept/base/a-1-1.x86_64.rpm").is_file());
    let weak = theirs.replace("sha256:", "sha1:");
    std::fs::write(at.join("weak.yaml"), weak).unwrap();
    let error = told(run(at, &["lock", "weak.yaml", "-o", "weak.json"]), 2);
    assert!(error.contains("--checksum=sha256"), "{error}");
    assert!(!at.join("weak.json").exists());
}

/// Scripts are run apart from the machine or not at all.
#[test]
fn scripts_only_in_a_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    publish(at, "1.0");
    std::fs::write(at.join("image.toml"), MANIFEST).unwrap();
    told(run(at, &["lock", "image.toml", "-o", "l.json"]), 0);
    let install = ["install", "l.json", "-o", "o.tar", "--run-scripts"];
    let mut command = Command::new(program());
    command.current_dir(at).arg("packages").args(install);
    let error = told(command.env("PATH", "/nonexistent").output().unwrap(), 3);
    assert!(error.contains("bubblewrap"), "{error}");
    let error = told(
        run(at, &["install", "l.json", "-o", "o.tar", "--tools", "/"]),
        2,
    );
    assert!(error.contains("--run-scripts"), "{error}");
    assert!(!at.join("o.tar").exists());
}
