//! A buffer over the source that always knows its place.

use std::io::{self, Read, Seek, SeekFrom};

/// How much is asked of the source at once: large enough that system calls do not show,
/// small enough to stay in the second-level cache.
const CAPACITY: usize = 128 << 10;

/// A reader with a buffer and the offset of the next byte.
#[derive(Debug)]
pub(crate) struct Input<R> {
    reader: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    offset: u64,
    ended: bool,
    skip: Option<SkipSource<R>>,
}

/// How a source passes over bytes without reading them: as many as asked for, fewer only
/// where it ends.
pub(crate) type SkipSource<R> = fn(&mut R, u64) -> io::Result<u64>;

impl<R: Read> Input<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; CAPACITY].into_boxed_slice(),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            skip: None,
        }
    }

    /// Pass over what is not needed with this function.
    pub(crate) fn skip_with(&mut self, skip: SkipSource<R>) {
        self.skip = Some(skip);
    }

    /// Make room for more bytes at once.
    pub(crate) fn grow(&mut self, capacity: usize) {
        if self.buffer.len() < capacity {
            let mut buffer = vec![0; capacity].into_boxed_slice();
            let rest = self.end - self.start;
            buffer[..rest].copy_from_slice(&self.buffer[self.start..self.end]);
            self.buffer = buffer;
            self.start = 0;
            self.end = rest;
        }
    }

    /// The offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The source.
    pub(crate) fn reader(&self) -> &R {
        &self.reader
    }

    /// The bytes that are in the buffer.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.end - self.start);
        self.start += n;
        self.offset += n as u64;
    }

    /// At least one byte, unless the source ends.
    pub(crate) fn fill(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.more()?;
        }
        Ok(self.buffered())
    }

    /// At least `n` bytes, fewer only where the source ends. `n` must fit the buffer.
    pub(crate) fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        debug_assert!(n <= self.buffer.len());
        while self.end - self.start < n && !self.ended {
            self.more()?;
        }
        Ok(self.buffered())
    }

    /// Copy to `out` what is buffered; large requests go past the buffer.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && out.len() >= CAPACITY {
            if self.ended {
                return Ok(0);
            }
            let n = read_once(&mut self.reader, out)?;
            self.ended = n == 0;
            self.offset += n as u64;
            return Ok(n);
        }
        let available = self.fill()?;
        let n = available.len().min(out.len());
        out[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }

    /// Pass over up to `n` bytes; 0 only where the source ends.
    pub(crate) fn skip(&mut self, n: u64) -> io::Result<u64> {
        if self.start == self.end && n > CAPACITY as u64 && !self.ended {
            if let Some(skip) = self.skip {
                let skipped = skip(&mut self.reader, n)?;
                self.ended = skipped == 0;
                self.offset += skipped;
                return Ok(skipped);
            }
        }
        let found = self.fill()?.len();
        let step = n.min(found as u64);
        self.consume(step as usize);
        Ok(step)
    }

    fn more(&mut self) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let n = read_once(&mut self.reader, &mut self.buffer[self.end..])?;
        self.ended = n == 0;
        self.end += n;
        Ok(())
    }
}

/// Pass over bytes of a source that can seek.
pub(crate) fn seek_over<R: Seek>(reader: &mut R, n: u64) -> io::Result<u64> {
    let here = reader.stream_position()?;
    // Seeking past the end succeeds, so the end has to be asked for.
    let end = reader.seek(SeekFrom::End(0))?;
    let there = here.saturating_add(n).min(end).max(here);
    reader.seek(SeekFrom::Start(there))?;
    Ok(there - here)
}

fn read_once(reader: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(out) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // A source that claims more than it was given room for would break every offset.
            Ok(n) if n > out.len() => {
                return Err(io::Error::other("the source returned more than was asked"))
            }
            result => return result,
        }
    }
}
