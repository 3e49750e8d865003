//! Files that list the digests of other files: such a word differs because the other file does.
//!
//! A list of sums, a manifest of a jar, the RECORD of a wheel, a lock: whatever the format is, a
//! word in it that equals the digest of a compared file, on either side, says nothing new. Both
//! sides are rewritten so that the two digests of one file are one word (of the same length, so
//! that no format breaks), and what still differs then is compared as always. The size of the
//! file, where it stands beside its digest, follows as well.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use base64::Engine;

use crate::{compare, Comparison};

/// A way to make a digest of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RFC 1321, 16 bytes.
    Md5,
    /// FIPS 180-4, 20 bytes.
    Sha1,
    /// The SHA-1 by which git names a file: of its size and its content.
    GitBlob,
    /// FIPS 180-4, 28 bytes.
    Sha224,
    /// FIPS 180-4, 32 bytes.
    Sha256,
    /// FIPS 180-4, 48 bytes.
    Sha384,
    /// FIPS 180-4, 64 bytes.
    Sha512,
    /// RFC 7693, 64 bytes.
    Blake2b,
    /// The same, 32 bytes.
    Blake2b256,
    /// RFC 7693, 32 bytes.
    Blake2s,
    /// The checksum of zip and gzip, 4 bytes.
    Crc32,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &[Algorithm] = &[
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::GitBlob,
        Algorithm::Sha224,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Blake2b,
        Algorithm::Blake2b256,
        Algorithm::Blake2s,
        Algorithm::Crc32,
    ];

    fn bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 | Algorithm::GitBlob => 20,
            Algorithm::Sha224 => 28,
            Algorithm::Sha256 | Algorithm::Blake2b256 | Algorithm::Blake2s => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 | Algorithm::Blake2b => 64,
            Algorithm::Crc32 => 4,
        }
    }

    /// What a text must say before a word is taken for a rare digest that is as long as one of
    /// SHA-2: every algorithm costs the time of reading all contents once more.
    fn said(self) -> Option<&'static [u8]> {
        match self {
            Algorithm::Blake2b256 => Some(b"blake2b"),
            Algorithm::Blake2s => Some(b"blake2s"),
            _ => None,
        }
    }
}

/// The digests of one content, as many of them as were asked for.
pub type Sums = Vec<(Algorithm, Vec<u8>)>;

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Spelling {
    Hex,
    UpperHex,
    Base64,
    /// RFC 4648, section 5: as in wheels.
    Base64Url,
    Base32,
    LowerBase32,
    /// Nix and Guix: an alphabet of their own, last bits first.
    NixBase32,
}

impl Spelling {
    const ALL: [Spelling; 7] = [
        Spelling::Hex,
        Spelling::UpperHex,
        Spelling::Base64,
        Spelling::Base64Url,
        Spelling::Base32,
        Spelling::LowerBase32,
        Spelling::NixBase32,
    ];

    /// Without the `=` at the end.
    fn write(self, digest: &[u8]) -> String {
        match self {
            Spelling::Hex => digest.iter().map(|b| format!("{b:02x}")).collect(),
            Spelling::UpperHex => digest.iter().map(|b| format!("{b:02X}")).collect(),
            Spelling::Base64 => STANDARD_NO_PAD.encode(digest),
            Spelling::Base64Url => URL_SAFE_NO_PAD.encode(digest),
            Spelling::Base32 => base32(digest, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            Spelling::LowerBase32 => base32(digest, b"abcdefghijklmnopqrstuvwxyz234567"),
            Spelling::NixBase32 => nix_base32(digest),
        }
    }

    fn length(self, bytes: usize) -> usize {
        match self {
            Spelling::Hex | Spelling::UpperHex => 2 * bytes,
            Spelling::Base64 | Spelling::Base64Url => (8 * bytes).div_ceil(6),
            Spelling::Base32 | Spelling::LowerBase32 | Spelling::NixBase32 => {
                (8 * bytes).div_ceil(5)
            }
        }
    }
}

fn base32(digest: &[u8], alphabet: &[u8; 32]) -> String {
    let bit = |n: usize| digest.get(n / 8).map_or(0, |b| b >> (7 - n % 8) & 1);
    (0..Spelling::Base32.length(digest.len()))
        .map(|i| (0..5).fold(0, |n, b| n << 1 | bit(5 * i + b)))
        .map(|n| char::from(alphabet[usize::from(n)]))
        .collect()
}

fn nix_base32(digest: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";
    let bit = |n: usize| digest.get(n / 8).map_or(0, |b| b >> (n % 8) & 1);
    (0..Spelling::NixBase32.length(digest.len()))
        .rev()
        .map(|i| (0..5).rev().fold(0, |n, b| n << 1 | bit(5 * i + b)))
        .map(|n| char::from(ALPHABET[usize::from(n)]))
        .collect()
}

/// Digits of the shortest beginning of a digest that counts as one, and of the longest.
const SHORT: Range<usize> = 8..32;
/// Lengths of digests in base 64 and base 32, of 16 bytes to 64.
const LENGTHS: [usize; 12] = [22, 26, 27, 32, 38, 43, 45, 52, 64, 77, 86, 103];
/// A run that is longer holds no digest.
const LONGEST: usize = 1024;
/// Words of one file that are looked at.
const MOST: usize = 1 << 20;
/// How far from a digest the size of its file may stand, in bytes and in lines.
const NEAR: usize = 320;
const NEAR_LINES: usize = 4;

/// A run of characters of which digests are made, without what a format put into it: line breaks,
/// and the backslash that JSON may have before a `/`.
struct Run {
    text: Vec<u8>,
    /// Where each byte of it stands.
    at: Vec<Range<usize>>,
}

fn of_digest(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"+/_-".contains(&b)
}

/// A character of a digest at the beginning of some data, and how many bytes it takes there.
fn digit(data: &[u8]) -> Option<(u8, usize)> {
    const ESCAPES: [(&[u8], u8); 4] = [
        (b"\\/", b'/'),
        (b"\\u002b", b'+'),
        (b"\\u002B", b'+'),
        (b"\\u002f", b'/'),
    ];
    match *data.first()? {
        b'\\' => {
            let escape = ESCAPES.iter().find(|(text, _)| data.starts_with(text));
            escape.map(|(text, plain)| (*plain, text.len()))
        }
        b if of_digest(b) => Some((b, 1)),
        _ => None,
    }
}

/// Runs that are long enough for the shortest digest. Manifests of Java break lines after 72 bytes, and go on
/// after a space.
fn runs(data: &[u8]) -> impl Iterator<Item = Run> + '_ {
    const LINE: Range<usize> = 70..73;
    let mut at = 0;
    let mut line = 0;
    std::iter::from_fn(move || {
        while at < data.len() {
            if digit(&data[at..]).is_none() {
                if data[at] == b'\n' {
                    line = at + 1;
                }
                at += 1;
                continue;
            }
            let mut run = Run {
                text: Vec::new(),
                at: Vec::new(),
            };
            loop {
                while let Some((digit, length)) = digit(&data[at..]) {
                    if run.text.len() <= LONGEST {
                        run.text.push(digit);
                        run.at.push(at..at + length);
                    }
                    at += length;
                }
                let rest = &data[at..];
                let broken = [&b"\r\n "[..], b"\n "]
                    .into_iter()
                    .find(|end| rest.starts_with(end));
                match broken {
                    Some(end) if LINE.contains(&(at - line)) => {
                        line = at + end.len() - 1;
                        at += end.len();
                    }
                    _ => break,
                }
            }
            if (SHORT.start..=LONGEST).contains(&run.text.len()) {
                return Some(run);
            }
        }
        None
    })
}

/// A piece of a run that may be a digest, or the beginning of one.
struct Candidate {
    /// The bytes of it before which folders are named after its own beginning: `ab/cdef…` and
    /// `ab/cd/abcdef…`.
    folders: Vec<Range<usize>>,
    /// Whether what is in the folders' names is left out of the last one: the first of both.
    split: bool,
    word: Range<usize>,
}

impl Candidate {
    fn of(word: Range<usize>) -> Self {
        Self {
            folders: Vec::new(),
            split: false,
            word,
        }
    }

    fn length(&self) -> usize {
        let folders: usize = self.folders.iter().map(ExactSizeIterator::len).sum();
        self.word.len() + if self.split { folders } else { 0 }
    }

    fn word(&self, run: &[u8]) -> Vec<u8> {
        let folders = self.folders.iter().filter(|_| self.split).cloned();
        let parts = folders.chain([self.word.clone()]);
        parts.flat_map(|part| run[part].iter().copied()).collect()
    }

    /// The places of a run where something is written, and what, so that it is of this digest.
    fn written<'a>(&'a self, word: &'a [u8]) -> impl Iterator<Item = (usize, u8)> + 'a {
        let folders = self.folders.iter().cloned().flatten();
        let rest = self.word.clone();
        let skipped = if self.split {
            word.len() - rest.len()
        } else {
            0
        };
        folders
            .zip(word.iter().copied())
            .chain(rest.zip(word[skipped..].iter().copied()))
    }
}

/// Folders in front of a word that have names of two digits, as stores of objects by digest have
/// them, the nearest last.
fn folders(run: &[u8], word: usize) -> Vec<Range<usize>> {
    const MOST: usize = 3;
    let mut found = Vec::new();
    let mut end = word;
    while found.len() < MOST {
        let Some(start) = end.checked_sub(3) else {
            break;
        };
        let hex = run[start..start + 2].iter().all(u8::is_ascii_hexdigit);
        let begins = start == 0 || run[start - 1] == b'/';
        if !hex || !begins || run[start + 2] != b'/' {
            break;
        }
        found.insert(0, start..start + 2);
        end = start;
    }
    found
}

/// Pieces of a run that may be a digest: hexadecimal runs in it, and its end in each length of the other spellings,
/// for names of algorithms stand in front of some (`sha256-…`, `Q1…`).
fn candidates(run: &[u8]) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < run.len() {
        let length = run[at..]
            .iter()
            .take_while(|b| b.is_ascii_hexdigit())
            .count();
        if length >= SHORT.start {
            let word = at..at + length;
            let folders = folders(run, at);
            for first in 0..folders.len() {
                let folders = &folders[first..];
                found.push(Candidate {
                    folders: folders.to_vec(),
                    split: true,
                    word: word.clone(),
                });
                let named: Vec<u8> = folders
                    .iter()
                    .flat_map(|f| run[f.clone()].iter().copied())
                    .collect();
                if run[word.clone()].starts_with(&named) {
                    found.push(Candidate {
                        folders: folders.to_vec(),
                        split: false,
                        word: word.clone(),
                    });
                }
            }
            found.push(Candidate::of(word));
        }
        at += length.max(1);
    }
    for length in LENGTHS.into_iter().filter(|&length| run.len() >= length) {
        found.push(Candidate::of(run.len() - length..run.len()));
    }
    // What is longer tells more: a digest may end with what looks like another one.
    found.sort_by_key(|candidate| Reverse((candidate.length(), candidate.folders.len())));
    found
}

/// The digests that two files may list: those of which a word has the shape, and only one side has it.
pub fn wanted(left: &[u8], right: &[u8]) -> BTreeSet<Algorithm> {
    let here: HashSet<Vec<u8>> = runs(left).take(MOST).map(|run| run.text).collect();
    let mut wanted = BTreeSet::new();
    for run in runs(right)
        .take(MOST)
        .filter(|run| !here.contains(&run.text))
    {
        for candidate in candidates(&run.text) {
            let word = candidate.word(&run.text);
            let mixed = word.iter().any(u8::is_ascii_digit);
            let hex = word.iter().all(u8::is_ascii_hexdigit);
            for &algorithm in Algorithm::ALL {
                let bytes = algorithm.bytes();
                let whole = if hex {
                    word.len() == 2 * bytes
                } else {
                    algorithm != Algorithm::Crc32
                        && (word.len() == Spelling::Base64.length(bytes)
                            || word.len() == Spelling::Base32.length(bytes))
                };
                let common = matches!(
                    algorithm,
                    Algorithm::Md5 | Algorithm::Sha1 | Algorithm::Sha256
                );
                let short = hex && common && SHORT.contains(&word.len());
                if (whole || short) && (mixed || word.len() >= 40) {
                    wanted.insert(algorithm);
                }
            }
        }
    }
    if wanted.iter().any(|algorithm| algorithm.said().is_some()) {
        let text = right.to_ascii_lowercase();
        let says = |name| memchr::memmem::find(&text, name).is_some();
        wanted.retain(|algorithm| algorithm.said().is_none_or(says));
    }
    wanted
}

/// What a word stands for.
#[derive(Debug, Clone, Copy)]
struct Meaning {
    class: usize,
    algorithm: Algorithm,
    spelling: Spelling,
}

/// A content with its digests.
struct Content {
    sums: Sums,
    size: u64,
    /// The content that stands for it: itself, or another one that it was compared with.
    class: usize,
}

/// Contents that are compared with each other, and their digests.
#[derive(Default)]
pub struct Compared {
    contents: Vec<Content>,
    by_sums: HashMap<Sums, usize>,
    /// By content, the pairs it is the left side and the right side of.
    pairs: Vec<(usize, usize, usize)>,
    words: HashMap<Vec<u8>, (usize, Algorithm, Spelling)>,
    /// By the first hexadecimal digits.
    starts: HashMap<Vec<u8>, Vec<(String, usize, Algorithm)>>,
}

impl Compared {
    /// Note that two contents are compared, which the caller knows by a number.
    pub fn add(&mut self, pair: usize, left: (u64, Sums), right: (u64, Sums)) {
        let (l, r) = (self.content(left), self.content(right));
        let (a, b) = (self.class(l), self.class(r));
        // The first one stands for all.
        let (first, other) = (a.min(b), a.max(b));
        self.contents[other].class = first;
        self.pairs.push((pair, l, r));
    }

    fn content(&mut self, (size, sums): (u64, Sums)) -> usize {
        if let Some(&known) = self.by_sums.get(&sums) {
            return known;
        }
        let index = self.contents.len();
        for (algorithm, digest) in &sums {
            for spelling in Spelling::ALL {
                let hex = matches!(spelling, Spelling::Hex | Spelling::UpperHex);
                if *algorithm == Algorithm::Crc32 && !hex {
                    continue;
                }
                let word = spelling.write(digest);
                if spelling == Spelling::Hex && digest.len() > SHORT.start / 2 {
                    let start = word.as_bytes()[..SHORT.start].to_vec();
                    let starts = self.starts.entry(start).or_default();
                    starts.push((word.clone(), index, *algorithm));
                }
                self.words
                    .insert(word.into_bytes(), (index, *algorithm, spelling));
            }
        }
        self.by_sums.insert(sums.clone(), index);
        self.contents.push(Content {
            sums,
            size,
            class: index,
        });
        index
    }

    fn class(&self, mut index: usize) -> usize {
        while self.contents[index].class != index {
            index = self.contents[index].class;
        }
        index
    }

    fn meaning(&self, word: &[u8]) -> Option<(usize, Meaning)> {
        let found = self.words.get(word).copied().or_else(|| {
            let short = SHORT.contains(&word.len())
                && word
                    .iter()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
            let starts = self.starts.get(word.get(..SHORT.start)?)?;
            starts
                .iter()
                .find(|(whole, ..)| short && whole.as_bytes().starts_with(word))
                .map(|(_, index, algorithm)| (*index, *algorithm, Spelling::Hex))
        });
        let (index, algorithm, spelling) = found?;
        let class = self.class(index);
        Some((
            index,
            Meaning {
                class,
                algorithm,
                spelling,
            },
        ))
    }

    /// Rewrite one side; with the places of digests, and what they are those of.
    fn rewrite(&self, data: &[u8]) -> (Vec<u8>, Vec<Place>) {
        let mut out = Vec::with_capacity(data.len());
        let mut places = Vec::new();
        let mut copied = 0;
        for run in runs(data).take(MOST) {
            for candidate in candidates(&run.text) {
                let Some((content, meaning)) = self.meaning(&candidate.word(&run.text)) else {
                    continue;
                };
                let sums = &self.contents[meaning.class].sums;
                let sum = sums
                    .iter()
                    .find(|(algorithm, _)| *algorithm == meaning.algorithm);
                let Some((_, digest)) = sum else { continue };
                // The two alphabets of base64 differ in two characters, and a word without them is of
                // both: the two sides must be written in one.
                let spelling = match meaning.spelling {
                    Spelling::Base64Url => Spelling::Base64,
                    other => other,
                };
                let mut word = spelling.write(digest).into_bytes();
                // It may be the beginning of one.
                word.truncate(candidate.length());
                for (digit, byte) in candidate.written(&word) {
                    let at = &run.at[digit];
                    out.extend_from_slice(&data[copied..at.start]);
                    if digit == candidate.word.start {
                        places.push(Place {
                            at: out.len(),
                            content,
                            class: meaning.class,
                        });
                    }
                    out.push(byte);
                    copied = at.end;
                }
                break;
            }
        }
        out.extend_from_slice(&data[copied..]);
        (out, places)
    }

    /// Compare two files that differ, but for what follows from the contents that are known here;
    /// `None` if none of those is listed on both sides.
    pub fn compare(&self, name: &str, left: &[u8], right: &[u8]) -> Option<Following> {
        let ((mut l, of_l), (mut r, of_r)) = (self.rewrite(left), self.rewrite(right));
        let classes =
            |places: &[Place]| -> BTreeSet<usize> { places.iter().map(|p| p.class).collect() };
        let both: BTreeSet<usize> = classes(&of_l)
            .intersection(&classes(&of_r))
            .copied()
            .collect();
        let listed = |content: usize, places: &[Place]| places.iter().any(|p| p.content == content);
        let from: Vec<usize> = self
            .pairs
            .iter()
            .filter(|(_, a, b)| a != b && both.contains(&self.class(*a)))
            .filter(|(_, a, b)| listed(*a, &of_l) && listed(*b, &of_r))
            .map(|(pair, ..)| *pair)
            .collect();
        if from.is_empty() {
            return None;
        }
        self.sizes((&mut l, &of_l), (&mut r, &of_r));
        if l == r || is_resorted((left, &l), (right, &r)) {
            return Some(Following {
                comparison: None,
                from,
            });
        }
        Some(Following {
            comparison: Some(compare(name, &l, &r)),
            from,
        })
    }

    /// Make the sizes beside digests equal, where both sides have as many.
    fn sizes(&self, (l, of_l): (&mut Vec<u8>, &[Place]), (r, of_r): (&mut Vec<u8>, &[Place])) {
        if l.contains(&0) || r.contains(&0) || of_l.len() != of_r.len() {
            return;
        }
        let (mut on_left, mut on_right) = (Vec::new(), Vec::new());
        for (a, b) in of_l.iter().zip(of_r).filter(|(a, b)| a.class == b.class) {
            let size = |place: &Place| self.contents[place.content].size;
            let (x, y) = (numbers(l, a.at, size(a)), numbers(r, b.at, size(b)));
            if size(a) != size(b) && x.len() == y.len() {
                let shown = self.contents[a.class].size.to_string();
                on_left.extend(
                    x.into_iter()
                        .map(|range| (range.start, range.end, shown.clone())),
                );
                on_right.extend(
                    y.into_iter()
                        .map(|range| (range.start, range.end, shown.clone())),
                );
            }
        }
        for (data, mut ranges) in [(l, on_left), (r, on_right)] {
            ranges.sort_unstable();
            ranges.dedup_by_key(|(start, ..)| *start);
            // From the end, so that places before stay where they are.
            for (start, end, shown) in ranges.into_iter().rev() {
                data.splice(start..end, shown.into_bytes());
            }
        }
    }
}

/// A digest in a file.
struct Place {
    at: usize,
    content: usize,
    class: usize,
}

/// What is left of a comparison when what follows is taken away.
#[derive(Debug)]
pub struct Following {
    /// What differs beside that; `None` if nothing does.
    pub comparison: Option<Comparison>,
    /// The pairs whose digests the file lists.
    pub from: Vec<usize>,
}

/// The places of a number near a digest.
fn numbers(data: &[u8], digest: usize, number: u64) -> Vec<Range<usize>> {
    let text = number.to_string();
    let mut from = digest;
    let mut lines = 0;
    while from > 0 && digest - from < NEAR {
        lines += usize::from(data[from - 1] == b'\n');
        if lines > NEAR_LINES {
            break;
        }
        from -= 1;
    }
    let mut to = digest;
    lines = 0;
    while to < data.len() && to - digest < NEAR {
        lines += usize::from(data[to] == b'\n');
        if lines > NEAR_LINES {
            break;
        }
        to += 1;
    }
    let own = |at: usize| {
        let (first, second) = (at.min(digest), at.max(digest));
        !data[first..second].contains(&b'\n')
    };
    let joins = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
    memchr::memmem::find_iter(&data[from..to], text.as_bytes())
        .map(|at| from + at..from + at + text.len())
        .filter(|range| {
            let before = range.start.checked_sub(1).and_then(|at| data.get(at));
            let after = data.get(range.end);
            let bare =
                !before.is_some_and(joins) && !after.is_some_and(|b| b.is_ascii_alphanumeric());
            // One digit stands anywhere.
            bare && (text.len() > 1 || own(range.start))
        })
        .collect()
}

/// Whether lines are in another order because each side is sorted by what it lists.
fn is_resorted((left, l): (&[u8], &[u8]), (right, r): (&[u8], &[u8])) -> bool {
    let lines = |data: &'_ [u8]| -> Vec<Vec<u8>> {
        data.split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let sorted = |data: &[u8]| lines(data).is_sorted();
    let (mut a, mut b) = (lines(l), lines(r));
    a.sort_unstable();
    b.sort_unstable();
    a == b && sorted(left) && sorted(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_those_of_others() {
        // RFC 4648, section 10, and `nix hash convert`.
        assert_eq!(
            base32(b"foobar", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            "MZXW6YTBOI"
        );
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let sum: Vec<u8> = (0..64)
            .step_by(2)
            .map(|i| u8::from_str_radix(&empty[i..i + 2], 16).unwrap())
            .collect();
        assert_eq!(
            nix_base32(&sum),
            "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"
        );
        assert_eq!(
            Spelling::Base64.write(&sum),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
        );
    }

    /// Two contents, of 100 and of 123 bytes, whose digests are all one byte.
    fn compared() -> Compared {
        let sums = |byte: u8| -> Sums {
            let all = Algorithm::ALL.iter();
            all.map(|a| {
                (
                    *a,
                    (0..a.bytes())
                        .map(|i| byte.wrapping_mul(i as u8 + 7) ^ 0x5a)
                        .collect(),
                )
            })
            .collect()
        };
        let mut compared = Compared::default();
        compared.add(7, (100, sums(0xa1)), (123, sums(0xb3)));
        compared
    }

    fn digest(right: bool, algorithm: Algorithm, spelling: Spelling) -> String {
        let compared = compared();
        let content = &compared.contents[usize::from(right)];
        let (_, sum) = content.sums.iter().find(|(a, _)| *a == algorithm).unwrap();
        spelling.write(sum)
    }

    #[test]
    fn a_listed_digest_follows_in_every_spelling() {
        let compared = compared();
        for &algorithm in Algorithm::ALL {
            for spelling in Spelling::ALL {
                let hex = matches!(spelling, Spelling::Hex | Spelling::UpperHex);
                if algorithm == Algorithm::Crc32 && !hex {
                    continue;
                }
                for form in [
                    "%  x\n",
                    "sha256:%\n",
                    "x,sha256=%,1\n",
                    "\"sha512-%==\"",
                    "Q1%=\n",
                    "a/%/b\n",
                ] {
                    let (a, b) = (
                        digest(false, algorithm, spelling),
                        digest(true, algorithm, spelling),
                    );
                    // `Q1` of apk is in front of base64 alone; a `/` may be of it.
                    if (form.starts_with('Q') && hex) || (form.starts_with("a/") && !hex) {
                        continue;
                    }
                    let said = String::from_utf8_lossy(algorithm.said().unwrap_or_default());
                    let form = format!("{said} {form}");
                    let (a, b) = (form.replace('%', &a), form.replace('%', &b));
                    assert!(
                        wanted(a.as_bytes(), b.as_bytes()).contains(&algorithm),
                        "{a}"
                    );
                    let following = compared.compare("x", a.as_bytes(), b.as_bytes());
                    let following =
                        following.unwrap_or_else(|| panic!("{algorithm:?} {spelling:?} {form}"));
                    assert!(following.comparison.is_none(), "{a} {b}: {following:?}");
                    assert_eq!(following.from, [7]);
                }
            }
        }
    }

    #[test]
    fn folders_that_are_named_after_a_digest_follow_with_it() {
        let compared = compared();
        let follows = |form: &dyn Fn(&str) -> String| {
            let side = |right| form(&digest(right, Algorithm::Sha256, Spelling::Hex));
            let (a, b) = (side(false), side(true));
            assert!(
                wanted(a.as_bytes(), b.as_bytes()).contains(&Algorithm::Sha256),
                "{a}"
            );
            let following = compared.compare("x", a.as_bytes(), b.as_bytes());
            following.is_some_and(|following| following.comparison.is_none())
        };
        assert!(follows(&|d| format!("objects/{}/{}\n", &d[..2], &d[2..])));
        assert!(follows(&|d| format!(
            "{}/{}/{}\n",
            &d[..2],
            &d[2..4],
            &d[4..]
        )));
        assert!(follows(&|d| format!("cas/{}/{d}/data\n", &d[..2])));
        assert!(follows(&|d| format!("{}/{}/{d}\n", &d[..2], &d[2..4])));
        // Folders that are named after something else.
        assert!(follows(&|d| format!("00/{d}\n")));
        let left = digest(false, Algorithm::Sha256, Spelling::Hex);
        let other = |d: &str| if d == left { "01" } else { "02" };
        assert!(!follows(&|d| format!("{}/{d}\n", other(d))));
    }

    #[test]
    fn a_digest_in_json_may_be_escaped() {
        let mut compared = Compared::default();
        let sums = |bytes: [u8; 3]| {
            vec![(
                Algorithm::Sha256,
                bytes.iter().copied().cycle().take(32).collect(),
            )]
        };
        // The one has `+` and `/` where the other has letters.
        compared.add(3, (1, sums([0xfb, 0xff, 0xff])), (1, sums([1, 2, 3])));
        let word = |right: bool| {
            let content = &compared.contents[usize::from(right)];
            Spelling::Base64.write(&content.sums[0].1)
        };
        assert!(word(false).contains("+///"), "{}", word(false));
        for (slash, plus) in [("\\/", "+"), ("/", "\\u002B"), ("\\u002f", "\\u002b")] {
            let side = |right| {
                let word = word(right).replace('/', slash).replace('+', plus);
                format!("{{\"integrity\":\"sha256-{word}=\",\"path\":\"a\\/b\"}}")
            };
            let (a, b) = (side(false), side(true));
            let following = compared
                .compare("x.json", a.as_bytes(), b.as_bytes())
                .unwrap();
            assert!(following.comparison.is_none(), "{a} {b}");
            // What is escaped elsewhere is as it was.
            let (rewritten, _) = compared.rewrite(b.as_bytes());
            assert!(rewritten.ends_with(b"=\",\"path\":\"a\\/b\"}"));
        }
    }

    #[test]
    fn a_broken_line_is_one_word() {
        let compared = compared();
        let side = |right| {
            let word = digest(right, Algorithm::Sha512, Spelling::Base64);
            let line = format!("SHA-512-Digest: {word}==");
            format!("Name: x\r\n{}\r\n {}\r\n", &line[..72], &line[72..])
        };
        let following =
            compared.compare("MANIFEST.MF", side(false).as_bytes(), side(true).as_bytes());
        assert!(following.unwrap().comparison.is_none());
    }

    #[test]
    fn sizes_and_orders_follow_too() {
        let compared = compared();
        let hex = |right| digest(right, Algorithm::Sha256, Spelling::Hex);
        let check = |form: &dyn Fn(&str, &str) -> String, follows: bool| {
            let (a, b) = (form(&hex(false), "100"), form(&hex(true), "123"));
            let following = compared.compare("x", a.as_bytes(), b.as_bytes()).unwrap();
            assert_eq!(
                following.comparison.is_none(),
                follows,
                "{a} {b}: {following:?}"
            );
        };
        check(&|sum, size| format!("x,sha256={sum},{size}\n"), true);
        check(
            &|sum, size| format!("Size: {size}\nMD5sum: \nSHA256: {sum}\n"),
            true,
        );
        check(
            &|sum, size| format!("{{\"sha256\":\"{sum}\",\"size\":{size}}}"),
            true,
        );
        check(&|sum, size| format!("{sum} {size}1\n"), false);
        check(&|sum, size| format!("{sum} 1.{size}\n"), false);
        // Sorted by the digests.
        let other = "8".repeat(64);
        let sorted = |sum: &str| {
            let mut lines = [format!("{sum}  x"), format!("{other}  y")];
            lines.sort();
            lines.join("\n")
        };
        check(&|sum, _| sorted(sum), true);
        check(&|sum, size| format!("{sum}  x\n{}\n", size == "100"), false);
    }

    #[test]
    fn what_is_no_digest_of_a_compared_file_stays() {
        let compared = compared();
        let (a, b) = ("1".repeat(64), "2".repeat(64));
        assert!(compared.compare("x", a.as_bytes(), b.as_bytes()).is_none());
        // One side alone, and the beginning of one.
        let sum = digest(false, Algorithm::Sha256, Spelling::Hex);
        assert!(compared
            .compare("x", sum.as_bytes(), b.as_bytes())
            .is_none());
        let short =
            |right: bool, n: usize| digest(right, Algorithm::Sha256, Spelling::Hex)[..n].to_owned();
        let name = |right, n| format!("app.{}.js", short(right, n));
        for n in [8, 10, 16, 20] {
            let following =
                compared.compare("x", name(false, n).as_bytes(), name(true, n).as_bytes());
            assert!(following.unwrap().comparison.is_none());
        }
        assert!(compared
            .compare("x", name(false, 7).as_bytes(), name(true, 7).as_bytes())
            .is_none());
        assert!(wanted(b"a b c", b"d e f").is_empty());
        assert!(wanted(b"internationalization", b"internationalisation").is_empty());
    }
}
