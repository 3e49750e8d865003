//! Where the sections of an ELF file are, for whoever looks for one of them by its name.
//!
//! Of the file no more is read than its headers and the names of its sections
//! (<https://gabi.xinuos.com>, chapters 2 and 3).

use std::ops::Range;

use crate::ReadAt;

/// What a file begins with.
pub const MAGIC: &[u8] = b"\x7fELF";

/// Bytes of the header of a file of 64 bits; that of 32 bits is shorter.
const HEADER: u64 = 64;
/// Entries of the table that are longer are none.
const MOST: u64 = 256;
/// No more is read of the names.
const NAMES: u64 = 1 << 20;

/// How numbers are stored.
#[derive(Debug, Clone, Copy)]
struct Shape {
    wide: bool,
    big: bool,
}

impl Shape {
    /// What a header says; `None` if it is none.
    fn of(header: &[u8]) -> Option<Self> {
        header.starts_with(MAGIC).then_some(())?;
        let flag = |at: usize| match header.get(at)? {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        };
        Some(Self {
            wide: flag(4)?,
            big: flag(5)?,
        })
    }

    fn number(self, bytes: &[u8], at: usize, width: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(width)?)?;
        let add = |n: u64, &b: &u8| (n << 8) | u64::from(b);
        Some(match self.big {
            true => bytes.iter().fold(0, add),
            false => bytes.iter().rev().fold(0, add),
        })
    }

    /// A field of the width of an address, whose place depends on the class.
    fn word(self, bytes: &[u8], narrow: usize, wide: usize) -> Option<u64> {
        match self.wide {
            true => self.number(bytes, wide, 8),
            false => self.number(bytes, narrow, 4),
        }
    }
}

/// Where the first section of each of these names lies in the file; `None` if it is no ELF file, or
/// its headers make no sense. A section that takes no bytes in the file is none.
pub fn sections<S: ReadAt + ?Sized, const N: usize>(
    source: &S,
    names: [&str; N],
) -> Option<[Option<Range<u64>>; N]> {
    let size = source.size();
    let header = source.read(0..HEADER.min(size)).ok()?;
    let shape = Shape::of(&header)?;
    let table = shape.word(&header, 32, 40)?;
    let place = if shape.wide { 58 } else { 46 };
    let entry = shape.number(&header, place, 2)?;
    let count = shape.number(&header, place + 2, 2)?;
    let names_at = shape.number(&header, place + 4, 2)?;
    let least = if shape.wide { 64 } else { 40 };
    (entry >= least && entry <= MOST && names_at < count).then_some(())?;
    let end = table.checked_add(entry * count)?;
    let table = source.read(table..end).ok()?;
    let headers: Vec<&[u8]> = table.chunks_exact(usize::try_from(entry).ok()?).collect();
    let range = |header: &[u8]| -> Option<Range<u64>> {
        const NOBITS: u64 = 8;
        (shape.number(header, 4, 4)? != NOBITS).then_some(())?;
        let start = shape.word(header, 16, 24)?;
        let length = shape.word(header, 20, 32)?;
        let end = start.checked_add(length)?;
        (end <= size).then_some(start..end)
    };
    let texts = range(headers.get(usize::try_from(names_at).ok()?)?)?;
    let texts = source
        .read(texts.start..texts.end.min(texts.start.saturating_add(NAMES)))
        .ok()?;
    let is_named = |header: &[u8], name: &str| -> Option<bool> {
        let at = usize::try_from(shape.number(header, 0, 4)?).ok()?;
        let rest = texts.get(at..)?;
        Some(rest.starts_with(name.as_bytes()) && rest.get(name.len()) == Some(&0))
    };
    Some(names.map(|name| {
        let found = headers
            .iter()
            .find(|header| is_named(header, name) == Some(true))?;
        range(found)
    }))
}

/// What a shared library says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// For which kind of processor it is (`e_machine`).
    pub machine: u16,
    /// What of that kind it asks for (`e_flags`).
    pub flags: u32,
    /// Whether its addresses have 64 bits.
    pub wide: bool,
    /// Whether the highest byte of a number comes first.
    pub big: bool,
    /// The name by which programs ask for it (`DT_SONAME`).
    pub name: Option<Vec<u8>>,
}

/// A name is not longer than that of a file.
const LONGEST_NAME: u64 = 255;

/// Read what a shared library says of itself; `None` if it is none.
pub fn library<S: ReadAt + ?Sized>(source: &S) -> Option<Library> {
    const SHARED: u64 = 3;
    const NAME: u64 = 14;
    let header = source.read(0..HEADER.min(source.size())).ok()?;
    let shape = Shape::of(&header)?;
    (shape.number(&header, 16, 2)? == SHARED).then_some(())?;
    let [dynamic, texts] = sections(source, [".dynamic", ".dynstr"])?;
    let (dynamic, texts) = (dynamic?, texts?);
    let width = if shape.wide { 8 } else { 4 };
    let end = dynamic.end.min(dynamic.start.saturating_add(NAMES));
    let dynamic = source.read(dynamic.start..end).ok()?;
    // The list ends with an empty entry.
    let place = dynamic
        .chunks_exact(2 * width)
        .map(|entry| {
            Some((
                shape.number(entry, 0, width)?,
                shape.number(entry, width, width)?,
            ))
        })
        .take_while(|entry| entry.is_some_and(|(tag, _)| tag != 0))
        .flatten()
        .find(|(tag, _)| *tag == NAME)
        .map(|(_, value)| value);
    let name = place.and_then(|place| {
        let start = texts.start.checked_add(place)?;
        let end = texts.end.min(start.checked_add(LONGEST_NAME + 1)?);
        let text = source.read(start..end).ok()?;
        let length = text.iter().position(|byte| *byte == 0)?;
        (length > 0).then(|| text[..length].to_vec())
    });
    Some(Library {
        machine: shape.number(&header, 18, 2)? as u16,
        flags: shape.number(&header, if shape.wide { 48 } else { 36 }, 4)? as u32,
        wide: shape.wide,
        big: shape.big,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with two sections beside the names, of this class and byte order.
    fn file(wide: bool, big: bool) -> Vec<u8> {
        let number = |n: u64, width: usize| {
            let mut bytes = n.to_be_bytes()[8 - width..].to_vec();
            if !big {
                bytes.reverse();
            }
            bytes
        };
        let word = |n: u64| number(n, if wide { 8 } else { 4 });
        let names = b"\0.names\0.note\0.notes\0";
        let header = if wide { 64 } else { 52 };
        let (names_at, note_at) = (header, header + names.len() as u64);
        let table = note_at + 6;
        let mut data = MAGIC.to_vec();
        data.extend([1 + u8::from(wide), 1 + u8::from(big)]);
        data.resize(24, 0);
        data.extend([word(0), word(0), word(table)].concat());
        data.extend([number(0, 4), number(header, 2), number(0, 4)].concat());
        let entry = if wide { 64 } else { 40 };
        data.extend([number(entry, 2), number(4, 2), number(1, 2)].concat());
        assert_eq!(data.len() as u64, header);
        data.extend(names);
        data.extend(b"abcdef");
        let mut section = |name: u64, kind: u64, at: u64, size: u64| {
            let from = data.len();
            data.extend([number(name, 4), number(kind, 4)].concat());
            data.extend([word(0), word(0), word(at), word(size)].concat());
            data.resize(from + entry as usize, 0);
        };
        section(0, 0, 0, 0);
        section(1, 3, names_at, names.len() as u64);
        section(14, 8, note_at, 6);
        section(8, 7, note_at, 3);
        data
    }

    #[test]
    fn sections_by_their_names() {
        for (wide, big) in [(false, false), (false, true), (true, false), (true, true)] {
            let data = file(wide, big);
            let found = sections(&data[..], [".note", ".notes", ".not", "note"]).unwrap();
            let [Some(note), None, None, None] = found else {
                panic!("{wide} {big}: {found:?}");
            };
            assert_eq!(&data[note.start as usize..note.end as usize], b"abc");
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let whole = file(true, false);
        for end in 0..whole.len() {
            let found = sections(&whole[..end], [".note"]);
            assert_eq!(found, None, "{end}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut data = whole.clone();
                data[at] ^= 1 << bit;
                let _ = sections(&data[..], [".note", ".notes"]);
            }
        }
    }
}
