//! One image out of a layout that may hold many things.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::check::{read_all, Progress, Visitor};
use super::source::Layout;
use crate::graph::{self, Link, Walk};
use crate::{
    Descriptor, Document, Error, ErrorKind, Image, ImageMetadata, Index, Manifest, Named, Platform,
    Result,
};

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

/// All images that can run, in the order of the indexes: attestations, signatures and other
/// artifacts are passed over. No layer is read.
pub fn images(layout: &Layout) -> Result<Vec<Candidate>> {
    images_and_names(layout).map(|(images, _)| images)
}

/// The same, and what all indexes say: one image may be named for several platforms.
pub fn images_and_names(layout: &Layout) -> Result<(Vec<Candidate>, Vec<Descriptor>)> {
    let file = layout.index_name();
    let index = layout.index()?.1;
    let mut walk = Walk::of_index(&index, &file);
    let mut named = index.manifests;
    let mut found = Vec::new();
    while let Some(link) = walk.next() {
        let link = link?;
        if !link.descriptor.may_be_image() {
            continue;
        }
        let image = match document(layout, &mut walk, &link)? {
            (Document::Index(index), _) => {
                named.extend(index.manifests);
                continue;
            }
            (Document::Manifest(manifest), bytes) => {
                image(layout, &mut walk, &link, &manifest, bytes)?
            }
        };
        if let Some(image) = image {
            if found.len() == MAX_IMAGES {
                return Err(Error::new(
                    ErrorKind::Limit,
                    file,
                    format!("names more than {MAX_IMAGES} images, the limit"),
                ));
            }
            found.push(image);
        }
    }
    Ok((found, named))
}

/// Look at a document; gives the image if it is one that can run.
fn visit(layout: &Layout, walk: &mut Walk, link: &Link) -> Result<Option<Candidate>> {
    match document(layout, walk, link)? {
        (Document::Index(_), _) => Ok(None),
        (Document::Manifest(manifest), bytes) => image(layout, walk, link, &manifest, bytes),
    }
}

fn document(layout: &Layout, walk: &mut Walk, link: &Link) -> Result<(Document, Vec<u8>)> {
    let digest = &link.descriptor.digest;
    let bytes = layout.bytes(digest)?;
    let document = walk.enter(link, &bytes, &layout.blob_name(digest))?;
    Ok((document, bytes))
}

/// The image of a manifest that was found, if it is one that can run.
pub(super) fn image(
    layout: &Layout,
    walk: &mut Walk,
    link: &Link,
    manifest: &Manifest,
    bytes: Vec<u8>,
) -> Result<Option<Candidate>> {
    if !manifest.may_be_image() {
        return Ok(None);
    }
    let digest = &manifest.config.digest;
    let data = layout.bytes(digest)?;
    let config = graph::config(manifest, &data, &layout.blob_name(digest))?;
    walk.is_for(link, &config.platform)?;
    Ok(manifest.is_image(&config.platform).then(|| Candidate {
        descriptor: link.descriptor.clone(),
        platform: config.platform,
        manifest: bytes,
        config: data,
    }))
}

/// What may be an image that can run, and its platform: that of the index where it says one,
/// for then nothing is opened and need not be there; else that of the config.
pub(super) struct Offer {
    pub(super) link: Link,
    pub(super) platform: Platform,
}

/// What a layout offers, each image as often as it is named with a platform.
fn offers(layout: &Layout) -> Result<Vec<Offer>> {
    let (_, index) = layout.index()?;
    let file = layout.index_name();
    let mut offers = stated(&index, &file);
    below(layout, Walk::of_index(&index, &file), &mut offers)?;
    Ok(offers)
}

/// The same of what one entry of `index.json` leads to.
pub(super) fn offers_of(layout: &Layout, entry: Link) -> Result<Vec<Offer>> {
    if let Some(platform) = platform_of(&entry.descriptor) {
        let platform = platform.clone();
        return Ok(vec![Offer {
            link: entry,
            platform,
        }]);
    }
    let mut offers = Vec::new();
    below(layout, Walk::new(entry, usize::MAX), &mut offers)?;
    Ok(offers)
}

fn below(layout: &Layout, mut walk: Walk, offers: &mut Vec<Offer>) -> Result<()> {
    while let Some(link) = walk.next() {
        let link = link?;
        if !link.descriptor.may_be_image() || platform_of(&link.descriptor).is_some() {
            continue;
        }
        match document(layout, &mut walk, &link)? {
            (Document::Index(index), _) => {
                let file = layout.blob_name(&link.descriptor.digest);
                offers.extend(stated(&index, &file));
            }
            (Document::Manifest(manifest), bytes) => {
                if let Some(found) = image(layout, &mut walk, &link, &manifest, bytes)? {
                    offers.push(Offer {
                        link,
                        platform: found.platform,
                    });
                }
            }
        }
    }
    Ok(())
}

/// The images of which an index says the platform.
fn stated(index: &Index, file: &str) -> Vec<Offer> {
    let entries = index.manifests.iter().enumerate();
    entries
        .filter_map(|(i, descriptor)| {
            Some(Offer {
                link: Link::of_index(descriptor, file, i),
                platform: platform_of(descriptor)?.clone(),
            })
        })
        .collect()
}

/// The platform that is said of a manifest that may be an image.
fn platform_of(descriptor: &Descriptor) -> Option<&Platform> {
    // Of what calls itself an artifact its own bytes tell whether it is an image.
    let may_be = descriptor.may_be_image() && !descriptor.is_marked();
    let may_be = may_be && descriptor.media_type.is_manifest();
    let platform = descriptor.platform.as_ref();
    platform.filter(|platform| may_be && platform.is_runnable())
}

/// For which platforms a layout has different images, as far as its indexes and the configs
/// that are there tell.
pub fn platforms(layout: &Layout) -> Result<Vec<Platform>> {
    let mut seen = BTreeSet::new();
    let mut all = offers(layout)?;
    all.retain(|offer| seen.insert(offer.link.descriptor.digest));
    Ok(all.into_iter().map(|offer| offer.platform).collect())
}

/// The image that is meant: the only one, or the one for `platform`. Of a layout that holds a
/// part of an index alone, as `docker save` writes it, only what is chosen must be there.
pub fn image_for(layout: &Layout, platform: Option<&Platform>) -> Result<Candidate> {
    let meant = choose(layout, platform)?;
    open(layout, &meant)?.ok_or_else(|| {
        Error::new(
            ErrorKind::Mismatch,
            layout.index_name(),
            format!(
                "names {} for {}, and it is no image that can run",
                meant.link.descriptor.digest, meant.platform
            ),
        )
    })
}

/// Where the image that is meant is named; it may not be there.
pub(super) fn choose(layout: &Layout, platform: Option<&Platform>) -> Result<Offer> {
    graph::choose(
        platform,
        offers(layout)?,
        |offer| (&offer.platform, offer.link.descriptor.digest),
        layout.index_name(),
    )
}

fn open(layout: &Layout, offer: &Offer) -> Result<Option<Candidate>> {
    let link = &offer.link;
    if !layout.has_blob(&link.descriptor.digest) {
        return Err(Error::new(
            ErrorKind::Missing,
            &*link.file,
            format!(
                "names {} for {}, and this layout does not hold it: `docker save`, for one, keeps the platform of its own machine alone; fetch that image",
                link.descriptor.digest, offer.platform
            ),
        )
        .at(format!("{}/digest", link.pointer)));
    }
    let mut walk = Walk::new(link.clone(), usize::MAX);
    match walk.next() {
        Some(link) => visit(layout, &mut walk, &link?),
        None => Ok(None),
    }
}

/// Choose one image, for `platform` if there are several, and check every byte of it.
pub fn import(
    layout: &Layout,
    platform: Option<&Platform>,
    threads: usize,
    progress: Arc<dyn Progress>,
) -> Result<Image> {
    let candidate = image_for(layout, platform)?;
    let mut metadata = describe(layout, &candidate)?;
    let mut visitor = Visitor::new(layout);
    visitor.follow(Walk::new(
        Link::root(candidate.descriptor.clone(), &layout.index_name()),
        usize::MAX,
    ));
    let mut errors = std::mem::take(&mut visitor.problems);
    let mut unpacked = std::collections::BTreeMap::new();
    for mut read in read_all(&[visitor], threads, progress) {
        errors.append(&mut read.errors);
        unpacked.append(&mut read.unpacked);
    }
    // Which of several is told first must not depend on threads.
    errors.sort_by_cached_key(ToString::to_string);
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    metadata.set_uncompressed_sizes(|digest| unpacked.get(digest).copied());
    Ok(Image {
        manifest: candidate.manifest,
        config: candidate.config,
        metadata,
    })
}

/// Choose one image as [`import`] does, of a layout whose layers need not be there: its
/// documents are checked, and no layer is looked at.
pub fn import_documents(layout: &Layout, platform: Option<&Platform>) -> Result<Image> {
    let candidate = image_for(layout, platform)?;
    Ok(Image {
        metadata: describe(layout, &candidate)?,
        manifest: candidate.manifest,
        config: candidate.config,
    })
}

/// What the documents of an image say.
fn describe(layout: &Layout, image: &Candidate) -> Result<ImageMetadata> {
    let manifest_name = layout.blob_name(&image.descriptor.digest);
    let manifest = Manifest::parse(&image.manifest, &manifest_name)?;
    let config_name = layout.blob_name(&manifest.config.digest);
    ImageMetadata::describe(
        Named::new(&image.manifest, &manifest_name),
        Named::new(&image.config, &config_name),
        None,
    )
}
