//! The comparison of two files: no panic, a cause wherever they differ, the same answer each
//! time, and no more excerpts than a person reads. Those of two texts make the right one of the
//! left one, as a patch does.
//!
//! Two halves of random bytes are seldom of one format, so the right file is mostly made from
//! the left one. The first byte chooses the file's name (six bits) and how (two bits); what
//! describes the right file stands at the end, where it stays when the fuzzer changes the length
//! of the file in between.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verbatim_causes::{compare, Comparison, Piece, Side};

/// Names that lead to a reader of their own, or to another way in one. What is told by its
/// first bytes has a name that says nothing: both ends of the list are the same to it.
const NAMES: [&str; 34] = [
    "x",
    "x.txt",
    "x.json",
    "x.pyc",
    "x.class",
    "x.exe",
    "x.dylib",
    "x.png",
    "x.pdf",
    "x.ttf",
    "x.mo",
    "x.sqlite",
    "x.rpm",
    "x.pem",
    "x.asc",
    "x.pub",
    "META-INF/X.SF",
    "InRelease",
    "etc/ld.so.cache",
    "etc/shadow",
    "etc/machine-id",
    "etc/hostname",
    "etc/localtime",
    "etc/ssh/ssh_host_rsa_key",
    "var/log/x.log",
    "var/cache/x",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/x",
    "var/lib/rpm/Packages",
    "lib/apk/db/installed",
    "requirements.txt",
    "package-lock.json",
    "x.list",
    "config.json",
];

/// What people write into files, for an edit to insert.
const WORDS: [&[u8]; 16] = [
    b"\n",
    b"\r\n",
    b"\0",
    "\u{e9}".as_bytes(),
    "\u{5e74}".as_bytes(),
    b"\xff\xfe",
    b"\xff\xff\xff\xff",
    b"2026-11-25 10:11:12",
    b"Nov 25 ",
    b"/home/x/",
    b"=",
    b"1700000000",
    b"123e4567-e89b-12d3-a456-426614174000",
    b"-----BEGIN CERTIFICATE-----",
    b"[[[{\"",
    b" 1.2.3-4",
];

/// Takes numbers from the end of the input.
struct Tail<'a>(&'a [u8]);

impl Tail<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&last, rest)) = self.0.split_last() else {
            return 0;
        };
        self.0 = rest;
        last
    }

    fn below(&mut self, n: usize) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % n.max(1)
    }
}

/// One change: a place, what is done there, and with what.
type Edit = (usize, u8, u8);

/// The file with up to eight changes.
fn edited(file: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut file = file.to_vec();
    for &(at, what, with) in edits {
        let at = at % (file.len() + 1);
        let end = (at + usize::from(with)).min(file.len());
        match what % 8 {
            0 if at < file.len() => file[at] = with,
            1 if at < file.len() => file[at] = file[at].wrapping_add(with),
            2 => file.insert(at, with),
            3 => drop(file.drain(at..end)),
            4 => file.truncate(at),
            // A piece that stands there twice, or somewhere else.
            5 => {
                let piece = file[at..end].to_vec();
                file.splice(at..at, piece);
            }
            6 => {
                let piece: Vec<u8> = file.drain(at..end).collect();
                let to = at.wrapping_mul(31) % (file.len() + 1);
                file.splice(to..to, piece);
            }
            _ => {
                let word = WORDS[usize::from(with) % WORDS.len()];
                file.splice(at..at, word.iter().copied());
            }
        }
    }
    file
}

/// The number of the first line (from 0) and how many: `3,7`, `3`, `3,0`.
fn range(text: &str) -> (usize, usize) {
    let (from, lines) = text.split_once(',').unwrap_or((text, "1"));
    let (from, lines): (usize, usize) = (from.parse().unwrap(), lines.parse().unwrap());
    (if lines == 0 { from } else { from - 1 }, lines)
}

/// The lines of the left text with all excerpts applied, each of which has to fit.
fn patched<'a>(left: &[&'a str], comparison: &'a Comparison) -> Vec<&'a str> {
    let mut made = Vec::new();
    let mut at = 0;
    for excerpt in &comparison.excerpts {
        let Piece::Lines(lines) = &excerpt.piece else {
            panic!("no lines: {comparison:?}");
        };
        let ranges = excerpt.at.strip_prefix("@@ -").unwrap();
        let (old, new) = ranges.split_once(" +").unwrap();
        let (from, old) = range(old);
        made.extend_from_slice(&left[at..from]);
        at = from;
        let (to, new) = range(new.strip_suffix(" @@").unwrap());
        assert_eq!(made.len(), to, "{comparison:?}");
        for line in lines {
            if line.side != Side::Right {
                assert_eq!(left[at], line.text, "{comparison:?}");
                at += 1;
            }
            if line.side != Side::Left {
                made.push(&line.text);
            }
        }
        assert_eq!((at, made.len()), (from + old, to + new), "{comparison:?}");
    }
    made.extend_from_slice(&left[at..]);
    made
}

/// Lines that excerpts show as they are: of UTF-8, ended as on Unix, and not too long. What is
/// signed is compared without its signature.
fn lines(file: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(file).ok()?;
    let plain = !text.contains(['\r', '\u{feff}']) && !text.contains("BEGIN PGP");
    let lines: Vec<&str> = text.lines().collect();
    (plain && lines.iter().all(|line| line.len() <= 512)).then_some(lines)
}

fn check(name: &str, left: &[u8], right: &[u8]) -> Comparison {
    let comparison = compare(name, left, right);
    assert!(!comparison.findings.is_empty(), "no cause: {comparison:?}");
    assert!(comparison.excerpts.len() <= 8, "{comparison:?}");
    if comparison.format == "text" && !comparison.more {
        if let (Some(left), Some(right)) = (lines(left), lines(right)) {
            assert_eq!(patched(&left, &comparison), right, "{comparison:?}");
        }
    }
    comparison
}

fuzz_target!(|input: &[u8]| {
    let Some((&selector, rest)) = input.split_first() else {
        return;
    };
    let name = NAMES[usize::from(selector & 63) % NAMES.len()];
    let mut tail = Tail(rest);
    let (left, right) = if selector >> 6 == 3 {
        // Two files, one after the other.
        let at = tail.below(rest.len() + 1);
        let (left, right) = tail.0.split_at(at.min(tail.0.len()));
        (left.to_vec(), right.to_vec())
    } else {
        let count = usize::from(tail.byte() % 8) + 1;
        let edits: Vec<Edit> = (0..count)
            .map(|_| (tail.below(usize::MAX), tail.byte(), tail.byte()))
            .collect();
        (tail.0.to_vec(), edited(tail.0, &edits))
    };
    if left == right {
        return;
    }
    let once = check(name, &left, &right);
    assert_eq!(once, compare(name, &left, &right));
    check(name, &right, &left);
});
