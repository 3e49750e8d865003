//! What `index.json` of a layout lists: what the layout is of, and apart from it what is
//! attached to that. Only the first is published under the image's name.

use std::collections::{BTreeMap, BTreeSet};

use verbatim_digest::Digest;

use super::source::Layout;
use crate::attached::{CosignTag, DigestTag, KIND};
use crate::gather::{Attached, Attachments, By};
use crate::{Descriptor, Document, Index, Result};

/// What the names of images in `index.json` stand under.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// How an entry of `index.json` is attached to something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// Its own `subject` says so.
    Subject(Digest),
    /// It is an index of referrers, by the tag that it has.
    Referrers(Digest),
    /// It has one of cosign's tags.
    Tag(Digest, CosignTag),
    /// `cosign save` wrote it beside the one image that it saved, whichever that is.
    Saved(CosignTag),
}

/// The entries of `index.json`, told apart; each with its number.
#[derive(Debug, Default)]
pub struct Listed {
    /// What the layout is of.
    pub images: Vec<(usize, Descriptor)>,
    /// What is attached to it, or to something that is not there.
    pub attached: Vec<(Tie, Descriptor)>,
}

impl Layout {
    /// Tell the entries of `index.json` apart. Where nothing else is there, what is attached to
    /// other things is what the layout is of.
    pub fn listed(&self, index: &Index) -> Listed {
        let mut listed = Listed::default();
        let one: BTreeSet<Digest> = index.manifests.iter().map(|entry| entry.digest).collect();
        for (number, entry) in index.manifests.iter().enumerate() {
            // A layout of one thing is of that, whatever it is about.
            match (one.len() > 1).then(|| self.tie(entry)).flatten() {
                Some(tie) => listed.attached.push((tie, entry.clone())),
                None => listed.images.push((number, entry.clone())),
            }
        }
        if listed.images.is_empty() {
            listed.images = index.manifests.iter().cloned().enumerate().collect();
            listed.attached.clear();
        }
        listed
    }

    /// How an entry is attached to something. What cannot be read is for whoever needs it.
    fn tie(&self, entry: &Descriptor) -> Option<Tie> {
        let named = |key: &str| entry.annotations.get(key).map(String::as_str);
        match named(REF_NAME).and_then(DigestTag::of) {
            Some(DigestTag::Referrers(subject)) => return Some(Tie::Referrers(subject)),
            Some(DigestTag::Cosign(subject, tag)) => return Some(Tie::Tag(subject, tag)),
            None => {}
        }
        let kind = named(KIND);
        if let Some(tag) = CosignTag::ALL
            .into_iter()
            .find(|tag| kind.is_some() && tag.kind() == kind)
        {
            return Some(Tie::Saved(tag));
        }
        if !entry.media_type.is_manifest() && !entry.media_type.is_index() {
            return None;
        }
        let bytes = self.document(entry).ok()?;
        let document = Document::parse(&bytes, "").ok()?;
        document
            .subject()
            .map(|subject| Tie::Subject(subject.digest))
    }

    /// The same of the `index.json` that is there.
    pub fn list(&self) -> Result<Listed> {
        let (_, index) = self.index()?;
        Ok(self.listed(&index))
    }
}

/// What is attached to each document.
pub(super) type Ties = BTreeMap<Digest, Vec<Attached>>;

impl Attachments for Layout {
    fn attached(&self, subject: &Digest, tags: &[CosignTag]) -> Result<Vec<Attached>> {
        let ties = match self.attached.get() {
            Some(ties) => ties,
            None => {
                let ties = self.ties()?;
                self.attached.get_or_init(|| ties)
            }
        };
        let wanted = |attached: &&Attached| match attached.by {
            By::Tag(tag) => tags.contains(&tag),
            By::List => true,
        };
        let all = ties.get(subject).into_iter().flatten();
        Ok(all.filter(wanted).cloned().collect())
    }
}

impl Layout {
    fn ties(&self) -> Result<Ties> {
        let (_, index) = self.index()?;
        let listed = self.listed(&index);
        let image = listed.images.first().map(|(_, image)| image.digest);
        let image = image.filter(|one| listed.images.iter().all(|(_, e)| e.digest == *one));
        let mut ties = Ties::new();
        for (tie, descriptor) in listed.attached {
            let (subject, by) = match tie {
                Tie::Subject(subject) => (Some(subject), By::List),
                Tie::Tag(subject, tag) => (Some(subject), By::Tag(tag)),
                Tie::Saved(tag) => (image, By::Tag(tag)),
                Tie::Referrers(subject) => {
                    let bytes = self.document(&descriptor)?;
                    let list = Index::parse(&bytes, &self.blob_name(&descriptor.digest))?;
                    ties.entry(subject)
                        .or_default()
                        .extend(list.manifests.into_iter().map(|descriptor| Attached {
                            descriptor,
                            by: By::List,
                        }));
                    continue;
                }
            };
            if let Some(subject) = subject {
                ties.entry(subject)
                    .or_default()
                    .push(Attached { descriptor, by });
            }
        }
        Ok(ties)
    }
}
