//! Bytes of no known format: where they differ, how much, and what the bytes there may be.
//!
//! Both sides are read in step. Where they differ, the bytes are looked at as text (a run of
//! printable characters on both sides), as a time, and as a UUID. After text of other lengths both
//! sides go on behind it, so that a longer path does not make all that follows look changed.

mod number;

use crate::collect::{became, Findings};
use crate::words::{self, Context};
use crate::{Cause, Comparison, Excerpt, Piece};

/// Equal bytes that end a difference.
const BORDER: usize = 4;
/// Differences that are looked at, and those that are shown.
const RANGES: usize = 256;
const PIECES: usize = 6;
/// Bytes of text on each side of a difference, and the fewest of a text.
const TEXT: usize = 512;
const WORD: usize = 5;
/// Bytes around a difference that may belong to a number.
const AROUND: usize = 16;

/// Compare two files that differ.
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Comparison {
    let mut reader = Reader {
        left,
        right,
        findings: Findings::default(),
        excerpts: Vec::new(),
        more: false,
    };
    reader.read();
    if reader.findings.is_empty() {
        reader.unexplained(left.len().min(right.len()));
    }
    Comparison {
        format: "bytes",
        findings: reader.findings.finish(),
        excerpts: reader.excerpts,
        more: reader.more,
    }
}

struct Reader<'a> {
    left: &'a [u8],
    right: &'a [u8],
    findings: Findings,
    excerpts: Vec<Excerpt>,
    more: bool,
}

fn is_printable(b: u8) -> bool {
    (0x20..0x7f).contains(&b)
}

/// The run of printable bytes around a place: at most [`TEXT`] bytes in each direction.
fn run(data: &[u8], at: usize) -> std::ops::Range<usize> {
    let start = data[..at]
        .iter()
        .rev()
        .take(TEXT)
        .take_while(|b| is_printable(**b))
        .count();
    let end = data[at..]
        .iter()
        .take(TEXT)
        .take_while(|b| is_printable(**b))
        .count();
    at - start..at + end
}

/// Bytes of a word among others.
const ITEM: usize = 3;

/// How many strings two files of one length hold, if they are the same ones in another order.
fn reordered(left: &[u8], right: &[u8]) -> Option<usize> {
    let strings = |data: &'_ [u8]| -> Vec<Vec<u8>> {
        data.split(|b| !is_printable(*b))
            .filter(|word| word.len() >= ITEM && word.iter().any(u8::is_ascii_alphabetic))
            .map(<[u8]>::to_vec)
            .collect()
    };
    let counts = |data: &[u8]| {
        let mut counts = [0usize; 256];
        data.iter().for_each(|b| counts[usize::from(*b)] += 1);
        counts
    };
    if left.len() != right.len() || counts(left) != counts(right) {
        return None;
    }
    let (mut a, mut b) = (strings(left), strings(right));
    if a == b {
        return None;
    }
    a.sort_unstable();
    b.sort_unstable();
    (a == b).then_some(a.len())
}

/// Bits of information in a byte, from how often each of the 256 occurs.
fn entropy(data: &[u8]) -> f64 {
    let data = &data[..data.len().min(64 * 1024)];
    let mut counts = [0u32; 256];
    for &b in data {
        counts[usize::from(b)] += 1;
    }
    let n = data.len().max(1) as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| {
            let p = f64::from(count) / n;
            -p * p.log2()
        })
        .sum()
}

impl Reader<'_> {
    fn read(&mut self) {
        // Before the letters of one string are taken for a number beside those of another.
        if let Some(count) = reordered(self.left, self.right) {
            let at = self
                .left
                .iter()
                .zip(self.right)
                .take_while(|(a, b)| a == b)
                .count();
            self.show(at, at);
            self.findings.add(
                Cause::HashOrder,
                || format!("offset {at:#x}"),
                || format!("the same {count} strings in another order"),
            );
            return;
        }
        let (mut i, mut j) = (0, 0);
        let mut looked = 0;
        let mut first = None;
        let mut unexplained = false;
        while looked < RANGES {
            let same = self.left[i..]
                .iter()
                .zip(&self.right[j..])
                .take_while(|(a, b)| a == b)
                .count();
            (i, j) = (i + same, j + same);
            if i >= self.left.len() || j >= self.right.len() {
                break;
            }
            looked += 1;
            let behind = self.text(i, j);
            let (a, b) = match behind {
                Some(behind) => behind,
                None => {
                    let end = i + self.extent(i, j);
                    if !self.number(i, j, end - i) {
                        unexplained = true;
                        first.get_or_insert(i);
                    }
                    self.show(i, j);
                    (end, j + (end - i))
                }
            };
            (i, j) = (a, b);
        }
        self.more |= looked == RANGES;
        // More bytes on one side than what is explained accounts for.
        let rest = self.left.len() - i != self.right.len() - j && looked < RANGES;
        if unexplained || rest {
            if rest && first.is_none() {
                self.show(i, j);
            }
            self.unexplained(first.unwrap_or(i));
        }
    }

    /// How many bytes differ here, before [`BORDER`] that are equal.
    fn extent(&self, i: usize, j: usize) -> usize {
        let (mut length, mut equal) = (0, 0);
        for (n, (a, b)) in self.left[i..].iter().zip(&self.right[j..]).enumerate() {
            if a == b {
                equal += 1;
                if equal == BORDER {
                    break;
                }
            } else {
                equal = 0;
                length = n + 1;
            }
        }
        length
    }

    /// Text on both sides; where it ends, if its cause is known or it is plainly words.
    fn text(&mut self, i: usize, j: usize) -> Option<(usize, usize)> {
        // The length of the text may stand before it and differ too.
        let (x, y, a, b) = [0, 1, 2, 4, 8].into_iter().find_map(|skip| {
            let (x, y) = (i + skip, j + skip);
            if x > self.left.len() || y > self.right.len() {
                return None;
            }
            let (a, b) = (run(self.left, x), run(self.right, y));
            let counted = skip == 0
                || (a.start >= x && b.start >= y && self.is_length(i, j, skip, a.len(), b.len()));
            (a.len() >= WORD && b.len() >= WORD && counted).then_some((x, y, a, b))
        })?;
        let string = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
        let (l, r) = (
            string(&self.left[a.clone()]),
            string(&self.right[b.clone()]),
        );
        let found = words::changes(&Context::default(), &l, &r);
        let plain = |text: &str| {
            let letters = text
                .chars()
                .filter(|c| c.is_alphanumeric() || *c == ' ')
                .count();
            text.len() >= 8 && letters * 10 >= text.len() * 7
        };
        let known = !matches!(
            words::cause_of(&l, &r),
            Cause::SourceChange | Cause::Unexplained
        );
        if found.is_empty() || !(known || (plain(&l) && plain(&r))) {
            return None;
        }
        for change in &found {
            self.findings.add(
                change.cause,
                || format!("offset {x:#x}"),
                || became(change.left, change.right),
            );
        }
        self.show(x, y);
        Some((a.end, b.end))
    }

    /// Whether the bytes before a text, on both sides, are its length.
    fn is_length(&self, i: usize, j: usize, width: usize, a: usize, b: usize) -> bool {
        let says = |bytes: &[u8], length: usize| {
            let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
            let (little, big) = (bytes.iter().rev().fold(0, fold), bytes.iter().fold(0, fold));
            let length = length as u64;
            // With the zero at its end or without.
            [little, big]
                .iter()
                .any(|&n| n == length || n == length + 1)
        };
        says(&self.left[i..i + width], a) && says(&self.right[j..j + width], b)
    }

    /// A time or a UUID.
    fn number(&mut self, i: usize, j: usize, length: usize) -> bool {
        if length == 0 || length > 16 {
            return false;
        }
        // Alignment is that of the left side; both are the same distance from there.
        let before = (i - (i.saturating_sub(AROUND) & !7)).min(j);
        let piece = |data: &'_ [u8], at: usize| -> Vec<u8> {
            data[at - before..(at + length + AROUND).min(data.len())].to_vec()
        };
        let (l, r) = (piece(self.left, i), piece(self.right, j));
        if let Some(stamp) = number::stamp(&l, &r, before, before + length) {
            self.findings.add(
                Cause::Timestamp,
                || format!("offset {:#x}", i - before + stamp.at),
                || {
                    format!(
                        "{} → {} seconds since 1970, in {}",
                        stamp.left, stamp.right, stamp.shape
                    )
                },
            );
            return true;
        }
        if let Some(at) = number::uuid(&l, &r, before, before + length) {
            let hex = |bytes: &[u8]| verbatim_digest::hex(&bytes[at..at + 16]);
            self.findings.add(
                Cause::Uuid,
                || format!("offset {:#x}", i - before + at),
                || became(&hex(&l), &hex(&r)),
            );
            return true;
        }
        false
    }

    fn unexplained(&mut self, at: usize) {
        let (l, r) = (self.left, self.right);
        let differing = l.iter().zip(r).filter(|(a, b)| a != b).count();
        let shorter = l.len().min(r.len());
        let size = if l.len() == r.len() {
            format!("{differing} of {} bytes differ", l.len())
        } else {
            format!(
                "{} bytes on the left and {} on the right side",
                l.len(),
                r.len()
            )
        };
        let dense =
            shorter >= 256 && differing * 10 >= shorter * 7 && entropy(l) > 7.0 && entropy(r) > 7.0;
        let what = if dense {
            "; nearly all do, and both sides look compressed, encrypted or drawn at random"
                .to_owned()
        } else if l.len() == r.len() {
            let last = shorter
                - l.iter()
                    .rev()
                    .zip(r.iter().rev())
                    .take_while(|(a, b)| a == b)
                    .count();
            format!(", the first one at {at:#x}, the last one before {last:#x}")
        } else if differing == 0 {
            format!("; the shorter side is the start of the longer one, up to {at:#x}")
        } else {
            format!(", they differ from {at:#x} on")
        };
        if self.excerpts.is_empty() {
            self.show(at, at);
        }
        self.findings.add(
            Cause::Unexplained,
            || format!("offset {at:#x}"),
            || format!("{size}{what}"),
        );
    }

    /// Keep what stands around a place.
    fn show(&mut self, i: usize, j: usize) {
        if self.excerpts.len() == PIECES {
            self.more = true;
            return;
        }
        let piece = |data: &[u8], at: usize| {
            let from = (at.saturating_sub(32) & !15).min(data.len());
            data[from..(from + 96).min(data.len())].to_vec()
        };
        self.excerpts.push(Excerpt {
            at: format!("offset {i:#x}"),
            piece: Piece::Bytes {
                left: piece(self.left, i),
                right: piece(self.right, j),
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(left: &[u8], right: &[u8]) -> Vec<Cause> {
        compare(left, right)
            .findings
            .iter()
            .map(|f| f.cause)
            .collect()
    }

    fn with(middle: &[u8]) -> Vec<u8> {
        [
            &[0u8, 1, 2, 3, 4, 5, 6, 7][..],
            middle,
            &[9, 8, 7, 6, 5, 4, 3, 2],
        ]
        .concat()
    }

    #[test]
    fn strings_and_numbers_are_found() {
        let pair = |a: &[u8], b: &[u8]| causes(&with(a), &with(b));
        assert_eq!(
            pair(b"\0/home/alice/x.c\0", b"\0/home/robert/x.c\0"),
            [Cause::BuildPath]
        );
        assert_eq!(
            pair(b"\x0f/home/alice/x.c", b"\x10/home/robert/x.c"),
            [Cause::BuildPath]
        );
        assert_eq!(
            pair(
                &1_700_000_000u32.to_le_bytes(),
                &1_710_000_000u32.to_le_bytes()
            ),
            [Cause::Timestamp]
        );
        assert_eq!(
            pair(
                b"\0Nov 25 2026\0\x0010:11:12\0",
                b"\0Nov 26 2026\0\x0011:15:13\0"
            ),
            [Cause::Timestamp]
        );
        assert_eq!(
            pair(
                b"\x8c\x05alpha\x94\x8c\x04beta\x94",
                b"\x8c\x04beta\x94\x8c\x05alpha\x94"
            ),
            [Cause::HashOrder]
        );
        assert_eq!(pair(&[1], &[2]), [Cause::Unexplained]);
        assert_eq!(pair(&[1], &[1, 1, 1]), [Cause::Unexplained]);
        assert_eq!(
            pair(b"\0hello good world\0", b"\0hello great worl\0"),
            [Cause::SourceChange]
        );
        assert_eq!(causes(b"", b"\0"), [Cause::Unexplained]);
    }

    #[test]
    fn random_data_is_said_to_look_so() {
        let mut seed = 1u64;
        let mut data = || -> Vec<u8> {
            (0..4096)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 56) as u8
                })
                .collect()
        };
        let comparison = compare(&data(), &data());
        assert_eq!(
            comparison.findings.last().unwrap().cause,
            Cause::Unexplained
        );
        assert!(comparison
            .findings
            .last()
            .unwrap()
            .evidence
            .contains("drawn at random"));
        assert_eq!(comparison.findings.len(), 1);
    }
}
