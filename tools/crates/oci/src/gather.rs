//! An image with everything that refers to it, and with everything that refers to that.
//!
//! The walk goes down, from an index to layers. What is attached to an image points at it from
//! outside, so here it goes up as well: for each document that is met, the place is asked what
//! is attached to it, and each answer is walked in turn. Nothing is believed: what a list names
//! must be what its descriptor says, and must itself say what it is about.

use std::collections::{BTreeMap, BTreeSet};

use verbatim_digest::Digest;

use crate::attached::CosignTag;
use crate::graph::{Blobs, Leaves, Link, Walk};
use crate::layout::in_parallel;
use crate::{Descriptor, Document, Error, ErrorKind, MediaType, Result};

/// Documents of one image, of what is attached to it, and so on.
const MAX_DOCUMENTS: usize = 1 << 15;
/// Bytes of all these together: they are kept in memory.
const MAX_BYTES: u64 = 256 << 20;
/// Documents that are asked for before the first of them is looked at.
const AT_A_TIME: usize = 32;

/// A place that knows what is attached to what.
pub trait Attachments: Blobs {
    /// What is attached to a document, as lists say and these tags.
    fn attached(&self, subject: &Digest, tags: &[CosignTag]) -> Result<Vec<Attached>>;
}

/// Something that is attached to a document, or is said to be.
#[derive(Debug, Clone)]
pub struct Attached {
    /// What is said of it. What is under a tag is described by its own bytes.
    pub descriptor: Descriptor,
    /// How it was found.
    pub by: By,
}

/// How something that is attached was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// A list of referrers names it: its own `subject` must say the same.
    List,
    /// It has a tag of cosign.
    Tag(CosignTag),
}

/// One thing that was gathered, with all that it names.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Its manifest or index.
    pub root: Descriptor,
    /// What it is attached to, and how; `None` for the image itself.
    pub tie: Option<(Digest, By)>,
}

/// A manifest or an index.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What it is.
    pub media_type: MediaType,
    /// To the byte.
    pub bytes: Vec<u8>,
}

/// What was not gathered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What.
    pub digest: Digest,
    /// In one sentence.
    pub why: String,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The image first, then what is attached, each after what it is attached to.
    pub trees: Vec<Tree>,
    /// All manifests and indexes.
    pub documents: BTreeMap<Digest, Stored>,
    /// Everything else: configs and layers.
    pub blobs: Leaves,
    /// What is said to be attached and is not.
    pub left_out: Vec<LeftOut>,
    bytes: u64,
}

impl Gathered {
    /// The image itself.
    pub fn image(&self) -> Option<&Tree> {
        self.trees.first()
    }
}

/// Gather an image, whose manifest or index is at hand; with `attached`, everything that refers
/// to it as well. At most `parallel` questions are asked at a time.
pub fn gather<A: Attachments + ?Sized>(
    place: &A,
    root: Descriptor,
    bytes: Vec<u8>,
    attached: bool,
    parallel: usize,
) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    let mut subjects = gathered.walk(place, Tree { root, tie: None }, bytes, parallel)?;
    let mut met = BTreeSet::new();
    while attached && !subjects.is_empty() {
        let mut wave = Vec::new();
        for part in subjects.chunks(AT_A_TIME) {
            let answers = in_parallel(part, parallel, |subject| {
                place.attached(subject, &CosignTag::ALL)
            });
            for (subject, answer) in part.iter().zip(answers) {
                for Attached { descriptor, by } in answer? {
                    // A manifest is about one thing, and may have tags for several.
                    let key = match by {
                        By::List => (descriptor.digest, None),
                        By::Tag(tag) => (descriptor.digest, Some((*subject, tag))),
                    };
                    if !met.insert(key) {
                        continue;
                    }
                    // What is left out costs a question too.
                    if met.len() > MAX_DOCUMENTS {
                        return Err(too_many(&place.name(subject)));
                    }
                    wave.push(Tree {
                        root: descriptor,
                        tie: Some((*subject, by)),
                    });
                }
            }
        }
        subjects = Vec::new();
        for part in wave.chunks(AT_A_TIME) {
            let found = in_parallel(part, parallel, |tree| gathered.document(place, &tree.root));
            for (tree, bytes) in part.iter().zip(found) {
                subjects.extend(gathered.walk(place, tree.clone(), bytes?, parallel)?);
            }
        }
    }
    Ok(gathered)
}

impl Gathered {
    /// The bytes of a document, which are for the walk to check. What is no document has none.
    fn document<A: Attachments + ?Sized>(
        &self,
        place: &A,
        descriptor: &Descriptor,
    ) -> Result<Vec<u8>> {
        match self.documents.get(&descriptor.digest) {
            Some(stored) => Ok(stored.bytes.clone()),
            None if is_document(descriptor) => place.document(descriptor),
            None => Ok(Vec::new()),
        }
    }

    /// Follow one tree to its leaves; gives the documents that nobody met before.
    fn walk<A: Attachments + ?Sized>(
        &mut self,
        place: &A,
        tree: Tree,
        bytes: Vec<u8>,
        parallel: usize,
    ) -> Result<Vec<Digest>> {
        let digest = tree.root.digest;
        if !is_document(&tree.root) {
            let why = format!(
                "is listed as `{}`, which is neither a manifest nor an index",
                tree.root.media_type
            );
            self.left_out.push(LeftOut { digest, why });
            return Ok(Vec::new());
        }
        let root = Link::root(tree.root.clone(), place.place());
        let mut walk = Walk::new(root, place.most_documents());
        let mut at_hand = Some(bytes);
        let mut new = Vec::new();
        loop {
            let level = walk.level()?;
            if level.is_empty() {
                break;
            }
            let (links, others): (Vec<_>, Vec<_>) = level.into_iter().partition(Link::is_document);
            for link in others {
                self.blobs
                    .note(&link.descriptor, &link.file, &link.pointer)?;
            }
            for part in links.chunks(AT_A_TIME) {
                let found = match at_hand.take() {
                    Some(bytes) => vec![Ok(bytes)],
                    None => in_parallel(part, parallel, |link| {
                        self.document(place, &link.descriptor)
                    }),
                };
                for (link, bytes) in part.iter().zip(found) {
                    let bytes = bytes?;
                    let name = place.name(&link.descriptor.digest);
                    let document = walk.enter(link, &bytes, &name)?;
                    if link.descriptor.digest == digest {
                        if let Some(why) = stranger(&tree, &document) {
                            self.left_out.push(LeftOut { digest, why });
                            return Ok(Vec::new());
                        }
                    }
                    if self.store(&link.descriptor.digest, &document, bytes, &name)? {
                        new.push(link.descriptor.digest);
                    }
                }
            }
        }
        self.trees.push(tree);
        Ok(new)
    }

    /// Keep a document; whether nobody met it before.
    fn store(
        &mut self,
        digest: &Digest,
        document: &Document,
        bytes: Vec<u8>,
        name: &str,
    ) -> Result<bool> {
        if self.documents.contains_key(digest) {
            return Ok(false);
        }
        if let Document::Manifest(manifest) = document {
            self.blobs.note(&manifest.config, name, "/config")?;
            for (at, layer) in manifest.layers.iter().enumerate() {
                // Layers that a registry must not have are had from elsewhere.
                if layer.media_type.is_foreign_layer() && !layer.urls.is_empty() {
                    continue;
                }
                self.blobs.note(layer, name, &format!("/layers/{at}"))?;
            }
        }
        self.bytes += bytes.len() as u64;
        if self.documents.len() >= MAX_DOCUMENTS || self.bytes > MAX_BYTES {
            return Err(too_many(name));
        }
        let media_type = document.media_type();
        self.documents.insert(*digest, Stored { media_type, bytes });
        Ok(true)
    }
}

fn too_many(name: &str) -> Error {
    Error::new(
        ErrorKind::Limit,
        name,
        format!("is one too many: an image and what refers to it may have {MAX_DOCUMENTS} documents and {} MiB of them; leave out what refers to it with --no-referrers", MAX_BYTES >> 20),
    )
}

fn is_document(descriptor: &Descriptor) -> bool {
    descriptor.media_type.is_index() || descriptor.media_type.is_manifest()
}

/// Why a document is not attached to what it was found for.
fn stranger(tree: &Tree, document: &Document) -> Option<String> {
    let Some((subject, By::List)) = &tree.tie else {
        return None;
    };
    match document.subject() {
        Some(own) if own.digest == *subject => None,
        Some(own) => Some(format!(
            "is listed among what refers to {subject}, and says itself that it is about {}",
            own.digest
        )),
        None => Some(format!(
            "is listed among what refers to {subject}, and does not say itself what it is about"
        )),
    }
}
