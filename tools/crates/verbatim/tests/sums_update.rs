//! `sums update`, which `bazel run` starts to take new sums over into the sources.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const LINE: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  registry.example.com/a:v1\n";

fn update(workspace: Option<&Path>, destination: &str, actual: &Path) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verbatim"));
    command
        .args(["sums", "update", destination])
        .arg(actual)
        .env_remove("BUILD_WORKSPACE_DIRECTORY");
    if let Some(workspace) = workspace {
        command.env("BUILD_WORKSPACE_DIRECTORY", workspace);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = [stdout, stderr].concat();
    (
        status.code().unwrap(),
        String::from_utf8(text).unwrap().trim().to_owned(),
    )
}

#[test]
fn it_writes_the_sums_below_the_workspace() {
    let dir = tempfile::tempdir().unwrap();
    let actual = dir.path().join("actual.sha256");
    fs::write(&actual, LINE).unwrap();
    let workspace = dir.path().join("workspace");
    fs::create_dir_all(workspace.join("release")).unwrap();

    let destination = "release/golden.sha256";
    let (code, text) = update(Some(&workspace), destination, &actual);
    assert_eq!(
        (code, &*text),
        (0, "release/golden.sha256: holds 1 sum now")
    );
    assert_eq!(
        fs::read_to_string(workspace.join(destination)).unwrap(),
        LINE
    );
    let (code, text) = update(Some(&workspace), destination, &actual);
    assert_eq!(code, 0);
    assert!(text.contains("already"), "{text}");
}

#[test]
fn it_writes_nothing_where_something_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let actual = dir.path().join("actual.sha256");
    fs::write(&actual, LINE).unwrap();
    let workspace = dir.path().join("workspace");
    fs::create_dir(&workspace).unwrap();

    let (code, text) = update(None, "golden", &actual);
    assert_eq!(code, 2);
    assert!(text.contains("bazel run"), "{text}");
    let (code, text) = update(Some(&workspace), "../golden", &actual);
    assert_eq!(code, 2);
    assert!(text.contains("not a path inside the workspace"), "{text}");
    fs::write(&actual, "no sums\n").unwrap();
    let (code, _) = update(Some(&workspace), "golden", &actual);
    assert_eq!(code, 2);
    assert!(!workspace.join("golden").exists());
    assert!(!dir.path().join("golden").exists());
}
