//! Where the parts of an archive are, found from its end.

use std::ops::Range;

use crate::number::{u16_at, u32_at, u64_at};
use crate::{Flaw, ReadAt};

const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";

const END_SIZE: u64 = 22;
const END64_SIZE: u64 = 56;
const LOCATOR64_SIZE: u64 = 20;

/// A larger directory would be one of a million entries, and is held in memory.
const LARGEST_DIRECTORY: u64 = 1 << 26;

/// Where the parts of an archive are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What the offsets in the archive count from: bytes in front of it may be counted or not.
    pub base: u64,
    /// The records of the entries.
    pub directory: Range<u64>,
    /// The zip64 record and its locator, if there are such.
    pub end64: Option<End64>,
    /// The last record, without the comment.
    pub end: Range<u64>,
    /// The comment of the archive, which is the end of the file.
    pub comment: Range<u64>,
    /// How many records the directory says to have.
    count: Count,
}

/// The records of zip64 that lie in front of the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End64 {
    /// The last record with numbers of 64 bits.
    pub record: Range<u64>,
    /// What says where that record is.
    pub locator: Range<u64>,
}

/// A number of records as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Short(u16),
    Long(u64),
}

impl Layout {
    /// Find the directory.
    pub fn find<S: ReadAt + ?Sized>(source: &S) -> Result<Self, Flaw> {
        let length = source.size();
        if length < END_SIZE {
            return Err(Flaw::at(length, "the file is cut short"));
        }
        // The comment behind the last record has at most 65535 bytes.
        let from = length.saturating_sub(END_SIZE + 0xffff);
        let tail = source.read(from..length)?;
        let at = (0..=tail.len() - END_SIZE as usize)
            .rev()
            .find(|at| {
                tail[*at..].starts_with(END)
                    && *at + END_SIZE as usize + usize::from(u16_at(&tail, *at + 20)) == tail.len()
            })
            .ok_or_else(|| Flaw::at(length, "no directory's end is found; it may be cut short"))?;
        let end = from + at as u64;
        let record = &tail[at..];
        if u16_at(record, 4) != u16_at(record, 6) {
            return Err(Flaw::at(end + 4, "it is one part of several"));
        }
        let mut count = Count::Short(u16_at(record, 10));
        let mut size = u64::from(u32_at(record, 12));
        let mut offset = u64::from(u32_at(record, 16));
        let mut directory_end = end;
        let end64 = End64::before(source, end)?;
        match &end64 {
            Some(end64) => {
                let record = source.read(end64.record.clone())?;
                count = Count::Long(u64_at(&record, 32));
                size = u64_at(&record, 40);
                offset = u64_at(&record, 48);
                directory_end = end64.record.start;
            }
            // Without the record, what looks like a locator is the end of a name or a comment,
            // unless the directory's end asks for one.
            None => {
                let asked = count == Count::Short(u16::MAX)
                    || size == u64::from(u32::MAX)
                    || offset == u64::from(u32::MAX);
                if asked && has_locator(source, end)? {
                    return Err(Flaw::at(end, "the zip64 record is not before its locator"));
                }
            }
        }
        let start = directory_end
            .checked_sub(size)
            .ok_or_else(|| Flaw::at(end + 12, "the directory is larger than the file"))?;
        let base = start
            .checked_sub(offset)
            .ok_or_else(|| Flaw::at(end + 16, "the directory does not fit where it should be"))?;
        if size > LARGEST_DIRECTORY {
            return Err(Flaw::at(start, "the directory is larger than 64 MiB"));
        }
        Ok(Self {
            base,
            directory: start..directory_end,
            end64,
            end: end..end + END_SIZE,
            comment: end + END_SIZE..length,
            count,
        })
    }

    /// Whether the directory has the number of records that it says.
    pub(super) fn check_count(&self, records: usize) -> Result<(), Flaw> {
        let fits = match self.count {
            Count::Long(count) => count == records as u64,
            // Some writers let the number wrap.
            Count::Short(count) => usize::from(count) == records % 0x1_0000,
        };
        if fits {
            return Ok(());
        }
        Err(Flaw::at(
            self.end.start + 10,
            format!("the directory has {records} records, and another number is given"),
        ))
    }
}

impl End64 {
    /// The records in front of the last one, which begins at `end`, if they are there.
    fn before<S: ReadAt + ?Sized>(source: &S, end: u64) -> Result<Option<Self>, Flaw> {
        if !has_locator(source, end)? {
            return Ok(None);
        }
        let locator = end - LOCATOR64_SIZE..end;
        // The record is right before its locator unless it has data of its own, which nobody writes.
        let Some(start) = locator.start.checked_sub(END64_SIZE) else {
            return Ok(None);
        };
        let record = source.read(start..locator.start)?;
        let fits = record.starts_with(END64) && u64_at(&record, 4) == END64_SIZE - 12;
        Ok(fits.then_some(Self {
            record: start..locator.start,
            locator,
        }))
    }
}

/// Whether the bytes in front of the last record look like a locator.
fn has_locator<S: ReadAt + ?Sized>(source: &S, end: u64) -> Result<bool, Flaw> {
    let Some(start) = end.checked_sub(LOCATOR64_SIZE) else {
        return Ok(false);
    };
    Ok(source.read(start..end)?.starts_with(LOCATOR64))
}
