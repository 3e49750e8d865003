//! Blobs by their digests. The name of a file is believed nothing: each is hashed once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;

use verbatim_digest::{of_reader, Digest};
use verbatim_oci::{json, Error, ErrorKind, Result};

use crate::folder::Folder;
use crate::store::Watched;

/// The blobs of a store.
#[derive(Debug)]
pub(super) struct Content {
    folder: Option<Folder>,
    /// What they were found to have.
    known: RefCell<HashMap<Digest, Digest>>,
}

impl Content {
    pub(super) fn new(folder: Option<Folder>) -> Self {
        Self {
            folder,
            known: RefCell::default(),
        }
    }

    /// Whether a blob is kept.
    pub(super) fn has(&self, digest: Digest) -> bool {
        let folder = self.folder.as_ref();
        folder.is_some_and(|folder| folder.has(&digest.hex()))
    }

    /// The file of a blob.
    pub(super) fn open(&self, digest: Digest) -> Result<File> {
        Ok(self.folder(digest)?.file(&digest.hex())?.0)
    }

    /// For messages.
    pub(super) fn name(&self, digest: Digest) -> String {
        match &self.folder {
            Some(folder) => folder.name(&digest.hex()),
            None => format!("the blob {digest}"),
        }
    }

    /// The folder, if it has a blob.
    fn folder(&self, digest: Digest) -> Result<&Folder> {
        let folder = self.folder.as_ref().filter(|_| self.has(digest));
        folder
            .ok_or_else(|| Error::new(ErrorKind::Missing, self.name(digest), "is not in the store"))
    }

    /// The digest that a kept blob has.
    pub(super) fn digest(&self, named: Digest, progress: &dyn Fn(u64)) -> Result<Digest> {
        if let Some(known) = self.known.borrow().get(&named) {
            return Ok(*known);
        }
        let (found, _) = of_reader(Watched(self.open(named)?, progress))
            .map_err(|e| Error::io(self.name(named), "cannot be read", e))?;
        self.known.borrow_mut().insert(named, found);
        Ok(found)
    }

    /// A document, which has the digest that it is kept by.
    pub(super) fn document(&self, digest: Digest) -> Result<Vec<u8>> {
        let folder = self.folder(digest)?;
        let data = folder.read(&digest.hex(), json::MAX_DOCUMENT)?;
        let found = Digest::of(&data);
        if found == digest {
            return Ok(data);
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            self.name(digest),
            format!("has the digest {found}: it was changed"),
        ))
    }
}
