//! The key store with certificate authorities that Java reads, `etc/ssl/certs/java/cacerts`, which
//! ca-certificates-java makes of the same files as the bundle: a JKS, its entries in the order of
//! their names and with the time 0 (the form is that of `sun.security.provider.JavaKeyStore`).

use base64::Engine as _;
use sha1::{Digest as _, Sha1};

use super::super::root::Content;
use super::{certificates, Context};

const STORE: &str = "etc/ssl/certs/java/cacerts";
/// Debian's own password, which protects nothing: there is no secret in the store.
const PASSWORD: &str = "changeit";
/// What the digest at the end begins with, after the password.
const WHITENER: &[u8] = b"Mighty Aphrodite";
const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
/// An entry that is a certificate which is trusted.
const TRUSTED: u32 = 2;

pub(super) fn generate(context: &mut Context<'_>) {
    if !context.has("ca-certificates-java") {
        return;
    }
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    for path in certificates::paths(context) {
        let Some(text) = context.text(&path) else {
            continue;
        };
        if let Some(der) = der(&text) {
            // A key store compares names in lower case.
            let alias = format!("debian:{}", certificates::link(&path)).to_lowercase();
            entries.push((alias, der));
        }
    }
    entries.sort();
    entries.dedup_by(|second, first| second.0 == first.0);
    let store = store(&entries);
    context.directory("etc/ssl/certs/java", 0o755, 0);
    context.root.make(STORE, Content::Made(store), 0o644, 0);
}

/// The first certificate of a text in PEM.
fn der(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let digits: String = body.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD
        .decode(digits)
        .ok()
}

/// A key store of these certificates, by their names.
fn store(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for number in [MAGIC, VERSION, entries.len() as u32] {
        out.extend(number.to_be_bytes());
    }
    for (alias, der) in entries {
        out.extend(TRUSTED.to_be_bytes());
        text(&mut out, alias);
        // When it was added, in milliseconds.
        out.extend(0u64.to_be_bytes());
        text(&mut out, "X.509");
        out.extend((der.len() as u32).to_be_bytes());
        out.extend(der);
    }
    let mut hash = Sha1::new();
    for unit in PASSWORD.encode_utf16() {
        hash.update(unit.to_be_bytes());
    }
    hash.update(WHITENER);
    hash.update(&out);
    out.extend(hash.finalize());
    out
}

/// A text as `DataOutput.writeUTF` writes it; characters beyond its 16 bits become `_`.
fn text(out: &mut Vec<u8>, text: &str) {
    let plain: String = text
        .chars()
        .map(|c| if c == '\0' || c > '\u{ffff}' { '_' } else { c })
        .collect();
    let length = u16::try_from(plain.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend(plain.bytes().take(length.into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_in_pem() {
        let pem = "# x\n-----BEGIN CERTIFICATE-----\nAAEC\nAwQ=\n-----END CERTIFICATE-----\n";
        assert_eq!(der(pem), Some(vec![0, 1, 2, 3, 4]));
        assert_eq!(der("-----BEGIN CERTIFICATE-----\nAAEC\n"), None);
        assert_eq!(der(&pem.replace("AAEC", "A!EC")), None);
    }

    #[test]
    fn an_empty_store() {
        // The digest that every empty store with this password has.
        let hex = verbatim_digest::hex(&store(&[]));
        assert_eq!(
            hex,
            "feedfeed0000000200000000e2686e45fb43dfa4d992dd41ceb6b21c6330d792"
        );
    }
}
