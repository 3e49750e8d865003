//! The deep check: is every byte of a layout what the documents say of it?
//!
//! First the documents are walked, from `index.json` down; they are small and there are few.
//! That gives the list of all other blobs with everything that is said about each. Then the
//! blobs are read, each once, several at a time: hashed as they are, and hashed again inside
//! their compression where a config names a diff_id. Nothing is held but one buffer a thread.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use verbatim_digest::{Digest, Hasher};
use verbatim_reader::{decompress, Compression};

use super::source::{check_digest, check_media_type, Layout};
use crate::error::{Error, ErrorKind, Result};
use crate::{Config, Descriptor, Document, Index, Manifest, MediaType, Platform};

/// Indexes inside indexes; two levels are common, more than a few are an accident.
const MAX_DEPTH: usize = 8;
/// Descriptors that are followed in one layout.
const MAX_DESCRIPTORS: usize = 1 << 18;
/// What is unpacked of one layer before it is taken for a bomb.
const MAX_UNPACKED: u64 = 1 << 40;
/// Blobs below this are not worth a thread for their decompression.
const LARGE: u64 = 1 << 20;
/// One buffer of a thread.
const BUFFER: usize = 1 << 18;

/// Hears how far the check is.
pub trait Progress: Send + Sync {
    /// So many bytes will be read.
    fn total(&self, bytes: u64);
    /// So many more were read.
    fn add(&self, bytes: u64);
}

impl Progress for () {
    fn total(&self, _: u64) {}
    fn add(&self, _: u64) {}
}

/// What the check of a layout found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What a registry would serve: the one thing that `index.json` names, or, where it
    /// names several, `index.json` itself.
    pub published: Descriptor,
    /// The images that can run.
    pub images: Vec<CheckedImage>,
    /// How many blobs there are.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Everything that is wrong, in the order of files.
    pub problems: Vec<Problem>,
    /// Files among the blobs that no document names.
    pub unreferenced: Vec<String>,
}

/// One image of a checked layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedImage {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of its config, the image ID.
    pub config: Digest,
    /// In the words of the config.
    pub platform: Platform,
    /// How many layers it has.
    pub layers: usize,
    /// The bytes of its manifest, config and layers as they are stored.
    pub size: u64,
}

/// Something that is wrong in a layout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file where it shows.
    pub file: String,
    /// The place in the file, if it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// `missing`, `mismatch`, `malformed`, `limit`, `unsupported` or `io`.
    pub kind: &'static str,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self {
            file: error.file().to_owned(),
            pointer: error.pointer().map(str::to_owned),
            kind: error.kind().name(),
            problem: error.what(),
        }
    }
}

/// Check all of a layout. An error says that it could not even be begun; everything else is
/// in the report.
pub fn check(layout: &Layout, threads: usize, progress: Arc<dyn Progress>) -> Result<Report> {
    let (data, index) = layout.index()?;
    let published = match &index.manifests[..] {
        [single] => Descriptor {
            annotations: BTreeMap::new(),
            ..single.clone()
        },
        _ => Descriptor::of(index.media_type(), &data),
    };
    let mut walk = Walk::new(layout);
    let file = layout.file_name("index.json");
    walk.index(&index, &file, 0);
    if index.manifests.is_empty() {
        walk.problems.push(
            Error::new(
                ErrorKind::Missing,
                file,
                "names nothing; a layout must name at least one manifest or index",
            )
            .at("/manifests"),
        );
    }
    let (blobs, others) = layout.blobs()?;
    let mut unreferenced = others;
    for digest in &blobs {
        let named = walk.documents.contains_key(digest) || walk.items.contains_key(digest);
        // A link that leads nowhere is no blob; whoever names it misses it.
        if !named && layout.has_blob(digest) {
            unreferenced.push(super::source::blob_path(digest));
            walk.items.insert(*digest, Item::default());
        }
    }
    unreferenced.sort_unstable();
    let bytes = blobs
        .iter()
        .filter_map(|digest| layout.blob(digest).ok())
        .map(|(_, size)| size)
        .sum();
    let images = std::mem::take(&mut walk.images);
    let mut errors = std::mem::take(&mut walk.problems);
    errors.extend(walk.read_blobs(threads, progress).errors);
    let mut problems: Vec<Problem> = errors.iter().map(Problem::from).collect();
    problems.sort_unstable();
    problems.dedup();
    Ok(Report {
        published,
        images,
        blobs: blobs.len() as u64,
        bytes,
        problems,
        unreferenced,
    })
}

/// A blob that is not a document, and all that is said of it.
#[derive(Debug, Default)]
struct Item {
    /// The sizes, each with who says so.
    sizes: Vec<(u64, Place)>,
    /// The digests of the content inside the compression, each with who says so.
    diff_ids: Vec<(Digest, Place)>,
    /// The media types, each with who says so.
    types: Vec<(MediaType, Place)>,
}

/// A JSON pointer in a file.
type Place = (String, String);

/// What reading all blobs gave.
#[derive(Debug, Default)]
pub(super) struct BlobsRead {
    pub errors: Vec<Error>,
    /// The bytes inside the compression.
    pub unpacked: BTreeMap<Digest, u64>,
}

/// Follows descriptors and collects what they say.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    layout: &'a Layout,
    items: BTreeMap<Digest, Item>,
    /// Documents that were read, and the platform of those that are images.
    documents: BTreeMap<Digest, Option<Platform>>,
    descriptors: usize,
    pub problems: Vec<Error>,
    images: Vec<CheckedImage>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            items: BTreeMap::new(),
            documents: BTreeMap::new(),
            descriptors: 0,
            problems: Vec::new(),
            images: Vec::new(),
        }
    }

    fn index(&mut self, index: &Index, file: &str, depth: usize) {
        for (i, descriptor) in index.manifests.iter().enumerate() {
            let pointer = format!("/manifests/{i}");
            if let Err(error) = self.descriptor(descriptor, file, &pointer, depth) {
                self.problems.push(error);
                if self.descriptors > MAX_DESCRIPTORS {
                    return;
                }
            }
        }
    }

    fn count(&mut self, file: &str, pointer: &str) -> Result<()> {
        self.descriptors += 1;
        if self.descriptors > MAX_DESCRIPTORS {
            return Err(Error::new(
                ErrorKind::Limit,
                file,
                format!(
                    "the layout names more than {MAX_DESCRIPTORS} things, the limit of this check"
                ),
            )
            .at(pointer));
        }
        Ok(())
    }

    fn missing(descriptor: &Descriptor, file: &str, pointer: &str) -> Error {
        Error::new(
            ErrorKind::Missing,
            file,
            format!(
                "names {}, and the layout has no such blob; add it, or write the layout again",
                descriptor.digest
            ),
        )
        .at(format!("{pointer}/digest"))
    }

    /// Follow a descriptor of an index.
    pub(super) fn descriptor(
        &mut self,
        descriptor: &Descriptor,
        file: &str,
        pointer: &str,
        depth: usize,
    ) -> Result<()> {
        self.count(file, pointer)?;
        if !descriptor.media_type.is_index() && !descriptor.media_type.is_manifest() {
            return self.blob(descriptor, None, file, pointer);
        }
        if !self.layout.has_blob(&descriptor.digest) {
            return Err(Self::missing(descriptor, file, pointer));
        }
        let blob = self.layout.blob_name(&descriptor.digest);
        if let Some(platform) = self.documents.get(&descriptor.digest) {
            check_platform(descriptor, platform.as_ref(), file, pointer)?;
            let (_, size) = self.layout.blob(&descriptor.digest)?;
            return super::source::check_size(&blob, descriptor, size);
        }
        if depth >= MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::Limit,
                file,
                format!("indexes are nested more than {MAX_DEPTH} deep, the limit"),
            )
            .at(pointer));
        }
        // Before anything can fail, so that nothing is said twice.
        self.documents.insert(descriptor.digest, None);
        let data = self.layout.document(descriptor)?;
        let document = Document::parse(&data, &blob)?;
        match document {
            Document::Index(index) => {
                if let Some(own) = &index.media_type {
                    check_media_type(&blob, &descriptor.media_type, own)?;
                } else if !descriptor.media_type.is_index() {
                    check_media_type(&blob, &descriptor.media_type, &index.media_type())?;
                }
                self.index(&index, &blob, depth + 1);
                Ok(())
            }
            Document::Manifest(manifest) => {
                if let Some(own) = &manifest.media_type {
                    check_media_type(&blob, &descriptor.media_type, own)?;
                } else if !descriptor.media_type.is_manifest() {
                    check_media_type(&blob, &descriptor.media_type, &manifest.media_type())?;
                }
                let platform = self.manifest(&manifest, descriptor, &blob);
                check_platform(descriptor, platform.as_ref(), file, pointer)?;
                self.documents.insert(descriptor.digest, platform);
                Ok(())
            }
        }
    }

    /// Follow a manifest; gives the platform if it is an image.
    fn manifest(
        &mut self,
        manifest: &Manifest,
        descriptor: &Descriptor,
        file: &str,
    ) -> Option<Platform> {
        let config = if manifest.may_be_image() {
            match self.config(manifest, file) {
                Ok(config) => Some(config),
                Err(error) => {
                    self.problems.push(error);
                    None
                }
            }
        } else {
            if let Err(error) = self.blob(&manifest.config, None, file, "/config") {
                self.problems.push(error);
            }
            None
        };
        for (i, layer) in manifest.layers.iter().enumerate() {
            let pointer = format!("/layers/{i}");
            let diff_id = config.as_ref().and_then(|config| {
                let file = self.layout.blob_name(&manifest.config.digest);
                let diff_id = *config.rootfs.diff_ids.get(i)?;
                Some((diff_id, (file, format!("/rootfs/diff_ids/{i}"))))
            });
            if let Err(error) = self
                .count(file, &pointer)
                .and_then(|()| self.blob(layer, diff_id, file, &pointer))
            {
                self.problems.push(error);
                if self.descriptors > MAX_DESCRIPTORS {
                    break;
                }
            }
        }
        let platform = config.map(|config| config.platform)?;
        if platform.is_runnable() {
            self.images.push(CheckedImage {
                manifest: descriptor.digest,
                config: manifest.config.digest,
                platform: platform.clone(),
                layers: manifest.layers.len(),
                size: manifest
                    .layers
                    .iter()
                    .map(|layer| layer.size)
                    .fold(descriptor.size, u64::saturating_add)
                    .saturating_add(manifest.config.size),
            });
        }
        Some(platform)
    }

    fn config(&mut self, manifest: &Manifest, file: &str) -> Result<Config> {
        if !self.layout.has_blob(&manifest.config.digest) {
            return Err(Self::missing(&manifest.config, file, "/config"));
        }
        self.documents.insert(manifest.config.digest, None);
        let data = self.layout.document(&manifest.config)?;
        let blob = self.layout.blob_name(&manifest.config.digest);
        let config = Config::parse(&data, &blob)?;
        config.check_layers(manifest.layers.len(), &blob)?;
        Ok(config)
    }

    /// Note what is said of a blob, to be checked when it is read.
    fn blob(
        &mut self,
        descriptor: &Descriptor,
        diff_id: Option<(Digest, Place)>,
        file: &str,
        pointer: &str,
    ) -> Result<()> {
        if !self.layout.has_blob(&descriptor.digest) {
            if descriptor.media_type.is_foreign_layer() && !descriptor.urls.is_empty() {
                return Ok(());
            }
            return Err(Self::missing(descriptor, file, pointer));
        }
        let place = || (file.to_owned(), pointer.to_owned());
        let item = self.items.entry(descriptor.digest).or_default();
        if !item.sizes.iter().any(|(size, _)| *size == descriptor.size) {
            item.sizes.push((descriptor.size, place()));
        }
        if !item.types.iter().any(|(t, _)| *t == descriptor.media_type) {
            item.types.push((descriptor.media_type.clone(), place()));
        }
        if let Some((diff_id, place)) = diff_id {
            if !item.diff_ids.iter().any(|(own, _)| *own == diff_id) {
                item.diff_ids.push((diff_id, place));
            }
        }
        Ok(())
    }

    /// Read all blobs that were noted.
    pub(super) fn read_blobs(&self, threads: usize, progress: Arc<dyn Progress>) -> BlobsRead {
        let mut work: Vec<(u64, &Digest, &Item)> = self
            .items
            .iter()
            .map(|(digest, item)| {
                let size = self.layout.blob(digest).map_or(0, |(_, size)| size);
                (size, digest, item)
            })
            .collect();
        progress.total(work.iter().map(|(size, _, _)| size).sum());
        // The largest first, so that no thread is left with a large one at the end.
        work.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let next = AtomicUsize::new(0);
        let found = Mutex::new(BlobsRead::default());
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, work.len().max(1)) {
                scope.spawn(|| {
                    while let Some((size, digest, item)) =
                        work.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let (errors, unpacked) =
                            read_blob(self.layout, digest, item, *size, &progress);
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        found.errors.extend(errors);
                        if let Some(bytes) = unpacked {
                            found.unpacked.insert(**digest, bytes);
                        }
                    }
                });
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The platform in an index must be that in the config, where both say something.
fn check_platform(
    descriptor: &Descriptor,
    config: Option<&Platform>,
    file: &str,
    pointer: &str,
) -> Result<()> {
    match (&descriptor.platform, config) {
        (Some(said), Some(config))
            if *said != Platform::default() && config.is_runnable() && !said.matches(config) =>
        {
            Err(Error::new(
                ErrorKind::Mismatch,
                file,
                format!(
                    "says {said}, and the config of the image says {config}; build the index again"
                ),
            )
            .at(format!("{pointer}/platform")))
        }
        _ => Ok(()),
    }
}

/// Read one blob and compare it with all that is said of it.
fn read_blob(
    layout: &Layout,
    digest: &Digest,
    item: &Item,
    size: u64,
    progress: &Arc<dyn Progress>,
) -> (Vec<Error>, Option<u64>) {
    let file = layout.blob_name(digest);
    let mut errors = Vec::new();
    if let Err(error) = layout.blob(digest) {
        return (vec![error], None);
    }
    for (said, (referrer, pointer)) in &item.sizes {
        if *said != size {
            errors.push(
                Error::new(
                    ErrorKind::Mismatch,
                    referrer,
                    format!(
                        "says {said} bytes, and {file} has {size}; fetch or build the image again"
                    ),
                )
                .at(format!("{pointer}/size")),
            );
        }
    }
    if !errors.is_empty() {
        progress.add(size);
        return (errors, None);
    }
    match hash_blob(layout, digest, item, size, progress, &file) {
        Ok((unpacked, more)) => (more, unpacked),
        Err(error) => (vec![error], None),
    }
}

/// Hashes and counts what passes, for whoever holds the other end.
struct Observed<R> {
    inner: R,
    seen: Arc<Mutex<Hasher>>,
    progress: Arc<dyn Progress>,
}

impl<R: Read> Read for Observed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update(&buffer[..n]);
        self.progress.add(n as u64);
        Ok(n)
    }
}

fn hash_blob(
    layout: &Layout,
    digest: &Digest,
    item: &Item,
    size: u64,
    progress: &Arc<dyn Progress>,
    file: &str,
) -> Result<(Option<u64>, Vec<Error>)> {
    let unreadable = |e| Error::io(file, "cannot be read", e);
    let mut start = [0; 10];
    let (mut reader, _) = layout.blob(digest)?;
    let mut got = 0;
    while got < start.len() {
        match reader.read(&mut start[got..]).map_err(unreadable)? {
            0 => break,
            n => got += n,
        }
    }
    let compression = Compression::of_magic(&start[..got]);
    let is_layer = item
        .types
        .iter()
        .any(|(media_type, _)| media_type.is_layer());
    let mut errors = Vec::new();
    // An attestation is no archive, and its "diff_id" is the digest of whatever it is.
    let inside = compression != Compression::None
        && !item.diff_ids.is_empty()
        && (is_layer || item.diff_ids.iter().any(|(diff_id, _)| diff_id != digest));
    let (reader, _) = layout.blob(digest)?;
    let seen = Arc::new(Mutex::new(Hasher::new()));
    let observed = Observed {
        inner: reader,
        seen: Arc::clone(&seen),
        progress: Arc::clone(progress),
    };
    let actual = |seen: &Arc<Mutex<Hasher>>| {
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .finish()
    };
    let (own_diff_id, unpacked) = if inside {
        let reader = decompress(observed);
        let unpacked = if size >= LARGE {
            hash_all(reader.read_ahead())
        } else {
            hash_all(reader)
        };
        match unpacked {
            Ok(unpacked) => unpacked,
            Err(e) => {
                // Damaged bytes are the likely reason, and the digest tells.
                let (reader, _) = layout.blob(digest)?;
                let (whole, _) = verbatim_digest::of_reader(reader).map_err(unreadable)?;
                check_digest(file, digest, &whole)?;
                return Err(Error::io(file, "cannot be unpacked", e));
            }
        }
    } else {
        let bytes = drain(observed).map_err(unreadable)?;
        (actual(&seen), bytes)
    };
    check_digest(file, digest, &actual(&seen))?;
    for (media_type, (referrer, pointer)) in &item.types {
        let promised = match media_type.layer_suffix() {
            Some("") => Compression::None,
            Some("gzip") => Compression::Gzip,
            Some("zstd") => Compression::Zstd,
            _ => continue,
        };
        if promised != compression {
            errors.push(
                Error::new(
                    ErrorKind::Mismatch,
                    referrer,
                    format!("says `{media_type}`, and the compression of {file} is {compression}"),
                )
                .at(format!("{pointer}/mediaType")),
            );
        }
    }
    for (diff_id, (referrer, pointer)) in &item.diff_ids {
        if *diff_id != own_diff_id {
            errors.push(
                Error::new(
                    ErrorKind::Mismatch,
                    referrer,
                    format!("says {diff_id}, and the content of {file} is {own_diff_id}; build the image again"),
                )
                .at(pointer.as_str()),
            );
        }
    }
    Ok((is_layer.then_some(unpacked), errors))
}

fn drain(mut reader: impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes += n as u64,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn hash_all(mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let mut buffer = vec![0; BUFFER];
    let mut hasher = Hasher::new();
    let mut bytes = 0u64;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), bytes)),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                bytes += n as u64;
                if bytes > MAX_UNPACKED {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("there are more than {MAX_UNPACKED} bytes inside, the limit for a layer"),
                    ));
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
