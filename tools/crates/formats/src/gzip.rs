//! The header of a gzip member (RFC 1952, section 2.3).
//!
//! What decompresses reads headers as they come, piece by piece and with their checksums; that
//! is a part of `verbatim-reader`. Here a header is looked at as a whole.

use std::borrow::Cow;
use std::ops::Range;

use crate::inflate;
use crate::number::{u16_at, u32_at};
use crate::{Flaw, ReadAt};

/// What a member begins with; the third byte says deflate.
pub const MAGIC: &[u8] = &[0x1f, 0x8b, 8];

/// The flag of a member that is text.
pub const TEXT: u8 = 1;
/// The flag of a header with a checksum.
pub const HEADER_CRC: u8 = 2;
/// The flag of a header with an extra field.
pub const EXTRA: u8 = 4;
/// The flag of a header with a name.
pub const NAME: u8 = 8;
/// The flag of a header with a comment.
pub const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

const FIXED: usize = 10;
/// Most headers are short.
const USUAL: u64 = 512;
/// All that a header can hold within reason: the extra field, a name and a comment.
const LONGEST: u64 = 1 << 18;
/// Two bits of content take a byte; the checksum and the size follow it.
const REST: u64 = 8;

/// A header, and where its parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'a> {
    bytes: Cow<'a, [u8]>,
    extra: Range<usize>,
    name: Range<usize>,
    comment: Range<usize>,
}

impl<'a> Header<'a> {
    /// Read the header that a file begins with.
    pub fn read<S: ReadAt + ?Sized>(source: &'a S) -> Result<Self, Flaw> {
        let length = source.size();
        if length < FIXED as u64 + REST {
            return Err(Flaw::at(length, "the file is cut short"));
        }
        // A second look at the longest costs little.
        for limit in [USUAL, LONGEST] {
            let head = source.read(0..length.min(limit))?;
            if let Some(header) = Self::parse(head)? {
                if header.len() + REST > length {
                    return Err(Flaw::at(header.len(), "nothing follows the header"));
                }
                return Ok(header);
            }
            if length <= limit {
                break;
            }
        }
        Err(Flaw::at(FIXED as u64, "the header has no end"))
    }

    /// The header at the start of these bytes; none if it does not end in them.
    fn parse(mut bytes: Cow<'a, [u8]>) -> Result<Option<Self>, Flaw> {
        if bytes.len() < FIXED {
            return Ok(None);
        }
        if !bytes.starts_with(MAGIC) {
            return Err(Flaw::at(0, "it does not begin as gzip files do"));
        }
        let flags = bytes[3];
        if flags & RESERVED != 0 {
            return Err(Flaw::at(3, "reserved flags are set"));
        }
        let mut end = FIXED;
        let mut extra = end..end;
        if flags & EXTRA != 0 {
            if bytes.len() < end + 2 {
                return Ok(None);
            }
            extra = end + 2..end + 2 + usize::from(u16_at(&bytes, end));
            end = extra.end;
        }
        let mut text = |flag| {
            let start = end;
            if flags & flag == 0 {
                return Some(start..start);
            }
            let rest = bytes.get(start..).unwrap_or_default();
            let length = rest.iter().position(|byte| *byte == 0)?;
            end = start + length + 1;
            Some(start..start + length)
        };
        let (Some(name), Some(comment)) = (text(NAME), text(COMMENT)) else {
            return Ok(None);
        };
        if flags & HEADER_CRC != 0 {
            end += 2;
        }
        if end > bytes.len() {
            return Ok(None);
        }
        match &mut bytes {
            Cow::Borrowed(bytes) => *bytes = &bytes[..end],
            Cow::Owned(bytes) => bytes.truncate(end),
        }
        Ok(Some(Self {
            bytes,
            extra,
            name,
            comment,
        }))
    }

    /// Bytes of the header; the compressed content follows.
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Which parts there are.
    pub fn flags(&self) -> u8 {
        self.bytes[3]
    }

    /// Seconds since 1970; zero says nothing.
    pub fn mtime(&self) -> u32 {
        u32_at(&self.bytes, 4)
    }

    /// How hard the compressor tried.
    pub fn extra_flags(&self) -> u8 {
        self.bytes[8]
    }

    /// The system that it was compressed on.
    pub fn system(&self) -> u8 {
        self.bytes[9]
    }

    /// The extra field without its length; empty if there is none.
    pub fn extra(&self) -> &[u8] {
        &self.bytes[self.extra.clone()]
    }

    /// The name of the file; empty if there is none.
    pub fn name(&self) -> &[u8] {
        &self.bytes[self.name.clone()]
    }

    /// The comment; empty if there is none.
    pub fn comment(&self) -> &[u8] {
        &self.bytes[self.comment.clone()]
    }
}

/// A member of a file that may have several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it holds.
    pub content: Vec<u8>,
    /// The bytes that it takes in the file; the next one begins there.
    pub stored: usize,
}

/// The member that these bytes begin with, and where it ends: for formats in which that matters.
/// Its checksum is not looked at. A content of more than `limit` bytes is refused.
pub fn member(data: &[u8], limit: u64) -> Result<Member, Flaw> {
    let header = Header::read(data)?;
    let start = header.len() as usize;
    let (content, size) = inflate::deflate(&data[start..], limit)
        .ok_or_else(|| Flaw::at(start as u64, "what it holds is damaged, cut or too long"))?;
    let stored = start + size + REST as usize;
    match stored <= data.len() {
        true => Ok(Member { content, stored }),
        false => Err(Flaw::at(data.len() as u64, "the file is cut short")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Vec<u8> {
        let mut data = vec![0x1f, 0x8b, 8, EXTRA | NAME | COMMENT | HEADER_CRC];
        data.extend([1, 0, 0, 0, 2, 3, 2, 0, 7, 7]);
        data.extend(b"name\0comment\0");
        data.extend([0xaa, 0xbb]);
        data
    }

    fn flaw(data: &[u8]) -> u64 {
        match Header::read(data) {
            Err(Flaw::Malformed { offset, .. }) => offset,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_header_with_everything() {
        let mut data = everything();
        let length = data.len();
        data.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let header = Header::read(&data[..]).unwrap();
        assert_eq!(header.len(), length as u64);
        assert_eq!(header.mtime(), 1);
        assert_eq!((header.extra_flags(), header.system()), (2, 3));
        assert_eq!(header.extra(), [7, 7]);
        assert_eq!(
            (header.name(), header.comment()),
            (&b"name"[..], &b"comment"[..])
        );
        for end in 0..length + 8 {
            assert!(Header::read(&data[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_header_longer_than_most() {
        let mut data = vec![0x1f, 0x8b, 8, EXTRA | NAME, 0, 0, 0, 0, 0, 3, 0xff, 0xff];
        data.resize(12 + 0xffff, 1);
        data.extend(b"name\0");
        let length = data.len() as u64;
        data.extend([0; 10]);
        assert_eq!(Header::read(&data[..]).unwrap().len(), length);
        // A name without end is not searched for in a whole file.
        data.truncate(12 + 0xffff);
        data.resize(1 << 19, 1);
        assert_eq!(flaw(&data), 10);
    }

    #[test]
    fn what_no_version_of_gzip_defines() {
        let mut data = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        data.resize(30, 0);
        assert!(Header::read(&data[..]).is_ok());
        data[3] = 0x20;
        assert_eq!(flaw(&data), 3);
        data[2] = 9;
        assert_eq!(flaw(&data), 0);
    }

    #[test]
    fn members_end_where_they_say() {
        // Two members with a stored block each.
        let one = |text: &[u8]| {
            let mut data = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
            let length = text.len() as u16;
            data.extend(length.to_le_bytes());
            data.extend((!length).to_le_bytes());
            data.extend(text);
            data.extend([0; 8]);
            data
        };
        let (first, second) = (one(b"first"), one(b"second one"));
        let file = [&first[..], &second].concat();
        let found = member(&file, 100).unwrap();
        assert_eq!(
            (&found.content[..], found.stored),
            (&b"first"[..], first.len())
        );
        let found = member(&file[found.stored..], 100).unwrap();
        assert_eq!(
            (&found.content[..], found.stored),
            (&b"second one"[..], second.len())
        );
        assert!(member(&file, 4).is_err());
        for end in 0..first.len() {
            assert!(member(&first[..end], 100).is_err(), "{end}");
        }
    }
}
