//! An image with what refers to it, into a repository.
//!
//! What has a subject is pushed by its digest. What has one of cosign's tags is pushed under
//! that tag; where something else has it already, the layers that it lacks are added to it, and
//! nothing of others is dropped.

use std::collections::BTreeSet;
use std::time::Instant;

use verbatim_digest::Digest;
use verbatim_oci::attached::{with_layers, CosignTag};
use verbatim_oci::{Document, Named, Reference};

use crate::client::Client;
use crate::error::{document_error, Error};
use crate::name::{Repository, Target};
use crate::push::{Image, Inputs, Push, PushOptions, Pushed};
use crate::referrers::found;

/// How often a tag is written that others write at the same time.
const TRIES: u32 = 8;

/// A manifest with one layer for each thing that is attached in cosign's older way.
#[derive(Debug, Clone)]
pub struct Tagged {
    /// What it is attached to.
    pub subject: Digest,
    /// Which of the tags it has.
    pub tag: CosignTag,
    /// Its bytes; the blobs are among the inputs.
    pub manifest: Vec<u8>,
}

impl Target {
    /// Something of the same repository that is pushed by its digest alone.
    pub fn sibling(&self, digest: Digest) -> Result<Self, Error> {
        Ok(Self {
            reference: self.reference_with("")?,
            digest: Some(digest),
        })
    }

    /// Another tag of the same repository.
    pub fn tagged(&self, tag: &str) -> Result<Self, Error> {
        Ok(Self {
            reference: self.reference_with(tag)?,
            digest: None,
        })
    }

    fn reference_with(&self, tag: &str) -> Result<Reference, Error> {
        Reference::new(
            self.reference.registry(),
            self.reference.prefix(),
            self.reference.name(),
            tag,
        )
        .map_err(|e| Error::options(e.to_string()))
    }
}

impl Client {
    /// Push images, and what is attached to them in cosign's older way, into the repository of
    /// `target`. Gives what was pushed; what was there already is not among it.
    pub async fn push_with_tagged(
        &self,
        mut images: Vec<Image>,
        target: &Target,
        tagged: &[Tagged],
        inputs: &Inputs,
        options: &PushOptions,
    ) -> Result<Vec<Pushed>, Error> {
        let push = Push::new(self, options);
        let mut reports: Vec<Pushed> = Vec::new();
        let tags = tagged.iter().map(|one| {
            let tag = target.tagged(&one.tag.tag(&one.subject))?;
            Ok(tag.to_string())
        });
        let tags = tags.collect::<Result<BTreeSet<String>, Error>>()?;
        for attempt in 0..TRIES {
            let began = Instant::now();
            let mut open = 0;
            for tagged in tagged {
                if let Some(image) = self.grown(target, tagged, inputs).await? {
                    images.push(image);
                    open += 1;
                }
            }
            if !images.is_empty() {
                reports.extend(self.push(std::mem::take(&mut images), options).await?);
            }
            if open == 0 {
                // That these tags have all of it was just read. What else they have by now is what others added
                // since this was written, and no fault.
                for pushed in reports
                    .iter_mut()
                    .filter(|one| tags.contains(&one.reference))
                {
                    pushed.served = None;
                }
            }
            if open == 0 || options.dry_run {
                return Ok(reports);
            }
            push.let_others_write(began.elapsed(), attempt).await;
        }
        Err(Error::options(format!(
            "{}: others write the tags of what is attached all the time, and drop what was added {TRIES} times; try again when they are done",
            target.repository()
        )))
    }

    /// The image that one of cosign's tags shall stand for; `None` if it has all of it already.
    async fn grown(
        &self,
        target: &Target,
        tagged: &Tagged,
        inputs: &Inputs,
    ) -> Result<Option<Image>, Error> {
        let repository = self.first(&target.repository())?;
        let there = found_tag(self, &repository, tagged).await?;
        let name = tagged.tag.tag(&tagged.subject);
        let wrong = |e| document_error(&name, e);
        let to = target.tagged(&name)?;
        let Some(there) = there else {
            let root = Named::new(&tagged.manifest, &name);
            return Ok(Some(Image::new(to, root, inputs, &name)?));
        };
        if there == tagged.manifest {
            return Ok(None);
        }
        let Document::Manifest(more) = Document::parse(&tagged.manifest, &name).map_err(wrong)?
        else {
            return Err(Error::options(format!(
                "{repository}:{name}: another index has that tag; remove it, or leave out what refers to the image with --no-referrers"
            )));
        };
        let shown = format!("{repository}:{name}");
        let Some(grown) = with_layers(Some((&there, &shown)), &more.layers).map_err(wrong)? else {
            return Ok(None);
        };
        let mut inputs = inputs.clone();
        inputs.add_document(grown.config);
        let root = Named::new(&grown.manifest, &name);
        Ok(Some(Image::new(to, root, &inputs, &name)?))
    }
}

async fn found_tag(
    client: &Client,
    repository: &Repository,
    tagged: &Tagged,
) -> Result<Option<Vec<u8>>, Error> {
    let which = crate::name::Which::Tag(tagged.tag.tag(&tagged.subject));
    let manifest = found(client.manifest_of(repository, &which).await)?;
    Ok(manifest.map(|manifest| manifest.bytes))
}
