//! What can be wrong with an input, always with the byte where it shows.

use std::borrow::Cow;
use std::fmt;
use std::io;

use crate::Compression;

/// The kind of a problem, for callers that treat them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input could not be read at all.
    Io,
    /// The input ends too early.
    Truncated,
    /// The input contradicts its format.
    Malformed,
    /// The input asks for more memory than this reader gives.
    Limit,
    /// The input uses a feature that cannot be kept in a stream of plain entries.
    Unsupported,
}

/// In which stream of bytes an offset counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The file as it is stored.
    Compressed(Compression),
    /// The tar archive, after decompression.
    Archive,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressed(Compression::None) => f.write_str("the file"),
            Self::Compressed(compression) => write!(f, "the {compression} file"),
            Self::Archive => f.write_str("the tar archive"),
        }
    }
}

/// A problem with an input: what, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset} of {stream}: {what}; {fix}")]
pub struct Error {
    kind: ErrorKind,
    stream: Stream,
    offset: u64,
    what: Cow<'static, str>,
    fix: &'static str,
    source: Option<io::Error>,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        stream: Stream,
        offset: u64,
        what: impl Into<Cow<'static, str>>,
        fix: &'static str,
    ) -> Self {
        Self {
            kind,
            stream,
            offset,
            what: what.into(),
            fix,
            source: None,
        }
    }

    /// An error of the source itself; one that this crate put there comes back as it was.
    pub(crate) fn from_io(error: io::Error, stream: Stream, offset: u64) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self {
                kind: ErrorKind::Io,
                stream,
                offset,
                what: format!("cannot be read ({source})").into(),
                fix: "check the file and the disk it is on",
                source: Some(source),
            },
        }
    }

    /// What kind of problem this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The byte where it shows, counted in [`Error::stream`].
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The stream of bytes in which the offset counts.
    pub fn stream(&self) -> Stream {
        self.stream
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match (&error.source, error.kind) {
            (Some(source), _) => source.kind(),
            (None, ErrorKind::Truncated) => io::ErrorKind::UnexpectedEof,
            (None, ErrorKind::Unsupported) => io::ErrorKind::Unsupported,
            (None, _) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// The fix for everything that ends too early.
pub(crate) const GET_IT_AGAIN: &str = "the file was cut short; fetch or build it again";
/// The fix for everything that contradicts its format.
pub(crate) const DAMAGED: &str = "the file is damaged; fetch or build it again";
