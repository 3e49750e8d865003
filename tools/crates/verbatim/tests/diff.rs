//! `verbatim diff` as it is run: exit codes, the JSON document, what is shown.

use std::path::Path;
use std::process::{Command, Output};

fn diff(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .arg("diff")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Two folders whose only difference is that the right one has a file more.
fn folders() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for side in ["a", "b"] {
        std::fs::create_dir(dir.path().join(side)).unwrap();
        std::fs::write(dir.path().join(side).join("same"), "x").unwrap();
    }
    std::fs::write(dir.path().join("b/more"), "y").unwrap();
    dir
}

#[test]
fn exit_codes() {
    let dir = folders();
    let run = |arguments: &[&str]| code(&diff(dir.path(), arguments));
    assert_eq!(run(&["a", "a"]), 0);
    assert_eq!(run(&["a", "b"]), 1);
    assert_eq!(run(&["a", "missing"]), 2);
    assert_eq!(run(&["a", "a/same"]), 2);
    assert_eq!(run(&["a", "b", "--ignore", "nonsense"]), 2);
    assert_eq!(run(&["127.0.0.1:1/x:y", "a", "--timeout", "1"]), 3);
}

#[test]
fn what_is_ignored_still_differs_unless_that_is_accepted() {
    let dir = folders();
    let run = |more: &[&str]| diff(dir.path(), &[&["a", "b"], more].concat());
    let ignored = run(&["--ignore", "added-file"]);
    assert_eq!(code(&ignored), 1);
    assert!(stdout(&ignored).contains("ignored"));
    assert_eq!(
        code(&run(&["--ignore", "added-file", "--accept-ignored"])),
        0
    );
    assert_eq!(code(&run(&["--ignore", "mode", "--accept-ignored"])), 1);
    assert_eq!(code(&run(&["--accept-ignored"])), 2);
}

#[test]
fn the_document_and_the_view() {
    let dir = folders();
    let output = diff(dir.path(), &["a", "b", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "verbatim.diff/1");
    assert_eq!(report["verdict"], "different");
    assert_eq!(report["left"]["kind"], "folder");
    let cause = &report["causes"][0];
    assert_eq!(cause["id"], "added-file");
    assert_eq!(cause["paths"], serde_json::json!(["more"]));
    assert!(!cause["fix"].as_str().unwrap().is_empty());
    assert!(!cause["evidence"][0].as_str().unwrap().is_empty());
    assert_eq!(report["differences"][0]["children"][0]["kind"], "added");
    let again = diff(dir.path(), &["a", "b", "--format", "json"]);
    assert_eq!(output.stdout, again.stdout);

    let text = stdout(&diff(dir.path(), &["a", "b"]));
    assert!(
        text.starts_with("different: a and b\n\nadded-file"),
        "{text}"
    );
    assert!(text.contains("  + more\n"), "{text}");
    let causes_alone = stdout(&diff(dir.path(), &["a", "b", "--depth", "0"]));
    assert!(!causes_alone.contains("+ more"), "{causes_alone}");
    let others = stdout(&diff(dir.path(), &["a", "b", "--only", "mode"]));
    assert!(!others.contains("more"), "{others}");
}

#[test]
fn a_page_for_a_browser() {
    let dir = folders();
    std::fs::write(dir.path().join("b/<script>alert(1)<"), "y").unwrap();
    let output = diff(dir.path(), &["a", "b", "--html", "report.html"]);
    assert_eq!(code(&output), 1);
    let page = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(page.contains("Content-Security-Policy"));
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
    assert!(!page.contains("http://") && !page.contains("https://"));
}
