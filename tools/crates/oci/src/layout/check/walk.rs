//! The documents of an image, walked from the top down.

use std::collections::BTreeMap;

use verbatim_digest::Digest;

use super::super::source::{check_media_type, check_size};
use super::blobs::Blobs;
use super::read::{Item, Place};
use super::CheckedImage;
use crate::{Config, Descriptor, Document, Index, Manifest, Platform};
use crate::{Error, ErrorKind, Result};

/// Indexes inside indexes; two levels are common, more than a few are an accident.
const MAX_DEPTH: usize = 8;
/// Descriptors that are followed.
const MAX_DESCRIPTORS: usize = 1 << 18;

/// A document that was read.
#[derive(Debug, Default)]
struct Read {
    /// Its size, once that is known to be right.
    size: Option<u64>,
    /// Of an image.
    platform: Option<Platform>,
}

/// Follows descriptors and collects what they say.
pub(in crate::layout) struct Walk<'a> {
    blobs: &'a dyn Blobs,
    items: BTreeMap<Digest, Item>,
    documents: BTreeMap<Digest, Read>,
    descriptors: usize,
    /// What is wrong with the documents.
    pub(in crate::layout) problems: Vec<Error>,
    images: Vec<CheckedImage>,
}

impl<'a> Walk<'a> {
    pub(in crate::layout) fn new(blobs: &'a dyn Blobs) -> Self {
        Self {
            blobs,
            items: BTreeMap::new(),
            documents: BTreeMap::new(),
            descriptors: 0,
            problems: Vec::new(),
            images: Vec::new(),
        }
    }

    pub(super) fn index(&mut self, index: &Index, file: &str, depth: usize) {
        for (i, descriptor) in index.manifests.iter().enumerate() {
            let pointer = format!("/manifests/{i}");
            if let Err(error) = self.descriptor(descriptor, file, &pointer, depth) {
                // The error that says so comes from the next one that is counted.
                let is_end = self.is_full() && error.kind() == ErrorKind::Limit;
                self.problems.push(error);
                if is_end {
                    return;
                }
            }
        }
    }

    /// Where the blobs are, and what is said of those that are no documents.
    pub(super) fn noted(&self) -> (&'a dyn Blobs, &BTreeMap<Digest, Item>) {
        (self.blobs, &self.items)
    }

    /// Whether any document names this blob.
    pub(super) fn names(&self, digest: &Digest) -> bool {
        self.documents.contains_key(digest) || self.items.contains_key(digest)
    }

    /// A blob of which nothing is said but its digest.
    pub(super) fn add_unnamed(&mut self, digest: Digest) {
        self.items.entry(digest).or_default();
    }

    /// The images that were found; to be taken once.
    pub(super) fn take_images(&mut self) -> Vec<CheckedImage> {
        std::mem::take(&mut self.images)
    }

    /// How many blobs are named, documents among them, and their bytes.
    pub(super) fn count_blobs(&self) -> (u64, u64) {
        let documents = self.documents.values().filter_map(|read| read.size);
        let others = self.items.values().filter_map(Item::size);
        let bytes = documents.chain(others).fold(0, u64::saturating_add);
        ((self.documents.len() + self.items.len()) as u64, bytes)
    }

    /// Whether the walk must end because there is too much.
    fn is_full(&self) -> bool {
        self.descriptors > MAX_DESCRIPTORS || self.documents.len() > self.blobs.most_documents()
    }

    fn count(&mut self, file: &str, pointer: &str) -> Result<()> {
        self.descriptors += 1;
        let most = MAX_DESCRIPTORS.min(self.blobs.most_documents());
        if self.is_full() {
            return Err(Error::new(
                ErrorKind::Limit,
                file,
                format!("more than {most} things are named, the limit of this check"),
            )
            .at(pointer));
        }
        Ok(())
    }

    fn missing(descriptor: &Descriptor, file: &str, pointer: &str) -> Error {
        Error::new(
            ErrorKind::Missing,
            file,
            format!(
                "names {}, and there is no such blob; add it, or write the image again",
                descriptor.digest
            ),
        )
        .at(format!("{pointer}/digest"))
    }

    /// Follow a descriptor of an index.
    pub(in crate::layout) fn descriptor(
        &mut self,
        descriptor: &Descriptor,
        file: &str,
        pointer: &str,
        depth: usize,
    ) -> Result<()> {
        self.count(file, pointer)?;
        if !descriptor.media_type.is_index() && !descriptor.media_type.is_manifest() {
            return self.blob(descriptor, None, file, pointer);
        }
        if !self.blobs.has(descriptor) {
            return Err(Self::missing(descriptor, file, pointer));
        }
        let blob = self.blobs.name(&descriptor.digest);
        if let Some(read) = self.documents.get(&descriptor.digest) {
            check_platform(descriptor, read.platform.as_ref(), file, pointer)?;
            return read
                .size
                .map_or(Ok(()), |size| check_size(&blob, descriptor, size));
        }
        if depth >= MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::Limit,
                file,
                format!("indexes are nested more than {MAX_DEPTH} deep, the limit"),
            )
            .at(pointer));
        }
        // Before anything can fail, so that nothing is said twice.
        self.documents.insert(descriptor.digest, Read::default());
        let data = self.document(descriptor)?;
        let document = Document::parse(&data, &blob)?;
        match document {
            Document::Index(index) => {
                if let Some(own) = &index.media_type {
                    check_media_type(&blob, &descriptor.media_type, own)?;
                } else if !descriptor.media_type.is_index() {
                    check_media_type(&blob, &descriptor.media_type, &index.media_type())?;
                }
                self.index(&index, &blob, depth + 1);
                Ok(())
            }
            Document::Manifest(manifest) => {
                if let Some(own) = &manifest.media_type {
                    check_media_type(&blob, &descriptor.media_type, own)?;
                } else if !descriptor.media_type.is_manifest() {
                    check_media_type(&blob, &descriptor.media_type, &manifest.media_type())?;
                }
                let platform = self.manifest(&manifest, descriptor, &blob);
                check_platform(descriptor, platform.as_ref(), file, pointer)?;
                self.documents
                    .entry(descriptor.digest)
                    .or_default()
                    .platform = platform;
                Ok(())
            }
        }
    }

    fn document(&mut self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        self.documents.entry(descriptor.digest).or_default();
        let data = self.blobs.document(descriptor)?;
        self.documents.entry(descriptor.digest).or_default().size = Some(data.len() as u64);
        Ok(data)
    }

    /// Follow a manifest; gives the platform if it is an image.
    fn manifest(
        &mut self,
        manifest: &Manifest,
        descriptor: &Descriptor,
        file: &str,
    ) -> Option<Platform> {
        let config = if manifest.may_be_image() {
            match self.config(manifest, file) {
                Ok(config) => Some(config),
                Err(error) => {
                    self.problems.push(error);
                    None
                }
            }
        } else {
            if let Err(error) = self.blob(&manifest.config, None, file, "/config") {
                self.problems.push(error);
            }
            None
        };
        for (i, layer) in manifest.layers.iter().enumerate() {
            let pointer = format!("/layers/{i}");
            let diff_id = config.as_ref().and_then(|config| {
                let file = self.blobs.name(&manifest.config.digest);
                let diff_id = *config.rootfs.diff_ids.get(i)?;
                Some((diff_id, (file, format!("/rootfs/diff_ids/{i}"))))
            });
            if let Err(error) = self
                .count(file, &pointer)
                .and_then(|()| self.blob(layer, diff_id, file, &pointer))
            {
                let is_end = self.is_full() && error.kind() == ErrorKind::Limit;
                self.problems.push(error);
                if is_end {
                    break;
                }
            }
        }
        let platform = config.map(|config| config.platform)?;
        if platform.is_runnable() {
            self.images.push(CheckedImage {
                manifest: descriptor.digest,
                config: manifest.config.digest,
                platform: platform.clone(),
                layers: manifest.layers.len(),
                size: manifest
                    .layers
                    .iter()
                    .map(|layer| layer.size)
                    .fold(descriptor.size, u64::saturating_add)
                    .saturating_add(manifest.config.size),
            });
        }
        Some(platform)
    }

    fn config(&mut self, manifest: &Manifest, file: &str) -> Result<Config> {
        if !self.blobs.has(&manifest.config) {
            return Err(Self::missing(&manifest.config, file, "/config"));
        }
        let data = self.document(&manifest.config)?;
        let blob = self.blobs.name(&manifest.config.digest);
        let config = Config::parse(&data, &blob)?;
        config.check_layers(manifest.layers.len(), &blob)?;
        Ok(config)
    }

    /// Note what is said of a blob, to be checked when it is read.
    fn blob(
        &mut self,
        descriptor: &Descriptor,
        diff_id: Option<(Digest, Place)>,
        file: &str,
        pointer: &str,
    ) -> Result<()> {
        if !self.blobs.has(descriptor) {
            if descriptor.media_type.is_foreign_layer() && !descriptor.urls.is_empty() {
                return Ok(());
            }
            return Err(Self::missing(descriptor, file, pointer));
        }
        let place = || (file.to_owned(), pointer.to_owned());
        let item = self.items.entry(descriptor.digest).or_default();
        if !item.sizes.iter().any(|(size, _)| *size == descriptor.size) {
            item.sizes.push((descriptor.size, place()));
        }
        if !item.types.iter().any(|(t, _)| *t == descriptor.media_type) {
            item.types.push((descriptor.media_type.clone(), place()));
        }
        if let Some((diff_id, place)) = diff_id {
            if !item.diff_ids.iter().any(|(own, _)| *own == diff_id) {
                item.diff_ids.push((diff_id, place));
            }
        }
        Ok(())
    }
}

/// The platform in an index must be that in the config, where both say something.
fn check_platform(
    descriptor: &Descriptor,
    config: Option<&Platform>,
    file: &str,
    pointer: &str,
) -> Result<()> {
    match (&descriptor.platform, config) {
        (Some(said), Some(config))
            if *said != Platform::default() && config.is_runnable() && !said.matches(config) =>
        {
            Err(Error::new(
                ErrorKind::Mismatch,
                file,
                format!(
                    "says {said}, and the config of the image says {config}; build the index again"
                ),
            )
            .at(format!("{pointer}/platform")))
        }
        _ => Ok(()),
    }
}
