//! Why there is no report.

use std::fmt;

use verbatim_foreign::printable;

/// What kind of problem it is; each has an exit code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input is wrong: another file has to be named.
    Input,
    /// It could not be checked: unreachable, unauthorised, unreadable.
    Unchecked,
}

/// Why two things could not be compared.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// A problem in one sentence. The names in it come from anywhere.
    pub fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            message: printable(message.as_ref()).into_owned(),
        }
    }

    /// The input is wrong.
    pub(crate) fn input(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// It could not be checked.
    pub(crate) fn unchecked(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Unchecked, message)
    }

    /// Something of `name` could not be read. What contradicts its format is wrong input, the
    /// rest is a matter of disks and networks.
    pub(crate) fn reading(name: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let message = format!("{name} cannot be read: {error}");
        match error.kind() {
            Io::InvalidData | Io::UnexpectedEof | Io::Unsupported | Io::InvalidInput => {
                Self::input(message)
            }
            _ => Self::unchecked(message),
        }
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<verbatim_oci::Error> for Error {
    fn from(error: verbatim_oci::Error) -> Self {
        // This error has no source of its own, so it says the cause itself.
        let message = match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        if error.kind().is_unchecked() {
            Self::unchecked(message)
        } else {
            Self::input(message)
        }
    }
}

impl From<verbatim_registry::Error> for Error {
    fn from(error: verbatim_registry::Error) -> Self {
        let message = error.to_string();
        if error.kind() == verbatim_registry::ErrorKind::Usage {
            Self::input(message)
        } else {
            Self::unchecked(message)
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The result of everything that is said about a whole input.
pub(crate) type Result<T> = std::result::Result<T, Error>;
