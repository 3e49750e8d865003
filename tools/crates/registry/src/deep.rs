//! Blobs of a repository, for the deep check of an image where it is served.

use std::io;

use tokio::runtime::Handle;
use verbatim_digest::Digest;
use verbatim_oci::attached::CosignTag;
use verbatim_oci::gather::{Attached, Attachments, By};
use verbatim_oci::layout::{Blobs, Content};
use verbatim_oci::{Descriptor, Error as Wrong, ErrorKind as WrongKind, MediaType};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::name::{Repository, Which};

/// Documents of one image; a hostile index has room for more in its 4 MiB.
const MAX_DOCUMENTS: usize = 4096;
/// A blob of which nobody says one size.
const MAX_BLOB: u64 = 64 << 30;

/// The blobs of a repository, streamed: nothing of them is kept.
///
/// To be used off the runtime's own threads, which are waited for.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    repository: Repository,
    name: String,
    runtime: Handle,
}

impl Remote {
    /// The blobs of this repository, or of its mirror.
    pub fn new(client: Client, repository: Repository, runtime: Handle) -> Self {
        Self {
            client,
            name: repository.to_string(),
            repository,
            runtime,
        }
    }

    fn told(&self, digest: &Digest, error: &Error) -> Wrong {
        let kind = match error.kind() {
            ErrorKind::NotFound => WrongKind::Missing,
            ErrorKind::Broken => WrongKind::Mismatch,
            ErrorKind::TooLarge => WrongKind::Limit,
            _ => WrongKind::Io,
        };
        Wrong::new(kind, self.name(digest), error.to_string())
    }
}

impl Blobs for Remote {
    fn place(&self) -> &str {
        &self.name
    }

    fn name(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.name)
    }

    /// Layers that a registry must not have are had from elsewhere.
    fn has(&self, descriptor: &Descriptor) -> bool {
        !descriptor.media_type.is_foreign_layer() || descriptor.urls.is_empty()
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Wrong> {
        let limits = &self.client.options().limits;
        let (limit, is_manifest) =
            if descriptor.media_type.is_manifest() || descriptor.media_type.is_index() {
                (limits.manifest, true)
            } else {
                (limits.config, false)
            };
        if descriptor.size > limit {
            return Err(Wrong::new(
                WrongKind::Limit,
                self.name(&descriptor.digest),
                format!(
                    "has {} bytes, and at most {limit} are read of a document",
                    descriptor.size
                ),
            ));
        }
        let data = self.runtime.block_on(async {
            if is_manifest {
                let which = Which::Digest(descriptor.digest);
                let manifest = self.client.manifest(&self.repository, &which).await?;
                Ok(manifest.bytes)
            } else {
                self.client
                    .blob_bytes(&self.repository, descriptor, limit)
                    .await
            }
        });
        data.map_err(|error| self.told(&descriptor.digest, &error))
    }

    fn open(&self, digest: &Digest, size: Option<u64>) -> Result<Content, Wrong> {
        let limit = size.unwrap_or(MAX_BLOB);
        let stream = self
            .runtime
            .block_on(
                self.client
                    .blob_by_digest(&self.repository, *digest, size, limit),
            )
            .map_err(|error| self.told(digest, &error))?;
        Ok(Content {
            size: stream.size(),
            reader: Box::new(stream.into_reader(self.runtime.clone())),
        })
    }

    fn most_documents(&self) -> usize {
        MAX_DOCUMENTS
    }

    fn unreadable(&self, digest: &Digest, error: io::Error) -> Wrong {
        match error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
            Some(own) => self.told(digest, own),
            None => Wrong::io(self.name(digest), "cannot be read", error),
        }
    }
}

impl Attachments for Remote {
    fn attached(&self, subject: &Digest, tags: &[CosignTag]) -> Result<Vec<Attached>, Wrong> {
        let found = self.runtime.block_on(async {
            let listed = self.client.referrers(&self.repository, *subject).await?;
            let mut all: Vec<Attached> = listed
                .into_iter()
                .map(|descriptor| Attached {
                    // What others remark may be long, and is not needed.
                    descriptor: Descriptor {
                        artifact_type: descriptor.artifact_type,
                        ..Descriptor::new(descriptor.media_type, descriptor.digest, descriptor.size)
                    },
                    by: By::List,
                })
                .collect();
            for tag in tags {
                let there = self.client.cosign_tag(&self.repository, subject, *tag);
                if let Some(manifest) = there.await? {
                    let media_type = MediaType::new(manifest.media_type);
                    all.push(Attached {
                        descriptor: Descriptor::of(media_type, &manifest.bytes),
                        by: By::Tag(*tag),
                    });
                }
            }
            Ok(all)
        });
        found.map_err(|error| self.told(subject, &error))
    }
}
