//! What is known of an image or an index without its bytes: described from their documents, or read from a file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use verbatim_digest::Digest;

use crate::{
    json, name, Config, Descriptor, Error, ErrorKind, LayerMetadata, Manifest, Platform, Result,
};

/// The largest description of an image or index that is read.
const MAX_METADATA: u64 = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ImageSchema {
    #[serde(rename = "verbatim.image/1")]
    V1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum IndexSchema {
    #[serde(rename = "verbatim.index/1")]
    V1,
}

/// All there is to know about one image without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageMetadata {
    pub(crate) schema: ImageSchema,
    /// For which platform it is, in the words of its config.
    pub platform: Platform,
    /// The manifest, with the platform: as an index names it.
    pub manifest: Descriptor,
    /// The config; its digest is the image ID.
    pub config: Descriptor,
    /// Bottom first.
    pub layers: Vec<LayerMetadata>,
}

/// All there is to know about an index without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexMetadata {
    pub(crate) schema: IndexSchema,
    /// The index itself.
    pub index: Descriptor,
    /// In the order of the index.
    pub images: Vec<ImageMetadata>,
}

/// A document with its name in messages.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// Usually the path of the file.
    pub file: &'a str,
}

impl<'a> Named<'a> {
    /// These bytes under this name.
    pub fn new(data: &'a [u8], file: &'a str) -> Self {
        Self { data, file }
    }
}

impl ImageMetadata {
    /// The document: canonical JSON and a line feed.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        json::to_canonical_line(self)
    }

    /// Read the document; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        let mut image: Self = json::parse(data, file)?;
        LayerMetadata::share_encoders(&mut image.layers);
        for (i, layer) in image.layers.iter().enumerate() {
            layer.check(file, format_args!("/layers/{i}"))?;
        }
        Ok(image)
    }

    /// Read the document from a file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&json::read_file(path, MAX_METADATA)?, &name(path))
    }

    /// Describe an image by its documents. Digests and sizes come from the bytes; what a
    /// `metadata` document adds (how the layers were compressed) is taken from it after
    /// everything else in it was found to agree.
    pub fn describe(
        manifest: Named<'_>,
        config: Named<'_>,
        metadata: Option<(&Self, &str)>,
    ) -> Result<Self> {
        let parsed = Manifest::parse(manifest.data, manifest.file)?;
        if !parsed.may_be_image() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                manifest.file,
                format!(
                    "is the manifest of an artifact with a config of type `{}`, not of an image",
                    parsed.config.media_type
                ),
            )
            .at("/config/mediaType"));
        }
        let config_descriptor = Descriptor::of(parsed.config.media_type.clone(), config.data);
        if !config_descriptor.names_same_bytes(&parsed.config) {
            return Err(Error::new(
                ErrorKind::Mismatch,
                manifest.file,
                format!(
                    "names the config {} of {} bytes, and {} is {} of {} bytes; give the config that belongs to the manifest",
                    parsed.config.digest,
                    parsed.config.size,
                    config.file,
                    config_descriptor.digest,
                    config_descriptor.size
                ),
            )
            .at("/config"));
        }
        let view = Config::parse(config.data, config.file)?;
        view.check_layers(parsed.layers.len(), config.file)?;
        let mut own = Self {
            schema: ImageSchema::V1,
            manifest: Descriptor {
                platform: Some(view.platform.clone()),
                ..Descriptor::of(parsed.media_type(), manifest.data)
            },
            platform: view.platform,
            config: config_descriptor,
            layers: Vec::with_capacity(parsed.layers.len()),
        };
        for (i, (layer, &diff_id)) in parsed.layers.iter().zip(&view.rootfs.diff_ids).enumerate() {
            let layer = LayerMetadata::new(
                layer.media_type.clone(),
                layer.digest,
                layer.size,
                diff_id,
                (layer.digest == diff_id).then_some(layer.size),
                None,
            );
            layer.check(manifest.file, format_args!("/layers/{i}"))?;
            own.layers.push(layer);
        }
        if let Some((metadata, file)) = metadata {
            own.adopt(metadata, file)?;
        }
        Ok(own)
    }

    /// Take over what `metadata` knows more, if it is about the same image.
    fn adopt(&mut self, metadata: &Self, file: &str) -> Result<()> {
        let differs = |pointer: String| {
            Error::new(
                ErrorKind::Mismatch,
                file,
                "does not agree with the image's manifest and config; give the metadata that was written together with them",
            )
            .at(pointer)
        };
        for (what, own, other) in [
            ("/manifest", &self.manifest, &metadata.manifest),
            ("/config", &self.config, &metadata.config),
        ] {
            if !own.names_same_bytes(other) || own.media_type != other.media_type {
                return Err(differs(what.into()));
            }
        }
        if self.platform != metadata.platform {
            return Err(differs("/platform".into()));
        }
        if self.layers.len() != metadata.layers.len() {
            return Err(differs("/layers".into()));
        }
        for (i, (own, other)) in self.layers.iter_mut().zip(&metadata.layers).enumerate() {
            if own.digest != other.digest
                || own.size != other.size
                || own.diff_id != other.diff_id
                || own.media_type != other.media_type
            {
                return Err(differs(format!("/layers/{i}")));
            }
            own.uncompressed_size = own.uncompressed_size.or(other.uncompressed_size);
            own.encoder.clone_from(&other.encoder);
        }
        Ok(())
    }

    /// The same image as an index names it, which may say more of the platform than the config.
    #[must_use]
    pub fn named_for(mut self, platform: &Platform) -> Self {
        self.platform = platform.clone();
        self.manifest.platform = Some(platform.clone());
        self
    }

    /// The image ID.
    pub fn id(&self) -> Digest {
        self.config.digest
    }

    /// Know how large each layer is inside; in the order of the layers.
    pub(crate) fn set_uncompressed_sizes(&mut self, size_of: impl Fn(&Digest) -> Option<u64>) {
        for layer in &mut self.layers {
            layer.uncompressed_size = layer.uncompressed_size.or_else(|| size_of(&layer.digest));
        }
    }
}

impl IndexMetadata {
    /// The document: canonical JSON and a line feed.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        json::to_canonical_line(self)
    }

    /// Read the document; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        let mut index: Self = json::parse(data, file)?;
        for (i, image) in index.images.iter_mut().enumerate() {
            LayerMetadata::share_encoders(&mut image.layers);
            for (j, layer) in image.layers.iter().enumerate() {
                layer.check(file, format_args!("/images/{i}/layers/{j}"))?;
            }
        }
        Ok(index)
    }

    /// Read the document from a file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&json::read_file(path, MAX_METADATA)?, &name(path))
    }
}
