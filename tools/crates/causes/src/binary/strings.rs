//! The strings of a binary file: which differ, and why.
//!
//! Strings move when one of them gets longer, so they are compared as sets: what both sides
//! have is taken out, what is left is paired by likeness, and each pair is asked for its cause
//! word by word.

use std::collections::HashMap;

use super::seen::shown;
use crate::ends;
use crate::words::{self, cause_of, changes, Context};
use crate::Cause;

/// The shortest run of bytes that is taken for a string.
const SHORTEST: usize = 4;
/// How many strings that only one side has are paired, and among how many a partner is sought.
const MOST: usize = 4096;
const WINDOW: usize = 16;
/// Bytes of a string that likeness looks at.
const LOOK: usize = 512;

/// Two strings that stand for each other, and why they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) cause: Cause,
    /// The part of each string that differs, widened to words.
    pub(super) left: String,
    pub(super) right: String,
    /// Bytes that differ between a common beginning and a common end, of the longer one.
    pub(super) exact: usize,
    /// Bytes by which the right one is longer.
    pub(super) longer: isize,
}

impl Pair {
    /// Whether both sides of `part` are shorter pieces of both sides of this pair.
    pub(super) fn has_part(&self, part: &Pair) -> bool {
        part.left.len() < self.left.len()
            && self.left.contains(&part.left)
            && self.right.contains(&part.right)
    }

    pub(super) fn evidence(&self) -> String {
        format!("{} → {}", shown(&self.left), shown(&self.right))
    }
}

/// What two sets of strings have not in common.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) pairs: Vec<Pair>,
    /// Strings without a partner.
    pub(super) removed: Vec<String>,
    pub(super) added: Vec<String>,
    /// The same strings, in another order.
    pub(super) reordered: bool,
    /// There are more than were looked at.
    pub(super) more: bool,
}

impl Difference {
    pub(super) fn is_none(&self) -> bool {
        self.pairs.is_empty() && self.removed.is_empty() && self.added.is_empty() && !self.reordered
    }
}

/// Runs of printable characters, as `strings(1)` finds them: a byte that is not printable
/// ends one. Text of UTF-8 counts.
pub(super) fn printable(data: &[u8]) -> Vec<&str> {
    let mut found = Vec::new();
    for run in data.split(|&b| (b < 0x20 && b != b'\t') || b == 0x7f) {
        if run.len() < SHORTEST {
            continue;
        }
        for chunk in run.utf8_chunks() {
            if chunk.valid().len() >= SHORTEST {
                found.push(chunk.valid());
            }
        }
    }
    found
}

/// Compare two lists of strings.
pub(super) fn compare<'a>(left: &[&'a str], right: &[&'a str]) -> Difference {
    let mut difference = Difference::default();
    let (mut only_left, mut only_right) = (only(left, right), only(right, left));
    if only_left.is_empty() && only_right.is_empty() {
        difference.reordered = left != right;
        return difference;
    }
    if only_left.len() > MOST || only_right.len() > MOST {
        difference.more = true;
        only_left.truncate(MOST);
        only_right.truncate(MOST);
    }
    let mut free: Vec<Option<&str>> = only_right.into_iter().map(Some).collect();
    let mut first_free = 0;
    let mut alone = Vec::new();
    for text in only_left {
        while free.get(first_free).is_some_and(Option::is_none) {
            first_free += 1;
        }
        let end = free.len().min(first_free + WINDOW);
        let best = (first_free..end)
            .filter_map(|i| Some((likeness(text, free[i]?)?, std::cmp::Reverse(i))))
            .max();
        match best {
            Some((_, std::cmp::Reverse(i))) => {
                let other = free[i].take().unwrap_or_default();
                difference.pairs.extend(explain_all(text, other));
            }
            None => alone.push(text),
        }
    }
    let rest: Vec<&str> = free.into_iter().flatten().collect();
    if alone.len() == rest.len() {
        // As many on both sides, in the same order: they stand for each other.
        let pairs = alone.iter().zip(&rest);
        let pairs = pairs.flat_map(|(l, r)| explain_all(l, r));
        difference.pairs.extend(pairs);
    } else {
        difference.removed = alone.into_iter().map(str::to_owned).collect();
        difference.added = rest.into_iter().map(str::to_owned).collect();
    }
    difference
}

/// The strings of `these` that `those` have not, or not as often, in order.
fn only<'a>(these: &[&'a str], those: &[&'a str]) -> Vec<&'a str> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for text in those {
        *count.entry(text).or_default() += 1;
    }
    these
        .iter()
        .copied()
        .filter(|text| match count.get_mut(text) {
            Some(n) if *n > 0 => {
                *n -= 1;
                false
            }
            _ => true,
        })
        .collect()
}

/// Bytes at the beginning and the end that two strings share, in hundredths of the longer one;
/// `None` if that is too little to say that one stands for the other.
fn likeness(left: &str, right: &str) -> Option<usize> {
    let (l, r) = (left.as_bytes(), right.as_bytes());
    let start = l
        .iter()
        .zip(r)
        .take(LOOK)
        .take_while(|(a, b)| a == b)
        .count();
    let rest = (l.len().min(r.len()) - start).min(LOOK);
    let end = l
        .iter()
        .rev()
        .zip(r.iter().rev())
        .take(rest)
        .take_while(|(a, b)| a == b)
        .count();
    let longer = l.len().max(r.len()).clamp(1, 2 * LOOK);
    let likeness = (start + end) * 100 / longer;
    (likeness >= 25).then_some(likeness)
}

fn is_border(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '=' | '<' | '>' | '(' | ')' | ';')
}

/// Why one string stands for another, once for each cause if all that differs has one.
fn explain_all(left: &str, right: &str) -> Vec<Pair> {
    let whole = explain(left, right);
    let mut all = changes(&Context::default(), left, right);
    let known = all
        .iter()
        .all(|change| !matches!(change.cause, Cause::SourceChange | Cause::Unexplained));
    all.sort_by_key(|change| change.cause);
    all.dedup_by_key(|change| change.cause);
    if all.len() < 2 || !known {
        return vec![whole];
    }
    let pair = |change: words::Change<'_>| Pair {
        cause: change.cause,
        left: change.left.to_owned(),
        right: change.right.to_owned(),
        ..whole.clone()
    };
    all.into_iter().map(pair).collect()
}

/// Why one string stands for another.
pub(super) fn explain(left: &str, right: &str) -> Pair {
    let longer = right.len() as isize - left.len() as isize;
    let (start, end) = ends::common(left.as_bytes(), right.as_bytes());
    let exact = left.len().max(right.len()) - start - end;
    let pair = |cause, left: &str, right: &str| Pair {
        cause,
        left: left.to_owned(),
        right: right.to_owned(),
        exact,
        longer,
    };
    let (l, r) = middle(left, right, 0);
    // Another function of a library, whatever the versions behind their names: `atoi@GLIBC_2.2.5`.
    let symbol = |text: &'_ str| Some(text.split_once('@')?.0.to_owned());
    if let (Some(a), Some(b), true, true) = (
        symbol(left),
        symbol(right),
        is_versioned(left),
        is_versioned(right),
    ) {
        if a != b {
            return pair(Cause::SourceChange, left, right);
        }
    }
    // What is drawn at random is drawn anew: nobody puts letters into it. Go keeps all short strings of
    // a program in one, which looks like it.
    let is_inserted = longer != 0 && start + end == left.len().min(right.len());
    let cause = match word_cause(l, r) {
        Cause::RandomId | Cause::Uuid if is_inserted => return pair(Cause::SourceChange, l, r),
        cause => cause,
    };
    // The words before it may say what it is: `built on host …`, `commit 4f2a9c1b7d44e0aa`.
    let all = changes(&Context::default(), left, right);
    let named = cause == Cause::RandomId && matches!(*all, [c] if c.cause == Cause::SourceChange);
    if cause != Cause::SourceChange && !named {
        return pair(cause, l, r);
    }
    if let Some(first) = all.first() {
        if first.cause != Cause::SourceChange && all.iter().all(|c| c.cause == first.cause) {
            return pair(first.cause, first.left, first.right);
        }
    }
    // A date has several words, and one of them says little: look around.
    if is_of_date(l) && is_of_date(r) {
        let (wide_l, wide_r) = middle(left, right, 24);
        if cause_of(wide_l, wide_r) == Cause::Timestamp {
            return pair(Cause::Timestamp, wide_l, wide_r);
        }
    }
    // Several places of one long string: word by word, if they are as many.
    let words = |text: &'_ str| -> Vec<String> {
        text.split(is_border)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (a, b) = (words(l), words(r));
    if a.len() > 1 && a.len() == b.len() {
        let causes: Vec<(Cause, usize)> = (0..a.len())
            .filter(|&i| a[i] != b[i])
            .map(|i| (word_cause(&a[i], &b[i]), i))
            .collect();
        if let Some(&(first, i)) = causes.first() {
            if first != Cause::SourceChange && causes.iter().all(|(c, _)| *c == first) {
                return pair(first, &a[i], &b[i]);
            }
        }
    }
    pair(Cause::SourceChange, l, r)
}

/// A symbol with the version of its library: `atoi@GLIBC_2.2.5`.
fn is_versioned(text: &str) -> bool {
    text.split_once('@').is_some_and(|(symbol, version)| {
        let version = version.trim_start_matches('@');
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        !symbol.is_empty()
            && plain(symbol)
            && version.split_once('_').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase())
            })
    })
}

/// The cause of two words, in a file that a compiler made.
fn word_cause(left: &str, right: &str) -> Cause {
    match cause_of(left, right) {
        Cause::SourceChange if is_moved(left, right) => Cause::BuildPath,
        cause => cause,
    }
}

/// Whether both are absolute paths of one file in two folders, neither of them a system's.
fn is_moved(left: &str, right: &str) -> bool {
    let of_system = |path: &str| {
        ["usr", "lib", "lib64", "bin", "etc", "opt", "nix", "gnu"]
            .contains(&path.split('/').nth(1).unwrap_or_default())
    };
    let is_path = |path: &str| path.starts_with('/') && path.matches('/').count() > 1;
    is_path(left)
        && is_path(right)
        && !of_system(left)
        && !of_system(right)
        && left.rsplit('/').next() == right.rsplit('/').next()
}

/// Only what a date is made of: digits, signs, and names of months and days.
fn is_of_date(text: &str) -> bool {
    const NAMES: &[&str] = &[
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon",
        "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "AM", "PM", "T", "Z",
    ];
    text.len() <= 40
        && text
            .split(|c: char| c.is_ascii_digit() || " :-/.,+".contains(c))
            .all(|name| name.is_empty() || NAMES.contains(&name))
}

/// What differs, widened by `context` bytes and then to whole words.
fn middle<'a>(left: &'a str, right: &'a str, context: usize) -> (&'a str, &'a str) {
    let (start, end) = ends::common(left.as_bytes(), right.as_bytes());
    let (start, end) = (start.saturating_sub(context), end.saturating_sub(context));
    let widen = |text: &'a str| {
        let mut from = start;
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        let from = text[..from].rfind(is_border).map_or(0, |at| {
            at + text[at..].chars().next().map_or(1, char::len_utf8)
        });
        let mut to = text.len() - end;
        while !text.is_char_boundary(to) {
            to += 1;
        }
        let to = text[to..].find(is_border).map_or(text.len(), |at| to + at);
        &text[from..to]
    };
    (widen(left), widen(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_seen_by_its_neighbours() {
        let pair = explain("built on Nov 25 2026 by us", "built on Nov 26 2026 by us");
        assert_eq!(pair.cause, Cause::Timestamp);
        assert_eq!(
            explain("v 2024-01-01 red", "v 2024-01-01 blue").cause,
            Cause::SourceChange
        );
    }

    #[test]
    fn letters_that_are_put_in_are_not_random() {
        let (l, r) = (
            "JuneJuly/etcermsfsrmsse3avx2bmi1bmi2timefalse",
            "JuneJuly/etcermsfsrmsse3avx2bmi1bmi2timehellofalse",
        );
        assert_eq!(explain(l, r).cause, Cause::SourceChange);
        let (l, r) = ("id-x7Gq2LmW9ZkP4tRv", "id-b3Hs8YnC5FdJ6wQe");
        assert_eq!(explain(l, r).cause, Cause::RandomId);
    }

    #[test]
    fn moved_files_are_paths() {
        let pair = explain("see /a/src/x.c", "see /b/long/src/x.c");
        assert_eq!(pair.cause, Cause::BuildPath);
        assert_eq!(
            (&*pair.left, &*pair.right),
            ("/a/src/x.c", "/b/long/src/x.c")
        );
        assert_eq!(pair.longer, 5);
        assert_eq!(
            explain("/usr/lib/gcc/15/x.h", "/usr/lib/gcc/16/x.h").cause,
            Cause::SourceChange
        );
    }

    #[test]
    fn sets_are_compared_whatever_their_order() {
        let difference = compare(
            &["same", "12:00:01", "/w/a/m.c"],
            &["/w/b/m.c", "same", "12:00:07"],
        );
        let causes: Vec<Cause> = difference.pairs.iter().map(|p| p.cause).collect();
        assert_eq!(causes, [Cause::Timestamp, Cause::BuildPath]);
        assert!(compare(&["a", "b"], &["b", "a"]).reordered);
        let more = compare(&["one"], &["one", "two"]);
        assert_eq!(more.added, ["two"]);
        assert!(more.pairs.is_empty());
    }
}
