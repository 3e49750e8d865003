//! From a complete layer to bytes, in one pass.
//!
//! The layer's list fixes the tar stream down to the byte before a single file is read. So
//! the stream is cut into blocks, and each block is one piece of work: whichever thread is
//! free reads the files that lie in it and compresses it. Inside a large file the end of a
//! block is only found by reading it; there one thread at a time reads on, while the others
//! compress what was read before. Two more threads keep the order: one hashes the tar bytes,
//! one hashes and writes what comes out. Nothing depends on which thread did what, and a
//! bounded number of blocks is under way.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use verbatim_digest::{Digest, Hasher};

use crate::encode::{Blocks, Compression, Encoded, Encoder, Encoding};
use crate::layer::Layer;
use crate::stream::{Block, Cursor, Stream};
use crate::Error;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How it is compressed.
    pub encoding: Encoding,
    /// What compressed it.
    pub encoder: Encoder,
    /// The sha256 of the blob.
    pub digest: Digest,
    /// The size of the blob.
    pub size: u64,
    /// The sha256 of the tar stream.
    pub diff_id: Digest,
    /// The size of the tar stream.
    pub uncompressed_size: u64,
}

impl Layer {
    /// Write the layer to `out` with up to `threads` threads.
    ///
    /// `progress` is called with the number of bytes of the tar stream that were hashed
    /// since the last call, which is never more often than once a block.
    pub fn write(
        &self,
        encoding: Encoding,
        threads: usize,
        out: &mut (dyn Write + Send),
        progress: &dyn Fn(u64),
    ) -> Result<Summary, Error> {
        let stream = Stream::new(self, encoding.blocks());
        let (diff_id, blob) = if threads <= 1 || stream.is_one_block() {
            write_alone(&stream, encoding, out, progress)?
        } else {
            write_together(&stream, encoding, threads, out, progress)?
        };
        let (digest, size) = blob.unwrap_or((diff_id, stream.size()));
        Ok(Summary {
            encoding,
            encoder: encoding.encoder(),
            digest,
            size,
            diff_id,
            uncompressed_size: stream.size(),
        })
    }

    /// The size of the tar stream.
    pub fn stream_size(&self) -> u64 {
        Stream::new(self, Blocks::Equal(usize::MAX)).size()
    }
}

fn write_error(source: io::Error) -> Error {
    Error::Write {
        what: "the output".to_owned(),
        source,
    }
}

/// The digest and the size of a blob that is not the tar stream itself.
type Blob = Option<(Digest, u64)>;

/// Everything on this thread.
fn write_alone(
    stream: &Stream<'_>,
    encoding: Encoding,
    out: &mut (dyn Write + Send),
    progress: &dyn Fn(u64),
) -> Result<(Digest, Blob), Error> {
    let mut encoder = encoding.start()?;
    let (mut buffer, mut encoded, mut header) = (Vec::new(), Encoded::default(), Vec::new());
    let (mut diff_id, mut digest, mut size) = (Hasher::new(), Hasher::new(), 0);
    let mut cursor = Cursor::default();
    while !stream.is_cut(&cursor) {
        match stream.known(&mut cursor) {
            Some(block) => stream.make(block, &mut buffer, &mut header)?,
            None => stream.read_on(&mut cursor, &mut buffer, &mut header)?,
        }
        diff_id.update(&buffer);
        match &mut encoder {
            None => out.write_all(&buffer).map_err(write_error)?,
            Some(encoder) => {
                encoder.encode(&buffer, &mut encoded)?;
                digest.update(&encoded);
                size += encoded.len() as u64;
                out.write_all(&encoded).map_err(write_error)?;
            }
        }
        progress(buffer.len() as u64);
    }
    Ok((diff_id.finish(), encoder.map(|_| (digest.finish(), size))))
}

/// What the threads share.
struct Shared {
    state: Mutex<Progress>,
    wake: Condvar,
    /// Buffers that are free: those of tar bytes, and those of compressed bytes.
    plain: Mutex<Vec<Vec<u8>>>,
    encoded: Mutex<Vec<Encoded>>,
    /// How many blocks may be under way.
    window: usize,
}

struct Progress {
    /// Where the next block begins, while nobody reads to find where that one ends.
    cursor: Option<Cursor>,
    /// All blocks are begun.
    complete: bool,
    /// How many blocks are begun, hashed, and written.
    begun: usize,
    hashed: usize,
    written: usize,
    /// No new block is begun.
    stop: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What there is to do.
enum Task {
    /// A block to make.
    Make(Block),
    /// One to be found by reading on from here. Nobody else begins one until the cursor is
    /// back.
    ReadOn(Cursor),
}

impl Shared {
    /// The next block to make and its number, once few enough are under way.
    fn take(&self, stream: &Stream<'_>) -> Option<(usize, Task)> {
        let mut state = lock(&self.state);
        loop {
            if state.stop || state.complete {
                return None;
            }
            if state.begun < state.hashed.min(state.written) + self.window {
                if let Some(mut cursor) = state.cursor.take() {
                    let number = state.begun;
                    state.begun += 1;
                    let Some(block) = stream.known(&mut cursor) else {
                        return Some((number, Task::ReadOn(cursor)));
                    };
                    state.complete = stream.is_cut(&cursor);
                    state.cursor = Some(cursor);
                    return Some((number, Task::Make(block)));
                }
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn advance(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut lock(&self.state));
        self.wake.notify_all();
    }

    /// The tar bytes of a block may be used by two threads: the last one gives the buffer back.
    fn give_back(&self, buffer: Arc<Vec<u8>>) {
        if let Some(buffer) = Arc::into_inner(buffer) {
            lock(&self.plain).push(buffer);
        }
    }
}

/// Whatever way a thread ends, nobody waits for it for ever.
struct StopOnDrop<'a>(&'a Shared);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.advance(|state| state.stop = true);
    }
}

/// A block as it is written.
enum Piece {
    Plain(Arc<Vec<u8>>),
    Encoded(Encoded),
}

type Numbered<T> = (usize, Result<T, Error>);

/// Brings what comes in any order back into order.
struct InOrder<T> {
    receiver: Receiver<Numbered<T>>,
    early: BTreeMap<usize, Result<T, Error>>,
    next: usize,
}

impl<T> InOrder<T> {
    fn new(receiver: Receiver<Numbered<T>>) -> Self {
        Self {
            receiver,
            early: BTreeMap::new(),
            next: 0,
        }
    }

    /// The next one in order, `None` if it will never come.
    fn next(&mut self) -> Option<Result<T, Error>> {
        loop {
            if let Some(item) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(item);
            }
            let (number, item) = self.receiver.recv().ok()?;
            self.early.insert(number, item);
        }
    }
}

fn write_together(
    stream: &Stream<'_>,
    encoding: Encoding,
    threads: usize,
    out: &mut (dyn Write + Send),
    progress: &dyn Fn(u64),
) -> Result<(Digest, Blob), Error> {
    let compresses = encoding.compression() != Compression::None;
    // Hashing and writing are quick beside opening files and compressing them, so all
    // threads may do that; the system shares the cores out.
    let workers = threads.min(stream.most_blocks());
    let shared = Shared {
        state: Mutex::new(Progress {
            cursor: Some(Cursor::default()),
            complete: false,
            begun: 0,
            hashed: 0,
            written: 0,
            stop: false,
        }),
        wake: Condvar::new(),
        plain: Mutex::default(),
        encoded: Mutex::default(),
        // One more than there are workers: the next one to take a block need not wait until
        // the oldest one is written.
        window: workers + 1,
    };
    let (to_hash, hash) = channel();
    let (to_write, write) = channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (to_hash, to_write, shared) = (to_hash.clone(), to_write.clone(), &shared);
            scope.spawn(move || work(stream, encoding, shared, &to_hash, &to_write));
        }
        drop((to_hash, to_write));
        let writer = scope.spawn(|| write_in_order(write, &shared, out));

        let _stop = StopOnDrop(&shared);
        let mut hasher = Hasher::new();
        let mut hash = InOrder::new(hash);
        let mut failed = None;
        while let Some(block) = hash.next() {
            match block {
                Ok(block) => {
                    let block: Arc<Vec<u8>> = block;
                    hasher.update(&block);
                    let n = block.len() as u64;
                    shared.give_back(block);
                    shared.advance(|state| state.hashed += 1);
                    progress(n);
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        shared.advance(|state| {
            state.stop |= !state.complete || hash.next < state.begun || failed.is_some();
        });
        drop(hash);
        let written = match writer.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // A block that could not be made comes before one that could not be written.
        if let Some(error) = failed {
            return Err(error);
        }
        let (digest, size) = written?;
        Ok((hasher.finish(), compresses.then_some((digest, size))))
    })
}

/// Make blocks until there are none left.
fn work(
    stream: &Stream<'_>,
    encoding: Encoding,
    shared: &Shared,
    to_hash: &Sender<Numbered<Arc<Vec<u8>>>>,
    to_write: &Sender<Numbered<Piece>>,
) {
    let _stop = StopOnDrop(shared);
    let mut header = Vec::new();
    let mut encoder = None;
    while let Some((number, task)) = shared.take(stream) {
        let mut buffer = lock(&shared.plain).pop().unwrap_or_default();
        let made = match task {
            Task::Make(block) => stream.make(block, &mut buffer, &mut header),
            Task::ReadOn(mut cursor) => {
                let made = stream.read_on(&mut cursor, &mut buffer, &mut header);
                if made.is_ok() {
                    shared.advance(|state| {
                        state.complete = stream.is_cut(&cursor);
                        state.cursor = Some(cursor);
                    });
                }
                made
            }
        };
        if let Err(error) = made {
            let _ = to_hash.send((number, Err(error)));
            return;
        }
        let buffer = Arc::new(buffer);
        // If nobody listens any more, `take` says so next time.
        let _ = to_hash.send((number, Ok(Arc::clone(&buffer))));
        if encoder.is_none() {
            match encoding.start() {
                Ok(started) => encoder = Some(started),
                Err(error) => {
                    let _ = to_write.send((number, Err(error)));
                    return;
                }
            }
        }
        let piece = match encoder.as_mut() {
            Some(Some(encoder)) => {
                let mut encoded = lock(&shared.encoded).pop().unwrap_or_default();
                let result = encoder.encode(&buffer, &mut encoded);
                shared.give_back(buffer);
                result.map(|()| Piece::Encoded(encoded))
            }
            _ => Ok(Piece::Plain(buffer)),
        };
        let _ = to_write.send((number, piece));
    }
}

/// Hash what is compressed, and write everything.
fn write_in_order(
    pieces: Receiver<Numbered<Piece>>,
    shared: &Shared,
    out: &mut (dyn Write + Send),
) -> Result<(Digest, u64), Error> {
    let stop = StopOnDrop(shared);
    let (mut hasher, mut size) = (Hasher::new(), 0);
    let mut pieces = InOrder::new(pieces);
    while let Some(piece) = pieces.next() {
        match piece? {
            Piece::Plain(block) => {
                out.write_all(&block).map_err(write_error)?;
                shared.give_back(block);
            }
            Piece::Encoded(block) => {
                hasher.update(&block);
                size += block.len() as u64;
                out.write_all(&block).map_err(write_error)?;
                lock(&shared.encoded).push(block);
            }
        }
        shared.advance(|state| state.written += 1);
    }
    drop(stop);
    Ok((hasher.finish(), size))
}
