//! The attestations that are attached to an image, wherever it is: as referrers of it, and
//! under cosign's tag `.att`.
//!
//! What is found is bytes and where they were; who signed them, and what they say, is for
//! others to judge. Statements of BuildKit, which nobody signed and which are part of the index
//! itself, are none.

use std::collections::BTreeSet;
use std::io::Read;

use crate::attached::{is_attestation, CosignTag};
use crate::gather::{Attached, Attachments, By};
use crate::{Descriptor, Document, Error, ErrorKind, MediaType, Result};
use verbatim_digest::Digest;

/// One attestation is small: its payload is read by people.
const MAX_BYTES: u64 = 16 << 20;
/// All attestations of one image together.
const MAX_TOTAL: u64 = 256 << 20;
/// How many attestations of one image are read.
const MAX_COUNT: usize = 10_000;

/// A document that is attached to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// To the byte; their digest was recomputed.
    pub bytes: Vec<u8>,
    /// Of the bytes.
    pub digest: Digest,
    /// Where it was found, for messages.
    pub place: String,
}

/// What is attached to an image.
#[derive(Debug, Default)]
pub struct Documents {
    /// Each once, in the order in which they were found.
    pub found: Vec<Found>,
    /// What should be one and could not be read: it spoils nothing else.
    pub problems: Vec<Error>,
}

/// Everything that is attached to `subject`, a manifest or an index, and may be an attestation.
///
/// `place` is a repository (`verbatim_registry::Remote`) or a layout
/// ([`crate::layout::Layout`]).
///
/// # Errors
///
/// When the place cannot be asked, or has more than anyone reads.
pub fn documents(place: &dyn Attachments, subject: &Digest) -> Result<Documents> {
    let mut documents = Documents::default();
    let (mut seen, mut total) = (BTreeSet::new(), 0);
    for attached in place.attached(subject, &[CosignTag::Attestations])? {
        let layers = match layers(place, subject, &attached) {
            Ok(layers) => layers,
            Err(error) => {
                documents.set_aside(error)?;
                continue;
            }
        };
        for layer in layers {
            if !seen.insert(layer.digest) {
                continue;
            }
            total += layer.size;
            if seen.len() > MAX_COUNT || total > MAX_TOTAL {
                return Err(Error::new(
                    ErrorKind::Limit,
                    place.name(subject),
                    format!("has more than {MAX_COUNT} attestations or {} MiB of them; give the one that is meant with --attestation", MAX_TOTAL >> 20),
                ));
            }
            match read(place, &layer) {
                Ok(bytes) => documents.found.push(Found {
                    bytes,
                    digest: layer.digest,
                    place: place.name(&layer.digest),
                }),
                Err(error) => documents.set_aside(error)?,
            }
        }
    }
    Ok(documents)
}

impl Documents {
    /// A broken document says nothing about the others; a place that cannot be reached does.
    fn set_aside(&mut self, error: Error) -> Result<()> {
        if error.kind() == ErrorKind::Io {
            return Err(error);
        }
        self.problems.push(error);
        Ok(())
    }
}

/// The layers of something attached that may be attestations.
fn layers(
    place: &dyn Attachments,
    subject: &Digest,
    attached: &Attached,
) -> Result<Vec<Descriptor>> {
    let descriptor = &attached.descriptor;
    if !descriptor.media_type.is_manifest() || !may_hold_one(attached) {
        return Ok(Vec::new());
    }
    let name = place.name(&descriptor.digest);
    let bytes = place.document(descriptor)?;
    let document = Document::parse(&bytes, &name)?;
    let stranger = document.subject().map(|own| own.digest) != Some(*subject);
    let Document::Manifest(manifest) = document else {
        return Ok(Vec::new());
    };
    if attached.by == By::List && stranger {
        return Err(Error::new(
            ErrorKind::Mismatch,
            name,
            format!("is listed among what refers to {subject}, and is about something else"),
        ));
    }
    let mut layers = manifest.layers;
    layers.retain(|layer| layer.media_type.is_attestation());
    Ok(layers)
}

/// Whether it is worth a look, by what a list says of its kind. Lists that others keep say
/// nothing, or name the type of the config.
fn may_hold_one(attached: &Attached) -> bool {
    match attached.descriptor.artifact_type.as_deref() {
        Some(kind) if attached.by == By::List => {
            let media_type = MediaType::new(kind);
            is_attestation(kind)
                || kind.is_empty()
                || media_type.is_config()
                || media_type == MediaType::OCI_EMPTY
        }
        _ => true,
    }
}

/// The bytes of a layer, which are what its descriptor says.
fn read(place: &dyn Attachments, layer: &Descriptor) -> Result<Vec<u8>> {
    let name = place.name(&layer.digest);
    if layer.size > MAX_BYTES {
        return Err(Error::new(
            ErrorKind::Limit,
            name,
            format!(
                "has {} bytes, and at most {} MiB are read of an attestation",
                layer.size,
                MAX_BYTES >> 20
            ),
        ));
    }
    let content = place.open(&layer.digest, Some(layer.size))?;
    let mut bytes = Vec::new();
    content
        .reader
        .take(layer.size + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| place.unreadable(&layer.digest, e))?;
    if bytes.len() as u64 != layer.size || Digest::of(&bytes) != layer.digest {
        return Err(Error::new(
            ErrorKind::Mismatch,
            name,
            "is not what its manifest says, by size or digest; attach it again",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attached::{artifact, with_layers, EMPTY_CONFIG};
    use crate::layout::{Additions, Layout, Published};

    const SAVED: &[u8] = include_bytes!("../testdata/slsa-example-package-v2.0.0.oci.tar");

    #[test]
    fn what_cosign_saved_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let tar = dir.path().join("layout.tar");
        std::fs::write(&tar, SAVED).unwrap();
        let layout = Layout::open(&tar).unwrap();
        let image = Published::of(&layout, None).unwrap().descriptor.digest;
        let documents = documents(&layout, &image).unwrap();
        assert_eq!(documents.found.len(), 1);
        assert!(documents.found[0].bytes.starts_with(b"{\"payloadType\""));
        assert_eq!(
            Digest::of(&documents.found[0].bytes),
            documents.found[0].digest
        );
        assert!(documents.problems.is_empty());
    }

    /// A layout of an image of nothing.
    fn layout(path: &std::path::Path) -> (Layout, Descriptor) {
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "layers": [],
            "config": Descriptor::of(MediaType::OCI_CONFIG, EMPTY_CONFIG),
        })
        .to_string()
        .into_bytes();
        let image = Descriptor::of(MediaType::OCI_MANIFEST, &manifest);
        let blobs = path.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join(image.digest.hex()), manifest).unwrap();
        crate::layout::write_root(path, &image, Some("v1")).unwrap();
        (Layout::open(path).unwrap(), image)
    }

    #[test]
    fn what_is_attached_to_a_layout_is_found_once_and_publishes_the_same_image() {
        let dir = tempfile::tempdir().unwrap();
        let (layout, image) = layout(dir.path());
        let envelope = b"{\"payload\":\"\"}".to_vec();
        let blob = Descriptor::of(MediaType::new(MediaType::DSSE_ENVELOPE), &envelope);
        let attach = |about: &Descriptor, text: &str| {
            let mut additions = Additions::default();
            let bytes = text.as_bytes().to_vec();
            let blob = Descriptor::of(MediaType::new(MediaType::SIGSTORE_BUNDLE), &bytes);
            additions.add_blob(bytes);
            additions
                .add_referrer(artifact(MediaType::SIGSTORE_BUNDLE, blob, about, []).unwrap())
                .unwrap();
            let att = with_layers(None, std::slice::from_ref(&blob_of(&envelope)))
                .unwrap()
                .unwrap();
            additions.add_blob(envelope.clone());
            additions.add_blob(att.config);
            let manifest = Descriptor::of(MediaType::OCI_MANIFEST, &att.manifest);
            additions.add_blob(att.manifest);
            additions.add_tagged(manifest, CosignTag::Attestations, &about.digest);
            additions.write(&Layout::open(dir.path()).unwrap()).unwrap()
        };
        assert!(attach(&image, "one"));
        assert!(!attach(&image, "one"));
        assert!(attach(&image, "two"));
        drop(layout);
        let layout = Layout::open(dir.path()).unwrap();
        let published = Published::of(&layout, None).unwrap();
        assert_eq!(published.descriptor.digest, image.digest);
        assert_eq!(published.name(), Some("v1"));
        let found = documents(&layout, &image.digest).unwrap();
        let mut found: Vec<_> = found.found.into_iter().map(|found| found.bytes).collect();
        found.sort();
        assert_eq!(found, [b"one".to_vec(), b"two".to_vec(), envelope.clone()]);
        // One that was changed is set aside.
        std::fs::write(
            dir.path().join("blobs/sha256").join(blob.digest.hex()),
            "{}",
        )
        .unwrap();
        let found = documents(&layout, &image.digest).unwrap();
        assert_eq!((found.found.len(), found.problems.len()), (2, 1));
    }

    fn blob_of(bytes: &[u8]) -> Descriptor {
        Descriptor::of(MediaType::new(MediaType::DSSE_ENVELOPE), bytes)
    }
}
