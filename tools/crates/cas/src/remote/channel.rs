//! The connection to a server: one, made when it is needed, left when it is old.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::client::Grpc;
use tower_service::Service;
use verbatim_net::{Client, Scheme};

use crate::address::Way;
use crate::caches::Pooled;
use crate::error::{Error, ErrorKind};

/// Headers of an answer, trailers among them.
const MAX_HEADERS: u32 = 64 << 10;
/// Bytes of one stream, and of all, that wait to be read.
const WINDOW: u32 = 1 << 20;
const ALL_WINDOWS: u32 = 4 << 20;

/// The way to one server.
#[derive(Debug)]
pub(crate) struct Channel {
    name: String,
    way: Way,
    http: Client,
    pooled: Pooled,
    live: Mutex<Option<Live>>,
}

#[derive(Debug)]
struct Live {
    sender: http2::SendRequest<Body>,
    born: Instant,
    used: Used,
}

/// When a connection was last of use.
#[derive(Debug, Clone)]
pub(crate) struct Used(Arc<BlockingMutex<Instant>>);

impl Used {
    fn new() -> Self {
        Self(Arc::new(BlockingMutex::new(Instant::now())))
    }

    /// It has just brought something.
    pub(crate) fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn ago(&self) -> Duration {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

impl Channel {
    pub(crate) fn new(name: &str, way: Way, http: Client, pooled: Pooled) -> Self {
        Self {
            name: name.to_owned(),
            way,
            http,
            pooled,
            live: Mutex::new(None),
        }
    }

    /// Something that calls can be made by: the connection that is there, or a new one.
    ///
    /// What was idle for long is not used: whoever stands between may have forgotten it, and
    /// would answer nothing. What is old is left to those that still read from it.
    pub(crate) async fn calls(&self) -> Result<(Grpc<Connection>, Used), Error> {
        let mut live = self.live.lock().await;
        let good = live.as_ref().is_some_and(|live| {
            !live.sender.is_closed()
                && live.born.elapsed() < self.pooled.age
                && live.used.ago() < self.pooled.idle
        });
        if !good {
            *live = None;
            let sender = self.connect().await?;
            *live = Some(Live {
                sender,
                born: Instant::now(),
                used: Used::new(),
            });
        }
        let Some(live) = &*live else {
            return Err(self.cut("it is gone"));
        };
        live.used.now();
        let connection = Connection {
            sender: live.sender.clone(),
        };
        Ok((
            Grpc::with_origin(connection, self.origin()),
            live.used.clone(),
        ))
    }

    /// Make a new connection for the next call: this one failed.
    pub(crate) async fn leave(&self) {
        *self.live.lock().await = None;
    }

    fn cut(&self, why: &str) -> Error {
        Error::transient(&self.name, format!("the connection failed: {why}"))
    }

    fn origin(&self) -> Uri {
        let text = match &self.way {
            Way::Host(Scheme::Http, host) => format!("http://{host}"),
            Way::Host(Scheme::Https, host) => format!("https://{host}"),
            Way::Socket(_) => "http://localhost".to_owned(),
        };
        text.parse().unwrap_or_default()
    }

    async fn connect(&self) -> Result<http2::SendRequest<Body>, Error> {
        match &self.way {
            Way::Host(scheme, host) => {
                let stream = self.http.connect(*scheme, host).await.map_err(|error| {
                    let why = error.to_string();
                    match error {
                        verbatim_net::Error::Unreachable {
                            why,
                            transient: true,
                            ..
                        } => Error::transient(&self.name, why),
                        verbatim_net::Error::Unreachable { why, .. } => {
                            Error::new(ErrorKind::Unreachable, &self.name, why)
                        }
                        _ => Error::new(ErrorKind::Unreachable, &self.name, why),
                    }
                })?;
                if stream.chose_http1() {
                    return Err(Error::new(
                        ErrorKind::Wrong,
                        &self.name,
                        "speaks HTTP/1.1, and gRPC needs HTTP/2; name the port of its gRPC service",
                    ));
                }
                self.handshake(stream).await
            }
            Way::Socket(path) => {
                let patience = self.http.options().timeouts.connect;
                match timeout(patience, UnixStream::connect(path)).await {
                    Ok(Ok(stream)) => self.handshake(stream).await,
                    Ok(Err(e)) => Err(Error::new(
                        ErrorKind::Unreachable,
                        &self.name,
                        format!("no connection: {e}"),
                    )),
                    Err(_) => Err(self.cut(&format!("nothing within {patience:?}"))),
                }
            }
        }
    }

    async fn handshake(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<http2::SendRequest<Body>, Error> {
        let shaking = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(ALL_WINDOWS)
            .max_header_list_size(MAX_HEADERS)
            .handshake(TokioIo::new(stream));
        let patience = self.http.options().timeouts.connect;
        let (sender, connection) = match timeout(patience, shaking).await {
            Ok(Ok(made)) => made,
            Ok(Err(e)) => return Err(self.cut(&e.to_string())),
            Err(_) => return Err(self.cut(&format!("nothing within {patience:?}"))),
        };
        // What it ends by is told to whoever waits for an answer.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// What tonic makes calls by.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    sender: http2::SendRequest<Body>,
}

impl Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
