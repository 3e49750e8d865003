//! Attestations on their way to an image in a registry.

use anyhow::Context as _;
use verbatim_attest::attach::Attachment;
use verbatim_digest::Digest;
use verbatim_oci::attached::CosignTag;
use verbatim_oci::{Descriptor, Named};
use verbatim_registry::{Client, Image, Inputs, PushOptions, Tagged, Target};

use crate::registry_options::failed;

/// What became of it.
pub enum Done {
    /// Something was not there.
    Attached,
    /// All of it was there.
    Unchanged,
    /// The registry serves something else, in one sentence each.
    Wrong(Vec<String>),
}

impl Done {
    /// The word for reports.
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Unchanged => "unchanged",
            Self::Wrong(_) => "different",
        }
    }
}

/// Send them to the registry that has the image.
pub async fn push(
    client: &Client,
    target: &Target,
    image: &Descriptor,
    attachment: Attachment,
) -> anyhow::Result<Done> {
    let mut inputs = Inputs::default();
    let (mut images, mut tagged) = (Vec::new(), Vec::new());
    let artifacts = match attachment {
        Attachment::Referrers(artifacts) => artifacts,
        Attachment::Tagged(layers) => {
            let artifact = Attachment::tagged(&layers)?.context("there is nothing to attach")?;
            tagged.push(Tagged {
                subject: image.digest,
                tag: CosignTag::Attestations,
                manifest: artifact.manifest,
            });
            for blob in artifact.blobs {
                inputs.add_document(blob);
            }
            Vec::new()
        }
    };
    for artifact in &artifacts {
        for blob in &artifact.blobs {
            inputs.add_document(blob.clone());
        }
    }
    for artifact in &artifacts {
        let digest = Digest::of(&artifact.manifest);
        let name = format!("the manifest {digest}");
        let root = Named::new(&artifact.manifest, &name);
        images.push(Image::new(target.sibling(digest)?, root, &inputs, &name)?);
    }
    let options = PushOptions::default();
    let pushed = client
        .push_with_tagged(images, target, &tagged, &inputs, &options)
        .await
        .map_err(failed)?;
    let wrong = pushed.iter().filter(|pushed| !pushed.is_right());
    let wrong: Vec<String> = wrong
        .map(|pushed| {
            format!(
                "{}: {} was sent, and the registry serves something else",
                pushed.reference, pushed.digest
            )
        })
        .collect();
    Ok(match pushed.iter().all(|pushed| pushed.unchanged) {
        _ if !wrong.is_empty() => Done::Wrong(wrong),
        true => Done::Unchanged,
        false => Done::Attached,
    })
}
