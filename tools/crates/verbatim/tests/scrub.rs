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
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKp1hV3mkzGrSk2bw0sVZz5sXqj2Zl9mQx0nJrYt8u4P\n-----END PRIVATE KEY-----\n",
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

const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIKp1hV3mkzGrSk2bw0sVZz5sXqj2Zl9mQx0nJrYt8u4P\n\
    -----END PRIVATE KEY-----\n";

/// An archive of these paths, in this order.
fn archive(dir: &Path, name: &str, paths: &[&str]) {
    let status = Command::new("tar")
        .args(["-C", "root", "-cf", name])
        .args(paths)
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn the_order_of_hard_links_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let root = dir.join("root");
    for folder in ["etc", "usr/share", "root", "var/lib/dbus", "var/log"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let twice = |first: &str, second: &str, content: &str| {
        fs::write(root.join(first), content).unwrap();
        fs::hard_link(root.join(first), root.join(second)).unwrap();
    };
    twice("usr/share/blob", "root/notes", KEY);
    twice("etc/machine-id", "var/lib/dbus/machine-id", "0123\n");
    twice("etc/shadow", "usr/share/shadow", "root:*:19000:0:::::\n");
    twice("var/log/a.log", "var/log/b.log", "x\n");
    fs::hard_link(root.join("var/log/a.log"), root.join("usr/share/z")).unwrap();
    fs::hard_link(root.join("var/log/a.log"), root.join("usr/share/y")).unwrap();
    let both = |paths: &[&str]| {
        let mut results = Vec::new();
        let mut backwards = paths.to_vec();
        backwards.reverse();
        for paths in [paths, &backwards] {
            archive(dir, "in.tar", paths);
            let output = normalize(dir, &["--scrub", "-o", "out.tar", "in.tar"]);
            results.push((
                output.status.code(),
                stderr(&output),
                fs::read(dir.join("out.tar")).ok(),
            ));
            let _ = fs::remove_file(dir.join("out.tar"));
        }
        assert!(results[0] == results[1], "{paths:?}: {results:?}");
        results.remove(0)
    };
    // The key is one under either name, and the place where it must not be is named.
    let (code, sentence, out) = both(&["usr/share/blob", "root/notes"]);
    assert_eq!((code, out), (Some(2), None));
    assert!(
        sentence.contains("root/notes holds a private key"),
        "{sentence}"
    );
    assert!(sentence.contains("--scrub-keep=root/notes"), "{sentence}");
    // All names of this file are scrubbed.
    let (code, lines, _) = both(&["etc/machine-id", "var/lib/dbus/machine-id"]);
    assert_eq!(code, Some(0), "{lines}");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    // One name would keep what the other loses.
    let (code, sentence, _) = both(&["etc/shadow", "usr/share/shadow"]);
    assert_eq!(code, Some(2));
    assert!(sentence.contains("etc/shadow is a hard link"), "{sentence}");
    // Two of four names go; the others still are one file.
    let (code, lines, out) = both(&[
        "var/log/a.log",
        "usr/share/z",
        "var/log/b.log",
        "usr/share/y",
    ]);
    assert_eq!(code, Some(0), "{lines}");
    fs::write(dir.join("links.tar"), out.unwrap()).unwrap();
    let listed = Command::new("tar")
        .args(["-tvf", "links.tar"])
        .current_dir(dir)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        listed.contains("usr/share/z link to usr/share/y"),
        "{listed}"
    );
    assert_eq!(content(dir, "links.tar", "usr/share/y").unwrap(), "x\n");
}

#[test]
fn all_that_is_refused_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for path in [
        "data/server.key",
        "etc/ssh/ssh_host_rsa_key",
        "usr/lib/test/key.pem",
    ] {
        let path = dir.join("root").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, KEY).unwrap();
    }
    archive(dir, "in.tar", &["etc", "data", "usr"]);
    let output = normalize(dir, &["--scrub", "-o", "out.tar", "in.tar"]);
    let sentence = stderr(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        sentence.contains("data/server.key holds a private key")
            && sentence.contains("etc/ssh/ssh_host_rsa_key identifies one host")
            && !sentence.contains("usr/lib"),
        "{sentence}"
    );
    assert_eq!(sentence.lines().count(), 2, "{sentence}");
    // A check tells what else would be done.
    fs::write(dir.join("root/etc/passwd-"), "x").unwrap();
    archive(dir, "in.tar", &["etc", "data", "usr"]);
    let output = normalize(dir, &["--scrub", "--check", "in.tar"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), sentence);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "dropped   etc/passwd- (account-backup)\n\
         refused   data/server.key (private-key)\n\
         refused   etc/ssh/ssh_host_rsa_key (host-key)\n"
    );
    let output = normalize(dir, &["--scrub", "--check", "--format=json", "in.tar"]);
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "different");
    assert_eq!(report["done"][0]["path"], "etc/passwd-");
    assert_eq!(report["refused"][1]["rule"], "host-key");
}

#[test]
fn a_check_lists_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    root(dir, 19_000, "a\n", false);
    let before = fs::read_dir(dir).unwrap().count();
    let output = normalize(dir, &["--scrub", "--check", "--format=json", "root.tar"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "different");
    assert_eq!(report["done"][0]["path"], "etc/machine-id");
    assert_eq!(fs::read_dir(dir).unwrap().count(), before);

    let output = normalize(dir, &["--scrub", "-o", "out.tar", "root.tar"]);
    assert!(output.status.success());
    let output = normalize(dir, &["--scrub", "--check", "out.tar"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
    for wrong in [
        &["--check", "out.tar"][..],
        &["--scrub", "--check", "-o", "x.tar", "out.tar"],
    ] {
        assert_eq!(normalize(dir, wrong).status.code(), Some(2));
    }
}
