//! The header of Python bytecode: which version wrote it, and of which source.

use crate::number::{u16_at, u32_at, u64_at};
use crate::{Flaw, ReadAt};

/// Bytes of the longest header.
const LONGEST: u64 = 16;

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The number of the version, which says how the code is written.
    pub magic: u16,
    /// What ties the file to its source.
    pub stamp: Stamp,
    /// Where the code begins.
    pub code: u64,
}

/// What ties a file to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The time at which the source was last changed.
    Time {
        /// Where the time stands.
        at: usize,
        /// Seconds since 1970.
        seconds: u32,
        /// Bytes of the source, from 3.3 on.
        size: Option<u32>,
    },
    /// A hash of the source (PEP 552).
    Hash {
        /// Whether the source is looked at before the file is believed.
        checked: bool,
        /// The hash.
        value: u64,
    },
}

/// What the version says about the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Magic and time: 2.x and up to 3.2.
    Time,
    /// And the size of the source: 3.3 to 3.6.
    TimeAndSize,
    /// Flags between them: from 3.7 on.
    Flags,
}

impl Form {
    fn of(magic: u16) -> Option<Self> {
        match magic {
            // 1.5 to 2.7
            20121..=62300 => Some(Self::Time),
            3000..=3189 => Some(Self::Time),
            3190..=3389 => Some(Self::TimeAndSize),
            // 3.7 is 3390, 3.14 is 3627; Python's own test for it is "from 3390 on".
            3390..=4999 => Some(Self::Flags),
            _ => None,
        }
    }

    fn size(self) -> u64 {
        match self {
            Self::Time => 8,
            Self::TimeAndSize => 12,
            Self::Flags => 16,
        }
    }
}

impl Header {
    /// Whether a file begins as bytecode does.
    pub fn begins(head: &[u8]) -> bool {
        head.len() >= 4 && head[2..4] == *b"\r\n" && Form::of(u16_at(head, 0)).is_some()
    }

    /// Read the header.
    pub fn read<S: ReadAt + ?Sized>(source: &S) -> Result<Self, Flaw> {
        let length = source.size();
        let head = source.read(0..length.min(LONGEST))?;
        let form = match Self::begins(&head) {
            true => Form::of(u16_at(&head, 0)),
            false => None,
        };
        let form = form.ok_or_else(|| Flaw::at(0, "it does not begin as bytecode does"))?;
        if length <= form.size() {
            return Err(Flaw::at(length, "no code follows the header"));
        }
        let time = |at, size| Stamp::Time {
            at,
            seconds: u32_at(&head, at),
            size,
        };
        let stamp = match form {
            Form::Time => time(4, None),
            Form::TimeAndSize => time(4, Some(u32_at(&head, 8))),
            Form::Flags => match u32_at(&head, 4) {
                0 => time(8, Some(u32_at(&head, 12))),
                flags @ (1 | 3) => Stamp::Hash {
                    checked: flags == 3,
                    value: u64_at(&head, 8),
                },
                flags => return Err(Flaw::at(4, format!("unknown flags {flags:#x}"))),
            },
        };
        Ok(Self {
            magic: u16_at(&head, 0),
            stamp,
            code: form.size(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(magic: u16, words: &[u32]) -> Vec<u8> {
        let mut data = magic.to_le_bytes().to_vec();
        data.extend(b"\r\n");
        data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        data
    }

    #[test]
    fn headers_of_all_versions() {
        let stamp = |magic, words: &[u32]| {
            let data = [&header(magic, words)[..], b"N"].concat();
            let header = Header::read(&data[..]).unwrap();
            assert_eq!(header.code, data.len() as u64 - 1);
            assert!(Header::read(&data[..data.len() - 1]).is_err());
            header.stamp
        };
        let time = |at, size| Stamp::Time {
            at,
            seconds: 7,
            size,
        };
        assert_eq!(stamp(62211, &[7]), time(4, None));
        assert_eq!(stamp(3180, &[7]), time(4, None));
        assert_eq!(stamp(3379, &[7, 9]), time(4, Some(9)));
        assert_eq!(stamp(3627, &[0, 7, 9]), time(8, Some(9)));
        let (checked, value) = (true, 9 << 32 | 7);
        assert_eq!(stamp(3627, &[3, 7, 9]), Stamp::Hash { checked, value });
        for data in [
            &b""[..],
            b"\x2b\x0e\n\r",
            &header(1, &[0, 0, 0, 0]),
            &header(3627, &[2, 7, 9, 0]),
        ] {
            assert!(Header::read(data).is_err(), "{data:?}");
        }
    }
}
