//! The long help of commands, as people read it.

use std::process::Command;

/// What is a list in the sources is a list on the screen, line by line, and not one paragraph.
#[test]
fn lists_are_lists() {
    for (command, lines) in [
        (
            &["verify"][..],
            &[
                "  identical       the bytes that were released",
                "  same-platforms  another index of the very images that were released: its",
                "  extra           it is there and was not released",
            ][..],
        ),
        (
            &["binary"],
            &[
                "  /jenkins/workspace/<job>/  /github/workspace/<file>",
                "  /execroot/<workspace>/  bazel-out/<configuration>/  /_bazel_<user>/",
            ],
        ),
        (
            &["layer"],
            &[r#"  {"type":"symlink","path":"usr/bin/a","target":"app"}"#],
        ),
        (
            &["index"],
            &[r#"  --image={"manifest":"m.json","config":"c.json","metadata":"image.json"}"#],
        ),
        (
            &["sums", "create"],
            &[r#"   "metadata":"image.json","origin":"//server"}"#],
        ),
    ] {
        let output = Command::new(std::fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
            .args(command)
            .arg("--help")
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        for line in lines {
            assert!(help.lines().any(|l| l == *line), "{line}\n{help}");
        }
    }
}
