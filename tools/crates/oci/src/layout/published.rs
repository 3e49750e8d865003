//! What is published of a layout: decided here alone, for sums, pushes and comparisons.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::import::{image, images, offers_of, Offer};
use super::listed::REF_NAME;
use super::source::Layout;
use crate::graph::{Link, Walk};
use crate::{Descriptor, Document, Error, ErrorKind, Index, Reference, Result};

/// What a layout stands for, where it could be two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The one image in it.
    Image,
    /// The index: the one that `index.json` names, or `index.json` itself.
    Index,
}

/// The manifest or index that a registry serves when a layout is published.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its type, digest and size.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its name in messages.
    pub file: String,
    /// How `index.json` names it; it may be that file itself.
    pub listed: Option<Descriptor>,
}

impl Published {
    /// What is published of a layout.
    ///
    /// Entries of `index.json` that all name one digest are one thing, whatever its tags.
    /// An image beside its attestations, or images for several platforms, make `index.json` an
    /// index, which is published itself. Different images need a choice, and `kind` is one.
    pub fn of(layout: &Layout, kind: Option<Kind>) -> Result<Self> {
        let (data, index) = layout.index()?;
        let file = layout.index_name();
        // What is attached to an image is not published under its name.
        let entries = layout.listed(&index).images;
        let Some((_, first)) = entries.first() else {
            return Err(Error::new(
                ErrorKind::Missing,
                file,
                "names nothing; a layout must name at least one manifest or index",
            )
            .at("/manifests"));
        };
        let one = entries.iter().all(|(_, d)| d.digest == first.digest);
        let links = || {
            let all = entries.iter();
            all.map(|(at, entry)| Link::of_index(entry, &file, *at))
                .collect()
        };
        match kind {
            Some(Kind::Image) => {
                let images = images(layout)?;
                match &images[..] {
                    [image] => Self::named(layout, vec![Link::root(image.descriptor.clone(), &file)]),
                    _ => Err(Error::new(
                        ErrorKind::Mismatch,
                        file,
                        format!(
                            "names {} images, and --kind says it is of one; leave --kind out or say index",
                            images.len()
                        ),
                    )),
                }
            }
            None if one => Self::named(layout, links()),
            Some(Kind::Index) if one && first.media_type.is_index() => Self::named(layout, links()),
            Some(Kind::Index) => Self::index_json(layout, data),
            None => match different_images(layout, &entries, &file)? {
                0 | 1 => Self::index_json(layout, data),
                images => Err(Error::new(
                    ErrorKind::Mismatch,
                    file,
                    format!(
                        "names {images} different images, and one alone can be published under a name; make a layout of the one that is meant, or say that the index is meant, which is index.json itself (--kind=REFERENCE=index)"
                    ),
                )
                .at("/manifests")),
            },
        }
    }

    /// What links lead to that all have one digest. All that is said in them must be right, for
    /// readers of the layout may believe any of them.
    fn named(layout: &Layout, links: Vec<Link>) -> Result<Self> {
        let link = links[0].clone();
        if let Some(other) = links.iter().find(|link| !link.is_document()) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                &*other.file,
                format!(
                    "names something of type `{}`, which is neither a manifest nor an index",
                    other.descriptor.media_type
                ),
            )
            .at(format!("{}/mediaType", other.pointer)));
        }
        let says_platform = links.iter().any(|link| link.descriptor.platform.is_some());
        let bytes = layout.bytes(&link.descriptor.digest)?;
        let file = layout.blob_name(&link.descriptor.digest);
        let mut walk = Walk::of_links(links, usize::MAX);
        walk.level()?;
        let document = walk.enter(&link, &bytes, &file)?;
        if let (Document::Manifest(manifest), true) = (&document, says_platform) {
            if layout.has_blob(&manifest.config.digest) {
                image(layout, &mut walk, &link, manifest, bytes.clone())?;
            }
        }
        Ok(Self {
            descriptor: Descriptor::of(document.media_type(), &bytes),
            bytes,
            file,
            listed: Some(link.descriptor),
        })
    }

    /// The name that it has in the layout.
    pub fn name(&self) -> Option<&str> {
        let name = self.listed.as_ref()?.annotations.get(REF_NAME)?;
        Some(name)
    }

    fn index_json(layout: &Layout, bytes: Vec<u8>) -> Result<Self> {
        let file = layout.index_name();
        // More is asked of what is published than of what lists what there is.
        let index = Index::parse(&bytes, &file)?;
        Ok(Self {
            descriptor: Descriptor::of(index.media_type(), &bytes),
            bytes,
            file,
            listed: None,
        })
    }

    /// The same where no choice is needed but to say something: of several images it is
    /// `index.json` that they have in common.
    pub fn or_index_json(layout: &Layout) -> Result<Self> {
        let (data, _) = layout.index()?;
        match Self::of(layout, None) {
            Err(e) if e.kind() == ErrorKind::Mismatch || e.kind() == ErrorKind::Missing => {
                Self::index_json(layout, data)
            }
            published => published,
        }
    }
}

/// How many images entries with different digests are, of which none is more meant than the
/// others. Images for different platforms are one, as in any index, unless they have different
/// names or stand in indexes of their own. Attestations and signatures do not count.
fn different_images(layout: &Layout, entries: &[(usize, Descriptor)], file: &str) -> Result<usize> {
    let mut seen = BTreeSet::new();
    let (mut images, mut names, mut platforms) = (0, BTreeSet::new(), BTreeSet::new());
    for (at, entry) in entries {
        if !entry.may_be_image() || !seen.insert(entry.digest) {
            continue;
        }
        let offers = offers_of(layout, Link::of_index(entry, file, *at))?;
        if let [Offer { platform, .. }, ..] = &offers[..] {
            images += 1;
            // Mostly a tag alone, and else one name may be written in several ways.
            let named = entry.annotations.get(REF_NAME);
            names.extend(named.map(|name| match name.parse::<Reference>() {
                Ok(reference) => reference.identity().to_string(),
                Err(_) => name.clone(),
            }));
            if entry.media_type.is_manifest() {
                platforms.insert(platform.normalized());
            }
        }
    }
    let one = platforms.len() == images && names.len() <= 1;
    Ok(if one { 1 } else { images })
}
