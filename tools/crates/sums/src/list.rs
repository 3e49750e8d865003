//! What is released, each thing with one digest.

use std::collections::btree_map::{self, BTreeMap};
use std::fmt;

use verbatim_digest::Digest;

use crate::FileName;
use verbatim_oci::Reference;

/// What a sum is of. Images come before files, each in their own order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An image, as a registry serves it.
    Image(Reference),
    /// A file, under its published name.
    File(FileName),
}

impl Subject {
    /// What a text in a sums file means: an image where it is a reference with a registry that
    /// can be nothing else (`registry.example.com/a`, `localhost:5000/a`), else a file.
    pub fn from_text(text: &str) -> Result<Self, crate::FileNameError> {
        // Most names are files, and a name without a host need not be looked at closer.
        let host = text.split_once('/').map(|(host, _)| host);
        if host.is_some_and(|host| host.contains(['.', ':']) || host == "localhost") {
            if let Ok(reference) = text.parse::<Reference>() {
                return Ok(Self::Image(reference));
            }
        }
        text.parse().map(Self::File)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(reference) => reference.fmt(f),
            Self::File(name) => name.fmt(f),
        }
    }
}

/// One subject was given two digests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conflicting digests for {subject}: {first} from {first_origin}, and {second} from {second_origin}; a release has one digest for a name")]
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

#[derive(Debug, Clone)]
struct Entry {
    digest: Digest,
    /// Index into the list of origins.
    origin: u32,
}

impl Sums {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a sum. The same sum twice is one; two digests for one subject are an error.
    ///
    /// `origin` says where it comes from, for that error.
    pub fn add(&mut self, subject: Subject, digest: Digest, origin: &str) -> Result<(), Conflict> {
        // A reference and a file name may read the same; a text cannot hold both.
        match self.entries.entry(subject) {
            btree_map::Entry::Vacant(entry) => {
                if self.origins.last().is_none_or(|last| **last != *origin) {
                    self.origins.push(origin.into());
                }
                entry.insert(Entry {
                    digest,
                    origin: (self.origins.len() - 1) as u32,
                });
                Ok(())
            }
            btree_map::Entry::Occupied(entry) if entry.get().digest == digest => Ok(()),
            btree_map::Entry::Occupied(entry) => Err(Conflict {
                subject: Box::new(entry.key().clone()),
                first: entry.get().digest,
                first_origin: self.origins[entry.get().origin as usize].to_string(),
                second: digest,
                second_origin: origin.to_owned(),
            }),
        }
    }

    /// Add all of `other`.
    pub fn merge(&mut self, other: &Sums) -> Result<(), Conflict> {
        for (subject, entry) in &other.entries {
            let origin = &other.origins[entry.origin as usize];
            self.add(subject.clone(), entry.digest, origin)?;
        }
        Ok(())
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

    #[test]
    fn a_text_is_an_image_only_where_it_can_be_nothing_else() {
        let kind = |t: &str| matches!(Subject::from_text(t).unwrap(), Subject::Image(_));
        assert!(kind("ghcr.io/a/b:c"));
        assert!(kind("localhost/a"));
        assert!(kind("localhost:5000/a"));
        assert!(!kind("verbatim-linux-amd64"));
        assert!(!kind("bin/tool"));
        assert!(!kind("WALinuxAgent-udev-2.9.0.4-1.fc38.noarch.rpm"));
        assert!(!kind("v1.2/Tool"));
        assert!(Subject::from_text("../x").is_err());
    }
}
