//! A file of which any part can be read, wherever it is.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// Bytes with a known length, in memory or not.
///
/// Whoever reads bounds the range by what it can afford to hold.
pub trait ReadAt {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// The bytes in this range: borrowed if they are in memory. A range that does not lie in the
    /// file is an error.
    fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>>;
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        let part = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok())
            .and_then(|(start, end)| self.get(start..end));
        match part {
            Some(part) => Ok(part.into()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
