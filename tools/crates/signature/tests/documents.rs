//! Whatever holds attestations, and what is not believed of it.

use std::io::Read;

use serde_json::{json, Value};
use verbatim_signature::bundle::{Bundle, Signed};
use verbatim_signature::documents::{self, Content, Document, MAX_DOCUMENTS};
use verbatim_signature::dsse::{Envelope, IN_TOTO};
use verbatim_signature::{Error, PrivateKey, PublicKey, Trust};

const STATEMENT: &[u8] = include_bytes!("../testdata/statement.json");
const LINES: &str = include_str!("../testdata/lines.jsonl");

macro_rules! key {
    ($name:literal) => {
        PublicKey::from_pem(include_bytes!(concat!("../testdata/", $name)), $name).unwrap()
    };
}

fn line(number: usize) -> Value {
    serde_json::from_str(LINES.lines().nth(number).unwrap()).unwrap()
}

fn read(text: &str) -> Vec<Result<Document, Error>> {
    documents::read(text.as_bytes(), "a.jsonl").unwrap()
}

/// One document, and what a key makes of it: its statement, or why not.
fn verify(text: &str, key: PublicKey) -> Result<Vec<u8>, Error> {
    let trust = Trust::Keys(vec![key]);
    let mut documents = documents::read(text.as_bytes(), "a.jsonl")?;
    assert_eq!(documents.len(), 1);
    let document = documents.remove(0)?;
    Ok(document.verify(&trust)?.payload.to_vec())
}

fn does_not_hold(result: Result<Vec<u8>, Error>) -> String {
    match result {
        Err(Error::DoesNotHold { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

fn malformed(result: Result<Vec<u8>, Error>) -> String {
    match result {
        Err(Error::Malformed(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_openssl_signed_holds_by_its_key_alone() {
    let keys = [
        key!("p256.pub"),
        key!("p384.pub"),
        key!("p384.pub"),
        key!("ed25519.pub"),
        key!("rsa.pub"),
    ];
    let documents = read(LINES);
    assert_eq!(documents.len(), keys.len());
    for (number, document) in documents.iter().enumerate() {
        let document = document.as_ref().unwrap();
        assert_eq!(document.name, format!("a.jsonl, line {}", number + 1));
        for key in &keys {
            let trust = Trust::Keys(vec![key!("other.pub"), key.clone()]);
            let good = document.verify(&trust);
            assert_eq!(good.is_ok(), *key == keys[number], "{number} {key:?}");
            if let Ok(good) = good {
                assert_eq!(good.payload, STATEMENT);
                assert_eq!(good.key, Some(key));
            }
        }
    }
}

#[test]
fn one_envelope_in_any_dress() {
    let line = line(0);
    let pretty = serde_json::to_string_pretty(&line).unwrap();
    let mut urls = line.clone();
    for pointer in ["/payload", "/signatures/0/sig"] {
        let text = urls.pointer(pointer).unwrap().as_str().unwrap();
        let text = text.replace('+', "-").replace('/', "_").replace('=', "");
        *urls.pointer_mut(pointer).unwrap() = json!(text);
    }
    let mut strangers = line.clone();
    let good = strangers["signatures"][0].clone();
    strangers["signatures"] = json!([{"sig": ""}, {"sig": "AAAA", "keyid": "x"}, good]);
    let mut extended = line.clone();
    extended["more"] = json!({"a": [1, {}]});
    extended["signatures"][0]["cert"] = json!("-----BEGIN CERTIFICATE-----");
    for text in [
        line.to_string(),
        format!("\r\n  {line}\r\n\r\n"),
        pretty.clone(),
        pretty.replace('\n', "\r\n"),
        urls.to_string(),
        strangers.to_string(),
        extended.to_string(),
        bundle(
            &line,
            "application/vnd.dev.sigstore.bundle+json;version=0.1",
        ),
        bundle(
            &line,
            "application/vnd.dev.sigstore.bundle+json;version=0.2",
        ),
        bundle(
            &line,
            "application/vnd.dev.sigstore.bundle+json;version=0.3",
        ),
        bundle(&line, "application/vnd.dev.sigstore.bundle.v0.3+json"),
    ] {
        assert_eq!(
            verify(&text, key!("p256.pub")).unwrap(),
            STATEMENT,
            "{text}"
        );
        let why = does_not_hold(verify(&text, key!("other.pub")));
        assert!(why.contains("is by the given key"), "{why}");
    }
}

fn bundle(envelope: &Value, media_type: &str) -> String {
    json!({
        "mediaType": media_type,
        "verificationMaterial": {"publicKey": {"hint": "x"}, "tlogEntries": []},
        "dsseEnvelope": envelope,
    })
    .to_string()
}

#[test]
fn nothing_but_the_signed_bytes_holds() {
    let with = |pointer: &str, value: Value| {
        let mut line = line(0);
        *line.pointer_mut(pointer).unwrap() = value;
        line.to_string()
    };
    let payload = line(0)["payload"].as_str().unwrap().to_owned();
    for (what, text) in [
        ("stripped", with("/signatures", json!([]))),
        (
            "another type",
            with("/payloadType", json!("application/json")),
        ),
        (
            "another statement",
            with(
                "/payload",
                json!(format!("{}A{}", &payload[..40], &payload[41..])),
            ),
        ),
        ("an empty one", with("/payload", json!(""))),
        (
            "another signature",
            with("/signatures/0/sig", line(4)["signatures"][0]["sig"].clone()),
        ),
    ] {
        let result = verify(&text, key!("p256.pub"));
        assert!(
            matches!(result, Err(Error::DoesNotHold { .. })),
            "{what}: {result:?}"
        );
    }
    // Somebody who is believed signed something else.
    let private =
        PrivateKey::from_pem(include_bytes!("../testdata/p256.pem"), "key", None).unwrap();
    let other = Envelope::sign("text/plain", STATEMENT.to_vec(), &private);
    let why = does_not_hold(verify(&other.to_json().to_string(), key!("p256.pub")));
    assert!(why.contains("`text/plain`"), "{why}");
}

#[test]
fn what_can_be_read_in_two_ways_is_malformed() {
    let text = line(0).to_string();
    let twice = |member: &str| {
        let value = line(0)[member].to_string();
        text.replacen('{', &format!("{{\"{member}\":{value},"), 1)
    };
    for (text, word) in [
        (twice("payload"), "stands twice"),
        (twice("payloadType"), "stands twice"),
        (twice("signatures"), "stands twice"),
        (
            text.replace("\"sig\"", "\"sig\":\"AAAA\",\"sig\""),
            "stands twice",
        ),
        (text.replace("\"sig\":\"", "\"sig\":\"!"), "signature"),
        (
            text.replace("\"payload\":\"", "\"payload\":\"-+"),
            "payload",
        ),
        (text.replace("signatures", "Signatures"), "signatures"),
        (text.replace("\"payloadType\"", "\"x\""), "payloadType"),
        (format!("\u{feff}{text}"), ""),
        ("[".repeat(100_000), "recursion"),
        ("{}".to_owned(), "no attestation"),
        ("null".to_owned(), "no attestation"),
        (String::new(), "empty"),
        (
            bundle(&line(0), "application/vnd.dev.sigstore.bundle.v0.4+json"),
            "0.4",
        ),
        (
            bundle(&line(0), "").replace("\"mediaType\":\"\",", ""),
            "mediaType",
        ),
        (
            bundle(&line(0), "application/vnd.dev.sigstore.bundle.v0.3+json").replace(
                "\"dsseEnvelope\"",
                "\"messageSignature\":{\"signature\":\"\"},\"dsseEnvelope\"",
            ),
            "either",
        ),
    ] {
        let error = malformed(verify(&text, key!("p256.pub")));
        assert!(
            error.starts_with("a.jsonl") && error.contains(word),
            "{error}"
        );
    }
}

#[test]
fn a_broken_line_does_not_spoil_the_others() {
    let good = line(0).to_string();
    let text = format!(
        "{good}\r\n\n{{\"payload\"\n{{}}\n{}\nnot JSON\n{good}",
        line(1)
    );
    let documents = read(&text);
    let lines: Vec<_> = documents
        .iter()
        .map(|document| match document {
            Ok(document) => document.name.clone(),
            Err(error) => format!("! {error}"),
        })
        .collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    for (line, start) in lines.iter().zip([
        "a.jsonl, line 1",
        "! a.jsonl, line 3: ",
        "! a.jsonl, line 4: ",
        "a.jsonl, line 5",
        "! a.jsonl, line 6: ",
        "a.jsonl, line 7",
    ]) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn pretty_documents_may_follow_each_other() {
    let pretty = |number| serde_json::to_string_pretty(&line(number)).unwrap();
    let text = format!("\n{}\n{{\n}}\n{}\n", pretty(0), pretty(1));
    let documents = read(&text);
    assert_eq!(documents.len(), 3);
    let first = documents[0].as_ref().unwrap();
    assert_eq!(first.name, "a.jsonl, line 2");
    let error = documents[1].as_ref().unwrap_err().to_string();
    assert!(error.contains("no attestation"), "{error}");
    let last = documents[2].as_ref().unwrap();
    let lines = pretty(0).lines().count();
    assert_eq!(last.name, format!("a.jsonl, line {}", 2 + lines + 2));
    assert_eq!(last.envelope().unwrap().payload, STATEMENT);
}

#[test]
fn a_bare_statement_is_signed_by_nobody() {
    let text = std::str::from_utf8(STATEMENT).unwrap();
    let document = read(text).remove(0).unwrap();
    assert_eq!(document.unverified(), Some(STATEMENT));
    let why = does_not_hold(verify(text, key!("p256.pub")));
    assert!(why.contains("nobody signed"), "{why}");
    documents::statement(STATEMENT, "s").unwrap();
    for (from, to) in [
        ("Statement/v1", "Statemnt/v1"),
        ("\"subject\":", "\"subjects\":"),
        ("\"sha256\":", "\"sha256\":1,\"sha512\":"),
        ("https://example.com/p/v1", ""),
        ("\"predicate\":", "\"_type\":"),
    ] {
        let compact = text.replace(": ", ":");
        let changed = compact.replacen(from, to, 1);
        assert_ne!(compact, changed);
        documents::statement(changed.as_bytes(), "s").unwrap_err();
    }
}

#[test]
fn the_signature_of_a_file_is_no_attestation() {
    let text = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": "AAEC"},
            "signature": "/w==",
        },
    })
    .to_string();
    let document = read(&text).remove(0).unwrap();
    let Content::Bundle(bundle) = document.content else {
        panic!()
    };
    let Signed::Message(message) = &bundle.signed else {
        panic!()
    };
    assert_eq!(
        message.digest,
        Some(("sha256".to_owned(), "000102".to_owned()))
    );
    assert_eq!(message.bytes, [0xff]);
    let why = does_not_hold(verify(&text, key!("p256.pub")));
    assert!(why.contains("no attestation"), "{why}");
}

#[test]
fn what_is_written_is_read_again() {
    let private =
        PrivateKey::from_pem(include_bytes!("../testdata/ed25519.pem"), "key", None).unwrap();
    let envelope = Envelope::sign(IN_TOTO, STATEMENT.to_vec(), &private);
    for text in [
        envelope.to_json().to_string(),
        Bundle::of_key(&envelope, private.public()).to_string(),
    ] {
        let document = read(&text).remove(0).unwrap();
        assert_eq!(document.envelope(), Some(&envelope));
        assert_eq!(verify(&text, private.public().clone()).unwrap(), STATEMENT);
    }
}

#[test]
fn limits_hold() {
    // 1 GB, of which little is read.
    let mut read = 0_u64;
    struct Counted<'a, R>(R, &'a mut u64);
    impl<R: Read> Read for Counted<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.read(buffer)?;
            *self.1 += count as u64;
            Ok(count)
        }
    }
    let endless = std::io::repeat(b'A').take(1 << 30);
    let error = documents::read_from(Counted(endless, &mut read), "huge").unwrap_err();
    assert!(error.to_string().contains("is larger than"), "{error}");
    assert!(read <= documents::MAX_DOCUMENT + 1);

    let many = "{}\n".repeat(MAX_DOCUMENTS + 1);
    let error = documents::read(many.as_bytes(), "a").unwrap_err();
    assert!(error.to_string().contains("lines"), "{error}");

    let wide = format!("{{\"payload\":[{}0]}}", "0,".repeat(2 << 20));
    let error = documents::read(wide.as_bytes(), "a").unwrap_err();
    assert!(error.to_string().contains("values"), "{error}");

    let mut signed = line(0);
    signed["signatures"] = json!(vec![json!({"sig": ""}); 101]);
    let error = malformed(verify(&signed.to_string(), key!("p256.pub")));
    assert!(error.contains("100 signatures"), "{error}");
}
