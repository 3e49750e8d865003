//! What is released, each thing with one digest.

use std::collections::btree_map::{self, BTreeMap};

use verbatim_digest::Digest;
use verbatim_foreign::printable;

use crate::Subject;

/// One subject was given two digests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conflicting digests for {}: {first} from {first_origin}, and {second} from {second_origin}; a release has one digest for a name", printable(&.subject.to_string()))]
pub struct Conflict {
    /// The name that is claimed twice.
    pub subject: Box<Subject>,
    /// What it was given first.
    pub first: Digest,
    /// By whom: a file and line, a target, an argument.
    pub first_origin: String,
    /// What it was given then.
    pub second: Digest,
    /// By whom.
    pub second_origin: String,
}

/// The sums of a release: sorted, every subject once.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    entries: BTreeMap<Subject, Entry>,
    /// Where entries come from: mostly there are many from one place in a row.
    origins: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    digest: Digest,
    /// Index into the list of origins.
    origin: u32,
    /// The line there, counted from 1; 0 where there are no lines.
    line: u32,
}

/// A line of a text: what it is of, its digest, and its number, counted from 1.
pub(crate) struct Line {
    pub(crate) subject: Subject,
    pub(crate) digest: Digest,
    pub(crate) number: u32,
}

impl Sums {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sums of a text. There may be a million lines, mostly in order: they are put into
    /// the map at once and not one by one, which takes half the time and the memory.
    pub(crate) fn of_lines(mut lines: Vec<Line>, file: &str) -> Result<Self, Conflict> {
        let mut sums = Self {
            entries: BTreeMap::new(),
            origins: vec![file.into()],
        };
        // Equal subjects stay in the order of lines.
        lines.sort_by(|a, b| a.subject.cmp(&b.subject));
        let entry = |line: &Line| Entry {
            digest: line.digest,
            origin: 0,
            line: line.number,
        };
        for pair in lines.windows(2) {
            let [first, second] = [&pair[0], &pair[1]];
            if first.subject == second.subject && first.digest != second.digest {
                return Err(sums.conflict(&first.subject, entry(first), entry(second)));
            }
        }
        lines.dedup_by(|b, a| a.subject == b.subject);
        sums.entries = lines
            .into_iter()
            .map(|line| {
                let entry = entry(&line);
                (line.subject, entry)
            })
            .collect();
        Ok(sums)
    }

    /// Add a sum. The same sum twice is one; two digests for one subject are an error.
    ///
    /// `origin` says where it comes from, for that error.
    pub fn add(&mut self, subject: Subject, digest: Digest, origin: &str) -> Result<(), Conflict> {
        if self.origins.last().is_none_or(|last| **last != *origin) {
            self.origins.push(origin.into());
        }
        let entry = Entry {
            digest,
            origin: (self.origins.len() - 1) as u32,
            line: 0,
        };
        self.insert(subject, entry)
    }

    /// Add many sums of one origin. Where they are the first ones and in order, they are put into
    /// the map at once and not one by one.
    pub fn add_all(
        &mut self,
        all: impl ExactSizeIterator<Item = (Subject, Digest)>,
        origin: &str,
    ) -> Result<(), Conflict> {
        self.origins.push(origin.into());
        let origin = (self.origins.len() - 1) as u32;
        let at_once = self.entries.is_empty();
        let mut sorted: Vec<(Subject, Entry)> = Vec::new();
        let mut rest = Vec::new();
        for (subject, digest) in all {
            let entry = Entry {
                digest,
                origin,
                line: 0,
            };
            if at_once && sorted.last().is_none_or(|(last, _)| *last < subject) {
                sorted.push((subject, entry));
            } else {
                rest.push((subject, entry));
            }
        }
        if at_once {
            self.entries = sorted.into_iter().collect();
        }
        for (subject, entry) in rest {
            self.insert(subject, entry)?;
        }
        Ok(())
    }

    /// Add all of `other`.
    pub fn merge(&mut self, mut other: Sums) -> Result<(), Conflict> {
        let offset = self.origins.len() as u32;
        self.origins.append(&mut other.origins);
        if self.entries.is_empty() {
            self.entries = other.entries;
            for entry in self.entries.values_mut() {
                entry.origin += offset;
            }
            return Ok(());
        }
        for (subject, mut entry) in other.entries {
            entry.origin += offset;
            self.insert(subject, entry)?;
        }
        Ok(())
    }

    fn insert(&mut self, subject: Subject, entry: Entry) -> Result<(), Conflict> {
        match self.entries.entry(subject) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(entry);
                Ok(())
            }
            btree_map::Entry::Occupied(there) if there.get().digest == entry.digest => Ok(()),
            btree_map::Entry::Occupied(there) => {
                let (subject, first) = (there.key().clone(), *there.get());
                Err(self.conflict(&subject, first, entry))
            }
        }
    }

    fn conflict(&self, subject: &Subject, first: Entry, second: Entry) -> Conflict {
        Conflict {
            subject: Box::new(subject.clone()),
            first: first.digest,
            first_origin: self.origin(first),
            second: second.digest,
            second_origin: self.origin(second),
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

    /// The digest of a subject.
    pub fn get(&self, subject: &Subject) -> Option<Digest> {
        self.entries.get(subject).map(|entry| entry.digest)
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
        sums.add(image("a.io/x:1"), Digest::of(b"1"), "//a")
            .unwrap();
        sums.add(image("a.io/x:1"), Digest::of(b"1"), "//b")
            .unwrap();
        assert_eq!(sums.len(), 1);
        let error = sums
            .add(image("a.io/x:1"), Digest::of(b"2"), "//c")
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
        sums.add(image("a.io/x"), Digest::of(b"2"), "//c").unwrap();
        assert_eq!(sums.len(), 2);
    }
}
