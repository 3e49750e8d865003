//! Entries of an archive or a folder, with their contents left where they are.

mod facts;
mod folder;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;

use verbatim_digest::{Digest, Hasher};
use verbatim_reader::{decompress, Archive, Compression, Kind};

pub(crate) use self::facts::Facts;
pub(crate) use self::folder::walk;
use crate::blob::{Blob, Reader, Spool};
use crate::limits::{Allowance, Limited};

/// An entry without its content.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Without `./` or `/` in front and without a slash at the end; the root itself is `.`.
    pub(crate) path: Vec<u8>,
    /// What was taken away of it.
    pub(crate) spelling: Spelling,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mtime: i64,
    pub(crate) size: u64,
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What only an archive says.
    pub(crate) facts: Option<Box<Facts>>,
    pub(crate) content: Content,
}

/// How a path is spelled around the path itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    Plain,
    Dot,
    Absolute,
}

impl Spelling {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Dot => "with ./ in front",
            Self::Absolute => "with / in front",
        }
    }
}

/// Where the content of an entry is.
#[derive(Debug)]
pub(crate) enum Content {
    /// It is no file.
    Nothing,
    /// There, in the blob of the archive.
    At(u64),
    /// In a stream that has to be read again; this is its digest.
    Streamed(Digest),
    /// In a file.
    File(Arc<PathBuf>),
}

/// All entries, in the order of the archive.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<Entry>,
    /// The archive that it was read from; `None` for a folder.
    archive: Option<Blob>,
    pub(crate) compression: Compression,
    /// Bytes of the archive, and of those the ones after its last entry.
    pub(crate) length: u64,
    pub(crate) after: u64,
}

/// How much of an archive is read.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) all: Allowance,
    pub(crate) own: u64,
    pub(crate) entries: usize,
}

/// Zeros that sparse files of one archive may turn into: they are read like any other content.
const MAX_HOLES: u64 = 4 << 30;

/// Read the headers of an archive of any compression. Content is passed over where the archive
/// is a plain file, else it is hashed as it goes by.
pub(crate) fn scan(blob: &Blob, bounds: &Bounds) -> io::Result<Tree> {
    let compression = Compression::of_magic(&blob.head(10)?);
    let mut tree = Tree {
        entries: Vec::new(),
        archive: Some(blob.clone()),
        compression,
        length: blob.size(),
        after: 0,
    };
    if compression == Compression::None {
        let archive = Archive::open_file(blob.reader()?);
        tree.collect(archive, bounds, true)?;
    } else {
        // The stream is read a second time, so its length is counted here.
        let counted = Counted::new(stream(blob, bounds)?);
        let length = counted.length();
        tree.collect(Archive::new(counted), bounds, false)?;
        tree.length = length.load(std::sync::atomic::Ordering::Relaxed);
    }
    tree.after = tree.length.saturating_sub(tree.after);
    Ok(tree)
}

fn stream(
    blob: &Blob,
    bounds: &Bounds,
) -> io::Result<Limited<verbatim_reader::Decompressed<Reader>>> {
    Ok(Limited::new(
        decompress(blob.reader()?),
        bounds.all.clone(),
        bounds.own,
    ))
}

/// Says from outside how much was read.
#[derive(Debug)]
struct Counted<R> {
    inner: R,
    length: Arc<std::sync::atomic::AtomicU64>,
}

impl<R> Counted<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            length: Arc::default(),
        }
    }

    fn length(&self) -> Arc<std::sync::atomic::AtomicU64> {
        Arc::clone(&self.length)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.length
            .fetch_add(n as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(n)
    }
}

impl Tree {
    fn collect<R: Read>(
        &mut self,
        archive: Archive<R>,
        bounds: &Bounds,
        seekable: bool,
    ) -> io::Result<()> {
        // Whether something is missing at the end shows in the comparison.
        let mut archive = archive
            .keep_headers()
            .limit_holes(MAX_HOLES)
            .accept_missing_end();
        while let Some(mut entry) = archive.next_entry()? {
            if self.entries.len() == bounds.entries {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("it has more than {} entries", bounds.entries),
                ));
            }
            let offset = entry.content_offset();
            let headers_end = entry.offset + entry.headers.len() as u64;
            let facts = Facts::of(&entry.headers);
            self.after = match offset {
                Some(at) => at + entry.size.next_multiple_of(512),
                None => headers_end,
            };
            let content = match (&entry.kind, offset) {
                (Kind::File, Some(at)) if seekable => Content::At(at),
                (Kind::File, _) => {
                    let mut hasher = Hasher::new();
                    loop {
                        let data = entry.fill_buf()?;
                        if data.is_empty() {
                            break;
                        }
                        hasher.update(data);
                        let n = data.len();
                        entry.consume(n);
                    }
                    Content::Streamed(hasher.finish())
                }
                _ => Content::Nothing,
            };
            let (spelling, path) = plain(&entry.path);
            self.entries.push(Entry {
                path: path.to_vec(),
                spelling,
                kind: entry.kind,
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                mtime: entry.mtime,
                size: entry.size,
                xattrs: entry.xattrs,
                facts: Some(Box::new(facts)),
                content,
            });
        }
        Ok(())
    }

    /// Whether the entries were read from a folder, which has no order and no headers.
    pub(crate) fn is_folder(&self) -> bool {
        self.archive.is_none()
    }

    /// The content of an entry without reading anything, if that is possible.
    pub(crate) fn content(&self, index: usize) -> io::Result<Option<Blob>> {
        let entry = &self.entries[index];
        Ok(match (&entry.content, &self.archive) {
            (Content::At(at), Some(archive)) => Some(archive.part(*at, entry.size)?),
            (Content::File(path), _) => Some(Blob::Path {
                path: Arc::clone(path),
                size: entry.size,
            }),
            (Content::Nothing, _) => Some(Blob::of(Vec::new())),
            _ => None,
        })
    }

    /// The contents of some entries. Those of a stream are read in one more pass over it into a
    /// file without a name. Entries that the limit does not let through are `None`.
    pub(crate) fn contents(
        &self,
        indices: &[usize],
        bounds: &Bounds,
    ) -> io::Result<BTreeMap<usize, Blob>> {
        let mut contents = BTreeMap::new();
        let mut streamed = Vec::new();
        for &index in indices {
            match self.content(index)? {
                Some(blob) => {
                    contents.insert(index, blob);
                }
                None => streamed.push(index),
            }
        }
        streamed.sort_unstable();
        streamed.dedup();
        let (Some(&last), Some(archive)) = (streamed.last(), &self.archive) else {
            return Ok(contents);
        };
        let mut spool = Spool::new()?;
        if self.compression == Compression::None {
            extract(
                Archive::open_file(archive.reader()?),
                last,
                &streamed,
                &mut spool,
                &mut contents,
            )?;
        } else {
            let archive = Archive::new(stream(archive, bounds)?);
            extract(archive, last, &streamed, &mut spool, &mut contents)?;
        }
        Ok(contents)
    }
}

fn extract<R: Read>(
    archive: Archive<R>,
    last: usize,
    wanted: &[usize],
    spool: &mut Spool,
    contents: &mut BTreeMap<usize, Blob>,
) -> io::Result<()> {
    let mut archive = archive.limit_holes(MAX_HOLES).accept_missing_end();
    let mut index = 0;
    while let Some(mut entry) = archive.next_entry()? {
        if wanted.binary_search(&index).is_ok() {
            contents.insert(index, spool.take(&mut entry)?);
        }
        if index == last {
            break;
        }
        index += 1;
    }
    Ok(())
}

/// Whether the bytes begin a tar archive: 512 bytes with the right checksum.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<512>() else {
        return false;
    };
    if block[0] == 0 {
        return false;
    }
    let mut stored = 0u32;
    let digits = block[148..156]
        .iter()
        .skip_while(|&&b| b == b' ')
        .take_while(|b| b.is_ascii_digit());
    for digit in digits {
        stored = stored.wrapping_mul(8).wrapping_add(u32::from(digit - b'0'));
    }
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    let field: u32 = block[148..156].iter().map(|&b| u32::from(b)).sum();
    stored == sum - field + 8 * u32::from(b' ')
}

/// The path as entries are called, and how it was spelled.
pub(crate) fn plain(mut path: &[u8]) -> (Spelling, &[u8]) {
    let mut spelling = Spelling::Plain;
    loop {
        match path {
            [b'/', rest @ ..] => (spelling, path) = (Spelling::Absolute, rest),
            [b'.', b'/', rest @ ..] => {
                if spelling == Spelling::Plain {
                    spelling = Spelling::Dot;
                }
                path = rest;
            }
            [rest @ .., b'/'] => path = rest,
            b"" | b"." => return (spelling, b"."),
            _ => return (spelling, path),
        }
    }
}
