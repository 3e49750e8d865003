//! Docker's `config.json` and Podman's `auth.json`, which are nearly one format.
//!
//! They are read as Docker reads them: an empty file says nothing, of the names of members the
//! case does not matter, `null` is as good as nothing, and what stands after the first value is
//! passed over. What a file says of one registry is no obstacle for another: only the entry
//! that is used must be right.

use std::io;
use std::path::{Path, PathBuf};

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::Engine;
use serde_json::{Map, Value};
use verbatim_foreign::{excerpt, printable_path};
use verbatim_naming::canonical_host;
use zeroize::Zeroizing;

use super::Credential;
use crate::error::Error;
use crate::scope::Scope;
use crate::secret::Secret;

const MAX_FILE: u64 = 4 << 20;

/// One of those files.
pub(super) struct AuthFile {
    path: PathBuf,
    /// No `Debug`: it is all secrets.
    content: Map<String, Value>,
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
                    printable_path(path)
                )))
            }
        };
        let content = parse(&data).map_err(|place| {
            Error::Credentials(format!(
                "{}: {place} is not what a file of credentials has there; mend or remove it",
                printable_path(path)
            ))
        })?;
        Ok(Some(Self {
            path: path.to_owned(),
            content,
        }))
    }

    /// The helper for the host, else the entry that is the most specific, else the store.
    pub(super) fn find(&self, scope: &Scope) -> Result<Found, Error> {
        let host = canonical_host(&scope.host);
        let helpers = self.members("credHelpers")?;
        let helper = helpers
            .iter()
            .flat_map(|helpers| helpers.iter())
            .find(|(key, _)| Key::of(key).name == host)
            .map(|(key, name)| self.text(name, &["credHelpers", key]))
            .transpose()?;
        if let Some(helper) = helper.filter(|helper| !helper.is_empty()) {
            return self.helper(helper);
        }
        let mut name = format!("{host}/{}", scope.path);
        loop {
            if let Some(credential) = self.entry(&name)? {
                return Ok(Found::Credential(credential));
            }
            match name.rfind('/') {
                Some(at) => name.truncate(at),
                None => break,
            }
        }
        // An empty helper for a host means: not the store, but this file.
        let store = match (helper, member(&self.content, "credsStore")) {
            (None, Some(store)) => self.text(store, &["credsStore"])?,
            _ => "",
        };
        if store.is_empty() {
            return Ok(Found::Nothing);
        }
        self.helper(store)
    }

    /// What `auths` has under a name. Of several spellings the one without a path counts.
    fn entry(&self, name: &str) -> Result<Option<Credential>, Error> {
        let entries = self.members("auths")?;
        let mut found: Vec<(Key, &String, &Value)> = entries
            .iter()
            .flat_map(|entries| entries.iter())
            .map(|(key, entry)| (Key::of(key), key, entry))
            .filter(|(key, _, _)| key.name == name)
            .collect();
        found.sort_by_key(|(key, _, _)| key.has_more);
        for (_, key, entry) in found {
            if let Some(credential) = self.credential(key, entry)? {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }

    /// An object in the file; none where there is none, or `null`.
    fn members(&self, name: &str) -> Result<Option<&Map<String, Value>>, Error> {
        match member(&self.content, name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(_) => Err(self.wrong(&[name], "an object")),
        }
    }

    /// A text in the file; empty where there is `null`.
    fn text<'a>(&self, value: &'a Value, place: &[&str]) -> Result<&'a str, Error> {
        match value {
            Value::Null => Ok(""),
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(place, "a text")),
        }
    }

    /// Never with the value: it may be the password.
    fn wrong(&self, place: &[&str], must: &str) -> Error {
        Error::Credentials(format!(
            "{}: `{}` must be {must}; mend it, or log in again",
            printable_path(&self.path),
            excerpt(&place.join("."), 200)
        ))
    }

    fn helper(&self, name: &str) -> Result<Found, Error> {
        let valid = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !valid {
            return Err(Error::Credentials(format!(
                "{}: `{}` is not the name of a credential helper; write what stands after docker-credential-",
                printable_path(&self.path),
                excerpt(name, 100)
            )));
        }
        Ok(Found::Helper(name.to_owned()))
    }

    fn credential(&self, key: &str, entry: &Value) -> Result<Option<Credential>, Error> {
        let entry = match entry {
            Value::Null => return Ok(None),
            Value::Object(entry) => entry,
            _ => return Err(self.wrong(&["auths", key], "an object")),
        };
        let text = |name: &str| match member(entry, name) {
            Some(value) => self.text(value, &["auths", key, name]),
            None => Ok(""),
        };
        let registry_token = text("registrytoken")?;
        if !registry_token.is_empty() {
            return Ok(Some(Credential::Token(Secret::new(registry_token))));
        }
        let identity_token = text("identitytoken")?;
        if !identity_token.is_empty() {
            return Ok(Some(Credential::Identity(Secret::new(identity_token))));
        }
        let auth = text("auth")?;
        if !auth.is_empty() {
            return match pair(auth) {
                Some((user, password)) => Ok(Some(Credential::Basic { user, password })),
                None => Err(self.wrong(&["auths", key, "auth"], "base64 of USER:PASSWORD")),
            };
        }
        let (user, password) = (text("username")?, text("password")?);
        if !user.is_empty() && !password.is_empty() {
            return Ok(Some(Credential::Basic {
                user: user.to_owned(),
                password: Secret::new(password),
            }));
        }
        // Docker leaves an empty entry where its store has the credential.
        Ok(None)
    }
}

/// The object in a file, or the place where it is wrong.
fn parse(data: &[u8]) -> Result<Map<String, Value>, String> {
    // Editors of Windows put a mark before the first byte.
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    match serde_json::Deserializer::from_slice(data)
        .into_iter::<Value>()
        .next()
    {
        None | Some(Ok(Value::Null)) => Ok(Map::new()),
        Some(Ok(Value::Object(content))) => Ok(content),
        Some(Ok(_)) => Err("line 1 column 1".into()),
        // serde's message quotes what it found, which may be a password: the place is enough.
        Some(Err(e)) => Err(format!("line {} column {}", e.line(), e.column())),
    }
}

/// A member by its name, however that is capitalised; the exact spelling counts before others.
pub(super) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| {
            object
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        })
        .filter(|value| !value.is_null())
}

/// User and password of an `auth`. Programs that break base64 into lines are as right as others.
fn pair(auth: &str) -> Option<(String, Secret)> {
    let text: Zeroizing<String> = Zeroizing::new(auth.split_ascii_whitespace().collect::<String>());
    let data = STANDARD
        .decode(text.as_bytes())
        .or_else(|_| STANDARD_NO_PAD.decode(text.as_bytes()))
        .ok()?;
    let data = Zeroizing::new(data);
    let pair = std::str::from_utf8(&data).ok()?;
    // Old versions of Docker pad with zero bytes.
    let (user, password) = pair.trim_end_matches('\0').split_once(':')?;
    Some((user.to_owned(), Secret::new(password)))
}

/// A key of `auths` or `credHelpers`.
struct Key {
    /// As it is compared: `HOST[/PATH]`.
    name: String,
    /// It is an address with more than Docker's own `/v1/` and `/v2/`, of which the host counts.
    has_more: bool,
}

impl Key {
    /// Old files write `https://HOST/v1/`.
    fn of(key: &str) -> Self {
        let (bare, is_address) = match key
            .strip_prefix("https://")
            .or_else(|| key.strip_prefix("http://"))
        {
            Some(bare) => (bare, true),
            None => (key, false),
        };
        let bare = bare.trim_end_matches('/');
        let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
        let host = canonical_host(host);
        match path {
            "" | "v1" | "v2" => Self {
                name: host.into_owned(),
                has_more: false,
            },
            // Where Docker keeps the tokens of a login in the browser, which are for its website.
            "v1/access-token" | "v1/refresh-token" if is_address => Self {
                name: String::new(),
                has_more: true,
            },
            _ if is_address => Self {
                name: host.into_owned(),
                has_more: true,
            },
            path => Self {
                name: format!("{host}/{path}"),
                has_more: false,
            },
        }
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
        Ok(match file.find(&Scope::of(repository))? {
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
            ("index.docker.io", "docker.io/a"),
            ("docker.io/library/a", "registry-1.docker.io/a"),
            ("https://registry-1.docker.io/v2/", "docker.io/a"),
            ("https://r.example.com/some/path", "r.example.com/a"),
            ("R.example.com", "r.example.com/a"),
        ] {
            let json = format!("{{\"auths\":{{\"{key}\":{{\"auth\":\"dTpw\"}}}}}}");
            assert_eq!(find(&json, repository).unwrap(), "u p", "{key}");
        }
        for (key, repository) in [
            ("r.example.com", "r.example.com:5000/a"),
            ("example.com", "r.example.com/a"),
            ("r.example.com.evil.example", "r.example.com/a"),
            ("r.example.com/b", "r.example.com/bb"),
            ("https://index.docker.io/v1/access-token", "docker.io/a"),
        ] {
            let json = format!("{{\"auths\":{{\"{key}\":{{\"auth\":\"dTpw\"}}}}}}");
            assert_eq!(find(&json, repository).unwrap(), "nothing", "{key}");
        }
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
    fn files_are_read_as_docker_reads_them() {
        for json in [
            "",
            "\n",
            " \r\n\t",
            "null",
            "{}",
            "\u{feff}{}",
            r#"{"auths":null}"#,
            r#"{"auths":null,"credHelpers":null,"credsStore":null}"#,
            r#"{"auths":{"r.example.com":null}}"#,
            r#"{"auths":{"r.example.com":{}}}"#,
            r#"{"auths":{"r.example.com":{"auth":null,"username":null,"password":null,"email":null}}}"#,
            r#"{"auths":{"r.example.com":{"auth":""}},"credsStore":""}"#,
            r#"{"credHelpers":{"r.example.com":null},"credsStore":"desktop"}"#,
            r#"{"credHelpers":{"r.example.com":""},"credsStore":"desktop"}"#,
        ] {
            assert_eq!(find(json, "r.example.com/a").unwrap(), "nothing", "{json}");
        }
        for json in [
            r#"{"auths":{"r.example.com":{"auth":"dT\npw"}}}"#,
            r#"{"auths":{"r.example.com":{"auth":" dTpw\r\n"}}}"#,
            r#"{"auths":{"r.example.com":{"auth":"dTpw","identitytoken":null,"registrytoken":null}}}"#,
            r#"{"auths":{"o.example.com":null,"r.example.com":{"auth":"dTpw"}}}"#,
            r#"{"auths":{"o.example.com":"hunter2","r.example.com":{"auth":"dTpw"}}}"#,
            r#"{"auths":{"o.example.com":{"auth":5},"r.example.com":{"auth":"dTpw"}}}"#,
            r#"{"auths":{"o.example.com":{"auth":"!"},"r.example.com":{"auth":"dTpw"}}}"#,
            r#"{"auths":{"r.example.com":{"auth":"dTpw","x":[1]}},"credHelpers":{"o.example.com":7}}"#,
            r#"{"Auths":{"r.example.com":{"Auth":"dTpw"}},"HttpHeaders":{"a":"b"}}"#,
            r#"{"auths":{},"auths":{"r.example.com":{"auth":"dTpw"}}}"#,
            r#"{"auths":{"r.example.com":{"auth":"","username":"u","password":"p"}}}"#,
            r#"{"auths":{"r.example.com":{"auth":"dTpw"}}} trailing"#,
            "\u{feff}{\"auths\":{\"r.example.com\":{\"auth\":\"dTpw\"}}}",
            r#"{"auths":{"https://r.example.com/x":{"auth":"YTpi"},"https://r.example.com":{"auth":"dTpw"}}}"#,
            r#"{"auths":{"https://r.example.com":{},"https://r.example.com/x":{"auth":"dTpw"}}}"#,
        ] {
            assert_eq!(find(json, "r.example.com/a").unwrap(), "u p", "{json}");
        }
        for json in [
            r#"{"credSstore":"desktop","auths":{"r.example.com":{}}}"#,
            r#"{"credhelpers":{"R.example.com":"desktop"}}"#,
            r#"{"credHelpers":{"https://r.example.com":"desktop"},"credsStore":"other"}"#,
        ] {
            assert_eq!(
                find(json, "r.example.com/a").unwrap(),
                "helper desktop",
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for json in [
            r#"{"auths":{"r.example.com":{"auth":"hunter2"}}}"#,
            r#"{"auths":{"r.example.com":{"auth":["hunter2"]}}}"#,
            r#"{"auths":{"r.example.com":"hunter2"}}"#,
            r#"{"auths":{"r.example.com":{"auth":"aHVudGVyMg=="}}}"#,
            r#"{"credsStore":"a/b"}"#,
            r#"{"credsStore":["hunter2"]}"#,
            r#"{"credHelpers":"hunter2"}"#,
            r#"{"credHelpers":{"r.example.com":{"a":"hunter2"}}}"#,
            r#"{"auths":["hunter2"]}"#,
            r#"["hunter2"]"#,
            r#""hunter2""#,
            r#"{"auths":{"r.example.com":{"auth":"dTpw","identitytoken":{"hunter2":1}}}}"#,
            r#"{"auths":{"#,
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
