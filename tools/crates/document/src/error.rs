//! What can be wrong with an image or a layout, always with the file and the JSON pointer.

use std::fmt;
use std::io;

use serde::{Serialize, Serializer};
use verbatim_foreign::printable;

/// The kind of a problem, for callers that treat them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// Something could not be read or written.
    Io,
    /// A file or a blob is not there.
    Missing,
    /// Bytes contradict their format, or a value is of the wrong type or form.
    Malformed,
    /// Two statements about one thing contradict each other: a digest, a size, a platform.
    Mismatch,
    /// An input is larger or deeper than this program takes.
    Limit,
    /// What is asked for cannot be done with this input.
    Unsupported,
    /// The input may be right, and this program cannot tell: it does not know the algorithm
    /// of a digest or of a compression, or has no key.
    Unknowable,
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl ErrorKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Mismatch => "mismatch",
            Self::Limit => "limit",
            Self::Unsupported | Self::Unknowable => "unsupported",
        }
    }

    /// Whether the input was not judged at all, so that nothing is known of it.
    pub fn is_unchecked(self) -> bool {
        matches!(self, Self::Io | Self::Unknowable)
    }
}

/// A problem: in which file, at which JSON pointer, what, and what to do about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    file: String,
    pointer: Option<String>,
    what: String,
    source: Option<io::Error>,
}

/// The result of reading and judging documents.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A problem with a file as a whole.
    pub fn new(kind: ErrorKind, file: impl fmt::Display, what: impl Into<String>) -> Self {
        Self {
            kind,
            file: file.to_string(),
            pointer: None,
            what: what.into(),
            source: None,
        }
    }

    /// A file that could not be read or written.
    pub fn io(file: impl fmt::Display, doing: &str, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::Missing,
            // What a reader says about bytes that make no sense.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => ErrorKind::Malformed,
            // A link that leads to itself is a mistake in the input.
            _ if cfg!(target_os = "linux") && source.raw_os_error() == Some(40) => {
                ErrorKind::Malformed
            }
            _ => ErrorKind::Io,
        };
        Self {
            kind,
            file: file.to_string(),
            pointer: None,
            what: doing.to_owned(),
            source: Some(source),
        }
    }

    /// The same problem once more, for another that it concerns.
    pub fn copy(&self) -> Self {
        Self {
            kind: self.kind,
            file: self.file.clone(),
            pointer: self.pointer.clone(),
            what: self.what(),
            source: None,
        }
    }

    /// The same problem, at a place inside a JSON file (RFC 6901).
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file that it is about.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The place in a JSON file, where that is known.
    pub fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }

    /// What is wrong and what to do, without the place.
    pub fn what(&self) -> String {
        match &self.source {
            None => self.what.clone(),
            Some(source) => format!("{}: {source}", self.what),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of files, members and media types may be those of an attacker.
        f.write_str(&printable(&self.file))?;
        match self.pointer.as_deref() {
            None => {}
            Some("") => f.write_str(" at the top level")?,
            Some(pointer) => write!(f, " at {}", printable(pointer))?,
        }
        write!(f, ": {}", printable(&self.what))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_do_not_reach_the_terminal() {
        let error = Error::new(ErrorKind::Malformed, "a\u{1b}[2J", "is `\u{202e}x\0`").at("/\u{7}");
        assert_eq!(
            error.to_string(),
            r"a\u{1b}[2J at /\u{7}: is `\u{202e}x\u{0}`"
        );
    }
}
