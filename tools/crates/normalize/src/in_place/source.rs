//! A file that handlers read from, whatever its size.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;

use verbatim_formats::ReadAt;

/// Smaller files are read whole: one call instead of many.
const WHOLE: u64 = 4 << 20;

/// The content of a file, read as needed.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    content: Content<'a>,
    length: u64,
}

#[derive(Debug)]
enum Content<'a> {
    Memory(&'a [u8]),
    File(&'a File),
}

impl<'a> Source<'a> {
    /// Content that is in memory.
    pub(crate) fn memory(data: &'a [u8]) -> Self {
        Self {
            length: data.len() as u64,
            content: Content::Memory(data),
        }
    }

    /// Read a small file into the buffer, or be ready to read from a large one.
    pub(crate) fn open(file: &'a File, length: u64, buffer: &'a mut Vec<u8>) -> io::Result<Self> {
        if length > WHOLE {
            return Ok(Self {
                length,
                content: Content::File(file),
            });
        }
        let length = length as usize;
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        let data = &mut buffer[..length];
        read_at(file, data, 0)?;
        Ok(Self::memory(data))
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// The bytes, or the file that they are in.
    pub(crate) fn whole(&self) -> Result<&'a [u8], &'a File> {
        match self.content {
            Content::Memory(data) => Ok(data),
            Content::File(file) => Err(file),
        }
    }

    /// The bytes in this range, which must lie in the file.
    ///
    /// The caller bounds the range by what it can afford to hold.
    pub(crate) fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        if range.start > range.end || range.end > self.length {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is cut short",
            ));
        }
        match &self.content {
            Content::Memory(data) => Ok(data[range.start as usize..range.end as usize].into()),
            Content::File(file) => {
                let mut data = vec![0; (range.end - range.start) as usize];
                read_at(file, &mut data, range.start)?;
                Ok(Cow::Owned(data))
            }
        }
    }
}

impl ReadAt for Source<'_> {
    fn size(&self) -> u64 {
        self.length
    }

    fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        Source::read(self, range)
    }
}

#[cfg(unix)]
fn read_at(file: &File, data: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, data, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, data: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(data)
}
