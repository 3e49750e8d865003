//! `verbatim pull`: what it prints, writes and ends with.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};

use verbatim_digest::Digest;

const CONFIG: &str =
    r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;

fn manifest() -> String {
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"{}\",\"size\":{}}},\"layers\":[]}}",
        Digest::of(CONFIG.as_bytes()),
        CONFIG.len()
    )
}

/// A registry with one image, `acme/app:v1`, that closes each connection after one answer.
fn registry() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is not this server's business.
            let _ = answer(stream);
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let what = path.strip_prefix("/v2/acme/app/").unwrap_or_default();
    let manifest = manifest();
    let body = if what == "manifests/v1"
        || what == format!("manifests/{}", Digest::of(manifest.as_bytes()))
    {
        Some(manifest)
    } else if what == format!("blobs/{}", Digest::of(CONFIG.as_bytes())) {
        Some(CONFIG.to_owned())
    } else {
        None
    };
    let status = if body.is_some() { 200 } else { 404 };
    let body = body.unwrap_or_default();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn verbatim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_verbatim"))
        .args(arguments)
        .env("HOME", "/nonexistent")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_image_becomes_a_layout_that_checks() {
    let reference = format!("{}/acme/app:v1", registry());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("layout");
    let out = out.to_str().unwrap();
    let pulled = verbatim(&["pull", &reference, "-o", out]);
    assert_eq!(pulled.status.code(), Some(0), "{pulled:?}");
    let digest = Digest::of(manifest().as_bytes());
    assert_eq!(text(&pulled.stdout), format!("{digest}\n"));
    assert_eq!(verbatim(&["layout", "check", out]).status.code(), Some(0));
    // Once more: all is there.
    let again = verbatim(&["pull", "--format=json", &reference, "-o", out]);
    let report: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(report["schema"], "verbatim.pull/1");
    assert_eq!(report["digest"], digest.to_string());
    assert_eq!(
        report["images"][0]["image_id"],
        Digest::of(CONFIG.as_bytes()).to_string()
    );
    assert_eq!(report["fetched"]["blobs"], 0);
    assert_eq!(report["kept"]["blobs"], 2);
}

#[test]
fn a_mirror_and_a_digest_give_the_same() {
    let mirror = format!("registry.example.com={}", registry());
    let digest = Digest::of(manifest().as_bytes());
    let reference = format!("registry.example.com/acme/app@{digest}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("layout");
    let pulled = verbatim(&[
        "pull",
        "--mirror",
        &mirror,
        &reference,
        "-o",
        out.to_str().unwrap(),
    ]);
    assert_eq!(pulled.status.code(), Some(0), "{pulled:?}");
}

#[test]
fn pins_name_the_digest_of_now() {
    let reference = format!("{}/acme/app:v1", registry());
    let digest = Digest::of(manifest().as_bytes());
    let pinned = verbatim(&["pull", "--pin", &reference, &reference]);
    assert_eq!(
        text(&pinned.stdout),
        format!("{reference}@{digest}\n").repeat(2)
    );
    let pinned = verbatim(&["pull", "--pin", "--format=json", &reference]);
    let report: serde_json::Value = serde_json::from_slice(&pinned.stdout).unwrap();
    assert_eq!(report["schema"], "verbatim.pin/1");
    assert_eq!(report["pins"][0]["digest"], digest.to_string());
}

#[test]
fn one_blob_becomes_a_file() {
    let address = registry();
    let digest = Digest::of(CONFIG.as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("blob");
    let elsewhere = format!("{address}/acme/other@{digest}");
    let source = format!("{address}/acme/app");
    let pulled = verbatim(&[
        "pull",
        "--blob",
        &elsewhere,
        "--source",
        &source,
        "-o",
        out.to_str().unwrap(),
    ]);
    assert_eq!(pulled.status.code(), Some(0), "{pulled:?}");
    assert_eq!(std::fs::read_to_string(out).unwrap(), CONFIG);
}

#[test]
fn what_cannot_be_had_is_three_and_what_makes_no_sense_is_two() {
    let address = registry();
    let absent = format!("{address}/acme/absent:v1");
    let wrong = format!("{address}/acme/app@sha256:{}", "0".repeat(64));
    let app = format!("{address}/acme/app:v1");
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    let none = none.to_str().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = format!("{nobody}/acme/app:v1");
    for (arguments, code) in [
        (vec!["pull", &absent, "-o", none], 3),
        (vec!["pull", &wrong, "-o", none], 3),
        (vec!["pull", &nobody, "-o", none], 3),
        (vec!["pull", "--pin", &absent], 3),
        (vec!["pull", &app], 2),
        (vec!["pull", "app", "-o", none], 2),
        (vec!["pull", "--blob", &app, "-o", none], 2),
        (vec!["pull", "--mirror", "x", &app, "-o", none], 2),
        (vec!["pull", "--ca", "/nonexistent", &app, "-o", none], 2),
        (vec!["pull", "--platform=linux/s390x", &app, "-o", none], 2),
    ] {
        let ended = verbatim(&arguments);
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {ended:?}");
        assert!(
            ended.stdout.is_empty() && !ended.stderr.is_empty(),
            "{ended:?}"
        );
        assert!(!std::path::Path::new(none).exists());
    }
}
