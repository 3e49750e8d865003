//! Pushing: many images at once, each byte sent at most once to a registry.
//!
//! A registry is a set of repositories that may share blobs. So what is pushed is looked at
//! blob by blob, not image by image: a blob goes to the first repository that needs it,
//! and is mounted from there into the others. Only when all blobs are there come the
//! manifests, children before the indexes that name them, and only when all manifests are
//! there come the tags: whoever pulls by tag meanwhile sees the old release or the new one.

mod blobs;
mod feed;
mod image;
mod manifests;
mod referrers;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use verbatim_digest::Digest;
use verbatim_net::Waiting;
use verbatim_oci::layout::Progress;

pub use image::{Image, Inputs};

use crate::client::Client;
use crate::error::Error;
use crate::name::{Repository, Which};

/// Blobs that are larger are sent in pieces, so that a cut costs one piece at most.
const CHUNK: u64 = 64 << 20;

/// How to push.
#[derive(Clone)]
pub struct PushOptions {
    /// Ask what is there, and send nothing.
    pub dry_run: bool,
    /// Blobs that are larger are sent in pieces of this size.
    pub chunk: u64,
    /// Hears of bytes that are dealt with.
    pub progress: Arc<dyn Progress>,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            dry_run: false,
            chunk: CHUNK,
            progress: Arc::new(()),
        }
    }
}

/// How a blob came to where it must be, or would come in a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It was there.
    Skipped,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It was sent.
    Sent,
}

/// A number of blobs, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub blobs: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

/// What became of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// As it was asked for.
    pub reference: String,
    /// The digest of its manifest or index.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// What the registry serves under the reference now, recomputed; `None` in a dry run, and of a tag that others
    /// add to as well.
    pub served: Option<Digest>,
    /// The tag stood for this image before, so nothing of it was written.
    pub unchanged: bool,
    /// Blobs that were sent.
    pub sent: Count,
    /// Blobs that were mounted.
    pub mounted: Count,
    /// Blobs that were there.
    pub skipped: Count,
    /// Manifests and indexes that were sent.
    pub manifests: u64,
}

impl Pushed {
    /// Whether the registry serves what was pushed.
    pub fn is_right(&self) -> bool {
        self.served.is_none_or(|served| served == self.digest)
    }

    fn count(&mut self, way: Way, bytes: u64) {
        let count = match way {
            Way::Skipped => &mut self.skipped,
            Way::Mounted => &mut self.mounted,
            Way::Sent => &mut self.sent,
        };
        count.blobs += 1;
        count.bytes += bytes;
    }
}

/// One image on its way.
pub(crate) struct Job {
    pub(crate) image: Arc<Image>,
    /// Where it goes, mirrors applied.
    pub(crate) repository: Repository,
    /// The name that it shall be served by.
    pub(crate) which: Which,
}

/// What all parts of one push share.
#[derive(Clone)]
pub(crate) struct Push {
    pub(crate) client: Client,
    pub(crate) options: PushOptions,
    /// Uploads at a time. Apart from the permits for requests, which an upload that fetches
    /// its bytes elsewhere needs on its way.
    pub(crate) uploads: Arc<Semaphore>,
}

impl Client {
    /// Push images: all blobs, then all manifests, then all tags; then read back what the
    /// tags stand for.
    ///
    /// One reference with two digests is an error, before anything is sent.
    pub fn push<'a>(
        &'a self,
        images: Vec<Image>,
        options: &'a PushOptions,
    ) -> Waiting<'a, Result<Vec<Pushed>, Error>> {
        Box::pin(async move {
            let push = Push::new(self, options);
            let jobs = push.jobs(images)?;
            let mut reports: Vec<Pushed> = jobs
                .iter()
                .map(|job| Pushed {
                    reference: job.image.target().to_string(),
                    digest: job.image.digest(),
                    media_type: job.image.media_type().to_owned(),
                    served: None,
                    unchanged: false,
                    sent: Count::default(),
                    mounted: Count::default(),
                    skipped: Count::default(),
                    manifests: 0,
                })
                .collect();
            push.place_blobs(&jobs, &mut reports).await?;
            push.place_manifests(&jobs, &mut reports).await?;
            Ok(reports)
        })
    }
}

impl Push {
    pub(crate) fn new(client: &Client, options: &PushOptions) -> Self {
        let uploads = client.options().http.parallel.clamp(1, 256);
        Self {
            client: client.clone(),
            options: options.clone(),
            uploads: Arc::new(Semaphore::new(uploads)),
        }
    }

    /// Where each image goes; equal ones are pushed once.
    fn jobs(&self, images: Vec<Image>) -> Result<Vec<Job>, Error> {
        let mut seen: BTreeMap<(Repository, Which), (Digest, String)> = BTreeMap::new();
        let mut jobs = Vec::new();
        for image in images {
            let named = image.target().repository();
            let repository = self.client.first(&named)?;
            let which = image.target().pushed_as(image.digest());
            let key = (repository.clone(), which.clone());
            if let Some((digest, origin)) = seen.get(&key) {
                if *digest != image.digest() {
                    return Err(Error::options(format!(
                        "conflicting digests: {} is {digest} by {origin} and {} by {}; give each image a reference of its own",
                        image.target(),
                        image.digest(),
                        image.origin()
                    )));
                }
                continue;
            }
            seen.insert(key, (image.digest(), image.origin().to_owned()));
            jobs.push(Job {
                image: Arc::new(image),
                repository,
                which,
            });
        }
        Ok(jobs)
    }
}
