//! What is attached to an image, in the forms in which other programs find it: a bundle in a manifest that refers
//! to the image, or a layer of the manifest under cosign's tag `.att`.
//!
//! Both are made of the attestation and the image alone, so the same attestation has the same digests
//! whoever attaches it, and whenever.

use std::collections::BTreeMap;

use verbatim_document::json;
use verbatim_oci::attached::{artifact, with_layers, CosignTag, EMPTY_CONFIG};
use verbatim_oci::layout::Additions;
use verbatim_oci::{Descriptor, MediaType};
use verbatim_signature::bundle::{Bundle, V0_3};
use verbatim_signature::dsse::{Envelope, IN_TOTO};
use verbatim_signature::{Content, Document, Error};

use crate::known::Known;
use crate::statement::Statement;

/// What cosign says of a bundle beside it (cosign, `pkg/oci/remote/write.go`).
const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";
const BUNDLE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// What cosign says of a layer under its tag; the signature is in the envelope.
const LAYER_SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const LAYER_TYPE: &str = "predicateType";

/// A longer type is said by the statement alone: manifests must stay small enough for registries.
const MAX_REMARK: usize = 2048;

/// How attestations are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Each in a manifest of its own that refers to the image (OCI 1.1), as a Sigstore bundle.
    Bundle,
    /// As layers of one manifest under the tag that is made from the image's digest.
    Tag,
}

/// An attestation about an image.
#[derive(Debug, Clone)]
pub struct Attestation {
    document: Document,
    statement: Statement,
}

/// A manifest that is about the image, with all that it names.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Its bytes.
    pub manifest: Vec<u8>,
    /// Its config and its layers.
    pub blobs: Vec<Vec<u8>>,
}

/// What is attached to one image at once.
#[derive(Debug, Clone)]
pub enum Attachment {
    /// For each attestation one that refers to the image.
    Referrers(Vec<Artifact>),
    /// Layers for one of cosign's tags, each with its bytes.
    Tagged(Vec<(Descriptor, Vec<u8>)>),
}

impl Attestation {
    /// The attestation in a document, if it is about this image. Whoever signed it is not asked.
    ///
    /// # Errors
    /// Does not hold: nobody signed it, it is no in-toto statement, or it is about something else.
    /// Malformed: what was signed cannot be read.
    pub fn about(document: Document, image: &Known) -> Result<Self, Error> {
        let refused = |why: String| Error::DoesNotHold {
            file: document.name.clone(),
            why,
        };
        let envelope = document.attestation()?;
        if envelope.signatures.is_empty() {
            let why = "it is not signed: the list of its signatures is empty";
            return Err(refused(why.to_owned()));
        }
        if envelope.payload_type != IN_TOTO {
            return Err(refused(format!(
                "what was signed is of the type `{}`, and a statement is `{IN_TOTO}`",
                envelope.payload_type
            )));
        }
        let statement = Statement::parse(envelope.payload.clone(), &document.name)?;
        statement.is_about(image).map_err(refused)?;
        Ok(Self {
            document,
            statement,
        })
    }

    /// The document's name in messages.
    pub fn name(&self) -> &str {
        &self.document.name
    }

    /// The type of what it says.
    pub fn predicate_type(&self) -> &str {
        &self.statement.predicate_type
    }

    fn envelope(&self) -> Result<&Envelope, Error> {
        self.document.attestation()
    }

    /// What is said beside it: something of its form, and the type of what it says.
    fn remarks(&self, form: (&str, &str), kind: &str) -> BTreeMap<String, String> {
        let kind = (self.predicate_type().len() <= MAX_REMARK)
            .then(|| (kind.to_owned(), self.predicate_type().to_owned()));
        let form = (form.0.to_owned(), form.1.to_owned());
        std::iter::once(form).chain(kind).collect()
    }

    /// As a manifest that refers to the image. A bundle stays as it is, to the byte.
    fn as_referrer(&self, image: &Descriptor) -> Result<Artifact, Error> {
        let bundle = match &self.document.content {
            Content::Bundle(bundle) => bundle.text().trim().as_bytes().to_vec(),
            _ => json::to_canonical(&Bundle::of_envelope(self.envelope()?))?,
        };
        let remarks = self.remarks((BUNDLE_CONTENT, "dsse-envelope"), BUNDLE_TYPE);
        let blob = Descriptor::of(MediaType::new(V0_3), &bundle);
        Ok(Artifact {
            manifest: artifact(V0_3, blob, image, remarks)?,
            blobs: vec![EMPTY_CONFIG.to_vec(), bundle],
        })
    }

    /// As a layer under cosign's tag, which is the envelope.
    fn as_layer(&self) -> Result<(Descriptor, Vec<u8>), Error> {
        if let Content::Bundle(bundle) = &self.document.content {
            if bundle.is_more_than_its_envelope() {
                let why = "is a bundle with a certificate or an entry of a log, for which there is no place under the tag .att; attach it as a bundle, which is what happens without --form";
                let kind = verbatim_document::ErrorKind::Unsupported;
                return Err(verbatim_document::Error::new(kind, self.name(), why).into());
            }
        }
        let envelope = json::to_canonical(&self.envelope()?.to_json())?;
        let mut layer = Descriptor::of(MediaType::new(MediaType::DSSE_ENVELOPE), &envelope);
        layer.annotations = self.remarks((LAYER_SIGNATURE, ""), LAYER_TYPE);
        Ok((layer, envelope))
    }
}

impl Attachment {
    /// These attestations for an image.
    ///
    /// # Errors
    /// A bundle that holds more than the tag can.
    pub fn new(
        attestations: &[Attestation],
        image: &Descriptor,
        form: Form,
    ) -> Result<Self, Error> {
        let each = attestations.iter();
        Ok(match form {
            Form::Bundle => Self::Referrers(
                each.map(|one| one.as_referrer(image))
                    .collect::<Result<_, _>>()?,
            ),
            Form::Tag => Self::Tagged(each.map(Attestation::as_layer).collect::<Result<_, _>>()?),
        })
    }

    /// The manifest that cosign's tag stands for where nothing else has it.
    ///
    /// # Errors
    /// More layers than cosign reads.
    pub fn tagged(
        layers: &[(Descriptor, Vec<u8>)],
    ) -> Result<Option<Artifact>, verbatim_oci::Error> {
        let descriptors: Vec<_> = layers.iter().map(|(layer, _)| layer.clone()).collect();
        let manifest = with_layers(None, &descriptors)?;
        Ok(manifest.map(|made| Artifact {
            manifest: made.manifest,
            blobs: layers
                .iter()
                .map(|(_, bytes)| bytes.clone())
                .chain([made.config])
                .collect(),
        }))
    }

    /// What is to be added to a layout of the image.
    ///
    /// # Errors
    /// None that whoever made this could cause.
    pub fn to_layout(self, image: &Descriptor) -> Result<Additions, verbatim_oci::Error> {
        let mut additions = Additions::default();
        additions.mark_image(image);
        match self {
            Self::Referrers(artifacts) => {
                for artifact in artifacts {
                    artifact
                        .blobs
                        .into_iter()
                        .for_each(|blob| additions.add_blob(blob));
                    additions.add_referrer(artifact.manifest)?;
                }
            }
            Self::Tagged(layers) => {
                let (layers, blobs): (Vec<_>, Vec<_>) = layers.into_iter().unzip();
                blobs.into_iter().for_each(|blob| additions.add_blob(blob));
                additions.add_tagged(CosignTag::Attestations, &image.digest, layers);
            }
        }
        Ok(additions)
    }
}
