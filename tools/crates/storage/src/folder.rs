//! A folder that somebody else may have written: no link in it is followed.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use verbatim_document::file::open_listed;
use verbatim_document::json::read_limited;
use verbatim_oci::{Error, ErrorKind, Result};

/// A folder that was reached without following a link, except for those in the path that a person
/// named.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder that a person named.
    pub(crate) fn named(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path)
            .map_err(|e| Error::io(path.display(), "cannot be looked at", e))?;
        if !metadata.is_dir() {
            return Err(Error::new(
                ErrorKind::Malformed,
                path.display(),
                "is no folder; name the one that holds the store",
            ));
        }
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// That it is root's: containers of a user see other owners than the disk has. `fix` says how to see them so.
    pub(crate) fn check_owner(&self, fix: &str) -> Result<()> {
        let metadata = self
            .0
            .metadata()
            .map_err(|e| Error::io(self.0.display(), "cannot be looked at", e))?;
        if metadata.uid() == 0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unknowable,
            self.0.display(),
            format!(
                "belongs to the user {}, and its files have other owners than containers see; {fix}",
                metadata.uid()
            ),
        ))
    }

    /// A path for messages.
    pub(crate) fn name(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Whether something has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        is_name(name) && self.0.join(name).symlink_metadata().is_ok()
    }

    /// The folder of this name in it.
    pub(crate) fn folder(&self, name: &str) -> Result<Self> {
        let path = self.child(name)?;
        let metadata = path
            .symlink_metadata()
            .map_err(|e| Error::io(path.display(), "cannot be looked at", e))?;
        if !metadata.is_dir() {
            return Err(Error::new(
                ErrorKind::Malformed,
                path.display(),
                "must be a folder, and is a link or something else, which is not followed",
            ));
        }
        Ok(Self(path))
    }

    /// The regular file of this name in it, and its size.
    pub(crate) fn file(&self, name: &str) -> Result<(File, u64)> {
        let path = self.child(name)?;
        open(&path).map_err(|e| Error::io(path.display(), "cannot be read", e))
    }

    /// The content of a small file.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let (file, _) = self.file(name)?;
        read_limited(file, limit, &self.name(name))
    }

    /// Where the link of this name leads, as it says; nothing where there is none.
    pub(crate) fn link(&self, name: &str) -> Result<Option<PathBuf>> {
        let path = self.child(name)?;
        match std::fs::read_link(&path) {
            Ok(target) => Ok(Some(target)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(path.display(), "is no link", e)),
        }
    }

    fn child(&self, name: &str) -> Result<PathBuf> {
        if !is_name(name) {
            return Err(Error::new(
                ErrorKind::Malformed,
                self.0.display(),
                format!("`{name}` cannot be the name of a file in it"),
            ));
        }
        Ok(self.0.join(name))
    }
}

/// Whether it names something in a folder and nothing elsewhere.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= 255 && !name.contains(['/', '\0'])
}

/// Open what must be a regular file, and no link to one.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    if !path.symlink_metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is not a regular file",
        ));
    }
    open_listed(path)
}
