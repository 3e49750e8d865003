//! Versions of apk, and their order (apk-package(5)): `1.2.3a_rc1_p2~1a2b3c-r4`.

use std::cmp::Ordering;

/// What may follow a version's numbers with an underscore: before the release of that number, and
/// after it.
const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// A part of a version, in the order in which parts may follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    /// The first number.
    First(&'a str),
    /// A number behind a dot.
    Number(&'a str),
    Letter(u8),
    /// Less than zero before the release, zero and more after it.
    Suffix(i8),
    SuffixNumber(&'a str),
    Commit(&'a str),
    Revision(&'a str),
    End,
    /// From here on it is no version.
    Nonsense,
}

impl Part<'_> {
    fn rank(self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Commit(_) => 5,
            Self::Revision(_) => 6,
            Self::End => 7,
            Self::Nonsense => 8,
        }
    }

    /// Of two parts of one kind.
    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            // Behind a dot, numbers with a zero in front are texts, as in Gentoo.
            (Self::Number(a), Self::Number(b)) if a.starts_with('0') || b.starts_with('0') => {
                a.cmp(b)
            }
            (Self::First(a), Self::First(b))
            | (Self::Number(a), Self::Number(b))
            | (Self::SuffixNumber(a), Self::SuffixNumber(b))
            | (Self::Revision(a), Self::Revision(b)) => numbers(a, b),
            (Self::Commit(a), Self::Commit(b)) => a.cmp(b),
            (Self::Letter(a), Self::Letter(b)) => a.cmp(&b),
            (Self::Suffix(a), Self::Suffix(b)) => a.cmp(&b),
            _ => Ordering::Equal,
        }
    }
}

/// Numbers of any length.
fn numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The parts of a version, one after the other.
#[derive(Debug, Clone)]
struct Parts<'a> {
    rest: &'a str,
    last: Part<'a>,
}

impl<'a> Parts<'a> {
    fn of(version: &'a str) -> Self {
        let mut parts = Self {
            rest: version,
            last: Part::Nonsense,
        };
        let first = parts.take(|b| b.is_ascii_digit());
        if !first.is_empty() {
            parts.last = Part::First(first);
        }
        parts
    }

    fn take(&mut self, is_in: impl Fn(u8) -> bool) -> &'a str {
        let length = self.rest.bytes().take_while(|b| is_in(*b)).count();
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn digits(&mut self) -> Option<&'a str> {
        Some(self.take(|b| b.is_ascii_digit())).filter(|digits| !digits.is_empty())
    }

    /// Go to the next part.
    fn advance(&mut self) {
        self.last = match self.last {
            Part::Nonsense => Part::Nonsense,
            _ if self.rest.is_empty() => Part::End,
            _ => self.next().unwrap_or(Part::Nonsense),
        };
    }

    fn next(&mut self) -> Option<Part<'a>> {
        let rank = self.last.rank();
        let first = self.rest.bytes().next()?;
        if first.is_ascii_digit() {
            // Only a suffix has a number without a mark in front.
            return match self.last {
                Part::Suffix(_) => self.digits().map(Part::SuffixNumber),
                _ => None,
            };
        }
        // All that begins a part is one byte.
        if !first.is_ascii() {
            return None;
        }
        let after = &self.rest[1..];
        match first {
            b'a'..=b'z' if rank <= 1 => {
                self.rest = after;
                Some(Part::Letter(first))
            }
            b'.' if rank <= 1 => {
                self.rest = after;
                self.digits().map(Part::Number)
            }
            b'_' if rank <= 4 => {
                self.rest = after;
                let word = self.take(|b| b.is_ascii_lowercase());
                let place = |list: &[&str]| list.iter().position(|one| *one == word);
                let before = place(&BEFORE).map(|at| at as i8 - BEFORE.len() as i8);
                before
                    .or_else(|| place(&AFTER).map(|at| at as i8))
                    .map(Part::Suffix)
            }
            b'~' if rank <= 4 => {
                self.rest = after;
                let commit = self.take(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                (!commit.is_empty()).then_some(Part::Commit(commit))
            }
            b'-' if rank <= 5 => {
                self.rest = after.strip_prefix('r')?;
                self.digits().map(Part::Revision)
            }
            _ => None,
        }
    }
}

/// Whether a text can stand where a version does. Some in Alpine's own indexes are none by the rules:
/// `0.99f7-r0`.
pub(super) fn is_plausible(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'~' | b'+');
    text.bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(plain)
}

/// The order of two versions. What is no version has a place in it as well, as with apk.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    walk(a, b, false)
}

/// Whether a version begins with another one: `1.2.3` with `1.2`, and not with `1.20`.
pub(super) fn begins_with(version: &str, start: &str) -> bool {
    walk(version, start, true) == Ordering::Equal
}

fn walk(a: &str, b: &str, start_is_enough: bool) -> Ordering {
    let (mut a, mut b) = (Parts::of(a), Parts::of(b));
    while a.last.rank() == b.last.rank() && a.last.rank() < Part::End.rank() {
        let order = a.last.compare(b.last);
        if order != Ordering::Equal {
            return order;
        }
        a.advance();
        b.advance();
    }
    if start_is_enough && b.last == Part::End {
        return Ordering::Equal;
    }
    let rest = (a.rest, b.rest);
    // The longer one is newer, unless it is from before the release.
    match (a.last, b.last) {
        (Part::Nonsense, Part::Nonsense) => rest.0.cmp(rest.1),
        (a, b) if a.rank() == b.rank() => Ordering::Equal,
        (Part::Suffix(..=-1), _) => Ordering::Less,
        (_, Part::Suffix(..=-1)) => Ordering::Greater,
        (a, b) => b.rank().cmp(&a.rank()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_apks() {
        let facts = include_str!("../../testdata/apk/versions.txt");
        let mut count = 0;
        for line in facts.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<_> = line.split(' ').collect();
            let expected = match words[1] {
                "<" => Ordering::Less,
                "=" => Ordering::Equal,
                _ => Ordering::Greater,
            };
            assert_eq!(compare(words[0], words[2]), expected, "{line}");
            assert_eq!(compare(words[2], words[0]), expected.reverse(), "{line}");
            count += 1;
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn what_may_stand_for_a_version() {
        for good in [
            "1",
            "1.2.3-r4",
            "1.0_alpha_pre2",
            "1.2~abc12-r0",
            "0.99f7-r0",
        ] {
            assert!(is_plausible(good), "{good}");
        }
        for bad in ["", "-1", ".1", "1/2", "1 2", "1\n", "1.2_ü", "><1"] {
            assert!(!is_plausible(bad), "{bad}");
        }
        // Where rules end, letters are left.
        assert_eq!(compare("0.99f7-r0", "0.99f7-r0"), Ordering::Equal);
        assert_eq!(compare("0.99f7-r0", "0.99f8-r0"), Ordering::Less);
        assert_eq!(compare("0.99-r0", "0.99f8-r0"), Ordering::Less);
    }

    #[test]
    fn beginnings() {
        for (version, start, is) in [
            ("1.2.3-r4", "1.2", true),
            ("1.2.3-r4", "1.2.3", true),
            ("1.20", "1.2", false),
            ("1.2", "1.2.3", false),
            ("1.2_rc1", "1.2", true),
        ] {
            assert_eq!(begins_with(version, start), is, "{version} {start}");
        }
    }
}
