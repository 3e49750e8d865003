//! What is asked of the store of an engine, whichever it is.

use verbatim_digest::Digest;
use verbatim_oci::{LayerMetadata, Reference, Result};

use crate::Change;

/// A store of images and their unpacked layers. What it tells is not proven.
pub trait Store {
    /// What it knows of an image.
    type Image: Stored;

    /// All images.
    fn images(&self) -> &[Self::Image];

    /// The manifests of an image, and its index if it has one, by the digests of their bytes.
    ///
    /// # Errors
    /// One of them cannot be read, or is not what its name says.
    fn manifests(&self, image: &Self::Image) -> Result<Vec<(Digest, Vec<u8>)>>;

    /// The config of this digest.
    ///
    /// # Errors
    /// It is not there, or has another digest.
    fn config(&self, image: &Self::Image, digest: Digest) -> Result<Vec<u8>>;

    /// Check the layers of an image wherever they are unpacked: nothing where they are not.
    fn check(
        &self,
        image: &Self::Image,
        expected: &[LayerMetadata],
        progress: &dyn Fn(u64),
    ) -> Vec<Unpacked>;

    /// The archives and configs of an image, of all its platforms, that were changed: the digests that they are
    /// kept by, and those that they have.
    ///
    /// # Errors
    /// One of them cannot be read.
    fn changed_blobs(
        &self,
        image: &Self::Image,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<(Digest, Digest)>>;
}

/// An image of a store.
pub trait Stored {
    /// What the store calls it.
    fn id(&self) -> &str;

    /// The names under which it is there, as far as they are references.
    fn names(&self) -> Vec<Reference>;

    /// Which part of the store it is in, where there are several.
    fn place(&self) -> Option<String>;
}

/// The unpacked layers of an image.
#[derive(Debug)]
pub struct Unpacked {
    /// By whom, where there are several who unpack.
    pub place: Option<String>,
    /// What was found, bottom first, or why nothing was.
    pub layers: Result<Vec<LayerCheck>>,
}

/// What was found about one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerCheck {
    /// The digest of the archive that the files were compared with; nothing where that could not be done.
    pub diff_id: Option<Digest>,
    /// The files that are not as the layer wants them. Where `diff_id` is the one that was expected,
    /// what the layer wants is proven; else it is what the engine's record says.
    pub changes: Vec<Change>,
    /// Why the layer could not be checked, where it could not.
    pub unchecked: Option<String>,
}

impl LayerCheck {
    pub(crate) fn unchecked(why: String) -> Self {
        Self {
            diff_id: None,
            changes: Vec::new(),
            unchecked: Some(why),
        }
    }
}

/// Tells how many bytes were read.
pub(crate) struct Watched<'a, R>(pub(crate) R, pub(crate) &'a dyn Fn(u64));

impl<R: std::io::Read> std::io::Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.read(buffer)?;
        (self.1)(n as u64);
        Ok(n)
    }
}
