//! What can go wrong between here and a registry, always with the address and the fix.

use verbatim_digest::Digest;
pub use verbatim_net::ErrorKind;
use verbatim_net::{Url, Wait};

/// A problem with a registry.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The registry could not be asked, or answered with an error or with what contradicts the
    /// protocol or is too large; or an option or a reference is wrong.
    #[error(transparent)]
    Net(#[from] verbatim_net::Error),
    /// The bytes have another digest than the one they were asked for by.
    #[error("{url}: the bytes served have the digest {actual}, not {expected}{}; they are refused: ask who runs the registry or the mirror", hint_of(.hint))]
    WrongDigest {
        /// Where.
        url: String,
        /// What was asked for.
        expected: Digest,
        /// What the bytes have.
        actual: Digest,
        /// What the registry claimed in a header, escaped.
        hint: Option<String>,
    },
    /// A document of an image is wrong.
    #[error("{source}")]
    Document {
        /// Where it came from.
        url: String,
        /// What is wrong.
        source: std::sync::Arc<verbatim_oci::Error>,
    },
    /// An image here is not as it must be.
    #[error(transparent)]
    Image(std::sync::Arc<verbatim_oci::Error>),
    /// What is neither here nor in a registry cannot be had from where it should be.
    #[error("{what}: {source}")]
    Further {
        /// What is wanted, and by whom.
        what: String,
        /// Why it is not to be had.
        source: std::sync::Arc<verbatim_oci::Error>,
    },
    /// A file here could not be read or written.
    #[error("{what}: {source}")]
    Local {
        /// Which file, and what was tried.
        what: String,
        /// Why not.
        source: std::sync::Arc<std::io::Error>,
    },
}

fn hint_of(hint: &Option<String>) -> String {
    match hint {
        Some(hint) => format!(" (its header says {hint})"),
        None => String::new(),
    }
}

impl Error {
    /// An option or a reference is wrong.
    pub(crate) fn options(why: impl Into<String>) -> Self {
        verbatim_net::Error::Options(why.into()).into()
    }

    pub(crate) fn broken(url: &Url, why: impl Into<String>) -> Self {
        verbatim_net::Error::broken(url, why).into()
    }

    /// More than is taken.
    pub(crate) fn too_large(url: impl ToString, what: &'static str, limit: u64) -> Self {
        let url = url.to_string();
        verbatim_net::Error::TooLarge { url, what, limit }.into()
    }

    pub(crate) fn unreachable(url: &Url, why: impl Into<String>) -> Self {
        verbatim_net::Error::unreachable(url, why).into()
    }

    pub(crate) fn local(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Local {
            what: what.into(),
            source: source.into(),
        }
    }

    /// What is wrong with a document, if it is that.
    pub fn document(&self) -> Option<&verbatim_oci::Error> {
        match self {
            Self::Document { source, .. } | Self::Image(source) => Some(source),
            _ => None,
        }
    }

    /// Which kind of problem it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Net(error) => error.kind(),
            Self::WrongDigest { .. } | Self::Document { .. } => ErrorKind::Broken,
            Self::Image(error) => match error.kind() {
                verbatim_oci::ErrorKind::Io => ErrorKind::Local,
                _ => ErrorKind::Usage,
            },
            // None of this is a fault of the image.
            Self::Further { source, .. } => match source.kind() {
                verbatim_oci::ErrorKind::Mismatch => ErrorKind::Broken,
                verbatim_oci::ErrorKind::Unsupported => ErrorKind::Usage,
                _ => ErrorKind::Unreachable,
            },
            Self::Local { .. } => ErrorKind::Local,
        }
    }

    /// The status, where the registry answered with one that is an error.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Net(error) => error.status(),
            _ => None,
        }
    }

    /// How long to wait before another try.
    pub(crate) fn wait(&self) -> Wait {
        match self {
            Self::Net(error) => error.wait(),
            _ => Wait::Usual,
        }
    }

    /// Whether trying again can help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Net(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// A document of an image that is wrong, and where it came from.
pub(crate) fn document_error(name: &str, source: verbatim_oci::Error) -> Error {
    Error::Document {
        url: name.to_owned(),
        source: source.into(),
    }
}
