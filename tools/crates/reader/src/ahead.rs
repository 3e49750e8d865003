//! Decompression on a thread of its own.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::JoinHandle;

/// One piece of work for the thread. Small enough that what was decompressed is still in
/// the cache when it is used.
const CHUNK: usize = 256 << 10;
/// Pieces under way; with [`CHUNK`] this bounds the memory to 1 MiB.
const CHUNKS: usize = 4;

struct Chunk {
    data: Vec<u8>,
    result: io::Result<()>,
}

/// A reader whose source is read by another thread, a bounded distance ahead.
///
/// It gives the same bytes and the same error at the same place as the source itself.
/// Dropping it ends the thread as soon as the source returns; a source that waits for
/// more, like a pipe, is not waited for.
#[derive(Debug)]
pub struct ReadAhead {
    full: Option<Receiver<Chunk>>,
    empty: Option<SyncSender<Vec<u8>>>,
    current: Vec<u8>,
    position: usize,
    error: Option<io::Error>,
    failed: bool,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({} bytes)", self.data.len())
    }
}

impl ReadAhead {
    /// Begin to read `source`.
    pub fn new(source: impl Read + Send + 'static) -> Self {
        let (to_reader, full) = sync_channel::<Chunk>(CHUNKS);
        let (empty, to_thread) = sync_channel::<Vec<u8>>(CHUNKS);
        for _ in 0..CHUNKS {
            // There is room for all of them: this cannot block or fail.
            let _ = empty.try_send(Vec::new());
        }
        let thread = std::thread::spawn(move || produce(source, &to_thread, &to_reader));
        Self {
            full: Some(full),
            empty: Some(empty),
            current: Vec::new(),
            position: 0,
            error: None,
            failed: false,
            thread: Some(thread),
        }
    }
}

fn produce(mut source: impl Read, empty: &Receiver<Vec<u8>>, full: &SyncSender<Chunk>) {
    while let Ok(mut data) = empty.recv() {
        data.resize(CHUNK, 0);
        let mut filled = 0;
        let mut result = Ok(());
        while filled < CHUNK {
            match source.read(&mut data[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    result = Err(e);
                    break;
                }
            }
        }
        data.truncate(filled);
        let last = filled < CHUNK;
        if full.send(Chunk { data, result }).is_err() || last {
            return;
        }
    }
}

impl BufRead for ReadAhead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.current.len() {
            if let Some(error) = self.error.take() {
                self.full = None;
                self.failed = true;
                return Err(error);
            }
            if self.failed {
                return Err(io::Error::other("reading cannot go on after an error"));
            }
            let Some(full) = &self.full else { break };
            match full.recv() {
                Ok(chunk) => {
                    let used = std::mem::replace(&mut self.current, chunk.data);
                    self.position = 0;
                    self.error = chunk.result.err();
                    if let Some(empty) = &self.empty {
                        // A thread that has ended needs no more buffers.
                        let _ = empty.try_send(used);
                    }
                }
                Err(_) => {
                    // The thread is done, or its source panicked: never take that for the end.
                    self.full = None;
                    if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
                        self.failed = true;
                        return Err(io::Error::other("reading ahead stopped unexpectedly"));
                    }
                }
            }
        }
        Ok(&self.current[self.position..])
    }

    fn consume(&mut self, n: usize) {
        self.position = (self.position + n).min(self.current.len());
    }
}

impl Read for ReadAhead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(out.len());
        out[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}
