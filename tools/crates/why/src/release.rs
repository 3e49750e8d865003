//! What changed from one release to the next: the document `verbatim.changes/1`.

use serde::Serialize;
use verbatim_digest::Digest;

use crate::ImageChange;

/// What became of a released thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeVerdict {
    /// One digest: not a byte of it differs.
    Unchanged,
    /// Both releases have it, with other bytes.
    Changed,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It changed, and in what could not be looked at.
    Unchecked,
}

/// One released thing: an image, or a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleasedChange {
    /// Its name: in both releases, but for a tag.
    pub reference: String,
    /// What became of it.
    pub verdict: ChangeVerdict,
    /// Its digest in the old release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Digest>,
    /// Its digest in the new release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Digest>,
    /// What changed, for each platform. None where only the packaging differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ImageChange>,
    /// What else has to be known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changelog {
    schema: &'static str,
    /// `equal` or `different`; `unchecked` if something that changed could not be looked at.
    pub verdict: &'static str,
    /// In the order of the lists.
    pub results: Vec<ReleasedChange>,
}

impl Changelog {
    /// The changelog of all that was released.
    pub fn new(results: Vec<ReleasedChange>) -> Self {
        let any = |verdict| {
            results
                .iter()
                .any(|one: &ReleasedChange| one.verdict == verdict)
        };
        let verdict = if any(ChangeVerdict::Unchecked) {
            "unchecked"
        } else if results
            .iter()
            .all(|one| one.verdict == ChangeVerdict::Unchanged)
        {
            "equal"
        } else {
            "different"
        };
        Self {
            schema: "verbatim.changes/1",
            verdict,
            results,
        }
    }
}
