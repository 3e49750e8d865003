//! What a check ends with: the document `verbatim.sbom-check/1`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// What is wrong, or could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The SBOM is about an image with another digest.
    OtherImage,
    /// The image is of another distribution than the SBOM says.
    OtherSystem,
    /// The SBOM names a package that is not there.
    MissingPackage,
    /// The SBOM names a package that is there in another version.
    OtherVersion,
    /// A package is there that the SBOM does not name.
    UnlistedPackage,
    /// The SBOM names a file that is not there.
    AbsentFile,
    /// The SBOM gives a digest that a file does not have.
    WrongFile,
    /// A file has not the digest that its package says.
    ChangedFile,
    /// A file of a package is not there.
    MissingFile,
    /// A file is there that no package accounts for, nor the SBOM.
    UnaccountedFile,
    /// The SBOM names a package of a kind that is not looked for here.
    UncheckedPackage,
    /// A database in the image could not be read.
    Unread,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::OtherImage,
        Self::OtherSystem,
        Self::MissingPackage,
        Self::OtherVersion,
        Self::UnlistedPackage,
        Self::AbsentFile,
        Self::WrongFile,
        Self::ChangedFile,
        Self::MissingFile,
        Self::UnaccountedFile,
        Self::UncheckedPackage,
        Self::Unread,
    ];

    /// The word in reports and options.
    pub fn word(self) -> &'static str {
        match self {
            Self::OtherImage => "other-image",
            Self::OtherSystem => "other-system",
            Self::MissingPackage => "missing-package",
            Self::OtherVersion => "other-version",
            Self::UnlistedPackage => "unlisted-package",
            Self::AbsentFile => "absent-file",
            Self::WrongFile => "wrong-file",
            Self::ChangedFile => "changed-file",
            Self::MissingFile => "missing-file",
            Self::UnaccountedFile => "unaccounted-file",
            Self::UncheckedPackage => "unchecked-package",
            Self::Unread => "unread",
        }
    }

    /// What one finding of this kind makes of the whole.
    fn verdict(self) -> Verdict {
        match self {
            Self::UncheckedPackage | Self::Unread => Verdict::Unchecked,
            _ => Verdict::Different,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<_> = Self::ALL.iter().map(|kind| kind.word()).collect();
        let found = Self::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| format!("there is {}", words.join(", ")))
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// What is true of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The SBOM tells the truth.
    Equal,
    /// Some of it could not be told, and nothing is known to be wrong.
    Unchecked,
    /// Something is wrong.
    Different,
}

/// One thing that is wrong, or could not be told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub id: Kind,
    /// What it is about: a package, a path, a digest.
    pub subject: String,
    /// What is wrong with it.
    pub detail: String,
    /// The place in the SBOM that says so (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Whether it was accepted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
}

impl Finding {
    pub(super) fn new(id: Kind, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            id,
            subject: subject.into(),
            detail: detail.into(),
            at: None,
            accepted: false,
        }
    }

    pub(super) fn at(mut self, pointer: &str) -> Self {
        self.at = Some(pointer.to_owned());
        self
    }
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Packages that the SBOM names.
    pub packages_stated: usize,
    /// Packages that the image has.
    pub packages_found: usize,
    /// Files that the SBOM names.
    pub files_stated: usize,
    /// Files and links that the image has.
    pub files_found: usize,
    /// Files whose digest a package says, and which have it.
    pub files_proved: usize,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    schema: &'static str,
    /// The worst of all findings that were not accepted.
    pub verdict: Verdict,
    /// How much was looked at.
    pub counts: Counts,
    /// By kind, then by what they are about.
    pub findings: Vec<Finding>,
    /// What else has to be known to read the report.
    pub remarks: Vec<String>,
}

impl Report {
    pub(super) fn new(
        mut findings: Vec<Finding>,
        accepted: &[Kind],
        counts: Counts,
        remarks: Vec<String>,
    ) -> Self {
        findings.sort();
        let mut verdict = Verdict::Equal;
        for finding in &mut findings {
            finding.accepted = accepted.contains(&finding.id);
            if !finding.accepted {
                verdict = verdict.max(finding.id.verdict());
            }
        }
        Self {
            schema: "verbatim.sbom-check/1",
            verdict,
            counts,
            findings,
            remarks,
        }
    }
}
