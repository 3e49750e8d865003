//! Archives of `docker save` and `podman save`: what is there is compared, right or not.

use std::path::Path;

use verbatim_oci::layout::SavedFiles;

use crate::blob::Blob;
use crate::error::{Error, Result};

/// An image with its layers.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    pub(crate) tags: Vec<String>,
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Blob>,
}

/// An archive that was opened.
#[derive(Debug)]
pub(crate) struct Docker {
    pub(crate) images: Vec<Saved>,
}

impl Docker {
    /// Read the archive's headers and small files.
    pub(crate) fn open(path: &Path, name: &str) -> Result<Self> {
        let failed = |e| Error::reading(name, &e);
        let files = SavedFiles::open(path, name)?
            .ok_or_else(|| Error::input(format!("{name} is no archive of images any more")))?;
        let blob = Blob::open(path)
            .and_then(|blob| blob.opened())
            .map_err(failed)?;
        let images = files.images().iter().map(|image| {
            let layers = image.layers.iter();
            Ok(Saved {
                tags: image.tags.clone(),
                config: files.document(&image.config)?,
                layers: layers
                    .map(|layer| blob.part(layer.start, layer.size).map_err(failed))
                    .collect::<Result<_>>()?,
            })
        });
        Ok(Self {
            images: images.collect::<Result<_>>()?,
        })
    }
}
