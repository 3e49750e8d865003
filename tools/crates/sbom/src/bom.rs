//! What a document says, whatever its form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use verbatim_digest::Digest;
use verbatim_packages::Moment;

use crate::Purl;

/// What things are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bom {
    /// What the document is called.
    pub name: String,
    /// The moment that it says of itself: one that was given, never the clock's.
    pub created: Moment,
    /// What it describes.
    pub subjects: BTreeMap<Id, Subject>,
    /// The packages of all subjects, each once.
    pub packages: BTreeMap<Id, Package>,
    /// The files of images, where they were asked for.
    pub files: BTreeMap<Id, File>,
}

/// The identifier of a thing in the document: made of its name, for people, and of a digest of all
/// that tells it from others. Only letters, digits, `-` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(String);

impl Id {
    /// `kind` keeps things of different kinds apart; `parts` are what tells this one from others.
    fn of(kind: &str, name: &str, parts: &[&str]) -> Self {
        let mut content = Vec::new();
        for part in parts {
            // With their lengths, so that no two lists read the same.
            content.extend_from_slice(&(part.len() as u64).to_be_bytes());
            content.extend_from_slice(part.as_bytes());
        }
        let word: String = name
            .chars()
            .take(60)
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        Self(format!(
            "{kind}-{word}-{}",
            &Digest::of(&content).hex()[..16]
        ))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of thing is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A list of packages of a distribution, which become the base of an image.
    Lock,
    /// A program, by its `Cargo.lock` or by what it says of itself.
    Program,
    /// An image.
    Image,
}

/// A thing that is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// What kind of thing it is.
    pub kind: SubjectKind,
    /// Its name.
    pub name: String,
    /// The digest of what it was read from.
    pub digest: Digest,
    /// What it is called across all kinds of packages, where it is called something.
    pub purl: Option<Purl>,
    /// All packages that are in it.
    pub contains: BTreeSet<Id>,
    /// Files that are in it and in no package.
    pub files: BTreeSet<Id>,
    /// What of that nothing else in it needs: it was asked for.
    pub needs: BTreeSet<Id>,
}

impl Subject {
    /// A thing with nothing in it.
    pub fn new(kind: SubjectKind, name: &str, digest: Digest) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            digest,
            purl: None,
            contains: BTreeSet::new(),
            files: BTreeSet::new(),
            needs: BTreeSet::new(),
        }
    }

    /// What it is called in the document.
    pub fn id(&self) -> Id {
        Id::of("subject", &self.name, &[&self.name, &self.digest.hex()])
    }
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name, as its own database has it.
    pub name: String,
    /// Its version, as its own database has it.
    pub version: String,
    /// What it is called across all kinds of packages.
    pub purl: Purl,
    /// The digest of its archive.
    pub sha256: Option<Digest>,
    /// Where its archive is.
    pub download: Option<String>,
    /// Its license, in the package's own words.
    pub license: Option<String>,
    /// What it needs.
    pub needs: BTreeSet<Id>,
    /// Its files.
    pub files: BTreeSet<Id>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path, relative to the root of the image.
    pub path: String,
    /// The digest of its content.
    pub sha256: Digest,
    /// The same by SHA-1, in hexadecimal digits: SPDX wants it of every file.
    pub sha1: String,
}

impl File {
    /// What it is called in the document.
    pub fn id(&self) -> Id {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        Id::of("file", name, &[&self.path, &self.sha256.hex()])
    }
}

impl Package {
    /// What it is called in the document.
    pub fn id(&self) -> Id {
        let sha256 = self.sha256.map(|digest| digest.hex());
        Id::of(
            "package",
            &self.name,
            &[
                &self.purl.to_string(),
                sha256.as_deref().unwrap_or_default(),
            ],
        )
    }
}

impl Bom {
    /// A document about nothing yet.
    pub fn new(name: &str, created: Moment) -> Self {
        Self {
            name: name.to_owned(),
            created,
            subjects: BTreeMap::new(),
            packages: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    /// Take in a thing and its packages. A package that is in several things stands once, and
    /// needs what it needs in any of them.
    pub fn add(&mut self, subject: Subject, packages: impl IntoIterator<Item = Package>) {
        for package in packages {
            let (needs, files) = (package.needs.clone(), package.files.clone());
            let known = self.packages.entry(package.id()).or_insert(package);
            known.needs.extend(needs);
            known.files.extend(files);
        }
        self.subjects.insert(subject.id(), subject);
    }
}
