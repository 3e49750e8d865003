//! The bytes of a blob, as a server sends them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};
use tonic_prost::ProstCodec;
use verbatim_digest::Digest;
use verbatim_net::Secret;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::channel::Used;
use super::messages::{ReadRequest, ReadResponse};
use super::{Called, Failure, Remote};
use crate::error::{Error, ErrorKind};

/// Smaller blobs gain nothing by compression.
const WORTH_COMPRESSING: u64 = 4 << 10;
/// What a decoder may keep, as a power of two: 32 MiB. More is what only the slowest levels use.
const WINDOW_LOG: u32 = 25;
/// What is decompressed at a time.
const PIECE: usize = 128 << 10;
/// When all bytes have come, so long for the server to say that there are no more.
const LAST_WORD: Duration = Duration::from_secs(2);

/// How bytes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Zstd,
}

/// A blob that is coming, in order.
///
/// That all bytes have come does not say that they are the right ones: whoever reads hashes them.
pub(crate) struct Stream {
    remote: Remote,
    digest: Digest,
    size: u64,
    /// The blob itself; or the chunks of which it consists, those that have come left out.
    pieces: VecDeque<(Digest, u64)>,
    /// Whether they are chunks.
    split: bool,
    /// Bytes of the first piece that have come.
    at: u64,
    form: Form,
    open: Option<Open>,
    attempt: u32,
    /// Bytes since `attempt` was last 1.
    since: u64,
}

/// An answer that is being read.
struct Open {
    answers: Streaming<ReadResponse>,
    inflate: Option<Inflate>,
    used: Used,
    secrets: Vec<Secret>,
    /// Whether it has brought a byte.
    brought: bool,
    /// How long the server was waited for since the window began, and what it brought.
    waited: Duration,
    got: u64,
}

/// Compressed bytes on their way.
struct Inflate {
    decoder: Decoder<'static>,
    input: Bytes,
    /// There may be more output without more input.
    full: bool,
}

impl Stream {
    /// The bytes of a blob from this one on.
    pub(crate) async fn open(
        remote: &Remote,
        digest: Digest,
        size: u64,
        from: u64,
    ) -> Result<Self, Error> {
        let abilities = remote.abilities().await?;
        let compressed = abilities.zstd && size >= WORTH_COMPRESSING;
        Ok(Self {
            remote: remote.clone(),
            digest,
            size,
            pieces: VecDeque::from([(digest, size)]),
            split: !abilities.split,
            at: from,
            form: if compressed { Form::Zstd } else { Form::Plain },
            open: None,
            attempt: 1,
            since: 0,
        })
    }

    /// The next bytes; `None` when as many have come as the blob has.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(&(_, size)) = self.pieces.front() {
            if self.at == size {
                if self.goes_on().await {
                    return Err(self.too_many());
                }
                self.open = None;
                self.pieces.pop_front();
                self.at = 0;
                continue;
            }
            match self.produce().await {
                Ok(Some(data)) => {
                    if data.len() as u64 > size - self.at {
                        return Err(self.too_many());
                    }
                    self.at += data.len() as u64;
                    self.since += data.len() as u64;
                    return Ok(Some(data));
                }
                // Cut short: what is missing may come when it is asked for.
                Ok(None) if self.open.take().is_some_and(|open| open.brought) => {
                    self.again(self.too_few(true)).await?;
                }
                Ok(None) => return Err(self.too_few(false)),
                Err(failure) => self.recover(failure).await?,
            }
        }
        Ok(None)
    }

    fn too_many(&self) -> Error {
        let why = format!(
            "more bytes come than the {} that {} has; they are refused",
            self.size, self.digest
        );
        Error::new(ErrorKind::Wrong, self.remote.name(), why)
    }

    fn too_few(&self, transient: bool) -> Error {
        let size = self.pieces.front().map_or(0, |piece| piece.1);
        let why = format!(
            "{} ends after {} of {size} bytes; build again, so that the cache gets it whole",
            self.digest, self.at
        );
        match transient {
            true => Error::transient(self.remote.name(), why),
            false => Error::new(ErrorKind::Wrong, self.remote.name(), why),
        }
    }

    /// Whether more comes when all has come.
    async fn goes_on(&mut self) -> bool {
        self.open.is_some() && matches!(timeout(LAST_WORD, self.produce()).await, Ok(Ok(Some(_))))
    }

    /// Mend what can be mended; the error if nothing can.
    async fn recover(&mut self, failure: Failure) -> Result<(), Error> {
        self.open = None;
        let refused = matches!(
            failure.code,
            Some(Code::NotFound | Code::InvalidArgument | Code::Unimplemented)
        );
        // Said to be able to compress, and not able to.
        if self.form == Form::Zstd && (refused || failure.error.kind() == ErrorKind::Wrong) {
            self.form = Form::Plain;
            return Ok(());
        }
        if failure.code == Some(Code::NotFound) {
            if !self.split {
                self.split = true;
                match self.remote.chunks(self.digest, self.size).await {
                    Ok(chunks) => {
                        self.take_chunks(chunks);
                        return Ok(());
                    }
                    Err(Failure { code: Some(_), .. }) => {}
                    Err(failure) => return Err(failure.error),
                }
            }
            return Err(Error::missing(self.remote.name(), &self.digest));
        }
        self.again(failure.error).await
    }

    /// Read chunks in place of the blob, from where it is.
    fn take_chunks(&mut self, chunks: Vec<(Digest, u64)>) {
        self.pieces = chunks.into();
        while let Some((_, size)) = self.pieces.front() {
            if *size > self.at {
                break;
            }
            self.at -= size;
            self.pieces.pop_front();
        }
    }

    async fn again(&mut self, error: Error) -> Result<(), Error> {
        let retries = &self.remote.inner.http.options().retries;
        if self.since >= retries.progress {
            self.attempt = 1;
        }
        self.since = 0;
        if self.attempt >= retries.attempts || !error.is_transient() {
            return Err(error);
        }
        self.attempt += 1;
        self.remote.pause(&error, self.attempt).await;
        Ok(())
    }

    /// Bytes from `at` on, at least one; `None` where the server says that there are no more.
    async fn produce(&mut self) -> Result<Option<Bytes>, Failure> {
        let remote = self.remote.clone();
        loop {
            if self.open.is_none() {
                self.open = Some(self.begin().await?);
            }
            let Some(open) = &mut self.open else { continue };
            if let Some(inflate) = &mut open.inflate {
                let wrong =
                    |why: String| Failure::from(Error::new(ErrorKind::Wrong, remote.name(), why));
                if let Some(data) = inflate.run().map_err(wrong)? {
                    open.brought = true;
                    return Ok(Some(data));
                }
            }
            let Some(data) = open.next(&remote).await? else {
                return Ok(None);
            };
            match &mut open.inflate {
                Some(inflate) => inflate.input = data,
                None if data.is_empty() => {}
                None => {
                    open.brought = true;
                    return Ok(Some(data));
                }
            }
        }
    }

    /// Ask for the first piece, from where it is.
    async fn begin(&self) -> Result<Open, Failure> {
        let remote = &self.remote;
        let (digest, size) = self
            .pieces
            .front()
            .copied()
            .unwrap_or((self.digest, self.size));
        let question = ReadRequest {
            resource_name: resource(&remote.inner.instance, self.form, &digest, size),
            read_offset: i64::try_from(self.at).unwrap_or(i64::MAX),
            read_limit: 0,
        };
        let (request, secrets) = remote.request(Called::Read, question).await?;
        let (mut calls, used) = remote.inner.channel.calls().await?;
        let codec = ProstCodec::<ReadRequest, ReadResponse>::default();
        let asking = async {
            calls
                .ready()
                .await
                .map_err(|e| Status::from_error(e.into()))?;
            calls
                .server_streaming(request, Called::Read.path(), codec)
                .await
        };
        let patience = remote.inner.http.options().timeouts.response;
        let answers = match timeout(patience, asking).await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return Err(remote.failed(Called::Read, &status, &secrets).await),
            Err(_) => {
                let why = format!("no answer to Read within {patience:?}");
                return Err(remote.silent(&why).await);
            }
        };
        let inflate = match self.form {
            Form::Plain => None,
            Form::Zstd => Some(Inflate::new().map_err(|e| {
                Error::new(ErrorKind::Wrong, remote.name(), format!("no decoder: {e}"))
            })?),
        };
        Ok(Open {
            answers,
            inflate,
            used,
            secrets,
            brought: false,
            waited: Duration::ZERO,
            got: 0,
        })
    }
}

/// The name of a blob in `Read`.
fn resource(instance: &str, form: Form, digest: &Digest, size: u64) -> String {
    let kind = match form {
        Form::Plain => "blobs",
        Form::Zstd => "compressed-blobs/zstd",
    };
    let name = format!("{kind}/{}/{size}", digest.hex());
    match instance {
        "" => name,
        instance => format!("{instance}/{name}"),
    }
}

impl Open {
    /// The next message, which may be empty; `None` at the end that the server meant.
    async fn next(&mut self, remote: &Remote) -> Result<Option<Bytes>, Failure> {
        let timeouts = &remote.inner.http.options().timeouts;
        loop {
            let left = timeouts.window.saturating_sub(self.waited);
            if left.is_zero() {
                if self.got < timeouts.progress {
                    let why = format!("only {} bytes came in {:?}", self.got, timeouts.window);
                    return Err(remote.silent(&why).await);
                }
                self.waited = Duration::ZERO;
                self.got = 0;
                continue;
            }
            let patience = timeouts.idle.min(left);
            let began = Instant::now();
            let message = timeout(patience, self.answers.message()).await;
            self.waited += began.elapsed();
            match message {
                Ok(Ok(Some(message))) => {
                    self.used.now();
                    self.got += message.data.len() as u64;
                    return Ok(Some(message.data));
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(status)) => {
                    return Err(remote.failed(Called::Read, &status, &self.secrets).await)
                }
                Err(_) if patience < timeouts.idle => {}
                Err(_) => {
                    let why = format!("nothing came for {patience:?}");
                    return Err(remote.silent(&why).await);
                }
            }
        }
    }
}

impl Inflate {
    fn new() -> std::io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Self {
            decoder,
            input: Bytes::new(),
            full: false,
        })
    }

    /// Some bytes of what is there; `None` where more must come first.
    fn run(&mut self) -> Result<Option<Bytes>, String> {
        while self.full || !self.input.is_empty() {
            let mut out = vec![0; PIECE];
            let mut input = InBuffer::around(&self.input[..]);
            let mut output = OutBuffer::around(&mut out[..]);
            self.decoder
                .run(&mut input, &mut output)
                .map_err(|e| format!("it sends what is no zstd: {e}"))?;
            let (read, made) = (input.pos(), output.pos());
            if read == 0 && made == 0 && !self.input.is_empty() {
                return Err("it sends what zstd cannot go on with".to_owned());
            }
            self.full = made == PIECE;
            self.input.advance(read);
            if made > 0 {
                out.truncate(made);
                return Ok(Some(out.into()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_blobs() {
        let digest = Digest::of(b"abc");
        let hex = digest.hex();
        assert_eq!(
            resource("", Form::Plain, &digest, 3),
            format!("blobs/{hex}/3")
        );
        assert_eq!(
            resource("a/b", Form::Zstd, &digest, 3),
            format!("a/b/compressed-blobs/zstd/{hex}/3")
        );
    }

    #[test]
    fn what_is_compressed_comes_out_whatever_the_pieces() {
        let data: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        let packed = zstd::bulk::compress(&data, 3).unwrap();
        for step in [1, 1000, packed.len()] {
            let mut inflate = Inflate::new().unwrap();
            let mut out = Vec::new();
            for piece in packed.chunks(step) {
                inflate.input = Bytes::copy_from_slice(piece);
                while let Some(data) = inflate.run().unwrap() {
                    out.extend_from_slice(&data);
                }
            }
            assert_eq!(out, data);
        }
        let mut inflate = Inflate::new().unwrap();
        inflate.input = Bytes::from_static(b"not compressed at all");
        assert!(inflate.run().is_err());
    }
}
