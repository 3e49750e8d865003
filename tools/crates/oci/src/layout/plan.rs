//! Writing layouts: everything that a root document names, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use verbatim_digest::{CopyError, Digest};
use verbatim_document::file::open;
use verbatim_output::{OutputDir, OutputFile};

use super::source::{blob_path, Layout};
use super::tar;
use crate::graph::{self, check_size, Walk};
use crate::{
    json, name, Descriptor, Document, Error, ErrorKind, Index, LayerMetadata, Manifest, MediaType,
    Named, Platform, Result,
};

/// The content of `oci-layout`.
pub(super) const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// How the blobs of a layout come into its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// As relative symbolic links to where they are.
    Symlink,
    /// As further names of the same files; as copies where that is not possible.
    Hardlink,
    /// As copies, with their digests recomputed on the way.
    #[default]
    Copy,
}

/// A layer's blob, and what is known of it.
#[derive(Debug, Clone)]
pub struct LayerInput {
    /// The file.
    pub blob: PathBuf,
    /// What was written beside it.
    pub metadata: LayerMetadata,
}

/// Where the parts of a layout may be found.
#[derive(Debug, Default)]
pub struct Inputs {
    documents: BTreeMap<Digest, Vec<u8>>,
    layers: BTreeMap<Digest, LayerInput>,
    blobs: BTreeMap<Digest, PathBuf>,
    layouts: Vec<Layout>,
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

    /// Add a layout that is open already.
    pub fn add_open_layout(&mut self, layout: Layout) {
        self.layouts.push(layout);
    }
}

/// Where one blob comes from.
#[derive(Debug)]
enum Blob {
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
}

impl Blob {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(data) => data.len() as u64,
            Self::File { size, .. } | Self::Archived { size, .. } => *size,
        }
    }
}

/// One image of a layout, as Docker's `manifest.json` names it.
#[derive(Debug, Serialize)]
struct DockerImage {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    tags: Vec<String>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// A layout that can be written: the root, and all that it names, complete.
#[derive(Debug)]
pub struct Plan {
    root: Descriptor,
    blobs: BTreeMap<Digest, Blob>,
    images: Vec<DockerImage>,
    layouts: Vec<Layout>,
}

struct Planner {
    inputs: Inputs,
    blobs: BTreeMap<Digest, Blob>,
    images: Vec<DockerImage>,
}

/// `index.json` of a layout of one thing.
fn index_of(root: &Descriptor, annotations: BTreeMap<String, String>) -> Result<Vec<u8>> {
    json::to_canonical(&Index::new(
        MediaType::OCI_INDEX,
        vec![Descriptor {
            annotations,
            ..root.clone()
        }],
        BTreeMap::new(),
    ))
}

/// Write `oci-layout` and `index.json`, which names `root` and nothing else, with `tag` as
/// its name if there is one. The blobs are up to the caller.
pub fn write_root(folder: &Path, root: &Descriptor, tag: Option<&str>) -> Result<()> {
    let annotations = tag.map(|tag| {
        (
            "org.opencontainers.image.ref.name".to_owned(),
            tag.to_owned(),
        )
    });
    let index = index_of(root, annotations.into_iter().collect())?;
    for (file, data) in [("oci-layout", MARKER), ("index.json", &index)] {
        let path = folder.join(file);
        fs::write(&path, data).map_err(|e| Error::io(name(&path), "cannot be written", e))?;
    }
    Ok(())
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
        })
    }

    /// The one descriptor in `index.json`.
    pub fn root(&self) -> &Descriptor {
        &self.root
    }

    fn index(&self, annotations: BTreeMap<String, String>) -> Result<Vec<u8>> {
        index_of(&self.root, annotations)
    }

    /// Write the layout as a folder, with `tag` as the name of its root if there is one.
    pub fn write_folder(&self, out: &Path, link: Link, tag: Option<&str>) -> Result<()> {
        let cannot = |e: verbatim_output::Error| output_error(out, &e);
        let folder = OutputDir::create(out).map_err(cannot)?;
        let blobs = folder.partial().join("blobs/sha256");
        let write = |path: &Path, data: &[u8]| {
            fs::write(path, data).map_err(|e| Error::io(name(path), "cannot be written", e))
        };
        fs::create_dir_all(&blobs).map_err(|e| Error::io(name(out), "cannot be written", e))?;
        write_root(folder.partial(), &self.root, tag)?;
        for (digest, blob) in &self.blobs {
            let to = blobs.join(digest.hex());
            match (blob, link) {
                (Blob::Bytes(data), _) => write(&to, data)?,
                (Blob::File { path, .. }, Link::Symlink) => {
                    symlink(path, &to, &out.join("blobs/sha256"))?;
                }
                (Blob::File { path, .. }, Link::Hardlink) if hardlink(path, &to) => {}
                _ => {
                    let file = File::create(&to)
                        .map_err(|e| Error::io(name(&to), "cannot be written", e))?;
                    self.copy(digest, blob, file, &to)?;
                }
            }
        }
        folder.commit().map_err(cannot)
    }

    /// Write the layout as a tar archive that Docker and Podman load too. `reference` is
    /// the full name, and the tag in it.
    pub fn write_archive(&self, out: &Path, reference: Option<(&str, Option<&str>)>) -> Result<()> {
        let cannot = |e: verbatim_output::Error| output_error(out, &e);
        let mut file = OutputFile::create(out).map_err(cannot)?;
        self.stream_archive(&mut file, &name(out), reference, &BTreeSet::new())?;
        file.commit().map_err(cannot)
    }

    /// The same archive as a stream; `to` is its name in messages. The blobs in `leave_out`
    /// are named and do not come: whoever reads it has them.
    pub fn stream_archive(
        &self,
        out: &mut dyn Write,
        to: &str,
        reference: Option<(&str, Option<&str>)>,
        leave_out: &BTreeSet<Digest>,
    ) -> Result<()> {
        let mut out = out;
        let out = &mut out;
        let failed = |e| Error::io(to, "cannot be written", e);
        let mut annotations = BTreeMap::new();
        if let Some((full, tag)) = reference {
            annotations.insert("io.containerd.image.name".to_owned(), full.to_owned());
            annotations.insert(
                "org.opencontainers.image.ref.name".to_owned(),
                tag.unwrap_or(full).to_owned(),
            );
        }
        tar::folder(out, "blobs/").map_err(failed)?;
        tar::folder(out, "blobs/sha256/").map_err(failed)?;
        for (digest, blob) in &self.blobs {
            if leave_out.contains(digest) {
                continue;
            }
            tar::file(out, &blob_path(digest), blob.size()).map_err(failed)?;
            self.copy(digest, blob, &mut *out, Path::new(to))?;
            tar::padding(out, blob.size()).map_err(failed)?;
        }
        let mut put = |path: &str, data: &[u8]| -> io::Result<()> {
            tar::file(out, path, data.len() as u64)?;
            out.write_all(data)?;
            tar::padding(out, data.len() as u64)
        };
        put("index.json", &self.index(annotations)?).map_err(failed)?;
        put(
            "manifest.json",
            &json::to_canonical(&self.docker_images(reference))?,
        )
        .map_err(failed)?;
        put("oci-layout", MARKER).map_err(failed)?;
        tar::end(out).map_err(failed)
    }

    /// Docker knows no index here: one name for several images would stand for the last.
    fn docker_images(&self, reference: Option<(&str, Option<&str>)>) -> Vec<DockerImage> {
        let tags: Vec<String> = match (&self.images[..], reference) {
            ([_], Some((full, Some(_)))) => vec![full.to_owned()],
            _ => Vec::new(),
        };
        self.images
            .iter()
            .map(|image| DockerImage {
                config: image.config.clone(),
                tags: tags.clone(),
                layers: image.layers.clone(),
            })
            .collect()
    }

    /// Copy a blob; its size and digest are recomputed.
    fn copy(&self, digest: &Digest, blob: &Blob, mut out: impl Write, to: &Path) -> Result<()> {
        let (reader, from): (Box<dyn Read>, String) = match blob {
            Blob::Bytes(data) => {
                return out
                    .write_all(data)
                    .map_err(|e| Error::io(name(to), "cannot be written", e))
            }
            Blob::File { path, .. } => (
                Box::new(
                    open(path)
                        .map_err(|e| Error::io(name(path), "cannot be read", e))?
                        .0,
                ),
                name(path),
            ),
            Blob::Archived { layout, .. } => {
                let layout = &self.layouts[*layout];
                (Box::new(layout.blob(digest)?.0), layout.blob_name(digest))
            }
        };
        let mut reader = reader.take(blob.size());
        let (actual, bytes) =
            verbatim_digest::copy(&mut reader, out).map_err(|error| match error {
                CopyError::Read(e) => Error::io(&from, "cannot be read", e),
                CopyError::Write(e) => Error::io(name(to), "cannot be written", e),
            })?;
        reader.set_limit(1);
        let longer = io::copy(&mut reader, &mut io::sink())
            .map_err(|e| Error::io(&from, "cannot be read", e))?;
        if longer > 0 || bytes != blob.size() || actual != *digest {
            return Err(Error::new(
                ErrorKind::Mismatch,
                from,
                format!("is not {digest} of {} bytes, as it should be by its metadata or its name; build or fetch it again", blob.size()),
            ));
        }
        Ok(())
    }
}

pub(super) fn output_error(out: &Path, error: &verbatim_output::Error) -> Error {
    let io = io::Error::new(error.io().kind(), error.io().to_string());
    Error::io(name(out), "cannot be written", io)
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

/// A relative link at `to` that leads to `target` from `to`'s final folder.
#[cfg(unix)]
fn symlink(target: &Path, to: &Path, folder: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let failed = |e| Error::io(name(to), "cannot be linked", e);
    let same = |a: &Path, b: &Path| -> bool {
        match (fs::metadata(a), fs::metadata(b)) {
            (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
            _ => false,
        }
    };
    // As the paths are written, because what lies behind a build tool's own links is no
    // place to point to; by where they really are only if that leads elsewhere.
    let relative = relative_path(
        &lexically_absolute(target).map_err(failed)?,
        &lexically_absolute(folder).map_err(failed)?,
    );
    std::os::unix::fs::symlink(relative, to).map_err(failed)?;
    if same(target, to) {
        return Ok(());
    }
    fs::remove_file(to).map_err(failed)?;
    let parent = to.parent().unwrap_or(Path::new("."));
    let relative = relative_path(
        &fs::canonicalize(target).map_err(failed)?,
        &fs::canonicalize(parent).map_err(failed)?,
    );
    std::os::unix::fs::symlink(relative, to).map_err(failed)
}

#[cfg(not(unix))]
fn symlink(_: &Path, to: &Path, _: &Path) -> Result<()> {
    Err(Error::new(
        ErrorKind::Unsupported,
        name(to),
        "links are not written on this system; use --link=copy",
    ))
}

/// Another name for the file itself, not for a link to it.
fn hardlink(from: &Path, to: &Path) -> bool {
    fs::canonicalize(from).is_ok_and(|from| fs::hard_link(from, to).is_ok())
}

/// An absolute path without `.` and `..`, by its text.
fn lexically_absolute(path: &Path) -> io::Result<PathBuf> {
    let mut out = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    Ok(out)
}

/// How to get from a folder to a path, both absolute.
fn relative_path(to: &Path, from: &Path) -> PathBuf {
    let common = to
        .components()
        .zip(from.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let relative = |to: &str, from: &str| relative_path(Path::new(to), Path::new(from));
        assert_eq!(relative("/a/b/c", "/a/x/y"), Path::new("../../b/c"));
        assert_eq!(relative("/a/b", "/a"), Path::new("b"));
        assert_eq!(relative("/a", "/b/c"), Path::new("../../a"));
        assert_eq!(
            lexically_absolute(Path::new("/a/./b/../c")).unwrap(),
            Path::new("/a/c")
        );
    }
}
