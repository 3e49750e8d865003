//! Descriptors: how one document names another, by type, size and digest.

use std::collections::BTreeMap;

use base64::prelude::{Engine as _, BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use verbatim_digest::Digest;

use crate::{MediaType, Platform};

/// What a document says of bytes that stand elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    // In the order of canonical JSON, so that nothing has to be moved.
    /// Remarks of whoever wrote the descriptor.
    #[serde(
        default,
        deserialize_with = "crate::document::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// What kind of artifact a manifest is; images have none.
    #[serde(
        default,
        rename = "artifactType",
        skip_serializing_if = "Option::is_none"
    )]
    pub artifact_type: Option<String>,
    /// The bytes themselves in base64, for readers who want to save a request. They are never
    /// read from here, only compared, and never written.
    #[serde(default, skip_serializing)]
    pub data: Option<String>,
    /// The digest of the bytes.
    pub digest: Digest,
    /// What the bytes are.
    #[serde(rename = "mediaType")]
    pub media_type: MediaType,
    /// For which platform, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// How many bytes there are.
    pub size: u64,
    /// Where the bytes can be had outside a registry (layers of Windows).
    #[serde(
        default,
        deserialize_with = "crate::document::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
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
            data: None,
        }
    }

    /// The descriptor of these bytes.
    pub fn of(media_type: MediaType, data: &[u8]) -> Self {
        Self::new(media_type, Digest::of(data), data.len() as u64)
    }

    /// Whether what is embedded, if anything is, has the size and the digest that are said.
    pub(crate) fn data_is_content(&self) -> bool {
        // Empty for Go programs is the same as absent, and they pass over line breaks.
        let Some(data) = self.data.as_deref().filter(|data| !data.is_empty()) else {
            return true;
        };
        let text: Vec<u8> = data
            .bytes()
            .filter(|b| !matches!(b, b'\r' | b'\n'))
            .collect();
        BASE64_STANDARD.decode(text).is_ok_and(|content| {
            content.len() as u64 == self.size && Digest::of(&content) == self.digest
        })
    }

    /// The same bytes, whatever else is said of them.
    pub(crate) fn names_same_bytes(&self, other: &Self) -> bool {
        self.digest == other.digest && self.size == other.size
    }

    /// Whether a descriptor promises an image of some platform or several: not an
    /// attestation, a signature or another artifact.
    ///
    /// Runtimes choose by the platform alone: what names one that can run is an image, whatever
    /// is said of it besides. Attestations name `unknown/unknown`, as BuildKit writes them.
    pub fn may_be_image(&self) -> bool {
        let is_document = self.media_type.is_index() || self.media_type.is_manifest();
        is_document && self.may_run()
    }

    /// The same, whatever its media type is.
    pub(crate) fn may_run(&self) -> bool {
        match &self.platform {
            Some(platform) if *platform != Platform::default() => platform.is_runnable(),
            _ => !self.is_marked(),
        }
    }

    /// Whether it says that it is an attestation or another artifact.
    pub fn is_marked(&self) -> bool {
        self.artifact_type.is_some() || self.annotations.contains_key("vnd.docker.reference.type")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_content_is_compared() {
        let with = |data: Option<&str>| Descriptor {
            data: data.map(str::to_owned),
            ..Descriptor::of(MediaType::OCI_EMPTY, b"{}")
        };
        for right in [None, Some(""), Some("e30="), Some("e3\r\n0=\n")] {
            assert!(with(right).data_is_content(), "{right:?}");
        }
        for wrong in ["e30", "W10=", "e30=e30=", "{}", "AAAA"] {
            assert!(!with(Some(wrong)).data_is_content(), "{wrong}");
        }
        // It is not part of what this program writes.
        assert!(!serde_json::to_string(&with(Some("e30=")))
            .unwrap()
            .contains("e30="));
    }

    #[test]
    fn what_names_a_platform_that_runs_is_an_image() {
        let with = |platform: Option<&str>, mark: &str, media_type: MediaType| {
            let mut descriptor = Descriptor::of(media_type, b"{}");
            descriptor.platform = platform.map(|platform| platform.parse().unwrap());
            match mark {
                "artifact" => descriptor.artifact_type = Some("x/y".into()),
                "reference" | "empty" => {
                    let value = if mark == "empty" {
                        ""
                    } else {
                        "attestation-manifest"
                    };
                    let key = "vnd.docker.reference.type".to_owned();
                    descriptor.annotations.insert(key, value.to_owned());
                }
                _ => {}
            }
            descriptor.may_be_image()
        };
        for media_type in [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX] {
            for mark in ["", "artifact", "reference", "empty"] {
                assert!(
                    with(Some("linux/amd64"), mark, media_type.clone()),
                    "{mark}"
                );
                assert!(
                    !with(Some("unknown/unknown"), mark, media_type.clone()),
                    "{mark}"
                );
                assert_eq!(with(None, mark, media_type.clone()), mark.is_empty());
            }
        }
        assert!(!with(Some("linux/amd64"), "", MediaType::OCI_LAYER));
    }
}
