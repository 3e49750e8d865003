//! What can go wrong between here and a server, always with the address and the fix.

use std::time::{Duration, SystemTime};

use crate::host::Url;
use crate::limits::Wait;

/// The kind of a problem, for callers that treat them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The server says that there is no such thing (404).
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

/// A problem with a server.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The server answered, and not with what was asked for.
    #[error("{url}: the registry answers {status}{}{}{}", message_of(.message), later(.wait), fix(*.status))]
    Status {
        /// Where; without the query, which may hold signatures.
        url: String,
        /// The status code.
        status: u16,
        /// The first error in the answer, escaped.
        message: String,
        /// How long to wait before another try.
        wait: Wait,
    },
    /// The token server answered, and not with a token. Nothing that it says is repeated: it
    /// may be the token.
    #[error("{url}: the token server answers {status}{}{}", later(.wait), token_fix(*.status))]
    TokenServer {
        /// Where; without the query.
        url: String,
        /// The status code.
        status: u16,
        /// How long to wait before another try.
        wait: Wait,
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
}

fn message_of(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({message})")
    }
}

/// What a server says of the time, where it is longer than is waited for.
fn later(wait: &Wait) -> String {
    let Wait::TooLong(pause) = wait else {
        return String::new();
    };
    let (seconds, minutes) = (pause.as_secs(), pause.as_secs().div_ceil(60));
    let pause_words = match minutes {
        0..=1 => format!("{seconds} s"),
        2..=119 => format!("{minutes} min"),
        120..=2879 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} days", minutes / 1440),
    };
    let moment = SystemTime::now()
        .checked_add(*pause)
        .filter(|moment| *moment < SystemTime::UNIX_EPOCH + LAST_DATE);
    match moment {
        Some(moment) => format!(
            ", and asks not to be asked again before {} (in {pause_words})",
            httpdate::fmt_http_date(moment)
        ),
        None => format!(", and asks not to be asked again for {pause_words}"),
    }
}

/// Later dates have no form in HTTP: the end of the year 9999.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_800);

fn token_fix(status: u16) -> &'static str {
    match status {
        400 | 401 | 403 => "; it refuses the credentials in use, or gives none of what is asked for to anybody: log in again (`docker login`, `podman login`)",
        300..=399 => "; its redirects are not followed, for the password would go with them",
        429 => "; it asks for fewer requests: wait, or log in",
        500..=599 => "; it fails by itself: try again later",
        _ => "; it is no token server, or does not know this registry: ask who runs the registry",
    }
}

fn fix(status: u16) -> &'static str {
    match status {
        401 => "; log in to it (`docker login`, `podman login`), or see docs/registries.md for where credentials are read",
        403 => "; the credentials in use do not allow this",
        404 => "; check the name and the tag",
        405 => "; it does not take this: it is read-only, or a cache of another registry",
        413 => "; what was sent is larger than it, or something before it, takes at once: send blobs in smaller pieces with --chunk",
        429 => "; it asks for fewer requests: wait, log in, or lower --parallel",
        500..=599 => "; it fails by itself: try again later",
        300..=399 => "; a redirect that cannot be followed",
        _ => "",
    }
}

impl Error {
    /// What came back contradicts the protocol or itself.
    pub fn broken(url: &Url, why: impl Into<String>) -> Self {
        Self::Broken {
            url: url.to_string(),
            why: why.into(),
        }
    }

    /// Nothing or not enough came back; another try may help.
    pub fn unreachable(url: &Url, why: impl Into<String>) -> Self {
        Self::Unreachable {
            url: url.to_string(),
            why: why.into(),
            transient: true,
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
            // Never `NotFound`: what cannot be asked for may well be there.
            Self::TokenServer { status, .. } => match status {
                400 | 401 | 403 => ErrorKind::Denied,
                429 => ErrorKind::Limited,
                500..=599 => ErrorKind::Server,
                _ => ErrorKind::Broken,
            },
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::Broken { .. } => ErrorKind::Broken,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Credentials(_) => ErrorKind::Denied,
            Self::Options(_) => ErrorKind::Usage,
        }
    }

    /// The status, where the server answered with one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long to wait before another try.
    pub fn wait(&self) -> Wait {
        match self {
            Self::Status { wait, .. } | Self::TokenServer { wait, .. } => *wait,
            _ => Wait::Usual,
        }
    }

    /// Whether something else may be granted than what was asked for: a token server that knows
    /// nothing of a scope says so with 404 as well, or in other words of its own.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::TokenServer { status, .. } => {
                matches!(status, 400..=499) && !matches!(status, 408 | 429)
            }
            _ => self.kind() == ErrorKind::Denied,
        }
    }

    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, wait, .. } | Self::TokenServer { status, wait, .. } => {
                is_transient(*status) && !matches!(wait, Wait::TooLong(_))
            }
            Self::Unreachable { transient, .. } => *transient,
            _ => false,
        }
    }
}

/// Answers that another try may mend.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                wait: Wait::Usual,
            };
            assert_eq!(error.kind(), kind);
        }
    }

    #[test]
    fn when_to_come_back_is_said() {
        for (seconds, shown) in [
            (45, "(in 45 s)"),
            (600, "(in 10 min)"),
            (21_540, "(in 5 h 59 min)"),
            (864_000, "(in 10 days)"),
            (u64::MAX, "again for 213503982334601 days"),
        ] {
            let error = Error::Status {
                url: "https://registry.example.com/v2/".into(),
                status: 429,
                message: "toomanyrequests".into(),
                wait: Wait::TooLong(Duration::from_secs(seconds)),
            };
            assert!(!error.is_transient());
            assert!(error.to_string().contains(shown), "{error}");
        }
    }
}
