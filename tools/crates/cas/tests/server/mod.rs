//! A server of REAPI that does what a test says: right, wrong, or nothing at all.
//!
//! Its messages are declared here once more, so that a wrong number in the crate is seen.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use http::{HeaderMap, Response};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use verbatim_digest::Digest;

#[derive(Clone, PartialEq, Message)]
pub struct Read {
    #[prost(string, tag = "1")]
    pub resource_name: String,
    #[prost(int64, tag = "2")]
    pub read_offset: i64,
    #[prost(int64, tag = "3")]
    pub read_limit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Data {
    #[prost(bytes = "vec", tag = "10")]
    data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Named {
    #[prost(string, tag = "1")]
    pub hash: String,
    #[prost(int64, tag = "2")]
    pub size: i64,
}

/// FindMissingBlobs asks with it, and answers with it.
#[derive(Clone, PartialEq, Message)]
struct Find {
    #[prost(message, repeated, tag = "2")]
    digests: Vec<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct Split {
    #[prost(message, optional, tag = "2")]
    digest: Option<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct Chunks {
    #[prost(message, repeated, tag = "1")]
    chunks: Vec<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct Cache {
    #[prost(int32, repeated, tag = "1")]
    functions: Vec<i32>,
    #[prost(int32, repeated, tag = "6")]
    compressors: Vec<i32>,
    #[prost(bool, tag = "9")]
    split: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Capabilities {
    #[prost(message, optional, tag = "1")]
    cache: Option<Cache>,
}

/// One call of a client.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub headers: HeaderMap,
    pub message: Bytes,
    /// Which connection it came by, from 0.
    pub connection: usize,
    /// Which call of its method it is, from 0.
    pub number: usize,
}

impl Call {
    /// What `Read` asks for: the name of the resource, and from where.
    pub fn read(&self) -> Read {
        Read::decode(self.message.clone()).unwrap()
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Send a message of any kind.
    Message(Vec<u8>),
    /// Send bytes of a blob.
    Data(Vec<u8>),
    /// End with a status.
    Status(i32, &'static str),
    /// Reset the stream.
    Reset,
    /// Wait.
    Pause(Duration),
    /// Close the connection without a word.
    Close,
    /// Say nothing more, for ever.
    Hang,
}

/// What a server has, and can.
#[derive(Debug, Clone, Default)]
pub struct Store {
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Blobs that are there as chunks only.
    pub split: BTreeMap<String, Vec<Vec<u8>>>,
    pub functions: Vec<i32>,
    pub zstd: bool,
}

impl Store {
    pub fn of(blobs: &[&[u8]]) -> Self {
        Self {
            blobs: blobs
                .iter()
                .map(|blob| (Digest::of(blob).hex(), blob.to_vec()))
                .collect(),
            functions: vec![1],
            ..Self::default()
        }
    }

    /// The answer of a server that is as it should be.
    pub fn answer(&self, call: &Call) -> Vec<Step> {
        let message = |message: Vec<u8>| vec![Step::Message(message), Step::Status(0, "")];
        match call.method.as_str() {
            "GetCapabilities" => message(
                Capabilities {
                    cache: Some(Cache {
                        functions: self.functions.clone(),
                        compressors: if self.zstd { vec![1] } else { vec![] },
                        split: !self.split.is_empty(),
                    }),
                }
                .encode_to_vec(),
            ),
            "FindMissingBlobs" => {
                let mut asked = Find::decode(call.message.clone()).unwrap();
                asked
                    .digests
                    .retain(|digest| !self.blobs.contains_key(&digest.hash));
                message(asked.encode_to_vec())
            }
            "SplitBlob" => {
                let asked = Split::decode(call.message.clone()).unwrap();
                let Some(chunks) = self.split.get(&asked.digest.unwrap().hash) else {
                    return vec![Step::Status(5, "no chunks")];
                };
                let chunks = chunks
                    .iter()
                    .map(|chunk| Named {
                        hash: Digest::of(chunk).hex(),
                        size: chunk.len() as i64,
                    })
                    .collect();
                message(Chunks { chunks }.encode_to_vec())
            }
            "Read" => {
                let read = call.read();
                let mut parts = read.resource_name.rsplit('/');
                let (size, hash) = (parts.next().unwrap(), parts.next().unwrap());
                let Some(blob) = self.blobs.get(hash) else {
                    return vec![Step::Status(5, "there is no such blob")];
                };
                assert_eq!(size, blob.len().to_string());
                assert_eq!(read.read_limit, 0);
                let rest = &blob[read.read_offset as usize..];
                let packed;
                let bytes = if parts.next() == Some("zstd") {
                    packed = zstd::bulk::compress(rest, 1).unwrap();
                    &packed[..]
                } else {
                    rest
                };
                let mut steps: Vec<Step> = bytes
                    .chunks(10_000)
                    .map(|piece| Step::Data(piece.to_vec()))
                    .collect();
                steps.push(Step::Status(0, ""));
                steps
            }
            _ => vec![Step::Status(12, "unknown method")],
        }
    }
}

type Script = dyn Fn(&Call) -> Vec<Step> + Send + Sync;

/// A server that runs until it is dropped.
pub struct Server {
    pub address: String,
    runtime: Runtime,
    calls: Arc<Mutex<Vec<Call>>>,
}

#[derive(Clone)]
struct Shared {
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<Call>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(script: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let shared = Shared::new(script);
        let calls = Arc::clone(&shared.calls);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shared.clone().connection(stream));
            }
        });
        Self {
            address: format!("grpc://{address}"),
            runtime,
            calls,
        }
    }

    pub fn on_socket(
        path: &std::path::Path,
        script: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(path).unwrap()
        };
        let shared = Shared::new(script);
        let calls = Arc::clone(&shared.calls);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shared.clone().connection(stream));
            }
        });
        Self {
            address: format!("unix:{}", path.display()),
            runtime,
            calls,
        }
    }

    /// The calls of a method so far.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        let calls = self.calls.lock().unwrap();
        calls
            .iter()
            .filter(|call| call.method == method)
            .cloned()
            .collect()
    }

    /// A runtime for the client of a test.
    pub fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }
}

impl Shared {
    fn new(script: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            calls: Arc::default(),
            connections: Arc::default(),
        }
    }

    async fn connection(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        let closing = Arc::new(tokio::sync::Notify::new());
        let Ok(mut connection) = h2::server::handshake(stream).await else {
            return;
        };
        loop {
            let accepted = tokio::select! {
                accepted = connection.accept() => accepted,
                () = closing.notified() => return,
            };
            let Some(Ok((request, respond))) = accepted else {
                return;
            };
            let (shared, closing) = (self.clone(), Arc::clone(&closing));
            tokio::spawn(async move {
                let (head, mut body) = request.into_parts();
                let mut bytes = BytesMut::new();
                while let Some(Ok(data)) = body.data().await {
                    let _ = body.flow_control().release_capacity(data.len());
                    bytes.extend_from_slice(&data);
                }
                let method = head.uri.path().rsplit('/').next().unwrap().to_owned();
                let call = {
                    let mut calls = shared.calls.lock().unwrap();
                    let call = Call {
                        number: calls.iter().filter(|one| one.method == method).count(),
                        method,
                        headers: head.headers,
                        message: bytes.freeze().slice(5..),
                        connection: number,
                    };
                    calls.push(call.clone());
                    call
                };
                let steps = (shared.script)(&call);
                perform(respond, steps, &closing).await;
            });
        }
    }
}

async fn perform(
    mut respond: SendResponse<Bytes>,
    steps: Vec<Step>,
    closing: &tokio::sync::Notify,
) {
    // What does not even answer.
    if matches!(steps.first(), Some(Step::Hang)) {
        return std::future::pending().await;
    }
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let Ok(mut stream) = respond.send_response(head, false) else {
        return;
    };
    for step in steps {
        match step {
            Step::Message(message) => send(&mut stream, &message),
            Step::Data(data) => send(&mut stream, &Data { data }.encode_to_vec()),
            Step::Status(code, message) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", code.into());
                trailers.insert("grpc-message", message.parse().unwrap());
                let _ = stream.send_trailers(trailers);
                return;
            }
            Step::Reset => {
                // What was sent before it shall arrive.
                tokio::time::sleep(Duration::from_millis(100)).await;
                stream.send_reset(h2::Reason::INTERNAL_ERROR);
                return;
            }
            Step::Pause(pause) => tokio::time::sleep(pause).await,
            Step::Close => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                closing.notify_one();
                return;
            }
            Step::Hang => std::future::pending().await,
        }
    }
}

fn send(stream: &mut h2::SendStream<Bytes>, message: &[u8]) {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.extend_from_slice(message);
    let _ = stream.send_data(frame.freeze(), false);
}
