//! One image out of a layout that may hold many things.

use std::sync::Arc;

use super::check::{read_all, Progress, Walk};
use super::source::Layout;
use crate::{Config, Descriptor, Document, ImageMetadata, Index, Manifest, Named, Platform};
use crate::{Error, ErrorKind, Result};

/// Indexes inside indexes that are looked into.
const MAX_DEPTH: usize = 8;
/// Images that are looked at.
const MAX_IMAGES: usize = 4096;

/// An image that a layout holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// As the index names it, which may leave the platform out.
    pub descriptor: Descriptor,
    /// In the words of the config.
    pub platform: Platform,
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The bytes of the config.
    pub config: Vec<u8>,
}

/// The documents of the image that was chosen, every byte of it checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The bytes of the config.
    pub config: Vec<u8>,
    /// What they say, the sizes of the layers inside their compression included.
    pub metadata: ImageMetadata,
}

/// All images that can run, in the order of the indexes: attestations, signatures and other
/// artifacts are passed over. No layer is read.
pub fn images(layout: &Layout, root: Option<&Descriptor>) -> Result<Vec<Candidate>> {
    let mut found = Vec::new();
    match root {
        Some(root) => visit(layout, root, 0, &mut found)?,
        None => {
            let (_, index) = layout.index()?;
            visit_index(layout, &index, 0, &mut found)?;
        }
    }
    Ok(found)
}

fn visit_index(
    layout: &Layout,
    index: &Index,
    depth: usize,
    found: &mut Vec<Candidate>,
) -> Result<()> {
    for descriptor in &index.manifests {
        if descriptor.may_be_image() {
            visit(layout, descriptor, depth + 1, found)?;
        }
    }
    Ok(())
}

fn visit(
    layout: &Layout,
    descriptor: &Descriptor,
    depth: usize,
    found: &mut Vec<Candidate>,
) -> Result<()> {
    let file = layout.blob_name(&descriptor.digest);
    if depth > MAX_DEPTH {
        return Err(Error::new(
            ErrorKind::Limit,
            file,
            format!("indexes are nested more than {MAX_DEPTH} deep, the limit"),
        ));
    }
    if found
        .iter()
        .any(|image| image.descriptor.digest == descriptor.digest)
    {
        return Ok(());
    }
    let data = layout.document(descriptor)?;
    let manifest: Manifest = match Document::parse(&data, &file)? {
        Document::Index(index) => return visit_index(layout, &index, depth, found),
        Document::Manifest(manifest) => *manifest,
    };
    if !manifest.may_be_image() {
        return Ok(());
    }
    let config = layout.document(&manifest.config)?;
    let view = Config::parse(&config, &layout.blob_name(&manifest.config.digest))?;
    if !view.platform.is_runnable() {
        return Ok(());
    }
    if found.len() == MAX_IMAGES {
        return Err(Error::new(
            ErrorKind::Limit,
            layout.file_name("index.json"),
            format!("names more than {MAX_IMAGES} images, the limit"),
        ));
    }
    found.push(Candidate {
        descriptor: descriptor.clone(),
        platform: view.platform,
        manifest: data,
        config,
    });
    Ok(())
}

/// Choose one image, for `platform` if there are several, and check every byte of it.
pub fn import(
    layout: &Layout,
    platform: Option<&Platform>,
    threads: usize,
    progress: Arc<dyn Progress>,
) -> Result<Imported> {
    let candidate = choose(layout, images(layout, None)?, platform)?;
    let manifest_name = layout.blob_name(&candidate.descriptor.digest);
    let manifest = Manifest::parse(&candidate.manifest, &manifest_name)?;
    let config_name = layout.blob_name(&manifest.config.digest);
    let mut metadata = ImageMetadata::describe(
        Named::new(&candidate.manifest, &manifest_name),
        Named::new(&candidate.config, &config_name),
        None,
    )?;
    let mut walk = Walk::new(layout);
    walk.descriptor(
        &candidate.descriptor,
        &layout.file_name("index.json"),
        "/manifests",
        0,
    )?;
    let mut errors = std::mem::take(&mut walk.problems);
    let mut unpacked = std::collections::BTreeMap::new();
    for mut read in read_all(&[walk], threads, progress) {
        errors.append(&mut read.errors);
        unpacked.append(&mut read.unpacked);
    }
    // Which of several is told first must not depend on threads.
    errors.sort_by_cached_key(ToString::to_string);
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    metadata.set_uncompressed_sizes(|digest| unpacked.get(digest).copied());
    Ok(Imported {
        manifest: candidate.manifest,
        config: candidate.config,
        metadata,
    })
}

/// Choose one image as [`import`] does, of a layout whose layers need not be there: its documents are checked, and no layer is looked at.
pub fn import_documents(layout: &Layout, platform: Option<&Platform>) -> Result<Imported> {
    let candidate = choose(layout, images(layout, None)?, platform)?;
    let manifest_name = layout.blob_name(&candidate.descriptor.digest);
    let manifest = Manifest::parse(&candidate.manifest, &manifest_name)?;
    let config_name = layout.blob_name(&manifest.config.digest);
    let metadata = ImageMetadata::describe(
        Named::new(&candidate.manifest, &manifest_name),
        Named::new(&candidate.config, &config_name),
        None,
    )?;
    Ok(Imported {
        manifest: candidate.manifest,
        config: candidate.config,
        metadata,
    })
}

/// The one image that is meant.
pub(crate) fn choose(
    layout: &Layout,
    mut images: Vec<Candidate>,
    platform: Option<&Platform>,
) -> Result<Candidate> {
    let listed = |images: &[Candidate]| {
        let mut all: Vec<String> = images
            .iter()
            .map(|image| image.platform.to_string())
            .collect();
        all.sort_unstable();
        all.truncate(20);
        all.join(", ")
    };
    let file = layout.file_name("index.json");
    if images.is_empty() {
        return Err(Error::new(
            ErrorKind::Missing,
            file,
            "names no image that can run, only attestations or other artifacts",
        ));
    }
    let all = listed(&images);
    if let Some(platform) = platform {
        images.retain(|image| image.platform.matches(platform));
    }
    match (images.len(), platform) {
        (1, _) => Ok(images.remove(0)),
        (0, Some(platform)) => Err(Error::new(
            ErrorKind::Mismatch,
            file,
            format!("names no image for {platform}; there are {all}"),
        )),
        (_, Some(platform)) => Err(Error::new(
            ErrorKind::Mismatch,
            file,
            format!("names several images for {platform}; make a layout with the one you mean"),
        )),
        (_, None) => Err(Error::new(
            ErrorKind::Mismatch,
            file,
            format!("names several images, for {all}; choose one with --platform"),
        )),
    }
}
