use std::fmt;

use verbatim_document::ErrorKind;
use verbatim_foreign::printable;

/// Why nothing is believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not what it must be: a key, a document, a trusted root (exit code 2).
    #[error(transparent)]
    Malformed(#[from] verbatim_document::Error),
    /// It is a document, and not signed by whom it must be signed by (exit code 1).
    #[error("{}: {}", printable(file), printable(why))]
    DoesNotHold {
        /// Which document, with its line.
        file: String,
        /// What does not fit: expected and found.
        why: String,
    },
}

impl Error {
    pub(crate) fn malformed(file: impl fmt::Display, why: impl Into<String>) -> Self {
        Self::Malformed(verbatim_document::Error::new(
            ErrorKind::Malformed,
            file,
            why,
        ))
    }

    pub(crate) fn does_not_hold(file: &str, why: impl Into<String>) -> Self {
        Self::DoesNotHold {
            file: file.to_owned(),
            why: why.into(),
        }
    }
}
