//! Headers with all their bytes, checked as strictly as rpm checks those of packages.
//!
//! A digest or a signature is made over the bytes of a header, and the database of installed
//! packages takes them over as they are. So they are kept, and every value is looked up in them.

use std::io::Read;
use std::ops::Range;

use super::{sizes, word, ENTRIES, ENTRY, HEADER_MAGIC, STORE};
use crate::Flaw;

/// The tag of the region that all of a package's own header lies in.
const IMMUTABLE: u32 = 63;
/// The same of the header with signatures, and the tag that old packages have at its end.
const SIGNATURES: u32 = 62;
const IMAGE: u32 = 61;
/// Tags from here on have values; those below are regions.
const FIRST_TAG: u32 = 100;
/// Entries and bytes that rpm itself reads at most of a header with signatures.
const SIGNATURE_ENTRIES: usize = 32;
const SIGNATURE_STORE: usize = 64 << 20;
/// Values of one tag that rpm itself reads at most, bytes apart.
const VALUES: usize = 0xf_ffff;

/// What the values of a tag are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Single bytes with a meaning each.
    Char,
    /// Numbers of one byte.
    Int8,
    /// Numbers of two bytes.
    Int16,
    /// Numbers of four bytes.
    Int32,
    /// Numbers of eight bytes.
    Int64,
    /// One text.
    Text,
    /// Bytes.
    Bytes,
    /// Any number of texts.
    Texts,
    /// One text in several languages.
    Translated,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Char,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Text,
        Self::Bytes,
        Self::Texts,
        Self::Translated,
    ];

    fn of(number: u32) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        Self::ALL.get(index).copied()
    }

    /// The number that stands for it in an entry.
    pub fn number(self) -> u32 {
        self as u32 + 1
    }

    /// Bytes of one value; `None` where a zero ends it.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Char | Self::Int8 | Self::Bytes => Some(1),
            Self::Int16 => Some(2),
            Self::Int32 => Some(4),
            Self::Int64 => Some(8),
            Self::Text | Self::Texts | Self::Translated => None,
        }
    }
}

/// Which header it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The header with signatures and digests, to which signers add.
    Signatures,
    /// The package's own, which lies in its region to the last byte: signatures are made over it.
    Package,
    /// The package's own as the database of installed packages has it: behind the region stands what
    /// was added when it was installed.
    Installed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    tag: u32,
    kind: Kind,
    count: usize,
    /// Where the values are, in all bytes.
    values: Range<usize>,
}

/// A header with all its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    bytes: Vec<u8>,
    /// By their tags.
    entries: Vec<Entry>,
}

impl Stored {
    /// Read a header that begins with the number of its entries and takes all the bytes.
    pub fn read(bytes: Vec<u8>, part: Part) -> Result<Self, Flaw> {
        let cut = || Flaw::at(0, "a header is cut short");
        let (count, size) = sizes(&bytes).ok_or_else(cut)?;
        let (most_entries, most_bytes) = match part {
            Part::Signatures => (SIGNATURE_ENTRIES, SIGNATURE_STORE),
            Part::Package | Part::Installed => (ENTRIES, STORE),
        };
        if count > most_entries || size > most_bytes {
            return Err(Flaw::at(0, "a header has more than rpm reads"));
        }
        let store_at = 8 + count * ENTRY;
        if bytes.len() != store_at + size {
            return Err(cut());
        }
        let regions = region(&bytes, count, store_at, part)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        let mut free = store_at;
        for (i, entry) in bytes[8..store_at].chunks_exact(ENTRY).enumerate() {
            if i < regions {
                continue;
            }
            let flaw = |what: &'static str| Flaw::at((8 + i * ENTRY) as u64, what);
            let (tag, kind) = (word(entry, 0), word(entry, 4));
            if tag < FIRST_TAG {
                return Err(flaw("a header has more than one region"));
            }
            let kind = Kind::of(kind).ok_or_else(|| flaw("a tag has values of no known kind"))?;
            let count = word(entry, 12) as usize;
            let start = store_at + word(entry, 8) as usize;
            // Values follow each other, so that reading them all takes no longer than the store is.
            if start < free || start > bytes.len() || count == 0 {
                return Err(flaw("the values of tags overlap"));
            }
            if kind != Kind::Bytes && count > VALUES {
                return Err(flaw("a tag has more than a million values"));
            }
            if kind == Kind::Text && count != 1 {
                return Err(flaw("a tag of one text has several"));
            }
            let width = kind.width();
            if !(start - store_at).is_multiple_of(width.unwrap_or(1)) {
                return Err(flaw("numbers do not lie where numbers may"));
            }
            let length = match width {
                Some(width) => count.checked_mul(width),
                None => texts_end(&bytes[start..], count),
            };
            let end = length
                .and_then(|length| start.checked_add(length))
                .filter(|&end| end <= bytes.len())
                .ok_or_else(|| flaw("the values of a tag do not lie in their header"))?;
            free = end;
            entries.push(Entry {
                tag,
                kind,
                count,
                values: start..end,
            });
        }
        // The tail of the region is no value.
        if part == Part::Package && free > bytes.len() - ENTRY {
            return Err(Flaw::at(
                free as u64,
                "values reach into the end of the header",
            ));
        }
        entries.sort_by_key(|entry| entry.tag);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].tag == pair[1].tag) {
            let what = format!("the tag {} stands there twice", pair[0].tag);
            return Err(Flaw::at(8, what));
        }
        Ok(Self { bytes, entries })
    }

    /// Read a header out of a package. What follows it comes next in `source`: signatures are padded
    /// to eight bytes.
    pub fn from_reader(source: &mut impl Read, part: Part) -> Result<Self, Flaw> {
        let mut intro = [0; 16];
        source.read_exact(&mut intro)?;
        let numbers = intro.strip_prefix(HEADER_MAGIC);
        let numbers = numbers.ok_or_else(|| Flaw::at(0, "there is no header of a package"))?;
        let too_large = || Flaw::at(0, "a header has more than rpm reads");
        let (count, size) = sizes(numbers).ok_or_else(too_large)?;
        let mut bytes = numbers.to_vec();
        // It grows with what is there, not with what is claimed.
        let length = count * ENTRY + size;
        source.take(length as u64).read_to_end(&mut bytes)?;
        let header = Self::read(bytes, part)?;
        if part == Part::Signatures {
            let end = intro.len() + length;
            let padding = end.next_multiple_of(8) - end;
            source.read_exact(&mut [0; 8][..padding])?;
        }
        Ok(header)
    }

    /// All bytes, from the number of the entries on.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entries as they are stored, and the values behind them.
    pub fn halves(&self) -> (&[u8], &[u8]) {
        let (count, _) = sizes(&self.bytes).unwrap_or_default();
        self.bytes[8..].split_at(count * ENTRY)
    }

    fn entry(&self, tag: u32) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&tag, |entry| entry.tag);
        Some(&self.entries[at.ok()?])
    }

    /// The kind of a tag's values, how many there are, and their bytes.
    pub fn raw(&self, tag: u32) -> Option<(Kind, usize, &[u8])> {
        let entry = self.entry(tag)?;
        Some((entry.kind, entry.count, &self.bytes[entry.values.clone()]))
    }

    /// Whether there is such a tag.
    pub fn has(&self, tag: u32) -> bool {
        self.entry(tag).is_some()
    }

    /// The numbers of a tag; none if it has no numbers.
    pub fn numbers(&self, tag: u32) -> impl ExactSizeIterator<Item = u64> + '_ {
        let (width, values) = match self.raw(tag) {
            Some((Kind::Bytes, ..)) | None => (1, &[][..]),
            Some((kind, _, values)) => match kind.width() {
                Some(width) => (width, values),
                None => (1, &[][..]),
            },
        };
        let number = |b: &[u8]| b.iter().fold(0, |n, &b| (n << 8) | u64::from(b));
        values.chunks_exact(width).map(number)
    }

    /// The first number of a tag.
    pub fn number(&self, tag: u32) -> Option<u64> {
        self.numbers(tag).next()
    }

    /// The texts of a tag, without the zeros that end them; none if it has no texts.
    pub fn texts(&self, tag: u32) -> impl Iterator<Item = &[u8]> {
        let (count, values) = match self.raw(tag) {
            Some((Kind::Text | Kind::Texts | Kind::Translated, count, values)) => (count, values),
            _ => (0, &[][..]),
        };
        values.split(|&b| b == 0).take(count)
    }

    /// The first text of a tag; of a translated one, that in no language.
    pub fn text(&self, tag: u32) -> Option<&[u8]> {
        self.texts(tag).next()
    }

    /// The bytes of a tag that has bytes.
    pub fn blob(&self, tag: u32) -> Option<&[u8]> {
        match self.raw(tag)? {
            (Kind::Bytes, _, values) => Some(values),
            _ => None,
        }
    }
}

/// How many bytes so many texts take.
fn texts_end(bytes: &[u8], count: usize) -> Option<usize> {
    let mut end = 0;
    for _ in 0..count {
        end += bytes[end..].iter().position(|&b| b == 0)? + 1;
    }
    Some(end)
}

/// How many entries at the beginning are regions: one, unless signatures have none.
fn region(bytes: &[u8], count: usize, store_at: usize, part: Part) -> Result<usize, Flaw> {
    let flaw = |what: &'static str| Flaw::at(8, what);
    if count == 0 {
        return Err(flaw("a header has no entries"));
    }
    let expected = match part {
        Part::Signatures => SIGNATURES,
        Part::Package | Part::Installed => IMMUTABLE,
    };
    let entry = &bytes[8..8 + ENTRY];
    if word(entry, 0) != expected {
        return match part {
            // Keys in the database are packages without one.
            Part::Signatures | Part::Installed => Ok(0),
            Part::Package => Err(flaw(
                "the header has no region that signatures could be made over: it is a package of before 2001",
            )),
        };
    }
    let is_region = |entry: &[u8]| word(entry, 4) == Kind::Bytes.number() && word(entry, 12) == 16;
    let tail_at = store_at + word(entry, 8) as usize;
    let tail = bytes
        .get(tail_at..tail_at + ENTRY)
        .filter(|tail| is_region(entry) && is_region(tail))
        .ok_or_else(|| flaw("the region of a header has no end"))?;
    let tag = word(tail, 0);
    let old = part == Part::Signatures && tag == IMAGE;
    // It says how far back the entries begin.
    let back = word(tail, 8).wrapping_neg() as usize;
    if (tag != expected && !old) || !back.is_multiple_of(ENTRY) || back == 0 || back / ENTRY > count
    {
        return Err(flaw("the region of a header contradicts itself"));
    }
    let whole = back / ENTRY == count && tail_at + ENTRY == bytes.len();
    if part == Part::Package && !whole {
        return Err(flaw("not all of the header lies in its region"));
    }
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of a package with these tags, in a region.
    fn package(tags: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
        let (mut index, mut store) = (Vec::new(), Vec::new());
        let entry = |index: &mut Vec<u8>, words: [u32; 4]| {
            index.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        };
        for (tag, kind, count, values) in tags {
            let width = Kind::of(*kind).and_then(Kind::width).unwrap_or(1);
            store.resize(store.len().next_multiple_of(width), 0);
            entry(&mut index, [*tag, *kind, store.len() as u32, *count]);
            store.extend(*values);
        }
        let count = tags.len() as u32 + 1;
        let mut first = Vec::new();
        entry(&mut first, [IMMUTABLE, 7, store.len() as u32, 16]);
        entry(&mut store, [IMMUTABLE, 7, (count * 16).wrapping_neg(), 16]);
        let words = [count, store.len() as u32].map(u32::to_be_bytes);
        [&words.concat()[..], &first, &index, &store].concat()
    }

    fn example() -> Vec<u8> {
        package(&[
            (1000, 6, 1, b"bash\0"),
            (1003, 4, 1, &[0, 0, 0, 7]),
            (1117, 8, 2, b"a\0b\xff\0"),
            (1030, 3, 2, &[0x81, 0xa4, 0x41, 0xed]),
            (261, 7, 3, b"xyz"),
        ])
    }

    #[test]
    fn values_by_their_tags() {
        let header = Stored::read(example(), Part::Package).unwrap();
        assert_eq!(header.text(1000), Some(&b"bash"[..]));
        assert_eq!(header.number(1003), Some(7));
        let names: Vec<&[u8]> = header.texts(1117).collect();
        assert_eq!(names, [&b"a"[..], b"b\xff"]);
        let modes: Vec<u64> = header.numbers(1030).collect();
        assert_eq!(modes, [0o100_644, 0o040_755]);
        assert_eq!(header.blob(261), Some(&b"xyz"[..]));
        assert_eq!((header.text(9999), header.number(1000)), (None, None));
        assert_eq!(header.texts(1003).count(), 0);
    }

    /// The example with a tag that was added when it was installed.
    fn installed() -> Vec<u8> {
        let whole = package(&[(1000, 6, 1, b"bash\0")]);
        let (count, size) = sizes(&whole).unwrap();
        let (entries, values) = whole[8..].split_at(count * ENTRY);
        let at = size.next_multiple_of(4);
        let words = [1008, 4, at as u32, 1].map(u32::to_be_bytes);
        let mut values = values.to_vec();
        values.resize(at, 0);
        values.extend([0, 0, 0, 9]);
        let head = [count as u32 + 1, values.len() as u32].map(u32::to_be_bytes);
        [&head.concat()[..], entries, &words.concat(), &values].concat()
    }

    #[test]
    fn what_was_installed_has_more_than_its_region() {
        let header = Stored::read(installed(), Part::Installed).unwrap();
        assert_eq!(header.text(1000), Some(&b"bash"[..]));
        assert_eq!(header.number(1008), Some(9));
        assert!(Stored::read(example(), Part::Installed).is_ok());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let whole = example();
        for end in 0..whole.len() {
            assert!(
                Stored::read(whole[..end].to_vec(), Part::Package).is_err(),
                "{end}"
            );
        }
        let refused = |tags: &[(u32, u32, u32, &[u8])], what: &str| {
            let error = Stored::read(package(tags), Part::Package).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        };
        refused(&[(1000, 6, 1, b"a\0"), (1000, 6, 1, b"b\0")], "twice");
        refused(&[(1000, 6, 2, b"a\0b\0")], "several");
        refused(&[(1000, 10, 1, b"a\0")], "no known kind");
        refused(&[(1000, 7, u32::MAX, b"a")], "do not lie in");
        refused(&[(1000, 4, 1 << 21, b"abcd")], "a million values");
        refused(&[(1000, 8, 40, b"a\0")], "do not lie in");
        // The text reaches into the end of the region, which holds zeros.
        refused(&[(1000, 6, 1, b"a")], "reach into the end");
        refused(&[(62, 7, 1, b"a")], "more than one region");
        // What was added lies behind the region.
        assert!(Stored::read(installed(), Part::Package).is_err());
        // A bit anywhere in the entries: never a panic.
        for at in 0..8 + 6 * 16 {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let _ = Stored::read(bytes, Part::Package);
            }
        }
    }
}
