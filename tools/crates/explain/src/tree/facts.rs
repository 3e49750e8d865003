//! What the headers of a tar archive say beside what becomes of the entry.

use std::collections::BTreeMap;

use verbatim_digest::Digest;

/// The dialect of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V7,
    Ustar,
    Gnu,
}

impl Dialect {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V7 => "v7",
            Self::Ustar => "ustar",
            Self::Gnu => "gnu",
        }
    }
}

/// Headers of one entry, taken apart as far as a comparison needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) dialect: Dialect,
    /// The names of the owner and the group, empty if there are none.
    pub(crate) user: Vec<u8>,
    pub(crate) group: Vec<u8>,
    /// PAX records by key; of one that is given twice the last counts.
    pub(crate) records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whether names of GNU tar's own kind stand before the entry.
    pub(crate) long_names: bool,
    /// How many headers there are.
    pub(crate) headers: u32,
    /// Of all headers but for the checksums, which follow from the rest.
    pub(crate) bytes: Digest,
}

const BLOCK: usize = 512;

impl Facts {
    /// Of headers that were read without an error, as [`verbatim_reader::Entry::headers`] gives
    /// them. Whatever else they are, this does not fail.
    pub(crate) fn of(headers: &[u8]) -> Self {
        let mut facts = Self {
            dialect: Dialect::V7,
            user: Vec::new(),
            group: Vec::new(),
            records: BTreeMap::new(),
            long_names: false,
            headers: 0,
            bytes: Digest::of(headers),
        };
        let mut rest = headers;
        while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
            rest = after;
            facts.headers += 1;
            match block[156] {
                flag @ (b'x' | b'X' | b'g' | b'L' | b'K') => {
                    let size = size_of(block).min(rest.len());
                    if matches!(flag, b'L' | b'K') {
                        facts.long_names = true;
                    } else {
                        facts.read_records(&rest[..size]);
                    }
                    rest = &rest[size.next_multiple_of(BLOCK).min(rest.len())..];
                }
                b'V' | b'A' => {}
                _ => {
                    facts.dialect = match &block[257..265] {
                        b"ustar  \0" => Dialect::Gnu,
                        magic if magic.starts_with(b"ustar") => Dialect::Ustar,
                        _ => Dialect::V7,
                    };
                    if facts.dialect != Dialect::V7 {
                        facts.user = text(&block[265..297]);
                        facts.group = text(&block[297..329]);
                    }
                }
            }
        }
        for (key, field) in [
            (&b"uname"[..], &mut facts.user),
            (b"gname", &mut facts.group),
        ] {
            if let Some(name) = facts.records.get(key) {
                *field = name.clone();
            }
        }
        facts
    }

    fn read_records(&mut self, mut data: &[u8]) {
        while let Some(space) = data.iter().position(|&b| b == b' ') {
            let length = std::str::from_utf8(&data[..space])
                .ok()
                .and_then(|digits| digits.parse::<usize>().ok())
                .filter(|&length| length > space + 1 && length <= data.len());
            let Some(length) = length else { return };
            let record = &data[space + 1..length];
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            if let Some(at) = record.iter().position(|&b| b == b'=') {
                self.records
                    .insert(record[..at].to_vec(), record[at + 1..].to_vec());
            }
            data = &data[length..];
        }
    }
}

fn size_of(block: &[u8; BLOCK]) -> usize {
    let mut size = 0usize;
    if block[124] & 0x80 != 0 {
        for &byte in &block[128..136] {
            size = size << 8 | usize::from(byte);
        }
        return size;
    }
    for &digit in block[124..136].iter().skip_while(|&&b| b == b' ') {
        if !(b'0'..=b'7').contains(&digit) {
            break;
        }
        size = size << 3 | usize::from(digit - b'0');
    }
    size
}

fn text(field: &[u8]) -> Vec<u8> {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    field[..end].to_vec()
}
