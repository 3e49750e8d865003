//! Manifests after blobs, children before indexes, tags last; then all of it read back.

use std::collections::{BTreeMap, BTreeSet};

use http::header::{self, HeaderName, HeaderValue};
use http::Method;
use tokio::task::JoinSet;
use verbatim_digest::Digest;
use verbatim_net::Payload;

use super::image::RawManifest;
use super::referrers::Referrer;
use super::{Job, Push, Pushed};
use crate::error::{Error, ErrorKind};
use crate::name::{Repository, Which};
use crate::scope;

/// By this a registry says that what was pushed is among the referrers of its subject.
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl Push {
    /// Send all manifests, then all tags, and read back what is served.
    pub(crate) async fn place_manifests(
        &self,
        jobs: &[Job],
        reports: &mut [Pushed],
    ) -> Result<(), Error> {
        let wanted: Vec<_> = jobs
            .iter()
            .map(|job| (job.repository.clone(), job.which.clone()))
            .collect();
        // What a tag stands for already need not be written, which some registries forbid.
        let before = self
            .all(wanted.clone(), |push, (repository, which)| async move {
                push.served(&repository, &which).await
            })
            .await?;
        let mut waves: [Vec<(Repository, RawManifest)>; 2] = Default::default();
        let mut known: BTreeSet<(Repository, Digest)> = BTreeSet::new();
        let mut tags = Vec::new();
        // What is to be found by its subject, and whether the registry said that it sees to that.
        let mut referrers: BTreeMap<(Repository, Digest), Referrer> = BTreeMap::new();
        for ((job, report), before) in jobs.iter().zip(reports.iter_mut()).zip(&before) {
            for manifest in job.image.children().iter().chain([job.image.root()]) {
                if let Some(referrer) = Referrer::of(&job.repository, manifest) {
                    referrers.insert((job.repository.clone(), manifest.digest), referrer);
                }
            }
            report.unchanged = *before == Some(job.image.digest());
            if report.unchanged {
                continue;
            }
            let root = job.image.root();
            // An index inside an index comes after its own children: they stand in order.
            for manifest in job.image.children() {
                if known.insert((job.repository.clone(), manifest.digest)) {
                    waves[0].push((job.repository.clone(), manifest.clone()));
                    report.manifests += 1;
                }
            }
            if known.insert((job.repository.clone(), root.digest)) {
                waves[1].push((job.repository.clone(), root.clone()));
            }
            report.manifests += 1;
            if matches!(job.which, Which::Tag(_)) {
                tags.push((job.repository.clone(), job.which.clone(), root.clone()));
            }
        }
        if self.options.dry_run {
            return Ok(());
        }
        let [children, roots] = waves;
        let (indexes, leaves): (Vec<_>, Vec<_>) = children
            .into_iter()
            .partition(|(_, manifest)| is_index(&manifest.media_type));
        let mut seen_to = self.put_all(leaves).await?;
        // Indexes inside indexes are rare, and must keep their order.
        for (repository, manifest) in indexes {
            seen_to.extend(self.put_all(vec![(repository, manifest)]).await?);
        }
        seen_to.extend(self.put_all(roots).await?);
        for key in seen_to {
            referrers.remove(&key);
        }
        self.list_all_referrers(referrers.into_values()).await?;
        self.all(tags, |push, (repository, which, manifest)| async move {
            push.put(&repository, &which, &manifest).await
        })
        .await?;
        self.read_back(jobs, wanted, reports).await
    }

    async fn read_back(
        &self,
        jobs: &[Job],
        wanted: Vec<(Repository, Which)>,
        reports: &mut [Pushed],
    ) -> Result<(), Error> {
        let served = self
            .all(wanted, |push, (repository, which)| async move {
                push.client.manifest_of(&repository, &which).await
            })
            .await?;
        for (report, manifest) in reports.iter_mut().zip(served) {
            report.served = Some(manifest.digest);
        }
        // The children are asked for by digest: anything but their very bytes is an error.
        let mut children = BTreeSet::new();
        for job in jobs {
            for manifest in job.image.children() {
                children.insert((job.repository.clone(), Which::Digest(manifest.digest)));
            }
        }
        let children = children.into_iter().collect();
        self.all(children, |push, (repository, which)| async move {
            push.client.manifest_of(&repository, &which).await
        })
        .await?;
        Ok(())
    }

    /// What is served under a name now.
    async fn served(
        &self,
        repository: &Repository,
        which: &Which,
    ) -> Result<Option<Digest>, Error> {
        match self.client.manifest_of(repository, which).await {
            Ok(manifest) => Ok(Some(manifest.digest)),
            Err(error) => match error.kind() {
                ErrorKind::NotFound => Ok(None),
                // Whatever is there, it is not what will be there.
                ErrorKind::Broken | ErrorKind::TooLarge => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Send manifests; gives those of which the registry says that it lists them as referrers.
    async fn put_all(
        &self,
        manifests: Vec<(Repository, RawManifest)>,
    ) -> Result<Vec<(Repository, Digest)>, Error> {
        let listed = self
            .all(manifests, |push, (repository, manifest)| async move {
                let which = Which::Digest(manifest.digest);
                let listed = push.put(&repository, &which, &manifest).await?;
                Ok(listed.then_some((repository, manifest.digest)))
            })
            .await?;
        Ok(listed.into_iter().flatten().collect())
    }

    /// Send a manifest; whether the registry says that it looked at the subject.
    pub(super) async fn put(
        &self,
        repository: &Repository,
        which: &Which,
        manifest: &RawManifest,
    ) -> Result<bool, Error> {
        let url = self.client.url(repository, &format!("manifests/{which}"))?;
        let content_type = HeaderValue::from_str(&manifest.media_type)
            .map_err(|_| Error::broken(&url, "the media type of the manifest fits no header"))?;
        let mut call =
            scope::write(Method::PUT, repository, url).with(header::CONTENT_TYPE, content_type);
        call.payload = Payload::Bytes(manifest.bytes.clone());
        let answer = self.client.send(&call).await?;
        Ok(answer.header(OCI_SUBJECT).is_some())
    }

    /// Do something for each, as many at a time as there are permits; results in order.
    async fn all<T, R, F, W>(&self, items: Vec<T>, work: W) -> Result<Vec<R>, Error>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: std::future::Future<Output = Result<R, Error>> + Send + 'static,
        W: Fn(Push, T) -> F + Send + Sync + Clone + 'static,
    {
        let mut tasks = JoinSet::new();
        for (number, item) in items.into_iter().enumerate() {
            let (push, work) = (self.clone(), work.clone());
            tasks.spawn(async move {
                let _permit = push.client.permit().await;
                (number, work(push.clone(), item).await)
            });
        }
        let mut results = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (number, result) =
                done.map_err(|e| Error::local("a task of the push ended", e.into()))?;
            results.push((number, result?));
        }
        results.sort_unstable_by_key(|(number, _)| *number);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

fn is_index(media_type: &str) -> bool {
    verbatim_oci::MediaType::new(media_type).is_index()
}
