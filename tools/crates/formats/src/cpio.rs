//! Archives of cpio in the new formats (`070701`, `070702`), of which the first file systems of
//! Linux and the contents of RPM packages are made.

use std::ops::Range;

use crate::{Flaw, ReadAt};

/// What each file begins with; the second one adds checksums.
pub const MAGIC: [&[u8]; 2] = [b"070701", b"070702"];

/// Bytes of a header: the magic number and thirteen fields of eight hexadecimal digits.
const HEADER: u64 = 110;
const FIELDS: usize = 13;
const END: &[u8] = b"TRAILER!!!";
/// The longest path that Linux has, and more.
const LONGEST_NAME: u32 = 1 << 16;
/// Files in one archive that are read.
const MOST_FILES: usize = 1 << 20;

/// The fields of a header, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The number of the file on its disk.
    Inode,
    /// The kind and the mode.
    Mode,
    /// The number of the owner.
    Owner,
    /// The number of the group.
    Group,
    /// How many names the file has.
    Links,
    /// Seconds since 1970.
    Mtime,
    /// Bytes of the content.
    Size,
    /// The disk that the file lay on.
    DiskMajor,
    /// The same.
    DiskMinor,
    /// The device that the file stands for.
    DeviceMajor,
    /// The same.
    DeviceMinor,
    /// Bytes of the name and the zero behind it.
    NameSize,
    /// The sum of the content's bytes in the second format.
    Checksum,
}

/// The fields of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields([u32; FIELDS]);

impl Fields {
    /// The magic number and the fields of a header; `None` if it is none.
    pub fn parse(header: &[u8; HEADER as usize]) -> Option<([u8; 6], Self)> {
        let (magic, rest) = header.split_first_chunk::<6>()?;
        if !is_archive(magic) {
            return None;
        }
        let mut fields = [0; FIELDS];
        for (field, digits) in fields.iter_mut().zip(rest.chunks_exact(8)) {
            *field = hexadecimal(digits)?;
        }
        Some((*magic, Self(fields)))
    }

    /// The number in a field.
    pub fn get(&self, field: Field) -> u32 {
        self.0[field as usize]
    }
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path, as it is stored.
    pub name: Vec<u8>,
    /// What its header says.
    pub fields: Fields,
    /// Where its content is.
    pub content: Range<u64>,
}

/// The files of an archive in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The format of the first header.
    pub magic: [u8; 6],
    /// Without the entry that ends the archive.
    pub files: Vec<File>,
    /// Where the archive ends; more bytes may follow, and other archives.
    pub end: u64,
}

/// Whether a file begins as an archive does.
pub fn is_archive(head: &[u8]) -> bool {
    MAGIC.iter().any(|magic| head.starts_with(magic))
}

impl Archive {
    /// Read up to the entry that ends the archive.
    pub fn read<S: ReadAt + ?Sized>(source: &S) -> Result<Self, Flaw> {
        let size = source.size();
        let mut archive = Self {
            magic: [0; 6],
            files: Vec::new(),
            end: 0,
        };
        loop {
            let at = archive.end;
            let (magic, fields) = header(source, at)?;
            if at == 0 {
                archive.magic = magic;
            }
            let name_size = fields.get(Field::NameSize);
            let name_at = at + HEADER;
            let name_end = name_at + u64::from(name_size);
            if name_size > LONGEST_NAME || name_end > size {
                return Err(Flaw::at(at, "a name reaches too far"));
            }
            let name = source.read(name_at..name_end)?;
            let Some(name) = name.strip_suffix(b"\0") else {
                return Err(Flaw::at(at, "a name does not end as names do"));
            };
            let start = name_end.next_multiple_of(4);
            if name == END {
                archive.end = start.min(size);
                return Ok(archive);
            }
            let end = start + u64::from(fields.get(Field::Size));
            if end > size {
                return Err(Flaw::at(at, "a file reaches beyond the end of the archive"));
            }
            if archive.files.len() == MOST_FILES {
                return Err(Flaw::at(at, "it has more than a million files"));
            }
            archive.files.push(File {
                name: name.to_vec(),
                fields,
                content: start..end,
            });
            archive.end = end.next_multiple_of(4);
        }
    }
}

fn header<S: ReadAt + ?Sized>(source: &S, at: u64) -> Result<([u8; 6], Fields), Flaw> {
    if at > source.size() || source.size() - at < HEADER {
        return Err(Flaw::at(at, "the archive has no end"));
    }
    let bytes = source.read(at..at + HEADER)?;
    let header = bytes.first_chunk().and_then(Fields::parse);
    header.ok_or_else(|| Flaw::at(at, "there is no header of a file"))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value: u32, digit| {
        Some(value << 4 | char::from(*digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, fields: &[(Field, u32)], data: &[u8]) -> Vec<u8> {
        let mut values = [0u32; FIELDS];
        values[Field::Size as usize] = data.len() as u32;
        values[Field::NameSize as usize] = name.len() as u32 + 1;
        for (field, value) in fields {
            values[*field as usize] = *value;
        }
        let mut bytes = b"070701".to_vec();
        bytes.extend(values.iter().flat_map(|v| format!("{v:08x}").into_bytes()));
        bytes.extend(name.bytes().chain([0]));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn archive(files: &[Vec<u8>]) -> Vec<u8> {
        [&files.concat()[..], &file("TRAILER!!!", &[], b"")].concat()
    }

    #[test]
    fn files_and_what_follows_them() {
        let mut data = archive(&[
            file(
                "init",
                &[(Field::Mode, 0o100_755), (Field::Mtime, 7)],
                b"#!/bin/sh\n",
            ),
            file("etc", &[], b""),
        ]);
        let end = data.len() as u64;
        data.extend(b"\x1f\x8b");
        let archive = Archive::read(&data[..]).unwrap();
        assert_eq!((&archive.magic, archive.end), (b"070701", end));
        let [init, etc] = &archive.files[..] else {
            panic!("{archive:?}")
        };
        assert_eq!(&init.name, b"init");
        assert_eq!(init.fields.get(Field::Mode), 0o100_755);
        assert_eq!(init.fields.get(Field::Mtime), 7);
        let content = init.content.start as usize..init.content.end as usize;
        assert_eq!(&data[content], b"#!/bin/sh\n");
        assert!(etc.content.is_empty());
    }

    #[test]
    fn an_archive_has_an_end_and_keeps_in_its_file() {
        let whole = archive(&[file("a", &[], b"b")]);
        // Only zeros that fill up may be missing at the end.
        for end in 0..whole.len() - 3 {
            assert!(Archive::read(&whole[..end]).is_err(), "{end}");
        }
        for (field, value) in [
            (Field::Size, u32::MAX),
            (Field::NameSize, u32::MAX),
            (Field::NameSize, 0),
            (Field::NameSize, 1),
        ] {
            let data = archive(&[file("a", &[(field, value)], b"b")]);
            assert!(Archive::read(&data[..]).is_err(), "{field:?}");
        }
        let mut data = whole;
        data[6] = b'+';
        assert!(Archive::read(&data[..]).is_err());
    }
}
