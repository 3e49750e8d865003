//! The image that a rebuild is held against, and what it has in common with what was built.

use std::collections::btree_map::Entry;
use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use verbatim_attest::Known;
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_oci::graph::{select, Link, Walk};
use verbatim_oci::layout::{Blobs, Layout, Published as OfLayout};
use verbatim_oci::{Descriptor, Document, ImageMetadata, MediaType, Named, Platform, Reference};
use verbatim_registry::{Client, Remote, Target};
use verbatim_sums::collect::{by_name, of_image, of_index, platform_image};
use verbatim_sums::record::{Image, PlatformImage};
use verbatim_verify::{image::judge, Judgement};

use crate::error::{Error, Result};

/// What a name stands for, by its outermost document.
pub struct Published {
    name: String,
    descriptor: Descriptor,
    document: Document,
    bytes: Vec<u8>,
    blobs: Box<dyn Blobs>,
    repository: Option<String>,
}

/// One image by its documents.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its digests.
    pub image: PlatformImage,
    /// Its config.
    pub config: serde_json::Value,
    /// Its name for whoever opens it again.
    pub name: String,
}

impl Published {
    /// Open a layout, a folder or an archive of one, or ask a registry. A tag is resolved once.
    pub fn open(
        name: &str,
        client: impl FnOnce() -> Result<Client>,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<Self> {
        let path = Path::new(name);
        if path.exists() {
            let layout = Layout::open(path)?;
            let published = OfLayout::or_index_json(&layout)?;
            return Ok(Self {
                name: name.to_owned(),
                document: Document::parse(&published.bytes, &published.file)?,
                descriptor: published.descriptor,
                bytes: published.bytes,
                blobs: Box::new(layout),
                repository: None,
            });
        }
        let target: Target = name.parse().map_err(|e: verbatim_registry::Error| {
            Error::wrong(format!(
                "there is no file {}, and as a reference of an image it is wrong: {e}",
                excerpt(name, 200)
            ))
        })?;
        let (client, repository) = (client()?, target.repository());
        let served = runtime.block_on(client.manifest(&repository, &target.which()))?;
        Ok(Self {
            name: name.to_owned(),
            document: Document::parse(&served.bytes, name)?,
            descriptor: Descriptor::of(MediaType::new(served.media_type), &served.bytes),
            bytes: served.bytes,
            repository: Some(repository.to_string()),
            blobs: Box::new(Remote::new(client, repository, runtime.handle().clone())),
        })
    }

    /// Of the outermost document, made from its bytes.
    pub fn digest(&self) -> Digest {
        self.descriptor.digest
    }

    /// What is known of it: its digests, made from its bytes.
    pub fn known(&self) -> Known {
        Known::of(&self.bytes)
    }

    /// Whether it is an index of images.
    pub fn is_index(&self) -> bool {
        matches!(self.document, Document::Index(_))
    }

    /// Its name, for whoever opens it again: by its digest.
    pub fn name(&self) -> String {
        match &self.repository {
            Some(repository) => format!("{repository}@{}", self.descriptor.digest),
            None => self.name.clone(),
        }
    }

    /// All of it, with the images for every platform of an index.
    ///
    /// # Errors
    /// A document that is malformed or cannot be read.
    pub fn entry(&self) -> Result<Image> {
        let index = match &self.document {
            Document::Manifest(_) => {
                let described = self.describe(&self.descriptor, &self.bytes)?;
                return Ok(of_image(unnamed()?, described.image));
            }
            Document::Index(index) => index,
        };
        let mut images = BTreeMap::new();
        for one in index.manifests.iter().filter(|one| one.may_be_image()) {
            if let Entry::Vacant(free) = images.entry(one.digest) {
                let bytes = self.blobs.document(one)?;
                free.insert(self.describe(one, &bytes)?.image);
            }
        }
        let platforms = by_name(&index.manifests, &images);
        Ok(of_index(unnamed()?, &self.descriptor, platforms))
    }

    /// The image itself, or the one of an index that has this digest, or is for this platform.
    ///
    /// # Errors
    /// An index that holds no such image does not hold.
    pub fn image(&self, wanted: Option<Digest>, platform: &Platform) -> Result<Described> {
        let index = match &self.document {
            Document::Manifest(_) => return self.describe(&self.descriptor, &self.bytes),
            Document::Index(index) => index,
        };
        let offers: Vec<&Descriptor> = index
            .manifests
            .iter()
            .filter(|d| d.may_be_image())
            .collect();
        let chosen = match wanted.filter(|wanted| *wanted != self.descriptor.digest) {
            Some(wanted) => offers.into_iter().find(|d| d.digest == wanted).ok_or_else(|| {
                Error::does_not_hold(format!(
                    "{}: the index does not hold {wanted}, which the attestation says was built for {platform}",
                    excerpt(&self.name, 200)
                ))
            })?,
            None => {
                let known: Vec<(&Platform, &Descriptor)> = offers
                    .into_iter()
                    .filter_map(|d| Some((d.platform.as_ref()?, d)))
                    .collect();
                match select(platform, known, |offer| (offer.0, offer.1.digest)).as_slice() {
                    [(_, one)] => one,
                    fitting => {
                        return Err(Error::unchecked(format!(
                            "{}: the index holds {} images for {platform}; name the one that is meant by its digest",
                            excerpt(&self.name, 200),
                            fitting.len()
                        )))
                    }
                }
            }
        };
        let bytes = self.blobs.document(chosen)?;
        self.describe(chosen, &bytes)
    }

    fn describe(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<Described> {
        let file = self.blobs.name(&descriptor.digest);
        let mut walk = Walk::new(Link::root(descriptor.clone(), &self.name), usize::MAX);
        let Some(link) = walk.next().transpose()? else {
            return Err(Error::wrong(format!("{file}: is no manifest")));
        };
        let Document::Manifest(manifest) = walk.enter(&link, bytes, &file)? else {
            return Err(Error::wrong(format!(
                "{file}: is an index where an image must be"
            )));
        };
        let config = self.blobs.document(&manifest.config)?;
        let config_name = self.blobs.name(&manifest.config.digest);
        let config = Named::new(&config, &config_name);
        let metadata = ImageMetadata::describe(Named::new(bytes, &file), config, None)?;
        Ok(Described {
            image: platform_image(&metadata, config)?,
            config: verbatim_document::json::parse_value(config.data, config.file)?,
            name: match &self.repository {
                Some(repository) => format!("{repository}@{}", descriptor.digest),
                None => self.name.clone(),
            },
        })
    }
}

/// Whether two images agree on one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The same digests.
    Equal,
    /// Others.
    Different,
    /// There was nothing to compare with.
    Unknown,
}

impl Level {
    /// The word for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::Unknown => "unknown",
        }
    }
}

/// The four levels on which a rebuilt image is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Levels {
    /// The config, whose digest is the image ID.
    pub config: Level,
    /// The layers as archives.
    pub diff_ids: Level,
    /// The layers as they are compressed.
    pub blobs: Level,
    /// The manifest.
    pub manifest: Level,
}

impl Levels {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        config: Level::Unknown,
        diff_ids: Level::Unknown,
        blobs: Level::Unknown,
        manifest: Level::Unknown,
    };

    /// There is nothing that could be equal.
    const DIFFERENT: Self = Self {
        config: Level::Different,
        diff_ids: Level::Different,
        blobs: Level::Different,
        manifest: Level::Different,
    };

    /// The same manifest names the same of everything.
    pub const EQUAL: Self = Self {
        config: Level::Equal,
        diff_ids: Level::Equal,
        blobs: Level::Equal,
        manifest: Level::Equal,
    };

    /// Compare two images, or two indexes with the images for each platform.
    pub fn of_all(published: &Image, rebuilt: &Image) -> Self {
        if published.digest == rebuilt.digest {
            return Self::EQUAL;
        }
        let mut levels = Self {
            manifest: Level::Different,
            ..Self::EQUAL
        };
        let platform = |image: &PlatformImage| image.platform.normalized();
        for one in &published.platforms {
            let mut others = rebuilt.platforms.iter();
            let other = others.find(|other| platform(other) == platform(one));
            let here = other.map_or(Self::DIFFERENT, |other| Self::of(one, other));
            for (level, here) in [
                (&mut levels.config, here.config),
                (&mut levels.diff_ids, here.diff_ids),
                (&mut levels.blobs, here.blobs),
            ] {
                if here != Level::Equal {
                    *level = here;
                }
            }
        }
        match published.platforms.is_empty() {
            true => Self::UNKNOWN,
            false => levels,
        }
    }

    /// Compare two images.
    pub fn of(published: &PlatformImage, rebuilt: &PlatformImage) -> Self {
        let level = |equal| {
            if equal {
                Level::Equal
            } else {
                Level::Different
            }
        };
        let layers = |image: &PlatformImage| {
            let digests = image
                .layers
                .iter()
                .map(|layer| (layer.diff_id, layer.digest));
            digests.unzip::<_, _, Vec<_>, Vec<_>>()
        };
        let (one, other) = (layers(published), layers(rebuilt));
        Self {
            config: level(published.config.digest == rebuilt.config.digest),
            diff_ids: level(one.0 == other.0),
            blobs: level(one.1 == other.1),
            manifest: level(published.manifest.digest == rebuilt.manifest.digest),
        }
    }
}

/// The verdict in the words of `verify`.
pub fn verdict(published: &PlatformImage, rebuilt: &PlatformImage) -> Result<Judgement> {
    let name = unnamed()?;
    let entry = |image: &PlatformImage| of_image(name.clone(), image.clone());
    Ok(judge(&entry(published), &entry(rebuilt)))
}

/// A name for images that are compared, whatever they are called.
pub fn unnamed() -> Result<Reference> {
    let parsed = "localhost/image".parse();
    parsed.map_err(|e: verbatim_oci::ReferenceError| Error::wrong(e.to_string()))
}
