//! RPM packages, and the headers of packages that the database of installed ones holds too.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::{Flaw, ReadAt};

mod stored;

pub use stored::{Kind, Part, Stored};

/// What a package begins with.
pub const MAGIC: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
/// What stands in front of each header of a package. Signatures of a header are made over it too.
pub const HEADER_MAGIC: &[u8] = &[0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
/// Bytes in front of the first header, which nobody reads but `file`.
pub const LEAD: u64 = 96;

/// Entries and bytes that RPM itself reads at most.
const ENTRIES: usize = 0xffff;
const STORE: usize = 256 << 20;
/// Bytes of an entry: tag, kind, offset and count.
const ENTRY: usize = 16;

/// The values of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Numbers of any width.
    Numbers(Vec<u64>),
    /// Texts, in one or several languages.
    Texts(Vec<String>),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Tags, each with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// By the numbers of the tags.
    pub tags: BTreeMap<u32, Values>,
}

impl Header {
    /// Read a header that begins with the number of its entries; also how many bytes it has.
    pub fn read(data: &[u8]) -> Result<(Self, usize), Flaw> {
        let cut = || Flaw::at(0, "a header is cut short");
        let (entries, size) = sizes(data).ok_or_else(cut)?;
        let store_at = 8 + entries * ENTRY;
        let index = data.get(8..store_at).ok_or_else(cut)?;
        let store = data.get(store_at..store_at + size).ok_or_else(cut)?;
        // Values may not overlap so often that reading them takes longer than the store is.
        let mut budget = size * 4;
        let mut tags = BTreeMap::new();
        for (i, entry) in index.chunks_exact(ENTRY).enumerate() {
            let tag = word(entry, 0);
            // Regions, which say what of the header is signed.
            if tag < 100 {
                continue;
            }
            let flaw = || {
                let at = 8 + i * ENTRY;
                Flaw::at(at as u64, "the values of a tag do not lie in their header")
            };
            if let Some(values) = values(entry, store, &mut budget).ok_or_else(flaw)? {
                tags.insert(tag, values);
            }
        }
        Ok((Self { tags }, store_at + size))
    }

    /// The first text of a tag; empty if it has none.
    pub fn text(&self, tag: u32) -> &str {
        match self.tags.get(&tag) {
            Some(Values::Texts(texts)) => texts.first().map_or("", String::as_str),
            _ => "",
        }
    }
}

/// The values of an entry: `None` outside if they are damaged, inside if their kind is not known.
fn values(entry: &[u8], store: &[u8], budget: &mut usize) -> Option<Option<Values>> {
    let (kind, offset, count) = (word(entry, 4), word(entry, 8), word(entry, 12));
    let (offset, count) = (offset as usize, count as usize);
    let bytes = store.get(offset..)?;
    let numbers = |width: usize| -> Option<Values> {
        let bytes = bytes.get(..count.checked_mul(width)?)?;
        let number = |b: &[u8]| b.iter().fold(0_u64, |n, &b| (n << 8) | u64::from(b));
        Some(Values::Numbers(
            bytes.chunks_exact(width).map(number).collect(),
        ))
    };
    let values = match kind {
        1 | 2 => numbers(1)?,
        3 => numbers(2)?,
        4 => numbers(4)?,
        5 => numbers(8)?,
        7 => Values::Bytes(bytes.get(..count)?.to_vec()),
        6 | 8 | 9 => {
            let mut rest = bytes;
            let mut texts = Vec::new();
            for _ in 0..count {
                let end = rest.iter().take(*budget).position(|&b| b == 0)?;
                *budget = budget.checked_sub(end + 1)?;
                texts.push(String::from_utf8_lossy(&rest[..end]).into_owned());
                rest = &rest[end + 1..];
            }
            return Some(Some(Values::Texts(texts)));
        }
        _ => return Some(None),
    };
    *budget = budget.checked_sub(count)?;
    Some(Some(values))
}

/// Four bytes, the highest first; the caller has checked that they are there.
fn word(data: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
}

/// How many entries a header has, and how many bytes of values.
fn sizes(data: &[u8]) -> Option<(usize, usize)> {
    if data.len() < 8 {
        return None;
    }
    let (entries, size) = (word(data, 0) as usize, word(data, 4) as usize);
    (entries <= ENTRIES && size <= STORE).then_some((entries, size))
}

/// Where the parts of a package are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The header with signatures and digests, for [`Header::read`].
    pub signature: Range<u64>,
    /// The header of the package.
    pub header: Range<u64>,
    /// Where the files begin, as a compressed archive of cpio up to the end.
    pub payload: u64,
}

impl Layout {
    /// Find the headers.
    pub fn find<S: ReadAt + ?Sized>(source: &S) -> Result<Self, Flaw> {
        let size = source.size();
        if size < LEAD || *source.read(0..4)? != *MAGIC {
            return Err(Flaw::at(0, "it does not begin as packages do"));
        }
        let header = |at: u64| -> Result<Range<u64>, Flaw> {
            let cut = || Flaw::at(at, "there is no header of a package");
            let start = at + HEADER_MAGIC.len() as u64;
            if start + 8 > size {
                return Err(cut());
            }
            let bytes = source.read(at..start + 8)?;
            let numbers = bytes.strip_prefix(HEADER_MAGIC).ok_or_else(cut)?;
            let (entries, values) = sizes(numbers).ok_or_else(cut)?;
            let end = start + (8 + entries * ENTRY + values) as u64;
            if end > size {
                return Err(Flaw::at(at, "a header reaches beyond the end of the file"));
            }
            Ok(start..end)
        };
        let signature = header(LEAD)?;
        // The signature is padded to eight bytes.
        let header = header(signature.end.next_multiple_of(8))?;
        Ok(Self {
            payload: header.end,
            signature,
            header,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of texts and numbers.
    fn header(texts: &[(u32, &str)], numbers: &[(u32, u32)]) -> Vec<u8> {
        let (mut index, mut store) = (Vec::new(), Vec::new());
        let mut entry = |tag: u32, kind: u32, at: usize| {
            for word in [tag, kind, at as u32, 1] {
                index.extend(word.to_be_bytes());
            }
        };
        for (tag, number) in numbers {
            entry(*tag, 4, store.len());
            store.extend(number.to_be_bytes());
        }
        for (tag, text) in texts {
            entry(*tag, 6, store.len());
            store.extend(text.bytes().chain([0]));
        }
        let count = ((texts.len() + numbers.len()) as u32).to_be_bytes();
        let size = (store.len() as u32).to_be_bytes();
        [&count[..], &size, &index, &store].concat()
    }

    fn package() -> Vec<u8> {
        let mut data = MAGIC.to_vec();
        data.resize(LEAD as usize, 0);
        data.extend(HEADER_MAGIC);
        data.extend(header(&[(269, "4f1c")], &[]));
        data.resize(data.len().next_multiple_of(8), 0);
        data.extend(HEADER_MAGIC);
        data.extend(header(&[(1000, "a")], &[(1006, 7)]));
        data.extend(b"payload");
        data
    }

    #[test]
    fn the_parts_of_a_package() {
        let data = package();
        let layout = Layout::find(&data[..]).unwrap();
        assert_eq!(&data[layout.payload as usize..], b"payload");
        let bytes = &data[layout.header.start as usize..layout.header.end as usize];
        let (header, length) = Header::read(bytes).unwrap();
        assert_eq!(length, bytes.len());
        assert_eq!(header.text(1000), "a");
        assert_eq!(header.tags[&1006], Values::Numbers(vec![7]));
        for end in 0..layout.payload as usize {
            assert!(Layout::find(&data[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn values_lie_in_their_header() {
        let mut data = header(&[(1000, "a")], &[]);
        assert!(Header::read(&data).is_ok());
        for end in 0..data.len() {
            assert!(Header::read(&data[..end]).is_err(), "{end}");
        }
        // Two texts where there is one.
        data[23] = 2;
        assert!(Header::read(&data).is_err());
    }
}
