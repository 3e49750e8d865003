//! What a layout needs: everything that a root document names, and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use verbatim_digest::Digest;
use verbatim_document::file::open;

use super::source::{blob_path, Layout};
use crate::graph::{self, check_size, Blobs, Walk};
use crate::{
    json, name, Descriptor, Document, Error, ErrorKind, LayerMetadata, Manifest, Named, Platform,
    Result,
};

/// A layer's blob, and what is known of it.
#[derive(Debug, Clone)]
pub struct LayerInput {
    /// The file.
    pub blob: PathBuf,
    /// What was written beside it.
    pub metadata: LayerMetadata,
}

/// The names of a layer's files in a folder with several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerNames {
    /// Of the blob.
    pub blob: String,
    /// Of what is known of it.
    pub metadata: String,
}

/// What the name of metadata ends with.
const METADATA: &str = ".layer.json";
/// What the name of a blob ends with.
const BLOBS: [&str; 3] = [".tar", ".tar.gz", ".tar.zst"];

/// The names of the layer at this position, the lowest one first; `ending` is that of its blob.
pub fn layer_names(position: usize, ending: &str) -> LayerNames {
    let number = position + 1;
    LayerNames {
        blob: format!("{number:03}{ending}"),
        metadata: format!("{number:03}{METADATA}"),
    }
}

impl LayerInput {
    /// The layers of a folder, the lowest one first: those with [`layer_names`], and nothing else may be
    /// there.
    pub fn in_folder(folder: &Path) -> Result<Vec<Self>> {
        let unreadable = |e| Error::io(name(folder), "cannot be read as a folder of layers", e);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            names.push(entry.map_err(unreadable)?.file_name());
        }
        names.sort();
        let mut layers = Vec::new();
        for file in names.iter().filter_map(|file| file.to_str()) {
            let Some(stem) = file.strip_suffix(METADATA) else {
                continue;
            };
            let blob = BLOBS.iter().map(|ending| format!("{stem}{ending}"));
            let blob = blob
                .into_iter()
                .find(|blob| names.iter().any(|other| *other == **blob));
            let Some(blob) = blob else {
                let what =
                    "has no blob beside it; take the folder as `verbatim layer --layers` wrote it";
                return Err(Error::new(
                    ErrorKind::Missing,
                    name(&folder.join(file)),
                    what,
                ));
            };
            layers.push(Self {
                blob: folder.join(blob),
                metadata: LayerMetadata::read(&folder.join(file))?,
            });
        }
        if layers.is_empty() || names.len() != 2 * layers.len() {
            let what = "is no folder that `verbatim layer --layers` filled: it holds a blob and its metadata (.layer.json) for each layer, and nothing else";
            return Err(Error::new(ErrorKind::Malformed, name(folder), what));
        }
        Ok(layers)
    }
}

/// Where the parts of a layout may be found.
#[derive(Debug, Default)]
pub struct Inputs {
    documents: BTreeMap<Digest, Vec<u8>>,
    layers: BTreeMap<Digest, LayerInput>,
    blobs: BTreeMap<Digest, PathBuf>,
    layouts: Vec<Layout>,
    further: Option<Further>,
    without_layers: bool,
}

/// A source of blobs that are not files here.
pub(super) struct Further(pub(super) Arc<dyn Blobs + Send>);

impl fmt::Debug for Further {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Further").field(&self.0.place()).finish()
    }
}

impl Inputs {
    /// Add a manifest or a config; it is used if something names it.
    pub fn add_document(&mut self, data: Vec<u8>) {
        self.documents.insert(Digest::of(&data), data);
    }

    /// Add a manifest or a config from a file.
    pub fn add_document_file(&mut self, path: &Path) -> Result<()> {
        self.add_document(json::read_file(path, json::MAX_DOCUMENT)?);
        Ok(())
    }

    /// Add a layer.
    pub fn add_layer(&mut self, layer: LayerInput) {
        self.layers.insert(layer.metadata.digest, layer);
    }

    /// Add a layout, or one blob of it: a file whose name is the digest.
    pub fn add_layout(&mut self, path: &Path) -> Result<()> {
        let digest = path
            .file_name()
            .and_then(|file| file.to_str())
            .and_then(|file| Digest::from_hex(file).ok());
        match digest {
            Some(digest) if !path.is_dir() => {
                self.blobs.insert(digest, path.to_owned());
            }
            _ => self.layouts.push(Layout::open(path)?),
        }
        Ok(())
    }

    /// Take blobs that no input holds from here. Whether they are there is seen when they are read.
    pub fn take_from(&mut self, blobs: Arc<dyn Blobs + Send>) {
        self.further = Some(Further(blobs));
    }

    /// Leave out the layers that no input holds.
    pub fn leave_layers_out(&mut self) {
        self.without_layers = true;
    }

    /// Add a layout that is open already.
    pub fn add_open_layout(&mut self, layout: Layout) {
        self.layouts.push(layout);
    }
}

/// Where one blob comes from.
#[derive(Debug)]
pub(super) enum Blob {
    Bytes(Vec<u8>),
    File {
        path: PathBuf,
        size: u64,
    },
    /// In the layout of this number, an archive.
    Archived {
        layout: usize,
        size: u64,
    },
    /// Where no file is.
    Further {
        size: u64,
    },
}

impl Blob {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(data) => data.len() as u64,
            Self::File { size, .. } | Self::Archived { size, .. } | Self::Further { size } => *size,
        }
    }
}

/// One image of a layout, as Docker's `manifest.json` names it.
#[derive(Debug, Serialize)]
pub(super) struct DockerImage {
    #[serde(rename = "Config")]
    pub(super) config: String,
    #[serde(rename = "RepoTags")]
    pub(super) tags: Vec<String>,
    #[serde(rename = "Layers")]
    pub(super) layers: Vec<String>,
}

/// A layout that can be written: the root, and all that it names, complete.
#[derive(Debug)]
pub struct Plan {
    pub(super) root: Descriptor,
    pub(super) blobs: BTreeMap<Digest, Blob>,
    pub(super) images: Vec<DockerImage>,
    pub(super) layouts: Vec<Layout>,
    pub(super) further: Option<Further>,
}

struct Planner {
    inputs: Inputs,
    blobs: BTreeMap<Digest, Blob>,
    images: Vec<DockerImage>,
}

impl Plan {
    /// Follow everything that `root`, a manifest or an index, names.
    pub fn new(root: Named<'_>, inputs: Inputs) -> Result<Self> {
        let document = Document::parse(root.data, root.file)?;
        let mut planner = Planner {
            inputs,
            blobs: BTreeMap::new(),
            images: Vec::new(),
        };
        let mut descriptor = Descriptor::of(document.media_type(), root.data);
        let mut walk = Walk::of_document(&document, &descriptor, root.file)?;
        if let Document::Manifest(manifest) = &document {
            let platform = planner.manifest(manifest, root.file)?;
            descriptor.platform = platform.filter(Platform::is_runnable);
        }
        while let Some(link) = walk.next() {
            planner.visit(&mut walk, &link?)?;
        }
        planner
            .blobs
            .insert(descriptor.digest, Blob::Bytes(root.data.to_vec()));
        Ok(Self {
            root: descriptor,
            blobs: planner.blobs,
            images: planner.images,
            layouts: planner.inputs.layouts,
            further: planner.inputs.further,
        })
    }

    /// The one descriptor in `index.json`.
    pub fn root(&self) -> &Descriptor {
        &self.root
    }
}

impl Planner {
    fn missing(descriptor: &Descriptor, what: &str, file: &str, pointer: &str) -> Error {
        Error::new(
            ErrorKind::Missing,
            file,
            format!(
                "names the {what} {}, which none of the inputs holds; add it with --object, --layer or --layout",
                descriptor.digest
            ),
        )
        .at(format!("{pointer}/digest"))
    }

    fn visit(&mut self, walk: &mut Walk, link: &graph::Link) -> Result<()> {
        let descriptor = &link.descriptor;
        if !link.is_document() {
            return self.blob(descriptor, "blob", &link.file, &link.pointer);
        }
        let (data, name) = self.bytes(descriptor, "manifest", &link.file, &link.pointer)?;
        if let Document::Manifest(manifest) = walk.enter(link, &data, &name)? {
            if let Some(platform) = self.manifest(&manifest, &name)? {
                walk.is_for(link, &platform)?;
            }
        }
        self.blobs.insert(descriptor.digest, Blob::Bytes(data));
        Ok(())
    }

    /// Find what a manifest names; gives the platform if it is an image.
    fn manifest(&mut self, manifest: &Manifest, file: &str) -> Result<Option<Platform>> {
        let mut platform = None;
        if manifest.config.media_type.is_config() {
            let (data, name) = self.bytes(&manifest.config, "config", file, "/config")?;
            let config = graph::config(manifest, &data, &name)?;
            self.blobs.insert(manifest.config.digest, Blob::Bytes(data));
            for (i, layer) in manifest.layers.iter().enumerate() {
                if let Some(known) = self.inputs.layers.get(&layer.digest) {
                    if known.metadata.diff_id != config.rootfs.diff_ids[i] {
                        return Err(Error::new(
                            ErrorKind::Mismatch,
                            name,
                            format!(
                                "says {}, and the metadata of {} says {}",
                                config.rootfs.diff_ids[i],
                                known.blob.display(),
                                known.metadata.diff_id
                            ),
                        )
                        .at(format!("/rootfs/diff_ids/{i}")));
                    }
                }
            }
            platform = Some(config.platform);
        } else {
            self.blob(&manifest.config, "config", file, "/config")?;
        }
        for (i, layer) in manifest.layers.iter().enumerate() {
            self.blob(layer, "layer", file, &format!("/layers/{i}"))?;
        }
        if platform
            .as_ref()
            .is_some_and(|platform| manifest.is_image(platform))
        {
            self.images.push(DockerImage {
                config: blob_path(&manifest.config.digest),
                tags: Vec::new(),
                layers: manifest
                    .layers
                    .iter()
                    .map(|layer| blob_path(&layer.digest))
                    .collect(),
            });
        }
        Ok(platform)
    }

    /// The bytes of a document, and its name in messages; they are for the caller to check.
    fn bytes(
        &self,
        descriptor: &Descriptor,
        what: &str,
        file: &str,
        pointer: &str,
    ) -> Result<(Vec<u8>, String)> {
        let digest = &descriptor.digest;
        if let Some(data) = self.inputs.documents.get(digest) {
            return Ok((data.clone(), format!("the {what} {digest}")));
        }
        if let Some(path) = self.inputs.blobs.get(digest) {
            let (blob, _) = open(path).map_err(|e| Error::io(name(path), "cannot be read", e))?;
            let data = json::read_limited(blob, json::MAX_DOCUMENT, &name(path))?;
            return Ok((data, name(path)));
        }
        match self.inputs.layouts.iter().find(|l| l.has_blob(digest)) {
            Some(layout) => Ok((layout.bytes(digest)?, layout.blob_name(digest))),
            None => Err(Self::missing(descriptor, what, file, pointer)),
        }
    }

    /// Find a blob, without reading it; its size must be what is said.
    fn blob(
        &mut self,
        descriptor: &Descriptor,
        what: &str,
        file: &str,
        pointer: &str,
    ) -> Result<()> {
        let digest = &descriptor.digest;
        if self.blobs.contains_key(digest) {
            return Ok(());
        }
        let path = match (
            self.inputs.documents.get(digest),
            self.inputs.layers.get(digest),
            self.inputs.blobs.get(digest),
        ) {
            (Some(data), _, _) => {
                let data = data.clone();
                self.blobs.insert(*digest, Blob::Bytes(data));
                return Ok(());
            }
            (_, Some(layer), _) => Some(layer.blob.clone()),
            (_, _, Some(path)) => Some(path.clone()),
            _ => None,
        };
        let found = match path {
            Some(path) => {
                let (_, size) =
                    open(&path).map_err(|e| Error::io(name(&path), "cannot be read", e))?;
                Blob::File { path, size }
            }
            None => {
                let layout = self
                    .inputs
                    .layouts
                    .iter()
                    .position(|layout| layout.has_blob(digest));
                match layout {
                    Some(layout) => {
                        let (_, size) = self.inputs.layouts[layout].blob(digest)?;
                        match self.inputs.layouts[layout].blob_file(digest) {
                            Some(path) => Blob::File { path, size },
                            None => Blob::Archived { layout, size },
                        }
                    }
                    None if descriptor.media_type.is_foreign_layer()
                        && !descriptor.urls.is_empty() =>
                    {
                        return Ok(())
                    }
                    None if self.inputs.further.is_some() => Blob::Further {
                        size: descriptor.size,
                    },
                    None if self.inputs.without_layers && what == "layer" => return Ok(()),
                    None => return Err(Self::missing(descriptor, what, file, pointer)),
                }
            }
        };
        let source = match &found {
            Blob::File { path, .. } => name(path),
            _ => digest.to_string(),
        };
        check_size(&source, descriptor, found.size())?;
        self.blobs.insert(*digest, found);
        Ok(())
    }
}
