//! `verbatim normalize --scrub` on a root file system as an installer leaves it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const VERBATIM: &str = env!("CARGO_BIN_EXE_verbatim");

/// A small root file system, written as GNU tar does.
fn root(dir: &Path, day: u32, machine: &str, key: bool) {
    let root = dir.join("root");
    let _ = fs::remove_dir_all(&root);
    let write = |path: &str, content: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("etc/machine-id", machine);
    write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    write("etc/passwd-", &format!("root:x:{day}\n"));
    write(
        "etc/shadow",
        &format!("root:*:{day}:0:99999:7:::\ndaemon:!:0:0:99999:7:::\n"),
    );
    write("var/log/dpkg.log", machine);
    write("var/log/wtmp", machine);
    write("var/cache/ldconfig/aux-cache", machine);
    write("var/lib/dpkg/status", "Package: a\n");
    write("var/lib/dpkg/status-old", machine);
    write("usr/share/doc/a/copyright", "free\n");
    // The other name of a log that goes: its content stays under this one.
    fs::create_dir_all(root.join("usr/share/a")).unwrap();
    fs::hard_link(
        root.join("var/log/dpkg.log"),
        root.join("usr/share/a/history"),
    )
    .unwrap();
    if key {
        write(
            "srv/app/tls.txt",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n",
        );
    }
    // In an order in which the hard link comes after its file.
    let status = Command::new("tar")
        .args(["-C", "root", "-cf", "root.tar", "var", "etc", "usr"])
        .args(key.then_some("srv"))
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success());
}

fn normalize(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(fs::canonicalize(VERBATIM).unwrap())
        .args([
            "normalize",
            "--owner=0:0",
            "--file-mode=0644",
            "--dir-mode=0755",
        ])
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn content(dir: &Path, archive: &str, path: &str) -> Option<String> {
    let output = Command::new("tar")
        .args(["-xOf", archive, path])
        .current_dir(dir)
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn two_machines_give_one_root_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut blobs = Vec::new();
    for (day, machine) in [(19_000, "a\n"), (20_001, "b\n")] {
        root(dir, day, machine, false);
        // The hard link shows the log, which is a difference of content and none of the machine.
        let output = normalize(
            dir,
            &[
                "--scrub",
                "--exclude=usr/share/a",
                "-o",
                "out.tar",
                "root.tar",
            ],
        );
        assert!(output.status.success(), "{}", stderr(&output));
        blobs.push(fs::read(dir.join("out.tar")).unwrap());
    }
    assert!(blobs[0] == blobs[1]);
    assert_eq!(content(dir, "out.tar", "etc/machine-id").unwrap(), "");
    assert_eq!(content(dir, "out.tar", "var/log/wtmp").unwrap(), "");
    assert_eq!(
        content(dir, "out.tar", "etc/shadow").unwrap(),
        "root:*::0:99999:7:::\ndaemon:!:0:0:99999:7:::\n"
    );
    for gone in [
        "etc/passwd-",
        "var/log/dpkg.log",
        "var/cache/ldconfig/aux-cache",
        "var/lib/dpkg/status-old",
    ] {
        assert_eq!(content(dir, "out.tar", gone), None, "{gone}");
    }
    for kept in [
        "etc/passwd",
        "var/lib/dpkg/status",
        "usr/share/doc/a/copyright",
    ] {
        assert!(content(dir, "out.tar", kept).is_some(), "{kept}");
    }
    // Scrubbing twice is scrubbing once.
    let again = normalize(dir, &["--scrub", "-o", "again.tar", "out.tar"]);
    assert!(again.status.success(), "{}", stderr(&again));
    assert_eq!(stderr(&again), "");
    assert!(fs::read(dir.join("again.tar")).unwrap() == blobs[1]);
}

#[test]
fn what_was_done_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    root(dir, 19_000, "a\n", false);
    let output = normalize(
        dir,
        &[
            "--scrub",
            "--mtime=1700000000",
            "--scrub-report=done.json",
            "-o",
            "out.tar",
            "root.tar",
        ],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let lines = stderr(&output);
    for line in [
        "emptied   etc/machine-id (machine-id)",
        "rewritten etc/shadow (password-age)",
        "dropped   var/log/dpkg.log (logs)",
    ] {
        assert!(lines.contains(line), "{lines}");
    }
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("done.json")).unwrap()).unwrap();
    assert_eq!(report["schema"], "verbatim.scrub/1");
    assert_eq!(
        report["done"].as_array().unwrap().len(),
        lines.lines().count()
    );
    // The day of the entries' time.
    assert!(content(dir, "out.tar", "etc/shadow")
        .unwrap()
        .starts_with("root:*:19675:"));
    // Another name of what was dropped has its content.
    assert_eq!(
        content(dir, "out.tar", "usr/share/a/history").unwrap(),
        "a\n"
    );
}

#[test]
fn the_same_from_a_compressed_archive() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    root(dir, 19_000, "a\n", false);
    let plain = normalize(dir, &["--scrub", "-o", "plain.tar", "root.tar"]);
    assert!(plain.status.success(), "{}", stderr(&plain));
    assert!(Command::new("gzip")
        .arg("root.tar")
        .current_dir(dir)
        .status()
        .unwrap()
        .success());
    let gzip = normalize(dir, &["--scrub", "-o", "gzip.tar", "root.tar.gz"]);
    assert!(gzip.status.success(), "{}", stderr(&gzip));
    assert!(fs::read(dir.join("plain.tar")).unwrap() == fs::read(dir.join("gzip.tar")).unwrap());
    assert_eq!(stderr(&plain), stderr(&gzip));
}

#[test]
fn a_private_key_is_an_error_unless_it_belongs_there() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    root(dir, 19_000, "a\n", true);
    let output = normalize(dir, &["--scrub", "-o", "out.tar", "root.tar"]);
    assert_eq!(output.status.code(), Some(2));
    let sentence = stderr(&output);
    assert!(
        sentence.contains("srv/app/tls.txt") && sentence.contains("private-key"),
        "{sentence}"
    );
    assert!(!dir.join("out.tar").exists());
    for fix in [
        &["--scrub=-private-key"][..],
        &["--scrub", "--scrub-keep=srv/app"],
    ] {
        let output = normalize(dir, &[fix, &["-o", "out.tar", "root.tar"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(content(dir, "out.tar", "srv/app/tls.txt").is_some());
    }
}

#[test]
fn rules_are_listed_and_unknown_ones_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    root(dir, 19_000, "a\n", false);
    let output = Command::new(fs::canonicalize(VERBATIM).unwrap())
        .args(["normalize", "--scrub-rules"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.lines()
            .any(|line| line.starts_with("password-age         on ")),
        "{text}"
    );
    let output = normalize(dir, &["--scrub=no-such-rule", "-o", "out.tar", "root.tar"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("no-such-rule"),
        "{}",
        stderr(&output)
    );
    // One rule alone.
    let output = normalize(dir, &["--scrub=machine-id", "-o", "out.tar", "root.tar"]);
    assert_eq!(stderr(&output), "emptied   etc/machine-id (machine-id)\n");
}
