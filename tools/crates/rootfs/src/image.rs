//! The documents of the image that is meant.

use std::collections::BTreeSet;

use serde_json::Value;
use verbatim_digest::Digest;
use verbatim_document::{json, Error, ErrorKind, Result};
use verbatim_oci::graph::{self, Link, Walk};
use verbatim_oci::layout::Blobs;
use verbatim_oci::{Descriptor, Document, Manifest, Platform};

/// One image for one platform.
#[derive(Debug, Clone)]
pub struct Image {
    /// The bytes of its config.
    pub config: Vec<u8>,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The digest of its config: the image ID.
    pub id: Digest,
    /// Its platform, in the words of the config.
    pub platform: Platform,
    /// Bottom first.
    pub layers: Vec<LayerFacts>,
}

/// What the documents say of a layer.
#[derive(Debug, Clone)]
pub struct LayerFacts {
    /// Of the blob.
    pub descriptor: Descriptor,
    /// Of the archive in it.
    pub diff_id: Digest,
    /// The step that made it, in the words of the image's history.
    pub created_by: Option<String>,
}

/// An image that is offered, with its platform.
struct Offer {
    link: Link,
    platform: Platform,
}

impl Image {
    /// The image that a manifest or an index stands for: the only one, or the one for `platform`.
    /// `bytes` are those of the document that `root` describes.
    ///
    /// # Errors
    /// There is none for the platform, several and no platform that chooses one, or a document is
    /// not what is said of it.
    pub fn choose(
        blobs: &dyn Blobs,
        root: &Descriptor,
        bytes: &[u8],
        platform: Option<&Platform>,
    ) -> Result<Self> {
        let meant = graph::choose(
            platform,
            offers(blobs, root, bytes)?,
            |offer| (&offer.platform, offer.link.descriptor.digest),
            blobs.name(&root.digest),
        )?;
        Self::open(blobs, &meant.link, (root, bytes))
    }

    /// All images that a manifest or an index stands for, each once.
    ///
    /// # Errors
    /// A document is not there, or is not what is said of it.
    pub fn all(blobs: &dyn Blobs, root: &Descriptor, bytes: &[u8]) -> Result<Vec<Self>> {
        let mut seen = BTreeSet::new();
        let mut offers = offers(blobs, root, bytes)?;
        offers.retain(|offer| seen.insert(offer.link.descriptor.digest));
        let open = |offer: &Offer| Self::open(blobs, &offer.link, (root, bytes));
        offers.iter().map(open).collect()
    }

    fn open(blobs: &dyn Blobs, meant: &Link, (root, bytes): (&Descriptor, &[u8])) -> Result<Self> {
        let digest = meant.descriptor.digest;
        let data = match digest == root.digest {
            true => bytes.to_vec(),
            false => blobs.document(&meant.descriptor)?,
        };
        let file = blobs.name(&digest);
        let manifest = Manifest::parse(&data, &file)?;
        let read = config(blobs, &manifest)?;
        let (platform, layers, config) =
            read.ok_or_else(|| Error::new(ErrorKind::Mismatch, &file, "is no image that can run"))?;
        Ok(Self {
            digest,
            id: manifest.config.digest,
            platform,
            layers,
            config,
        })
    }
}

/// All images below a document, each as often as it is named.
fn offers(blobs: &dyn Blobs, root: &Descriptor, bytes: &[u8]) -> Result<Vec<Offer>> {
    let name = blobs.name(&root.digest);
    let mut walk = Walk::new(Link::root(root.clone(), &name), blobs.most_documents());
    let mut offers = Vec::new();
    while let Some(link) = walk.next() {
        let link = link?;
        if !link.descriptor.may_be_image() {
            continue;
        }
        let is_root = link.descriptor.digest == root.digest;
        // What says its platform need not be opened, and not be there.
        let said = link.descriptor.platform.clone();
        if let Some(platform) = said.filter(|p| p.is_runnable() && !is_root) {
            if link.descriptor.media_type.is_manifest() {
                offers.push(Offer { link, platform });
                continue;
            }
        }
        let data = match is_root {
            true => bytes.to_vec(),
            false => blobs.document(&link.descriptor)?,
        };
        let file = blobs.name(&link.descriptor.digest);
        if let Document::Manifest(manifest) = walk.enter(&link, &data, &file)? {
            if let Some((platform, ..)) = config(blobs, &manifest)? {
                offers.push(Offer { link, platform });
            }
        }
    }
    Ok(offers)
}

/// The platform, the layers and the bytes of a config.
type Read = (Platform, Vec<LayerFacts>, Vec<u8>);

/// What the config of an image says; nothing for what is none.
fn config(blobs: &dyn Blobs, manifest: &Manifest) -> Result<Option<Read>> {
    if !manifest.may_be_image() {
        return Ok(None);
    }
    let data = blobs.document(&manifest.config)?;
    let file = blobs.name(&manifest.config.digest);
    let config = graph::config(manifest, &data, &file)?;
    if !manifest.is_image(&config.platform) {
        return Ok(None);
    }
    let told = history(&data, &file)?;
    let fits = told.len() == manifest.layers.len();
    let layers = manifest.layers.iter().zip(&config.rootfs.diff_ids);
    let layers = layers
        .enumerate()
        .map(|(at, (descriptor, diff_id))| LayerFacts {
            descriptor: descriptor.clone(),
            diff_id: *diff_id,
            // A history of another length tells of none of them for sure.
            created_by: told.get(at).filter(|_| fits).cloned().flatten(),
        });
    let layers = layers.collect();
    Ok(Some((config.platform, layers, data)))
}

/// The steps that made layers.
fn history(config: &[u8], file: &str) -> Result<Vec<Option<String>>> {
    let value = json::parse_value(config, file)?;
    let steps = value.get("history").and_then(Value::as_array);
    let made = |step: &&Value| step.get("empty_layer").and_then(Value::as_bool) != Some(true);
    let words = |step: &Value| {
        let text = step.get("created_by").and_then(Value::as_str)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    Ok(steps
        .into_iter()
        .flatten()
        .filter(made)
        .map(words)
        .collect())
}
