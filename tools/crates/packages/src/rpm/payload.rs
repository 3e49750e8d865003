//! The files inside a package: a stream of cpio, in the form that every tool reads or in the one of
//! rpm alone, which names files by their place in the header.

use std::io::{self, Read};

use verbatim_formats::cpio::{Field, Fields};

/// What a file in the form of rpm alone begins with.
const STRIPPED: &[u8; 6] = b"07070X";
const END: &[u8] = b"TRAILER!!!";
/// The longest path that rpm reads.
const LONGEST_NAME: u32 = 4096;

/// Which file of the header comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// One with this path, as it is stored, and so many bytes of content.
    Path(Vec<u8>, u64),
    /// The one at this place of the header's list, which knows its size.
    Place(usize),
    /// No more.
    End,
}

/// A payload while it is read, after its decompression.
#[derive(Debug)]
pub(super) struct Payload<R> {
    inner: R,
    offset: u64,
    /// Bytes of the content that were not read yet.
    left: u64,
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<R: Read> Payload<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            offset: 0,
            left: 0,
        }
    }

    /// Pass over what is left of the last file, and read which one comes next.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        io::copy(&mut *self, &mut io::sink())?;
        if self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.pad()?;
        let mut magic = [0; 6];
        self.exactly(&mut magic)?;
        if magic == *STRIPPED {
            let mut digits = [0; 8];
            self.exactly(&mut digits)?;
            self.pad()?;
            let place = std::str::from_utf8(&digits)
                .ok()
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .ok_or_else(|| damaged("the place of a file is no number"))?;
            return Ok(match place {
                u32::MAX => Next::End,
                place => Next::Place(place as usize),
            });
        }
        let mut header = [0; 110];
        header[..6].copy_from_slice(&magic);
        self.exactly(&mut header[6..])?;
        let (_, fields) =
            Fields::parse(&header).ok_or_else(|| damaged("there is no header of a file"))?;
        let length = fields.get(Field::NameSize);
        if length == 0 || length > LONGEST_NAME {
            return Err(damaged("the name of a file is too long"));
        }
        let mut name = vec![0; length as usize];
        self.exactly(&mut name)?;
        self.pad()?;
        if name.pop() != Some(0) {
            return Err(damaged("the name of a file does not end as names do"));
        }
        if name == END {
            return Ok(Next::End);
        }
        Ok(Next::Path(name, fields.get(Field::Size).into()))
    }

    /// Let the content of the file be so many bytes.
    pub(super) fn content(&mut self, size: u64) -> &mut Self {
        self.left = size;
        self
    }

    /// The decompressed stream, after the end of the archive.
    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    fn exactly(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.offset += buffer.len() as u64;
        self.inner.read_exact(buffer)
    }

    fn pad(&mut self) -> io::Result<()> {
        let mut padding = [0; 3];
        let length = (self.offset.next_multiple_of(4) - self.offset) as usize;
        self.exactly(&mut padding[..length])
    }
}

/// The content of the file.
impl<R: Read> Read for Payload<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.inner.read(&mut buffer[..most])?;
        self.left -= n as u64;
        self.offset += n as u64;
        Ok(n)
    }
}
