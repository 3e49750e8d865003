//! A blob as a reader: from one cache, and from the next where that one fails.

use std::fs::File;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use verbatim_digest::{Digest, Hasher};

use crate::caches::{Cache, Caches};
use crate::error::{Error, ErrorKind};
use crate::remote::{Remote, Stream};

/// Pieces that wait for the reader.
const AHEAD: usize = 2;

/// A blob; its end is an error unless size and digest are right. From the middle on only the size
/// can be known.
pub(crate) struct Reader {
    caches: Caches,
    digest: Digest,
    size: u64,
    /// Bytes that came, those before the first one that was asked for included.
    got: u64,
    /// `None` for a part.
    hasher: Option<Hasher>,
    /// The cache that is asked next.
    next: usize,
    from: Option<From>,
    /// Why the caches that were asked do not give it.
    failure: Option<Error>,
    done: bool,
}

/// Where bytes come from.
enum From {
    File(File, String),
    Server(Fetch),
}

impl Reader {
    /// Open a blob, in the first cache that has it.
    pub(crate) fn open(
        caches: &Caches,
        digest: Digest,
        size: u64,
        from: u64,
    ) -> Result<Self, Error> {
        let mut reader = Self {
            caches: caches.clone(),
            digest,
            size,
            got: from,
            hasher: (from == 0).then(Hasher::new),
            next: 0,
            from: None,
            failure: None,
            // Nobody need be asked for what is known.
            done: size == 0 && digest == Digest::of(b""),
        };
        if !reader.done {
            reader.begin()?;
        }
        Ok(reader)
    }

    /// Go to the next cache that has it.
    fn begin(&mut self) -> Result<(), Error> {
        let inner = std::sync::Arc::clone(&self.caches.inner);
        while let Some(cache) = inner.caches.get(self.next) {
            self.next += 1;
            match self.start(cache) {
                Ok(from) => {
                    self.from = Some(from);
                    return Ok(());
                }
                Err(error) => self.note(error),
            }
        }
        Err(self
            .failure
            .take()
            .unwrap_or_else(|| Error::missing(&inner.name, &self.digest)))
    }

    fn note(&mut self, error: Error) {
        self.failure = Some(match self.failure.take() {
            Some(earlier) => earlier.worse(error),
            None => error,
        });
    }

    fn start(&self, cache: &Cache) -> Result<From, Error> {
        match cache {
            Cache::Folder(folder) => {
                let (file, size) = folder.open(&self.digest, self.got)?;
                let name = folder.name_of(&self.digest);
                if size != self.size {
                    return Err(Error::new(
                        ErrorKind::Wrong,
                        name,
                        format!(
                            "has {size} bytes, and the image says {}; remove it, and build again",
                            self.size
                        ),
                    ));
                }
                Ok(From::File(file, name))
            }
            Cache::Remote(remote) => {
                let runtime = &self.caches.inner.runtime;
                let fetch = Fetch::start(remote, runtime, self.digest, self.size, self.got)?;
                Ok(From::Server(fetch))
            }
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        self.done = true;
        self.from = None;
        let Some(hasher) = self.hasher.take() else {
            return Ok(());
        };
        let actual = hasher.finish();
        if actual == self.digest {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Wrong,
            &self.caches.inner.name,
            format!("the bytes that come for {} have the digest {actual}; they are refused: ask who runs the cache, or empty it", self.digest),
        ))
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.done || buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.from {
                None => {
                    self.begin().map_err(io::Error::other)?;
                    continue;
                }
                Some(from) => from.read(buffer),
            };
            let error = match read {
                Ok(0) if self.got == self.size => {
                    self.end().map_err(io::Error::other)?;
                    return Ok(0);
                }
                Ok(0) => Error::new(
                    ErrorKind::Wrong,
                    &self.caches.inner.name,
                    format!(
                        "{} ends after {} of {} bytes",
                        self.digest, self.got, self.size
                    ),
                ),
                Ok(n) if n as u64 > self.size - self.got => Error::new(
                    ErrorKind::Wrong,
                    &self.caches.inner.name,
                    format!(
                        "more bytes come than the {} that {} has",
                        self.size, self.digest
                    ),
                ),
                Ok(n) => {
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&buffer[..n]);
                    }
                    self.got += n as u64;
                    return Ok(n);
                }
                Err(error) => error,
            };
            // What came so far stays: the next cache goes on where this one ended.
            self.note(error);
            self.from = None;
        }
    }
}

impl From {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match self {
            Self::File(file, name) => loop {
                match file.read(buffer) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => {
                        let why = format!("cannot be read: {e}");
                        return Err(Error::new(ErrorKind::Unreachable, name.as_str(), why));
                    }
                    Ok(n) => return Ok(n),
                }
            },
            Self::Server(fetch) => fetch.read(buffer),
        }
    }
}

/// A blob that a task fetches, a little ahead of its reader. When the runtime ends, so does the
/// task, and the reader is told.
struct Fetch {
    pieces: mpsc::Receiver<Result<Bytes, Error>>,
    piece: Bytes,
    task: AbortHandle,
    name: String,
    ended: bool,
}

impl Fetch {
    /// Ask, and wait for the first bytes: they tell whether the server has it.
    fn start(
        remote: &Remote,
        runtime: &tokio::runtime::Handle,
        digest: Digest,
        size: u64,
        from: u64,
    ) -> Result<Self, Error> {
        let (sender, pieces) = mpsc::channel(AHEAD);
        let name = remote.name().to_owned();
        let remote = remote.clone();
        let task = runtime.spawn(async move {
            let fetching = async {
                let mut stream = Stream::open(&remote, digest, size, from).await?;
                while let Some(data) = stream.chunk().await? {
                    if sender.send(Ok(data)).await.is_err() {
                        return Ok(());
                    }
                }
                // An end that was meant, and not that of the task.
                let _ = sender.send(Ok(Bytes::new())).await;
                Ok(())
            };
            if let Err(error) = fetching.await {
                let _ = sender.send(Err(error)).await;
            }
        });
        let mut fetch = Self {
            pieces,
            piece: Bytes::new(),
            task: task.abort_handle(),
            name,
            ended: false,
        };
        fetch.fill()?;
        Ok(fetch)
    }

    fn fill(&mut self) -> Result<(), Error> {
        match self.pieces.blocking_recv() {
            Some(piece) => {
                self.piece = piece?;
                self.ended = self.piece.is_empty();
                Ok(())
            }
            None => Err(Error::new(
                ErrorKind::Unreachable,
                self.name.as_str(),
                "what fetched its bytes was ended",
            )),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if self.piece.is_empty() && !self.ended {
            self.fill()?;
        }
        let n = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
