//! Credentials as users have them: in the files of Docker and Podman, from credential
//! helpers, from the environment, from netrc.
//!
//! Sources are asked in this order, and only after a registry has refused an anonymous
//! request (Bazel's helpers, which are named on the command line, are asked before):
//!
//! 1. credential helpers in Bazel's protocol whose pattern covers the host,
//! 2. `VERBATIM_REGISTRY_USER` and `VERBATIM_REGISTRY_PASSWORD` (or `VERBATIM_REGISTRY_TOKEN`)
//!    for the host that `VERBATIM_REGISTRY` names,
//! 3. the files of Docker and Podman: `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG`, and the usual
//!    places; in each its helper for the host, its entries, its store,
//! 4. netrc.
//!
//! The first that knows the registry is used; none of them is written to.

mod file;
mod helper;
mod netrc;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use http::header::HeaderName;

use crate::error::Error;
use crate::host::{HostPort, Url};
use crate::scope::Scope;
use crate::secret::Secret;
use crate::waiting::Waiting;
use verbatim_foreign::{excerpt, printable_path};
use verbatim_naming::{canonical_host, login_name};

/// What a registry can be told.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// A user and a password.
    Basic { user: String, password: Secret },
    /// A refresh token for the token server.
    Identity(Secret),
    /// A token for the registry itself.
    Token(Secret),
    /// Headers, as Bazel's credential helpers give them.
    Headers(Vec<(HeaderName, Secret)>),
}

/// A program that knows credentials, in Bazel's protocol, and for which hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialHelper {
    pattern: Option<Pattern>,
    program: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    host: HostPort,
    /// Hosts below it, and not itself.
    below: bool,
}

impl FromStr for CredentialHelper {
    type Err = Error;

    /// `PROGRAM` or `PATTERN=PROGRAM`, with a host or `*.HOST` as the pattern.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (pattern, program) = match text.split_once('=') {
            Some((pattern, program)) => {
                let (host, below) = match pattern.strip_prefix("*.") {
                    Some(host) => (host, true),
                    None => (pattern, false),
                };
                let host = host.parse()?;
                (Some(Pattern { host, below }), program)
            }
            None => (None, text),
        };
        if program.is_empty() {
            return Err(Error::Options(format!(
                "`{}` names no program; write PROGRAM or HOST=PROGRAM",
                excerpt(text, 200)
            )));
        }
        Ok(Self {
            pattern,
            program: program.into(),
        })
    }
}

impl CredentialHelper {
    /// How well it fits a host; `None` if it is not for that.
    fn fit(&self, host: &HostPort) -> Option<usize> {
        let Some(pattern) = &self.pattern else {
            return Some(0);
        };
        let port = pattern.host.port().is_none() || pattern.host.port() == host.port();
        let fits = if pattern.below {
            host.host()
                .strip_suffix(pattern.host.host())
                .is_some_and(|rest| rest.ends_with('.'))
        } else {
            canonical_host(host.host()) == canonical_host(pattern.host.host())
        };
        let exact = if pattern.below { 0 } else { 1000 };
        (port && fits).then(|| 1 + exact + pattern.host.host().len())
    }
}

type Variables = dyn Fn(&str) -> Option<OsString> + Send + Sync;
/// What a source said, and until when that holds.
type Kept = Option<(Option<Credential>, Option<Instant>)>;
/// Whoever needs it first looks for it, the others wait.
type Slot = Arc<tokio::sync::Mutex<Kept>>;
/// Host and path.
type Place = (String, String);

/// Where credentials are looked for; by default where the process's environment says.
#[derive(Clone)]
pub struct Credentials {
    variables: Arc<Variables>,
    helpers: Vec<CredentialHelper>,
    kept: Arc<Mutex<HashMap<Place, Slot>>>,
    helper_kept: helper::Answers,
}

impl Default for Credentials {
    fn default() -> Self {
        Self::new(|name| std::env::var_os(name))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("helpers", &self.helpers)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Look where these environment variables say.
    pub fn new(variables: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self {
            variables: Arc::new(variables),
            helpers: Vec::new(),
            kept: Arc::default(),
            helper_kept: helper::Answers::default(),
        }
    }

    /// None at all: every registry is asked anonymously.
    pub fn none() -> Self {
        Self::new(|_| None)
    }

    /// Ask these programs first.
    pub fn with_helpers(mut self, helpers: Vec<CredentialHelper>) -> Self {
        self.helpers = helpers;
        self
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.variable(name)?.into_string().ok()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from)
    }

    /// What to tell a registry that asks who we are.
    pub(crate) async fn of(
        &self,
        scope: &Scope,
        home: &Url,
        patience: Duration,
    ) -> Result<Option<Credential>, Error> {
        let slot = self.slot((scope.host.clone(), scope.path.clone()));
        let mut slot = slot.lock().await;
        if let Some((credential, until)) = &*slot {
            if until.is_none_or(|until| until > Instant::now()) {
                return Ok(credential.clone());
            }
        }
        let (credential, until) = self.look(scope, home, patience).await?;
        *slot = Some((credential.clone(), until));
        Ok(credential)
    }

    async fn look(
        &self,
        scope: &Scope,
        home: &Url,
        patience: Duration,
    ) -> Result<(Option<Credential>, Option<Instant>), Error> {
        if let Some(program) = self.helper(&home.host) {
            let path = self.find(program)?;
            let address = format!("/v2/{}/", scope.path);
            let address = Url::new(home.scheme, home.host.clone(), &address);
            let (headers, until) = helper::bazel(&path, &address, patience).await?;
            if !headers.is_empty() {
                return Ok((Some(Credential::Headers(headers)), Some(until)));
            }
        }
        let host: HostPort = scope.host.parse()?;
        if let Some(credential) = self.of_variables(&host)? {
            return Ok((Some(credential), None));
        }
        for path in self.files() {
            let Some(file) = file::AuthFile::read(&path)? else {
                continue;
            };
            let found = match file.find(scope)? {
                file::Found::Nothing => None,
                file::Found::Credential(credential) => Some(credential),
                file::Found::Helper(name) => {
                    let program = self.find(&PathBuf::from(format!("docker-credential-{name}")))?;
                    self.helper_kept
                        .docker(&program, login_name(&scope.host), patience)
                        .await?
                }
            };
            if found.is_some() {
                return Ok((found, None));
            }
        }
        let path = self
            .path("NETRC")
            .or_else(|| Some(self.path("HOME")?.join(".netrc")));
        let found = match path {
            Some(path) => netrc::find(&path, host.host())?,
            None => None,
        };
        Ok((found, None))
    }

    /// What goes with a request before a registry has asked: only what the user named a
    /// program for.
    pub(crate) async fn preemptive(
        &self,
        scope: &Scope,
        home: &Url,
        patience: Duration,
    ) -> Result<Vec<(HeaderName, Secret)>, Error> {
        if self.helper(&home.host).is_none() {
            return Ok(Vec::new());
        }
        match self.of(scope, home, patience).await? {
            Some(Credential::Headers(headers)) => Ok(headers),
            _ => Ok(Vec::new()),
        }
    }

    /// What the user's program in Bazel's protocol says of an address, where one is named for its
    /// host; nothing else is asked.
    pub fn of_helper<'a>(
        &'a self,
        address: &'a Url,
        patience: Duration,
    ) -> Waiting<'a, Result<Vec<(HeaderName, Secret)>, Error>> {
        Box::pin(async move {
            let Some(program) = self.helper(&address.host) else {
                return Ok(Vec::new());
            };
            let slot = self.slot((address.to_string(), String::new()));
            let mut slot = slot.lock().await;
            if let Some((Some(Credential::Headers(headers)), Some(until))) = &*slot {
                if *until > Instant::now() {
                    return Ok(headers.clone());
                }
            }
            let program = self.find(program)?;
            let (headers, until) = helper::bazel(&program, address, patience).await?;
            *slot = Some((Some(Credential::Headers(headers.clone())), Some(until)));
            Ok(headers)
        })
    }

    fn slot(&self, place: Place) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry(place).or_default())
    }

    /// The program that fits a host best; of two that fit as well the later one.
    fn helper(&self, host: &HostPort) -> Option<&PathBuf> {
        self.helpers
            .iter()
            .filter_map(|helper| Some((helper.fit(host)?, &helper.program)))
            .max_by_key(|(fit, _)| *fit)
            .map(|(_, program)| program)
    }

    fn of_variables(&self, host: &HostPort) -> Result<Option<Credential>, Error> {
        let Some(named) = self.text("VERBATIM_REGISTRY") else {
            return Ok(None);
        };
        // Without the value: somebody may have put the password there.
        let named: HostPort = named.parse().map_err(|_| {
            Error::Credentials(
                "VERBATIM_REGISTRY is no host; write HOST or HOST:PORT, and nothing before or after it".into(),
            )
        })?;
        if canonical_host(&named.to_string()) != canonical_host(&host.to_string()) {
            return Ok(None);
        }
        if let Some(token) = self.text("VERBATIM_REGISTRY_TOKEN") {
            return Ok(Some(Credential::Token(Secret::new(token))));
        }
        match (
            self.text("VERBATIM_REGISTRY_USER"),
            self.text("VERBATIM_REGISTRY_PASSWORD"),
        ) {
            (Some(user), Some(password)) => Ok(Some(Credential::Basic {
                user,
                password: Secret::new(password),
            })),
            (None, None) => Ok(None),
            _ => Err(Error::Credentials(
                "of VERBATIM_REGISTRY_USER and VERBATIM_REGISTRY_PASSWORD one is set alone; set both".into(),
            )),
        }
    }

    /// The files of Docker and Podman, what the user named first.
    fn files(&self) -> Vec<PathBuf> {
        let home = self.path("HOME");
        let mut files = Vec::new();
        files.extend(self.path("REGISTRY_AUTH_FILE"));
        files.extend(
            self.path("DOCKER_CONFIG")
                .map(|folder| folder.join("config.json")),
        );
        let folders = [
            self.path("XDG_RUNTIME_DIR"),
            self.path("XDG_CONFIG_HOME")
                .or_else(|| Some(home.as_ref()?.join(".config"))),
        ];
        files.extend(
            folders
                .into_iter()
                .flatten()
                .map(|folder| folder.join("containers/auth.json")),
        );
        files.extend(home.map(|home| home.join(".docker/config.json")));
        files
    }

    /// A program by its path, or by its name along `PATH`.
    fn find(&self, program: &PathBuf) -> Result<PathBuf, Error> {
        if program.components().count() > 1 {
            return Ok(program.clone());
        }
        let path = self.variable("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|folder| folder.join(program))
            .find(|file| file.is_file())
            .ok_or_else(|| {
                Error::Credentials(format!(
                    "the credential helper {} is not on the PATH; install it, or remove it from the configuration",
                    printable_path(program)
                ))
            })
    }
}

/// The value of `Authorization` for Basic (RFC 7617).
pub(crate) fn basic(user: &str, password: &str) -> Secret {
    let pair = zeroize::Zeroizing::new(format!("{user}:{password}"));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    fn credentials(variables: &[(&str, &Path)]) -> Credentials {
        let all: BTreeMap<String, OsString> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_os_str().to_owned()))
            .collect();
        Credentials::new(move |name| all.get(name).cloned())
    }

    async fn look(
        credentials: &Credentials,
        repository: &str,
    ) -> Result<Option<Credential>, Error> {
        let scope = Scope::of(repository);
        let home = Url::parse(&format!("https://{}/", scope.host)).unwrap();
        credentials.of(&scope, &home, Duration::from_secs(5)).await
    }

    async fn user(credentials: &Credentials, repository: &str) -> Option<String> {
        match look(credentials, repository).await.unwrap() {
            Some(Credential::Basic { user, password }) => {
                Some(format!("{user}:{}", password.expose()))
            }
            Some(other) => Some(format!("{other:?}")),
            None => None,
        }
    }

    fn auth(user: &str) -> String {
        format!("{{\"auth\":\"{}\"}}", STANDARD.encode(format!("{user}:pw")))
    }

    #[cfg(unix)]
    fn program(path: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn the_order_of_sources() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        let entry = |user: &str| format!("{{\"auths\":{{\"r.example.com\":{}}}}}", auth(user));
        fs::write(
            at("home/.netrc"),
            "machine r.example.com login netrc password pw\n",
        )
        .unwrap();
        let home = dir.path().join("home");
        let mut variables: Vec<(&str, PathBuf)> = vec![("HOME", home)];
        let check = |variables: &[(&str, PathBuf)]| {
            let borrowed: Vec<(&str, &Path)> =
                variables.iter().map(|(n, v)| (*n, v.as_path())).collect();
            credentials(&borrowed)
        };
        let name = "r.example.com/a";
        assert_eq!(user(&check(&variables), name).await.unwrap(), "netrc:pw");
        fs::write(at("home/.docker/config.json"), entry("docker")).unwrap();
        assert_eq!(user(&check(&variables), name).await.unwrap(), "docker:pw");
        fs::write(at("home/.config/containers/auth.json"), entry("podman")).unwrap();
        assert_eq!(user(&check(&variables), name).await.unwrap(), "podman:pw");
        fs::write(at("run/containers/auth.json"), entry("runtime")).unwrap();
        variables.push(("XDG_RUNTIME_DIR", dir.path().join("run")));
        assert_eq!(user(&check(&variables), name).await.unwrap(), "runtime:pw");
        fs::write(at("d/config.json"), entry("named")).unwrap();
        variables.push(("DOCKER_CONFIG", dir.path().join("d")));
        assert_eq!(user(&check(&variables), name).await.unwrap(), "named:pw");
        fs::write(at("auth.json"), entry("file")).unwrap();
        variables.push(("REGISTRY_AUTH_FILE", dir.path().join("auth.json")));
        assert_eq!(user(&check(&variables), name).await.unwrap(), "file:pw");
        variables.push(("VERBATIM_REGISTRY", "r.example.com".into()));
        variables.push(("VERBATIM_REGISTRY_USER", "env".into()));
        assert!(look(&check(&variables), name).await.is_err());
        variables.push(("VERBATIM_REGISTRY_PASSWORD", "pw".into()));
        assert_eq!(user(&check(&variables), name).await.unwrap(), "env:pw");
        // For one host, and no other.
        assert_eq!(user(&check(&variables), "o.example.com/a").await, None);
        assert_eq!(
            user(&check(&variables), "r.example.com:5000/a")
                .await
                .as_deref(),
            Some("netrc:pw")
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn helpers_of_docker() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        program(
            &dir.path().join("docker-credential-test"),
            &format!(
                "#!/bin/sh\nread -r server\necho \"$* $server\" >>{}\ncase $server in\nr.*) echo '{{\"Username\":\"u\",\"Secret\":\"s3cret\"}}' ;;\nt.*) echo '{{\"Username\":\"<token>\",\"Secret\":\"s3cret\"}}' ;;\nbad.*) echo s3cret; exit 1 ;;\nhang.*) sleep 60 ;;\nleft.*) echo '{{\"Username\":\"u\",\"Secret\":\"s3cret\"}}'; sleep 20 & ;;\nflood.*) while :; do echo s3cret; done ;;\n*) echo credentials not found in native keychain; exit 1 ;;\nesac\n",
                log.display()
            ),
        );
        fs::write(
            dir.path().join("config.json"),
            "{\"credsStore\":\"test\",\"credHelpers\":{\"evil.example.com\":\"../../x\",\"none.example.com\":\"absent\"}}",
        )
        .unwrap();
        let path =
            std::env::join_paths([dir.path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let credentials = credentials(&[("DOCKER_CONFIG", dir.path()), ("PATH", Path::new(&path))]);
        assert_eq!(
            user(&credentials, "r.example.com/a").await.unwrap(),
            "u:s3cret"
        );
        assert_eq!(
            user(&credentials, "r.example.com/b").await.unwrap(),
            "u:s3cret"
        );
        assert_eq!(
            user(&credentials, "t.example.com/a").await.unwrap(),
            "Identity([secret])"
        );
        assert_eq!(user(&credentials, "o.example.com/a").await, None);
        // Once for a registry, and the secret in no argument.
        assert_eq!(
            fs::read_to_string(&log).unwrap(),
            "get r.example.com\nget t.example.com\nget o.example.com\n"
        );
        for host in ["bad", "flood", "evil", "none"] {
            let error = look(&credentials, &format!("{host}.example.com/a"))
                .await
                .unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        // It has ended, and what it started keeps its output open.
        let began = Instant::now();
        let left = user(&credentials, "left.example.com/a").await;
        assert_eq!(left.as_deref(), Some("u:s3cret"));
        assert!(began.elapsed() < Duration::from_secs(5));
        let scope = Scope::of("hang.example.com/a");
        let home = Url::parse("https://hang.example.com/").unwrap();
        let began = Instant::now();
        let error = credentials
            .of(&scope, &home, Duration::from_millis(200))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("200ms"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn helpers_of_bazel() {
        let dir = tempfile::tempdir().unwrap();
        let helper = dir.path().join("helper");
        program(
            &helper,
            &format!(
                "#!/bin/sh\ncat >>{}\necho \" $*\" >>{0}\necho '{{\"headers\":{{\"Authorization\":[\"Bearer s3cret\"],\"X-Team\":[\"a\"]}},\"expires\":\"2999-01-01T00:00:00Z\"}}'\n",
                dir.path().join("log").display()
            ),
        );
        let one: CredentialHelper = format!("*.example.com={}", helper.display())
            .parse()
            .unwrap();
        let credentials = Credentials::none().with_helpers(vec![one]);
        match look(&credentials, "r.example.com/a").await.unwrap() {
            Some(Credential::Headers(headers)) => {
                assert_eq!(headers.len(), 2);
                assert_eq!(headers[0].1.expose(), "Bearer s3cret");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            fs::read_to_string(dir.path().join("log")).unwrap(),
            "{\"uri\":\"https://r.example.com/v2/a/\"} get\n"
        );
        assert_eq!(user(&credentials, "r.example.org/a").await, None);
    }

    #[test]
    fn patterns() {
        let fit = |pattern: &str, host: &str| {
            let helper: CredentialHelper = pattern.parse().unwrap();
            helper.fit(&host.parse().unwrap())
        };
        assert_eq!(fit("/bin/x", "a.example.com"), Some(0));
        assert!(fit("*.example.com=x", "a.example.com").is_some());
        assert_eq!(fit("*.example.com=x", "example.com"), None);
        assert_eq!(fit("*.example.com=x", "badexample.com"), None);
        assert!(
            fit("a.example.com=x", "a.example.com:5000")
                > fit("*.example.com=x", "a.example.com:5000")
        );
        assert_eq!(fit("a.example.com:5000=x", "a.example.com"), None);
        assert!("a.example.com=".parse::<CredentialHelper>().is_err());
    }
}
