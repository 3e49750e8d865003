//! Hosts, and addresses on them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use verbatim_foreign::excerpt;

use crate::error::Error;
use crate::percent::{escaped, unescaped};

/// `HOST` or `HOST:PORT`, in lower case; an IPv6 address stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// Without brackets.
    host: String,
    port: Option<u16>,
}

impl HostPort {
    /// The name or the address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one is given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The address that the host is, where it is no name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether this is the machine itself: `localhost`, `127.0.0.0/8` or `::1`.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.address() {
            Some(IpAddr::V6(address)) => {
                address.is_loopback()
                    || address
                        .to_ipv4_mapped()
                        .is_some_and(|address| address.is_loopback())
            }
            Some(IpAddr::V4(address)) => address.is_loopback(),
            None => is_localhost(&self.host),
        }
    }

    /// Whether a rule for `self` is one for `other`: a rule without a port holds for all ports.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.host == other.host && (self.port.is_none() || self.port == other.port)
    }
}

/// RFC 6761: names that never leave the machine.
pub(crate) fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost" || host.ends_with(".localhost")
}

impl FromStr for HostPort {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::Options(format!(
                "`{}` is no host: {why}; write HOST or HOST:PORT",
                verbatim_foreign::excerpt(text, 200)
            ))
        };
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest
                .split_once(']')
                .ok_or_else(|| wrong("the bracket is not closed"))?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(wrong("no IPv6 address stands in the brackets"));
            }
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(wrong("something follows the bracket")),
            }
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let port = match port {
            None => None,
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => match port.parse::<u16>() {
                Ok(port) if port > 0 => Some(port),
                _ => return Err(wrong("its port is not from 1 to 65535")),
            },
            Some(_) => return Err(wrong("its port is no number")),
        };
        let valid = !host.is_empty()
            && host.len() <= 253
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':'));
        if !valid {
            return Err(wrong("its name has characters that no host name has"));
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// How bytes go to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In plain.
    Http,
    /// By TLS.
    Https,
}

impl Scheme {
    /// As it stands in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is given.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host and port: what a credential is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// How bytes go there.
    pub scheme: Scheme,
    /// Without the port.
    pub host: String,
    /// The port, given or not.
    pub port: u16,
}

/// An absolute address of http or https.
///
/// Displayed it has no query: there registries put signatures that are as good as a password.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// How bytes go there.
    pub scheme: Scheme,
    /// Where.
    pub host: HostPort,
    /// Begins with `/`.
    path: String,
    /// Without `?`.
    query: Option<String>,
    /// How much of the query came from others, and not by [`Url::with_query`].
    given: usize,
}

/// Longer addresses than this are no honest ones.
const MAX_URL: usize = 16 << 10;

impl Url {
    /// By its parts, without a query; the path is escaped already.
    pub fn new(scheme: Scheme, host: HostPort, path: &str) -> Self {
        Self {
            scheme,
            host,
            path: path.to_owned(),
            query: None,
            given: 0,
        }
    }

    /// An absolute address by its text; `None` if it is none that may be used.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_URL || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // `user@host` would be a second way to name credentials, and to hide the host.
        let host: HostPort = authority.parse().ok()?;
        let mut url = Self::new(scheme, host, "/");
        url.set_path(path);
        Some(url)
    }

    fn set_path(&mut self, path_and_query: &str) {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path_and_query, None),
        };
        self.path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        self.given = query.as_ref().map_or(0, String::len);
        self.query = query;
    }

    /// What a `Location` means, seen from here (RFC 3986, section 5.2).
    pub fn join(&self, location: &str) -> Option<Self> {
        if location.len() > MAX_URL || !location.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let location = location.split_once('#').map_or(location, |(rest, _)| rest);
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme.name()));
        }
        let colon = location.find(':');
        let before = location.find(['/', '?']).unwrap_or(location.len());
        if colon.is_some_and(|colon| colon < before) {
            return Self::parse(location);
        }
        let mut url = self.clone();
        if location.starts_with('/') {
            url.set_path(location);
        } else if let Some(query) = location.strip_prefix('?') {
            url.query = Some(query.to_owned());
            url.given = query.len();
        } else if !location.is_empty() {
            let folder = self.path.rfind('/').map_or("", |at| &self.path[..at]);
            let path = format!("{folder}/{location}");
            url.set_path(&path);
        }
        Some(url)
    }

    /// What lies below this folder, by a path that is escaped already.
    pub fn below(&self, path: &str) -> Option<Self> {
        let mut url = self.clone();
        url.path.push_str(path);
        (url.path.len() <= MAX_URL).then_some(url)
    }

    /// Add to the query; name and value are escaped.
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        let query = self.query.get_or_insert_with(String::new);
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&escaped(name));
        query.push('=');
        query.push_str(&escaped(value));
        self
    }

    /// What a credential for it is bound to.
    pub fn origin(&self) -> Origin {
        Origin {
            scheme: self.scheme,
            host: self.host.host().to_owned(),
            port: self.host.port().unwrap_or(self.scheme.port()),
        }
    }

    /// Whether a text of others repeats the query that they gave, which may hold a signature.
    pub(crate) fn tells_query(&self, text: &str) -> bool {
        // Shorter values are words such as `2` and `true`.
        const SIGNATURE: usize = 6;
        let query = self.query.as_deref().unwrap_or_default();
        query[..self.given].split('&').any(|field| {
            let value = field.split_once('=').map_or(field, |(_, value)| value);
            let plain = unescaped(value);
            value.len() >= SIGNATURE && (text.contains(value) || text.contains(&plain))
        })
    }

    /// The address whole, for a request.
    pub(crate) fn to_uri(&self) -> Option<http::Uri> {
        let mut text = format!("{}://{}{}", self.scheme.name(), self.host, self.path);
        if let Some(query) = &self.query {
            text.push('?');
            text.push_str(query);
        }
        text.parse().ok()
    }
}

/// The part of an address that a message may show, of one that is none too: who is named
/// before the host, and the query, may be secrets.
pub fn shown_address(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let start = text.find("//").map_or(0, |slashes| slashes + 2);
    let end = text[start..].find('/').map_or(text.len(), |at| start + at);
    let shown = match text[start..end].rfind('@') {
        Some(at) => format!("{}…{}", &text[..start], &text[start + at..]),
        None => text.to_owned(),
    };
    excerpt(&shown, 200)
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, shown) in [
            ("registry.example.com", "registry.example.com"),
            ("Registry.Example.com:5000", "registry.example.com:5000"),
            ("[::1]:5000", "[::1]:5000"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), shown);
        }
        for text in [
            "", "a b", "a:0", "a:65536", "a:+1", "a:", "[::1", "[x]", "[::1]5", "u@h",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_the_machine_itself() {
        for text in [
            "127.0.0.1:5000",
            "127.9.9.9",
            "[::1]:1",
            "localhost:5000",
            "a.localhost",
        ] {
            assert!(text.parse::<HostPort>().unwrap().is_loopback(), "{text}");
        }
        for text in [
            "128.0.0.1",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "[::2]",
        ] {
            assert!(!text.parse::<HostPort>().unwrap().is_loopback(), "{text}");
        }
    }

    #[test]
    fn locations() {
        let from = Url::parse("https://a.example.com:5000/v2/x/blobs/uploads/?old=1").unwrap();
        for (location, url) in [
            ("/v2/y?_state=z", "https://a.example.com:5000/v2/y?_state=z"),
            ("http://b.example.com/y", "http://b.example.com/y"),
            ("//b.example.com/y", "https://b.example.com/y"),
            ("y", "https://a.example.com:5000/v2/x/blobs/uploads/y"),
            ("?n=2", "https://a.example.com:5000/v2/x/blobs/uploads/?n=2"),
            ("HTTPS://b.example.com?q#f", "https://b.example.com/?q"),
        ] {
            let joined = from.join(location).unwrap().to_uri().unwrap().to_string();
            assert_eq!(joined, url, "{location}");
        }
        for location in [
            "ftp://b.example.com/",
            "https://u:p@b.example.com/",
            "http://",
            "a b",
        ] {
            assert!(from.join(location).is_none(), "{location}");
        }
    }

    #[test]
    fn what_may_be_secret_in_an_address_is_not_shown() {
        for (text, shown) in [
            ("http://u:hunter2@h.example/x", "http://…@h.example/x"),
            (
                "https://u:hun@ter2@h.example?x=hunter2",
                "https://…@h.example",
            ),
            ("//u:hunter2@h.example/x#hunter2", "//…@h.example/x"),
            ("u:hunter2@h.example/x", "…@h.example/x"),
            ("ftp://h.example/a@b?hunter2", "ftp://h.example/a@b"),
            ("/v2/x@sha256:00", "/v2/x@sha256:00"),
            ("::::", "::::"),
            ("", ""),
        ] {
            assert_eq!(shown_address(text), shown);
        }
    }

    #[test]
    fn a_query_is_never_shown() {
        let url = Url::parse("https://b.example.com/x?signature=secret").unwrap();
        assert_eq!(url.to_string(), "https://b.example.com/x");
        for text in ["cannot GET /x?signature=secret", "secret has expired"] {
            assert!(url.tells_query(text), "{text}");
        }
        let url = Url::parse("https://b.example.com/x?n=2&state=a%2Fb%2Fc")
            .unwrap()
            .with_query("digest", "sha256:00");
        assert!(url.tells_query("a/b/c is wrong"));
        for text in ["sha256:00 is unknown", "2 errors", "state"] {
            assert!(!url.tells_query(text), "{text}");
        }
    }
}
