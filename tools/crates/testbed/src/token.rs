//! A token server, as docker-registry wants one (JSON Web Tokens signed by RS256, the
//! certificate in the header).

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::Engine;
use serde_json::json;

use crate::process::{run, tool};
use crate::registry::Login;

/// Gives tokens to its one user for all that is asked for, and to others for reading what
/// stands below `public/`.
#[derive(Debug)]
pub struct TokenServer {
    address: SocketAddr,
    folder: Arc<tempfile::TempDir>,
    /// The queries of all requests.
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

struct Signer {
    folder: Arc<tempfile::TempDir>,
    /// The certificate without its armour.
    certificate: String,
    authorization: String,
}

impl TokenServer {
    /// For whom its tokens are.
    pub const SERVICE: &'static str = "testbed-registry";
    /// Who it is in its tokens.
    pub const ISSUER: &'static str = "testbed-issuer";

    /// Start one that knows this user.
    pub fn start(login: &Login) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder for the token server"));
        run(Command::new(tool("openssl"))
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=testbed-issuer",
                "-keyout",
                "token.key",
                "-out",
                "token.pem",
            ])
            .current_dir(folder.path()));
        let pem = std::fs::read_to_string(folder.path().join("token.pem")).expect("a certificate");
        let signer = Signer {
            folder: Arc::clone(&folder),
            certificate: pem
                .lines()
                .filter(|line| !line.starts_with("-----"))
                .collect(),
            authorization: format!(
                "Basic {}",
                STANDARD.encode(format!("{}:{}", login.user, login.password))
            ),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self {
            address: listener.local_addr().expect("its address"),
            folder,
            asked: Arc::default(),
            stop: Arc::default(),
        };
        let (asked, stop) = (Arc::clone(&server.asked), Arc::clone(&server.stop));
        let signer = Arc::new(signer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (asked, signer) = (Arc::clone(&asked), Arc::clone(&signer));
                std::thread::spawn(move || {
                    // A client that goes away ends its connection, and nothing else.
                    let _ = serve(stream, &signer, &asked);
                });
            }
        });
        server
    }

    /// Where tokens are asked for.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// The certificate that its signatures are checked by.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("token.pem")
    }

    /// The queries of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the list").clone()
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the one who waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, signer: &Signer, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let mut authorization = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.trim().to_owned());
            }
            Some(_) => {}
            None => break,
        }
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    asked.lock().expect("the list").push(query.to_owned());
    let (status, body) = match authorization {
        Some(given) if given != signer.authorization => (
            "401 Unauthorized",
            json!({"errors": [{"code": "UNAUTHORIZED", "message": "wrong user or password"}]}),
        ),
        given => {
            let token = signer.token(query, given.is_some());
            ("200 OK", json!({"token": token, "expires_in": 300}))
        }
    };
    let body = body.to_string();
    write!(
        writer,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

impl Signer {
    fn token(&self, query: &str, known: bool) -> String {
        let mut access = Vec::new();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = unescaped(value);
            if name != "scope" {
                continue;
            }
            // One parameter may hold several scopes.
            for scope in value.split(' ') {
                let mut parts = scope.splitn(3, ':');
                let (Some(kind), Some(name), Some(actions)) =
                    (parts.next(), parts.next(), parts.next())
                else {
                    continue;
                };
                let actions: Vec<&str> = actions
                    .split(',')
                    .filter(|action| known || (*action == "pull" && name.starts_with("public/")))
                    .collect();
                access.push(json!({"type": kind, "name": name, "actions": actions}));
            }
        }
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("a clock")
            .as_secs();
        let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [self.certificate]});
        let claims = json!({
            "iss": TokenServer::ISSUER,
            "sub": if known { "release" } else { "" },
            "aud": TokenServer::SERVICE,
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now - 10,
            "jti": now.to_string(),
            "access": access,
        });
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = sign(self.folder.path(), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn sign(folder: &Path, data: &[u8]) -> Vec<u8> {
    let mut child = Command::new(tool("openssl"))
        .args(["dgst", "-sha256", "-sign", "token.key", "-binary"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(data)
        .expect("its input");
    let output = child.wait_with_output().expect("openssl");
    assert!(output.status.success(), "openssl dgst: {}", output.status);
    output.stdout
}

/// `%3A` and `+` as a query has them.
fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (code, bytes[at]) {
            (Some(code), _) => {
                out.push(code);
                at += 3;
            }
            (None, b'+') => {
                out.push(b' ');
                at += 1;
            }
            (None, byte) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
