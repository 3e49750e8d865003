//! Where a layout comes to be: a new folder that is invisible until it is whole, or one that
//! is completed blob by blob.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use verbatim_digest::Digest;
use verbatim_document::file::open;
use verbatim_foreign::printable_path;
use verbatim_oci::layout::{write_root, Layout};
use verbatim_oci::{json, Descriptor};
use verbatim_output::{OutputDir, OutputFile};

use crate::error::{document_error, Error};

/// Where the layout comes to be.
#[derive(Clone)]
pub(crate) struct LayoutWriter {
    /// A new folder, invisible until it is whole; `None` for one that is completed.
    new: Option<Arc<OutputDir>>,
    out: PathBuf,
    /// `blobs/sha256`.
    blobs: PathBuf,
}

impl LayoutWriter {
    pub(crate) fn open(out: &Path) -> Result<Self, Error> {
        let old = out.join("oci-layout").is_file();
        if old {
            return Ok(Self {
                new: None,
                out: out.to_owned(),
                blobs: out.join("blobs/sha256"),
            });
        }
        let folder = OutputDir::create(out).map_err(output)?;
        let blobs = folder.partial().join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(|e| cannot_write(out, e))?;
        Ok(Self {
            new: Some(Arc::new(folder)),
            out: out.to_owned(),
            blobs,
        })
    }

    /// A layout that is there must be of the same thing: nobody's image is overwritten.
    pub(crate) fn expect(&mut self, root: &Descriptor) -> Result<(), Error> {
        if self.new.is_some() {
            return Ok(());
        }
        let shown = printable_path(&self.out);
        let named = Layout::open(&self.out)
            .and_then(|layout| layout.index())
            .map_err(|e| document_error(&shown, e))?
            .1
            .manifests;
        if !named.is_empty() && named.iter().all(|entry| entry.digest == root.digest) {
            return fs::create_dir_all(&self.blobs).map_err(|e| cannot_write(&self.out, e));
        }
        Err(Error::options(format!(
            "{shown} is a layout of something else than {}; remove it or name another folder",
            root.digest
        )))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    /// Whether a blob is there, of the right size and the right bytes.
    pub(crate) fn has(&self, blob: &Descriptor) -> bool {
        let Ok((file, size)) = open(&self.path(&blob.digest)) else {
            return false;
        };
        size == blob.size
            && verbatim_digest::of_reader(file).is_ok_and(|(digest, _)| digest == blob.digest)
    }

    /// A small blob, if it is there.
    pub(crate) fn read(&self, blob: &Descriptor) -> Option<Vec<u8>> {
        if self.new.is_some() || blob.size > json::MAX_DOCUMENT {
            return None;
        }
        let data = verbatim_net::files::read(&self.path(&blob.digest), blob.size).ok()?;
        (Digest::of(&data) == blob.digest && data.len() as u64 == blob.size).then_some(data)
    }

    pub(crate) fn begin(&self, digest: &Digest) -> Result<Blob, Error> {
        let path = self.path(digest);
        let file = if self.new.is_some() {
            Sink::New(File::create(&path).map_err(|e| cannot_write(&path, e))?)
        } else {
            Sink::Beside(OutputFile::create(&path).map_err(output)?)
        };
        Ok(Blob { file, path })
    }

    pub(crate) fn finish(self, root: &Descriptor, tag: Option<&str>) -> Result<(), Error> {
        let Some(folder) = self.new else {
            return Ok(());
        };
        write_root(folder.partial(), root, tag)
            .map_err(|e| document_error(&printable_path(&self.out), e))?;
        match Arc::try_unwrap(folder) {
            Ok(folder) => folder.commit().map_err(output),
            Err(_) => Err(Error::local(
                format!("cannot complete {}", printable_path(&self.out)),
                io::Error::other("a download is still running"),
            )),
        }
    }
}

/// A blob that is being written; in a folder that others see it appears whole.
pub(crate) struct Blob {
    file: Sink,
    path: PathBuf,
}

enum Sink {
    New(File),
    Beside(OutputFile),
}

impl Blob {
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        match &mut self.file {
            Sink::New(file) => file.write_all(data),
            Sink::Beside(file) => file.write_all(data),
        }
        .map_err(|e| cannot_write(&self.path, e))
    }

    pub(crate) fn keep(self) -> Result<(), Error> {
        match self.file {
            Sink::New(_) => Ok(()),
            Sink::Beside(file) => file.commit().map_err(output),
        }
    }
}

pub(crate) fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::local(format!("cannot write {}", printable_path(path)), error)
}

/// The sentence names the file already; the kind stays, for the exit code.
pub(crate) fn output(error: verbatim_output::Error) -> Error {
    let source = io::Error::new(error.io().kind(), error.io().to_string());
    let whole = error.to_string();
    let what = whole
        .strip_suffix(&format!(": {source}"))
        .unwrap_or(&whole)
        .to_owned();
    Error::local(what, source)
}
