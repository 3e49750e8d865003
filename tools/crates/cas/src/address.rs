//! Where a cache is, as people write it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::header::{HeaderName, HeaderValue};
use verbatim_foreign::{excerpt, printable_path};
use verbatim_net::{HostPort, Scheme, Secret};

use crate::error::{Error, ErrorKind};

/// Where a cache is: `grpc://HOST[:PORT][/INSTANCE]` in plain, `grpcs://…` by TLS,
/// `unix:PATH[#INSTANCE]`, or the folder that Bazel was given with `--disk_cache`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A server that speaks REAPI.
    Server {
        /// How it is reached.
        way: Way,
        /// Which of its caches is meant; empty for the one without a name.
        instance: String,
    },
    /// A folder.
    Folder(PathBuf),
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Over the network.
    Host(Scheme, HostPort),
    /// By a socket of this machine.
    Socket(PathBuf),
}

/// Longer names are those of no instance; a resource's name holds it in each request.
const MAX_INSTANCE: usize = 1024;

fn usage(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, excerpt(text, 200), why)
}

fn host<'a>(text: &str, rest: &'a str, scheme: Scheme) -> Result<(Way, &'a str), Error> {
    let (host, instance) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host
        .parse()
        .map_err(|e: verbatim_net::Error| usage(text, &e.to_string()))?;
    Ok((Way::Host(scheme, host), instance.trim_end_matches('/')))
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (way, instance) = if let Some(rest) = text.strip_prefix("grpc://") {
            host(text, rest, Scheme::Http)?
        } else if let Some(rest) = text.strip_prefix("grpcs://") {
            host(text, rest, Scheme::Https)?
        } else if let Some(rest) = text.strip_prefix("unix:") {
            let (path, instance) = rest.split_once('#').unwrap_or((rest, ""));
            if path.is_empty() {
                return Err(usage(text, "names no socket; write unix:PATH"));
            }
            (Way::Socket(path.into()), instance)
        } else if text.contains("://") {
            return Err(usage(
                text,
                "is no cache that can be asked: of servers those that speak gRPC are, as grpc://HOST:PORT or grpcs://HOST:PORT",
            ));
        } else if text.is_empty() {
            return Err(usage(
                text,
                "names no cache; write grpc://HOST:PORT, or the folder of --disk_cache",
            ));
        } else {
            return Ok(Self::Folder(text.into()));
        };
        let odd = instance.len() > MAX_INSTANCE || instance.chars().any(char::is_control);
        if odd {
            return Err(usage(
                text,
                "its instance has no name that a cache can have",
            ));
        }
        Ok(Self::Server {
            way,
            instance: instance.to_owned(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |path: &Path| printable_path(path).to_string();
        match self {
            Self::Folder(folder) => f.write_str(&path(folder)),
            Self::Server { way, instance } => {
                let (text, mark) = match way {
                    Way::Host(Scheme::Http, host) => (format!("grpc://{host}"), '/'),
                    Way::Host(Scheme::Https, host) => (format!("grpcs://{host}"), '/'),
                    Way::Socket(socket) => (format!("unix:{}", path(socket)), '#'),
                };
                f.write_str(&text)?;
                match instance.as_str() {
                    "" => Ok(()),
                    instance => write!(f, "{mark}{}", excerpt(instance, 100)),
                }
            }
        }
    }
}

/// A header that goes with every request to a cache, such as `authorization=Bearer …`; its value
/// is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) name: HeaderName,
    pub(crate) value: Secret,
}

impl FromStr for Header {
    type Err = Error;

    /// `NAME=VALUE`.
    fn from_str(text: &str) -> Result<Self, Error> {
        // The value may be a password, and where there is no `=` all of it.
        let wrong = |name: &str, why: &str| Error::new(ErrorKind::Usage, excerpt(name, 60), why);
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| wrong("a header", "has no value; write NAME=VALUE"))?;
        let header: HeaderName = name
            .parse()
            .map_err(|_| wrong(name, "is no name of a header"))?;
        let own = ["te", "content-type", "host", "connection", "user-agent"];
        // What ends with `-bin` is encoded by a rule of its own, and gRPC's own words are not a user's.
        if own.contains(&header.as_str())
            || header.as_str().starts_with("grpc-")
            || header.as_str().ends_with("-bin")
        {
            return Err(wrong(name, "is a header that cannot be chosen"));
        }
        let right = HeaderValue::from_str(value).is_ok_and(|value| value.to_str().is_ok());
        if !right {
            return Err(wrong(name, "has a value that no header can have"));
        }
        Ok(Self {
            name: header,
            value: Secret::new(value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in [
            "grpc://127.0.0.1:8980",
            "grpc://cache.example.com",
            "grpcs://cache.example.com:443/main/linux",
            "unix:/run/cache.sock",
            "unix:/run/cache.sock#main",
            "/home/me/.cache/bazel-disk",
            "disk",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let address: Address = "grpc://Cache.example.com/a/".parse().unwrap();
        assert_eq!(address.to_string(), "grpc://cache.example.com/a");
        for (text, said) in [
            ("", "names no cache"),
            ("grpc://", "is no host"),
            ("grpc://host:0", "port"),
            ("grpcs://user@host", "is no host"),
            ("http://host/cache", "speak gRPC"),
            ("unix:", "names no socket"),
            ("grpc://host/a\nb", "its instance"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn headers_are_not_shown() {
        let header: Header = "authorization=Bearer se=cret".parse().unwrap();
        assert_eq!(header.value.expose(), "Bearer se=cret");
        assert!(!format!("{header:?}").contains("se=cret"));
        for text in [
            "Bearer secret",
            "a b=secret",
            "te=secret",
            "grpc-timeout=secret",
            "x-bin=secret",
            "x=secret\n",
            "x=é",
        ] {
            let error = text.parse::<Header>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
