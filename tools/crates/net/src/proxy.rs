//! Proxies, as the environment names them.
//!
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case too. `HTTP_PROXY`
//! in upper case is not read where `REQUEST_METHOD` is set: there a client may have chosen it.

use std::net::IpAddr;

use crate::error::Error;
use crate::host::{HostPort, Scheme, Url};
use crate::percent::unescaped;
use crate::secret::Secret;

/// A proxy that is spoken to in plain HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) host: HostPort,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<Secret>,
}

/// Which proxy is for which host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    none: Vec<String>,
}

impl Proxies {
    /// What the environment says.
    pub(crate) fn from_environment() -> Result<Self, Error> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |names: &[&str]| -> Result<Option<Proxy>, Error> {
            for name in names {
                if *name == "HTTP_PROXY" && variable("REQUEST_METHOD").is_some() {
                    continue;
                }
                match variable(name) {
                    Some(value) if !value.trim().is_empty() => {
                        return Proxy::parse(name, value.trim()).map(Some)
                    }
                    _ => {}
                }
            }
            Ok(None)
        };
        Ok(Self {
            http: get(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])?,
            https: get(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            none: variable("no_proxy")
                .or_else(|| variable("NO_PROXY"))
                .unwrap_or_default()
                .split([',', ' '])
                .map(|entry| entry.trim().to_ascii_lowercase())
                .filter(|entry| !entry.is_empty())
                .collect(),
        })
    }

    /// The proxy for a host. The machine itself is never reached by one.
    pub(crate) fn of(&self, scheme: Scheme, host: &HostPort) -> Option<&Proxy> {
        let proxy = match scheme {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
        }?;
        let direct =
            host.is_loopback() || self.none.iter().any(|entry| excepts(entry, scheme, host));
        (!direct).then_some(proxy)
    }
}

/// Whether an entry of `NO_PROXY` is about a host: `*`, a name and all below it, an address
/// or a network; each with a port or without.
fn excepts(entry: &str, scheme: Scheme, host: &HostPort) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        return match (network.parse(), bits.parse(), host.address()) {
            (Ok(network), Ok(bits), Some(address)) => in_network(address, network, bits),
            _ => false,
        };
    }
    let bare = entry.strip_prefix("*.").or(entry.strip_prefix('.'));
    let only_below = entry.starts_with("*.");
    let Ok(rule) = bare.unwrap_or(entry).parse::<HostPort>() else {
        return entry
            .parse::<IpAddr>()
            .is_ok_and(|address| host.address() == Some(address));
    };
    let port = rule
        .port()
        .is_none_or(|port| port == host.port().unwrap_or(scheme.port()));
    let below = host
        .host()
        .strip_suffix(rule.host())
        .is_some_and(|rest| rest.ends_with('.'));
    let same = host.host() == rule.host() && !only_below;
    port && (same || (below && host.address().is_none()))
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(a) & mask == u32::from(b) & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(a) & mask == u128::from(b) & mask
        }
        _ => false,
    }
}

impl Proxy {
    fn parse(variable: &str, value: &str) -> Result<Self, Error> {
        // The value may hold a password: messages name the variable only.
        let wrong = || {
            Error::Options(format!(
                "{variable} is not the address of a proxy; write http://HOST:PORT (a proxy that is itself reached by TLS or SOCKS is not supported)"
            ))
        };
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong());
        }
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        let url = Url::parse(&format!("http://{host}")).ok_or_else(wrong)?;
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            crate::credentials::basic(&unescaped(name), &unescaped(password))
        });
        Ok(Self {
            host: url.host,
            authorization,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.host.port().unwrap_or(Scheme::Http.port())
    }
}

/// What to send to a proxy for a tunnel (RFC 9110, section 9.3.6).
pub(crate) fn connect_request(proxy: &Proxy, host: &str, port: u16) -> String {
    let host = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n");
    if let Some(authorization) = &proxy.authorization {
        request.push_str("Proxy-Authorization: ");
        request.push_str(authorization.expose());
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Whether the proxy's answer opens the tunnel; else what it says.
pub(crate) fn tunnel_is_open(head: &[u8]) -> Result<(), String> {
    let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (version, status) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    if version.starts_with("HTTP/1.") && status.len() == 3 && status.starts_with('2') {
        Ok(())
    } else {
        // The words may repeat the password.
        Err(match status.parse::<u16>() {
            Ok(status) => format!("it answers {status}"),
            Err(_) => "its answer is not HTTP".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(all: &[(&str, &str)]) -> Result<Proxies, Error> {
        let find = |name: &str| {
            all.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Proxies::read(find)
    }

    #[test]
    fn exceptions() {
        let proxies = proxies(&[
            ("HTTPS_PROXY", "http://p.example.com:3128"),
            ("NO_PROXY", "a.example.com, .b.example.com,10.0.0.0/8,c.example.com:5000,*.d.example.com,2001:db8::1"),
        ])
        .unwrap();
        let by_proxy = |host: &str| proxies.of(Scheme::Https, &host.parse().unwrap()).is_some();
        for host in [
            "x.example.com",
            "aa.example.com",
            "11.0.0.1",
            "c.example.com",
            "d.example.com",
        ] {
            assert!(by_proxy(host), "{host}");
        }
        for host in [
            "a.example.com",
            "x.a.example.com",
            "b.example.com",
            "10.1.2.3",
            "c.example.com:5000",
            "x.d.example.com",
            "[2001:db8::1]",
            "127.0.0.1:5000",
            "localhost",
        ] {
            assert!(!by_proxy(host), "{host}");
        }
        assert!(proxies
            .of(Scheme::Http, &"x.example.com".parse().unwrap())
            .is_none());
    }

    #[test]
    fn a_proxy_with_a_password_never_shows_it() {
        let proxies = proxies(&[("https_proxy", "http://me:p%40ss@p.example.com:3128")]).unwrap();
        let proxy = proxies.https.as_ref().unwrap();
        assert!(!format!("{proxies:?}").contains("p@ss"));
        let request = connect_request(proxy, "r.example.com", 443);
        assert!(
            request.contains("Proxy-Authorization: Basic bWU6cEBzcw==\r\n"),
            "{request}"
        );
        let wrong = super::tests::proxies(&[("https_proxy", "socks5://me:hunter2@p")]).unwrap_err();
        assert!(!wrong.to_string().contains("hunter2"), "{wrong}");
    }

    #[test]
    fn tunnels() {
        assert!(tunnel_is_open(b"HTTP/1.1 200 Connection established\r\n\r\n").is_ok());
        assert_eq!(
            tunnel_is_open(b"HTTP/1.1 407 \x1b[2J\r\n\r\n").unwrap_err(),
            "it answers 407"
        );
    }
}
