//! What is attested about an image where the image itself is: attached to it as referrers, or under cosign's tag.

use std::collections::BTreeSet;

use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_oci::attached::CosignTag;
use verbatim_oci::gather::{Attachments, By};
use verbatim_oci::{Descriptor, Document as Manifest, Error, ErrorKind, Result};
use verbatim_signature::documents::{self, MAX_DOCUMENT};
use verbatim_signature::Document;

/// So many manifests that may hold attestations are looked at; each costs requests.
const MAX_MANIFESTS: usize = 1000;

/// So many documents are read of one image.
const MAX_DOCUMENTS: usize = 1000;

/// A document, or why it is none: one that is broken does not spoil the others.
pub type Found = std::result::Result<Document, verbatim_signature::Error>;

/// Every attestation that is attached to an image, each once. Nothing of it is believed but that
/// its bytes have the digests that are said of them; what it is about, the statement says.
///
/// # Errors
/// The place could not be asked (`is_unchecked`), or there is more than anybody reads. What is
/// listed and is not there, or is no manifest, is an error in its own place.
pub fn documents(place: &dyn Attachments, image: &Digest) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut met = BTreeSet::new();
    let mut manifests = 0;
    for attached in place.attached(image, &[CosignTag::Attestations])? {
        // What a list says of the kind is not asked: cosign 3 writes that of the empty config there.
        manifests += 1;
        if manifests > MAX_MANIFESTS || found.len() > MAX_DOCUMENTS {
            let why = format!("more than {MAX_MANIFESTS} attestations are attached to it, the limit; name those that are meant with --attestation");
            return Err(Error::new(ErrorKind::Limit, place.name(image), why));
        }
        match layers(place, &attached.descriptor, attached.by, image) {
            Ok(layers) => {
                for layer in layers {
                    if met.insert(layer.digest) {
                        read(place, &layer, &mut found)?;
                    }
                }
            }
            Err(error) => found.push(Err(broken(error)?)),
        }
    }
    Ok(found)
}

/// The layers that hold attestations, of a manifest that is about this image.
fn layers(
    place: &dyn Attachments,
    descriptor: &Descriptor,
    by: By,
    image: &Digest,
) -> Result<Vec<Descriptor>> {
    let bytes = place.document(descriptor)?;
    let name = place.name(&descriptor.digest);
    let document = Manifest::parse(&bytes, &name)?;
    let subject = document.subject().map(|subject| subject.digest);
    let is_about = match by {
        By::List => subject == Some(*image),
        // The tag says so, and it may say the same itself.
        By::Tag(_) => subject.is_none_or(|subject| subject == *image),
    };
    if !is_about {
        let why = format!(
            "is listed as attached to {image}, and says itself that it is about something else"
        );
        return Err(Error::new(ErrorKind::Mismatch, name, why));
    }
    Ok(match document {
        Manifest::Manifest(manifest) => {
            let layers = manifest.layers.into_iter();
            layers
                .filter(|layer| layer.media_type.is_attestation())
                .collect()
        }
        Manifest::Index(_) => Vec::new(),
    })
}

fn read(place: &dyn Attachments, layer: &Descriptor, found: &mut Vec<Found>) -> Result<()> {
    let name = place.name(&layer.digest);
    let bytes = place
        .open(&layer.digest, Some(layer.size))
        .and_then(|content| json::read_limited(content.reader, MAX_DOCUMENT, &name))
        .and_then(|bytes| match Digest::of(&bytes) == layer.digest {
            true => Ok(bytes),
            false => Err(Error::new(
                ErrorKind::Mismatch,
                &name,
                "has other bytes than its digest says",
            )),
        });
    match bytes {
        Ok(bytes) => match documents::read(&bytes, &name) {
            Ok(documents) => found.extend(documents),
            Err(error) => found.push(Err(error)),
        },
        Err(error) => found.push(Err(broken(error)?)),
    }
    Ok(())
}

/// What is broken is told in its place; that something could not be read ends it all.
fn broken(error: Error) -> Result<verbatim_signature::Error> {
    match error.kind() {
        kind if kind.is_unchecked() => Err(error),
        _ => Ok(error.into()),
    }
}
