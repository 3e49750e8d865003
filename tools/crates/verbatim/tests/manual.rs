//! Completions and manual pages, and what messages and pages say of the command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn verbatim(arguments: &[&str]) -> Output {
    Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .args(arguments)
        .output()
        .unwrap()
}

fn pages(folder: &Path) -> Vec<(String, String)> {
    let output = verbatim(&["man", "-o", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let mut pages: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_command_has_a_page_and_pages_are_the_same_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = pages(&dir.path().join("a/man1"));
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "verbatim.1",
        "verbatim-verify.1",
        "verbatim-sums-create.1",
        "verbatim-layout-check.1",
    ] {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    assert_eq!(first, pages(&dir.path().join("b/man1")));
    let verify = &first
        .iter()
        .find(|(name, _)| name == "verbatim-verify.1")
        .unwrap()
        .1;
    assert!(
        verify.contains(".TH verbatim-verify 1"),
        "{}",
        &verify[..200]
    );
}

#[test]
fn completions_know_commands_and_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = verbatim(&["completions", shell]);
        assert!(output.status.success(), "{output:?}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["normalize", "signature", "in-place"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(verbatim(&["completions", "tcsh"]).status.code(), Some(2));
}
