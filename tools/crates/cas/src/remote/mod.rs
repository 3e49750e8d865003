//! A server that speaks REAPI: what it can, what it has.

mod channel;
mod messages;
mod read;

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Request, Status};
use tonic_prost::ProstCodec;
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_net::{Client, HostPort, Retry, Scheme, Secret, Url, Wait};

use self::channel::Channel;
use self::messages::{
    BlobDigest, CacheCapabilities, FindMissingBlobsRequest, FindMissingBlobsResponse,
    GetCapabilitiesRequest, ServerCapabilities, SplitBlobRequest, SplitBlobResponse,
    DIGEST_FUNCTIONS, SHA256, ZSTD,
};
pub(crate) use self::read::Stream;
use crate::address::{Address, Header, Way};
use crate::caches::Options;
use crate::error::{Error, ErrorKind};

/// Chunks that one blob may consist of.
const MAX_CHUNKS: usize = 1 << 16;

/// A server. Clones share its connection.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    instance: String,
    channel: Channel,
    http: Client,
    headers: Vec<Header>,
    /// Whose credentials a helper is asked for.
    host: Option<HostPort>,
    abilities: OnceCell<Abilities>,
}

/// What a server can, as far as it matters here.
#[derive(Debug, Clone, Copy, Default)]
struct Abilities {
    /// It compresses what it sends.
    zstd: bool,
    /// It says which chunks a blob consists of.
    split: bool,
}

/// The services that are called.
#[derive(Debug, Clone, Copy)]
enum Called {
    Capabilities,
    FindMissingBlobs,
    SplitBlob,
    Read,
}

impl Called {
    fn service(self) -> &'static str {
        match self {
            Self::Capabilities => "build.bazel.remote.execution.v2.Capabilities",
            Self::FindMissingBlobs | Self::SplitBlob => {
                "build.bazel.remote.execution.v2.ContentAddressableStorage"
            }
            Self::Read => "google.bytestream.ByteStream",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Capabilities => "GetCapabilities",
            Self::FindMissingBlobs => "FindMissingBlobs",
            Self::SplitBlob => "SplitBlob",
            Self::Read => "Read",
        }
    }

    fn path(self) -> PathAndQuery {
        let text = format!("/{}/{}", self.service(), self.method());
        PathAndQuery::try_from(text).unwrap_or_else(|_| PathAndQuery::from_static("/"))
    }
}

/// Why a call failed, and in which of gRPC's words where it was answered.
#[derive(Debug)]
struct Failure {
    error: Error,
    code: Option<Code>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, code: None }
    }
}

impl Remote {
    pub(crate) fn new(
        address: &Address,
        way: &Way,
        instance: &str,
        options: &Options,
    ) -> Result<Self, Error> {
        let name = address.to_string();
        let http = Client::new(options.http.clone())
            .map_err(|e| Error::new(ErrorKind::Usage, &name, e.to_string()))?;
        let channel = Channel::new(&name, way.clone(), http.clone(), options.pooled.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                name,
                instance: instance.to_owned(),
                channel,
                http,
                headers: options.headers.clone(),
                host: match way {
                    Way::Host(_, host) => Some(host.clone()),
                    Way::Socket(_) => None,
                },
                abilities: OnceCell::new(),
            }),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether it has a blob, or chunks of which it can be made.
    pub(crate) async fn has(&self, digest: Digest, size: u64) -> Result<bool, Error> {
        let abilities = self.abilities().await?;
        let wanted = BlobDigest::new(&digest, size);
        let question = FindMissingBlobsRequest {
            instance_name: self.inner.instance.clone(),
            blob_digests: vec![wanted.clone()],
            digest_function: SHA256,
        };
        let answer: FindMissingBlobsResponse = self
            .ask(Called::FindMissingBlobs, question)
            .await
            .map_err(|failure| failure.error)?;
        if !answer.missing_blob_digests.contains(&wanted) {
            return Ok(true);
        }
        Ok(abilities.split && self.chunks(digest, size).await.is_ok())
    }

    /// What the server can; asked once. One that does not say it can nothing beyond the least.
    async fn abilities(&self) -> Result<Abilities, Error> {
        let ask = async {
            let question = GetCapabilitiesRequest {
                instance_name: self.inner.instance.clone(),
            };
            let answer: Result<ServerCapabilities, Failure> =
                self.ask(Called::Capabilities, question).await;
            match answer {
                Ok(answer) => self.understand(answer.cache_capabilities.unwrap_or_default()),
                Err(Failure {
                    code: Some(Code::Unimplemented),
                    ..
                }) => Ok(Abilities::default()),
                Err(failure) => Err(failure.error),
            }
        };
        self.inner.abilities.get_or_try_init(|| ask).await.copied()
    }

    fn understand(&self, said: CacheCapabilities) -> Result<Abilities, Error> {
        let functions = &said.digest_functions;
        if !functions.is_empty() && !functions.contains(&SHA256) {
            let names: Vec<String> = functions
                .iter()
                .take(DIGEST_FUNCTIONS.len())
                .map(|number| {
                    usize::try_from(*number)
                        .ok()
                        .and_then(|number| DIGEST_FUNCTIONS.get(number))
                        .map_or_else(|| format!("digest function {number}"), ToString::to_string)
                })
                .collect();
            return Err(Error::other_function(self.name(), &names.join(", ")));
        }
        Ok(Abilities {
            zstd: said.supported_compressors.contains(&ZSTD),
            split: said.split_blob_support,
        })
    }

    /// The chunks of which a blob consists, with their sizes, in order.
    async fn chunks(&self, digest: Digest, size: u64) -> Result<Vec<(Digest, u64)>, Failure> {
        let question = SplitBlobRequest {
            instance_name: self.inner.instance.clone(),
            blob_digest: Some(BlobDigest::new(&digest, size)),
            digest_function: SHA256,
        };
        let answer: SplitBlobResponse = self.ask(Called::SplitBlob, question).await?;
        let wrong = |why: &str| {
            Failure::from(Error::new(
                ErrorKind::Wrong,
                self.name(),
                format!("says of {digest} that it consists of {why}"),
            ))
        };
        if answer.chunk_digests.len() > MAX_CHUNKS {
            return Err(wrong("more chunks than are taken"));
        }
        let mut chunks = Vec::new();
        let mut total: u64 = 0;
        for chunk in answer.chunk_digests {
            let parsed = Digest::from_hex(&chunk.hash);
            let (Ok(digest), Ok(size)) = (parsed, u64::try_from(chunk.size_bytes)) else {
                return Err(wrong("a chunk without a SHA-256 or a size"));
            };
            total = total.saturating_add(size);
            chunks.push((digest, size));
        }
        if total != size {
            return Err(wrong(&format!("{total} bytes, and it has {size}")));
        }
        Ok(chunks)
    }

    /// One question, one answer; asked again where that helps.
    async fn ask<Q, A>(&self, called: Called, question: Q) -> Result<A, Failure>
    where
        Q: prost::Message + Clone + 'static,
        A: prost::Message + Default + 'static,
    {
        let attempts = self.inner.http.options().retries.attempts.max(1);
        let mut attempt = 1;
        loop {
            let failure = match self.ask_once(called, question.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if attempt >= attempts || !failure.error.is_transient() {
                return Err(failure);
            }
            attempt += 1;
            self.pause(&failure.error, attempt).await;
        }
    }

    async fn ask_once<Q, A>(&self, called: Called, question: Q) -> Result<A, Failure>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let (request, secrets) = self.request(called, question).await?;
        let (mut calls, used) = self.inner.channel.calls().await?;
        let patience = self.inner.http.options().timeouts.response;
        let asking = async {
            calls
                .ready()
                .await
                .map_err(|e| Status::from_error(e.into()))?;
            calls
                .unary(request, called.path(), ProstCodec::<Q, A>::default())
                .await
        };
        match timeout(patience, asking).await {
            Ok(Ok(answer)) => {
                used.now();
                Ok(answer.into_inner())
            }
            Ok(Err(status)) => Err(self.failed(called, &status, &secrets).await),
            Err(_) => Err(self
                .silent(&format!(
                    "no answer to {} within {patience:?}",
                    called.method()
                ))
                .await),
        }
    }

    /// Nothing came in time: the connection may be the reason.
    async fn silent(&self, why: &str) -> Failure {
        self.inner.channel.leave().await;
        Error::transient(self.name(), format!("{why}; see --cache-timeout")).into()
    }

    /// A request with all that goes with it, and what of that is secret.
    async fn request<Q>(
        &self,
        called: Called,
        question: Q,
    ) -> Result<(Request<Q>, Vec<Secret>), Error> {
        let inner = &self.inner;
        let mut all: Vec<(HeaderName, Secret)> = inner
            .headers
            .iter()
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect();
        if let Some(host) = &inner.host {
            // The address that gRPC's own credentials are asked by: of https, whatever the way.
            let address = Url::new(
                Scheme::Https,
                host.clone(),
                &format!("/{}", called.service()),
            );
            let options = inner.http.options();
            let said = options
                .credentials
                .of_helper(&address, options.timeouts.helper)
                .await
                .map_err(|e| Error::new(ErrorKind::Denied, self.name(), e.to_string()))?;
            all.extend(said);
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("verbatim/", env!("CARGO_PKG_VERSION"))),
        );
        let mut secrets = Vec::new();
        for (name, value) in all {
            let mut header = HeaderValue::from_str(value.expose()).map_err(|_| {
                Error::new(
                    ErrorKind::Denied,
                    self.name(),
                    "a credential has characters that a header cannot hold",
                )
            })?;
            header.set_sensitive(true);
            headers.append(name, header);
            secrets.push(value);
        }
        let metadata = MetadataMap::from_headers(headers);
        Ok((
            Request::from_parts(metadata, Extensions::default(), question),
            secrets,
        ))
    }

    /// What a status means.
    async fn failed(&self, called: Called, status: &Status, secrets: &[Secret]) -> Failure {
        // What hyper says, and not the server.
        if let Some(cause) = cause_of(status) {
            self.inner.channel.leave().await;
            let why = format!("the stream was cut: {}", excerpt(&cause, 200));
            return Error::transient(self.name(), why).into();
        }
        let said = status.message();
        let said = match secrets.iter().any(|secret| secret.is_in(said)) || said.is_empty() {
            true => String::new(),
            false => format!(" ({})", excerpt(said, 300)),
        };
        let code = status.code();
        let why = format!("answers {} with {}{said}", called.method(), name_of(code));
        let error = match code {
            Code::Unauthenticated | Code::PermissionDenied => Error::new(
                ErrorKind::Denied,
                self.name(),
                format!(
                    "{why}; name who you are with --cache-credential-helper, or --cache-header"
                ),
            ),
            Code::Unavailable
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unknown
            | Code::Cancelled
            | Code::DeadlineExceeded => Error::transient(self.name(), why),
            _ => Error::new(ErrorKind::Wrong, self.name(), why),
        };
        Failure {
            error,
            code: Some(code),
        }
    }

    /// Tell about a further try, and wait before it.
    async fn pause(&self, error: &Error, attempt: u32) {
        let options = self.inner.http.options();
        let pause = options.retries.before(attempt, Wait::Usual);
        if let Some(on_retry) = &options.on_retry {
            on_retry(&Retry {
                url: self.name().to_owned(),
                reason: error.to_string(),
                attempt,
                attempts: options.retries.attempts,
                pause,
            });
        }
        tokio::time::sleep(pause).await;
    }
}

/// What made a status that no server sent.
fn cause_of(status: &Status) -> Option<String> {
    let mut cause = std::error::Error::source(status)?;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Some(cause.to_string())
}

/// A code in gRPC's own spelling.
fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
