//! Keys of apk: RSA, in files that a signature names.

use verbatim_signature::{PublicKey, RsaHash};

use super::parts::Signature;
use crate::manifest::{Manifest, Source};
use crate::{Error, Result};

/// A key file is a few lines.
const LARGEST: u64 = 64 << 10;

/// The keys that may sign a source.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<PublicKey>);

impl Keys {
    /// Those that the manifest names for a source.
    pub(super) fn of(manifest: &Manifest, source: &Source) -> Result<Self> {
        let mut keys = Vec::new();
        for file in &source.keys {
            let path = manifest.file(file);
            let name = verbatim_foreign::printable_path(&path).into_owned();
            let wrong = |e: &dyn std::fmt::Display| {
                Error::wrong(format!("cannot read the key {name}: {e}"))
            };
            let (file, size) = verbatim_document::file::open(&path).map_err(|e| wrong(&e))?;
            if size > LARGEST {
                return Err(wrong(&"it is larger than any key"));
            }
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST), &mut text)
                .map_err(|e| wrong(&e))?;
            let key = PublicKey::from_pem(&text, &name).map_err(|e| Error::wrong(e.to_string()))?;
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// Whether one of them made one of these signatures of a message.
    pub(super) fn check(&self, message: &[u8], signatures: &[Signature]) -> Result<()> {
        for signature in signatures {
            let hash = match &*signature.kind {
                // Alpine's own indexes are signed so to this day, and apk believes nothing else.
                "RSA" => RsaHash::Sha1,
                "RSA256" => RsaHash::Sha256,
                "RSA512" => RsaHash::Sha512,
                _ => continue,
            };
            if self.made(hash, message, &signature.bytes) {
                return Ok(());
            }
        }
        Err(self.none_of(signatures))
    }

    /// Whether one of them made this signature of a message.
    pub(super) fn made(&self, hash: RsaHash, message: &[u8], signature: &[u8]) -> bool {
        let holds = |key: &PublicKey| key.verify_rsa(hash, message, signature);
        self.0.iter().any(holds)
    }

    /// That none of them made any of these.
    pub(super) fn none_of(&self, signatures: &[Signature]) -> Error {
        let names: Vec<_> = signatures
            .iter()
            .map(|one| format!("`{}` ({})", one.key, one.kind))
            .collect();
        Error::refused(format!(
            "it is signed with none of the keys of its source; it says that {} signed it",
            verbatim_foreign::excerpt(&names.join(", "), 300)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_signatures() {
        let key = include_bytes!("../../testdata/apk/other.rsa.pub");
        let keys = Keys(vec![PublicKey::from_pem(key, "other.rsa.pub").unwrap()]);
        let by_kind: [(&str, &[u8]); 3] = [
            ("RSA", include_bytes!("../../testdata/apk/message.sha1")),
            (
                "RSA256",
                include_bytes!("../../testdata/apk/message.sha256"),
            ),
            (
                "RSA512",
                include_bytes!("../../testdata/apk/message.sha512"),
            ),
        ];
        for (kind, _) in by_kind {
            for (right, bytes) in by_kind {
                let signature = Signature {
                    kind: kind.to_owned(),
                    key: "other".to_owned(),
                    bytes: bytes.to_vec(),
                };
                let checked = |message: &[u8]| {
                    keys.check(message, std::slice::from_ref(&signature))
                        .is_ok()
                };
                assert_eq!(checked(b"message"), kind == right, "{kind} {right}");
                assert!(!checked(b"massage"), "{kind} {right}");
            }
        }
        let unknown = Signature {
            kind: "DSA".to_owned(),
            key: "other".to_owned(),
            bytes: by_kind[0].1.to_vec(),
        };
        let error = keys.check(b"message", &[unknown]).unwrap_err().to_string();
        assert!(error.contains("`other` (DSA)"), "{error}");
    }
}
