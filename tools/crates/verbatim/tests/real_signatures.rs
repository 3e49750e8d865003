//! What this program signs, read by cosign and OpenSSL; what they sign and write, read here.

use std::path::Path;
use std::process::{Command, Output};

use verbatim_digest::Digest;
use verbatim_signature::{documents, dsse, PublicKey, Trust};
use verbatim_testbed::{output, run, tool};

const PASSWORD: &str = "a password with späces";
const TYPE: &str = "https://example.com/p/v1";

fn sign(folder: &Path, arguments: &[&str]) -> Output {
    output(
        Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .current_dir(folder)
            .env("COSIGN_PASSWORD", PASSWORD)
            .args(["attest", "sign", "statement.json"])
            .args(arguments),
    )
}

fn cosign(folder: &Path, arguments: &[&str]) -> Output {
    output(
        Command::new(tool("cosign"))
            .current_dir(folder)
            .env("COSIGN_PASSWORD", PASSWORD)
            .env("HOME", folder)
            .args(arguments),
    )
}

fn openssl(folder: &Path, arguments: &[&str]) {
    run(Command::new(tool("openssl"))
        .current_dir(folder)
        .args(arguments));
}

fn good(output: &Output) {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A folder with an artifact and a statement about it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("artifact"), "a\n").unwrap();
    let statement = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "artifact", "digest": {"sha256": Digest::of(b"a\n").hex()}}],
        "predicateType": TYPE,
        "predicate": {"ü": "\u{1f600}"},
    });
    std::fs::write(folder.path().join("statement.json"), statement.to_string()).unwrap();
    folder
}

/// Every document of a file holds by this key.
fn holds(folder: &Path, file: &str, key: &str) -> bool {
    let key = std::fs::read(folder.join(key)).unwrap();
    let trust = Trust::Keys(vec![PublicKey::from_pem(&key, "key").unwrap()]);
    let documents = documents::read(&std::fs::read(folder.join(file)).unwrap(), file).unwrap();
    documents
        .iter()
        .all(|document| document.as_ref().unwrap().verify(&trust).is_ok())
}

#[test]
fn cosign_reads_what_is_signed_here_and_the_other_way_round() {
    let folder = folder();
    let folder = folder.path();
    good(&cosign(folder, &["generate-key-pair"]));
    openssl(
        folder,
        &[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            "other.pem",
        ],
    );
    openssl(
        folder,
        &["pkey", "-in", "other.pem", "-pubout", "-out", "other.pub"],
    );

    good(&sign(folder, &["--key=cosign.key", "-o", "a.intoto.jsonl"]));
    good(&sign(
        folder,
        &["--key=cosign.key", "--bundle", "-o", "a.sigstore.json"],
    ));
    for (key, right) in [("cosign.pub", true), ("other.pub", false)] {
        for form in [
            ["--new-bundle-format=false", "--signature=a.intoto.jsonl"],
            ["--new-bundle-format=true", "--bundle=a.sigstore.json"],
        ] {
            let key = format!("--key={key}");
            let kind = format!("--type={TYPE}");
            let mut arguments = vec![
                "verify-blob-attestation",
                &key,
                &kind,
                "--insecure-ignore-tlog=true",
                "artifact",
            ];
            arguments.extend(form);
            let output = cosign(folder, &arguments);
            assert_eq!(
                output.status.success(),
                right,
                "{arguments:?} {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }

    std::fs::write(folder.join("predicate.json"), "{}").unwrap();
    for (form, file) in [
        (
            &[
                "--new-bundle-format=false",
                "--output-signature=c.intoto.jsonl",
            ][..],
            "c.intoto.jsonl",
        ),
        (
            &["--new-bundle-format=true", "--bundle=c.sigstore.json"][..],
            "c.sigstore.json",
        ),
    ] {
        let mut arguments = vec![
            "attest-blob",
            "--key=cosign.key",
            "--type=slsaprovenance1",
            "--predicate=predicate.json",
            "--tlog-upload=false",
            "--use-signing-config=false",
            "--yes",
            "artifact",
        ];
        arguments.extend(form);
        good(&cosign(folder, &arguments));
        assert!(holds(folder, file, "cosign.pub"), "{file}");
        assert!(!holds(folder, file, "other.pub"), "{file}");
    }
    // The hint is what cosign writes.
    let hint = |file: &str| {
        let bundle: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        bundle["verificationMaterial"]["publicKey"]["hint"].clone()
    };
    assert_eq!(hint("a.sigstore.json"), hint("c.sigstore.json"));

    // Another password is none.
    let output = output(
        Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .current_dir(folder)
            .env("COSIGN_PASSWORD", "another")
            .args(["attest", "sign", "statement.json", "--key=cosign.key"]),
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

#[test]
fn openssl_verifies_each_kind_of_key() {
    let folder = folder();
    let folder = folder.path();
    for (name, arguments, options) in [
        (
            "p256",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..],
            &["-digest", "sha256"][..],
        ),
        ("ed25519", &["-algorithm", "ED25519"], &[]),
        (
            "rsa",
            &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
            &["-digest", "sha256"],
        ),
    ] {
        let (private, public) = (format!("{name}.pem"), format!("{name}.pub"));
        openssl(
            folder,
            &[&["genpkey", "-out", &private], arguments].concat(),
        );
        openssl(
            folder,
            &["pkey", "-in", &private, "-pubout", "-out", &public],
        );
        let out = format!("{name}.intoto.jsonl");
        good(&sign(folder, &["--key", &private, "-o", &out]));
        let once = std::fs::read(folder.join(&out)).unwrap();
        good(&sign(folder, &["--key", &private, "-o", &out]));
        assert_eq!(once, std::fs::read(folder.join(&out)).unwrap());

        let document = documents::read(&once, &out).unwrap().remove(0).unwrap();
        let envelope = document.envelope().unwrap();
        std::fs::write(
            folder.join("pae"),
            dsse::pae(&envelope.payload_type, &envelope.payload),
        )
        .unwrap();
        std::fs::write(folder.join("sig"), &envelope.signatures[0].bytes).unwrap();
        let verify = [
            "pkeyutl", "-verify", "-pubin", "-inkey", &public, "-rawin", "-in", "pae", "-sigfile",
            "sig",
        ];
        openssl(folder, &[&verify, options].concat());
    }
}
