//! Where the files of a layout are read from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_document::file::open;

use super::archive::Scanned;
use crate::graph::{check_bytes, check_size};
use crate::json::{self, MAX_DOCUMENT};
use crate::{name, Descriptor, Error, ErrorKind, Index, MediaType, Result};

/// A layout that can be read: a folder or a tar archive.
///
/// Or the documents of one, as rules_img offers them beside an image (its output group
/// `sparse_oci_layout`): the blobs are where they always are, except that there are no layers;
/// the marker has another name, and a descriptor stands where `index.json` would be.
#[derive(Debug)]
pub struct Layout {
    path: PathBuf,
    source: Source,
    form: Form,
    /// What is attached to what, once somebody asked.
    pub(super) attached: OnceLock<super::listed::Ties>,
}

#[derive(Debug)]
enum Source {
    Folder,
    /// Where the content of each file begins in the archive, and its size.
    Archive(BTreeMap<String, (u64, u64)>),
}

/// What a layout begins with: the marker, and what names the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// OCI's image-layout.md.
    Oci,
    /// The documents alone.
    Sparse,
}

impl Form {
    fn marker(self) -> &'static str {
        match self {
            Self::Oci => "oci-layout",
            Self::Sparse => "sparse-oci-layout",
        }
    }

    fn index(self) -> &'static str {
        match self {
            Self::Oci => "index.json",
            Self::Sparse => "root.descriptor.json",
        }
    }
}

#[derive(Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

impl Layout {
    /// Open a layout and check that it is one.
    pub fn open(path: &Path) -> Result<Self> {
        let metadata =
            std::fs::metadata(path).map_err(|e| Error::io(name(path), "cannot be read", e))?;
        let source = if metadata.is_dir() {
            Source::Folder
        } else {
            // No link in it is followed.
            Source::Archive(Scanned::of(path, &name(path))?.files)
        };
        let mut layout = Self {
            path: path.to_owned(),
            source,
            form: Form::Oci,
            attached: OnceLock::new(),
        };
        if !layout.has(Form::Oci.marker()) && layout.has(Form::Sparse.marker()) {
            layout.form = Form::Sparse;
        }
        layout.check_marker()?;
        Ok(layout)
    }

    fn check_marker(&self) -> Result<()> {
        let file = self.file_name(self.form.marker());
        let data = match self.file(self.form.marker(), 1 << 16) {
            Ok(data) => data,
            Err(e) if e.kind() == ErrorKind::Missing => {
                let foreign = self.has("manifest.json") && !self.has("index.json");
                let fix = if foreign && self.has("version") {
                    "this is a folder as skopeo writes it for `dir:`; convert it, with `skopeo copy dir:… oci:…` for example"
                } else if foreign {
                    "this is an old archive of `docker save`; convert it, with `skopeo copy docker-archive:… oci:…` for example"
                } else {
                    "name the folder (or the tar archive) that holds oci-layout, index.json and blobs"
                };
                return Err(Error::new(
                    ErrorKind::Missing,
                    file,
                    format!("is missing, so this is not an OCI layout; {fix}"),
                ));
            }
            Err(e) => return Err(e),
        };
        let marker: Marker = json::parse(&data, &file)?;
        if marker.version.split('.').next() != Some("1") {
            return Err(Error::new(
                ErrorKind::Unsupported,
                file,
                format!(
                    "layout version {:?} is not supported, only 1.x; write it again with a current tool",
                    marker.version
                ),
            )
            .at("/imageLayoutVersion"));
        }
        Ok(())
    }

    /// The path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of a file of the layout in messages.
    pub fn file_name(&self, file: &str) -> String {
        match self.source {
            Source::Folder => name(&self.path.join(file)),
            Source::Archive(_) => format!("{}!{file}", self.path.display()),
        }
    }

    /// The name of what names the images, in messages: `index.json`.
    pub(crate) fn index_name(&self) -> String {
        self.file_name(self.form.index())
    }

    /// The name of a blob in messages.
    pub fn blob_name(&self, digest: &Digest) -> String {
        self.file_name(&blob_path(digest))
    }

    /// Where a blob is, if it is a file of its own.
    pub fn blob_file(&self, digest: &Digest) -> Option<PathBuf> {
        match self.source {
            Source::Folder => Some(self.path.join(blob_path(digest))),
            Source::Archive(_) => None,
        }
    }

    fn has(&self, file: &str) -> bool {
        match &self.source {
            // What cannot be looked at is there: opening it says why.
            Source::Folder => !matches!(
                std::fs::metadata(self.path.join(file)),
                Err(e) if e.kind() == io::ErrorKind::NotFound
            ),
            Source::Archive(entries) => entries.contains_key(file),
        }
    }

    /// Whether there is a blob of this name; nothing is known of its content.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.has(&blob_path(digest))
    }

    /// The files of an archive, and their sizes.
    pub(super) fn archived(&self) -> Option<BTreeMap<String, u64>> {
        match &self.source {
            Source::Folder => None,
            Source::Archive(files) => {
                let sizes = files.iter();
                Some(
                    sizes
                        .map(|(name, (_, size))| (name.clone(), *size))
                        .collect(),
                )
            }
        }
    }

    /// Open a file of the layout; links are followed, for that is how layouts share layers.
    pub(super) fn open_file(&self, file: &str) -> Result<(io::Take<File>, u64)> {
        let failed = |e: io::Error| {
            let e = if e.kind() == io::ErrorKind::NotFound {
                io::Error::new(io::ErrorKind::NotFound, "there is no such file")
            } else {
                e
            };
            Error::io(self.file_name(file), "cannot be read", e)
        };
        match &self.source {
            Source::Folder => {
                let (file, size) = open(&self.path.join(file)).map_err(failed)?;
                Ok((file.take(u64::MAX), size))
            }
            Source::Archive(entries) => {
                let &(start, size) = entries
                    .get(file)
                    .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
                let (mut archive, _) = open(&self.path).map_err(failed)?;
                archive.seek(SeekFrom::Start(start)).map_err(failed)?;
                Ok((archive.take(size), size))
            }
        }
    }

    fn file(&self, file: &str, limit: u64) -> Result<Vec<u8>> {
        let (reader, _) = self.open_file(file)?;
        json::read_limited(reader, limit, &self.file_name(file))
    }

    /// A reader of a blob, and how many bytes it should give. Whoever reads it hashes it.
    pub fn blob(&self, digest: &Digest) -> Result<(io::Take<File>, u64)> {
        self.open_file(&blob_path(digest))
    }

    /// Look at a blob that need not be read: if it is there, it must be a file of its size, for a
    /// pipe or half a file is no blob, whatever its name.
    ///
    /// # Errors
    /// It is no regular file, cannot be opened, or has another size.
    pub fn look_at(&self, descriptor: &Descriptor) -> Result<()> {
        if !self.has_blob(&descriptor.digest) {
            return Ok(());
        }
        let (_, size) = self.blob(&descriptor.digest)?;
        check_size(&self.blob_name(&descriptor.digest), descriptor, size)
    }

    /// `index.json`: its bytes, and what they say. Where there is a descriptor in its place, it
    /// is the only one of an index that is made of it.
    pub fn index(&self) -> Result<(Vec<u8>, Index)> {
        let data = self.file(self.form.index(), MAX_DOCUMENT)?;
        match self.form {
            Form::Oci => {
                let index = Index::parse_listing(&data, &self.index_name())?;
                Ok((data, index))
            }
            Form::Sparse => {
                let root: Descriptor = json::parse(&data, &self.index_name())?;
                let index = Index::new(MediaType::OCI_INDEX, vec![root], BTreeMap::new());
                Ok((json::to_canonical(&index)?, index))
            }
        }
    }

    /// The bytes of a document, which are for the caller to check.
    pub(crate) fn bytes(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.file(&blob_path(digest), MAX_DOCUMENT)
    }

    /// A document by its descriptor, with size and digest recomputed.
    pub fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let data = self.bytes(&descriptor.digest)?;
        check_bytes(&self.blob_name(&descriptor.digest), descriptor, &data)?;
        Ok(data)
    }

    /// All blobs by the names of their files, sorted, and the names that are no digest.
    pub(crate) fn blobs(&self) -> Result<(Vec<Digest>, Vec<String>)> {
        let mut digests = Vec::new();
        let mut others = Vec::new();
        let mut add = |file: &str| match Digest::from_hex(file) {
            Ok(digest) => digests.push(digest),
            Err(_) => others.push(format!("blobs/sha256/{file}")),
        };
        match &self.source {
            Source::Folder => {
                let folder = self.path.join("blobs/sha256");
                match std::fs::read_dir(&folder) {
                    Ok(entries) => {
                        for entry in entries {
                            let entry =
                                entry.map_err(|e| Error::io(name(&folder), "cannot be read", e))?;
                            add(&entry.file_name().to_string_lossy());
                        }
                    }
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(Error::io(name(&folder), "cannot be read", e)),
                }
            }
            Source::Archive(entries) => {
                for file in entries.keys() {
                    if let Some(file) = file.strip_prefix("blobs/sha256/") {
                        add(file);
                    }
                }
            }
        }
        digests.sort_unstable();
        others.sort_unstable();
        Ok((digests, others))
    }
}

/// The place of a blob in a layout. A digest has one spelling and no way to say `..`.
pub(crate) fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
