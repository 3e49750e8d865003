//! Blobs, read once and compared with all that is said of them.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use verbatim_digest::{Digest, Hasher, HashingReader};
use verbatim_reader::{decompress, Compression, ReadAhead};

use super::visitor::Visitor;
use crate::graph::{check_digest, Blobs, Content};
use crate::{Error, ErrorKind, MediaType, Result};

/// What may come out of a layer, whatever went in.
const UNPACKED: u64 = 1 << 30;
/// What may come out of each byte besides. DEFLATE cannot give more than 1,032 for one
/// (RFC 1951: 258 bytes for two bits), so a layer that gives more was made to fill a disk.
const RATIO: u64 = 1100;
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

/// A JSON pointer in a file.
pub(super) type Place = (String, String);

/// A blob that is not a document, and all that is said of it.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// The sizes, each with who says so.
    pub(super) sizes: Vec<(u64, Place)>,
    /// The digests of the content inside the compression, each with who says so.
    pub(super) diff_ids: Vec<(Digest, Place)>,
    /// The media types, each with who says so.
    pub(super) types: Vec<(MediaType, Place)>,
}

impl Item {
    /// What is said of its size, if that is one thing.
    pub(super) fn size(&self) -> Option<u64> {
        match &self.sizes[..] {
            [(size, _)] => Some(*size),
            _ => None,
        }
    }

    fn is_layer(&self) -> bool {
        self.types
            .iter()
            .any(|(media_type, _)| media_type.is_layer())
    }

    /// Why the content of a blob cannot be known: it is encrypted, or compressed in a way that
    /// this program does not know. With who says so.
    fn hidden(&self, found: Compression) -> Option<(String, &Place)> {
        self.types.iter().find_map(|(media_type, place)| {
            let why = match media_type.layer_suffix()? {
                _ if media_type.is_encrypted() => "is encrypted".to_owned(),
                suffix if promised(suffix).is_some() => return None,
                suffix if found == Compression::None => {
                    format!("is compressed with `{suffix}`, which this program does not know")
                }
                _ => return None,
            };
            Some((why, place))
        })
    }

    /// Whether the content inside the compression is spoken of. An attestation is no
    /// archive, and its "diff_id" is the digest of whatever it is.
    fn speaks_of_content(&self, digest: &Digest) -> bool {
        !self.diff_ids.is_empty()
            && !self
                .types
                .iter()
                .any(|(media_type, _)| media_type.is_encrypted())
            && (self.is_layer() || self.diff_ids.iter().any(|(diff_id, _)| diff_id != digest))
    }
}

/// The compression that the suffix of a layer's media type promises, if it is a known one.
fn promised(suffix: &str) -> Option<Compression> {
    Some(match suffix {
        "" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        // Not in the specification, and written all the same.
        "xz" => Compression::Xz,
        "bzip2" => Compression::Bzip2,
        _ => return None,
    })
}

/// What reading all blobs of one visitor gave.
#[derive(Debug, Default)]
pub(in crate::layout) struct BlobsRead {
    pub(in crate::layout) errors: Vec<Error>,
    /// The bytes inside the compression of layers.
    pub(in crate::layout) unpacked: BTreeMap<Digest, u64>,
}

/// A blob in one place, and the visitors that met it.
struct Work<'a> {
    blobs: &'a dyn Blobs,
    digest: Digest,
    size: u64,
    named: Vec<(usize, &'a Item)>,
}

/// Read all blobs that were noted, each once. What is found is in the order of `visitors`.
pub(in crate::layout) fn read_all(
    visitors: &[Visitor<'_>],
    threads: usize,
    progress: Arc<dyn Progress>,
) -> Vec<BlobsRead> {
    let mut by_blob: BTreeMap<(&str, Digest), Work<'_>> = BTreeMap::new();
    for (number, visitor) in visitors.iter().enumerate() {
        let (blobs, items) = visitor.noted();
        for (digest, item) in items {
            by_blob
                .entry((blobs.place(), *digest))
                .or_insert_with(|| Work {
                    blobs,
                    digest: *digest,
                    size: blobs.size(digest).or(item.size()).unwrap_or(0),
                    named: Vec::new(),
                })
                .named
                .push((number, item));
        }
    }
    let mut work: Vec<Work<'_>> = by_blob.into_values().collect();
    let sizes = work.iter().map(|work| work.size);
    progress.total(sizes.fold(0, u64::saturating_add));
    // The largest first, so that no thread is left with a large one at the end.
    work.sort_by(|a, b| b.size.cmp(&a.size).then(a.digest.cmp(&b.digest)));
    let found = in_parallel(&work, threads, |work| read_blob(work, &progress));
    let mut read: Vec<BlobsRead> = visitors.iter().map(|_| BlobsRead::default()).collect();
    for (work, facts) in work.iter().zip(found) {
        for (number, item) in &work.named {
            let into = &mut read[*number];
            match &facts {
                Ok(facts) => {
                    into.errors
                        .extend(compare(work.blobs, &work.digest, item, facts));
                    if item.is_layer() {
                        into.unpacked.insert(work.digest, facts.unpacked);
                    }
                }
                Err(error) => into.errors.push(error.copy()),
            }
        }
    }
    read
}

/// Do something with each, several at a time; the results are in the order of `items`.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    each: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(number) else {
                    return;
                };
                let result = each(item);
                lock(&done).push((number, result));
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the bytes of a blob are.
struct Facts {
    size: u64,
    compression: Compression,
    /// Of the content inside the compression, where somebody speaks of it.
    content: Option<Digest>,
    unpacked: u64,
    /// Whether it was not read because its size is wrong already.
    skipped: bool,
}

fn read_blob(work: &Work<'_>, progress: &Arc<dyn Progress>) -> Result<Facts> {
    let said = work.named.iter().map(|(_, item)| item.size());
    let mut said = said.collect::<Vec<_>>();
    said.dedup();
    let one = match said[..] {
        [one] => one,
        _ => None,
    };
    let content = work.blobs.open(&work.digest, one)?;
    if let Some(size) = content.size {
        let wrong = |item: &Item| item.sizes.iter().any(|(said, _)| *said != size);
        if work.named.iter().all(|(_, item)| wrong(item)) {
            progress.add(work.size);
            return Ok(Facts {
                size,
                compression: Compression::None,
                content: None,
                unpacked: 0,
                skipped: true,
            });
        }
    }
    hash_blob(work, content, progress)
}

/// What has passed of a blob.
#[derive(Default)]
struct Seen {
    hasher: Hasher,
    bytes: u64,
    /// Why no more came.
    failed: Option<io::Error>,
}

/// Hashes and counts what passes, for whoever holds the other end.
struct Observed {
    inner: Box<dyn Read + Send>,
    seen: Arc<Mutex<Seen>>,
    progress: Arc<dyn Progress>,
}

impl Read for Observed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(n) => {
                let mut seen = lock(&self.seen);
                seen.hasher.update(&buffer[..n]);
                seen.bytes += n as u64;
                self.progress.add(n as u64);
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            // A decompressor would take the kind and lose the cause.
            Err(e) => {
                let told = io::Error::new(e.kind(), e.to_string());
                lock(&self.seen).failed = Some(e);
                Err(told)
            }
        }
    }
}

fn hash_blob(work: &Work<'_>, content: Content, progress: &Arc<dyn Progress>) -> Result<Facts> {
    let (blobs, digest) = (work.blobs, &work.digest);
    let file = blobs.name(digest);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut observed = Observed {
        inner: content.reader,
        seen: Arc::clone(&seen),
        progress: Arc::clone(progress),
    };
    let unreadable = |e: io::Error| {
        let cause = lock(&seen).failed.take();
        blobs.unreadable(digest, cause.unwrap_or(e))
    };
    let mut start = Vec::new();
    (&mut observed)
        .take(10)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    let compression = Compression::of_magic(&start);
    let inside = compression != Compression::None
        && work
            .named
            .iter()
            .any(|(_, item)| item.speaks_of_content(digest));
    let whole = io::Cursor::new(start).chain(observed);
    let (content, unpacked) = if inside {
        let stored = || lock(&seen).bytes;
        // Three things at a time: what is stored is read and hashed, decompressed, and what comes
        // out is hashed. Decompression takes the longest, and shares its thread with nothing.
        let result = if work.size >= LARGE {
            hash_all(decompress(ReadAhead::new(whole)).read_ahead(), stored)
        } else {
            hash_all(decompress(whole), stored)
        };
        match result {
            Ok(Unpacked::All(content, unpacked)) => (Some(content), unpacked),
            Ok(Unpacked::TooMuch(bytes)) => {
                return Err(Error::new(
                    ErrorKind::Limit,
                    file,
                    format!("unpacks to more than {bytes} bytes, the limit for a layer that was read up to there; it is a bomb, or made of nothing but zeros"),
                ))
            }
            Err(e) => {
                if lock(&seen).failed.is_some() {
                    return Err(unreadable(e));
                }
                // Damaged bytes are the likely reason, and the digest tells.
                let content = blobs.open(digest, Some(work.size).filter(|size| *size > 0))?;
                let (whole, _) = verbatim_digest::of_reader(content.reader)
                    .map_err(|e| blobs.unreadable(digest, e))?;
                check_digest(&file, digest, &whole)?;
                return Err(Error::io(file, "cannot be unpacked", e));
            }
        }
    } else {
        (None, drain(whole).map_err(unreadable)?)
    };
    let Seen { hasher, bytes, .. } = std::mem::take(&mut *lock(&seen));
    check_digest(&file, digest, &hasher.finish())?;
    Ok(Facts {
        size: bytes,
        compression,
        content,
        unpacked,
        skipped: false,
    })
}

/// In what a blob is not as one visitor heard.
fn compare(blobs: &dyn Blobs, digest: &Digest, item: &Item, facts: &Facts) -> Vec<Error> {
    let file = blobs.name(digest);
    let mut errors = Vec::new();
    let mut wrong = |(referrer, pointer): &Place, member: &str, what: String| {
        errors
            .push(Error::new(ErrorKind::Mismatch, referrer, what).at(format!("{pointer}{member}")));
    };
    for (said, place) in item.sizes.iter().filter(|(said, _)| *said != facts.size) {
        let what = format!(
            "says {said} bytes, and {file} has {}; fetch or build the image again",
            facts.size
        );
        wrong(place, "/size", what);
    }
    if facts.skipped {
        return errors;
    }
    let compression = facts.compression;
    for (media_type, place) in &item.types {
        let Some(promised) = media_type.layer_suffix().and_then(promised) else {
            continue;
        };
        if promised != compression {
            let what =
                format!("says `{media_type}`, and the compression of {file} is {compression}");
            wrong(place, "/mediaType", what);
        }
    }
    if let Some((why, (referrer, pointer))) = item.hidden(compression) {
        if !item.diff_ids.is_empty() {
            let what = format!(
                "{file} {why}: its digest is right, and its content could not be compared with the config"
            );
            let error = Error::new(ErrorKind::Unknowable, referrer, what);
            errors.push(error.at(format!("{pointer}/mediaType")));
        }
        return errors;
    }
    let content = match &facts.content {
        Some(content) if item.speaks_of_content(digest) => content,
        _ => digest,
    };
    for (diff_id, place) in item.diff_ids.iter().filter(|(said, _)| said != content) {
        let what = format!(
            "says {diff_id}, and the content of {file} is {content}; build the image again"
        );
        wrong(place, "", what);
    }
    errors
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

/// What came out of a decompressor.
enum Unpacked {
    /// Everything: its digest and its bytes.
    All(Digest, u64),
    /// More than so many bytes.
    TooMuch(u64),
}

fn hash_all(reader: impl Read, stored: impl Fn() -> u64) -> io::Result<Unpacked> {
    let mut reader = HashingReader::new(reader);
    let mut most = UNPACKED;
    let whole = reader.drain_while(|bytes| {
        if bytes > UNPACKED {
            most = UNPACKED.saturating_add(stored().saturating_mul(RATIO));
        }
        bytes <= most
    })?;
    let (content, bytes, _) = reader.finish();
    Ok(match whole {
        true => Unpacked::All(content, bytes),
        false => Unpacked::TooMuch(most),
    })
}
