//! One image as it is compared: its config and its layers, whatever names them.

use verbatim_digest::Digest;
use verbatim_oci::graph::{select, Depth};
use verbatim_oci::{Config, Descriptor, Document, Index, Manifest};

use super::docker::Saved;
use super::layers::Layer;
use super::{parse, platform_name, Image, Source};
use crate::error::{Error, Result};

/// One image: its config and layers, and the manifest if there is one.
pub(super) struct Parts {
    pub(super) manifest: Option<(Vec<u8>, Box<Manifest>)>,
    pub(super) config: Vec<u8>,
    pub(super) layers: Vec<Layer>,
}

impl Parts {
    pub(super) fn of_manifest(
        image: &Image,
        bytes: Vec<u8>,
        manifest: Box<Manifest>,
    ) -> Result<Self> {
        let config = image.document(&manifest.config)?;
        let diff_ids = diff_ids(&config, manifest.layers.len());
        let layers = manifest
            .layers
            .iter()
            .enumerate()
            .map(|(i, descriptor)| Layer {
                descriptor: Some(descriptor.clone()),
                diff_id: diff_ids.as_ref().map(|ids| ids[i]),
                saved: None,
            })
            .collect();
        Ok(Self {
            manifest: Some((bytes, manifest)),
            config,
            layers,
        })
    }

    fn of_saved(saved: &Saved) -> Self {
        let diff_ids = diff_ids(&saved.config, saved.layers.len());
        let layers = saved
            .layers
            .iter()
            .enumerate()
            .map(|(i, blob)| Layer {
                descriptor: None,
                diff_id: diff_ids.as_ref().map(|ids| ids[i]),
                saved: Some(blob.clone()),
            })
            .collect();
        Self {
            manifest: None,
            config: saved.config.clone(),
            layers,
        }
    }
}

/// The archives inside the layers, if the config is one of an image and names as many.
fn diff_ids(config: &[u8], layers: usize) -> Option<Vec<Digest>> {
    let config = Config::parse(config, "config").ok()?;
    Some(config.rootfs.diff_ids).filter(|ids| ids.len() == layers)
}

/// All images with names.
pub(super) fn images(image: &Image) -> Result<Vec<(String, Parts)>> {
    if let Source::Docker(docker) = &image.source {
        return Ok(docker
            .images
            .iter()
            .enumerate()
            .map(|(i, saved)| {
                let name = saved.tags.first().cloned();
                let name = name.unwrap_or_else(|| format!("image {}", i + 1));
                (name, Parts::of_saved(saved))
            })
            .collect());
    }
    let Some(root) = &image.root else {
        return Ok(Vec::new());
    };
    match &root.document {
        Document::Manifest(manifest) => Ok(vec![(
            "image".into(),
            Parts::of_manifest(image, root.bytes.clone(), manifest.clone())?,
        )]),
        Document::Index(index) => index
            .manifests
            .iter()
            .filter(|d| d.may_be_image())
            .map(|descriptor| {
                let bytes = image.document(descriptor)?;
                match parse(&bytes, &image.name)? {
                    Document::Manifest(manifest) => Ok((
                        platform_name(descriptor.platform.as_ref()),
                        Parts::of_manifest(image, bytes, manifest)?,
                    )),
                    Document::Index(_) => Err(Error::input(format!(
                        "{} is an index of indexes and the other side an archive of `docker save`; name one image on each side",
                        image.name
                    ))),
                }
            })
            .collect(),
    }
}

/// The image of an index that is for the platform of another image.
pub(super) fn one_of(image: &Image, mut index: Index, other: &Parts) -> Result<Parts> {
    let platform = Config::parse(&other.config, "config").map(|c| c.platform);
    let mut depth = Depth::TOP;
    loop {
        let images: Vec<&Descriptor> = index
            .manifests
            .iter()
            .filter(|d| d.may_be_image())
            .collect();
        let chosen = match (&images[..], &platform) {
            ([single], _) => Some(*single),
            (all, Ok(platform)) => {
                let stated = all.iter().filter_map(|d| Some((d.platform.as_ref()?, *d)));
                let fitting = select(platform, stated.collect(), |offer| {
                    (offer.0, offer.1.digest)
                });
                fitting.first().map(|offer| offer.1)
            }
            _ => None,
        };
        let chosen = chosen.ok_or_else(|| {
            Error::input(format!(
                "{} is an index of {} images and none is for the platform of the other side; name one of them by its digest",
                image.name,
                images.len()
            ))
        })?;
        let bytes = image.document(chosen)?;
        match parse(&bytes, &image.name)? {
            Document::Manifest(manifest) => return Parts::of_manifest(image, bytes, manifest),
            Document::Index(inner) => index = inner,
        }
        depth = depth.below().ok_or_else(|| {
            Error::input(format!(
                "{}: indexes lie too deep inside of each other; name one image of it by its digest",
                image.name
            ))
        })?;
    }
}
