//! Images: documents that name layers, wherever they are kept.

mod annotations;
mod compare;
mod config;
mod docker;
mod layers;
mod parts;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Seek;
use std::path::Path;
use std::sync::Arc;

use verbatim_digest::Digest;
use verbatim_oci::graph::Depth;
use verbatim_oci::layout::{Layout, Published};
use verbatim_oci::{Descriptor, Document, Index, Platform};
use verbatim_registry::{Client, Repository, Target};

pub(crate) use self::compare::compare;
pub(crate) use self::docker::Docker;
use crate::blob::{Blob, Spool};
use crate::error::{Error, Result};

/// Where an image is read from.
pub(crate) enum Source {
    /// An OCI layout, a folder or an archive of one.
    Layout(Layout),
    /// An archive of `docker save` or `podman save` in the old form.
    Docker(Docker),
    /// A registry.
    Remote(Remote),
}

/// A repository of a registry.
pub(crate) struct Remote {
    client: Client,
    runtime: Arc<tokio::runtime::Runtime>,
    repository: Repository,
}

/// An image or an index of some.
pub(crate) struct Image {
    /// As it was named.
    pub(crate) name: String,
    pub(crate) source: Source,
    /// Its outermost document; an archive of Docker's has none.
    pub(crate) root: Option<Root>,
    /// A file without a name that the source is read from goes when this does.
    _unpacked: Option<tempfile::NamedTempFile>,
}

/// The outermost document of an image.
pub(crate) struct Root {
    pub(crate) digest: Digest,
    pub(crate) bytes: Vec<u8>,
    pub(crate) document: Document,
    /// What a layout says of it: its descriptor in `index.json`.
    pub(crate) listed: Option<Descriptor>,
}

impl Root {
    fn of(bytes: Vec<u8>, name: &str, listed: Option<Descriptor>) -> Result<Self> {
        Ok(Self {
            digest: Digest::of(&bytes),
            document: parse(&bytes, name)?,
            bytes,
            listed,
        })
    }
}

/// An index or a manifest by what it holds; a media type may be missing in old ones.
pub(crate) fn parse(bytes: &[u8], name: &str) -> Result<Document> {
    let value: serde_json::Value = serde_json::from_slice(bytes)
        .map_err(|e| Error::input(format!("{name} is no JSON document: {e}")))?;
    if value.get("manifests").is_some() {
        Ok(Document::Index(Index::parse(bytes, name)?))
    } else {
        Ok(Document::Manifest(Box::new(verbatim_oci::Manifest::parse(
            bytes, name,
        )?)))
    }
}

impl Image {
    /// Open a layout.
    pub(crate) fn layout(
        name: &str,
        path: &Path,
        unpacked: Option<tempfile::NamedTempFile>,
    ) -> Result<Self> {
        let layout = Layout::open(path)?;
        let published = Published::or_index_json(&layout)?;
        let root = Root::of(published.bytes, &published.file, published.listed)?;
        Ok(Self {
            name: name.to_owned(),
            source: Source::Layout(layout),
            root: Some(root),
            _unpacked: unpacked,
        })
    }

    /// An archive of Docker's.
    pub(crate) fn docker(
        name: &str,
        docker: Docker,
        unpacked: Option<tempfile::NamedTempFile>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            source: Source::Docker(docker),
            root: None,
            _unpacked: unpacked,
        }
    }

    /// Ask a registry for the outermost document.
    pub(crate) fn remote(name: &str, target: &Target, client: Client) -> Result<Self> {
        let runtime = verbatim_registry::runtime()
            .map_err(|e| Error::unchecked(format!("no threads can be started: {e}")))?;
        let repository = target.repository();
        let manifest = runtime.block_on(client.manifest(&repository, &target.which()))?;
        let root = Root::of(manifest.bytes, name, None)?;
        Ok(Self {
            name: name.to_owned(),
            source: Source::Remote(Remote {
                client,
                runtime: Arc::new(runtime),
                repository,
            }),
            root: Some(root),
            _unpacked: None,
        })
    }

    /// An index, a manifest or a config by its descriptor, with its digest recomputed.
    pub(crate) fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        match &self.source {
            Source::Layout(layout) => Ok(layout.document(descriptor)?),
            Source::Remote(remote) => {
                let media_type = &descriptor.media_type;
                if media_type.is_index() || media_type.is_manifest() {
                    let which = verbatim_registry::Which::Digest(descriptor.digest);
                    Ok(remote
                        .runtime
                        .block_on(remote.client.manifest(&remote.repository, &which))?
                        .bytes)
                } else {
                    Ok(remote.runtime.block_on(remote.client.blob_bytes(
                        &remote.repository,
                        descriptor,
                        verbatim_oci::json::MAX_DOCUMENT,
                    ))?)
                }
            }
            Source::Docker(_) => Err(Error::input(format!(
                "{} has no document {}",
                self.name, descriptor.digest
            ))),
        }
    }

    /// Whether a document may be had; a layout may hold a part of an index alone.
    pub(crate) fn has(&self, descriptor: &Descriptor) -> bool {
        match &self.source {
            Source::Layout(layout) => layout.has_blob(&descriptor.digest),
            Source::Remote(_) => true,
            Source::Docker(_) => false,
        }
    }

    /// Look at the blobs of an image whose other side has the same digest, so that none is read:
    /// what a layout has of them must be files of their sizes, for a pipe or half a file is no
    /// blob, whatever its name.
    pub(crate) fn look(&self) -> Result<()> {
        match &self.root {
            Some(root) => self.look_below(&root.document, Depth::TOP, &mut BTreeSet::new()),
            None => Ok(()),
        }
    }

    /// As [`Image::look`], of what another document names.
    pub(crate) fn look_at_document(&self, descriptor: &Descriptor) -> Result<()> {
        if !matches!(self.source, Source::Layout(_)) || !self.has(descriptor) {
            return Ok(());
        }
        let document = parse(&self.document(descriptor)?, &self.name)?;
        self.look_below(&document, Depth::TOP, &mut BTreeSet::new())
    }

    fn look_below(
        &self,
        document: &Document,
        depth: Depth,
        seen: &mut BTreeSet<Digest>,
    ) -> Result<()> {
        if !matches!(self.source, Source::Layout(_)) {
            return Ok(());
        }
        match document {
            Document::Manifest(manifest) => {
                self.look_at(&manifest.config)?;
                manifest.layers.iter().try_for_each(|one| self.look_at(one))
            }
            Document::Index(index) => {
                let Some(depth) = depth.below() else {
                    return Ok(());
                };
                for child in &index.manifests {
                    if self.has(child) && seen.insert(child.digest) {
                        let document = parse(&self.document(child)?, &self.name)?;
                        self.look_below(&document, depth, seen)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// As [`Image::look`], at one blob.
    pub(crate) fn look_at(&self, descriptor: &Descriptor) -> Result<()> {
        let Source::Layout(layout) = &self.source else {
            return Ok(());
        };
        Ok(layout.look_at(descriptor)?)
    }

    /// The bytes of a layer. From a registry they are fetched, with their digest checked.
    pub(crate) fn layer(&self, descriptor: &Descriptor) -> Result<Blob> {
        let failed = |e| Error::reading(&format!("{} of {}", descriptor.digest, self.name), &e);
        match &self.source {
            Source::Layout(layout) => {
                let (part, size) = layout.blob(&descriptor.digest)?;
                let mut file: File = part.into_inner();
                let offset = file.stream_position().map_err(failed)?;
                Ok(Blob::Part {
                    file: Arc::new(file),
                    offset,
                    size,
                    spooled: false,
                })
            }
            Source::Remote(remote) => {
                let stream = remote
                    .runtime
                    .block_on(remote.client.blob(&remote.repository, descriptor))?;
                let mut reader = stream.into_reader(remote.runtime.handle().clone());
                let mut spool = Spool::new().map_err(failed)?;
                spool.take(&mut reader).map_err(|e| {
                    Error::unchecked(format!(
                        "{} of {} cannot be fetched: {e}",
                        descriptor.digest, self.name
                    ))
                })
            }
            Source::Docker(_) => Err(Error::input(format!(
                "{} has no blob {}",
                self.name, descriptor.digest
            ))),
        }
    }

    /// Whether looking at a layer costs nothing.
    pub(crate) fn is_local(&self) -> bool {
        !matches!(self.source, Source::Remote(_))
    }
}

/// What an image is called inside of an index.
pub(crate) fn platform_name(platform: Option<&Platform>) -> String {
    platform.map_or_else(|| "image".to_owned(), ToString::to_string)
}
