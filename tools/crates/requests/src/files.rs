//! The files in which a build tool keeps what it knows of layers, images and published files.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use verbatim_oci::layout::LayerInput;
use verbatim_oci::{json, ImageMetadata, LayerMetadata, Named, Result};

/// A layer, or several in a folder, and what was written beside them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerFiles {
    /// The bytes; or a folder with the blob and the metadata of each layer.
    pub blob: PathBuf,
    /// What is known of them (`verbatim.layer/1`), of several layers one object a line.
    pub metadata: PathBuf,
}

impl LayerFiles {
    /// Parse the JSON of an option; `option` is its name in messages.
    pub fn parse(text: &str, option: &str) -> Result<Self> {
        json::parse(text.as_bytes(), option)
    }

    /// The layers, the lowest first.
    pub fn read(&self) -> Result<Vec<LayerInput>> {
        if self.blob.is_dir() {
            return LayerInput::in_folder(&self.blob);
        }
        Ok(vec![LayerInput {
            blob: self.blob.clone(),
            metadata: LayerMetadata::read(&self.metadata)?,
        }])
    }
}

/// The documents of an image for one platform.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// The manifest.
    pub manifest: PathBuf,
    /// The config.
    pub config: PathBuf,
    /// What was written beside them (`verbatim.image/1`).
    #[serde(default)]
    pub metadata: Option<PathBuf>,
}

/// The documents of an image, read, and what follows from them.
#[derive(Debug)]
pub struct ReadDocuments {
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The bytes of the config.
    pub config: Vec<u8>,
    /// What they and the metadata say, each statement checked against the bytes.
    pub image: ImageMetadata,
}

impl Documents {
    /// Parse the JSON of an option; `option` is its name in messages.
    pub fn parse(text: &str, option: &str) -> Result<Self> {
        json::parse(text.as_bytes(), option)
    }

    /// Read the documents and describe the image.
    pub fn read(&self) -> Result<ReadDocuments> {
        let manifest = json::read_file(&self.manifest, json::MAX_DOCUMENT)?;
        let config = json::read_file(&self.config, json::MAX_DOCUMENT)?;
        let known = self
            .metadata
            .as_deref()
            .map(|path| ImageMetadata::read(path).map(|known| (known, name(path))))
            .transpose()?;
        let image = ImageMetadata::describe(
            Named::new(&manifest, &name(&self.manifest)),
            Named::new(&config, &name(&self.config)),
            known.as_ref().map(|(known, file)| (known, file.as_str())),
        )?;
        Ok(ReadDocuments {
            manifest,
            config,
            image,
        })
    }
}

/// A file under its published name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// The name, relative to where the sums are published.
    pub name: String,
    /// Where the bytes are.
    pub file: PathBuf,
    /// Whom to name in messages.
    #[serde(default)]
    pub origin: Option<String>,
}

impl FileRecord {
    /// Parse the JSON of an option; `option` is its name in messages.
    pub fn parse(text: &str, option: &str) -> Result<Self> {
        json::parse(text.as_bytes(), option)
    }

    /// Whom to name in messages.
    pub fn origin(&self) -> String {
        self.origin.clone().unwrap_or_else(|| name(&self.file))
    }
}

/// A path in messages.
pub(crate) fn name(path: &Path) -> String {
    path.display().to_string()
}
