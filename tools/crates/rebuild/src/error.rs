//! Why an image could not be rebuilt, each with the exit code that it means.

use std::fmt;
use std::io;

use verbatim_foreign::printable;

/// What an error says about the attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The attestation, or what it leads to, is malformed or asks for what is refused.
    Wrong,
    /// Something is not what the attestation says that it is.
    DoesNotHold,
    /// Nothing was found out: a source out of reach, a program that is absent.
    Unchecked,
}

/// One sentence: what, where, and what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
}

/// The result of a step of a rebuild.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The input is wrong, or asks for what is refused.
    pub fn wrong(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Wrong, what)
    }

    /// Something is not what was attested.
    pub fn does_not_hold(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::DoesNotHold, what)
    }

    /// It could not be found out.
    pub fn unchecked(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unchecked, what)
    }

    fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
        }
    }

    /// Something of this machine failed: a disk, a program.
    pub(crate) fn io(doing: impl fmt::Display, error: &io::Error) -> Self {
        Self::unchecked(format!("{doing}: {error}"))
    }

    /// What it says about the attestation.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.what))
    }
}

impl std::error::Error for Error {}

impl From<verbatim_document::Error> for Error {
    fn from(error: verbatim_document::Error) -> Self {
        let kind = if error.kind().is_unchecked() {
            ErrorKind::Unchecked
        } else {
            ErrorKind::Wrong
        };
        Self::new(kind, error.to_string())
    }
}

impl From<verbatim_registry::Error> for Error {
    fn from(error: verbatim_registry::Error) -> Self {
        let kind = if error.kind() == verbatim_registry::ErrorKind::Usage {
            ErrorKind::Wrong
        } else {
            ErrorKind::Unchecked
        };
        Self::new(kind, error.to_string())
    }
}
