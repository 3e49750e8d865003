//! The documents of an image, and what they say of the other blobs.

use std::collections::BTreeMap;

use verbatim_digest::Digest;

use super::read::{Item, Place};
use super::{CheckedImage, Remark};
use crate::graph::{self, Blobs, Link, Walk};
use crate::{json, Config, Descriptor, Document, Error, Manifest, Platform, Result};

/// Visits documents and collects what they say.
pub(in crate::layout) struct Visitor<'a> {
    blobs: &'a dyn Blobs,
    items: BTreeMap<Digest, Item>,
    /// The documents, each with its size if it was found.
    documents: BTreeMap<Digest, Option<u64>>,
    /// What is wrong with the documents.
    pub(in crate::layout) problems: Vec<Error>,
    images: Vec<CheckedImage>,
    remarks: Vec<Remark>,
}

impl<'a> Visitor<'a> {
    pub(in crate::layout) fn new(blobs: &'a dyn Blobs) -> Self {
        Self {
            blobs,
            items: BTreeMap::new(),
            documents: BTreeMap::new(),
            problems: Vec::new(),
            images: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Walk to the end, whatever is wrong on the way.
    pub(in crate::layout) fn follow(&mut self, mut walk: Walk) {
        while let Some(link) = walk.next() {
            if let Err(error) = link.and_then(|link| self.visit(&mut walk, &link)) {
                self.problems.push(error);
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

    /// The images that were found, and what is odd about them; to be taken once.
    pub(super) fn take_images(&mut self) -> (Vec<CheckedImage>, Vec<Remark>) {
        self.remarks.sort_unstable();
        self.remarks.dedup();
        (
            std::mem::take(&mut self.images),
            std::mem::take(&mut self.remarks),
        )
    }

    /// How many blobs are named, documents among them, and their bytes.
    pub(super) fn count_blobs(&self) -> (u64, u64) {
        let documents = self.documents.values().flatten().copied();
        let others = self.items.values().filter_map(Item::size);
        let bytes = documents.chain(others).fold(0, u64::saturating_add);
        ((self.documents.len() + self.items.len()) as u64, bytes)
    }

    fn visit(&mut self, walk: &mut Walk, link: &Link) -> Result<()> {
        let descriptor = &link.descriptor;
        if !link.is_document() {
            self.blob(descriptor, None, &link.file, &link.pointer)?;
            return self.other(descriptor);
        }
        if !self.blobs.has(descriptor) {
            return Err(link.missing());
        }
        let name = self.blobs.name(&descriptor.digest);
        let data = self.document(descriptor)?;
        if let Document::Manifest(manifest) = walk.enter(link, &data, &name)? {
            if let Some(platform) = self.manifest(&manifest, descriptor, &name) {
                walk.is_for(link, &platform)?;
            }
        }
        Ok(())
    }

    /// Something in an index that is no document by what is said: images must not hide behind
    /// a wrong type. What cannot be read is told where all blobs are read.
    fn other(&self, descriptor: &Descriptor) -> Result<()> {
        if descriptor.size > json::MAX_DOCUMENT || !self.blobs.has(descriptor) {
            return Ok(());
        }
        let Ok(bytes) = self.blobs.document(descriptor) else {
            return Ok(());
        };
        let name = self.blobs.name(&descriptor.digest);
        graph::check_is_no_document(&name, &descriptor.media_type, &bytes)
    }

    /// The bytes of a document, which is then no blob of another kind.
    fn document(&mut self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        self.documents.entry(descriptor.digest).or_default();
        let data = self.blobs.document(descriptor)?;
        self.documents
            .insert(descriptor.digest, Some(data.len() as u64));
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
            if let Err(error) = self.blob(layer, diff_id, file, &pointer) {
                self.problems.push(error);
            }
        }
        let platform = config.map(|config| config.platform)?;
        if manifest.is_image(&platform) {
            if platform.is_unnamed() {
                self.remarks.push(Remark {
                    file: self.blobs.name(&manifest.config.digest),
                    pointer: "/architecture".into(),
                    remark: "the config names no operating system and no architecture, so every engine takes the image for one of its own; build it with both".into(),
                });
            }
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
            return Err(graph::missing(&manifest.config, file, "/config"));
        }
        let data = self.document(&manifest.config)?;
        let name = self.blobs.name(&manifest.config.digest);
        let config = graph::config(manifest, &data, &name)?;
        if let Some(remark) = config.history_remark() {
            self.remarks.push(Remark {
                file: name,
                pointer: "/history".into(),
                remark,
            });
        }
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
            return Err(graph::missing(descriptor, file, pointer));
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
