//! The images that an SBOM says a build was made of: since version 0.2 of Konflux's task it is the one
//! place that names base images by digest.

use verbatim_digest::Digest;
use verbatim_document::{Error as Wrong, ErrorKind};
use verbatim_sbom::{Stated, StatedImage};

use crate::base::Pin;
use crate::error::Result;

/// The base and builder images of an SBOM; `file` is its name in messages.
///
/// # Errors
/// What is no SBOM; an image whose digest and purl disagree.
pub fn images(data: &[u8], file: &str) -> Result<Vec<Pin>> {
    let stated = Stated::parse(data, file)?;
    let images = stated.images.into_iter();
    images
        .filter_map(|image| pin(image, file).transpose())
        .collect()
}

/// `pkg:oci/NAME@sha256:…?arch=…&repository_url=REPOSITORY` with the sum beside it.
fn pin(image: StatedImage, file: &str) -> Result<Option<Pin>> {
    let told: Option<Digest> = image.purl.stated_version().and_then(|v| v.parse().ok());
    if let (Some(told), Some(sum)) = (told, image.digest) {
        if told != sum {
            return Err(Wrong::new(
                ErrorKind::Mismatch,
                file,
                format!("says {sum} of an image whose purl says {told}; which of them was used is not known"),
            )
            .at(image.pointer)
            .into());
        }
    }
    let repository = image.purl.qualifier("repository_url");
    Ok(repository
        .zip(image.digest.or(told))
        .map(|(repository, digest)| Pin {
            repository: repository.to_owned(),
            tag: image.version.filter(|tag| !tag.is_empty()),
            digest,
        }))
}
