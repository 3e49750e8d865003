//! Who we are to a registry: Basic, or a token from the server that it names.
//!
//! A registry says in its first 401 how it wants to be asked (RFC 9110, section 11.6.1;
//! distribution specification, "Determining support"). That is remembered, so later
//! requests bring the answer with them. Tokens are kept by what they allow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use verbatim_foreign::excerpt;

use crate::host::{Origin, Scheme, Url};
use crate::secret::Secret;

/// What a request needs to be allowed, in a token server's words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Scope(String);

impl Scope {
    /// Read a repository.
    pub(crate) fn pull(name: &str) -> Self {
        Self(format!("repository:{name}:pull"))
    }

    /// Read and write a repository.
    pub(crate) fn push(name: &str) -> Self {
        Self(format!("repository:{name}:pull,push"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

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
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let text = self.parameter("scope").unwrap_or_default();
        let sane = self.scheme == "bearer"
            && text.len() <= MAX_SCOPES
            && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if !sane {
            return Vec::new();
        }
        // One parameter names several, each of which is asked for on its own.
        text.split_ascii_whitespace()
            .map(|scope| Scope(scope.to_owned()))
            .collect()
    }
}

/// Longer lists of scopes are no honest ones.
const MAX_SCOPES: usize = 4 << 10;

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
                excerpt(realm.split('?').next().unwrap_or_default(), 200)
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

/// A token, and until when it is used.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) header: Secret,
    pub(crate) until: Instant,
}

/// A place for one token: whoever needs it first fetches it, the others wait.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;
type Key = (Origin, Url, Option<String>, Vec<Scope>, String);

/// What is remembered of registries.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    ways: Mutex<HashMap<Origin, Way>>,
    tokens: Mutex<HashMap<Key, Slot>>,
    /// The scopes that a registry takes in place of those that a request needs.
    scopes: Mutex<HashMap<(Origin, Vec<Scope>), Vec<Scope>>>,
}

impl Memory {
    pub(crate) fn way(&self, origin: &Origin) -> Option<Way> {
        lock(&self.ways).get(origin).cloned()
    }

    pub(crate) fn remember(&self, origin: Origin, way: Way) {
        lock(&self.ways).insert(origin, way);
    }

    pub(crate) fn scopes(&self, origin: &Origin, own: &[Scope]) -> Option<Vec<Scope>> {
        let key = (origin.clone(), own.to_vec());
        lock(&self.scopes).get(&key).cloned()
    }

    pub(crate) fn remember_scopes(&self, origin: Origin, own: &[Scope], right: &[Scope]) {
        lock(&self.scopes).insert((origin, own.to_vec()), right.to_vec());
    }

    pub(crate) fn forget_scopes(&self, origin: &Origin, own: &[Scope]) {
        lock(&self.scopes).remove(&(origin.clone(), own.to_vec()));
    }

    /// The place of a token. `repository` tells apart credentials that hold below a path.
    pub(crate) fn slot(
        &self,
        origin: Origin,
        realm: Url,
        service: Option<String>,
        scopes: Vec<Scope>,
        repository: String,
    ) -> Slot {
        let key = (origin, realm, service, scopes, repository);
        Arc::clone(lock(&self.tokens).entry(key).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(all[2].scopes(), [Scope::pull("a")]);
        assert_eq!(
            challenges("Bearer scope=\"repository:a:pull aws\"")[0].scopes(),
            [Scope::pull("a"), Scope("aws".into())]
        );
        assert!(challenges("Basic scope=\"a\"")[0].scopes().is_empty());
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
