//! How a server wants to be told who we are: by Basic, or by a token from the server that it
//! names (RFC 9110, section 11.6.1; distribution specification, "Determining support").

use verbatim_foreign::excerpt;

use crate::host::{shown_address, Scheme, Url};
use crate::scope::Grant;

/// One challenge of a `WWW-Authenticate` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// In lower case.
    pub(crate) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// What it says that a token must allow; nothing where that makes no sense.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        let text = self.parameter("scope").unwrap_or_default();
        let sane = self.scheme == "bearer"
            && text.len() <= MAX_GRANTS
            && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if !sane {
            return Vec::new();
        }
        // One parameter names several, each of which is asked for on its own.
        text.split_ascii_whitespace().map(Grant::new).collect()
    }
}

/// Longer lists of scopes are no honest ones.
const MAX_GRANTS: usize = 4 << 10;

/// Read the challenges of one header (RFC 9110, section 11.6.1). What makes no sense ends
/// the list; what came before it counts.
pub(crate) fn challenges(header: &str) -> Vec<Challenge> {
    let mut all: Vec<Challenge> = Vec::new();
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() && all.len() < 16 {
        let Some((word, after)) = token(rest) else {
            break;
        };
        let value = after.trim_start();
        if let (Some(value), Some(challenge)) = (value.strip_prefix('='), all.last_mut()) {
            // `NAME=VALUE` belongs to the scheme before it.
            let Some((value, after)) = parameter_value(value.trim_start()) else {
                break;
            };
            challenge
                .parameters
                .push((word.to_ascii_lowercase(), value));
            rest = after;
        } else {
            all.push(Challenge {
                scheme: word.to_ascii_lowercase(),
                parameters: Vec::new(),
            });
            rest = after;
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    all
}

fn token(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)))
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Some servers leave out the quotes around an address.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &quoted[at + 1..])),
            _ => value.push(c),
        }
    }
    None
}

/// How a registry wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    Basic,
    Token { realm: Url, service: Option<String> },
}

/// Choose among the challenges: a token before a password, for it says less.
pub(crate) fn choose(
    challenges: &[Challenge],
    registry: &Url,
    plain: impl Fn(&crate::host::HostPort) -> bool,
) -> Result<Way, String> {
    if let Some(challenge) = challenges.iter().find(|c| c.scheme == "bearer") {
        let realm = challenge
            .parameter("realm")
            .ok_or("it asks for a token and does not say where to get one")?;
        let url = registry.join(realm).ok_or_else(|| {
            format!(
                "it sends for a token to `{}`, which is no address",
                shown_address(realm)
            )
        })?;
        if url.scheme == Scheme::Http
            && (registry.scheme == Scheme::Https || !plain(&url.host))
            && !url.host.is_loopback()
        {
            return Err(format!(
                "it sends for a token to {url}, where a password could be read by others; a token server must be reached by https"
            ));
        }
        return Ok(Way::Token {
            realm: url,
            service: challenge.parameter("service").map(str::to_owned),
        });
    }
    if challenges.iter().any(|c| c.scheme == "basic") {
        return Ok(Way::Basic);
    }
    let names: Vec<&str> = challenges.iter().map(|c| c.scheme.as_str()).collect();
    if names.is_empty() {
        return Err("it refuses without saying how to log in".into());
    }
    Err(format!(
        "it asks for {}, and this program knows Basic and Bearer",
        excerpt(&names.join(", "), 100)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn challenges_are_read_as_the_rfc_writes_them() {
        let all = challenges(
            r#"Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple",Bearer realm="https://t.example.com/token",service="r, x",scope="repository:a:pull""#,
        );
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].parameter("title"), Some("Login to \"apps\""));
        assert_eq!(all[1].scheme, "basic");
        assert_eq!(all[2].parameter("service"), Some("r, x"));
        assert_eq!(challenges("Negotiate")[0].scheme, "negotiate");
        assert_eq!(all[2].grants(), [Grant::new("repository:a:pull")]);
        assert_eq!(
            challenges("Bearer scope=\"repository:a:pull aws\"")[0].grants(),
            [Grant::new("repository:a:pull"), Grant::new("aws")]
        );
        assert!(challenges("Basic scope=\"a\"")[0].grants().is_empty());
        assert_eq!(
            challenges("BEARER REALM=https://t.example.com/x")[0].parameter("realm"),
            Some("https://t.example.com/x")
        );
    }

    #[test]
    fn nonsense_is_no_challenge() {
        for text in ["", ",,,", "=", "\"", "Bearer realm=\"open", "\u{1}"] {
            let all = challenges(text);
            assert!(
                all.iter().all(|c| c.parameters.is_empty()),
                "{text}: {all:?}"
            );
        }
        assert!(challenges(&"a, ".repeat(10_000)).len() <= 16);
    }

    #[test]
    fn a_realm_is_reached_by_https() {
        let way = |registry: &str, realm: &str| {
            choose(
                &challenges(&format!("Bearer realm=\"{realm}\",service=s")),
                &url(registry),
                |host| host.host() == "plain.example.com",
            )
        };
        assert!(way("https://r.example.com", "https://t.example.com/token").is_ok());
        assert!(way("https://r.example.com", "/token").is_ok());
        assert!(way("http://127.0.0.1:5000", "http://127.0.0.1:5001/token").is_ok());
        assert!(way("http://plain.example.com", "http://plain.example.com/token").is_ok());
        for (registry, realm) in [
            ("https://r.example.com", "http://t.example.com/token"),
            ("https://r.example.com", "http://plain.example.com/token"),
            ("http://127.0.0.1:5000", "http://t.example.com/token"),
            ("https://r.example.com", "file:///etc/passwd"),
            ("https://r.example.com", "https://me:pw@t.example.com/"),
        ] {
            assert!(way(registry, realm).is_err(), "{registry} {realm}");
        }
    }

    #[test]
    fn a_token_comes_before_a_password() {
        let both = challenges("Basic realm=x, Bearer realm=\"https://t.example.com/\"");
        assert!(matches!(
            choose(&both, &url("https://r.example.com"), |_| false),
            Ok(Way::Token { .. })
        ));
        let other = challenges("Negotiate");
        let error = choose(&other, &url("https://r.example.com"), |_| false).unwrap_err();
        assert!(error.contains("negotiate"), "{error}");
    }
}
