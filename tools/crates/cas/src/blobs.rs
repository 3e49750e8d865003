//! Caches as a source of blobs, as whatever follows an image reads it.

use std::io::{self, Read};

use tokio::sync::oneshot;
use verbatim_digest::Digest;
use verbatim_oci::graph::{Blobs, Content};
use verbatim_oci::{json, Descriptor, Error as Wrong, ErrorKind as WrongKind};

use crate::caches::{Cache, Caches};
use crate::error::{Error, ErrorKind};
use crate::reader::Reader;

impl Caches {
    fn told(&self, digest: &Digest, error: &Error) -> Wrong {
        let kind = match error.kind() {
            ErrorKind::Missing => WrongKind::Missing,
            ErrorKind::Wrong => WrongKind::Mismatch,
            ErrorKind::OtherDigestFunction | ErrorKind::Usage => WrongKind::Unsupported,
            ErrorKind::Unreachable | ErrorKind::Denied => WrongKind::Io,
        };
        Wrong::new(kind, format!("the blob {digest}"), error.to_string())
    }

    /// Whether a cache has a blob; `true` where that cannot be known, for opening it tells why.
    fn cache_has(&self, cache: &Cache, digest: Digest, size: u64) -> bool {
        match cache {
            Cache::Folder(folder) => folder.has(&digest),
            Cache::Remote(remote) => {
                let (sender, receiver) = oneshot::channel();
                let remote = remote.clone();
                self.inner.runtime.spawn(async move {
                    let _ = sender.send(remote.has(digest, size).await);
                });
                !matches!(receiver.blocking_recv(), Ok(Ok(false)))
            }
        }
    }
}

impl Blobs for Caches {
    fn place(&self) -> &str {
        &self.inner.name
    }

    fn name(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.inner.name)
    }

    fn has(&self, descriptor: &Descriptor) -> bool {
        let (digest, size) = (descriptor.digest, descriptor.size);
        self.inner
            .caches
            .iter()
            .any(|cache| self.cache_has(cache, digest, size))
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Wrong> {
        let digest = &descriptor.digest;
        let content = self.open(digest, Some(descriptor.size))?;
        let mut data = Vec::new();
        content
            .reader
            .take(json::MAX_DOCUMENT + 1)
            .read_to_end(&mut data)
            .map_err(|e| self.unreadable(digest, e))?;
        if data.len() as u64 > json::MAX_DOCUMENT {
            let what = format!(
                "has more than {} bytes, the limit of a document",
                json::MAX_DOCUMENT
            );
            return Err(Wrong::new(WrongKind::Limit, self.name(digest), what));
        }
        Ok(data)
    }

    fn open(&self, digest: &Digest, size: Option<u64>) -> Result<Content, Wrong> {
        self.open_from(digest, size, 0)
    }

    fn open_from(&self, digest: &Digest, size: Option<u64>, from: u64) -> Result<Content, Wrong> {
        let Some(size) = size else {
            let what = "cannot be asked for by its digest alone: a build cache wants the size too";
            return Err(Wrong::new(WrongKind::Unsupported, self.name(digest), what));
        };
        let reader = Reader::open(self, *digest, size, from).map_err(|e| self.told(digest, &e))?;
        Ok(Content {
            reader: Box::new(reader),
            size: Some(size),
        })
    }

    fn unreadable(&self, digest: &Digest, error: io::Error) -> Wrong {
        match error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
            Some(own) => self.told(digest, own),
            None => Wrong::io(self.name(digest), "cannot be read", error),
        }
    }
}
