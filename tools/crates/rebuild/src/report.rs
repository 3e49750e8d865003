//! What a rebuild found: the document `verbatim.rebuild/1`, see docs/guide/rebuild-an-image.md.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use verbatim_digest::Digest;
use verbatim_explain::CauseReport;
use verbatim_verify::Verdict as Judged;

use crate::published::Levels;

/// The verdict of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What was built was compared; the words are those of `verify`.
    Compared(Judged),
    /// It was built, and there was nothing to compare it with.
    Unchecked,
    /// What is needed to build it, or to say why it differs, is not known or not to be had.
    Incomplete,
}

impl Verdict {
    /// The word for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compared(verdict) => verdict.as_str(),
            Self::Unchecked => Judged::Unchecked.as_str(),
            Self::Incomplete => "incomplete",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something that a build was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Material {
    /// As the documents name it.
    pub uri: String,
    /// `ALGORITHM:HEX`.
    pub digest: String,
    /// Whether it was had, and is what the digest says.
    pub checked: bool,
}

/// A subject of the attestation, and what the sources give in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectReport {
    /// Its name in the attestation.
    pub reference: String,
    /// Its digest there.
    pub expected: Digest,
    /// The digest of what was built under this name, by its bytes.
    pub actual: Option<Digest>,
    /// `identical`, `different` or `missing`.
    pub verdict: Judged,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    schema: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// The config's digest of what was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<Digest>,
    /// What was built and what is published, level by level.
    pub levels: Levels,
    /// What it was made of.
    pub materials: Vec<Material>,
    /// What the attestation does not tell, named as the documents do.
    pub missing: Vec<String>,
    /// Why it differs: as in `verbatim.diff/1`.
    pub causes: Vec<CauseReport>,
    /// Why it is so, in short sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Of a release that Bazel built, what became of each subject of the attestation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<SubjectReport>,
    /// The version of Bazel that built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bazel: Option<String>,
    /// The version of `buildah` that built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buildah: Option<String>,
    /// The statement that was followed, by its bytes.
    #[serde(skip)]
    pub provenance: Option<Digest>,
    /// The manifest that what was built was held against: of an index, that of one platform.
    #[serde(skip)]
    pub image: Option<Digest>,
    /// Whether the sources are the commit that the attestation names, and not somebody's folder.
    #[serde(skip)]
    pub has_attested_source: bool,
    /// Whether the build had settings that the attestation does not tell, or something was allowed to it.
    #[serde(skip)]
    pub has_own_settings: bool,
}

impl Report {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self {
            schema: "verbatim.rebuild/1",
            verdict: Verdict::Incomplete,
            image_id: None,
            levels: Levels::UNKNOWN,
            materials: Vec::new(),
            missing: Vec::new(),
            causes: Vec::new(),
            reasons: Vec::new(),
            subjects: Vec::new(),
            bazel: None,
            buildah: None,
            provenance: None,
            image: None,
            has_attested_source: false,
            has_own_settings: false,
        }
    }

    /// Name a material; one that has the same digest already is the same.
    pub(crate) fn name_material(&mut self, uri: &str, digest: impl ToString) {
        let digest = digest.to_string();
        if self.materials.iter().all(|known| known.digest != digest) {
            self.materials.push(Material {
                uri: uri.to_owned(),
                digest,
                checked: false,
            });
        }
    }

    /// Name many materials, as uri and digest.
    pub(crate) fn name_all(&mut self, all: impl IntoIterator<Item = (String, String)>) {
        let known = self.materials.iter().map(|known| known.digest.clone());
        let mut known: BTreeSet<String> = known.collect();
        for (uri, digest) in all {
            if known.insert(digest.clone()) {
                self.materials.push(Material {
                    uri,
                    digest,
                    checked: false,
                });
            }
        }
    }

    /// A material was had, and is what its digest says.
    pub(crate) fn checked(&mut self, uri: &str, digest: impl ToString) {
        let digest = digest.to_string();
        self.name_material(uri, &digest);
        for material in self
            .materials
            .iter_mut()
            .filter(|known| known.digest == digest)
        {
            material.checked = true;
        }
    }

    /// Something that the attestation does not tell is known otherwise.
    pub(crate) fn found(&mut self, name: &str) {
        self.missing.retain(|known| known != name);
    }

    /// Name something that the attestation does not tell.
    pub(crate) fn miss(&mut self, name: &str) {
        if self.missing.iter().all(|known| known != name) {
            self.missing.push(name.to_owned());
        }
    }
}
