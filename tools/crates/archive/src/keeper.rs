//! Contents that come as streams, kept in a temporary file until the layer is written.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use verbatim_foreign::printable_path;

use crate::entry::Content;
use crate::Error;

/// A temporary file of a [`crate::Builder`] for contents that come as streams, from any number of
/// threads: each has a place of its own in it, and no layer shows which.
#[derive(Debug)]
pub struct Keeper {
    file: File,
    end: AtomicU64,
    /// Among the files that slices refer to.
    number: u32,
}

/// Where a content is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    file: u32,
    offset: u64,
    size: u64,
}

impl Kept {
    /// The bytes of the content.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn content(&self) -> Content {
        Content::Slice {
            file: self.file,
            offset: self.offset,
        }
    }
}

impl Keeper {
    pub(crate) fn create(folder: &Path, number: u32) -> Result<(Self, File), Error> {
        let failed = |source| Error::Write {
            what: format!("a temporary file in {}", printable_path(folder)),
            source,
        };
        let file = tempfile::tempfile_in(folder).map_err(failed)?;
        let reader = file.try_clone().map_err(failed)?;
        let keeper = Self {
            file,
            end: AtomicU64::new(0),
            number,
        };
        Ok((keeper, reader))
    }

    /// Keep a content of `size` bytes; one that ends before is an error.
    pub fn keep(&self, mut content: impl Read, size: u64) -> Result<Kept, Error> {
        let offset = self.end.fetch_add(size, Ordering::Relaxed);
        let mut buffer = vec![0; size.min(256 << 10) as usize];
        let mut done = 0;
        while done < size {
            let want = usize::try_from(size - done).map_or(buffer.len(), |n| n.min(buffer.len()));
            let piece = &mut buffer[..want];
            content
                .read_exact(piece)
                .map_err(|e| Error::Invalid(format!("a content cannot be read: {e}")))?;
            self.file
                .write_all_at(piece, offset + done)
                .map_err(|source| Error::Write {
                    what: "a temporary file beside the output".to_owned(),
                    source,
                })?;
            done += want as u64;
        }
        Ok(Kept {
            file: self.number,
            offset,
            size,
        })
    }

    /// Read a part of a content that was kept here: a range that lies in it.
    pub fn read_part(&self, kept: &Kept, range: Range<u64>) -> io::Result<Vec<u8>> {
        let is_in = range.start <= range.end && range.end <= kept.size;
        if kept.file != self.number || !is_in {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut data = vec![0; (range.end - range.start) as usize];
        self.file
            .read_exact_at(&mut data, kept.offset + range.start)?;
        Ok(data)
    }

    /// Read a content that was kept here, if it is not larger than `limit`.
    pub fn read(&self, kept: &Kept, limit: u64) -> io::Result<Vec<u8>> {
        if kept.file != self.number || kept.size > limit {
            return Err(io::Error::other(format!(
                "it has {} bytes, and {limit} are the most that is looked at",
                kept.size
            )));
        }
        let mut data = vec![0; kept.size as usize];
        self.file.read_exact_at(&mut data, kept.offset)?;
        Ok(data)
    }
}
