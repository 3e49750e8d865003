//! `verbatim check` as far as it goes without a Bazel; `.ci/check` runs it with one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The exit code, standard output, and standard error.
fn check(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .arg("check")
        .args(arguments)
        .current_dir(dir)
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn wrong_usage_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (code, _, error) = check(dir, &["//x", "--vary=weather"]);
    assert!(code == 2 && error.contains("`weather`"), "{error}");
    let (code, _, error) = check(dir, &["//x"]);
    assert!(code == 2 && error.contains("no MODULE.bazel"), "{error}");
    fs::write(dir.join("MODULE.bazel"), "").unwrap();
    for (arguments, say) in [
        (
            &["//x", "--vary=host", "--without=host"][..],
            "nothing to vary",
        ),
        (&["//x", "--configs=one"], "two names"),
        (&["//x", "--keep-builds=."], "not empty"),
        (&[], "TARGET"),
    ] {
        let (code, _, error) = check(dir, arguments);
        assert!(code == 2 && error.contains(say), "{arguments:?}: {error}");
    }
}

#[test]
fn without_a_build_nothing_is_called_equal_or_different() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("MODULE.bazel"), "").unwrap();
    let (code, out, error) = check(dir, &["//x", "--bazel=./nobody", "--without=checkout"]);
    assert!(
        code == 3 && error.contains("nobody cannot be run"),
        "{error}"
    );
    assert_eq!(out, "");

    // Something that fails as a build does.
    let bazel = dir.join("bazel");
    program(
        &bazel,
        "#!/bin/sh\necho 'ERROR: no such target //x' >&2\nexit 1\n",
    );
    let (code, out, error) = check(dir, &["//x", "--bazel=./bazel"]);
    assert!(
        code == 3 && error.contains("the first build failed") && error.contains("no such target"),
        "{error}"
    );
    assert_eq!(out, "");
    // And nothing is left of it.
    let mut left: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["MODULE.bazel", "bazel"]);
}

#[test]
fn who_interrupts_a_build_finds_nothing_left_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("MODULE.bazel"), "").unwrap();
    // Something that puts its work down as Bazel does, and whose server has to be told to end.
    program(
        &dir.join("bazel"),
        "#!/bin/sh
case \"$*\" in
  *shutdown*) touch shut-down ;;
  *) trap 'exit 8' INT; touch started; sleep 60 & wait ;;
esac
",
    );
    let mut check = Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .args(["check", "//x", "--bazel=./bazel", "--vary=time"])
        .current_dir(dir)
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !dir.join("started").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
        assert_eq!(check.try_wait().unwrap(), None);
    }
    let kill = format!("kill -INT {}", check.id());
    assert!(Command::new("sh")
        .args(["-c", &kill])
        .status()
        .unwrap()
        .success());
    let output = check.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("interrupted"), "{error}");
    let mut left: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["MODULE.bazel", "bazel", "shut-down", "started"]);
}

#[test]
fn files_that_are_built_already_are_compared_by_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for (name, text) in [("0", "same"), ("1", "same"), ("2", "other\u{1b}[31m")] {
        fs::write(dir.join(name), text).unwrap();
    }
    let manifest = r#"{"target":"//a:b","variants":{
        "dbg":{"a/b.txt":"0"},"opt":{"a/b.txt":"1"},"arm64":{"a/b.txt":"2"}}}"#;
    fs::write(dir.join("list.json"), manifest).unwrap();
    let (code, out, error) = check(dir, &["--built=list.json"]);
    assert_eq!(code, 1, "{error}");
    let lines: Vec<_> = out.lines().collect();
    assert!(
        lines[0].starts_with("//a:b under 3 configurations"),
        "{out}"
    );
    assert_eq!(lines[1], "different     a/b.txt");
    assert!(
        lines[2].ends_with("  dbg, opt") && lines[3].ends_with("  arm64"),
        "{out}"
    );

    let (code, out, _) = check(dir, &["--built=list.json", "--format=json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1);
    assert_eq!(report["verdict"], "different");
    assert_eq!(report["schema"], "verbatim.check-variants/1");

    fs::write(dir.join("2"), "same").unwrap();
    assert_eq!(check(dir, &["--built=list.json"]).0, 0);
    fs::remove_file(dir.join("2")).unwrap();
    assert_eq!(check(dir, &["--built=list.json"]).0, 3);
    fs::write(dir.join("list.json"), r#"{"target":"//a:b","variants":{}}"#).unwrap();
    assert_eq!(check(dir, &["--built=list.json"]).0, 2);
}
