//! The one walk over the graph of an image: index → manifest → config and layers.
//!
//! Documents name each other by digest, and lie in folders, archives, registries and engines;
//! some are read at once and some arrive later. So [`Walk`] does no reading: it gives out the
//! next [`Link`] to follow, is handed the bytes that were found there, and checks them against
//! all that was said of them. What is done with the images on the way is up to whoever walks:
//!
//! ```text
//! while let Some(link) = walk.next() {
//!     let link = link?;                       // what contradicts an earlier link is an error
//!     if !link.is_document() { … }            // an index may name other things too
//!     let bytes = …;                          // from wherever they are
//!     match walk.enter(&link, &bytes, name)? {
//!         Document::Index(_) => {}            // its links come next
//!         Document::Manifest(manifest) => …   // its config and layers are named in it
//!     }
//! }
//! ```
//!
//! Whoever can fetch several documents at a time takes them with [`Walk::level`] instead.
//! Limits hold for every walk alike and stand here alone. A walk may go on after an error: the
//! link that it is about is left out.

mod blobs;
mod choice;
mod leaves;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use verbatim_digest::Digest;

use crate::{
    Config, Descriptor, Document, Error, ErrorKind, Index, Manifest, MediaType, Platform, Result,
};

pub use blobs::{Blobs, Content};
pub use choice::{choose, select};
pub use leaves::Leaves;

/// Indexes inside indexes; two levels are common, more than a few are an accident.
const MAX_DEPTH: u8 = 8;
/// Descriptors that are followed, layers among them.
const MAX_LINKS: usize = 1 << 18;

/// How many indexes lie around a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth(u8);

impl Depth {
    /// At the top.
    pub const TOP: Self = Self(0);

    /// One further down; nowhere, when that is too deep.
    pub fn below(self) -> Option<Self> {
        (self.0 < MAX_DEPTH).then_some(Self(self.0 + 1))
    }
}

/// A descriptor, and where it stands.
#[derive(Debug, Clone)]
pub struct Link {
    /// What is said of the bytes.
    pub descriptor: Descriptor,
    /// The document that says so, by its name in messages.
    pub file: Arc<str>,
    /// The place in it.
    pub pointer: String,
    depth: Depth,
}

impl Link {
    /// What somebody asks for, `file` in messages.
    pub fn root(descriptor: Descriptor, file: &str) -> Self {
        Self {
            descriptor,
            file: file.into(),
            pointer: String::new(),
            depth: Depth::TOP,
        }
    }

    /// The entry of this number in an index.
    pub(crate) fn of_index(descriptor: &Descriptor, file: &str, number: usize) -> Self {
        Self {
            pointer: format!("/manifests/{number}"),
            ..Self::root(descriptor.clone(), file)
        }
    }

    /// Whether it leads to a manifest or an index, by what is said.
    pub fn is_document(&self) -> bool {
        self.descriptor.media_type.is_index() || self.descriptor.media_type.is_manifest()
    }

    /// That there is nothing where it leads.
    pub fn missing(&self) -> Error {
        missing(&self.descriptor, &self.file, &self.pointer)
    }

    fn wrong(&self, kind: ErrorKind, member: &str, what: String) -> Error {
        Error::new(kind, &self.file, what).at(format!("{}{member}", self.pointer))
    }
}

/// That a document names a blob that is not there.
pub(crate) fn missing(descriptor: &Descriptor, file: &str, pointer: &str) -> Error {
    Error::new(
        ErrorKind::Missing,
        file,
        format!(
            "names {}, and there is no such blob; add it, or write the image again",
            descriptor.digest
        ),
    )
    .at(format!("{pointer}/digest"))
}

/// A document that was met.
#[derive(Debug, Default)]
struct Met {
    /// Its size and type, once its bytes were found right.
    known: Option<(u64, MediaType)>,
    /// Of an image.
    platform: Option<Platform>,
    /// What else named it before its bytes were there.
    waiting: Vec<Link>,
    /// The documents that it names.
    children: Vec<Digest>,
}

/// A walk from a root to all that it names, each document once.
#[derive(Debug)]
pub struct Walk {
    /// The next one last.
    pending: Vec<Link>,
    met: BTreeMap<Digest, Met>,
    links: usize,
    most_documents: usize,
}

impl Walk {
    /// A walk from a link. At most so many documents are met, which matters where each costs
    /// a request.
    pub fn new(root: Link, most_documents: usize) -> Self {
        Self::of_links(vec![root], most_documents)
    }

    /// A walk from several links, the first one first.
    pub(crate) fn of_links(mut links: Vec<Link>, most_documents: usize) -> Self {
        links.reverse();
        Self {
            pending: links,
            met: BTreeMap::new(),
            links: 0,
            most_documents,
        }
    }

    /// A walk from all that an index names, which is at hand: `index.json` of a layout.
    pub fn of_index(index: &Index, file: &str) -> Self {
        let mut walk = Self::of_links(Vec::new(), usize::MAX);
        walk.push(index, file, Depth::TOP);
        walk
    }

    /// A walk from a manifest or an index that is at hand and named by nothing.
    pub fn of_document(document: &Document, descriptor: &Descriptor, file: &str) -> Result<Self> {
        let root = Link::root(descriptor.clone(), file);
        let mut walk = Self::new(root.clone(), usize::MAX);
        walk.pending.clear();
        walk.met.entry(descriptor.digest).or_default();
        walk.expand(&root, document, file)?;
        Ok(walk)
    }

    fn push(&mut self, index: &Index, file: &str, depth: Depth) {
        let file: Arc<str> = file.into();
        let links = index.manifests.iter().enumerate().rev();
        self.pending.extend(links.map(|(i, descriptor)| Link {
            descriptor: descriptor.clone(),
            file: Arc::clone(&file),
            pointer: format!("/manifests/{i}"),
            depth,
        }));
    }

    /// The next link, in the order of the documents. A document that was met before does not
    /// come again, and what is said of it must be right all the same.
    #[allow(clippy::should_implement_trait)] // Whoever walks changes the walk on the way.
    pub fn next(&mut self) -> Option<Result<Link>> {
        loop {
            let link = self.pending.pop()?;
            if let Err(error) = self.count(1, &link) {
                self.pending.clear();
                return Some(Err(error));
            }
            if let Err(error) = check_data(&link.descriptor, &link.file, &link.pointer) {
                return Some(Err(error));
            }
            if !link.is_document() {
                return Some(Ok(link));
            }
            if let Some(met) = self.met.get_mut(&link.descriptor.digest) {
                match agree(&link, met) {
                    Ok(()) => {
                        let said = link.descriptor.platform.is_some();
                        if met.known.is_none() || said && met.platform.is_none() {
                            met.waiting.push(link);
                        }
                        continue;
                    }
                    Err(error) => return Some(Err(error)),
                }
            }
            if self.met.len() >= self.most_documents {
                self.pending.clear();
                return Some(Err(too_many(&link, self.most_documents)));
            }
            // Before anything can fail, so that nothing is said twice.
            self.met.insert(link.descriptor.digest, Met::default());
            return Some(Ok(link));
        }
    }

    /// All links that are known now, for whoever follows several at a time.
    pub fn level(&mut self) -> Result<Vec<Link>> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// What was found where a link leads; `name` in messages. Digest, size and type must be
    /// as the link says. The links of an index come next; of a manifest the config and the
    /// layers are for the caller.
    pub fn enter(&mut self, link: &Link, bytes: &[u8], name: &str) -> Result<Document> {
        check_bytes(name, &link.descriptor, bytes)?;
        let document = Document::parse(bytes, name)?;
        check_media_type(name, &link.descriptor.media_type, &document)?;
        let met = self.met.entry(link.descriptor.digest).or_default();
        met.known = Some((bytes.len() as u64, link.descriptor.media_type.clone()));
        for other in &met.waiting {
            agree(other, met)?;
        }
        self.expand(link, &document, name)?;
        Ok(document)
    }

    fn expand(&mut self, link: &Link, document: &Document, name: &str) -> Result<()> {
        match document {
            Document::Index(index) => {
                let depth = link.depth.below().ok_or_else(|| {
                    let what = format!("indexes are nested more than {MAX_DEPTH} deep, the limit");
                    Error::new(ErrorKind::Limit, name, what)
                })?;
                let children = index.manifests.iter().map(|child| child.digest).collect();
                self.met.entry(link.descriptor.digest).or_default().children = children;
                // What waits takes room too.
                if self.links + self.pending.len() + index.manifests.len() > MAX_LINKS {
                    return Err(too_many(link, MAX_LINKS));
                }
                self.push(index, name, depth);
                Ok(())
            }
            Document::Manifest(manifest) => {
                self.count(1 + manifest.layers.len(), link)?;
                check_data(&manifest.config, name, "/config")?;
                for (i, layer) in manifest.layers.iter().enumerate() {
                    check_data(layer, name, &format!("/layers/{i}"))?;
                }
                Ok(())
            }
        }
    }

    fn count(&mut self, links: usize, link: &Link) -> Result<()> {
        self.links = self.links.saturating_add(links);
        if self.links > MAX_LINKS {
            return Err(too_many(link, MAX_LINKS));
        }
        Ok(())
    }

    /// The platform that the config of an image says, which must not contradict that of the
    /// link by which the image was found, nor of those that name it later.
    pub fn is_for(&mut self, link: &Link, platform: &Platform) -> Result<()> {
        let met = self.met.entry(link.descriptor.digest).or_default();
        met.platform = Some(platform.clone());
        for other in &met.waiting {
            check_platform(other, platform)?;
        }
        check_platform(link, platform)
    }

    /// All documents that were met, children before those that name them.
    pub fn children_first(&self) -> Vec<Digest> {
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        // Each with how many of its children were visited. Not by recursion: a hostile graph
        // may have longer paths than the one by which each document was met.
        let mut path: Vec<(Digest, usize)> = Vec::new();
        for &root in self.met.keys() {
            if seen.insert(root) {
                path.push((root, 0));
            }
            while let Some((digest, visited)) = path.last_mut() {
                match self.met[digest].children.get(*visited) {
                    Some(child) => {
                        *visited += 1;
                        if self.met.contains_key(child) && seen.insert(*child) {
                            path.push((*child, 0));
                        }
                    }
                    None => {
                        order.push(*digest);
                        path.pop();
                    }
                }
            }
        }
        order
    }
}

/// The config of an image, by the bytes that were found where its manifest says; `name` in
/// messages.
pub fn config(manifest: &Manifest, bytes: &[u8], name: &str) -> Result<Config> {
    check_bytes(name, &manifest.config, bytes)?;
    let config = Config::parse(bytes, name)?;
    config.check_layers(manifest.layers.len(), name)?;
    Ok(config)
}

fn too_many(link: &Link, most: usize) -> Error {
    link.wrong(
        ErrorKind::Limit,
        "",
        format!("more than {most} things are named, the limit of an image"),
    )
}

/// A document that was met before must be what it is now said to be.
fn agree(link: &Link, met: &Met) -> Result<()> {
    if let Some((size, media_type)) = &met.known {
        if link.descriptor.size != *size {
            let what = format!(
                "says {} bytes, and {} has {size}; build the index again",
                link.descriptor.size, link.descriptor.digest
            );
            return Err(link.wrong(ErrorKind::Mismatch, "/size", what));
        }
        if link.descriptor.media_type != *media_type {
            let what = format!(
                "says `{}`, and {} is `{media_type}`; build the index again",
                link.descriptor.media_type, link.descriptor.digest
            );
            return Err(link.wrong(ErrorKind::Mismatch, "/mediaType", what));
        }
    }
    match &met.platform {
        Some(platform) => check_platform(link, platform),
        None => Ok(()),
    }
}

/// The platform in an index must be that in the config, where both say something.
fn check_platform(link: &Link, config: &Platform) -> Result<()> {
    match &link.descriptor.platform {
        Some(said) if config.is_runnable() && said.contradicts(config) => Err(link.wrong(
            ErrorKind::Mismatch,
            "/platform",
            format!(
                "says {said}, and the config of the image says {config}; build the index again"
            ),
        )),
        _ => Ok(()),
    }
}

/// What is embedded in a descriptor must be what it describes.
fn check_data(descriptor: &Descriptor, file: &str, pointer: &str) -> Result<()> {
    if descriptor.data_is_content() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Mismatch,
        file,
        format!(
            "is not the content of {}, though it is embedded as that; leave it out, or build the image again",
            descriptor.digest
        ),
    )
    .at(format!("{pointer}/data")))
}

/// Bytes must be what a descriptor says.
pub(crate) fn check_bytes(file: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
    check_size(file, descriptor, bytes.len() as u64)?;
    check_digest(file, &descriptor.digest, &Digest::of(bytes))
}

pub(crate) fn check_size(file: &str, descriptor: &Descriptor, size: u64) -> Result<()> {
    if descriptor.size == size {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Mismatch,
        file,
        format!(
            "has {size} bytes, and the document that names it says {}; fetch or build the image again",
            descriptor.size
        ),
    ))
}

pub(crate) fn check_digest(file: &str, expected: &Digest, actual: &Digest) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Mismatch,
        file,
        format!("has the digest {actual} and not that of its name; fetch or build the image again"),
    ))
}

/// What an index names as something else must not say of itself that it is a document.
pub(crate) fn check_is_no_document(file: &str, named: &MediaType, bytes: &[u8]) -> Result<()> {
    let Ok(document) = Document::parse(bytes, file) else {
        return Ok(());
    };
    let own = match &document {
        Document::Index(index) => &index.media_type,
        Document::Manifest(manifest) => &manifest.media_type,
    };
    match own {
        Some(_) => check_media_type(file, named, &document),
        None => Ok(()),
    }
}

/// The media type that a document says it has must be the one it was named with. One that
/// says nothing is of either family.
fn check_media_type(file: &str, named: &MediaType, document: &Document) -> Result<()> {
    let (own, is_kind) = match document {
        Document::Index(index) => (&index.media_type, named.is_index()),
        Document::Manifest(manifest) => (&manifest.media_type, named.is_manifest()),
    };
    let fits = match own {
        Some(own) => own == named,
        None => is_kind,
    };
    if fits {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Mismatch,
        file,
        format!(
            "says `{}`, and the document that names it says `{named}`",
            document.media_type()
        ),
    )
    .at("/mediaType"))
}

#[cfg(test)]
mod tests;
