//! Descriptors: how one document names another, by type, size and digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use verbatim_digest::Digest;

use crate::{MediaType, Platform};

/// What a document says of bytes that stand elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// What the bytes are.
    #[serde(rename = "mediaType")]
    pub media_type: MediaType,
    /// Their digest.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// For which platform, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Remarks of whoever wrote the descriptor.
    #[serde(
        default,
        deserialize_with = "crate::document::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Where the bytes can be had outside a registry (layers of Windows).
    #[serde(
        default,
        deserialize_with = "crate::document::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
    /// What kind of artifact a manifest is; images have none.
    #[serde(
        default,
        rename = "artifactType",
        skip_serializing_if = "Option::is_none"
    )]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A descriptor with nothing but the necessary.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
            artifact_type: None,
        }
    }

    /// The descriptor of these bytes.
    pub fn of(media_type: MediaType, data: &[u8]) -> Self {
        Self::new(media_type, Digest::of(data), data.len() as u64)
    }

    /// The same bytes, whatever else is said of them.
    pub fn names_same_bytes(&self, other: &Self) -> bool {
        self.digest == other.digest && self.size == other.size
    }
}
