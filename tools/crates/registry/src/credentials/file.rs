//! Docker's `config.json` and Podman's `auth.json`, which are nearly one format.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::Engine;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Credential;
use crate::error::{printable, Error};
use crate::name::Repository;
use crate::secret::Secret;

const MAX_FILE: u64 = 4 << 20;
/// Docker's own registry has had several names.
const DOCKER: &str = "docker.io";
const DOCKER_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: String,
}

/// No `Debug`: it is all secrets.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// One of those files.
pub(super) struct AuthFile {
    path: PathBuf,
    content: Content,
}

/// What a file knows of a repository.
pub(super) enum Found {
    Nothing,
    Credential(Credential),
    /// Ask `docker-credential-NAME`.
    Helper(String),
}

impl AuthFile {
    /// Read a file; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let data = match crate::files::read(path, MAX_FILE) {
            Ok(data) => Zeroizing::new(data),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None)
            }
            Err(e) => {
                return Err(Error::Credentials(format!(
                    "the credentials in {} cannot be read: {e}",
                    path.display()
                )))
            }
        };
        // serde's message quotes what it found, which may be a password: the place is enough.
        let content = serde_json::from_slice(&data).map_err(|e| {
            Error::Credentials(format!(
                "{}: line {} column {} is not what a file of credentials has there; mend or remove it",
                path.display(),
                e.line(),
                e.column()
            ))
        })?;
        Ok(Some(Self {
            path: path.to_owned(),
            content,
        }))
    }

    /// The helper for the host, else the entry that is the most specific, else the store.
    pub(super) fn find(&self, repository: &Repository) -> Result<Found, Error> {
        let host = canonical(&repository.registry);
        let helper = self
            .content
            .helpers
            .iter()
            .find(|(key, _)| normalized(key) == host)
            .map(|(_, helper)| helper);
        if let Some(helper) = helper {
            return self.helper(helper);
        }
        let mut name = format!("{host}/{}", repository.name);
        loop {
            for (key, entry) in &self.content.auths {
                if normalized(key) == name {
                    if let Some(credential) = self.credential(key, entry)? {
                        return Ok(Found::Credential(credential));
                    }
                }
            }
            match name.rfind('/') {
                Some(at) => name.truncate(at),
                None => break,
            }
        }
        if self.content.store.is_empty() {
            return Ok(Found::Nothing);
        }
        self.helper(&self.content.store)
    }

    fn helper(&self, name: &str) -> Result<Found, Error> {
        let valid = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !valid {
            return Err(Error::Credentials(format!(
                "{}: `{}` is not the name of a credential helper; write what stands after docker-credential-",
                self.path.display(),
                printable(name, 100)
            )));
        }
        Ok(Found::Helper(name.to_owned()))
    }

    fn credential(&self, key: &str, entry: &Entry) -> Result<Option<Credential>, Error> {
        if !entry.registrytoken.is_empty() {
            return Ok(Some(Credential::Token(Secret::new(&entry.registrytoken))));
        }
        if !entry.identitytoken.is_empty() {
            return Ok(Some(Credential::Identity(Secret::new(
                &entry.identitytoken,
            ))));
        }
        if !entry.auth.is_empty() {
            let wrong = || {
                Error::Credentials(format!(
                    "{}: the `auth` of {} is not base64 of USER:PASSWORD; log in again",
                    self.path.display(),
                    printable(key, 200)
                ))
            };
            let text = entry.auth.trim();
            let data = STANDARD
                .decode(text)
                .or_else(|_| STANDARD_NO_PAD.decode(text))
                .map_err(|_| wrong())?;
            let data = Zeroizing::new(data);
            let pair = std::str::from_utf8(&data).map_err(|_| wrong())?;
            // Old versions of Docker pad with zero bytes.
            let (user, password) = pair
                .trim_end_matches('\0')
                .split_once(':')
                .ok_or_else(wrong)?;
            return Ok(Some(Credential::Basic {
                user: user.to_owned(),
                password: Secret::new(password),
            }));
        }
        if !entry.username.is_empty() && !entry.password.is_empty() {
            return Ok(Some(Credential::Basic {
                user: entry.username.clone(),
                password: Secret::new(&entry.password),
            }));
        }
        // Docker leaves an empty entry where its store has the credential.
        Ok(None)
    }
}

/// One name for Docker's registry; every other host is its own.
fn canonical(host: &str) -> String {
    if DOCKER_ALIASES.contains(&host) {
        DOCKER.to_owned()
    } else {
        host.to_ascii_lowercase()
    }
}

/// A key as it is compared: `HOST[/PATH]`. Old files write `https://HOST/v1/`.
fn normalized(key: &str) -> String {
    let (bare, old) = match key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
    {
        Some(bare) => (bare, true),
        None => (key, false),
    };
    let bare = bare.trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    if old || path.is_empty() || path == "v1" || path == "v2" {
        canonical(host)
    } else {
        format!("{}/{path}", canonical(host))
    }
}

/// What a helper calls a registry.
pub(super) fn server_of(registry: &str) -> &str {
    if canonical(registry) == DOCKER {
        "https://index.docker.io/v1/"
    } else {
        registry
    }
}

/// The host that serves what is named after Docker's registry.
pub(crate) fn serving_host(registry: &str) -> &str {
    if canonical(registry) == DOCKER {
        DOCKER_ALIASES[1]
    } else {
        registry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(json: &str, repository: &str) -> Result<String, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, json).unwrap();
        let file = AuthFile::read(&path)?.unwrap();
        Ok(match file.find(&repository.parse().unwrap())? {
            Found::Nothing => "nothing".into(),
            Found::Helper(name) => format!("helper {name}"),
            Found::Credential(Credential::Basic { user, password }) => {
                format!("{user} {}", password.expose())
            }
            Found::Credential(Credential::Identity(token)) => {
                format!("identity {}", token.expose())
            }
            Found::Credential(Credential::Token(token)) => format!("token {}", token.expose()),
            Found::Credential(Credential::Headers(_)) => "headers".into(),
        })
    }

    #[test]
    fn keys_of_all_times() {
        // dTpw is u:p.
        for (key, repository) in [
            ("r.example.com", "r.example.com/a"),
            ("https://r.example.com", "r.example.com/a"),
            ("https://r.example.com/v1/", "r.example.com/a"),
            ("http://r.example.com:5000/v2/", "r.example.com:5000/a"),
            ("r.example.com/v1/", "r.example.com/a"),
            ("https://index.docker.io/v1/", "docker.io/library/a"),
            ("docker.io", "index.docker.io/library/a"),
        ] {
            let json = format!("{{\"auths\":{{\"{key}\":{{\"auth\":\"dTpw\"}}}}}}");
            assert_eq!(find(&json, repository).unwrap(), "u p", "{key}");
        }
        for (key, repository) in [
            ("r.example.com", "r.example.com:5000/a"),
            ("example.com", "r.example.com/a"),
            ("r.example.com.evil.example", "r.example.com/a"),
            ("r.example.com/b", "r.example.com/bb"),
        ] {
            let json = format!("{{\"auths\":{{\"{key}\":{{\"auth\":\"dTpw\"}}}}}}");
            assert_eq!(find(&json, repository).unwrap(), "nothing", "{key}");
        }
    }

    #[test]
    fn one_registry_with_many_names() {
        for name in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert_eq!(serving_host(name), "registry-1.docker.io");
            assert_eq!(server_of(name), "https://index.docker.io/v1/");
        }
        assert_eq!(serving_host("r.example.com:5000"), "r.example.com:5000");
        assert_eq!(server_of("r.example.com:5000"), "r.example.com:5000");
    }

    #[test]
    fn the_most_specific_entry_wins() {
        let json = r#"{"auths":{
            "r.example.com":{"auth":"YTpw"},
            "r.example.com/acme":{"username":"b","password":"p:q"},
            "r.example.com/acme/app":{"registrytoken":"c"},
            "i.example.com":{"auth":"dTpw","identitytoken":"d"}}}"#;
        assert_eq!(find(json, "r.example.com/x").unwrap(), "a p");
        assert_eq!(find(json, "r.example.com/acme/x").unwrap(), "b p:q");
        assert_eq!(find(json, "r.example.com/acme/app").unwrap(), "token c");
        assert_eq!(find(json, "i.example.com/x").unwrap(), "identity d");
    }

    #[test]
    fn helpers_and_stores() {
        let json = r#"{"auths":{"s.example.com":{},"a.example.com":{"auth":"dTpw"}},"credsStore":"desktop","credHelpers":{"h.example.com":"pass"}}"#;
        assert_eq!(find(json, "h.example.com/x").unwrap(), "helper pass");
        assert_eq!(find(json, "s.example.com/x").unwrap(), "helper desktop");
        assert_eq!(find(json, "a.example.com/x").unwrap(), "u p");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for json in [
            r#"{"auths":{"r.example.com":{"auth":"hunter2"}}}"#,
            r#"{"auths":{"r.example.com":{"auth":["hunter2"]}}}"#,
            r#"{"auths":{"r.example.com":"hunter2"}}"#,
            r#"{"auths":{"r.example.com":{"auth":"aHVudGVyMg=="}}}"#,
            r#"{"credsStore":"a/b"}"#,
            "hunter2",
        ] {
            let error = find(json, "r.example.com/a").unwrap_err().to_string();
            assert!(
                !error.contains("hunter2") && !error.contains("aHVudGVyMg"),
                "{error}"
            );
            assert!(error.contains("config.json"), "{error}");
        }
    }
}
