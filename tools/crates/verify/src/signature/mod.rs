//! Who signed the sums?
//!
//! Three kinds of signature are known, by the tools that people sign files with: cosign with a
//! key, minisign, and `ssh-keygen -Y sign`. Which one it is follows from the signature itself.
//! A signature says something about bytes and nothing about what they mean, so it is checked
//! before a line of the sums is read.

mod allowed_signers;
mod cosign;
mod minisign;
mod ssh;

use verbatim_digest::Digest;

/// The largest key or signature file that is read.
pub const MAX_FILE: u64 = 1 << 20;

/// The namespace that `ssh-keygen -Y sign -n file` gives to files.
pub const SSH_NAMESPACE: &str = "file";

/// Why a signature does not vouch for the sums.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is a signature, but not of these bytes by this key.
    #[error("{signature} is no signature of {sums} by the key {key}: {why}")]
    Bad {
        /// The signature's name.
        signature: String,
        /// The name of the sums.
        sums: String,
        /// The key's name.
        key: String,
        /// What does not fit.
        why: String,
    },
    /// The key or the signature is not what it must be.
    #[error("{file}: {why}")]
    Malformed {
        /// Which file.
        file: String,
        /// What is wrong, and the fix.
        why: String,
    },
}

/// Bytes with their name in messages.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// A path, usually.
    pub file: &'a str,
}

/// What a good signature vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The kind of signature, and what is known of the signer.
    pub by: String,
    /// The one subject whose own bytes were signed, where not the list was: its digest.
    pub subject: Option<Digest>,
}

/// Check the signature of `sums` by `key`.
///
/// cosign also signs files rather than lists. If the sums have one line, a signature of the file
/// with that digest vouches for it as well; `single` is that digest.
pub fn check(
    sums: Input<'_>,
    single: Option<Digest>,
    key: Input<'_>,
    signature: Input<'_>,
    ssh_namespace: &str,
) -> Result<Signed, Error> {
    let start = signature.data.trim_ascii_start();
    if start.starts_with(b"-----BEGIN SSH SIGNATURE-----") {
        ssh::check(sums, key, signature, ssh_namespace)
    } else if start.starts_with(b"untrusted comment:") {
        minisign::check(sums, key, signature)
    } else {
        cosign::check(sums, single, key, signature)
    }
}

impl Input<'_> {
    fn malformed(&self, why: impl Into<String>) -> Error {
        Error::Malformed {
            file: self.file.to_owned(),
            why: why.into(),
        }
    }

    fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(self.data)
            .map(str::trim)
            .map_err(|_| self.malformed("it is not UTF-8 text; name a key or a signature file"))
    }
}

fn bad(sums: Input<'_>, key: Input<'_>, signature: Input<'_>, why: impl Into<String>) -> Error {
    Error::Bad {
        signature: signature.file.to_owned(),
        sums: sums.file.to_owned(),
        key: key.file.to_owned(),
        why: why.into(),
    }
}
