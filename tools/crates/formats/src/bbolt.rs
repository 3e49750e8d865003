//! A reader of the databases of bbolt (<https://github.com/etcd-io/bbolt>), which containerd and etcd keep: one
//! file of pages, and in it a tree of buckets with keys and values.
//!
//! No lock is taken and nothing is written, so a program that has the database open does not notice. It may
//! write meanwhile: whoever reads such a file compares [`Database::transaction`] with that of the file opened once
//! more. bbolt overwrites no page of a transaction before the next one is written.
//!
//! bbolt looks keys up by halving. A file in which that finds something else than reading it from the
//! front is none: keys stand in their order, each where the pages above it lead, and no page is in two
//! places. So each page is read once at most, and reading everything costs no more than the file has bytes.

use std::borrow::Cow;

use crate::number::{u16_at, u32_at, u64_at};
use crate::{Flaw, ReadAt};

/// The largest database that is read.
const MAX_SIZE: u64 = 4 << 30;
/// The most pages that follow each other as one, in bytes: the largest value is not larger.
const MAX_RUN: u64 = 64 << 20;
/// How deep a tree may be. A page has at least two keys, so nobody comes near it.
const DEPTH: usize = 32;

/// The header of a page: its number, what it is, how many elements it has, and how many pages follow it.
const PAGE_HEADER: usize = 16;
/// An element of a page, of either kind.
const ELEMENT: usize = 16;
/// The header of a page and of the database, with its checksum.
const META: u64 = 80;
/// The header of a bucket: the number of its page, and a counter.
const BUCKET: usize = 16;

const MAGIC: u32 = 0xed0c_daed;
const VERSION: u32 = 2;

/// What pages are.
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// What values are.
const IS_BUCKET: u32 = 1;

/// A database, as one transaction left it.
#[derive(Debug)]
pub struct Database<'a, F: ReadAt + ?Sized> {
    file: &'a F,
    meta: Meta,
    visited: Vec<bool>,
}

/// Keys and values that belong together, not read yet. There is no second one of it, for its pages are read once.
#[derive(Debug)]
pub struct Bucket(Place);

#[derive(Debug)]
enum Place {
    Page(u64),
    /// Small ones stand in the value itself: its bytes, and where in the file they are.
    Inline(Vec<u8>, u64),
}

/// A key, and what it has.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// What it has.
    pub value: Value,
}

/// What a key has.
#[derive(Debug)]
pub enum Value {
    /// Bytes.
    Bytes(Vec<u8>),
    /// A bucket.
    Bucket(Bucket),
}

/// What one of the two headers of a database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meta {
    page_size: u64,
    root: u64,
    /// The number of pages.
    pages: u64,
    transaction: u64,
}

/// Where the keys of a page lie, as the pages above it say: from the first on, and before the second.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds<'a> {
    from: Option<&'a [u8]>,
    before: Option<&'a [u8]>,
}

/// An element of a page: two parts of its bytes that follow each other.
struct Element<'a> {
    flags: u32,
    key: &'a [u8],
    value: &'a [u8],
    /// Where the key stands in the file.
    at: u64,
}

impl<'a, F: ReadAt + ?Sized> Database<'a, F> {
    /// Open a database; the bucket holds all others.
    ///
    /// # Errors
    /// It is none, it is larger than 4 GiB, or it cannot be read.
    pub fn open(file: &'a F) -> Result<(Self, Bucket), Flaw> {
        let size = file.size();
        if size > MAX_SIZE {
            return Err(Flaw::at(0, "the database is larger than 4 GiB"));
        }
        let meta = newest(file)?;
        let pages = meta.pages.min(size / meta.page_size);
        let visited = vec![false; usize::try_from(pages).unwrap_or_default()];
        let root = Bucket(Place::Page(meta.root));
        let database = Self {
            file,
            meta,
            visited,
        };
        Ok((database, root))
    }

    /// The number of the transaction that is read.
    pub fn transaction(&self) -> u64 {
        self.meta.transaction
    }

    /// All that is in a bucket, by key.
    ///
    /// # Errors
    /// Its pages contradict the format, or cannot be read.
    pub fn entries(&mut self, bucket: Bucket) -> Result<Vec<Entry>, Flaw> {
        let mut entries = Vec::new();
        match bucket.0 {
            Place::Page(number) => self.tree(number, 0, Bounds::default(), &mut entries)?,
            Place::Inline(bytes, at) => {
                let header = bytes.get(..PAGE_HEADER);
                let header = header.ok_or_else(|| Flaw::at(at, "a bucket is cut off"))?;
                if u16_at(header, 8) != LEAF {
                    return Err(Flaw::at(at, "a bucket in a value is no leaf"));
                }
                leaf(&bytes, at, Bounds::default(), &mut entries)?;
            }
        }
        Ok(entries)
    }

    fn tree(
        &mut self,
        number: u64,
        depth: usize,
        bounds: Bounds<'_>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Flaw> {
        let (page, at) = self.page(number)?;
        match u16_at(&page, 8) {
            LEAF => {
                if depth > 0 && u16_at(&page, 10) == 0 {
                    return Err(Flaw::at(at, "a page below another one is empty"));
                }
                leaf(&page, at, bounds, entries)
            }
            BRANCH => {
                if depth == DEPTH {
                    return Err(Flaw::at(at, "the tree is too deep"));
                }
                let elements = elements(&page, at, true)?;
                if elements.is_empty() {
                    return Err(Flaw::at(at, "a page leads nowhere"));
                }
                for (i, element) in elements.iter().enumerate() {
                    let next = elements.get(i + 1).map(|next| next.key);
                    if next.is_some_and(|next| next <= element.key) {
                        return Err(Flaw::at(element.at, "keys are not in their order"));
                    }
                    let below = Bounds {
                        from: bounds.from.max(Some(element.key)),
                        before: match (next, bounds.before) {
                            (Some(a), Some(b)) => Some(a.min(b)),
                            (a, b) => a.or(b),
                        },
                    };
                    self.tree(u64_at(element.value, 0), depth + 1, below, entries)?;
                }
                Ok(())
            }
            _ => Err(Flaw::at(at, "a page is neither branch nor leaf")),
        }
    }

    /// A page that was not read before, with those that follow it, and where it is.
    fn page(&mut self, number: u64) -> Result<(Cow<'a, [u8]>, u64), Flaw> {
        let size = self.meta.page_size;
        let at = number.saturating_mul(size);
        // The first two are the headers of the database.
        if number < 2 || number >= self.visited.len() as u64 {
            return Err(Flaw::at(at, "a page lies outside of the database"));
        }
        let header = self.file.read(at..at + PAGE_HEADER as u64)?;
        let following = u64::from(u32_at(&header, 12));
        if u64_at(&header, 0) != number {
            return Err(Flaw::at(at, "a page has the number of another one"));
        }
        let end = number + 1 + following;
        if end > self.visited.len() as u64 {
            return Err(Flaw::at(at, "a page ends outside of the database"));
        }
        if (1 + following) * size > MAX_RUN {
            return Err(Flaw::at(at, "a page is larger than 64 MiB"));
        }
        // Both lie in the list, whose length fits.
        for visited in &mut self.visited[number as usize..end as usize] {
            if std::mem::replace(visited, true) {
                return Err(Flaw::at(at, "a page is in two places"));
            }
        }
        Ok((self.file.read(at..end * size)?, at))
    }
}

/// The newer one of the two headers that are whole, as bbolt takes it.
fn newest<F: ReadAt + ?Sized>(file: &F) -> Result<Meta, Flaw> {
    let none = || Flaw::at(0, "it is no database of bbolt");
    let first = meta(file, 0)?;
    let second = match first {
        Some(first) => meta(file, first.page_size)?,
        // Nobody knows how large a page is then.
        None => {
            let mut found = None;
            for size in (10..=24).map(|bits| 1_u64 << bits) {
                found = meta(file, size)?.filter(|meta| meta.page_size == size);
                if found.is_some() {
                    break;
                }
            }
            found
        }
    };
    match (first, second) {
        (Some(a), Some(b)) if a.page_size != b.page_size => {
            Err(Flaw::at(0, "its two headers name different sizes of pages"))
        }
        (Some(a), Some(b)) if b.transaction > a.transaction => Ok(b),
        (Some(a), _) => Ok(a),
        (None, b) => b.ok_or_else(none),
    }
}

/// The header of the database at this place, if there is one, and it is whole.
fn meta<F: ReadAt + ?Sized>(file: &F, at: u64) -> Result<Option<Meta>, Flaw> {
    if at.saturating_add(META) > file.size() {
        return Ok(None);
    }
    let bytes = file.read(at..at + META)?;
    let covered = &bytes[PAGE_HEADER..72];
    let is_whole = u32_at(&bytes, 16) == MAGIC
        && u32_at(&bytes, 20) == VERSION
        && u64_at(&bytes, 72) == fnv1a(covered);
    let page_size = u64::from(u32_at(&bytes, 24));
    let is_size = page_size.is_power_of_two() && (1 << 10..=1 << 24).contains(&page_size);
    Ok((is_whole && is_size).then(|| Meta {
        page_size,
        root: u64_at(&bytes, 32),
        pages: u64_at(&bytes, 56),
        transaction: u64_at(&bytes, 64),
    }))
}

/// The checksum of headers: FNV-1a, 64 bits.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn leaf(page: &[u8], at: u64, bounds: Bounds<'_>, entries: &mut Vec<Entry>) -> Result<(), Flaw> {
    for element in elements(page, at, false)? {
        let (key, value) = (element.key, element.value);
        if entries.last().is_some_and(|last| key <= &last.key[..]) {
            return Err(Flaw::at(element.at, "keys are not in their order"));
        }
        if bounds.from.is_some_and(|from| key < from)
            || bounds.before.is_some_and(|before| key >= before)
        {
            return Err(Flaw::at(
                element.at,
                "a key is not where the pages above lead",
            ));
        }
        let value_at = element.at + key.len() as u64;
        let value = match element.flags {
            0 => Value::Bytes(value.to_vec()),
            IS_BUCKET if value.len() < BUCKET => {
                return Err(Flaw::at(value_at, "a bucket is cut off"));
            }
            IS_BUCKET => Value::Bucket(Bucket(match u64_at(value, 0) {
                0 => Place::Inline(value[BUCKET..].to_vec(), value_at + BUCKET as u64),
                number => Place::Page(number),
            })),
            _ => return Err(Flaw::at(element.at, "a value is of an unknown kind")),
        };
        entries.push(Entry {
            key: key.to_vec(),
            value,
        });
    }
    Ok(())
}

/// The elements of a page, whose header is there. Their parts lie one behind the other, so that they are no more than
/// the page. The value of an element of a branch is the number of its page.
fn elements(page: &[u8], at: u64, is_branch: bool) -> Result<Vec<Element<'_>>, Flaw> {
    let count = usize::from(u16_at(page, 10));
    let table = page.get(PAGE_HEADER..PAGE_HEADER + count * ELEMENT);
    let table = table.ok_or_else(|| Flaw::at(at, "a page is too small for its elements"))?;
    let mut free = PAGE_HEADER + table.len();
    let mut elements = Vec::with_capacity(count);
    for (i, element) in table.chunks_exact(ELEMENT).enumerate() {
        let start = PAGE_HEADER + i * ELEMENT;
        let outside = || Flaw::at(at + start as u64, "an element lies outside of its page");
        let (flags, sizes) = match is_branch {
            true => (0, [0, 4, usize::MAX]),
            false => (u32_at(element, 0), [4, 8, 12]),
        };
        // Numbers of 32 bits, and places in a page: sums of them do not overflow.
        let number = |field: usize| match field {
            usize::MAX => 0,
            field => u32_at(element, field) as usize,
        };
        let key_at = start + number(sizes[0]);
        let (key_size, value_size) = (number(sizes[1]), number(sizes[2]));
        if key_at < free {
            return Err(Flaw::at(
                at + start as u64,
                "elements of a page lie over each other",
            ));
        }
        let value_at = key_at.checked_add(key_size).ok_or_else(outside)?;
        let end = value_at.checked_add(value_size).ok_or_else(outside)?;
        let key = page.get(key_at..value_at).ok_or_else(outside)?;
        let value = page.get(value_at..end).ok_or_else(outside)?;
        free = end;
        elements.push(Element {
            flags,
            key,
            value: if is_branch { &element[8..] } else { value },
            at: at + key_at as u64,
        });
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: &[u8] = include_bytes!("../testdata/bbolt/buckets.db");
    const EMPTY: &[u8] = include_bytes!("../testdata/bbolt/empty.db");

    /// A database of pages of 1 KiB, with one transaction. Page 2 is that of the first bucket.
    fn database(pages: &[Vec<u8>]) -> Vec<u8> {
        let mut file = vec![0; 2 << 10];
        for (number, page) in (2_u64..).zip(pages) {
            let mut page = page.clone();
            page[..8].copy_from_slice(&number.to_le_bytes());
            page.resize(page.len().next_multiple_of(1 << 10), 0);
            file.extend(page);
        }
        let pages = file.len() as u64 >> 10;
        header(&mut file, 0, [1 << 10, 2, pages, 7]);
        file
    }

    /// Write a header with a page size, the page of the first bucket, the number of pages and that of the transaction.
    fn header(file: &mut [u8], at: usize, [size, root, pages, transaction]: [u64; 4]) {
        let meta = &mut file[at..at + 80];
        meta[16..20].copy_from_slice(&MAGIC.to_le_bytes());
        meta[20..24].copy_from_slice(&VERSION.to_le_bytes());
        meta[24..28].copy_from_slice(&(size as u32).to_le_bytes());
        for (at, number) in [(32, root), (56, pages), (64, transaction)] {
            meta[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let sum = fnv1a(&meta[16..72]);
        meta[72..80].copy_from_slice(&sum.to_le_bytes());
    }

    /// A page of this kind: of each element the first four bytes or its page, its key and its value.
    fn page(kind: u16, elements: &[(u64, &[u8], &[u8])]) -> Vec<u8> {
        let mut page = vec![0; 8];
        page.extend(kind.to_le_bytes());
        page.extend((elements.len() as u16).to_le_bytes());
        page.extend([0; 4]);
        let mut parts = Vec::new();
        for (i, (number, key, value)) in elements.iter().enumerate() {
            let at = (elements.len() - i) * ELEMENT + parts.len();
            let numbers = match kind {
                BRANCH => [at, key.len(), *number as usize, 0],
                _ => [*number as usize, at, key.len(), value.len()],
            };
            for number in numbers {
                page.extend((number as u32).to_le_bytes());
            }
            parts.extend([*key, *value].concat());
        }
        page.extend(parts);
        page
    }

    /// All of it: paths of keys, and the sizes of their values.
    fn read(file: &[u8]) -> Result<Vec<(String, usize)>, Flaw> {
        fn all(
            database: &mut Database<'_, [u8]>,
            bucket: Bucket,
            above: &str,
            found: &mut Vec<(String, usize)>,
        ) -> Result<(), Flaw> {
            for entry in database.entries(bucket)? {
                let path = format!("{above}/{}", String::from_utf8_lossy(&entry.key));
                match entry.value {
                    Value::Bytes(bytes) => found.push((path, bytes.len())),
                    Value::Bucket(bucket) => all(database, bucket, &path, found)?,
                }
            }
            Ok(())
        }
        let (mut database, root) = Database::open(file)?;
        let mut found = Vec::new();
        all(&mut database, root, "", &mut found)?;
        Ok(found)
    }

    fn refused(file: &[u8], why: &str) {
        let flaw = read(file).unwrap_err().to_string();
        assert!(flaw.contains(why), "{flaw}: {why}");
    }

    #[test]
    fn what_bbolt_wrote() {
        let found = read(BUCKETS).unwrap();
        let size = |path: &str| {
            let mut all = found.iter().filter(|(found, _)| found == path);
            all.next().map(|(_, size)| *size)
        };
        assert_eq!(found.len(), 124);
        assert_eq!(size("/v1/version"), Some(1));
        assert_eq!(size("/v1/inline/key"), Some(5));
        assert_eq!(size("/v1/inline/empty"), Some(0));
        // On pages of its own.
        assert_eq!(size("/v1/large"), Some(3000));
        assert_eq!(size("/v1/many/key-000"), Some("value-0".len()));
        assert_eq!(size("/v1/many/key-119"), Some("value-14161".len()));
        assert_eq!(read(EMPTY).unwrap(), []);
        assert_eq!(Database::open(BUCKETS).unwrap().0.transaction(), 2);
    }

    #[test]
    fn what_containerd_wrote() {
        let found = read(include_bytes!("../testdata/bbolt/containerd.db")).unwrap();
        let has = |start: &str| found.iter().any(|(path, _)| path.starts_with(start));
        let image = "/v1/default/images/registry.example.com/acme/app:v1/target";
        assert!(has(&format!("{image}/digest")) && has(&format!("{image}/mediatype")));
        let top = "sha256:5d3413678d89d0c42007cfac9ddd526eae67936ad2974d826ffaed77d0b952cd";
        let snapshot = format!("/v1/default/snapshots/overlayfs/{top}");
        assert!(has(&format!("{snapshot}/name")) && has(&format!("{snapshot}/parent")));
        assert!(has("/v1/version"));
    }

    #[test]
    fn the_newer_header_counts_if_it_is_whole() {
        // The first one is of the second transaction; without it the database is empty, as after the first.
        for damage in [16, 20, 24, 40, 79] {
            let mut file = BUCKETS.to_vec();
            file[damage] ^= 1;
            assert_eq!(read(&file).unwrap(), [], "{damage}");
            file[1024 + damage] ^= 1;
            refused(&file, "no database of bbolt");
        }
        for other in [&b""[..], b"SQLite format 3\0", &[0; 4096], &BUCKETS[..79]] {
            refused(other, "no database of bbolt");
        }
    }

    #[test]
    fn a_file_that_was_cut_off_or_changed_anywhere_is_read_or_refused() {
        for end in (0..BUCKETS.len()).step_by(97) {
            let _ = read(&BUCKETS[..end]);
        }
        let mut file = BUCKETS.to_vec();
        for at in 2048..file.len() {
            let change = [0x01, 0x80, 0xff][at % 3];
            file[at] ^= change;
            let _ = read(&file);
            file[at] ^= change;
        }
    }

    #[test]
    fn pages_that_go_round_in_a_circle_or_are_in_two_places() {
        let branch = page(BRANCH, &[(2, b"a", b"")]);
        refused(&database(&[branch]), "in two places");
        let branch = page(BRANCH, &[(3, b"a", b""), (3, b"b", b"")]);
        let leaf = page(LEAF, &[(0, b"a", b"")]);
        refused(&database(&[branch, leaf.clone()]), "in two places");
        // Two buckets with the same page.
        let bucket = [3_u64.to_le_bytes(), [0; 8]].concat();
        let buckets = page(LEAF, &[(1, b"a", &bucket), (1, b"b", &bucket)]);
        refused(&database(&[buckets, leaf]), "in two places");
        // A bucket in itself.
        let bucket = [2_u64.to_le_bytes(), [0; 8]].concat();
        let itself = page(LEAF, &[(1, b"a", &bucket)]);
        refused(&database(&[itself]), "in two places");
        // Deeper than any tree.
        let mut pages: Vec<_> = (3..60)
            .map(|below| page(BRANCH, &[(below, b"a", b"")]))
            .collect();
        pages.push(page(LEAF, &[(0, b"a", b"")]));
        refused(&database(&pages), "too deep");
    }

    #[test]
    fn what_bbolt_would_not_find_is_not_there() {
        let leaf = |key: &'static [u8]| page(LEAF, &[(0, key, b"")]);
        let good = page(BRANCH, &[(3, b"a", b""), (4, b"m", b"")]);
        let found = read(&database(&[good.clone(), leaf(b"b"), leaf(b"m")])).unwrap();
        assert_eq!(found.len(), 2);
        for (first, second) in [(&b"m"[..], &b"n"[..]), (b"b", b"c")] {
            let file = database(&[good.clone(), leaf(first), leaf(second)]);
            refused(&file, "not where the pages above lead");
        }
        refused(
            &database(&[page(LEAF, &[(0, b"b", b""), (0, b"a", b"")])]),
            "order",
        );
        refused(
            &database(&[page(LEAF, &[(0, b"b", b""), (0, b"b", b"")])]),
            "order",
        );
        refused(
            &database(&[
                page(BRANCH, &[(3, b"m", b""), (4, b"a", b"")]),
                leaf(b"m"),
                leaf(b"n"),
            ]),
            "order",
        );
        refused(&database(&[good, leaf(b"b"), page(LEAF, &[])]), "is empty");
        refused(&database(&[page(BRANCH, &[])]), "leads nowhere");
    }

    #[test]
    fn places_and_sizes_that_lie() {
        let mut small = page(LEAF, &[(0, b"a", b"x")]);
        small.resize(1024, 0);
        let with = |at: usize, bytes: &[u8]| {
            let mut page = small.clone();
            page[at..at + bytes.len()].copy_from_slice(bytes);
            database(&[page])
        };
        refused(&with(8, &[3, 0]), "neither branch nor leaf");
        refused(&with(10, &[0xff, 0xff]), "too small for its elements");
        // It says that four thousand million pages follow it, and one.
        refused(&with(12, &[0xff; 4]), "ends outside");
        refused(&with(12, &[1]), "ends outside");
        refused(&with(16, &[2]), "unknown kind");
        refused(&with(20, &[0xff; 4]), "outside of its page");
        refused(&with(20, &[0]), "over each other");
        refused(&with(24, &[0xff; 4]), "outside of its page");
        refused(&with(28, &[0xff; 4]), "outside of its page");
        refused(&with(16, &[1]), "a bucket is cut off");
        // All elements of a page claim the same bytes.
        let mut both = page(LEAF, &[(0, b"a", b"x"), (0, b"b", b"y")]);
        both[36] -= 1;
        refused(&database(&[both]), "over each other");
        // A small bucket without a header, and one that is a branch.
        let inline = |page: &[u8]| {
            let value = [&[0; 16], page].concat();
            database(&[self::page(LEAF, &[(1, b"a", &value)])])
        };
        refused(&inline(b"short"), "a bucket is cut off");
        refused(&inline(&page(BRANCH, &[(2, b"a", b"")])), "is no leaf");
        assert_eq!(
            read(&inline(&page(LEAF, &[(0, b"b", b"cd")]))).unwrap(),
            [("/a/b".to_owned(), 2)]
        );
        // Pages that are none, or those of the headers.
        for root in [0, 1, 3, u64::MAX] {
            let mut file = database(&[small.clone()]);
            header(&mut file, 0, [1 << 10, root, 3, 7]);
            refused(&file, "outside of the database");
        }
        let mut other = database(&[small.clone(), small]);
        other[2048] = 3;
        refused(&other, "number of another one");
        // More pages than the file has.
        header(&mut other, 0, [1 << 10, 9, u64::MAX, 7]);
        refused(&other, "outside of the database");
    }

    #[test]
    fn sizes_that_nobody_can_hold() {
        /// As many zeros as it says, behind a header.
        struct Huge(Vec<u8>, u64);
        impl ReadAt for Huge {
            fn size(&self) -> u64 {
                self.1
            }

            fn read(&self, range: std::ops::Range<u64>) -> std::io::Result<Cow<'_, [u8]>> {
                let (from, size) = (range.start as usize, (range.end - range.start) as usize);
                assert!(size as u64 <= MAX_RUN);
                let known = self.0.get(from..).unwrap_or_default();
                let mut bytes = known[..known.len().min(size)].to_vec();
                bytes.resize(size, 0);
                Ok(bytes.into())
            }
        }
        let refused = |file: &Huge, why: &str| {
            let read = Database::open(file).and_then(|(mut base, root)| base.entries(root));
            let flaw = read.unwrap_err().to_string();
            assert!(flaw.contains(why), "{flaw}");
        };
        refused(&Huge(EMPTY.to_vec(), u64::MAX), "larger than 4 GiB");
        let mut run = page(LEAF, &[]);
        run[12..16].copy_from_slice(&(1_u32 << 17).to_le_bytes());
        let mut file = database(&[run]);
        header(&mut file, 0, [1 << 10, 2, u64::MAX, 7]);
        refused(&Huge(file, 1 << 30), "larger than 64 MiB");
    }
}
