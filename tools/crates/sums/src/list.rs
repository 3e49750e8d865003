//! What is released, each thing with one digest.

use std::collections::BTreeSet;

use verbatim_digest::Digest;
use verbatim_foreign::printable;

use crate::Subject;

/// One subject was given two digests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conflicting digests for {}: {first} from {first_origin}, and {second} from {second_origin}{}; a release has one digest for a name", printable(&.subject.to_string()), also_called(.synonym))]
pub struct Conflict {
    /// The name that is claimed twice.
    pub subject: Box<Subject>,
    /// Another name of the same image, if that is what it was claimed by then.
    pub synonym: Option<Box<Subject>>,
    /// What it was given first.
    pub first: Digest,
    /// By whom: a file and line, a target, an argument.
    pub first_origin: Box<str>,
    /// What it was given then.
    pub second: Digest,
    /// By whom.
    pub second_origin: Box<str>,
}

fn also_called(synonym: &Option<Box<Subject>>) -> String {
    match synonym {
        None => String::new(),
        Some(name) => format!(", which calls it {}", printable(&name.to_string())),
    }
}

/// The sums of a release: sorted, every subject once. Of an image that has several names one is kept, the
/// first in order.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    // There may be millions, nearly always in order when they arrive: a list takes half the
    // memory of a tree, and two lists that are in order become one in a pass over both.
    entries: Vec<(Subject, Entry)>,
    /// Where entries come from: mostly there are many from one place in a row.
    origins: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    digest: Digest,
    /// Index into the list of origins.
    origin: u32,
    /// The line there, counted from 1; 0 where there are no lines.
    line: u32,
}

impl Entry {
    /// A line of the text that [`Sums::of_lines`] is of, by its number, counted from 1.
    pub(crate) fn of_line(digest: Digest, number: usize) -> Self {
        Self {
            digest,
            origin: 0,
            line: number as u32,
        }
    }
}

impl Sums {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sums of a text, and the lines that say once more what is said under another name.
    pub(crate) fn of_lines(
        lines: Vec<(Subject, Entry)>,
        file: &str,
    ) -> Result<(Self, Vec<usize>), Conflict> {
        let mut sums = Self {
            entries: lines,
            origins: vec![file.into()],
        };
        let synonyms = sums.settle()?;
        let lines = synonyms.iter().map(|entry| entry.line as usize);
        Ok((sums, lines.collect()))
    }

    /// Add sums, each with where it comes from, for the error about a conflict. The same sum
    /// twice is one; two digests for one subject are an error. Best are many at a time.
    pub fn add_all<'a>(
        &mut self,
        all: impl IntoIterator<Item = (Subject, Digest, &'a str)>,
    ) -> Result<(), Conflict> {
        for (subject, digest, origin) in all {
            if self.origins.last().is_none_or(|last| **last != *origin) {
                self.origins.push(origin.into());
            }
            let origin = (self.origins.len() - 1) as u32;
            let entry = Entry {
                digest,
                origin,
                line: 0,
            };
            self.entries.push((subject, entry));
        }
        self.settle().map(drop)
    }

    /// Add all of `other`.
    pub fn merge(&mut self, mut other: Sums) -> Result<(), Conflict> {
        if self.entries.is_empty() {
            *self = other;
            return Ok(());
        }
        let offset = self.origins.len() as u32;
        self.origins.append(&mut other.origins);
        for (_, entry) in &mut other.entries {
            entry.origin += offset;
        }
        self.entries.append(&mut other.entries);
        self.settle().map(drop)
    }

    /// Put what was added into its place. Gives what was dropped as it stands there under another name.
    fn settle(&mut self) -> Result<Vec<Entry>, Conflict> {
        // Stable, so that the first of several origins is the one that is named; and what is in
        // order already is found to be.
        self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut conflict = None;
        self.entries.dedup_by(|(subject, second), (same, first)| {
            let is_same = subject == same;
            if is_same && first.digest != second.digest && conflict.is_none() {
                conflict = Some((subject.clone(), *first, *second));
            }
            is_same
        });
        match conflict {
            None => self.drop_synonyms(),
            Some((subject, first, second)) => Err(self.conflict(subject, None, first, second)),
        }
    }

    /// Of several names of one image keep the first.
    fn drop_synonyms(&mut self) -> Result<Vec<Entry>, Conflict> {
        let has_synonyms = |subject: &Subject| match subject {
            Subject::Image(reference) => reference.has_synonyms(),
            Subject::File(_) => false,
        };
        let all = self.entries.iter().enumerate();
        let mut several: Vec<usize> = all
            .filter(|(_, (subject, _))| has_synonyms(subject))
            .map(|(at, _)| at)
            .collect();
        let meant = |at: usize| self.entries[at].0.identity();
        several.sort_by(|a, b| (meant(*a), a).cmp(&(meant(*b), b)));
        let mut dropped = BTreeSet::new();
        for group in several.chunk_by(|a, b| meant(*a) == meant(*b)) {
            let (first, rest) = (&self.entries[group[0]], &group[1..]);
            for &at in rest {
                let second = &self.entries[at];
                if first.1.digest != second.1.digest {
                    let names = (first.0.clone(), Some(second.0.clone()));
                    return Err(self.conflict(names.0, names.1, first.1, second.1));
                }
                dropped.insert(at);
            }
        }
        if dropped.is_empty() {
            return Ok(Vec::new());
        }
        let entries = dropped.iter().map(|&at| self.entries[at].1).collect();
        let mut at = 0..;
        self.entries
            .retain(|_| at.next().is_none_or(|at| !dropped.contains(&at)));
        Ok(entries)
    }

    fn conflict(
        &self,
        subject: Subject,
        synonym: Option<Subject>,
        first: Entry,
        second: Entry,
    ) -> Conflict {
        Conflict {
            subject: Box::new(subject),
            synonym: synonym.map(Box::new),
            first: first.digest,
            first_origin: self.origin(first).into(),
            second: second.digest,
            second_origin: self.origin(second).into(),
        }
    }

    /// Where an entry comes from, in words.
    fn origin(&self, entry: Entry) -> String {
        let origin = &self.origins[entry.origin as usize];
        match entry.line {
            0 => origin.to_string(),
            line => format!("{origin}, line {line}"),
        }
    }

    /// Every sum, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, Digest)> {
        self.entries
            .iter()
            .map(|(subject, entry)| (subject, entry.digest))
    }

    /// The digest of a subject, under whichever of its names it stands there.
    pub fn get(&self, subject: &Subject) -> Option<Digest> {
        self.find(subject).map(|(_, digest)| digest)
    }

    /// The same, and which one in order it is.
    pub(crate) fn find(&self, subject: &Subject) -> Option<(usize, Digest)> {
        let find = |subject: &Subject| {
            let found = self
                .entries
                .binary_search_by(|(there, _)| there.cmp(subject));
            found.ok().map(|at| (at, self.entries[at].1.digest))
        };
        find(subject).or_else(|| match subject {
            Subject::File(_) => None,
            Subject::Image(reference) => reference
                .synonyms()
                .find_map(|other| find(&Subject::Image(other))),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Equal when they say the same, wherever it came from.
impl PartialEq for Sums {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Sums {}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> Subject {
        Subject::Image(text.parse().unwrap())
    }

    #[test]
    fn equal_sums_collapse_and_conflicts_name_both_sides() {
        let mut sums = Sums::new();
        let add = |sums: &mut Sums, subject, content: &[u8], origin| {
            sums.add_all([(image(subject), Digest::of(content), origin)])
        };
        add(&mut sums, "a.io/x:1", b"1", "//a").unwrap();
        add(&mut sums, "a.io/x:1", b"1", "//b").unwrap();
        assert_eq!(sums.len(), 1);
        let error = add(&mut sums.clone(), "a.io/x:1", b"2", "//c")
            .unwrap_err()
            .to_string();
        for part in [
            "conflicting digests",
            "a.io/x:1",
            "//a",
            "//c",
            &Digest::of(b"1").to_string(),
            &Digest::of(b"2").to_string(),
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(sums.get(&image("a.io/x:1")), Some(Digest::of(b"1")));
        // Another tag, or none, is another subject.
        add(&mut sums, "a.io/x", b"2", "//c").unwrap();
        assert_eq!(sums.len(), 2);
        assert_eq!(sums.get(&image("a.io/x")), Some(Digest::of(b"2")));
    }

    #[test]
    fn an_image_of_several_names_is_one() {
        let names = [
            "docker.io/library/x:1",
            "registry-1.docker.io/x:1",
            "docker.io/x:1",
            "index.docker.io/library/x:1",
        ];
        for first in names {
            for second in names {
                let mut sums = Sums::new();
                sums.add_all([
                    (image("a.io/x"), Digest::of(b"0"), "//a"),
                    (image(first), Digest::of(b"1"), "//a"),
                ])
                .unwrap();
                let mut other = Sums::new();
                other
                    .add_all([(image(second), Digest::of(b"1"), "//b")])
                    .unwrap();
                sums.merge(other).unwrap();
                let kept = image(first).min(image(second));
                let all: Vec<_> = sums.iter().map(|(s, _)| s.clone()).collect();
                assert_eq!(all, [image("a.io/x"), kept]);
                for name in names {
                    assert_eq!(sums.get(&image(name)), Some(Digest::of(b"1")));
                }
                assert_eq!(sums.get(&image("docker.io/acme/x:1")), None);

                let conflict = sums
                    .add_all([(image(second), Digest::of(b"2"), "//c")])
                    .unwrap_err()
                    .to_string();
                for part in [
                    "conflicting digests",
                    second,
                    "//c",
                    &Digest::of(b"1").to_string(),
                    &Digest::of(b"2").to_string(),
                ] {
                    assert!(conflict.contains(part), "{conflict}");
                }
            }
        }
    }

    #[test]
    fn merged_lists_are_in_order_and_name_their_own_origins() {
        let list = |names: &[&str], origin| {
            let mut sums = Sums::new();
            let all = names
                .iter()
                .map(|name| (image(name), Digest::of(b"1"), origin));
            sums.add_all(all).unwrap();
            sums
        };
        let mut sums = list(&["a.io/z", "a.io/b"], "//a");
        sums.merge(list(&["a.io/c", "a.io/b", "a.io/a"], "//b"))
            .unwrap();
        let names: Vec<_> = sums
            .iter()
            .map(|(subject, _)| subject.to_string())
            .collect();
        assert_eq!(names, ["a.io/a", "a.io/b", "a.io/c", "a.io/z"]);
        for (name, origin) in [("a.io/b", "//a"), ("a.io/c", "//b")] {
            let mut other = Sums::new();
            other
                .add_all([(image(name), Digest::of(b"2"), "//c")])
                .unwrap();
            let conflict = sums.clone().merge(other).unwrap_err();
            assert_eq!(
                (&*conflict.first_origin, &*conflict.second_origin),
                (origin, "//c")
            );
        }
    }
}
