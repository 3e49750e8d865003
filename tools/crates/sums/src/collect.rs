//! From images and files to their sums.
//!
//! Whatever an image is given as, its digest is made from the bytes of its manifest or index,
//! and no layer is ever read: a thousand images cost a few thousand small files.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use verbatim_digest::Digest;
use verbatim_document::file::{open, Folder};
use verbatim_oci::layout::{images_and_names, Candidate, Kind, Layout, Published};
use verbatim_oci::{
    json, Descriptor, Document, Error, ErrorKind, ImageMetadata, Manifest, Named, Result, Runtime,
};

use crate::record::{File, Image, PlatformImage};
use crate::{Conflict, FileName, Record, Subject, Sums};
use verbatim_oci::Reference;

/// Sums that are being put together.
#[derive(Debug, Default)]
pub struct Collection {
    sums: Sums,
    images: Vec<Image>,
    files: Vec<File>,
}

impl Collection {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add images, each with where it comes from, for the error about a conflict.
    pub fn add_images(&mut self, images: Vec<(Image, String)>) -> Result<(), Conflict> {
        self.sums.add_all(images.iter().map(|(image, origin)| {
            let subject = Subject::Image(image.reference.clone());
            (subject, image.digest, &**origin)
        }))?;
        self.images
            .extend(images.into_iter().map(|(image, _)| image));
        Ok(())
    }

    /// Add files, best in the order of their names.
    pub fn add_files(&mut self, files: Vec<File>, origin: &str) -> Result<(), Conflict> {
        let one = |file: &File| (Subject::File(file.name.clone()), file.digest, origin);
        self.sums.add_all(files.iter().map(one))?;
        self.files.extend(files);
        Ok(())
    }

    /// What was added, and the document that says how it comes about.
    pub fn finish(self) -> (Sums, Record) {
        (self.sums, Record::new(self.images, self.files))
    }
}

/// The entry of one image, by what is known of it and by its config.
pub fn platform_image(image: &ImageMetadata, config: Named<'_>) -> Result<PlatformImage> {
    let mut manifest = image.manifest.clone();
    manifest.platform = None;
    Ok(PlatformImage {
        runtime: Some(Runtime::of(config)?),
        platform: image.platform.clone(),
        manifest,
        config: image.config.clone(),
        layers: image.layers.clone(),
    })
}

/// The images under the platforms that indexes name them for: a runtime chooses by what an
/// index says, whatever the config says (for years it had no place for `v6` of `arm/v6`). One
/// image may be named for several platforms; two spellings of one are the same.
pub fn by_name(
    named: &[Descriptor],
    images: &BTreeMap<Digest, PlatformImage>,
) -> Vec<PlatformImage> {
    let says_platform = |descriptor: &&Descriptor| descriptor.platform.is_some();
    let stated: BTreeSet<_> = named
        .iter()
        .filter(says_platform)
        .map(|d| d.digest)
        .collect();
    let mut seen = BTreeSet::new();
    let named = named.iter().filter_map(|descriptor| {
        let mut image = images.get(&descriptor.digest)?.clone();
        match &descriptor.platform {
            Some(platform) => image.platform = platform.clone(),
            // `index.json` need not repeat what an index in it says.
            None if stated.contains(&descriptor.digest) => return None,
            None => {}
        }
        seen.insert((descriptor.digest, image.platform.normalized()))
            .then_some(image)
    });
    named.collect()
}

/// The entry of an image.
pub fn of_image(reference: Reference, image: PlatformImage) -> Image {
    Image {
        reference,
        digest: image.manifest.digest,
        media_type: image.manifest.media_type.clone(),
        size: image.manifest.size,
        image_id: Some(image.config.digest),
        platforms: vec![image],
    }
}

/// The entry of an index by its descriptor and the images in it.
pub fn of_index(reference: Reference, index: &Descriptor, platforms: Vec<PlatformImage>) -> Image {
    Image {
        reference,
        digest: index.digest,
        media_type: index.media_type.clone(),
        size: index.size,
        image_id: None,
        platforms,
    }
}

/// The entry of something of which there is only a descriptor: the build tool that wrote it
/// is believed, because the bytes are not at hand.
pub fn of_descriptor(reference: Reference, descriptor: &Descriptor) -> Image {
    Image {
        reference,
        digest: descriptor.digest,
        media_type: descriptor.media_type.clone(),
        size: descriptor.size,
        image_id: None,
        platforms: Vec::new(),
    }
}

/// The entry of a manifest or an index alone.
pub fn of_document(reference: Reference, document: Named<'_>) -> Result<Image> {
    let parsed = Document::parse(document.data, document.file)?;
    Ok(Image {
        reference,
        digest: Digest::of(document.data),
        media_type: parsed.media_type(),
        size: document.data.len() as u64,
        image_id: match parsed {
            Document::Manifest(manifest) if manifest.may_be_image() => Some(manifest.config.digest),
            _ => None,
        },
        platforms: Vec::new(),
    })
}

/// The entry of a layout: of what is [published](Published) of it.
pub fn of_layout(reference: Reference, layout: &Layout, kind: Option<Kind>) -> Result<Image> {
    let published = Published::of(layout, kind)?;
    let mut image = of_document(reference, Named::new(&published.bytes, &published.file))?;
    let (candidates, named) = images_and_names(layout)?;
    let described = candidates.iter().map(|image| describe(layout, image));
    let images = described
        .map(|image| image.map(|image| (image.manifest.digest, image)))
        .collect::<Result<_>>()?;
    image.platforms = by_name(&named, &images);
    Ok(image)
}

fn describe(layout: &Layout, candidate: &Candidate) -> Result<PlatformImage> {
    let manifest_name = layout.blob_name(&candidate.descriptor.digest);
    let manifest = Manifest::parse(&candidate.manifest, &manifest_name)?;
    for layer in &manifest.layers {
        layout.look_at(layer)?;
    }
    let config_name = layout.blob_name(&manifest.config.digest);
    let config = Named::new(&candidate.config, &config_name);
    let manifest = Named::new(&candidate.manifest, &manifest_name);
    platform_image(&ImageMetadata::describe(manifest, config, None)?, config)
}

/// The entry of whatever is at a path: a layout, an archive of one, a manifest or an index.
pub fn of_path(reference: Reference, path: &Path, kind: Option<Kind>) -> Result<Image> {
    if begins_as_json(path) {
        let data = json::read_file(path, json::MAX_DOCUMENT)?;
        return of_document(reference, Named::new(&data, &path.display().to_string()));
    }
    of_layout(reference, &Layout::open(path)?, kind)
}

fn begins_as_json(path: &Path) -> bool {
    let mut start = Vec::new();
    open(path).is_ok_and(|(file, _)| file.take(64).read_to_end(&mut start).is_ok())
        && start.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
}

/// A file that is to be summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Under which name it is published.
    pub name: FileName,
    /// Where it is.
    pub place: Place,
}

/// Where a file is that is to be summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At this path.
    At(PathBuf),
    /// Below this folder, under its name.
    Below(Arc<Path>),
    /// As [`Place::Below`], and a listing has just called it a regular file.
    Listed(Arc<Path>),
}

impl Wanted {
    fn path(&self) -> Cow<'_, Path> {
        match &self.place {
            Place::At(path) => Cow::Borrowed(path),
            Place::Below(root) | Place::Listed(root) => Cow::Owned(root.join(self.name.as_str())),
        }
    }

    /// Open it; `last` is the folder in which the one before was opened, which is mostly the same.
    fn open<'a>(&'a self, last: &mut Option<LastFolder<'a>>) -> io::Result<(std::fs::File, u64)> {
        let Place::Listed(root) = &self.place else {
            return open(&self.path());
        };
        let name = self.name.as_str();
        let (folder, name) = name.rsplit_once('/').unwrap_or(("", name));
        let here = match last.take() {
            Some(last) if Arc::ptr_eq(last.root, root) && last.folder == folder => last,
            _ => LastFolder {
                root,
                folder,
                open: Folder::open(&root.join(folder))?,
            },
        };
        last.insert(here).open.open_listed(name)
    }
}

/// The folder in which a file was opened.
struct LastFolder<'a> {
    root: &'a Arc<Path>,
    folder: &'a str,
    open: Folder,
}

/// The files that a path stands for: itself under its own name, or, if it is a folder, every
/// file below it under its path from there. `exclude` are the outputs, which may be there
/// from an earlier time.
///
/// Folders are listed by several threads: for very many small files that takes as long as hashing them.
pub fn files_at(path: &Path, exclude: &[PathBuf], threads: usize) -> Result<Vec<Wanted>> {
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(path, e))?;
    let exclude: Vec<PathBuf> = exclude
        .iter()
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    if !metadata.is_dir() {
        if path
            .canonicalize()
            .is_ok_and(|path| exclude.contains(&path))
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                path.display(),
                "is to be summed and to be written over; name another output",
            ));
        }
        let name = path.file_name().unwrap_or_default();
        return Ok(vec![Wanted {
            name: name_of(Path::new(name), path)?,
            place: Place::At(path.to_owned()),
        }]);
    }
    let root: Arc<Path> = path.into();
    let mut found = walk(threads, |folder| list(&root, folder, &exclude))?;
    // This order is not that of the disk. It is a sort that finds what is in order: each folder is.
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if found.is_empty() {
        return Err(Error::new(
            ErrorKind::Missing,
            path.display(),
            "holds no file; name a folder with the files of the release",
        ));
    }
    Ok(found)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::io(path.display(), "cannot be read", error)
}

/// What one folder holds: files to sum, and folders, as paths from the root.
struct Listed {
    files: Vec<Wanted>,
    folders: Vec<PathBuf>,
}

/// List a folder below `root`.
fn list(root: &Arc<Path>, folder: &Path, exclude: &[PathBuf]) -> Result<Listed> {
    let here = root.join(folder);
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(&here).map_err(|e| unreadable(&here, e))? {
        let entry = entry.map_err(|e| unreadable(&here, e))?;
        let relative = folder.join(entry.file_name());
        let full = entry.path();
        let kind = entry.file_type().map_err(|e| unreadable(&full, e))?;
        if kind.is_dir() {
            folders.push(relative);
            continue;
        }
        if kind.is_symlink() {
            let target = std::fs::metadata(&full).map_err(|e| unreadable(&full, e))?;
            if target.is_dir() {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    full.display(),
                    "is a link to a folder, and could lead anywhere; name the folder itself with --files",
                ));
            }
        }
        // By name first: looking up where a file really is costs more than hashing it.
        let is_output = exclude
            .iter()
            .any(|path| path.file_name() == full.file_name())
            && full
                .canonicalize()
                .is_ok_and(|full| exclude.contains(&full));
        if !is_output {
            files.push(Wanted {
                name: name_of(&relative, &full)?,
                place: if kind.is_file() {
                    Place::Listed(Arc::clone(root))
                } else {
                    Place::Below(Arc::clone(root))
                },
            });
        }
    }
    files.sort_unstable_by(|a: &Wanted, b| a.name.cmp(&b.name));
    Ok(Listed { files, folders })
}

/// The folders that are still to be listed, and how many are being listed.
struct Queue {
    folders: Vec<PathBuf>,
    busy: usize,
}

/// List all folders from the root on: one folder after the other, in the order of their paths.
/// Of several problems the first in order of paths is told.
fn walk(threads: usize, list: impl Fn(&Path) -> Result<Listed> + Sync) -> Result<Vec<Wanted>> {
    let queue = Mutex::new(Queue {
        folders: vec![PathBuf::new()],
        busy: 0,
    });
    let changed = Condvar::new();
    let work = || {
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        let mut here = queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(folder) = here.folders.pop() {
                here.busy += 1;
                drop(here);
                let listed = list(&folder);
                here = queue.lock().unwrap_or_else(PoisonError::into_inner);
                here.busy -= 1;
                match listed {
                    Ok(listed) => {
                        found.push((folder, listed.files));
                        here.folders.extend(listed.folders);
                    }
                    Err(error) => failed.push((folder, error)),
                }
                changed.notify_all();
            } else if here.busy == 0 {
                return (found, failed);
            } else {
                here = changed.wait(here).unwrap_or_else(PoisonError::into_inner);
            }
        }
    };
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let own = work();
        for (more, problems) in others
            .into_iter()
            .map(|other| {
                other
                    .join()
                    .unwrap_or_else(|e| std::panic::resume_unwind(e))
            })
            .chain([own])
        {
            found.extend(more);
            failed.extend(problems);
        }
    });
    if let Some((_, error)) = failed.into_iter().min_by(|a, b| a.0.cmp(&b.0)) {
        return Err(error);
    }
    found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(found.into_iter().flat_map(|(_, files)| files).collect())
}

fn name_of(name: &Path, path: &Path) -> Result<FileName> {
    let wrong = |what: String| Error::new(ErrorKind::Unsupported, path.display(), what);
    let name = name
        .to_str()
        .ok_or_else(|| wrong("has a name that is not UTF-8; rename it".into()))?;
    published_name(name).map_err(wrong)
}

/// The name of a published file, if a sums file can hold it without being misread.
pub fn published_name(name: &str) -> std::result::Result<FileName, String> {
    if matches!(Subject::from_text(name), Ok(Subject::Image(_))) {
        return Err(format!(
            "`{name}` would be read as an image reference in a sums file; publish it under another name"
        ));
    }
    name.parse::<FileName>().map_err(|e| e.to_string())
}

/// Hash files, several at a time; in the order in which they were given. Of several that cannot
/// be read the first is told.
pub fn hash_files(files: Vec<Wanted>, threads: usize) -> Result<Vec<File>> {
    // Opening a file costs more than hashing a small one, and so does asking for work.
    const BATCH: usize = 32;
    let next = AtomicUsize::new(0);
    let done: Vec<OnceLock<File>> = files.iter().map(|_| OnceLock::new()).collect();
    let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    let work = || {
        let mut buffer = vec![0; 1 << 17];
        let mut last = None;
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            if first >= files.len() {
                return;
            }
            for at in first..files.len().min(first + BATCH) {
                let wanted = &files[at];
                match hash_file(wanted, &mut last, &mut buffer) {
                    Ok((digest, size)) => {
                        let _ = done[at].set(File {
                            digest,
                            name: wanted.name.clone(),
                            size: Some(size),
                        });
                    }
                    Err(error) => {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        if failed.as_ref().is_none_or(|(first, _)| at < *first) {
                            *failed = Some((at, error));
                        }
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, files.len().div_ceil(BATCH).max(1)) {
            scope.spawn(work);
        }
        work();
    });
    if let Some((_, error)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    drop(files);
    Ok(done.into_iter().filter_map(OnceLock::into_inner).collect())
}

fn hash_file<'a>(
    wanted: &'a Wanted,
    last: &mut Option<LastFolder<'a>>,
    buffer: &mut [u8],
) -> Result<(Digest, u64)> {
    let failed = |e| unreadable(&wanted.path(), e);
    let (file, size) = wanted.open(last).map_err(failed)?;
    verbatim_digest::of_file_in(&file, size, buffer).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbatim_oci::MediaType;

    #[test]
    fn platforms_are_in_the_words_of_the_index() {
        let digest = Digest::of(b"manifest");
        let named = |platform: Option<&str>| Descriptor {
            platform: platform.map(|platform| platform.parse().unwrap()),
            ..Descriptor::new(MediaType::OCI_MANIFEST, digest, 8)
        };
        let image = PlatformImage {
            platform: "linux/arm".parse().unwrap(),
            manifest: named(None),
            config: named(None),
            layers: Vec::new(),
            runtime: None,
        };
        let images = BTreeMap::from([(digest, image)]);
        for (said, platforms) in [
            (&[None][..], &["linux/arm"][..]),
            (&[None, Some("linux/arm/v6")], &["linux/arm/v6"]),
            (
                &[
                    Some("linux/arm/v6"),
                    Some("linux/arm/v7"),
                    Some("linux/armel"),
                ],
                &["linux/arm/v6", "linux/arm/v7"],
            ),
            (&[], &[]),
        ] {
            let named: Vec<_> = said.iter().map(|platform| named(*platform)).collect();
            let found = by_name(&named, &images);
            let found: Vec<_> = found.iter().map(|i| i.platform.to_string()).collect();
            assert_eq!(found, platforms);
        }
    }
}
