//! All blobs, each into every repository that needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use verbatim_digest::Digest;

use super::image::Blob;
use super::upload::Mount;
use super::{Job, Push, Pushed, Way};
use crate::error::Error;
use crate::name::Repository;

/// One blob for one registry.
struct Need {
    blob: Arc<Blob>,
    /// Which repositories need it, and for which images.
    repositories: BTreeMap<Repository, Vec<usize>>,
}

impl Push {
    /// Bring every blob to where it must be.
    pub(crate) async fn place_blobs(
        &self,
        jobs: &[Job],
        reports: &mut [Pushed],
    ) -> Result<(), Error> {
        let mut needs: BTreeMap<(String, Digest), Need> = BTreeMap::new();
        for (number, job) in jobs.iter().enumerate() {
            for (digest, blob) in job.image.blobs() {
                let key = (job.repository.registry.clone(), *digest);
                let need = needs.entry(key).or_insert_with(|| Need {
                    blob: Arc::new(blob.clone()),
                    repositories: BTreeMap::new(),
                });
                merge(&mut need.blob, blob)?;
                need.repositories
                    .entry(job.repository.clone())
                    .or_default()
                    .push(number);
            }
        }
        let mut needs: Vec<Need> = needs.into_values().collect();
        // The largest first, so that none of them is left to be waited for alone.
        needs.sort_by_key(|need| std::cmp::Reverse(need.blob.descriptor.size));
        let total = needs.iter().map(|need| need.blob.descriptor.size).sum();
        self.options.progress.total(total);
        let mut tasks = JoinSet::new();
        for need in needs {
            let push = self.clone();
            tasks.spawn(async move {
                let ways = push.place(&need).await?;
                Ok::<_, Error>((need, ways))
            });
        }
        while let Some(done) = tasks.join_next().await {
            // The first failure ends the others, which are dropped: nothing is sent that does
            // not help.
            let (need, ways) =
                done.map_err(|e| Error::local("a task of the push ended", e.into()))??;
            count(&need, &ways, reports);
        }
        Ok(())
    }

    /// Bring one blob to the repositories of one registry.
    async fn place(&self, need: &Need) -> Result<BTreeMap<Repository, Way>, Error> {
        let blob = &need.blob;
        let digest = blob.descriptor.digest;
        let mut asked = JoinSet::new();
        for repository in need.repositories.keys() {
            let (push, repository) = (self.clone(), repository.clone());
            asked.spawn(async move {
                let has = push.has(&repository, digest).await?;
                Ok::<_, Error>((repository, has))
            });
        }
        let mut ways = BTreeMap::new();
        let mut lacking = Vec::new();
        while let Some(answer) = asked.join_next().await {
            let (repository, has) =
                answer.map_err(|e| Error::local("a task of the push ended", e.into()))??;
            if has {
                ways.insert(repository, Way::Skipped);
            } else {
                lacking.push(repository);
            }
        }
        lacking.sort_unstable();
        // Whoever has it may give it to the others.
        let mut givers: Vec<Repository> = ways.keys().take(1).cloned().collect();
        for repository in &blob.elsewhere {
            givers.extend(self.client.candidates(repository)?);
        }
        if !lacking.is_empty() {
            let first = lacking.remove(0);
            let way = self.bring(&first, blob, &givers).await?;
            ways.insert(first.clone(), way);
            givers.insert(0, first);
        }
        let givers = Arc::new(givers);
        let mut tasks = JoinSet::new();
        for repository in lacking {
            if self.options.dry_run {
                // From the one that would have it by then.
                ways.insert(repository, Way::Mounted);
                continue;
            }
            let (push, blob, givers) = (self.clone(), Arc::clone(blob), Arc::clone(&givers));
            tasks.spawn(async move {
                let way = push.bring(&repository, &blob, &givers).await?;
                Ok::<_, Error>((repository, way))
            });
        }
        while let Some(done) = tasks.join_next().await {
            let (repository, way) =
                done.map_err(|e| Error::local("a task of the push ended", e.into()))??;
            ways.insert(repository, way);
        }
        if ways.values().all(|way| *way != Way::Sent) {
            self.options.progress.add(blob.descriptor.size);
        }
        Ok(ways)
    }

    /// Mount a blob from the first that gives it, else send it.
    async fn bring(
        &self,
        repository: &Repository,
        blob: &Arc<Blob>,
        givers: &[Repository],
    ) -> Result<Way, Error> {
        let digest = blob.descriptor.digest;
        if self.options.dry_run {
            blob.check_size()?;
            for giver in givers.iter().filter(|g| g.registry == repository.registry) {
                if self.has(giver, digest).await.unwrap_or(false) {
                    return Ok(Way::Mounted);
                }
            }
            self.found(blob).await?;
            return Ok(Way::Sent);
        }
        let mut begun = None;
        for giver in givers {
            match self.mount(repository, digest, giver).await {
                Mount::Done => {
                    if let Some(session) = begun {
                        self.forget(repository, &session).await;
                    }
                    return Ok(Way::Mounted);
                }
                Mount::Begun(session) => {
                    if let Some(earlier) = begun.replace(session) {
                        self.forget(repository, &earlier).await;
                    }
                }
                Mount::Declined => {}
            }
        }
        self.upload(repository, blob, begun).await?;
        Ok(Way::Sent)
    }
}

/// The same blob by another image: what is at hand is better than what is elsewhere.
fn merge(known: &mut Arc<Blob>, other: &Blob) -> Result<(), Error> {
    if known.descriptor.size != other.descriptor.size {
        return Err(Error::options(format!(
            "{} says that {} has {} bytes, and {} says {}; build the images again",
            known.named_by,
            known.descriptor.digest,
            known.descriptor.size,
            other.named_by,
            other.descriptor.size
        )));
    }
    let better = !known.source.is_here() && other.source.is_here();
    let more = other
        .elsewhere
        .iter()
        .any(|repository| !known.elsewhere.contains(repository));
    let named = known.left.is_none() && other.left.is_some();
    if better || more || named {
        let known = Arc::make_mut(known);
        if named {
            known.left = other.left.clone();
        }
        if better {
            known.source = other.source.clone();
        }
        for repository in &other.elsewhere {
            if !known.elsewhere.contains(repository) {
                known.elsewhere.push(repository.clone());
            }
        }
    }
    Ok(())
}

/// Of the images of one repository the first one brought the blob, the others found it.
fn count(need: &Need, ways: &BTreeMap<Repository, Way>, reports: &mut [Pushed]) {
    let bytes = need.blob.descriptor.size;
    for (repository, images) in &need.repositories {
        let mut way = ways.get(repository).copied().unwrap_or(Way::Skipped);
        for image in images {
            if let Some(report) = reports.get_mut(*image) {
                report.count(way, bytes);
            }
            way = Way::Skipped;
        }
    }
}
