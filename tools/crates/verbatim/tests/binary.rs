//! `verbatim binary`, run as people and rules run it.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const VERBATIM: &str = env!("CARGO_BIN_EXE_verbatim");

fn run_in(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(fs::canonicalize(VERBATIM).unwrap())
        .arg("binary")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn succeeds(dir: &Path, arguments: &[&str]) {
    let output = run_in(dir, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty() && stderr.is_empty(), "{stderr}");
}

/// Run it, and see that it fails with one sentence and writes nothing.
fn fails(dir: &Path, arguments: &[&str], parts: &[&str]) {
    let output = run_in(dir, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(stderr.starts_with("verbatim: "), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is not in {stderr}");
    }
    assert!(!dir.join("out").exists());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_program_is_stripped_and_runs() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("main.c"), "int main(void) { return 7; }\n").unwrap();
    let built = Command::new("gcc")
        .current_dir(dir)
        .args(["-g", "-ffile-prefix-map=/=", "main.c", "-o", "in"])
        .status();
    assert!(built.unwrap().success());
    succeeds(dir, &["--strip", "-o", "out", "in"]);
    assert_eq!(mode(&dir.join("out")), 0o755);
    let run = Command::new(dir.join("out")).status().unwrap();
    assert_eq!(run.code(), Some(7));
    let (before, after) = (
        fs::read(dir.join("in")).unwrap(),
        fs::read(dir.join("out")).unwrap(),
    );
    assert!(after.len() < before.len());
    // The same from standard input, over the old output, and with another mode.
    let from_stdin = Command::new(fs::canonicalize(VERBATIM).unwrap())
        .args(["binary", "--strip", "--mode=0555", "-o", "out", "-"])
        .current_dir(dir)
        .stdin(Stdio::from(fs::File::open(dir.join("in")).unwrap()))
        .status();
    assert!(from_stdin.unwrap().success());
    assert!(fs::read(dir.join("out")).unwrap() == after);
    assert_eq!(mode(&dir.join("out")), 0o555);

    // An object is no program, and something appended would be lost.
    let built = Command::new("gcc")
        .current_dir(dir)
        .args(["-c", "main.c", "-o", "main.o"])
        .status();
    assert!(built.unwrap().success());
    fs::remove_file(dir.join("out")).unwrap();
    fails(
        dir,
        &["--strip", "-o", "out", "main.o"],
        &["cannot strip main.o", "relocatable object", "link it first"],
    );
    fs::write(dir.join("appended"), [&before[..], b"payload"].concat()).unwrap();
    fails(
        dir,
        &["--strip", "-o", "out", "appended"],
        &["cannot strip appended", "7 bytes are appended"],
    );
}

#[test]
fn paths_of_the_build_machine_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text = b"\0\0at /home/ann/src/main.rs\0and host buildhost7\0";
    fs::write(dir.join("in"), text).unwrap();
    let parts = [
        "in holds",
        "\"at /home/ann/src/main.rs\" at offset 5 (/home/<name>/<file>)",
        "-ffile-prefix-map",
        "--allow",
    ];
    fails(dir, &["-o", "out", "in"], &parts);
    fails(
        dir,
        &[
            "--no-default-forbid",
            "--forbid=buildhost7",
            "-o",
            "out",
            "in",
        ],
        &["\"and host buildhost7\"", "at offset 36"],
    );
    fails(
        dir,
        &["--forbid=", "-o", "out", "in"],
        &["cannot use --forbid", "empty string"],
    );
    succeeds(dir, &["--allow=/home/ann/", "-o", "out", "in"]);
    assert_eq!(fs::read(dir.join("out")).unwrap(), text);
    // What is no program passes --strip unchanged.
    succeeds(dir, &["--strip", "--no-default-forbid", "-o", "out", "in"]);
    assert_eq!(fs::read(dir.join("out")).unwrap(), text);
}

#[test]
fn the_help_is_no_finding_and_a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let help = run_in(dir, &["--help"]);
    assert!(help.status.success());
    fs::write(dir.join("help"), &help.stdout).unwrap();
    succeeds(dir, &["-o", "out", "help"]);
    fs::remove_file(dir.join("out")).unwrap();
    fails(dir, &["-o", "out", "missing"], &["cannot read missing"]);
}
