//! Keys, certificates and signatures, which are known by their names and their armour.

use super::told;
use crate::{text, Cause, Comparison};

/// Keys, certificates and signatures, by their names and their armour.
pub(super) fn compare(file: &str, parts: &[&str], left: &[u8], right: &[u8]) -> Option<Comparison> {
    let lower = file.to_ascii_lowercase();
    let of = |endings: &[&str]| endings.iter().any(|end| lower.ends_with(end));
    let both = |marker: &str| contains(left, marker) && contains(right, marker);
    let whole = |cause, why| Some(told(cause, why, left, right));
    if both("-----BEGIN PGP SIGNED MESSAGE-----") {
        return signed_message(left, right);
    }
    let detached = of(&[
        ".asc", ".sig", ".minisig", ".p7s", ".p7b", ".sign", ".gpg.sig",
    ]);
    let armoured = |data: &[u8]| {
        data.trim_ascii_start()
            .starts_with(b"-----BEGIN PGP SIGNATURE-----")
    };
    let of_jar = parts.contains(&"META-INF") && of(&[".rsa", ".dsa", ".ec", ".sf"]);
    if detached || of_jar || (armoured(left) && armoured(right)) {
        return whole(Cause::Signature, "a signature");
    }
    if both("PRIVATE KEY-----") || both("-----BEGIN PUBLIC KEY-----") {
        return whole(Cause::RandomId, "a key that was made anew");
    }
    let public = |data: &[u8]| {
        data.starts_with(b"ssh-")
            || data.starts_with(b"ecdsa-sha2-")
            || data.starts_with(b"sk-ssh-")
    };
    if of(&[".pub"]) && public(left) && public(right) {
        return whole(Cause::RandomId, "a key that was made anew");
    }
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
    if both(CERTIFICATE) {
        let count = |data: &[u8]| String::from_utf8_lossy(data).matches(CERTIFICATE).count();
        if count(left) == 1 && count(right) == 1 {
            return whole(Cause::Signature, "a certificate that was signed anew");
        }
        return bundles(left, right);
    }
    None
}

fn contains(data: &[u8], marker: &str) -> bool {
    let marker = marker.as_bytes();
    // Armour starts within the first lines.
    let head = &data[..data.len().min(64 * 1024)];
    head.windows(marker.len()).any(|window| window == marker)
}

/// A text with its signature: the text counts, and the signature only where the text is equal.
fn signed_message(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let split = |data: &'_ [u8]| -> Option<String> {
        let text = std::str::from_utf8(data).ok()?;
        let end = text.find("-----BEGIN PGP SIGNATURE-----")?;
        Some(text[..end].to_owned())
    };
    let (l, r) = (split(left)?, split(right)?);
    if l == r {
        return Some(told(
            Cause::Signature,
            "the same text with another signature",
            left,
            right,
        ));
    }
    text::compare(l.as_bytes(), r.as_bytes())
}

/// Several certificates in one file.
fn bundles(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let blocks = |data: &[u8]| -> Option<Vec<String>> {
        let mut blocks: Vec<String> = std::str::from_utf8(data)
            .ok()?
            .split("-----BEGIN CERTIFICATE-----")
            .skip(1)
            .filter_map(|block| Some(block.split_once("-----END")?.0.trim().to_owned()))
            .collect();
        blocks.sort_unstable();
        Some(blocks)
    };
    let (l, r) = (blocks(left)?, blocks(right)?);
    if l == r {
        return Some(told(
            Cause::FileOrder,
            "the same certificates in another order or with other words between them",
            left,
            right,
        ));
    }
    let lost = l
        .iter()
        .filter(|block| r.binary_search(block).is_err())
        .count();
    let gained = r
        .iter()
        .filter(|block| l.binary_search(block).is_err())
        .count();
    let why = format!("{lost} certificates only on the left side, {gained} only on the right side");
    Some(told(Cause::SourceChange, &why, left, right))
}

#[cfg(test)]
mod tests {
    use super::super::tests::causes;
    use super::*;

    #[test]
    fn keys_and_signatures_are_known_by_their_armour() {
        let pem = |what: &str, body: &str| {
            format!("-----BEGIN {what}-----\n{body}\n-----END {what}-----\n")
        };
        let pair = |what: &str| causes("x.pem", &pem(what, "AAAA"), &pem(what, "BBBB"));
        assert_eq!(pair("PRIVATE KEY"), [Cause::RandomId]);
        assert_eq!(pair("CERTIFICATE"), [Cause::Signature]);
        assert_eq!(pair("PGP SIGNATURE"), [Cause::Signature]);
        let (a, b) = (pem("CERTIFICATE", "AA"), pem("CERTIFICATE", "BB"));
        assert_eq!(
            causes("ca.crt", &format!("{a}{b}"), &format!("{b}{a}")),
            [Cause::FileOrder]
        );
        assert_eq!(
            causes("ca.crt", &format!("{a}{b}"), &a),
            [Cause::SourceChange]
        );
        let signed = |text: &str, sig: &str| {
            format!("-----BEGIN PGP SIGNED MESSAGE-----\n{text}\n-----BEGIN PGP SIGNATURE-----\n{sig}\n")
        };
        assert_eq!(
            causes("InRelease", &signed("a", "x"), &signed("a", "y")),
            [Cause::Signature]
        );
        assert_eq!(
            causes(
                "InRelease",
                &signed("Date: 2026-11-25", "x"),
                &signed("Date: 2026-11-26", "y")
            ),
            [Cause::Timestamp]
        );
    }
}
