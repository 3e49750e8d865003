use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// Big enough that a system call costs nothing beside hashing, small enough to stay in the cache.
const BUFFER: usize = 256 << 10;

/// Makes the digest of bytes that come piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of everything that was added.
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}

/// Passes on what is read, and hashes and counts it.
#[derive(Debug)]
pub struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
    bytes: u64,
}

impl<R: Read> HashingReader<R> {
    /// Hash what will be read from `inner`.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            bytes: 0,
        }
    }

    /// How many bytes were read so far.
    pub fn count(&self) -> u64 {
        self.bytes
    }

    /// Read whatever is left, so that the digest is that of the whole stream.
    pub fn drain(&mut self) -> io::Result<()> {
        self.drain_while(|_| true).map(|_| ())
    }

    /// Read whatever is left, as long as `goes_on` says so of the bytes that were read so far.
    /// Whether the end was reached.
    pub fn drain_while(&mut self, mut goes_on: impl FnMut(u64) -> bool) -> io::Result<bool> {
        let mut buffer = vec![0; BUFFER];
        while goes_on(self.bytes) {
            if read_some(self, &mut buffer)? == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The digest of what was read, how many bytes that were, and the reader.
    pub fn finish(self) -> (Digest, u64, R) {
        (self.hasher.finish(), self.bytes, self.inner)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.bytes += n as u64;
        Ok(n)
    }
}

/// Passes on what is written, and hashes and counts it.
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
    bytes: u64,
}

impl<W: Write> HashingWriter<W> {
    /// Hash what will be written to `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            bytes: 0,
        }
    }

    /// How many bytes were written so far.
    pub fn count(&self) -> u64 {
        self.bytes
    }

    /// The digest of what was written, how many bytes that were, and the writer.
    pub fn finish(self) -> (Digest, u64, W) {
        (self.hasher.finish(), self.bytes, self.inner)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(data)?;
        self.hasher.update(&data[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A file could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {source}")]
pub struct FileError {
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// The reason that the operating system gave.
    pub fn io(&self) -> &io::Error {
        &self.source
    }
}

/// The digest of a file's content, and its size.
pub fn of_file(path: impl AsRef<Path>) -> Result<(Digest, u64), FileError> {
    let path = path.as_ref();
    File::open(path)
        .and_then(of_reader)
        .map_err(|source| FileError {
            path: path.to_owned(),
            source,
        })
}

/// The digest of all that can be read, and how many bytes that were.
pub fn of_reader(mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut bytes) = (Hasher::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        match read_some(&mut reader, &mut buffer)? {
            0 => return Ok((hasher.finish(), bytes)),
            n => {
                hasher.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}

/// The digest of a regular file of which it is known how many bytes it should have, and how many
/// bytes that were. In a buffer of the caller's, for many small files: fresh memory for each would
/// cost more than hashing it, and so would asking a file for more than it has.
pub fn of_file_in(mut file: &File, size: u64, buffer: &mut [u8]) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut bytes) = (Hasher::new(), 0);
    loop {
        let n = read_some(&mut file, buffer)?;
        hasher.update(&buffer[..n]);
        bytes += n as u64;
        // A file gives less than was asked for only at its end (POSIX, read). If that is not where
        // it should be, ask once more.
        if n == 0 || n < buffer.len() && bytes == size {
            return Ok((hasher.finish(), bytes));
        }
    }
}

/// Which end of a copy failed.
#[derive(Debug)]
pub enum CopyError {
    /// It could not be read.
    Read(io::Error),
    /// It could not be written.
    Write(io::Error),
}

/// Copy all that can be read; with its digest, and how many bytes that were.
pub fn copy(mut reader: impl Read, writer: impl Write) -> Result<(Digest, u64), CopyError> {
    let mut writer = HashingWriter::new(writer);
    let mut buffer = vec![0; BUFFER];
    loop {
        match read_some(&mut reader, &mut buffer).map_err(CopyError::Read)? {
            0 => break,
            n => writer.write_all(&buffer[..n]).map_err(CopyError::Write)?,
        }
    }
    let (digest, bytes, _) = writer.finish();
    Ok((digest, bytes))
}

/// Read once, however often that is interrupted.
fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom};

    use super::*;

    /// Gives one byte at a time and is interrupted in between.
    struct Slow<'a>(&'a [u8], bool);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = self.0.len().min(1).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        let data: Vec<u8> = (0..1000u32).map(|i| (i * 7) as u8).collect();
        let (digest, bytes) = of_reader(Slow(&data, false)).unwrap();
        assert_eq!((digest, bytes), (Digest::of(&data), 1000));

        let mut writer = HashingWriter::new(Vec::new());
        for piece in data.chunks(33) {
            writer.write_all(piece).unwrap();
        }
        assert_eq!(writer.count(), 1000);
        assert_eq!(writer.finish(), (digest, 1000, data));
    }

    #[test]
    fn a_partly_read_stream_can_be_drained() {
        let data = vec![5; 3 * BUFFER + 1];
        let mut reader = HashingReader::new(&data[..]);
        reader.read_exact(&mut [0; 10]).unwrap();
        assert_eq!(reader.count(), 10);
        reader.drain().unwrap();
        let (digest, bytes, rest) = reader.finish();
        assert_eq!((digest, bytes), (Digest::of(&data), data.len() as u64));
        assert!(rest.is_empty());
    }

    #[test]
    fn a_stream_can_be_left_before_its_end() {
        let data = vec![5; 3 * BUFFER];
        let mut reader = HashingReader::new(&data[..]);
        assert!(!reader.drain_while(|bytes| bytes < 1).unwrap());
        assert_eq!(reader.count(), BUFFER as u64);
        assert!(reader
            .drain_while(|bytes| bytes <= data.len() as u64)
            .unwrap());
        assert_eq!(reader.finish().0, Digest::of(&data));
    }

    #[test]
    fn a_copy_is_hashed_and_says_which_end_failed() {
        let data = b"some bytes";
        let mut copied = Vec::new();
        let (digest, bytes) = copy(Slow(data, false), &mut copied).unwrap();
        assert_eq!((digest, bytes), (Digest::of(data), data.len() as u64));
        assert_eq!(copied, data);
        let full = copy(&data[..], &mut [0; 3][..]);
        assert!(matches!(full, Err(CopyError::Write(_))));
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::Other.into())
            }
        }
        assert!(matches!(copy(Broken, Vec::new()), Err(CopyError::Read(_))));
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let error = of_file(&path).unwrap_err();
        assert!(error
            .to_string()
            .starts_with(&format!("cannot read {}: ", path.display())));
        assert_eq!(error.io().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(of_file(&path).unwrap(), (Digest::of(b"abc"), 3));
    }

    #[test]
    fn a_file_is_read_to_its_end_whatever_its_size_was_said_to_be() {
        let mut file = tempfile::tempfile().unwrap();
        let data: Vec<u8> = (0..1000u32).flat_map(u32::to_le_bytes).collect();
        file.write_all(&data).unwrap();
        for buffer in [1, 999, 1000, 3999, 4000, 4001, 9000] {
            for said in [0, 1, 999, 3999, 4000, 4001, u64::MAX] {
                file.seek(SeekFrom::Start(0)).unwrap();
                let found = of_file_in(&file, said, &mut vec![0; buffer]).unwrap();
                assert_eq!(found, (Digest::of(&data), 4000), "{buffer} {said}");
            }
        }
    }
}
