//! Where the parts lie that `manifest.json` names.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use verbatim_document::file::open;

use super::super::archive::{ArchiveKind, Scanned, LIST};
use crate::json::{self, MAX_DOCUMENT};
use crate::{Error, ErrorKind, Result};

/// An image in `manifest.json`.
#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers", default)]
    layers: Option<Vec<String>>,
}

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name in messages.
    pub file: String,
    /// Where its content begins.
    pub start: u64,
    /// The bytes of its content.
    pub size: u64,
}

/// An image by its parts.
#[derive(Debug)]
pub struct SavedImage {
    /// Its names.
    pub tags: Vec<String>,
    /// Its config.
    pub config: Part,
    /// Its layers, bottom first.
    pub layers: Vec<Part>,
}

/// An archive of images that has no manifests, as its `manifest.json` names what is in it.
#[derive(Debug)]
pub struct SavedFiles {
    path: PathBuf,
    name: String,
    images: Vec<SavedImage>,
}

impl SavedFiles {
    /// Open an archive, `name` in messages; `None` if it is no archive of this kind, but perhaps
    /// a layout.
    ///
    /// # Errors
    /// It is no archive that can be read, or names what is not there.
    pub fn open(path: &Path, name: &str) -> Result<Option<Self>> {
        let scanned = Scanned::of(path, name)?;
        if scanned.kind() != Some(ArchiveKind::Saved) {
            return Ok(None);
        }
        let mut archive = Self {
            path: path.to_owned(),
            name: name.to_owned(),
            images: Vec::new(),
        };
        let part = |inside: &str| {
            let file = format!("{name}!{inside}");
            match scanned.find(inside) {
                Some((start, size)) => Ok(Part { file, start, size }),
                None => Err(Error::new(
                    ErrorKind::Missing,
                    file,
                    format!("is named in {LIST}, and the archive does not hold it; save the image again"),
                )),
            }
        };
        let list = part(LIST)?;
        let named: Vec<Named> = json::parse(&archive.document(&list)?, &list.file)?;
        let image = |image: Named| {
            let layers = image.layers.unwrap_or_default();
            Ok(SavedImage {
                tags: image.tags.unwrap_or_default(),
                config: part(&image.config)?,
                layers: layers
                    .iter()
                    .map(|layer| part(layer))
                    .collect::<Result<_>>()?,
            })
        };
        archive.images = named.into_iter().map(image).collect::<Result<_>>()?;
        Ok(Some(archive))
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The images, as they are listed.
    pub fn images(&self) -> &[SavedImage] {
        &self.images
    }

    /// The content of a part that is a document.
    pub fn document(&self, part: &Part) -> Result<Vec<u8>> {
        json::read_limited(self.reader(part)?, MAX_DOCUMENT, &part.file)
    }

    /// The content of a part.
    pub fn reader(&self, part: &Part) -> Result<Take<File>> {
        let failed = |e| Error::io(&*self.name, "cannot be read", e);
        let (mut file, _) = open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(part.start)).map_err(failed)?;
        Ok(file.take(part.size))
    }
}
