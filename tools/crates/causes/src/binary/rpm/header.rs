//! The header of an RPM package: tags and their values, in a package and in the database of
//! installed packages.

use std::collections::BTreeMap;

/// Entries and bytes that RPM itself reads at most.
const ENTRIES: usize = 0xffff;
const STORE: usize = 256 << 20;

pub(super) const NAME: u32 = 1000;
pub(super) const VERSION: u32 = 1001;
pub(super) const RELEASE: u32 = 1002;
const REQUIREFLAGS: u32 = 1048;
const REQUIRENAME: u32 = 1049;
const REQUIREVERSION: u32 = 1050;
pub(super) const ARCH: u32 = 1022;

/// The values of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    Numbers(Vec<u64>),
    Texts(Vec<String>),
    Bytes(Vec<u8>),
}

/// Tags, each with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::binary) struct Header {
    pub(super) tags: BTreeMap<u32, Values>,
}

impl Header {
    /// Read a header that begins with the number of its entries; also the bytes behind it.
    pub(in crate::binary) fn read(data: &[u8]) -> Option<(Self, &[u8])> {
        let word = |data: &[u8], at: usize| -> Option<u32> {
            Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?))
        };
        let (entries, size) = (word(data, 0)? as usize, word(data, 4)? as usize);
        (entries <= ENTRIES && size <= STORE).then_some(())?;
        let (index, rest) = data[8..].split_at_checked(entries * 16)?;
        let (store, rest) = rest.split_at_checked(size)?;
        // Values may not overlap so often that reading them takes longer than the store is.
        let mut budget = size * 4;
        let mut tags = BTreeMap::new();
        for entry in index.chunks_exact(16) {
            let (tag, kind) = (word(entry, 0)?, word(entry, 4)?);
            let (offset, count) = (word(entry, 8)? as usize, word(entry, 12)? as usize);
            // Regions, which say what of the header is signed.
            if tag < 100 {
                continue;
            }
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
                        let end = rest.iter().take(budget).position(|&b| b == 0)?;
                        budget = budget.checked_sub(end + 1)?;
                        texts.push(String::from_utf8_lossy(&rest[..end]).into_owned());
                        rest = &rest[end + 1..];
                    }
                    Values::Texts(texts)
                }
                _ => continue,
            };
            let spent = match &values {
                Values::Numbers(_) | Values::Bytes(_) => count,
                Values::Texts(_) => 0,
            };
            budget = budget.checked_sub(spent)?;
            tags.insert(tag, values);
        }
        Some((Self { tags }, rest))
    }

    /// Without the features of RPM itself that a package requires: they follow from how it was
    /// packed.
    pub(super) fn without_features(&self) -> Self {
        let mut header = self.clone();
        let Some(Values::Texts(names)) = self.tags.get(&REQUIRENAME) else {
            return header;
        };
        let keeps: Vec<bool> = names
            .iter()
            .map(|name| !name.starts_with("rpmlib("))
            .collect();
        for tag in [REQUIREFLAGS, REQUIRENAME, REQUIREVERSION] {
            let mut keep = keeps.iter();
            let mut next = || *keep.next().unwrap_or(&true);
            match header.tags.get_mut(&tag) {
                Some(Values::Numbers(numbers)) => numbers.retain(|_| next()),
                Some(Values::Texts(texts)) => texts.retain(|_| next()),
                _ => {}
            }
        }
        header
    }

    pub(super) fn text(&self, tag: u32) -> &str {
        match self.tags.get(&tag) {
            Some(Values::Texts(texts)) => texts.first().map_or("", String::as_str),
            _ => "",
        }
    }

    /// Name and architecture, by which a package is known, and its version.
    pub(super) fn package(&self) -> (String, String) {
        (
            format!("{}.{}", self.text(NAME), self.text(ARCH)),
            format!("{}-{}", self.text(VERSION), self.text(RELEASE)),
        )
    }
}
