//! Signed texts: what holds, what was changed or put around them, and keys that count no more.

#[allow(dead_code)]
mod support;

use support::NOW;
use verbatim_packages::openpgp::KeyRing;
use verbatim_packages::{ErrorKind, Moment};

const TEXT: &str = "Origin: Example\nSuite: stable\n- a line that begins with a dash\n";

fn ring() -> KeyRing {
    let mut ring = KeyRing::default();
    let keys = [
        include_str!("../testdata/keys/signer.asc"),
        include_str!("../testdata/keys/expired.asc"),
    ];
    for key in keys {
        ring.add(key.as_bytes(), "keys.asc").unwrap();
    }
    ring
}

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

#[track_caller]
fn told(message: &[u8], moment: &str) -> String {
    let error = ring().check_cleartext(message, at(moment)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    error.to_string()
}

#[test]
fn what_was_signed_is_what_is_read() {
    let message = support::sign(TEXT, "signer");
    let (text, _) = ring().check_cleartext(message.as_bytes(), at(NOW)).unwrap();
    assert_eq!(text.trim_end(), TEXT.trim_end());
}

#[test]
fn what_was_changed_or_added_is_refused() {
    let text = support::sign(TEXT, "signer");
    let flipped = text.replacen("Origin: Example", "Origin: Examplf", 1);
    assert!(told(flipped.as_bytes(), NOW).contains("does not hold"));
    for around in [
        format!("Origin: Evil\n{text}"),
        format!("{text}Origin: Evil\n"),
        text.replacen("\n\nOrigin", "\nEvil: yes\n\nOrigin", 1),
        text.replacen(
            "-----BEGIN PGP SIGNATURE-----",
            "-----BEGIN PGP X-----\nevil\n-----BEGIN PGP SIGNATURE-----",
            1,
        ),
    ] {
        let error = told(around.as_bytes(), NOW);
        assert!(error.contains("around"), "{error}");
    }
    for end in [0, 10, 100, text.len() / 2, text.len() - 30] {
        told(&text.as_bytes()[..end], NOW);
    }
}

#[test]
fn a_key_counts_at_its_moment() {
    let message = support::sign(TEXT, "expired");
    assert!(told(message.as_bytes(), NOW).contains("expired at"));
    let message = support::sign(TEXT, "other");
    told(message.as_bytes(), NOW);
}
