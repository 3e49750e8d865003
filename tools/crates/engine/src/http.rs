//! Requests to an engine's socket, by hyper: one a connection, with a body that is made while
//! it is sent.
//!
//! Who makes the body writes, and does not wait for anything else; so the connection lives on
//! a thread of its own.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::error::{said, Error};

/// An engine that is silent for longer is not there. Unpacking a large layer takes its time.
const SILENCE: Duration = Duration::from_secs(600);
/// The head of an answer.
const MAX_HEAD: usize = 64 << 10;
/// The body of an answer.
const MAX_BODY: usize = 64 << 20;
/// How much of a body is sent at a time, and how many of these wait.
const PIECE: usize = 1 << 18;
const WAITING: usize = 4;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// What the engine says of its failure.
    pub(crate) fn message(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Message {
            message: String,
        }
        let text = match serde_json::from_slice::<Message>(&self.body) {
            Ok(Message { message }) => message,
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        format!("{} {}", self.status, said(&text))
    }
}

/// Writes the body of a request.
pub(crate) type Body<'a> = &'a mut dyn FnMut(&mut dyn Write) -> Result<(), verbatim_oci::Error>;

/// Carry out a request. With a body it is sent in chunks, for its length is not known.
pub(crate) fn request(
    endpoint: &Endpoint,
    method: Method,
    target: &str,
    body: Option<Body<'_>>,
) -> Result<Answer, Error> {
    let failed = |failure: Failure| Error::Unreachable {
        place: endpoint.to_string(),
        why: failure.sentence(),
    };
    let (sender, receiver) = mpsc::channel(WAITING);
    let pieces = body.is_some().then(|| Pieces {
        receiver,
        taken: Arc::default(),
    });
    let (answer, made) = std::thread::scope(|scope| {
        let connection = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Failure::Io)?;
            runtime.block_on(exchange(endpoint, method, target, pieces))
        });
        let mut made = Ok(());
        if let Some(body) = body {
            let mut pipe = Pipe {
                sender,
                buffer: BytesMut::new(),
                closed: false,
            };
            let written = body(&mut pipe);
            made = pipe.end(written);
        }
        let answer = connection.join().unwrap_or_else(|_| {
            let ended = "the thread of the connection ended";
            Err(Failure::Io(io::Error::other(ended)))
        });
        (answer, made)
    });
    made?;
    answer.map_err(failed)
}

/// Why there is no answer.
#[derive(Debug)]
enum Failure {
    Io(io::Error),
    Http(hyper::Error),
    Silent,
    TooLarge,
}

impl Failure {
    fn sentence(&self) -> String {
        match self {
            Self::Io(e) => match e.kind() {
                io::ErrorKind::PermissionDenied => {
                    "its socket may not be opened by this user; join its group, or use its rootless form".into()
                }
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    "nobody listens there; start the engine's service".into()
                }
                _ => format!("the connection failed: {e}"),
            },
            Self::Http(e) if e.is_parse() => "its answer is not HTTP".into(),
            Self::Http(e) if e.is_incomplete_message() => {
                "it ended without an answer in HTTP".into()
            }
            Self::Http(e) => format!("the connection failed: {e}"),
            Self::Silent => format!("it was silent for {} seconds", SILENCE.as_secs()),
            Self::TooLarge => format!("its answer has more than {MAX_BODY} bytes"),
        }
    }
}

async fn exchange(
    endpoint: &Endpoint,
    method: Method,
    target: &str,
    pieces: Option<Pieces>,
) -> Result<Answer, Failure> {
    let stream = UnixStream::connect(&endpoint.socket)
        .await
        .map_err(Failure::Io)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::Http)?;
    // It ends with the runtime.
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(&method)
        .uri(target)
        .header(header::HOST, "engine")
        .header(header::USER_AGENT, "verbatim")
        .header(header::CONNECTION, "close");
    let taken = pieces.as_ref().map(|pieces| Arc::clone(&pieces.taken));
    if pieces.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/x-tar");
    } else if method == Method::POST {
        request = request.header(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let body = match pieces {
        Some(pieces) => pieces.boxed(),
        None => http_body_util::Empty::new()
            .map_err(|never| match never {})
            .boxed(),
    };
    let request = request
        .body(body)
        .map_err(|e| Failure::Io(io::Error::other(e)))?;
    let answering = sender.send_request(request);
    tokio::pin!(answering);
    let mut before = 0;
    let response = loop {
        match timeout(SILENCE, &mut answering).await {
            Ok(response) => break response.map_err(Failure::Http)?,
            Err(_) => {
                // As long as it takes what is sent, it is there.
                let now = taken
                    .as_ref()
                    .map_or(0, |taken| taken.load(Ordering::Relaxed));
                if now == before {
                    return Err(Failure::Silent);
                }
                before = now;
            }
        }
    };
    let status = response.status().as_u16();
    let body = whole(response.into_body()).await?;
    Ok(Answer { status, body })
}

async fn whole(mut incoming: Incoming) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        let frame = timeout(SILENCE, incoming.frame())
            .await
            .map_err(|_| Failure::Silent)?;
        let Some(frame) = frame else {
            return Ok(body);
        };
        if let Ok(data) = frame.map_err(Failure::Http)?.into_data() {
            if body.len() + data.len() > MAX_BODY {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&data);
        }
    }
}

/// The pieces of a body, as they are made.
struct Pieces {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    taken: Arc<AtomicU64>,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.receiver.poll_recv(cx).map(|piece| {
            self.taken.fetch_add(1, Ordering::Relaxed);
            piece.map(|piece| piece.map(Frame::data))
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Where the body is written to.
struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: BytesMut,
    /// The engine does not listen any more; its answer says why.
    closed: bool,
}

impl Pipe {
    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = self.buffer.split().freeze();
        self.sender.blocking_send(Ok(piece)).map_err(|_| {
            self.closed = true;
            io::ErrorKind::BrokenPipe.into()
        })
    }

    /// What became of making the body; one that was not made must not look whole.
    fn end(mut self, made: Result<(), verbatim_oci::Error>) -> Result<(), Error> {
        match made {
            Ok(()) => {
                let _ = self.send();
                Ok(())
            }
            Err(_) if self.closed => Ok(()),
            Err(error) => {
                let cut = io::Error::other("the body was not made");
                let _ = self.sender.blocking_send(Err(cut));
                Err(error.into())
            }
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= PIECE {
            self.send()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::endpoint::Engine;

    /// An engine that gives one answer after so many bytes of a body, or all of it, and what it was sent.
    fn ask(
        answer: &'static [u8],
        reading: Option<usize>,
        body: Option<Body<'_>>,
    ) -> (Result<Answer, Error>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let engine = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut sent = Vec::new();
            while !sent.ends_with(b"\r\n\r\n") {
                if reader.read_until(b'\n', &mut sent).unwrap() == 0 {
                    return sent;
                }
            }
            match reading {
                Some(count) => {
                    let mut read = vec![0; count];
                    reader.read_exact(&mut read).unwrap();
                    sent.extend(read);
                }
                None => {
                    while !sent.ends_with(b"\r\n0\r\n\r\n") {
                        assert!(reader.read_until(b'\n', &mut sent).unwrap() > 0);
                    }
                }
            }
            let _ = reader.get_mut().write_all(answer);
            sent
        });
        let endpoint = Endpoint {
            engine: Engine::Docker,
            socket,
            namespace: String::new(),
        };
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let answer = request(&endpoint, method, "/images/x%2Fy/json", body);
        (answer, engine.join().unwrap())
    }

    fn answered(answer: &'static [u8]) -> Result<(u16, String), Error> {
        ask(answer, Some(0), None)
            .0
            .map(|a| (a.status, String::from_utf8_lossy(&a.body).into_owned()))
    }

    #[test]
    fn answers_of_every_form() {
        for (answer, status, body) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc"[..], 200, "ab"),
            (
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\n\r\nall",
                404,
                "all",
            ),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
                200,
                "abcd",
            ),
        ] {
            assert_eq!(answered(answer).unwrap(), (status, body.to_owned()));
        }
        let long = vec![b'x'; 1 << 20].leak();
        for answer in [
            &b""[..],
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
            long,
        ] {
            let error = answered(answer).unwrap_err();
            assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        }
    }

    #[test]
    fn a_body_is_sent_while_it_is_made() {
        let data = vec![7; 700_000];
        let mut write = |out: &mut dyn Write| {
            out.write_all(&data).unwrap();
            Ok(())
        };
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let (answer, sent) = ask(answer, None, Some(&mut write));
        assert_eq!(answer.unwrap().body, b"ok");
        let sent = String::from_utf8_lossy(&sent).to_ascii_lowercase();
        assert!(sent.starts_with("post /images/x%2fy/json http/1.1\r\n"));
        assert!(sent.contains("transfer-encoding: chunked\r\n"));
    }

    #[test]
    fn who_refuses_early_is_heard() {
        let mut write = |out: &mut dyn Write| loop {
            out.write_all(&[7; 65_536])
                .map_err(|e| verbatim_oci::Error::io("engine", "cannot be written", e))?;
        };
        let answer = b"HTTP/1.1 507 Full\r\nContent-Length: 19\r\n\r\n{\"message\":\"full\"}\n";
        let (answer, _) = ask(answer, Some(100_000), Some(&mut write));
        assert_eq!(answer.unwrap().message(), "507 full");
    }

    #[test]
    fn what_cannot_be_made_is_not_sent_as_whole() {
        let mut write = |out: &mut dyn Write| {
            out.write_all(b"half").unwrap();
            let gone = io::Error::from(io::ErrorKind::NotFound);
            Err(verbatim_oci::Error::io("layer", "cannot be read", gone))
        };
        let (answer, _) = ask(b"", Some(0), Some(&mut write));
        assert!(matches!(answer, Err(Error::Image(_))));
    }

    #[test]
    fn nobody_there() {
        let endpoint = Endpoint {
            engine: Engine::Podman,
            socket: "/nonexistent/podman.sock".into(),
            namespace: String::new(),
        };
        let error = request(&endpoint, Method::GET, "/version", None).unwrap_err();
        assert!(error.to_string().contains("nobody listens"), "{error}");
    }
}
