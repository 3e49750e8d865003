//! What a statement may be about: a file, or the manifest or index of an image, by its bytes.

use std::path::Path;

use verbatim_document::file;
use verbatim_oci::layout::{Layout, Published};
use verbatim_oci::{Descriptor, Document, Error, Result};

use crate::known::Known;

/// The digests of a regular file.
///
/// # Errors
/// It is not there, is no regular file, or cannot be read.
pub fn of_file(path: &Path, with_sha512: bool) -> Result<Known> {
    let (file, _) = file::open(path).map_err(|e| unreadable(path, e))?;
    Known::of_reader(file, with_sha512).map_err(|e| unreadable(path, e))
}

/// The digests of the image in a layout: of the manifest or index that is left when what is said
/// about an image (signatures, attestations, SBOMs) is put aside. Else it is what would be
/// [published](Published) of the layout.
///
/// # Errors
/// It holds no image, or several of which none is meant, or a document is not what its digest says.
pub fn of_layout(layout: &Layout) -> Result<Known> {
    let (_, index) = layout.index()?;
    let mut images: Vec<&Descriptor> = Vec::new();
    for entry in &index.manifests {
        let is_known = images.iter().any(|image| image.digest == entry.digest);
        if !is_known && is_image(layout, entry)? {
            images.push(entry);
        }
    }
    match images[..] {
        [image] => Ok(Known::of(&layout.document(image)?)),
        _ => Ok(Known::of(&Published::of(layout, None)?.bytes)),
    }
}

/// How `cosign save` marks what is said about an image, with the kind after it.
const COSIGN_KIND: &str = "dev.cosignproject.cosign/";

fn is_image(layout: &Layout, entry: &Descriptor) -> Result<bool> {
    let kind = entry.annotations.get("kind");
    if let Some(kind) = kind.and_then(|kind| kind.strip_prefix(COSIGN_KIND)) {
        return Ok(matches!(kind, "image" | "imageIndex"));
    }
    if entry.media_type.is_index() {
        return Ok(entry.artifact_type.is_none());
    }
    let file = layout.blob_name(&entry.digest);
    Ok(match Document::parse(&layout.document(entry)?, &file)? {
        Document::Manifest(manifest) => manifest.subject.is_none() && manifest.may_be_image(),
        Document::Index(_) => true,
    })
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::io(path.display(), "cannot be read", error)
}
