//! `verbatim attest sign`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use verbatim_signature::{documents, PrivateKey, Trust};

const KEY: &[u8] = include_bytes!("../../signature/testdata/p256.pem");
const STATEMENT: &[u8] = include_bytes!("../../signature/testdata/statement.json");

fn sign(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(std::fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .current_dir(folder)
        .env_remove("COSIGN_PASSWORD")
        .args(["attest", "sign"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_statement_is_signed_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("key"), KEY).unwrap();
    std::fs::write(folder.join("statement"), STATEMENT).unwrap();
    let public = PrivateKey::from_pem(KEY, "key", None)
        .unwrap()
        .public()
        .clone();
    let trust = Trust::Keys(vec![public]);
    for form in [&[][..], &["--bundle"]] {
        let arguments = [&["statement", "--key=key"], form].concat();
        let printed = sign(folder, &arguments);
        assert_eq!(printed.status.code(), Some(0), "{printed:?}");
        let written = sign(folder, &[&arguments[..], &["-o", "out"]].concat());
        assert_eq!(written.status.code(), Some(0), "{written:?}");
        assert_eq!(printed.stdout, std::fs::read(folder.join("out")).unwrap());
        let document = documents::read(&printed.stdout, "out")
            .unwrap()
            .remove(0)
            .unwrap();
        assert_eq!(document.verify(&trust).unwrap().payload, STATEMENT);
    }
}

#[test]
fn what_is_no_statement_or_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, data: &[u8]| std::fs::write(folder.join(name), data).unwrap();
    write("key", KEY);
    write("statement", STATEMENT);
    write("empty", b"");
    write("list", b"[]");
    write(
        "unsigned",
        br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[]}"#,
    );
    for (statement, key, code, word) in [
        ("empty", "key", 2, "empty"),
        ("list", "key", 2, "no in-toto statement"),
        ("unsigned", "key", 2, "/subject"),
        ("statement", "statement", 2, "-----BEGIN"),
        ("statement", "absent", 3, "absent"),
        ("absent", "key", 3, "absent"),
        (".", "key", 3, "folder"),
    ] {
        let output = sign(folder, &[statement, "--key", key, "-o", "out"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!folder.join("out").exists());
    }
}
