//! Zip archives (APPNOTE 6.3), and all that are zip archives inside: jars, wheels, documents.
//!
//! Three steps: [`Layout::find`] finds the directory from the end of the file, its bytes are read,
//! and [`Directory::read`] takes them apart and visits the local header of each entry.
//!
//! The reader is strict, for two readers that find different entries in one file are a danger:
//! the last record ends with the file, the directory is where it says and holds as many records
//! as it says and nothing else, and no two entries share a byte. Bytes in front of the archive,
//! and between entries, are no contradiction: programs carry archives, and signatures lie there.

mod content;
mod layout;

use std::ops::Range;

pub use self::layout::Layout;
use crate::number::{u16_at, u32_at, u64_at};
use crate::{Flaw, ReadAt};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
/// What a signature of the directory begins with.
const SIGNATURE: &[u8] = b"PK\x05\x05";

/// Bytes of a local header in front of the name.
pub const LOCAL_SIZE: u64 = 30;
/// Bytes of a record of the directory in front of the name.
pub(crate) const CENTRAL_SIZE: usize = 46;

/// The flag of an entry that is encrypted.
pub const ENCRYPTED: u16 = 1;
/// The flag of an entry whose sizes stand behind it.
pub const DESCRIPTOR: u16 = 8;
/// The method of an entry that is not compressed.
pub const STORED: u16 = 0;
/// The method of an entry that is compressed with deflate.
pub const DEFLATED: u16 = 8;

/// Where the offset of an entry's local header stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetField {
    /// In the 32 bits of every record.
    Short,
    /// In 64 bits of an extra field, at this place in the record.
    Long(usize),
}

/// An entry as the directory has it, and where its parts are in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'d> {
    /// The record in the directory, with name, extra field and comment.
    pub record: &'d [u8],
    /// Bytes of the stored content.
    pub compressed: u64,
    /// Bytes of the content.
    pub uncompressed: u64,
    /// Whether the record has a zip64 field.
    pub zip64: bool,
    /// Where the record says where the entry begins.
    pub offset_field: OffsetField,
    /// Where the local header begins.
    pub start: u64,
    /// Where the stored content begins.
    pub data: u64,
    /// Where the next entry begins, or the directory.
    pub end: u64,
}

impl<'d> Entry<'d> {
    /// Where the name stands in the record.
    pub(crate) fn name_range(&self) -> Range<usize> {
        CENTRAL_SIZE..CENTRAL_SIZE + usize::from(u16_at(self.record, 28))
    }

    /// Where the extra field stands in the record.
    pub fn extra_range(&self) -> Range<usize> {
        let start = self.name_range().end;
        start..start + usize::from(u16_at(self.record, 30))
    }

    /// The name, as it is stored.
    pub fn name(&self) -> &'d [u8] {
        &self.record[self.name_range()]
    }

    /// The extra field, to be taken apart with [`fields`].
    pub fn extra(&self) -> &'d [u8] {
        &self.record[self.extra_range()]
    }

    /// The comment.
    pub fn comment(&self) -> &'d [u8] {
        &self.record[self.extra_range().end..]
    }

    /// The version of the program that made the entry, below the system that it ran on.
    pub fn made_by(&self) -> u16 {
        u16_at(self.record, 4)
    }

    /// The version that is needed to read the entry.
    pub fn needs(&self) -> u16 {
        u16_at(self.record, 6)
    }

    /// General flags.
    pub fn flags(&self) -> u16 {
        u16_at(self.record, 8)
    }

    /// How the content is compressed.
    pub fn method(&self) -> u16 {
        u16_at(self.record, 10)
    }

    /// The time of MS-DOS.
    pub fn time(&self) -> u16 {
        u16_at(self.record, 12)
    }

    /// The date of MS-DOS.
    pub fn date(&self) -> u16 {
        u16_at(self.record, 14)
    }

    /// The checksum of the content.
    pub fn crc(&self) -> u32 {
        u32_at(self.record, 16)
    }

    /// Internal attributes.
    pub fn internal(&self) -> u16 {
        u16_at(self.record, 36)
    }

    /// External attributes: on Unix the mode is in the upper half.
    pub fn external(&self) -> u32 {
        u32_at(self.record, 38)
    }

    /// Where the stored content is.
    pub fn stored(&self) -> Range<u64> {
        self.data..self.data + self.compressed
    }
}

/// All entries of an archive.
#[derive(Debug)]
pub struct Directory<'d> {
    /// In the order of the directory.
    pub entries: Vec<Entry<'d>>,
    /// Indices of the entries in the order in which they lie in the file.
    pub in_file: Vec<usize>,
    /// What follows the last record: a signature, or nothing.
    pub signature: &'d [u8],
}

impl<'d> Directory<'d> {
    /// Take the directory apart, whose bytes are `records`, and find the parts of each entry.
    pub fn read<S: ReadAt + ?Sized>(
        source: &S,
        layout: &Layout,
        records: &'d [u8],
    ) -> Result<Self, Flaw> {
        let mut entries = Vec::new();
        let mut at = 0;
        while records[at..].starts_with(CENTRAL) {
            let place = layout.directory.start + at as u64;
            let entry = record(layout, &records[at..], place)?;
            at += entry.record.len();
            entries.push(entry);
        }
        let signature = &records[at..];
        if !signature.is_empty() && !signature.starts_with(SIGNATURE) {
            return Err(Flaw::at(
                layout.directory.start + at as u64,
                "the directory holds something else than records",
            ));
        }
        layout.check_count(entries.len())?;
        let in_file = divide(source, layout, &mut entries)?;
        Ok(Self {
            entries,
            in_file,
            signature,
        })
    }
}

/// One record of the directory; the local header is yet to be looked at.
fn record<'d>(layout: &Layout, records: &'d [u8], place: u64) -> Result<Entry<'d>, Flaw> {
    if records.len() < CENTRAL_SIZE {
        return Err(Flaw::at(
            place,
            "the last record of the directory is cut short",
        ));
    }
    let length = |at| usize::from(u16_at(records, at));
    let name_end = CENTRAL_SIZE + length(28);
    let extra_end = name_end + length(30);
    let end = extra_end + length(32);
    if end > records.len() {
        return Err(Flaw::at(
            place + 28,
            "a record of the directory reaches beyond it",
        ));
    }
    let mut entry = Entry {
        record: &records[..end],
        compressed: u32_at(records, 20).into(),
        uncompressed: u32_at(records, 24).into(),
        zip64: false,
        offset_field: OffsetField::Short,
        start: 0,
        data: 0,
        end: 0,
    };
    let mut offset = u64::from(u32_at(records, 42));
    for (id, field) in fields(entry.extra()) {
        if id != 1 {
            continue;
        }
        entry.zip64 = true;
        let mut next = name_end + field.start;
        let field_end = name_end + field.end;
        for (value, is_offset) in [
            (&mut entry.uncompressed, false),
            (&mut entry.compressed, false),
            (&mut offset, true),
        ] {
            if *value != u64::from(u32::MAX) {
                continue;
            }
            if field_end - next < 8 {
                return Err(Flaw::at(place, "a zip64 field is too short"));
            }
            *value = u64_at(records, next);
            if is_offset {
                entry.offset_field = OffsetField::Long(next);
            }
            next += 8;
        }
    }
    entry.start = layout
        .base
        .checked_add(offset)
        .filter(|start| {
            start
                .checked_add(LOCAL_SIZE)
                .is_some_and(|end| end <= layout.directory.start)
        })
        .ok_or_else(|| Flaw::at(place + 42, "an entry lies outside of the file"))?;
    Ok(entry)
}

/// Give each entry the region up to the next one, and make sure that none overlap.
fn divide<S: ReadAt + ?Sized>(
    source: &S,
    layout: &Layout,
    entries: &mut [Entry],
) -> Result<Vec<usize>, Flaw> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| entries[*index].start);
    for position in 0..order.len() {
        let end = match order.get(position + 1) {
            Some(next) => entries[*next].start,
            None => layout.directory.start,
        };
        let entry = &mut entries[order[position]];
        let start = entry.start;
        entry.end = end;
        let fixed = source.read(start..start + LOCAL_SIZE)?;
        if !fixed.starts_with(LOCAL) {
            return Err(Flaw::at(start, "no entry begins where the directory says"));
        }
        let variable = u64::from(u16_at(&fixed, 26)) + u64::from(u16_at(&fixed, 28));
        entry.data = start + LOCAL_SIZE + variable;
        let overlaps = entry
            .data
            .checked_add(entry.compressed)
            .is_none_or(|data_end| data_end > end);
        if overlaps {
            return Err(Flaw::at(start, "an entry overlaps what follows it"));
        }
    }
    Ok(order)
}

/// The fields of an extra field: identifier and where the content stands.
///
/// Padding and rubbish at the end are nobody's field.
pub fn fields(extra: &[u8]) -> impl Iterator<Item = (u16, Range<usize>)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        if extra.len() < at + 4 {
            return None;
        }
        let id = u16_at(extra, at);
        let start = at + 4;
        let end = start + usize::from(u16_at(extra, at + 2));
        if end > extra.len() {
            return None;
        }
        at = end;
        Some((id, start..end))
    })
}
