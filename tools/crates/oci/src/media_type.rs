//! Media types: what the bytes behind a descriptor are.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::json;

/// A media type. OCI's and Docker's are known by name, any other passes as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MediaType(Cow<'static, str>);

macro_rules! known {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl MediaType {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*

            /// The known one of this name.
            fn known(text: &str) -> Option<Self> {
                $(if text == $text { return Some(Self::$name); })*
                None
            }
        }
    };
}

// A list may hold a million: those that are known take no memory of their own.
impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::of_text(deserializer, "a media type", |text| {
            let own = || Self(Cow::Owned(text.to_owned()));
            Ok::<_, Infallible>(Self::known(text).unwrap_or_else(own))
        })
    }
}

known! {
    /// An OCI image index.
    OCI_INDEX = "application/vnd.oci.image.index.v1+json";
    /// An OCI image manifest.
    OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image configuration.
    OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
    /// An OCI layer that is a plain tar archive.
    OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
    /// An OCI layer with gzip around it.
    OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// An OCI layer with zstd around it.
    OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// A layer that must not be pushed (deprecated by OCI, still found in Windows bases).
    OCI_FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    /// The same with gzip around it.
    OCI_FOREIGN_LAYER_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    /// The same with zstd around it.
    OCI_FOREIGN_LAYER_ZSTD = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
    /// The config of an artifact that has none.
    OCI_EMPTY = "application/vnd.oci.empty.v1+json";
    /// Docker's index.
    DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's image manifest.
    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's image configuration.
    DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
    /// Docker's plain layer.
    DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
    /// Docker's layer with gzip around it.
    DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker's layer with zstd around it, which some builders write.
    DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd";
    /// Docker's layer that must not be pushed.
    DOCKER_FOREIGN_LAYER_GZIP = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
}

/// OCI's name for each of Docker's layer types: the bytes are the same.
const LAYERS: [(MediaType, MediaType); 4] = [
    (MediaType::OCI_LAYER, MediaType::DOCKER_LAYER),
    (MediaType::OCI_LAYER_GZIP, MediaType::DOCKER_LAYER_GZIP),
    (MediaType::OCI_LAYER_ZSTD, MediaType::DOCKER_LAYER_ZSTD),
    (
        MediaType::OCI_FOREIGN_LAYER_GZIP,
        MediaType::DOCKER_FOREIGN_LAYER_GZIP,
    ),
];

/// Whose media types an image is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Those of the OCI image specification.
    #[default]
    Oci,
    /// Those of Docker's image manifest version 2, schema 2.
    Docker,
}

impl MediaType {
    /// A media type by its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The index type of a family.
    pub fn index(family: Family) -> Self {
        match family {
            Family::Oci => Self::OCI_INDEX,
            Family::Docker => Self::DOCKER_INDEX,
        }
    }

    /// The manifest type of a family.
    pub fn manifest(family: Family) -> Self {
        match family {
            Family::Oci => Self::OCI_MANIFEST,
            Family::Docker => Self::DOCKER_MANIFEST,
        }
    }

    /// The config type of a family.
    pub fn config(family: Family) -> Self {
        match family {
            Family::Oci => Self::OCI_CONFIG,
            Family::Docker => Self::DOCKER_CONFIG,
        }
    }

    /// Whether this is an index of images.
    pub fn is_index(&self) -> bool {
        *self == Self::OCI_INDEX || *self == Self::DOCKER_INDEX
    }

    /// Whether this is a manifest.
    pub fn is_manifest(&self) -> bool {
        *self == Self::OCI_MANIFEST || *self == Self::DOCKER_MANIFEST
    }

    /// Whether this is the configuration of an image that can run.
    pub fn is_config(&self) -> bool {
        *self == Self::OCI_CONFIG || *self == Self::DOCKER_CONFIG
    }

    /// Whether this is a layer of a file system.
    pub fn is_layer(&self) -> bool {
        self.layer_suffix().is_some()
    }

    /// Whether this is a layer that need not be there: it is fetched from elsewhere.
    pub fn is_foreign_layer(&self) -> bool {
        self.as_str()
            .starts_with("application/vnd.oci.image.layer.nondistributable.v1.tar")
            || *self == Self::DOCKER_FOREIGN_LAYER_GZIP
    }

    /// Whether this is a layer that only the holder of a key can read (imgcrypt, ocicrypt).
    pub fn is_encrypted(&self) -> bool {
        self.is_layer() && self.as_str().ends_with("+encrypted")
    }

    /// The compression that a layer's type promises: `""`, `gzip`, `zstd`, or another one's name.
    pub fn layer_suffix(&self) -> Option<&str> {
        const PREFIXES: [&str; 4] = [
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.docker.image.rootfs.foreign.diff.tar",
        ];
        let rest = PREFIXES
            .iter()
            .find_map(|prefix| self.as_str().strip_prefix(prefix))?;
        if rest.is_empty() {
            return Some(rest);
        }
        rest.strip_prefix('+').or_else(|| rest.strip_prefix('.'))
    }

    /// The name of the same layer bytes in another family, where that has one.
    pub(crate) fn layer_in(&self, family: Family) -> Option<Self> {
        if !self.is_layer() {
            return None;
        }
        let same = LAYERS
            .iter()
            .find(|(oci, docker)| oci == self || docker == self);
        if let Some((oci, docker)) = same {
            return Some(match family {
                Family::Oci => oci.clone(),
                Family::Docker => docker.clone(),
            });
        }
        let docker = self.as_str().starts_with("application/vnd.docker.");
        (docker == (family == Family::Docker)).then(|| self.clone())
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        assert!(MediaType::DOCKER_INDEX.is_index());
        assert!(MediaType::new("application/vnd.oci.image.manifest.v1+json").is_manifest());
        assert!(MediaType::DOCKER_FOREIGN_LAYER_GZIP.is_foreign_layer());
        assert_eq!(MediaType::OCI_LAYER.layer_suffix(), Some(""));
        assert_eq!(MediaType::OCI_LAYER_ZSTD.layer_suffix(), Some("zstd"));
        assert_eq!(MediaType::DOCKER_LAYER_GZIP.layer_suffix(), Some("gzip"));
        assert_eq!(MediaType::OCI_CONFIG.layer_suffix(), None);
        assert_eq!(
            MediaType::new("application/vnd.oci.image.layer.v1.tarball").layer_suffix(),
            None
        );
    }

    #[test]
    fn families() {
        for (oci, docker) in LAYERS {
            assert_eq!(oci.layer_in(Family::Docker), Some(docker.clone()));
            assert_eq!(docker.layer_in(Family::Oci), Some(oci.clone()));
            assert_eq!(oci.layer_in(Family::Oci), Some(oci));
        }
        assert_eq!(MediaType::OCI_FOREIGN_LAYER.layer_in(Family::Docker), None);
        assert_eq!(MediaType::OCI_CONFIG.layer_in(Family::Oci), None);
    }
}
