//! What has a subject is found by it: where the registry makes no list of that by itself, the
//! index under the tag that stands for the list gets a further entry (distribution
//! specification, "Pushing Manifests with Subject").
//!
//! Nobody can lock that tag. So the index is read, written, and read again after a while in
//! which whoever read it at the same time has written too: an entry that is lost by then is
//! added once more. Entries of others are never dropped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;
use verbatim_digest::Digest;
use verbatim_oci::attached::{referrers_tag, with_referrers};
use verbatim_oci::{Descriptor, MediaType};

use super::image::RawManifest;
use super::Push;
use crate::error::{document_error, Error};
use crate::name::{Repository, Which};
use crate::referrers::found;

/// How often an index is written that others write at the same time.
const TRIES: u32 = 8;

/// What was pushed, and is to be found by its subject.
#[derive(Debug, Clone)]
pub(crate) struct Referrer {
    pub(crate) repository: Repository,
    pub(crate) subject: Digest,
    /// As a list names it.
    pub(crate) entry: Descriptor,
    pub(crate) manifest: RawManifest,
}

impl Referrer {
    /// `None` if it is about nothing.
    pub(super) fn of(repository: &Repository, manifest: &RawManifest) -> Option<Self> {
        let (subject, entry) = manifest.about.clone()?;
        Some(Self {
            repository: repository.clone(),
            subject,
            entry,
            manifest: manifest.clone(),
        })
    }
}

impl Push {
    /// See to it that all of these are found by their subjects.
    pub(super) async fn list_all_referrers(
        &self,
        referrers: impl Iterator<Item = Referrer>,
    ) -> Result<(), Error> {
        let mut by_subject: BTreeMap<(Repository, Digest), Vec<Referrer>> = BTreeMap::new();
        for referrer in referrers {
            let key = (referrer.repository.clone(), referrer.subject);
            by_subject.entry(key).or_default().push(referrer);
        }
        let mut tasks = JoinSet::new();
        for list in by_subject.into_values() {
            let push = self.clone();
            tasks.spawn(async move {
                let _turn = push.uploads.acquire().await;
                push.list_referrers(list).await
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(|e| Error::local("a task of the push ended", e.into()))??;
        }
        Ok(())
    }

    /// See to it that these are found by their subject, which is the same for all.
    async fn list_referrers(&self, referrers: Vec<Referrer>) -> Result<(), Error> {
        let Some(Referrer {
            repository,
            subject,
            ..
        }) = referrers.first()
        else {
            return Ok(());
        };
        if let Some(listed) = self.client.listed_referrers(repository, *subject).await? {
            // What came before the registry knew of subjects is listed when it comes again.
            for referrer in &referrers {
                if listed.iter().all(|e| e.digest != referrer.entry.digest) {
                    let which = Which::Digest(referrer.entry.digest);
                    self.put(repository, &which, &referrer.manifest).await?;
                }
            }
            return Ok(());
        }
        let entries: Vec<Descriptor> = referrers.iter().map(|r| r.entry.clone()).collect();
        let which = Which::Tag(referrers_tag(subject));
        for attempt in 0..TRIES {
            let began = Instant::now();
            let before = found(self.client.manifest_of(repository, &which).await)?;
            let name = format!("{repository}:{which}");
            let before = before.as_ref().map(|m| (&m.bytes[..], &name[..]));
            let Some(index) =
                with_referrers(before, &entries).map_err(|e| document_error(&name, e))?
            else {
                return Ok(());
            };
            let index = RawManifest {
                digest: Digest::of(&index),
                media_type: MediaType::OCI_INDEX.to_string(),
                bytes: Bytes::from(index),
                about: None,
            };
            self.put(repository, &which, &index).await?;
            self.let_others_write(began.elapsed(), attempt).await;
        }
        Err(Error::options(format!(
            "{repository}:{which}: others write that index all the time, and drop what was added {TRIES} times; push again when they are done"
        )))
    }

    /// Wait until whoever read at the same time has written. `took` is what reading and writing
    /// took here; nobody who loses once should meet the same others again.
    pub(crate) async fn let_others_write(&self, took: Duration, attempt: u32) {
        let mut random = [0; 1];
        let _ = getrandom::fill(&mut random);
        let pause = took.clamp(Duration::from_millis(20), Duration::from_secs(2)) * (2 + attempt);
        tokio::time::sleep(pause + pause * u32::from(random[0]) / 256).await;
    }
}
