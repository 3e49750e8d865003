//! What can go wrong between here and a registry, always with the address and the fix.

use verbatim_digest::Digest;

use crate::host::Url;

/// The kind of a problem, for callers that treat them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The registry says that there is no such thing (404).
    NotFound,
    /// It refuses (401, 403), or a credential cannot be had.
    Denied,
    /// It is asked too often (429).
    Limited,
    /// It fails (5xx).
    Server,
    /// Name, connection, TLS or time: nothing or not enough came back.
    Unreachable,
    /// What came back is wrong: against the protocol, another digest, another size.
    Broken,
    /// It is larger than what this program takes.
    TooLarge,
    /// An option, a reference or a file of credentials is wrong.
    Usage,
    /// A file here could not be read or written.
    Local,
}

/// A problem with a registry.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The registry answered, and not with what was asked for.
    #[error("{url}: the registry answers {status}{}{}", message_of(.message), fix(*.status))]
    Status {
        /// Where; without the query, which may hold signatures.
        url: String,
        /// The status code.
        status: u16,
        /// The first error in the answer, escaped.
        message: String,
    },
    /// Nothing or not enough came back.
    #[error("{url}: {why}")]
    Unreachable {
        /// Where.
        url: String,
        /// What happened, and what to do.
        why: String,
        /// Whether trying again can help.
        transient: bool,
    },
    /// What came back contradicts the protocol or itself.
    #[error("{url}: {why}")]
    Broken {
        /// Where.
        url: String,
        /// What is wrong with it.
        why: String,
    },
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
    /// Larger than allowed.
    #[error("{url}: {what} has more than {limit} bytes, the limit; it is refused")]
    TooLarge {
        /// Where.
        url: String,
        /// What it is.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// A credential could not be had.
    #[error("{0}")]
    Credentials(String),
    /// An option or a reference is wrong.
    #[error("{0}")]
    Options(String),
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
    /// A file here could not be read or written.
    #[error("{what}: {source}")]
    Local {
        /// Which file, and what was tried.
        what: String,
        /// Why not.
        source: std::sync::Arc<std::io::Error>,
    },
}

fn message_of(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({message})")
    }
}

fn hint_of(hint: &Option<String>) -> String {
    match hint {
        Some(hint) => format!(" (its header says {hint})"),
        None => String::new(),
    }
}

fn fix(status: u16) -> &'static str {
    match status {
        401 => "; log in to it (`docker login`, `podman login`), or see docs/registries.md for where credentials are read",
        403 => "; the credentials in use do not allow this",
        404 => "; check the name and the tag",
        405 => "; it does not take this: it is read-only, or a cache of another registry",
        413 => "; what was sent is larger than it, or something before it, takes",
        429 => "; it asks for fewer requests: wait, log in, or lower --parallel",
        500..=599 => "; it fails by itself: try again later",
        300..=399 => "; a redirect that cannot be followed",
        _ => "",
    }
}

impl Error {
    pub(crate) fn broken(url: &Url, why: impl Into<String>) -> Self {
        Self::Broken {
            url: url.to_string(),
            why: why.into(),
        }
    }

    pub(crate) fn unreachable(url: &Url, why: impl Into<String>) -> Self {
        Self::Unreachable {
            url: url.to_string(),
            why: why.into(),
            transient: true,
        }
    }

    pub(crate) fn local(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Local {
            what: what.into(),
            source: source.into(),
        }
    }

    /// Which kind of problem it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Status { status, .. } => match status {
                404 => ErrorKind::NotFound,
                401 | 403 => ErrorKind::Denied,
                429 => ErrorKind::Limited,
                500..=599 => ErrorKind::Server,
                _ => ErrorKind::Broken,
            },
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::Broken { .. } | Self::WrongDigest { .. } | Self::Document { .. } => {
                ErrorKind::Broken
            }
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Credentials(_) => ErrorKind::Denied,
            Self::Options(_) => ErrorKind::Usage,
            Self::Image(error) => match error.kind() {
                verbatim_oci::ErrorKind::Io => ErrorKind::Local,
                _ => ErrorKind::Usage,
            },
            Self::Local { .. } => ErrorKind::Local,
        }
    }

    /// Whether trying again can help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_transient(*status),
            Self::Unreachable { transient, .. } => *transient,
            _ => false,
        }
    }
}

/// Answers that another try may mend.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// A document of an image that is wrong, and where it came from.
pub(crate) fn document_error(name: &str, source: verbatim_oci::Error) -> Error {
    Error::Document {
        url: name.to_owned(),
        source: source.into(),
    }
}

/// Text of others, made fit for a terminal: nothing that moves the cursor, and not too much.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let mut out: String = text
        .chars()
        .take(limit)
        .flat_map(|c| {
            // `escape_debug` would also escape quotes, which do no harm.
            if c == '"' || c == '\'' {
                vec![c]
            } else {
                c.escape_debug().collect()
            }
        })
        .collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_escaped_and_cut() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}", 80), r"a\u{1b}[2Jb\u{202e}");
        assert_eq!(printable("it's \"x\"", 80), "it's \"x\"");
        assert_eq!(printable("abcdef", 3), "abc…");
    }

    #[test]
    fn kinds_of_answers() {
        for (status, kind) in [
            (404, ErrorKind::NotFound),
            (401, ErrorKind::Denied),
            (403, ErrorKind::Denied),
            (429, ErrorKind::Limited),
            (503, ErrorKind::Server),
            (418, ErrorKind::Broken),
        ] {
            let error = Error::Status {
                url: "https://registry.example.com/v2/".into(),
                status,
                message: String::new(),
            };
            assert_eq!(error.kind(), kind);
        }
    }
}
