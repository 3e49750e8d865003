//! Bytes that can be read again from anywhere: a file, a part of one, or memory.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use verbatim_digest::Digest;
use verbatim_document::file::open;
use verbatim_formats::ReadAt;

/// What is read at once where two things are compared: two of these stay in the cache.
const PIECE: usize = 256 << 10;

/// Bytes with a known length. Clones are cheap and share the bytes.
#[derive(Debug, Clone)]
pub(crate) enum Blob {
    /// A part of an open file.
    Part {
        file: Arc<File>,
        offset: u64,
        size: u64,
        /// The file has no name, and is there as long as somebody holds it.
        spooled: bool,
    },
    /// A file that is opened when it is needed: a folder may have more than can be open.
    Path { path: Arc<PathBuf>, size: u64 },
    /// In memory.
    Memory(Arc<Vec<u8>>),
}

impl Blob {
    /// A whole file, which is opened now.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (file, size) = open(path)?;
        Ok(Self::Part {
            file: Arc::new(file),
            offset: 0,
            size,
            spooled: false,
        })
    }

    pub(crate) fn of(data: Vec<u8>) -> Self {
        Self::Memory(Arc::new(data))
    }

    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Part { size, .. } | Self::Path { size, .. } => *size,
            Self::Memory(data) => data.len() as u64,
        }
    }

    /// Bytes of it that are held in memory.
    pub(crate) fn in_memory(&self) -> u64 {
        match self {
            Self::Memory(data) => data.len() as u64,
            Self::Part { .. } | Self::Path { .. } => 0,
        }
    }

    /// Bytes of it that are held in a file without a name.
    pub(crate) fn in_spool(&self) -> u64 {
        match self {
            Self::Part {
                size,
                spooled: true,
                ..
            } => *size,
            _ => 0,
        }
    }

    /// A part of it; what lies beyond the end is cut off.
    pub(crate) fn part(&self, at: u64, length: u64) -> io::Result<Self> {
        let at = at.min(self.size());
        let length = length.min(self.size() - at);
        Ok(match self.opened()? {
            Self::Part {
                file,
                offset,
                spooled,
                ..
            } => Self::Part {
                file,
                offset: offset + at,
                size: length,
                spooled,
            },
            Self::Memory(data) => Self::of(data[at as usize..(at + length) as usize].to_vec()),
            path @ Self::Path { .. } => path,
        })
    }

    /// The same, ready to be read from many times.
    pub(crate) fn opened(&self) -> io::Result<Self> {
        match self {
            Self::Path { path, size } => Ok(Self::Part {
                file: Arc::new(open(path)?.0),
                offset: 0,
                size: *size,
                spooled: false,
            }),
            other => Ok(other.clone()),
        }
    }

    /// A reader from the beginning. It does not disturb other readers.
    pub(crate) fn reader(&self) -> io::Result<Reader> {
        Ok(Reader {
            blob: self.opened()?,
            at: 0,
            step: FIRST_STEP,
        })
    }

    /// The first bytes, at most `n`.
    pub(crate) fn head(&self, n: usize) -> io::Result<Vec<u8>> {
        let mut head = vec![0; usize::try_from(self.size()).unwrap_or(n).min(n)];
        let got = read_full(&mut self.reader()?, &mut head)?;
        head.truncate(got);
        Ok(head)
    }

    /// All bytes.
    pub(crate) fn load(&self) -> io::Result<Vec<u8>> {
        if let Self::Memory(data) = self {
            return Ok(data.to_vec());
        }
        let mut data = Vec::with_capacity(self.size() as usize);
        self.reader()?.read_to_end(&mut data)?;
        Ok(data)
    }

    pub(crate) fn digest(&self) -> io::Result<Digest> {
        Ok(verbatim_digest::of_reader(self.reader()?)?.0)
    }

    /// Where the first byte is that differs; the shorter length if one begins with the other.
    pub(crate) fn first_difference(&self, other: &Self) -> io::Result<Option<u64>> {
        let mut buffers = Buffers::new();
        buffers.first_difference(self, other)
    }
}

impl ReadAt for Blob {
    fn size(&self) -> u64 {
        self.size()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        if range.start > range.end || range.end > self.size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let read = |file: &File, offset: u64| {
            let mut data = vec![0; (range.end - range.start) as usize];
            file.read_exact_at(&mut data, offset + range.start)?;
            Ok(Cow::Owned(data))
        };
        match self {
            Self::Memory(data) => Ok(data[range.start as usize..range.end as usize].into()),
            Self::Part { file, offset, .. } => read(file, *offset),
            Self::Path { path, .. } => read(&File::open(path.as_path())?, 0),
        }
    }
}

struct Buffers(Vec<u8>, Vec<u8>);

impl Buffers {
    fn new() -> Self {
        Self(vec![0; PIECE], vec![0; PIECE])
    }

    fn first_difference(&mut self, left: &Blob, right: &Blob) -> io::Result<Option<u64>> {
        let (mut left_reader, mut right_reader) = (left.reader()?, right.reader()?);
        let mut at = 0;
        loop {
            let l = read_full(&mut left_reader, &mut self.0)?;
            let r = read_full(&mut right_reader, &mut self.1)?;
            let both = l.min(r);
            if self.0[..both] != self.1[..both] {
                let same = self.0[..both]
                    .iter()
                    .zip(&self.1[..both])
                    .take_while(|(a, b)| a == b)
                    .count();
                return Ok(Some(at + same as u64));
            }
            if l != r {
                return Ok(Some(at + both as u64));
            }
            if l == 0 {
                return Ok(None);
            }
            at += both as u64;
        }
    }
}

/// How many threads are worth while: reading is soon bound by memory.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(8))
}

/// Do `work` on each of `items` on all cores. The results are in the order of the items.
pub(crate) fn in_parallel<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = threads().min(items.len());
    if threads <= 1 {
        let mut state = state();
        return items.iter().map(|item| work(&mut state, item)).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut state = state();
                loop {
                    // A few at a time, for many files are small.
                    let from = next.fetch_add(16, Ordering::Relaxed);
                    if from >= items.len() {
                        break;
                    }
                    let to = (from + 16).min(items.len());
                    let results: Vec<_> = (from..to)
                        .map(|i| (i, work(&mut state, &items[i])))
                        .collect();
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(results);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Whether the blobs of each pair differ.
///
/// Comparing is cheaper than hashing both (one pass over memory and no arithmetic), and unlike
/// a fast hash it cannot be deceived.
pub(crate) fn which_differ(pairs: &[(Blob, Blob)]) -> Vec<io::Result<bool>> {
    in_parallel(pairs, Buffers::new, |buffers, (left, right)| {
        if left.size() != right.size() {
            return Ok(true);
        }
        Ok(buffers.first_difference(left, right)?.is_some())
    })
}

/// Bytes of the first read after each seek, and of the largest: whoever passes over the contents
/// of an archive wants the next header and no more, whoever reads on wants a lot.
const FIRST_STEP: usize = 4096;
const LAST_STEP: usize = 1 << 20;

/// Reads a blob with a position of its own.
#[derive(Debug)]
pub(crate) struct Reader {
    blob: Blob,
    at: u64,
    step: usize,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.blob.size().saturating_sub(self.at);
        let room = out
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX))
            .min(self.step);
        self.step = (self.step * 2).min(LAST_STEP);
        let n = match &self.blob {
            Blob::Part { file, offset, .. } => file.read_at(&mut out[..room], offset + self.at)?,
            Blob::Memory(data) => {
                let at = self.at.min(data.len() as u64) as usize;
                out[..room].copy_from_slice(&data[at..at + room]);
                room
            }
            Blob::Path { .. } => return Err(io::Error::other("the file was not opened")),
        };
        if n == 0 && room > 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it became shorter while it was read",
            ));
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::End(by) => self.blob.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.step = FIRST_STEP;
        self.at = to.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "there is nothing before the start",
            )
        })?;
        Ok(self.at)
    }
}

/// Fill the buffer as far as there is something to read.
pub(crate) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

/// A file without a name that takes what has to be read more than once.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Arc<File>,
    end: u64,
}

impl Spool {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            file: Arc::new(tempfile::tempfile()?),
            end: 0,
        })
    }

    /// Take all that can be read.
    pub(crate) fn take(&mut self, reader: &mut impl Read) -> io::Result<Blob> {
        let mut file: &File = &self.file;
        file.seek(SeekFrom::Start(self.end))?;
        let mut buffer = vec![0; PIECE];
        let offset = self.end;
        loop {
            let n = read_full(reader, &mut buffer)?;
            if n == 0 {
                break;
            }
            file.write_all(&buffer[..n])?;
            self.end += n as u64;
        }
        Ok(Blob::Part {
            file: Arc::clone(&self.file),
            offset,
            size: self.end - offset,
            spooled: true,
        })
    }
}
