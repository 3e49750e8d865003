//! What a root file system is made of.

use serde::{Serialize, Serializer};

/// What a component is: which database or metadata tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Debian package (dpkg).
    Deb,
    /// An RPM package.
    Rpm,
    /// An Alpine package (apk).
    Apk,
    /// A Python distribution.
    Python,
    /// A package of npm.
    Npm,
    /// A crate of Cargo.
    Cargo,
    /// A module of Go.
    Go,
    /// Something that a Bazel target made.
    Bazel,
    /// Something that a person named.
    Declared,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Deb,
        Self::Rpm,
        Self::Apk,
        Self::Python,
        Self::Npm,
        Self::Cargo,
        Self::Go,
        Self::Bazel,
        Self::Declared,
    ];

    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Python => "python",
            Self::Npm => "npm",
            Self::Cargo => "cargo",
            Self::Go => "go",
            Self::Bazel => "bazel",
            Self::Declared => "declared",
        }
    }

    /// Whether it is a package of the distribution, whose database lists each of its files.
    pub fn is_of_distribution(self) -> bool {
        matches!(self, Self::Deb | Self::Rpm | Self::Apk)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// The source package that a package was built from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its version, where the database says it.
    pub version: Option<String>,
}

/// One part of a root file system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Component {
    /// What it is.
    pub kind: Kind,
    /// Its name, in the words of its kind.
    pub name: String,
    /// Its version, in the words of its kind: with the epoch of Debian and RPM (`1:2.3-4`); empty where
    /// none is known.
    pub version: String,
    /// Its architecture, in the words of its kind.
    pub architecture: Option<String>,
    /// What it was built from.
    pub source: Option<Source>,
    /// Its license, as the package says it, in whatever words.
    pub license: Option<String>,
    /// Its package URL; what a person declared has none.
    pub purl: Option<String>,
    /// The path of the file that tells of it: a database, the metadata of a package, a program.
    #[serde(serialize_with = "as_text")]
    pub told_by: Vec<u8>,
}

fn as_text<S: Serializer>(path: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(path))
}
