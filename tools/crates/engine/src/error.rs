//! What can go wrong between here and an engine.

use verbatim_digest::Digest;

/// A problem with an engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none, or not the one that was asked for.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be reached, or ended too early.
    #[error("{place}: {why}")]
    Unreachable {
        /// The socket or the program.
        place: String,
        /// Why not, and what to do.
        why: String,
    },
    /// It refuses the image.
    #[error("{place}: the engine refuses the image: {why}")]
    Refused {
        /// The socket or the program.
        place: String,
        /// In its words, escaped.
        why: String,
    },
    /// It calls the image something else.
    #[error("{place}: the engine made {actual} of the image {expected}; it does not hold what was built")]
    Different {
        /// The socket or the program.
        place: String,
        /// Ours.
        expected: Digest,
        /// The engine's.
        actual: Digest,
    },
    /// The image here is not as it must be.
    #[error(transparent)]
    Image(#[from] verbatim_oci::Error),
}

/// What an engine says, fit to be shown.
pub(crate) fn said(text: &str) -> String {
    verbatim_foreign::excerpt(text.trim(), 400)
}
