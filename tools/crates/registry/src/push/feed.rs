//! The bytes of a blob on their way up, hashed as they pass.
//!
//! The last piece of a blob goes out only when all of it has the digest that it is sent
//! under: a registry cannot store what would be wrong, whatever it checks itself.

use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;
use verbatim_digest::Hasher;
use verbatim_document::file::open;
use verbatim_net::{Payload, Upload};
use verbatim_oci::layout::Progress;

use super::image::{unreadable, Blob, Source};
use crate::client::Client;
use crate::error::Error;

/// What is read at a time.
const PIECE: usize = 256 << 10;
/// Pieces that wait for the network.
const AHEAD: usize = 4;

/// A blob that is being sent, perhaps in several tries.
#[derive(Clone)]
pub(crate) struct Feed {
    client: Client,
    blob: Arc<Blob>,
    progress: Arc<dyn Progress>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    hasher: Hasher,
    /// How far the hash is.
    hashed: u64,
    /// Whether all bytes were hashed, and found right.
    checked: bool,
    /// The furthest byte that was ever given out, for the progress bar.
    furthest: u64,
    /// Bytes that were given out, those that were given out again included.
    given: u64,
    /// Why there are no more bytes.
    failure: Option<Error>,
}

impl Feed {
    pub(crate) fn new(client: &Client, blob: Arc<Blob>, progress: Arc<dyn Progress>) -> Self {
        Self {
            client: client.clone(),
            blob,
            progress,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the bytes ended too early, if the reason is on this side.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state().failure.clone()
    }

    /// How many bytes were given out in all tries.
    pub(crate) fn given(&self) -> u64 {
        self.state().given
    }

    /// Tell the progress bar of what was never sent.
    pub(crate) fn finish(&self) {
        let size = self.blob.descriptor.size;
        let mut state = self.state();
        self.progress.add(size.saturating_sub(state.furthest));
        state.furthest = size;
    }

    /// The bytes from `from`, so many.
    pub(crate) fn payload(&self, from: u64, length: u64) -> Payload {
        let feed = self.clone();
        Payload::Stream(Arc::new(move || feed.start(from, length)), length)
    }

    fn start(&self, from: u64, length: u64) -> Upload {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let feed = self.clone();
        match &self.blob.source {
            Source::Elsewhere => {
                tokio::spawn(async move {
                    if let Err(error) = feed.fetch(from, length, &sender).await {
                        feed.fail(error);
                        let _ = sender.send(Err(gone())).await;
                    }
                });
            }
            _ => {
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = feed.read(from, length, &sender) {
                        feed.fail(error);
                        let _ = sender.blocking_send(Err(gone()));
                    }
                });
            }
        }
        Fed {
            receiver,
            left: length,
        }
        .boxed()
    }

    fn fail(&self, error: Error) {
        self.state().failure.get_or_insert(error);
    }

    /// Note bytes that begin at `at`; an error if they end a blob that is not the right one.
    fn pass(&self, at: u64, data: &[u8]) -> Result<(), Error> {
        let digest = self.blob.descriptor.digest;
        let size = self.blob.descriptor.size;
        let end = at + data.len() as u64;
        let mut state = self.state();
        // What is sent again was hashed before; tries never leave out a byte.
        if end > state.hashed && at <= state.hashed {
            let new = &data[(state.hashed - at) as usize..];
            state.hasher.update(new);
            state.hashed = end;
        }
        if end == size && !state.checked {
            let actual = std::mem::take(&mut state.hasher).finish();
            if actual != digest || state.hashed != size {
                return Err(Error::options(format!(
                    "{}: has the digest {actual}, and {} says {digest}; build or fetch it again",
                    self.blob.name(),
                    self.blob.named_by
                )));
            }
            state.checked = true;
        }
        state.given += data.len() as u64;
        if end > state.furthest {
            self.progress.add(end - state.furthest);
            state.furthest = end;
        }
        Ok(())
    }

    /// Read what is here, on a thread that may block.
    fn read(
        &self,
        from: u64,
        length: u64,
        sender: &mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<(), Error> {
        let failed = |e| match &self.blob.source {
            Source::Further(further) => {
                let digest = &self.blob.descriptor.digest;
                not_had(&self.blob, further.0.unreadable(digest, e))
            }
            _ => Error::local(format!("{}: cannot be read", self.blob.name()), e),
        };
        let digest = &self.blob.descriptor.digest;
        let mut reader: Box<dyn Read> = match &self.blob.source {
            Source::Bytes(bytes) => Box::new(io::Cursor::new(
                bytes.slice((from as usize).min(bytes.len())..),
            )),
            Source::File(path) => {
                let (mut file, _) = open(path).map_err(|e| unreadable(&self.blob.name(), e))?;
                file.seek(SeekFrom::Start(from)).map_err(failed)?;
                Box::new(file)
            }
            Source::Layout(layout) => {
                let (file, size) = layout.blob(digest).map_err(|e| Error::Image(Arc::new(e)))?;
                let mut file = file.into_inner();
                let from = i64::try_from(from).unwrap_or(i64::MAX);
                file.seek(SeekFrom::Current(from)).map_err(failed)?;
                Box::new(file.take(size))
            }
            Source::Further(further) => {
                let size = Some(self.blob.descriptor.size);
                let opened = further.0.open_from(digest, size, from);
                opened.map_err(|e| not_had(&self.blob, e))?.reader
            }
            Source::Elsewhere => Box::new(io::empty()),
        };
        let mut at = from;
        let end = from + length;
        while at < end {
            let mut piece = vec![0; PIECE.min((end - at) as usize)];
            let mut got = 0;
            while got < piece.len() {
                match reader.read(&mut piece[got..]) {
                    Ok(0) => break,
                    Ok(n) => got += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(failed(e)),
                }
            }
            if got < piece.len() {
                return Err(failed(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it became shorter while it was read",
                )));
            }
            self.pass(at, &piece)?;
            at += got as u64;
            // Nobody takes it: this try is over.
            if sender.blocking_send(Ok(piece.into())).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Fetch what is elsewhere, from the first repository that has it.
    async fn fetch(
        &self,
        from: u64,
        length: u64,
        sender: &mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<(), Error> {
        let mut failure = None;
        let mut found = None;
        for repository in &self.blob.elsewhere {
            match self.client.blob(repository, &self.blob.descriptor).await {
                Ok(stream) => {
                    found = Some(stream);
                    break;
                }
                Err(error) => failure = Some(crate::manifest::worse(failure, error)),
            }
        }
        let Some(mut stream) = found else {
            return Err(failure.unwrap_or_else(|| nowhere(&self.blob)));
        };
        let mut at = 0;
        // One piece behind, for only the end of the stream says that its bytes are right.
        let mut held: Option<Bytes> = None;
        loop {
            let next = stream.chunk().await?;
            if let Some(data) = held.take() {
                let start: u64 = at;
                let end = start + data.len() as u64;
                at = end;
                let (low, high) = (from.max(start), (from + length).min(end));
                if low < high {
                    let part = data.slice((low - start) as usize..(high - start) as usize);
                    self.pass(low, &part)?;
                    if sender.send(Ok(part)).await.is_err() {
                        return Ok(());
                    }
                } else {
                    // Hashed, though not sent again.
                    self.pass_over(start, &data);
                }
            }
            match next {
                Some(data) => held = Some(data),
                None => return Ok(()),
            }
        }
    }

    fn pass_over(&self, at: u64, data: &[u8]) {
        let mut state = self.state();
        let end = at + data.len() as u64;
        if end > state.hashed && at <= state.hashed {
            let new = &data[(state.hashed - at) as usize..];
            state.hasher.update(new);
            state.hashed = end;
        }
    }
}

/// That what is further away does not give a layer.
pub(crate) fn not_had(blob: &Blob, error: verbatim_oci::Error) -> Error {
    Error::Further {
        what: format!("{}: names {}", blob.named_by, blob.layer()),
        source: Arc::new(error),
    }
}

/// What can be done about a layer that nobody has.
pub(crate) fn nowhere(blob: &Blob) -> Error {
    if blob.left.is_some() {
        return Error::options(format!(
            "{}: names {}, which is in the build's cache only; name that cache: --cache=grpc://HOST:PORT, or the folder of --disk_cache",
            blob.named_by,
            blob.layer()
        ));
    }
    Error::options(format!(
        "{}: names the layer {}, which is neither at hand nor in the target registry, and no repository is known to have it; pull the base with its layers, or name its repository with --mount",
        blob.named_by, blob.descriptor.digest
    ))
}

fn gone() -> io::Error {
    io::Error::other("the bytes to be sent ended")
}

/// The body of a request, fed from elsewhere.
struct Fed {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

impl Body for Fed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match ready!(self.receiver.poll_recv(context)) {
            Some(Ok(data)) => {
                self.left = self.left.saturating_sub(data.len() as u64);
                Some(Ok(Frame::data(data)))
            }
            Some(Err(error)) => Some(Err(error)),
            None if self.left > 0 => Some(Err(gone())),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
