//! What is written down of the layers of a release, for the next one.

use std::path::Path;

use serde::{Deserialize, Serialize};
use verbatim_digest::Digest;
use verbatim_document::{json, Error, ErrorKind};
use verbatim_oci::LayerMetadata;

use crate::Result;

/// The form of the document.
pub const SCHEMA: &str = "verbatim.plan/1";
/// The largest plan that is read.
const LARGEST: u64 = 64 << 20;

/// The plan of a release: which layers there are, and what went into which.
///
/// ```json
/// {"components":[{"changed":0,"fingerprint":"sha256:…","key":"deb/libc6:amd64","layer":0,"seen":3,"size":13000000,"version":"2.41-12"}],
///  "layers":[{"digest":"sha256:…","schema":"verbatim.layer/1",…}],"limit":40,"schema":"verbatim.plan/1"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    schema: Schema,
    /// How many layers there may be.
    limit: usize,
    /// What is known of each layer, the lowest first.
    layers: Vec<LayerMetadata>,
    /// In the order of their keys.
    pub(crate) components: Vec<PlannedComponent>,
}

/// A string that can only be [`SCHEMA`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "verbatim.plan/1")]
    V1,
}

/// What is written down of a part of the root file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedComponent {
    /// By what it is known again: `deb/libc6:amd64`, `unowned/etc`.
    pub key: String,
    /// Its version; empty where it has none.
    pub version: String,
    /// The position of its layer.
    pub layer: usize,
    /// The bytes that it takes in a tar archive.
    pub size: u64,
    /// The digest of all that its layer holds of it.
    pub fingerprint: Digest,
    /// In how many releases it was compared with the one before.
    pub seen: u32,
    /// In how many of these it had changed.
    pub changed: u32,
}

impl Plan {
    pub(crate) fn new(
        limit: usize,
        layers: Vec<LayerMetadata>,
        components: Vec<PlannedComponent>,
    ) -> Self {
        Self {
            schema: Schema::V1,
            limit,
            layers,
            components,
        }
    }

    /// What is known of each layer, the lowest first.
    pub fn layers(&self) -> &[LayerMetadata] {
        &self.layers
    }

    /// What went into the layers, in the order of the keys.
    pub fn components(&self) -> &[PlannedComponent] {
        &self.components
    }

    /// The document: canonical JSON and a line feed.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        Ok(json::to_canonical_line(self)?)
    }

    /// Read the document; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        let plan: Self = json::parse(data, file)?;
        for (at, layer) in plan.layers.iter().enumerate() {
            layer.check(file, format_args!("/layers/{at}"))?;
        }
        for (at, component) in plan.components.iter().enumerate() {
            let wrong = |what: String, field: &str| {
                Error::new(ErrorKind::Malformed, file, what).at(format!("/components/{at}/{field}"))
            };
            if component.layer >= plan.layers.len() {
                let what = format!(
                    "is the layer {}, and there are {}; take the plan as it was written",
                    component.layer,
                    plan.layers.len()
                );
                return Err(wrong(what, "layer").into());
            }
            let before = at.checked_sub(1).and_then(|at| plan.components.get(at));
            if before.is_some_and(|before| before.key >= component.key) {
                let what =
                    "does not come behind the one before it; take the plan as it was written";
                return Err(wrong(what.to_owned(), "key").into());
            }
            if component.changed > component.seen {
                let what = "is more often than it was seen; take the plan as it was written";
                return Err(wrong(what.to_owned(), "changed").into());
            }
        }
        Ok(plan)
    }

    /// Read the document from a file.
    pub fn read(path: &Path) -> Result<Self> {
        let data = json::read_handed(path, LARGEST)?;
        Self::parse(&data, &path.display().to_string())
    }
}
