//! What is pushed: the documents of an image, and where its blobs can be had.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use verbatim_digest::Digest;
use verbatim_document::file::open;
use verbatim_foreign::printable;
use verbatim_oci::graph::{Blobs, Leaves, Link, Walk};
use verbatim_oci::layout::{Kind, Layout, Published};
use verbatim_oci::{json, Config, Descriptor, Document, Manifest, Named, Platform, Reference};

use crate::error::Error;
use crate::name::{Repository, Target, Which};

/// What an image says of the image below it (OCI image specification, "Pre-Defined
/// Annotation Keys").
const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// Where the parts of images may be found.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    documents: BTreeMap<Digest, Bytes>,
    files: BTreeMap<Digest, PathBuf>,
    layouts: Vec<Arc<Layout>>,
    elsewhere: BTreeMap<Digest, Vec<Repository>>,
    anywhere: Vec<Repository>,
    further: Option<Further>,
    left: BTreeMap<Digest, Arc<str>>,
}

/// A source of blobs that are not files here, such as build caches.
#[derive(Clone)]
pub(crate) struct Further(pub(crate) Arc<dyn Blobs + Send>);

impl fmt::Debug for Further {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Further").field(&self.0.place()).finish()
    }
}

impl Inputs {
    /// Add a manifest or a config; it is used if something names it.
    pub fn add_document(&mut self, data: Vec<u8>) {
        self.documents.insert(Digest::of(&data), data.into());
    }

    /// Add a blob that is a file.
    pub fn add_file(&mut self, digest: Digest, path: PathBuf) {
        self.files.insert(digest, path);
    }

    /// Add a layout.
    pub fn add_layout(&mut self, layout: Arc<Layout>) {
        self.layouts.push(layout);
    }

    /// Add the repositories that have a blob: it is mounted from there, or fetched.
    pub fn add_elsewhere(&mut self, digest: Digest, repositories: Vec<Repository>) {
        self.elsewhere
            .entry(digest)
            .or_default()
            .extend(repositories);
    }

    /// Add a repository that may have any of the blobs.
    pub fn add_anywhere(&mut self, repository: Repository) {
        self.anywhere.push(repository);
    }

    /// Take what is neither at hand nor in the registry from here, where it is there.
    pub fn take_from(&mut self, blobs: Arc<dyn Blobs + Send>) {
        self.further = Some(Further(blobs));
    }

    /// Note a layer that a build left where it keeps its outputs, and what it was built as.
    pub fn add_left(&mut self, digest: Digest, origin: &str) {
        self.left.insert(digest, origin.into());
    }
}

/// Where the bytes of a blob come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Bytes(Bytes),
    File(PathBuf),
    Layout(Arc<Layout>),
    /// From what is further away than files.
    Further(Further),
    /// From its other repositories, if anything; until it is to be sent, also what may be further
    /// away.
    Elsewhere,
}

impl Source {
    pub(crate) fn is_here(&self) -> bool {
        !matches!(self, Self::Elsewhere)
    }
}

/// A blob of an image.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) descriptor: Descriptor,
    pub(crate) source: Source,
    /// Repositories that may have it.
    pub(crate) elsewhere: Vec<Repository>,
    /// What may have it too.
    pub(crate) further: Option<Further>,
    /// What a build made that left it there.
    pub(crate) left: Option<Arc<str>>,
    /// Which document names it, for messages.
    pub(crate) named_by: String,
}

/// A manifest or an index, as a registry stores it.
#[derive(Debug, Clone)]
pub(crate) struct RawManifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
    /// What it is about, and how a list of referrers names it.
    pub(crate) about: Option<(Digest, Descriptor)>,
}

impl RawManifest {
    fn new(document: &Document, digest: Digest, bytes: Bytes) -> Self {
        let about = document
            .subject()
            .map(|subject| (subject.digest, document.as_referrer(&bytes)));
        Self {
            digest,
            media_type: document.media_type().to_string(),
            bytes,
            about,
        }
    }
}

/// An image that can be pushed: one manifest or index under one reference, and all that it
/// names.
#[derive(Debug)]
pub struct Image {
    target: Target,
    origin: String,
    /// All below the root, each before those that name it.
    children: Vec<RawManifest>,
    root: RawManifest,
    blobs: BTreeMap<Digest, Blob>,
}

impl Target {
    /// Under which name an image is served after a push: the tag; by digest alone where a
    /// digest is given and no tag; `latest` where there is neither.
    pub(crate) fn pushed_as(&self, digest: Digest) -> Which {
        match (self.reference.tag(), self.digest) {
            (Some(tag), _) => Which::Tag(tag.to_owned()),
            (None, Some(_)) => Which::Digest(digest),
            (None, None) => Which::Tag("latest".to_owned()),
        }
    }
}

fn document_error(error: verbatim_oci::Error) -> Error {
    Error::Image(Arc::new(error))
}

/// A file of an image here that cannot be read, or is none.
pub(crate) fn unreadable(name: &str, error: io::Error) -> Error {
    document_error(verbatim_oci::Error::io(name, "cannot be read", error))
}

/// Finds what an image is made of.
struct Visitor<'a> {
    inputs: &'a Inputs,
    manifests: BTreeMap<Digest, RawManifest>,
    leaves: Leaves,
    blobs: BTreeMap<Digest, Blob>,
}

impl Image {
    /// The image whose manifest or index is `root`. Layers that no input has are accepted
    /// here: the registry may have them.
    pub fn new(
        target: Target,
        root: Named<'_>,
        inputs: &Inputs,
        origin: &str,
    ) -> Result<Self, Error> {
        let document = Document::parse(root.data, root.file).map_err(document_error)?;
        let descriptor = Descriptor::of(document.media_type(), root.data);
        if let Some(expected) = target.digest {
            if expected != descriptor.digest {
                return Err(Error::options(format!(
                    "{origin}: is {}, and {target} asks for another; push what was built, or leave the digest out",
                    descriptor.digest
                )));
            }
        }
        let mut walk =
            Walk::of_document(&document, &descriptor, root.file).map_err(document_error)?;
        let mut visitor = Visitor {
            inputs,
            manifests: BTreeMap::new(),
            leaves: Leaves::default(),
            blobs: BTreeMap::new(),
        };
        if let Document::Manifest(manifest) = &document {
            visitor.manifest(manifest, root.file)?;
        }
        while let Some(link) = walk.next() {
            visitor.visit(&mut walk, &link.map_err(document_error)?)?;
        }
        let Visitor {
            mut manifests,
            blobs,
            ..
        } = visitor;
        let order = walk.children_first();
        Ok(Self {
            target,
            origin: origin.to_owned(),
            children: order
                .iter()
                .filter_map(|digest| manifests.remove(digest))
                .collect(),
            root: RawManifest::new(&document, descriptor.digest, root.data.to_vec().into()),
            blobs,
        })
    }

    /// The image that a layout is of: what is [published](Published) of it.
    pub fn of_layout(
        target: Target,
        path: &Path,
        kind: Option<Kind>,
        mut inputs: Inputs,
    ) -> Result<Self, Error> {
        let layout = Arc::new(Layout::open(path).map_err(document_error)?);
        inputs.add_layout(Arc::clone(&layout));
        let published = Published::of(&layout, kind).map_err(document_error)?;
        let origin = path.display().to_string();
        let root = Named::new(&published.bytes, &published.file);
        Self::new(target, root, &inputs, &origin)
    }

    /// Where it goes.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The reference alone.
    pub fn reference(&self) -> &Reference {
        &self.target.reference
    }

    /// What it is made from, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The digests of all its manifests and indexes.
    pub fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        let children = self.children.iter().map(|child| child.digest);
        children.chain([self.root.digest])
    }

    /// The digest that it is published by.
    pub fn digest(&self) -> Digest {
        self.root.digest
    }

    /// The media type of its manifest or index.
    pub fn media_type(&self) -> &str {
        &self.root.media_type
    }

    pub(crate) fn root(&self) -> &RawManifest {
        &self.root
    }

    pub(crate) fn children(&self) -> &[RawManifest] {
        &self.children
    }

    pub(crate) fn blobs(&self) -> &BTreeMap<Digest, Blob> {
        &self.blobs
    }
}

impl Visitor<'_> {
    fn visit(&mut self, walk: &mut Walk, link: &Link) -> Result<(), Error> {
        if !link.is_document() {
            return self.blob(&link.descriptor, &link.file, &link.pointer, None);
        }
        let digest = link.descriptor.digest;
        let (bytes, name) = self.bytes(&digest, &link.file)?;
        let document = walk.enter(link, &bytes, &name).map_err(document_error)?;
        if let Document::Manifest(manifest) = &document {
            self.manifest(manifest, &name)?;
            if let Some(platform) = self.platform(manifest) {
                walk.is_for(link, &platform).map_err(document_error)?;
            }
        }
        let stored = RawManifest::new(&document, digest, bytes);
        self.manifests.insert(digest, stored);
        Ok(())
    }

    /// In the words of the config, where that is at hand. What is wrong with its bytes is found
    /// when they are sent.
    fn platform(&self, manifest: &Manifest) -> Option<Platform> {
        let config = &manifest.config;
        if !config.media_type.is_config() || !self.source(&config.digest).is_here() {
            return None;
        }
        let (bytes, name) = self.bytes(&config.digest, "").ok()?;
        Some(Config::parse(&bytes, &name).ok()?.platform)
    }

    fn manifest(&mut self, manifest: &Manifest, file: &str) -> Result<(), Error> {
        let base: Option<Repository> = manifest
            .annotations
            .get(BASE_NAME)
            .and_then(|name| name.parse::<Target>().ok())
            .map(|target| target.repository());
        self.blob(&manifest.config, file, "/config", None)?;
        for (at, layer) in manifest.layers.iter().enumerate() {
            self.blob(layer, file, &format!("/layers/{at}"), base.as_ref())?;
        }
        Ok(())
    }

    /// The bytes of a document, which are for the walk to check, and their name in messages.
    fn bytes(&self, digest: &Digest, file: &str) -> Result<(Bytes, String), Error> {
        if let Some(bytes) = self.inputs.documents.get(digest) {
            return Ok((bytes.clone(), format!("the manifest {digest}")));
        }
        let (blob, name): (Box<dyn Read>, String) = if let Some(path) =
            self.inputs.files.get(digest)
        {
            let name = path.display().to_string();
            (
                Box::new(open(path).map_err(|e| unreadable(&name, e))?.0),
                name,
            )
        } else if let Some(layout) = self.inputs.layouts.iter().find(|l| l.has_blob(digest)) {
            let (blob, _) = layout.blob(digest).map_err(document_error)?;
            (Box::new(blob), layout.blob_name(digest))
        } else {
            return Err(Error::options(format!(
                "{file}: names the manifest {digest}, which is not at hand; pull it into the layout, or choose an image of one platform"
            )));
        };
        let data = json::read_limited(blob, json::MAX_DOCUMENT, &name).map_err(document_error)?;
        Ok((data.into(), name))
    }

    /// Note a blob; of files only the size is looked at later.
    fn blob(
        &mut self,
        descriptor: &Descriptor,
        file: &str,
        pointer: &str,
        base: Option<&Repository>,
    ) -> Result<(), Error> {
        let digest = descriptor.digest;
        let source = self.source(&digest);
        // Layers of Windows stay where their addresses say.
        if !source.is_here()
            && descriptor.media_type.is_foreign_layer()
            && !descriptor.urls.is_empty()
        {
            return Ok(());
        }
        self.leaves
            .note(descriptor, file, pointer)
            .map_err(document_error)?;
        let known = self.inputs.elsewhere.get(&digest);
        let mut elsewhere: Vec<Repository> = Vec::new();
        for repository in known
            .into_iter()
            .flatten()
            .chain(base)
            .chain(&self.inputs.anywhere)
        {
            if !elsewhere.contains(repository) {
                elsewhere.push(repository.clone());
            }
        }
        self.blobs.entry(digest).or_insert_with(|| Blob {
            descriptor: Descriptor::new(
                descriptor.media_type.clone(),
                descriptor.digest,
                descriptor.size,
            ),
            source,
            elsewhere,
            further: self.inputs.further.clone(),
            left: self.inputs.left.get(&digest).cloned(),
            named_by: file.to_owned(),
        });
        Ok(())
    }

    fn source(&self, digest: &Digest) -> Source {
        if let Some(bytes) = self.inputs.documents.get(digest) {
            return Source::Bytes(bytes.clone());
        }
        if let Some(path) = self.inputs.files.get(digest) {
            return Source::File(path.clone());
        }
        self.inputs
            .layouts
            .iter()
            .find(|layout| layout.has_blob(digest))
            .map_or(Source::Elsewhere, |layout| {
                Source::Layout(Arc::clone(layout))
            })
    }
}

impl Blob {
    /// What it is in messages.
    pub(crate) fn name(&self) -> String {
        match &self.source {
            Source::Bytes(_) => format!("the blob {}", self.descriptor.digest),
            Source::File(path) => path.display().to_string(),
            Source::Layout(layout) => layout.blob_name(&self.descriptor.digest),
            Source::Further(_) | Source::Elsewhere => self.layer(),
        }
    }

    /// The layer in messages, and what it was built as.
    pub(crate) fn layer(&self) -> String {
        let digest = self.descriptor.digest;
        match self.left.as_deref() {
            None | Some("") => format!("the layer {digest}"),
            Some(origin) => format!("the layer {digest} of {}", printable(origin)),
        }
    }

    /// A file here must have the size that the manifest says.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        let digest = &self.descriptor.digest;
        let size = match &self.source {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::File(path) => open(path).map_err(|e| unreadable(&self.name(), e))?.1,
            Source::Layout(layout) => layout.blob(digest).map_err(document_error)?.1,
            Source::Further(_) | Source::Elsewhere => return Ok(()),
        };
        if size == self.descriptor.size {
            return Ok(());
        }
        Err(Error::options(format!(
            "{}: has {size} bytes, and {} says {}; build or fetch it again",
            self.name(),
            self.named_by,
            self.descriptor.size
        )))
    }
}
