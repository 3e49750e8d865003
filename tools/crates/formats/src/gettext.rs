//! Catalogues of translations (GNU `.mo`) of both byte orders.

use std::ops::Range;

use crate::{Flaw, ReadAt};

/// What a catalogue begins with: the same number in either order of bytes.
pub const MAGIC: [[u8; 4]; 2] = [LITTLE, [0x95, 0x04, 0x12, 0xde]];
const LITTLE: [u8; 4] = [0xde, 0x12, 0x04, 0x95];
/// Bytes of the header.
const HEADER: u64 = 28;
/// Bytes of a row in a table: length and offset of a text.
const ROW: u64 = 8;

/// A catalogue: two tables, of the messages and of their translations.
#[derive(Debug)]
pub struct Catalogue<'a, S: ?Sized> {
    source: &'a S,
    number: fn([u8; 4]) -> u32,
    count: u64,
    originals: u64,
    translations: u64,
}

/// Where a message and its translation are. The empty message stands for the catalogue itself,
/// and its translation is a header of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The message in the program.
    pub original: Range<u64>,
    /// What stands for it.
    pub translation: Range<u64>,
}

impl<'a, S: ReadAt + ?Sized> Catalogue<'a, S> {
    /// Read the header.
    pub fn open(source: &'a S) -> Result<Self, Flaw> {
        let size = source.size();
        if size < HEADER {
            return Err(Flaw::at(size, "the header is cut short"));
        }
        let head = source.read(0..HEADER)?;
        if !MAGIC.iter().any(|magic| head.starts_with(magic)) {
            return Err(Flaw::at(0, "it does not begin as catalogues do"));
        }
        let number = if head.starts_with(&LITTLE) {
            u32::from_le_bytes
        } else {
            u32::from_be_bytes
        };
        let field = |at: usize| number([head[at], head[at + 1], head[at + 2], head[at + 3]]).into();
        Ok(Self {
            source,
            number,
            count: field(8),
            originals: field(12),
            translations: field(16),
        })
    }

    /// How many messages there are said to be.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// One message of those that there are.
    pub fn message(&self, index: u64) -> Result<Message, Flaw> {
        Ok(Message {
            original: self.row(self.originals, index)?,
            translation: self.row(self.translations, index)?,
        })
    }

    /// All messages. Texts lie one behind the other, so together they are no longer than the file.
    pub fn messages(&self) -> Result<Vec<Message>, Flaw> {
        let size = self.source.size();
        if self.count > size / (2 * ROW) {
            return Err(Flaw::at(8, "the tables are larger than the file"));
        }
        let mut messages = Vec::new();
        let mut together = 0;
        for index in 0..self.count {
            let message = self.message(index)?;
            for text in [&message.original, &message.translation] {
                together += text.end - text.start;
            }
            if together > size * 2 {
                return Err(Flaw::at(8, "the texts overlap"));
            }
            messages.push(message);
        }
        Ok(messages)
    }

    /// Where a text is, as a table says.
    fn row(&self, table: u64, index: u64) -> Result<Range<u64>, Flaw> {
        let at = table + index * ROW;
        let size = self.source.size();
        if at + ROW > size {
            return Err(Flaw::at(at, "a table reaches beyond the end of the file"));
        }
        let row = self.source.read(at..at + ROW)?;
        let field = |at: usize| {
            u64::from((self.number)([
                row[at],
                row[at + 1],
                row[at + 2],
                row[at + 3],
            ]))
        };
        let (length, offset) = (field(0), field(4));
        if offset + length > size {
            return Err(Flaw::at(at, "a text reaches beyond the end of the file"));
        }
        Ok(offset..offset + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(write: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let mut data = Vec::new();
        for word in [0x9504_12de, 0, 2, 28, 44, 0, 0] {
            data.extend(write(word));
        }
        for (length, offset) in [(0, 60), (3, 60), (1, 64), (2, 66)] {
            data.extend(write(length));
            data.extend(write(offset));
        }
        data.extend(b"yes\0h\0ja\0");
        data
    }

    #[test]
    fn messages_of_both_byte_orders() {
        for data in [catalogue(u32::to_le_bytes), catalogue(u32::to_be_bytes)] {
            let catalogue = Catalogue::open(&data[..]).unwrap();
            let messages = catalogue.messages().unwrap();
            let text = |at: &Range<u64>| &data[at.start as usize..at.end as usize];
            assert_eq!(text(&messages[0].original), b"");
            assert_eq!(text(&messages[0].translation), b"h");
            assert_eq!(text(&messages[1].original), b"yes");
            assert_eq!(text(&messages[1].translation), b"ja");
            for end in 0..data.len() - 1 {
                let cut = Catalogue::open(&data[..end]).and_then(|c| c.messages());
                assert!(cut.is_err(), "{end}");
            }
        }
    }

    #[test]
    fn claims_are_no_more_than_claims() {
        let mut data = catalogue(u32::to_le_bytes);
        data[8..12].fill(0xff);
        assert!(Catalogue::open(&data[..]).unwrap().messages().is_err());
        // A thousand messages that are one text of half the file.
        let mut data = catalogue(u32::to_le_bytes);
        data[8..12].copy_from_slice(&1000_u32.to_le_bytes());
        data.truncate(28);
        for _ in 0..2000 {
            data.extend(8000_u32.to_le_bytes());
            data.extend(28_u32.to_le_bytes());
        }
        assert!(Catalogue::open(&data[..]).unwrap().messages().is_err());
    }
}
