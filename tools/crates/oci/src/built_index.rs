//! Indexes: built of images, or described from their documents.

use std::collections::BTreeMap;

use crate::metadata::IndexSchema;
use crate::{
    json, Descriptor, Error, ErrorKind, Family, ImageMetadata, Index, IndexMetadata, LayerMetadata,
    MediaType, Named, Result,
};

/// The index of several images, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIndex {
    /// The bytes of the index.
    pub index: Vec<u8>,
    /// What they say.
    pub metadata: IndexMetadata,
}

/// The annotation by which containers/image prefers images with zstd layers, and which it adds to an index when it
/// copies one without: an index that lacks it would change its digest on the way.
pub(crate) const COMPRESSION_ZSTD: &str = "io.github.containers.compression.zstd";

/// How an index names an image.
fn in_index(image: &ImageMetadata, family: Family) -> Descriptor {
    let mut manifest = image.manifest.clone();
    let is_zstd = |layer: &LayerMetadata| layer.media_type.layer_suffix() == Some("zstd");
    if family == Family::Oci && image.layers.iter().any(is_zstd) {
        manifest
            .annotations
            .insert(COMPRESSION_ZSTD.to_owned(), "true".to_owned());
    }
    manifest
}

/// Build the index of some images: ordered by platform and digest, one image a platform.
pub fn build_index(
    images: Vec<ImageMetadata>,
    annotations: BTreeMap<String, String>,
    family: Family,
) -> Result<BuiltIndex> {
    let mut images = images;
    images.sort_by(|a, b| {
        let key = |image: &ImageMetadata| (image.platform.normalized(), image.manifest.digest);
        key(a).cmp(&key(b))
    });
    images.dedup();
    for pair in images.windows(2) {
        if pair[0].platform.normalized() == pair[1].platform.normalized() {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "the index",
                format!(
                    "two images are for {}: {} and {}; leave one of them out",
                    pair[0].platform, pair[0].manifest.digest, pair[1].manifest.digest
                ),
            ));
        }
    }
    if let Some(image) = images.iter().find(|image| image.platform.is_unnamed()) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the index",
            format!(
                "the config of the image {} names no platform, by which an index tells images apart; build that image with --platform",
                image.manifest.digest
            ),
        ));
    }
    if images.is_empty() {
        return Err(Error::new(
            ErrorKind::Missing,
            "the index",
            "no image was given; name at least one",
        ));
    }
    let manifests = images.iter().map(|image| in_index(image, family)).collect();
    let index = json::to_canonical(&Index::new(
        MediaType::index(family),
        manifests,
        annotations,
    ))?;
    Ok(BuiltIndex {
        metadata: IndexMetadata {
            schema: IndexSchema::V1,
            index: Descriptor::of(MediaType::index(family), &index),
            images,
        },
        index,
    })
}

/// Describe an index by its bytes and those of its images. Entries for nothing that runs
/// (attestations) may be in the index without an image here.
pub fn describe_index(index: Named<'_>, images: Vec<ImageMetadata>) -> Result<IndexMetadata> {
    let parsed = Index::parse(index.data, index.file)?;
    let mut ordered = Vec::with_capacity(images.len());
    for (i, entry) in parsed.manifests.iter().enumerate() {
        match images
            .iter()
            .find(|image| image.manifest.digest == entry.digest)
        {
            Some(image) => {
                if image.manifest.size != entry.size {
                    return Err(Error::new(
                        ErrorKind::Mismatch,
                        index.file,
                        format!(
                            "says {} bytes, and the manifest has {}",
                            entry.size, image.manifest.size
                        ),
                    )
                    .at(format!("/manifests/{i}/size")));
                }
                if let Some(platform) = entry
                    .platform
                    .as_ref()
                    .filter(|p| p.contradicts(&image.platform))
                {
                    return Err(Error::new(
                        ErrorKind::Mismatch,
                        index.file,
                        format!(
                            "says {platform}, and the image's config says {}",
                            image.platform
                        ),
                    )
                    .at(format!("/manifests/{i}/platform")));
                }
                if !ordered.contains(image) {
                    ordered.push(image.clone());
                }
            }
            None => {
                if entry.may_run() {
                    return Err(Error::new(
                        ErrorKind::Missing,
                        index.file,
                        format!("names the manifest {}, which was not given", entry.digest),
                    )
                    .at(format!("/manifests/{i}/digest")));
                }
            }
        }
    }
    if let Some(extra) = images.iter().find(|image| {
        !parsed
            .manifests
            .iter()
            .any(|e| e.digest == image.manifest.digest)
    }) {
        return Err(Error::new(
            ErrorKind::Mismatch,
            index.file,
            format!(
                "does not name the manifest {}, which was given with it",
                extra.manifest.digest
            ),
        ));
    }
    Ok(IndexMetadata {
        schema: IndexSchema::V1,
        index: Descriptor::of(parsed.media_type(), index.data),
        images: ordered,
    })
}
