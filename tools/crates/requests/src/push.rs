//! What a request becomes in a push.

use std::path::Path;
use std::sync::Arc;

use verbatim_digest::Digest;
use verbatim_oci::layout::Layout;
use verbatim_oci::{json, LayerMetadata, Named};
use verbatim_registry::{Image, Inputs, Repository, Target};

use crate::sums::published_as;
use crate::{Documents, ImageRequest, Source, Values};

/// Why a request cannot be pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// A document or a layout is wrong, or could not be read.
    #[error(transparent)]
    Document(#[from] verbatim_oci::Error),
    /// The image, or the name of a repository, is wrong.
    #[error(transparent)]
    Registry(Box<verbatim_registry::Error>),
    /// A repository of `mount` has no such name.
    #[error("{origin}: /mount: {source}")]
    Mount {
        /// Whose request it is.
        origin: String,
        /// What is wrong.
        source: Box<verbatim_registry::Error>,
    },
    /// A digest alone has nothing that could be sent.
    #[error("{0}: a digest and a descriptor are no image that could be pushed; give its layout")]
    NoContent(String),
}

impl From<verbatim_registry::Error> for PushError {
    fn from(error: verbatim_registry::Error) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl ImageRequest {
    /// The image as it is pushed. Only small documents are read. `inputs` is where its blobs may be beside what it
    /// says itself.
    pub fn push_image(&self, values: &Values, inputs: Inputs) -> Result<Image, PushError> {
        let target = Target {
            reference: self.reference(values)?,
            digest: None,
        };
        let mut inputs = self.inputs(inputs)?;
        let read = |path: &Path| json::read_file(path, json::MAX_DOCUMENT);
        let mut add = |documents: &Documents| -> Result<(), PushError> {
            inputs.add_document(read(&documents.manifest)?);
            inputs.add_document(read(&documents.config)?);
            Ok(())
        };
        let root = match &self.source {
            Source::Layout { layout: path, kind } | Source::File { file: path, kind } => {
                return Ok(Image::of_layout(target, path, *kind, inputs)?);
            }
            Source::OutputGroups {
                digest,
                descriptor,
                layout,
            } => {
                let Some(layout) = layout else {
                    return Err(PushError::NoContent(self.origin.clone()));
                };
                let kind = published_as(&self.agreed(digest, descriptor)?);
                return Ok(Image::of_layout(target, layout, kind, inputs)?);
            }
            Source::Image(documents) => {
                add(documents)?;
                &documents.manifest
            }
            Source::Index { index, images } => {
                images.iter().try_for_each(add)?;
                index
            }
        };
        let data = read(root)?;
        let file = root.display().to_string();
        let root = Named::new(&data, &file);
        Ok(Image::new(target, root, &inputs, &self.origin)?)
    }

    /// Where blobs come from.
    fn inputs(&self, mut inputs: Inputs) -> Result<Inputs, PushError> {
        for cached in &self.blobs.cached {
            for layer in LayerMetadata::read_all(&cached.metadata)? {
                inputs.add_left(layer.digest, &cached.origin);
            }
        }
        for layer in &self.blobs.layers {
            for layer in layer.read()? {
                inputs.add_file(layer.metadata.digest, layer.blob);
            }
        }
        for path in &self.blobs.layouts {
            add_layout(&mut inputs, path)?;
        }
        for mount in &self.blobs.mount {
            let repositories = mount
                .repositories
                .iter()
                .map(|name| name.parse())
                .collect::<Result<Vec<Repository>, _>>()
                .map_err(|source| PushError::Mount {
                    origin: self.origin.clone(),
                    source: Box::new(source),
                })?;
            inputs.add_elsewhere(mount.digest, repositories);
        }
        Ok(inputs)
    }
}

/// A layout, or one blob of it: a file whose name is the digest.
fn add_layout(inputs: &mut Inputs, path: &Path) -> Result<(), PushError> {
    let digest = path
        .file_name()
        .and_then(|file| file.to_str())
        .and_then(|file| Digest::from_hex(file).ok());
    match digest {
        Some(digest) if !path.is_dir() => inputs.add_file(digest, path.to_owned()),
        _ => inputs.add_layout(Arc::new(Layout::open(path)?)),
    }
    Ok(())
}
