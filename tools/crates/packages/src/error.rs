//! What can go wrong with packages, by whose fault it is.

use std::fmt;

use verbatim_foreign::printable;

/// Whose fault a problem is, for the exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A package, an index or a signature is not what it must be.
    Refused,
    /// The manifest, the lock or the request is wrong, or has no solution.
    Wrong,
    /// Something could not be reached or read, so nothing is known of it.
    Unreachable,
}

/// A problem, in one sentence that names the file and the fix.
#[derive(Debug, Clone, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Something is not what it must be.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// The input or the request is wrong.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Wrong, message)
    }

    /// Something could not be had.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unreachable, message)
    }

    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same problem, with the thing that it is about in front.
    pub fn of(self, what: impl fmt::Display) -> Self {
        Self {
            kind: self.kind,
            message: format!("{what}: {}", self.message),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An explanation may have several lines, and each may hold words of others.
        for (number, line) in self.message.split('\n').enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&printable(line))?;
        }
        Ok(())
    }
}

impl From<verbatim_archive::Error> for Error {
    fn from(error: verbatim_archive::Error) -> Self {
        Self::wrong(error.to_string())
    }
}
