//! Which words of a file may be digests, by their shape alone.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use super::spelling::{Algorithm, Spelling};

/// Digits of the shortest beginning of a digest that counts as one, and of the longest.
pub(super) const SHORT: Range<usize> = 8..32;

/// Lengths of digests in base 64 and base 32, of 16 bytes to 64.
const LENGTHS: [usize; 12] = [22, 26, 27, 32, 38, 43, 45, 52, 64, 77, 86, 103];

/// A run that is longer holds no digest.
const LONGEST: usize = 1024;

/// Words of one file that are looked at.
pub(super) const MOST: usize = 1 << 20;

/// A run of characters of which digests are made, without what a format put into it: line breaks,
/// and the backslash that JSON may have before a `/`.
pub(super) struct Run {
    pub(super) text: Vec<u8>,
    /// Where each byte of it stands.
    pub(super) at: Vec<Range<usize>>,
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
pub(super) fn runs(data: &[u8]) -> impl Iterator<Item = Run> + '_ {
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
pub(super) struct Candidate {
    /// The bytes of it before which folders are named after its own beginning: `ab/cdef…` and
    /// `ab/cd/abcdef…`.
    folders: Vec<Range<usize>>,
    /// Whether what is in the folders' names is left out of the last one: the first of both.
    split: bool,
    pub(super) word: Range<usize>,
}

impl Candidate {
    fn of(word: Range<usize>) -> Self {
        Self {
            folders: Vec::new(),
            split: false,
            word,
        }
    }

    pub(super) fn length(&self) -> usize {
        let folders: usize = self.folders.iter().map(ExactSizeIterator::len).sum();
        self.word.len() + if self.split { folders } else { 0 }
    }

    pub(super) fn word(&self, run: &[u8]) -> Vec<u8> {
        let folders = self.folders.iter().filter(|_| self.split).cloned();
        let parts = folders.chain([self.word.clone()]);
        parts.flat_map(|part| run[part].iter().copied()).collect()
    }

    /// The places of a run where something is written, and what, so that it is of this digest.
    pub(super) fn written<'a>(&'a self, word: &'a [u8]) -> impl Iterator<Item = (usize, u8)> + 'a {
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
pub(super) fn candidates(run: &[u8]) -> Vec<Candidate> {
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
