//! Registries: docker-registry with each kind of protection, and crane's as a second opinion.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::{run, tool, Service};
use crate::token::TokenServer;

/// Which registry, and how it is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// docker-registry, open to all in plain HTTP.
    Plain,
    /// The same, and it takes no pushes.
    ReadOnly,
    /// docker-registry behind TLS with an authority of its own, see [`Registry::ca`].
    Tls,
    /// docker-registry that asks for a password.
    Basic,
    /// docker-registry that asks for tokens of a [`TokenServer`].
    Token,
    /// `crane registry serve`, open to all.
    Crane,
}

/// A user of the registries that know users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            user: "release".into(),
            password: "correct horse: battery staple".into(),
        }
    }
}

/// A registry that serves until it is dropped.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    kind: Kind,
    login: Login,
    folder: tempfile::TempDir,
    token_server: Option<TokenServer>,
    _service: Service,
}

impl Registry {
    /// Start one, empty.
    pub fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the registry");
        Self::start_in(kind, folder)
    }

    /// The same registry again in another way, with what the first one holds.
    pub fn again(self, kind: Kind) -> Self {
        let Self {
            folder, _service, ..
        } = self;
        drop(_service);
        Self::start_in(kind, folder)
    }

    fn start_in(kind: Kind, folder: tempfile::TempDir) -> Self {
        let login = Login::default();
        let token_server = (kind == Kind::Token).then(|| TokenServer::start(&login));
        // Another program may take the port between its choice and its use.
        for _ in 0..20 {
            let address = free_port();
            let mut command = match kind {
                Kind::Crane => {
                    let data = folder.path().join("crane");
                    std::fs::create_dir_all(&data).expect("a folder for blobs");
                    let mut command = Command::new(tool("crane"));
                    command
                        .args(["registry", "serve", "--address", &address.to_string()])
                        .arg("--disk")
                        .arg(data);
                    command
                }
                kind => {
                    let config = folder.path().join("config.yml");
                    let text =
                        configure(folder.path(), kind, address, &login, token_server.as_ref());
                    std::fs::write(&config, text).expect("the configuration");
                    let mut command = Command::new(tool("docker-registry"));
                    command.arg("serve").arg(config);
                    command
                }
            };
            let ready = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok();
            if let Some(mut service) = Service::start(&mut command, ready) {
                service.drain();
                return Self {
                    address,
                    kind,
                    login,
                    folder,
                    token_server,
                    _service: service,
                };
            }
        }
        panic!("no port stays free long enough for a registry");
    }

    /// `127.0.0.1:PORT`, the registry in references.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `127.0.0.1:PORT/NAME`.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// The address of its API, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = if self.kind == Kind::Tls {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the authority that [`Kind::Tls`] is to be believed by.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Whom it knows, if it asks.
    pub fn login(&self) -> Option<&Login> {
        matches!(self.kind, Kind::Basic | Kind::Token).then_some(&self.login)
    }

    /// The token server of [`Kind::Token`].
    pub fn token_server(&self) -> Option<&TokenServer> {
        self.token_server.as_ref()
    }

    /// A file as `docker login` writes it, in a folder for `DOCKER_CONFIG`.
    pub fn docker_config(&self) -> PathBuf {
        use base64::Engine;
        let folder = self.folder.path().join("docker");
        std::fs::create_dir_all(&folder).expect("a folder for the login");
        let auth = self.login().map(|login| {
            let pair = format!("{}:{}", login.user, login.password);
            base64::engine::general_purpose::STANDARD.encode(pair)
        });
        let auths = match auth {
            Some(auth) => serde_json::json!({ self.host(): { "auth": auth } }),
            None => serde_json::json!({}),
        };
        std::fs::write(
            folder.join("config.json"),
            serde_json::json!({ "auths": auths }).to_string(),
        )
        .expect("the login");
        folder
    }

    /// The folder of what docker-registry stores, to look into or to damage.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The file of a blob in that folder, by its digest in hexadecimal.
    pub fn blob_file(&self, hex: &str) -> PathBuf {
        self.storage()
            .join("docker/registry/v2/blobs/sha256")
            .join(&hex[..2])
            .join(hex)
            .join("data")
    }
}

/// A port of loopback that nobody listens on.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}

fn configure(
    folder: &Path,
    kind: Kind,
    address: SocketAddr,
    login: &Login,
    token_server: Option<&TokenServer>,
) -> String {
    let data = folder.join("data");
    let read_only = kind == Kind::ReadOnly;
    let mut text = format!(
        "version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {}
  cache:
    blobdescriptor: inmemory
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
    readonly:
      enabled: {read_only}
http:
  addr: {address}
  secret: of-a-test
",
        data.display()
    );
    let mut add = |more: String| text.write_str(&more).expect("text grows");
    match kind {
        Kind::Tls => {
            make_certificates(folder);
            add(format!(
                "  tls:\n    certificate: {0}/server.pem\n    key: {0}/server.key\n",
                folder.display()
            ));
        }
        Kind::Basic => {
            let file = folder.join("htpasswd");
            std::fs::write(&file, htpasswd(login)).expect("the passwords");
            add(format!(
                "auth:\n  htpasswd:\n    realm: testbed\n    path: {}\n",
                file.display()
            ));
        }
        Kind::Token => {
            let server = token_server.expect("a token server");
            add(format!(
                "auth:\n  token:\n    realm: {}\n    service: {}\n    issuer: {}\n    rootcertbundle: {}\n",
                server.realm(),
                TokenServer::SERVICE,
                TokenServer::ISSUER,
                server.certificate().display()
            ));
        }
        Kind::Plain | Kind::ReadOnly | Kind::Crane => {}
    }
    text
}

/// The line of a user, with the password by standard input.
fn htpasswd(login: &Login) -> String {
    let mut child = Command::new(tool("htpasswd"))
        .args(["-n", "-i", "-B", "-C", "5", &login.user])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("htpasswd");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(login.password.as_bytes())
        .expect("its input");
    let output = child.wait_with_output().expect("htpasswd");
    assert!(output.status.success(), "htpasswd: {}", output.status);
    String::from_utf8(output.stdout).expect("a line of text")
}

/// An authority, and a certificate for loopback that it signed.
fn make_certificates(folder: &Path) {
    let openssl = |arguments: &[&str]| {
        run(Command::new(tool("openssl"))
            .args(arguments)
            .current_dir(folder))
    };
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=testbed authority",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    ]);
    openssl(&[
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ]);
    std::fs::write(
        folder.join("server.ext"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n",
    )
    .expect("the names of the certificate");
    openssl(&[
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "server.ext",
        "-out",
        "server.pem",
    ]);
}
