//! Why a file cannot be read as its format.

use std::borrow::Cow;
use std::{fmt, io};

/// Why a reader gave up.
#[derive(Debug)]
pub enum Flaw {
    /// The file contradicts its format.
    Malformed {
        /// Where in the file.
        offset: u64,
        /// What is wrong there, for people; it holds no word of the file.
        what: Cow<'static, str>,
    },
    /// The file itself could not be read.
    Io(io::Error),
}

impl Flaw {
    /// A contradiction at this place.
    pub fn at(offset: u64, what: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed {
            offset,
            what: what.into(),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { offset, what } => write!(f, "{what} (at byte {offset})"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Flaw {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed { .. } => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Flaw> for io::Error {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Io(error) => error,
            malformed => io::Error::new(io::ErrorKind::InvalidData, malformed.to_string()),
        }
    }
}
