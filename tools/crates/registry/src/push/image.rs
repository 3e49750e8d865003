//! What is pushed: the documents of an image, and where its blobs can be had.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use verbatim_digest::Digest;
use verbatim_oci::layout::{images, Layout};
use verbatim_oci::Reference;
use verbatim_oci::{json, Descriptor, Document, ErrorKind, Named};
use verbatim_sums::collect::Kind;

use crate::error::Error;
use crate::name::{Repository, Target, Which};

/// Indexes inside indexes that are followed.
const MAX_DEPTH: usize = 8;
/// Documents and blobs of one image.
const MAX_PARTS: usize = 100_000;
/// What an image says of the image below it (OCI image specification, "Pre-Defined
/// Annotation Keys").
const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// Where the parts of images may be found.
#[derive(Debug, Default)]
pub struct Inputs {
    documents: BTreeMap<Digest, Bytes>,
    files: BTreeMap<Digest, PathBuf>,
    layouts: Vec<Arc<Layout>>,
    elsewhere: BTreeMap<Digest, Vec<Repository>>,
    anywhere: Vec<Repository>,
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
}

/// Where the bytes of a blob come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Bytes(Bytes),
    File(PathBuf),
    Layout(Arc<Layout>),
    /// From its other repositories only.
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
    /// Which document names it, for messages.
    pub(crate) named_by: String,
}

/// A manifest or an index.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

/// An image that can be pushed: one manifest or index under one reference, and all that it
/// names.
#[derive(Debug)]
pub struct Image {
    target: Target,
    origin: String,
    /// Children first, the root last.
    sheets: Vec<Sheet>,
    root: Sheet,
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

struct Walk<'a> {
    inputs: &'a Inputs,
    origin: &'a str,
    sheets: Vec<Sheet>,
    seen: BTreeSet<Digest>,
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
        let sheet = Sheet {
            digest: Digest::of(root.data),
            media_type: document.media_type().to_string(),
            bytes: root.data.to_vec().into(),
        };
        if let Some(expected) = target.digest {
            if expected != sheet.digest {
                return Err(Error::Options(format!(
                    "{origin}: is {}, and {target} asks for another; push what was built, or leave the digest out",
                    sheet.digest
                )));
            }
        }
        let mut walk = Walk {
            inputs,
            origin,
            sheets: Vec::new(),
            seen: BTreeSet::from([sheet.digest]),
            blobs: BTreeMap::new(),
        };
        walk.document(&document, root.file, 0)?;
        Ok(Self {
            target,
            origin: origin.to_owned(),
            sheets: walk.sheets,
            root: sheet,
            blobs: walk.blobs,
        })
    }

    /// The image that a layout is of, in the words of the sums: the one thing that its
    /// `index.json` names, else that index itself.
    pub fn of_layout(
        target: Target,
        path: &Path,
        kind: Option<Kind>,
        mut inputs: Inputs,
    ) -> Result<Self, Error> {
        let layout = Arc::new(Layout::open(path).map_err(document_error)?);
        inputs.add_layout(Arc::clone(&layout));
        let (data, file) = root_of_layout(&layout, kind).map_err(document_error)?;
        let origin = path.display().to_string();
        Self::new(target, Named::new(&data, &file), &inputs, &origin)
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

    /// The digest that it is published by.
    pub fn digest(&self) -> Digest {
        self.root.digest
    }

    /// The media type of its manifest or index.
    pub fn media_type(&self) -> &str {
        &self.root.media_type
    }

    pub(crate) fn root(&self) -> &Sheet {
        &self.root
    }

    pub(crate) fn children(&self) -> &[Sheet] {
        &self.sheets
    }

    pub(crate) fn blobs(&self) -> &BTreeMap<Digest, Blob> {
        &self.blobs
    }
}

/// The bytes that a layout is published by, and their name in messages.
fn root_of_layout(layout: &Layout, kind: Option<Kind>) -> verbatim_oci::Result<(Vec<u8>, String)> {
    let (data, index) = layout.index()?;
    let file = layout.file_name("index.json");
    let of = |descriptor: &Descriptor| {
        Ok((
            layout.document(descriptor)?,
            layout.blob_name(&descriptor.digest),
        ))
    };
    match (kind, &index.manifests[..]) {
        (_, []) => Err(verbatim_oci::Error::new(
            ErrorKind::Missing,
            file,
            "names nothing; a layout must name at least one manifest or index",
        )
        .at("/manifests")),
        (Some(Kind::Image), _) => match &images(layout, None)?[..] {
            [image] => of(&image.descriptor),
            all => Err(verbatim_oci::Error::new(
                ErrorKind::Mismatch,
                file,
                format!(
                    "names {} images, and it is said to be of one; say index",
                    all.len()
                ),
            )),
        },
        (None, [single]) => of(single),
        (Some(Kind::Index), [single]) if single.media_type.is_index() => of(single),
        _ => Ok((data, file)),
    }
}

impl Walk<'_> {
    fn document(&mut self, document: &Document, file: &str, depth: usize) -> Result<(), Error> {
        if self.sheets.len() + self.blobs.len() > MAX_PARTS {
            return Err(Error::Options(format!(
                "{}: names more than {MAX_PARTS} manifests and blobs, the limit",
                self.origin
            )));
        }
        match document {
            Document::Manifest(manifest) => {
                let base: Option<Repository> = manifest
                    .annotations
                    .get(BASE_NAME)
                    .and_then(|name| name.parse::<Target>().ok())
                    .map(|target| target.repository());
                self.blob(&manifest.config, file, None);
                for layer in &manifest.layers {
                    self.blob(layer, file, base.as_ref());
                }
                Ok(())
            }
            Document::Index(index) => {
                if depth > MAX_DEPTH {
                    return Err(Error::Options(format!(
                        "{file}: indexes are nested more than {MAX_DEPTH} deep, the limit"
                    )));
                }
                for descriptor in &index.manifests {
                    if !descriptor.media_type.is_index() && !descriptor.media_type.is_manifest() {
                        self.blob(descriptor, file, None);
                        continue;
                    }
                    if !self.seen.insert(descriptor.digest) {
                        continue;
                    }
                    let (bytes, name) = self.bytes(descriptor, file)?;
                    let child = Document::parse(&bytes, &name).map_err(document_error)?;
                    self.document(&child, &name, depth + 1)?;
                    self.sheets.push(Sheet {
                        digest: descriptor.digest,
                        media_type: child.media_type().to_string(),
                        bytes,
                    });
                }
                Ok(())
            }
        }
    }

    /// The bytes of a document, checked.
    fn bytes(&self, descriptor: &Descriptor, file: &str) -> Result<(Bytes, String), Error> {
        let digest = &descriptor.digest;
        if let Some(bytes) = self.inputs.documents.get(digest) {
            return Ok((bytes.clone(), format!("the manifest {digest}")));
        }
        if let Some(path) = self.inputs.files.get(digest) {
            let data = json::read_file(path, json::MAX_DOCUMENT).map_err(document_error)?;
            if Digest::of(&data) != *digest {
                return Err(Error::Options(format!(
                    "{}: is not {digest}, as its name or its metadata says; build or fetch it again",
                    path.display()
                )));
            }
            return Ok((data.into(), path.display().to_string()));
        }
        match self.inputs.layouts.iter().find(|l| l.has_blob(digest)) {
            Some(layout) => Ok((
                layout.document(descriptor).map_err(document_error)?.into(),
                layout.blob_name(digest),
            )),
            None => Err(Error::Options(format!(
                "{file}: names the manifest {digest}, which is not at hand; pull it into the layout, or choose an image of one platform"
            ))),
        }
    }

    /// Note a blob; of files only the size is looked at later.
    fn blob(&mut self, descriptor: &Descriptor, file: &str, base: Option<&Repository>) {
        let digest = descriptor.digest;
        let source = self.source(&digest);
        // Layers of Windows stay where their addresses say.
        if !source.is_here()
            && descriptor.media_type.is_foreign_layer()
            && !descriptor.urls.is_empty()
        {
            return;
        }
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
            named_by: file.to_owned(),
        });
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
            Source::Elsewhere => format!("the layer {}", self.descriptor.digest),
        }
    }

    /// A file here must have the size that the manifest says.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        let digest = &self.descriptor.digest;
        let size = match &self.source {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::File(path) => fs::metadata(path)
                .map_err(|e| Error::local(format!("{}: cannot be read", self.name()), e))?
                .len(),
            Source::Layout(layout) => layout.blob(digest).map_err(document_error)?.1,
            Source::Elsewhere => return Ok(()),
        };
        if size == self.descriptor.size {
            return Ok(());
        }
        Err(Error::Options(format!(
            "{}: has {size} bytes, and {} says {}; build or fetch it again",
            self.name(),
            self.named_by,
            self.descriptor.size
        )))
    }
}
