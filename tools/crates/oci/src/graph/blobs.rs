//! Where blobs are read from.

use std::io::{self, Read};

use verbatim_digest::Digest;

use crate::layout::Layout;
use crate::Descriptor;
use crate::{Error, Result};

/// A place that has blobs: nothing is known of their content until it was read.
pub trait Blobs: Sync {
    /// The place in messages. Places of one name have the same blobs.
    fn place(&self) -> &str;

    /// The name of a blob in messages.
    fn name(&self, digest: &Digest) -> String;

    /// Whether there is such a blob. Where that costs a request, `true` is an answer too:
    /// opening it tells.
    fn has(&self, descriptor: &Descriptor) -> bool;

    /// A manifest, an index or a config, with size and digest recomputed.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>>;

    /// The bytes of a blob. `size` is what is said of it, if that is one thing.
    fn open(&self, digest: &Digest, size: Option<u64>) -> Result<Content>;

    /// The bytes from this one on, for whoever has those before it, and hashes all of them.
    fn open_from(&self, digest: &Digest, size: Option<u64>, from: u64) -> Result<Content> {
        let mut content = self.open(digest, size)?;
        let before = &mut content.reader.by_ref().take(from);
        io::copy(before, &mut io::sink()).map_err(|e| self.unreadable(digest, e))?;
        Ok(content)
    }

    /// How many bytes there are, where that is known without reading.
    fn size(&self, _digest: &Digest) -> Option<u64> {
        None
    }

    /// How many documents may be read for one image; where each costs a request, not many.
    fn most_documents(&self) -> usize {
        usize::MAX
    }

    /// What an error of the reader means.
    fn unreadable(&self, digest: &Digest, error: io::Error) -> Error {
        Error::io(self.name(digest), "cannot be read", error)
    }
}

/// The bytes of a blob, and how many there are, as far as that is known beforehand.
pub struct Content {
    /// Gives the bytes.
    pub reader: Box<dyn Read + Send>,
    /// How many.
    pub size: Option<u64>,
}

impl Blobs for Layout {
    fn place(&self) -> &str {
        self.path().to_str().unwrap_or("the layout")
    }

    fn name(&self, digest: &Digest) -> String {
        self.blob_name(digest)
    }

    fn has(&self, descriptor: &Descriptor) -> bool {
        self.has_blob(&descriptor.digest)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        Self::document(self, descriptor)
    }

    fn open(&self, digest: &Digest, _: Option<u64>) -> Result<Content> {
        let (reader, size) = self.blob(digest)?;
        Ok(Content {
            reader: Box::new(reader),
            size: Some(size),
        })
    }

    fn size(&self, digest: &Digest) -> Option<u64> {
        self.blob(digest).ok().map(|(_, size)| size)
    }
}
