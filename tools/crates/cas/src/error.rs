//! What can go wrong between here and a cache, always with the cache and the fix.

use verbatim_digest::Digest;

/// The kind of a problem, for callers that treat them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The cache has no such blob.
    Missing,
    /// The cache names its blobs by something else than SHA-256.
    OtherDigestFunction,
    /// Nothing or not enough came back in time.
    Unreachable,
    /// The cache refuses, or a credential cannot be had.
    Denied,
    /// What came back is wrong: other bytes, too many, too few, or against the protocol.
    Wrong,
    /// An address or an option is wrong.
    Usage,
}

/// A problem with a cache.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct Error {
    kind: ErrorKind,
    place: String,
    why: String,
    /// Whether trying again can help.
    transient: bool,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, place: impl ToString, why: impl Into<String>) -> Self {
        Self {
            kind,
            place: place.to_string(),
            why: why.into(),
            transient: false,
        }
    }

    /// Nothing or not enough came back; another try may help.
    pub(crate) fn transient(place: impl ToString, why: impl Into<String>) -> Self {
        Self {
            transient: true,
            ..Self::new(ErrorKind::Unreachable, place, why)
        }
    }

    /// There is no such blob here.
    pub(crate) fn missing(place: impl ToString, digest: &Digest) -> Self {
        Self::new(
            ErrorKind::Missing,
            place,
            format!("has no {digest}: it was evicted, or never stored there; {BUILD_AGAIN}"),
        )
    }

    /// The blobs here have other names.
    pub(crate) fn other_function(place: impl ToString, functions: &str) -> Self {
        Self::new(
            ErrorKind::OtherDigestFunction,
            place,
            format!(
                "names its blobs by {functions}, and images name theirs by SHA-256, so that none can be found in it; build with --digest_function=SHA256, or {FROM_FILES}"
            ),
        )
    }

    /// Which kind of problem it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn is_transient(&self) -> bool {
        self.transient
    }

    /// Of two caches that do not have a blob: which of them to tell of. That one could not be
    /// asked matters more than that another does not have it.
    pub(crate) fn worse(self, other: Self) -> Self {
        if self.kind == ErrorKind::Missing {
            other
        } else {
            self
        }
    }
}

const BUILD_AGAIN: &str = "build again with its bytes at hand (--remote_download_outputs=all, or --remote_download_regex), which puts them back, or push and load from files (--@rules_verbatim//rules/settings:push_from=files)";
const FROM_FILES: &str =
    "push and load from files (--@rules_verbatim//rules/settings:push_from=files)";
