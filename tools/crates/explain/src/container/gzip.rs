//! The header of the first gzip member (RFC 1952, section 2.3).

use std::io;

use verbatim_causes::Cause;

use crate::blob::Blob;
use crate::date;
use crate::report::{lossy, Difference};

/// Names and comments are not longer in practice; a header beyond this is not taken apart.
const MOST: usize = 64 << 10;

/// A header, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    flags: u8,
    mtime: u32,
    extra_flags: u8,
    system: u8,
    extra: Vec<u8>,
    name: Vec<u8>,
    comment: Vec<u8>,
    /// Bytes before the deflate data.
    pub(crate) length: u64,
}

impl Header {
    /// `None` if it does not end within reason.
    pub(crate) fn read(blob: &Blob) -> io::Result<Option<Self>> {
        Ok(Self::parse(&blob.head(MOST)?))
    }

    fn parse(data: &[u8]) -> Option<Self> {
        let (fixed, mut rest) = data.split_first_chunk::<10>()?;
        let flags = fixed[3];
        let extra = if flags & 4 != 0 {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_le_bytes(*length));
            let extra = after.get(..length)?.to_vec();
            rest = &after[length..];
            extra
        } else {
            Vec::new()
        };
        let mut string = |flag| {
            if flags & flag == 0 {
                return Some(Vec::new());
            }
            let end = rest.iter().position(|&b| b == 0)?;
            let string = rest[..end].to_vec();
            rest = &rest[end + 1..];
            Some(string)
        };
        let name = string(8)?;
        let comment = string(16)?;
        if flags & 2 != 0 {
            rest = rest.get(2..)?;
        }
        Some(Self {
            flags,
            mtime: u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            extra_flags: fixed[8],
            system: fixed[9],
            extra,
            name,
            comment,
            length: (data.len() - rest.len()) as u64,
        })
    }

    /// Tell the fields that differ.
    pub(crate) fn compare(&self, other: &Self, node: &mut Difference) {
        if self.mtime != other.mtime {
            let shown = |mtime: u32| match mtime {
                0 => "none".to_owned(),
                _ => date::shown(mtime.into()),
            };
            node.because(
                Cause::Timestamp,
                "gzip mtime",
                shown(self.mtime),
                shown(other.mtime),
            );
        }
        for (what, left, right) in [
            ("gzip name", &self.name, &other.name),
            ("gzip comment", &self.comment, &other.comment),
            ("gzip extra field", &self.extra, &other.extra),
        ] {
            if left != right {
                node.because(Cause::ArchiveHeader, what, lossy(left), lossy(right));
            }
        }
        // Name, comment and extra field are known to differ; what is left are text and checksum.
        if (self.flags ^ other.flags) & !(4 | 8 | 16) != 0 {
            node.because(
                Cause::ArchiveHeader,
                "gzip flags",
                format!("{:#04x}", self.flags),
                format!("{:#04x}", other.flags),
            );
        }
        for (what, left, right) in [
            ("gzip operating system", self.system, other.system),
            ("gzip XFL", self.extra_flags, other.extra_flags),
        ] {
            if left != right {
                node.field(what, left.to_string(), right.to_string());
            }
        }
    }

    /// Whether the bytes that encoders leave as their mark differ. They are no cause of their own:
    /// another encoder is.
    pub(crate) fn has_other_marks(&self, other: &Self) -> bool {
        (self.system, self.extra_flags) != (other.system, other.extra_flags)
    }

    /// What wrote it, as far as the header gives it away.
    pub(crate) fn encoder(&self) -> String {
        let level = match self.extra_flags {
            2 => "strongest level",
            4 => "fastest level",
            _ => "a level between",
        };
        let system = match self.system {
            3 => "a Unix tool such as gzip",
            255 => "a library such as Go's or zlib without a header of its own",
            0 => "a tool that says FAT",
            _ => "an unusual tool",
        };
        format!("{level}, {system}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_everything() {
        let mut data = vec![0x1f, 0x8b, 8, 4 | 8 | 16 | 2, 1, 0, 0, 0, 2, 3];
        data.extend([2, 0, 7, 7]);
        data.extend(b"name\0comment\0");
        data.extend([0xaa, 0xbb, 1, 2, 3]);
        let header = Header::parse(&data).unwrap();
        assert_eq!(header.length, data.len() as u64 - 3);
        assert_eq!(
            (header.mtime, &header.name[..], &header.comment[..]),
            (1, &b"name"[..], &b"comment"[..])
        );
        for end in 0..data.len() - 3 {
            assert_eq!(Header::parse(&data[..end]), None, "{end}");
        }
    }
}
