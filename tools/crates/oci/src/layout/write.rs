//! A planned layout as a folder, or as an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use verbatim_digest::{CopyError, Digest};
use verbatim_document::file::open;
use verbatim_output::{OutputDir, OutputFile};

use super::plan::{Blob, DockerImage, Plan};
use super::source::blob_path;
use super::tar;
use crate::graph::Blobs;
use crate::{json, name, Descriptor, Error, ErrorKind, Index, MediaType, Result};

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

    fn further(&self) -> Result<&dyn Blobs> {
        let further = self.further.as_ref().ok_or_else(|| {
            let what = "a blob is somewhere else, and nobody said where";
            Error::new(ErrorKind::Missing, "the image", what)
        })?;
        Ok(&*further.0)
    }

    fn unreadable(&self, digest: &Digest, blob: &Blob, from: &str, error: io::Error) -> Error {
        match (blob, &self.further) {
            (Blob::Further { .. }, Some(further)) => further.0.unreadable(digest, error),
            _ => Error::io(from, "cannot be read", error),
        }
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
            Blob::Further { size } => {
                let further = self.further()?;
                let content = further.open(digest, Some(*size))?;
                (content.reader, further.name(digest))
            }
        };
        let mut reader = reader.take(blob.size());
        let (actual, bytes) =
            verbatim_digest::copy(&mut reader, out).map_err(|error| match error {
                CopyError::Read(e) => self.unreadable(digest, blob, &from, e),
                CopyError::Write(e) => Error::io(name(to), "cannot be written", e),
            })?;
        reader.set_limit(1);
        let longer = io::copy(&mut reader, &mut io::sink())
            .map_err(|e| self.unreadable(digest, blob, &from, e))?;
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
