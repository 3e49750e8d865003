//! A tiny HTTP/1.1 server that does what a test tells it, right or wrong.

// Each test file uses a part of it.
#![allow(dead_code)]

pub mod store;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use verbatim_net::{Credentials, Options as HttpOptions, Retries, Timeouts};
use verbatim_registry::{Options, Repository};

/// One request, as far as tests look at it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// How many came before it.
    pub number: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What to do after the bytes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Take the next request.
    Continue,
    /// Close the connection.
    Cut,
    /// Say nothing more, and keep it open.
    Hang,
}

/// The bytes to send.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Another `Content-Length` than the true one; `None` in it for no such header.
    pub length: Option<Option<u64>>,
    /// The pause before each byte of the body.
    pub drip: Option<Duration>,
    pub then: Then,
    /// These bytes in the place of a reply in HTTP.
    pub raw: Option<Vec<u8>>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            length: None,
            drip: None,
            then: Then::Continue,
            raw: None,
        }
    }

    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::status(200)
        }
    }

    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            raw: Some(bytes.into()),
            then: Then::Cut,
            ..Self::status(200)
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn length(mut self, length: Option<u64>) -> Self {
        self.length = Some(length);
        self
    }

    pub fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    pub fn drip(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }
}

type Behaviour = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server that runs until the test ends.
pub struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start(behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behaviour, seen) = (Arc::clone(&behaviour), Arc::clone(&all));
                std::thread::spawn(move || {
                    // A client that goes away ends the connection and nothing else.
                    let _ = serve(stream, &*behaviour, &seen);
                });
            }
        });
        Self { address, seen }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|r| r.path).collect()
    }
}

fn serve(
    stream: TcpStream,
    behaviour: &Behaviour,
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let mut request = Request {
            method: words.next().unwrap_or_default().to_owned(),
            path: words.next().unwrap_or_default().to_owned(),
            ..Request::default()
        };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim().split_once(':') {
                Some((name, value)) => request
                    .headers
                    .push((name.to_ascii_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        let length = request
            .header("content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0);
        request.body = vec![0; length];
        reader.read_exact(&mut request.body)?;
        {
            let mut seen = seen.lock().unwrap();
            request.number = seen.len();
            seen.push(request.clone());
        }
        let reply = behaviour(&request);
        if let Some(raw) = &reply.raw {
            writer.write_all(raw)?;
        } else {
            let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
            for (name, value) in &reply.headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            match reply.length.unwrap_or(Some(reply.body.len() as u64)) {
                Some(length) => head.push_str(&format!("Content-Length: {length}\r\n")),
                None => head.push_str("Connection: close\r\n"),
            }
            head.push_str("\r\n");
            writer.write_all(head.as_bytes())?;
            match reply.drip {
                Some(pause) => {
                    for byte in &reply.body {
                        std::thread::sleep(pause);
                        writer.write_all(&[*byte])?;
                    }
                }
                None => writer.write_all(&reply.body)?,
            }
        }
        match reply.then {
            Then::Continue => {}
            Then::Cut => return Ok(()),
            Then::Hang => {
                std::thread::sleep(Duration::from_secs(20));
                return Ok(());
            }
        }
    }
}

/// Options with which a test that waits is over soon.
pub fn quick() -> Options {
    with(quick_http())
}

/// Other options of HTTP, and the usual ones of registries.
pub fn with(http: HttpOptions) -> Options {
    Options {
        http,
        ..Options::default()
    }
}

/// The same for servers of any kind.
pub fn quick_http() -> HttpOptions {
    HttpOptions {
        certificate_folders: Vec::new(),
        credentials: Credentials::none(),
        timeouts: Timeouts {
            connect: Duration::from_millis(500),
            response: Duration::from_millis(300),
            idle: Duration::from_millis(200),
            window: Duration::from_millis(300),
            progress: 1 << 10,
            document: Duration::from_secs(1),
            helper: Duration::from_millis(500),
        },
        retries: Retries {
            attempts: 3,
            pause: Duration::from_millis(5),
            longest: Duration::from_millis(50),
            progress: 1 << 20,
        },
        ..HttpOptions::default()
    }
}

pub fn repository(server: &Server) -> Repository {
    format!("{}/acme/app", server.address()).parse().unwrap()
}

/// A manifest, as far as the client looks into it.
pub const MANIFEST: &[u8] =
    br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#;
