//! Pulling: from a registry into an OCI layout, every byte checked on the way.
//!
//! What is fetched goes into a folder beside the final one, which is renamed when it is
//! complete. A layout that is there already and is of the same image is completed instead:
//! blobs that are right are kept, the others are fetched and put in place one by one.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use verbatim_digest::Digest;
use verbatim_net::Waiting;
use verbatim_oci::graph::{select, Leaves, Link, Walk};
use verbatim_oci::layout::Progress;
use verbatim_oci::{json, Config, Descriptor, Document, Index, Manifest, MediaType, Platform};
use verbatim_output::OutputFile;

use crate::client::Client;
use crate::error::{document_error, Error, ErrorKind};
use crate::layout_writer::{cannot_write, output, LayoutWriter};
use crate::manifest::worse;
use crate::name::{Repository, Target, Which};

/// Manifests of one image; a hostile index has room for more in its 4 MiB.
const MAX_MANIFESTS: usize = 4096;

/// What to pull, and how much of it.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The image.
    pub target: Target,
    /// Only these platforms; all if there is none.
    pub platforms: Vec<Platform>,
    /// Leave the layers out.
    pub shallow: bool,
    /// The name of the image in the layout.
    pub tag: Option<String>,
}

/// What was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// What the reference stands for, recomputed from the bytes.
    pub digest: Digest,
    /// What the layout is of: the same, or the image of the platform that was chosen, or an
    /// index of those that were.
    pub root: Descriptor,
    /// The images in it.
    pub images: Vec<PulledImage>,
    /// How many blobs were fetched, and how many bytes.
    pub fetched: (u64, u64),
    /// How many blobs were there already.
    pub kept: (u64, u64),
}

/// One image of what was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledImage {
    /// Its manifest.
    pub manifest: Digest,
    /// Its config: what engines call the image ID.
    pub config: Digest,
    /// In the words of the config; artifacts have none.
    pub platform: Option<Platform>,
}

impl Client {
    /// Pull an image into an OCI layout.
    pub fn pull<'a>(
        &'a self,
        pull: &'a Pull,
        out: &'a Path,
        progress: Arc<dyn Progress>,
    ) -> Waiting<'a, Result<Pulled, Error>> {
        Box::pin(async move {
            let repository = pull.target.repository();
            let top = self.manifest(&repository, &pull.target.which()).await?;
            let mut place = LayoutWriter::open(out)?;
            let root = self.choose(&repository, pull, &top.bytes).await?;
            place.expect(&root.descriptor)?;
            let mut visitor = Visitor {
                client: self,
                repository: &repository,
                place: &place,
                layers: Leaves::default(),
                images: Vec::new(),
                fetched: (0, 0),
                kept: (0, 0),
            };
            visitor.follow(&root).await?;
            let Visitor {
                layers,
                images,
                mut fetched,
                mut kept,
                ..
            } = visitor;
            if !pull.shallow {
                let layers = layers.iter().cloned().collect();
                let (got, had) = self.layers(&repository, &place, layers, progress).await?;
                fetched = (fetched.0 + got.0, fetched.1 + got.1);
                kept = (kept.0 + had.0, kept.1 + had.1);
            }
            place.finish(&root.descriptor, pull.tag.as_deref())?;
            Ok(Pulled {
                digest: top.digest,
                root: root.descriptor,
                images,
                fetched,
                kept,
            })
        })
    }

    /// Fetch one blob into a file, from the first repository that has it.
    pub fn pull_blob<'a>(
        &'a self,
        repositories: &'a [Repository],
        digest: Digest,
        size: Option<u64>,
        limit: u64,
        out: &'a Path,
        progress: Arc<dyn Progress>,
    ) -> Waiting<'a, Result<u64, Error>> {
        Box::pin(async move {
            let mut failure = None;
            for repository in repositories {
                match self
                    .one_blob(repository, digest, size, limit, out, &progress)
                    .await
                {
                    Ok(bytes) => return Ok(bytes),
                    // A disk that is full is so for every source.
                    Err(error) if error.kind() == ErrorKind::Local => return Err(error),
                    Err(error) => failure = Some(worse(failure, error)),
                }
            }
            Err(failure.unwrap_or_else(|| Error::options("no repository is given")))
        })
    }

    async fn one_blob(
        &self,
        repository: &Repository,
        digest: Digest,
        size: Option<u64>,
        limit: u64,
        out: &Path,
        progress: &Arc<dyn Progress>,
    ) -> Result<u64, Error> {
        let mut stream = self.blob_by_digest(repository, digest, size, limit).await?;
        if let Some(size) = stream.size() {
            progress.total(size);
        }
        let mut file = OutputFile::create(out).map_err(output)?;
        let mut bytes = 0;
        while let Some(chunk) = stream.chunk().await? {
            file.write_all(&chunk).map_err(|e| cannot_write(out, e))?;
            bytes += chunk.len() as u64;
            progress.add(chunk.len() as u64);
        }
        file.commit().map_err(output)?;
        Ok(bytes)
    }

    /// What the layout will be of.
    async fn choose(
        &self,
        repository: &Repository,
        pull: &Pull,
        top: &[u8],
    ) -> Result<Root, Error> {
        let name = pull.target.to_string();
        let document = parse(&name, top)?;
        let whole = || {
            let mut descriptor = Descriptor::of(document.media_type(), top);
            descriptor.platform = None;
            Root {
                descriptor,
                bytes: top.to_vec(),
            }
        };
        if pull.platforms.is_empty() {
            return Ok(whole());
        }
        let index = match &document {
            Document::Index(index) => index,
            Document::Manifest(manifest) => {
                let platform = self.platform_of(repository, manifest).await?;
                return match pull.platforms.as_slice() {
                    [only] if only.matches(&platform) => Ok(whole()),
                    _ => Err(Error::options(format!(
                        "{name}: is one image for {platform}, and not for {}",
                        list(&pull.platforms)
                    ))),
                };
            }
        };
        let mut offers: Vec<(Platform, Descriptor)> = Vec::new();
        for descriptor in index.manifests.iter().filter(|d| d.may_be_image()) {
            let platform = match &descriptor.platform {
                Some(platform) if platform.is_runnable() && !descriptor.is_marked() => {
                    platform.clone()
                }
                // Only the config says it.
                _ if descriptor.media_type.is_manifest() => {
                    let bytes = self.document(repository, descriptor).await?;
                    let file = format!("{repository}@{}", descriptor.digest);
                    match parse(&file, &bytes)? {
                        Document::Manifest(manifest) if manifest.may_be_image() => {
                            self.platform_of(repository, &manifest).await?
                        }
                        Document::Manifest(_) | Document::Index(_) => continue,
                    }
                }
                _ => continue,
            };
            offers.push((platform, descriptor.clone()));
        }
        let mut chosen: Vec<Descriptor> = Vec::new();
        for wanted in &pull.platforms {
            let fitting = select(wanted, offers.clone(), |offer| (&offer.0, offer.1.digest));
            match fitting.as_slice() {
                [] => {
                    let all: Vec<Platform> = offers.into_iter().map(|offer| offer.0).collect();
                    return Err(Error::options(format!(
                        "{name}: holds no image for {wanted}, only for {}",
                        verbatim_foreign::excerpt(&list(&all), 500)
                    )));
                }
                // Two platforms may be one image.
                [one] if chosen.iter().any(|other| other.digest == one.1.digest) => {}
                [one] => chosen.push(one.1.clone()),
                _ => {
                    return Err(Error::options(format!(
                        "{name}: holds {} images for {wanted}; pull the one that you mean by its digest",
                        fitting.len()
                    )))
                }
            }
        }
        if let [one] = chosen.as_slice() {
            let bytes = self.document(repository, one).await?;
            return Ok(Root {
                descriptor: one.clone(),
                bytes,
            });
        }
        // The published index names images that will not be there: a smaller one takes its place.
        let smaller = Index::new(index.media_type(), chosen, index.annotations.clone());
        let bytes = json::to_canonical(&smaller).map_err(|e| document_error(&name, e))?;
        Ok(Root {
            descriptor: Descriptor::of(index.media_type(), &bytes),
            bytes,
        })
    }

    async fn platform_of(
        &self,
        repository: &Repository,
        manifest: &Manifest,
    ) -> Result<Platform, Error> {
        let limit = self.options().limits.config;
        let data = self.blob_bytes(repository, &manifest.config, limit).await?;
        let name = format!("{repository}@{}", manifest.config.digest);
        Ok(Config::parse(&data, &name)
            .map_err(|e| document_error(&name, e))?
            .platform)
    }

    /// The bytes of a manifest or an index by its descriptor; they have its digest.
    async fn document(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
    ) -> Result<Vec<u8>, Error> {
        let limit = self.options().limits.manifest;
        if descriptor.size > limit {
            let place = format!("{repository}@{}", descriptor.digest);
            return Err(Error::too_large(place, "the manifest", limit));
        }
        let which = Which::Digest(descriptor.digest);
        Ok(self.manifest(repository, &which).await?.bytes)
    }

    /// Fetch layers, several at a time.
    async fn layers(
        &self,
        repository: &Repository,
        place: &LayoutWriter,
        layers: Vec<Descriptor>,
        progress: Arc<dyn Progress>,
    ) -> Result<(Count, Count), Error> {
        progress.total(layers.iter().fold(0, |sum, l| sum.saturating_add(l.size)));
        let permits = Arc::new(Semaphore::new(self.options().http.parallel.clamp(1, 1024)));
        let mut tasks = JoinSet::new();
        for layer in layers {
            let (client, repository) = (self.clone(), repository.clone());
            let (permits, progress) = (Arc::clone(&permits), Arc::clone(&progress));
            let place = place.clone();
            tasks.spawn(async move {
                // The semaphore is never closed.
                let _permit = permits.acquire_owned().await.ok();
                client.layer(&repository, &place, &layer, &*progress).await
            });
        }
        let (mut fetched, mut kept) = ((0, 0), (0, 0));
        // The first failure ends the others: dropping the set aborts them.
        while let Some(done) = tasks.join_next().await {
            let (was_there, bytes) =
                done.map_err(|e| Error::local("a task of the pull ended", io::Error::other(e)))??;
            let count: &mut Count = if was_there { &mut kept } else { &mut fetched };
            *count = (count.0 + 1, count.1 + bytes);
        }
        Ok((fetched, kept))
    }

    async fn layer(
        &self,
        repository: &Repository,
        place: &LayoutWriter,
        layer: &Descriptor,
        progress: &dyn Progress,
    ) -> Result<(bool, u64), Error> {
        let (known, blob) = (place.clone(), layer.clone());
        // Hashing a large file would keep the network waiting.
        let there = tokio::task::spawn_blocking(move || known.has(&blob))
            .await
            .unwrap_or(false);
        if there {
            progress.add(layer.size);
            return Ok((true, layer.size));
        }
        let mut stream = self.blob(repository, layer).await?;
        let mut file = place.begin(&layer.digest)?;
        while let Some(chunk) = stream.chunk().await? {
            file.write(&chunk)?;
            progress.add(chunk.len() as u64);
        }
        file.keep()?;
        Ok((false, layer.size))
    }
}

/// Blobs and bytes.
type Count = (u64, u64);

struct Root {
    descriptor: Descriptor,
    bytes: Vec<u8>,
}

/// Stores documents, and remembers the layers that they name.
struct Visitor<'a> {
    client: &'a Client,
    repository: &'a Repository,
    place: &'a LayoutWriter,
    layers: Leaves,
    images: Vec<PulledImage>,
    fetched: Count,
    kept: Count,
}

impl Visitor<'_> {
    /// Level by level: what one level names is fetched at once.
    async fn follow(&mut self, root: &Root) -> Result<(), Error> {
        let link = Link::root(root.descriptor.clone(), &self.repository.to_string());
        let mut walk = Walk::new(link, MAX_MANIFESTS);
        let mut first = Some(root.bytes.clone());
        loop {
            let level = walk.level().map_err(|e| self.wrong(e))?;
            if level.is_empty() {
                return Ok(());
            }
            let found = match first.take() {
                Some(bytes) => level
                    .into_iter()
                    .map(|link| (link, bytes.clone()))
                    .collect(),
                None => self.fetch(level).await?,
            };
            for (link, bytes) in found {
                let name = format!("{}@{}", self.repository, link.descriptor.digest);
                let document = walk
                    .enter(&link, &bytes, &name)
                    .map_err(|e| self.wrong(e))?;
                self.store(&link.descriptor.digest, &bytes)?;
                if let Document::Manifest(manifest) = document {
                    self.manifest(link.descriptor.digest, &manifest).await?;
                }
            }
        }
    }

    fn wrong(&self, error: verbatim_oci::Error) -> Error {
        document_error(&self.repository.to_string(), error)
    }

    /// Documents in the order of their links; the client bounds how many at a time.
    async fn fetch(&self, links: Vec<Link>) -> Result<Vec<(Link, Vec<u8>)>, Error> {
        let mut tasks = JoinSet::new();
        for (at, link) in links.into_iter().enumerate() {
            let (client, repository) = (self.client.clone(), self.repository.clone());
            tasks.spawn(async move {
                let bytes = client.document(&repository, &link.descriptor).await?;
                Ok::<_, Error>((at, link, bytes))
            });
        }
        let mut found = Vec::new();
        while let Some(done) = tasks.join_next().await {
            found.push(
                done.map_err(|e| Error::local("a task of the pull ended", io::Error::other(e)))??,
            );
        }
        found.sort_by_key(|(at, ..)| *at);
        Ok(found
            .into_iter()
            .map(|(_, link, bytes)| (link, bytes))
            .collect())
    }

    async fn manifest(&mut self, digest: Digest, manifest: &Manifest) -> Result<(), Error> {
        let config = &manifest.config;
        let mut platform = None;
        let known = self.place.read(config);
        let data = match known {
            Some(data) => data,
            None => {
                let limit = self.client.options().limits.config;
                self.client
                    .blob_bytes(self.repository, config, limit)
                    .await?
            }
        };
        if config.media_type.is_config() {
            let name = format!("{}@{}", self.repository, config.digest);
            platform = Config::parse(&data, &name)
                .ok()
                .map(|config| config.platform)
                .filter(Platform::is_runnable);
        }
        self.store(&config.digest, &data)?;
        self.images.push(PulledImage {
            manifest: digest,
            config: config.digest,
            platform,
        });
        let name = format!("{}@{digest}", self.repository);
        for (at, layer) in manifest.layers.iter().enumerate() {
            // Layers that a registry must not have are had from elsewhere.
            if layer.media_type.is_foreign_layer() && !layer.urls.is_empty() {
                continue;
            }
            self.layers
                .note(layer, &name, &format!("/layers/{at}"))
                .map_err(|e| document_error(&name, e))?;
        }
        Ok(())
    }

    fn store(&mut self, digest: &Digest, data: &[u8]) -> Result<(), Error> {
        let descriptor = Descriptor::new(MediaType::new(""), *digest, data.len() as u64);
        if self.place.has(&descriptor) {
            self.kept = (self.kept.0 + 1, self.kept.1 + data.len() as u64);
            return Ok(());
        }
        let mut file = self.place.begin(digest)?;
        file.write(data)?;
        file.keep()?;
        self.fetched = (self.fetched.0 + 1, self.fetched.1 + data.len() as u64);
        Ok(())
    }
}

fn parse(name: &str, bytes: &[u8]) -> Result<Document, Error> {
    Document::parse(bytes, name).map_err(|e| document_error(name, e))
}

fn list(platforms: &[Platform]) -> String {
    let all: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    all.join(", ")
}
