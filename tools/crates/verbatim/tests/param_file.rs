//! `@FILE`: the arguments of a build tool, one a line, each taken as it is.

use std::process::{Command, Output};

fn verbatim(folder: &std::path::Path, argument: &str) -> Output {
    Command::new(
        std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).expect("the test runs somewhere"),
    )
    .current_dir(folder)
    .arg(argument)
    .output()
    .expect("the program starts")
}

#[test]
fn every_line_is_one_argument() {
    let folder = tempfile::tempdir().unwrap();
    for odd in [
        "a b",
        "it's",
        "\"quoted\"",
        "$(HOME) $HOME `id`",
        "back\\slash",
        "@arguments",
        "ä*?[x]",
    ] {
        let tool = folder.path().join(odd);
        std::fs::write(&tool, b"x").unwrap();
        let lines = format!("sums\ncreate\n--files=./{odd}\n--format=json\n");
        std::fs::write(folder.path().join("told"), lines).unwrap();
        let output = verbatim(folder.path(), "@told");
        assert!(output.status.success(), "{odd}: {output:?}");
        let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(record["files"][0]["name"], odd);
    }
}

#[test]
fn a_line_names_no_further_file() {
    let folder = tempfile::tempdir().unwrap();
    let sums = format!("{}  tool\n", "0".repeat(64));
    std::fs::write(folder.path().join("@sums"), sums).unwrap();
    std::fs::write(folder.path().join("told"), "sums\ncheck\n@sums\n").unwrap();
    let output = verbatim(folder.path(), "@told");
    assert!(output.status.success(), "{output:?}");
}
