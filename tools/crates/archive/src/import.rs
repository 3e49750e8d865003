//! Entries out of tar archives of any kind.
//!
//! The layer is sorted and the archive need not be, so contents have to be found again. A
//! plain archive in a file is read a second time at the right places; whatever has to be
//! decompressed first goes into a temporary file without a name, beside the output. Neither
//! takes memory, however big the archive is.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use verbatim_digest::{Digest, HashingReader};
use verbatim_foreign::{printable_bytes, printable_path};
use verbatim_reader::{Archive, Compression};

use crate::entry::{Attributes, Content, Entry, Kind, Weight};
use crate::header::BLOCK;
use crate::path::of_archive;
use crate::replaced::{Lists, Order};
use crate::rules::{Fate, Filter};
use crate::{whiteout, Error, Mtime};

/// What becomes of devices and named pipes in archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Devices {
    /// They are an error: hardly any image needs them, and creating them takes privileges.
    #[default]
    Reject,
    /// They pass.
    Keep,
}

/// How the entries of an archive come into the layer.
#[derive(Debug, Clone, Default)]
pub struct ArchiveOptions {
    /// Which of them, and under which names.
    pub filter: Filter,
    /// Devices and named pipes.
    pub devices: Devices,
    /// An owner and a group for all of them, instead of their own.
    pub owner: Option<(u64, u64)>,
    /// Permissions for all files, instead of their own.
    pub file_mode: Option<u32>,
    /// Permissions for all directories, instead of their own.
    pub dir_mode: Option<u32>,
    /// A time for all of them, instead of the layer's.
    pub mtime: Option<Mtime>,
    /// What the archive must be, as it is stored. Then it may end without closing blocks.
    pub digest: Option<Digest>,
}

/// Contents that were decompressed, one after the other in a file without a name.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    end: u64,
    buffer: Vec<u8>,
}

impl Spool {
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(folder).map_err(|source| Error::Write {
            what: format!("a temporary file in {}", printable_path(folder)),
            source,
        })?;
        Ok(Self {
            file,
            end: 0,
            buffer: vec![0; 256 << 10],
        })
    }

    /// A handle to read it with.
    pub(crate) fn reader(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(spool_error)
    }

    /// Append `size` bytes of a content, and say where they begin.
    fn append(&mut self, mut content: impl Read, size: u64) -> Result<u64, Failure> {
        let begin = self.end;
        let mut left = size;
        while left > 0 {
            let want =
                usize::try_from(left).map_or(self.buffer.len(), |left| left.min(self.buffer.len()));
            let piece = &mut self.buffer[..want];
            content.read_exact(piece).map_err(Failure::Read)?;
            // What is not written reads as zeros: holes stay holes on the disk.
            if piece.iter().any(|&b| b != 0) {
                self.file
                    .write_all_at(piece, self.end)
                    .map_err(Failure::Write)?;
            }
            self.end += want as u64;
            left -= want as u64;
        }
        self.file.set_len(self.end).map_err(Failure::Write)?;
        Ok(begin)
    }
}

enum Failure {
    Read(io::Error),
    Write(io::Error),
}

fn spool_error(source: io::Error) -> Error {
    Error::Write {
        what: "a temporary file beside the output".to_owned(),
        source,
    }
}

/// An archive that is open.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) input: Input,
}

pub(crate) enum Input {
    /// Contents can be read again where they are.
    Seekable(File),
    /// Contents must be kept.
    Stream(Box<dyn Read>),
}

impl Source {
    /// Open an archive; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Ok(Self {
                path: "standard input".into(),
                input: Input::Stream(Box::new(io::stdin())),
            });
        }
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Error::Unsupported {
                path: printable_path(path).into_owned(),
                origin: "the command line".to_owned(),
                what: "a directory and no archive",
                fix: "name a tar archive, or use `verbatim layer` for directories",
            });
        }
        let mut magic = [0; 16];
        let plain = metadata.is_file()
            && file
                .read_at(&mut magic, 0)
                .map(|n| Compression::of_magic(&magic[..n]) == Compression::None)
                .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            input: if plain {
                Input::Seekable(file)
            } else {
                Input::Stream(Box::new(file))
            },
        })
    }
}

/// Where the entries go.
pub(crate) struct Sink<'a> {
    pub(crate) entries: &'a mut Vec<Entry>,
    /// Files that are left out: hard links may still point to them.
    pub(crate) hidden: &'a mut Vec<Entry>,
    pub(crate) spool: &'a mut Option<Spool>,
    /// Number of the spool and of the archive among the files that slices refer to.
    pub(crate) spool_number: u32,
    pub(crate) file_number: u32,
    pub(crate) scratch: &'a Path,
    pub(crate) origin: u32,
    pub(crate) origin_name: &'a str,
    pub(crate) mtime: Mtime,
}

impl Sink<'_> {
    fn lists(&mut self) -> Lists<'_> {
        Lists {
            shown: self.entries,
            hidden: self.hidden,
        }
    }
}

/// Read all entries of an archive.
pub(crate) fn read(
    source: &mut Source,
    options: &ArchiveOptions,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    match &mut source.input {
        Input::Seekable(file) => {
            let again = file.try_clone().map_err(|e| Error::Read {
                path: source.path.clone(),
                source: e,
            })?;
            read_from(&source.path, file, Some(&again), options, sink)
        }
        Input::Stream(stream) => read_from(&source.path, stream, None, options, sink),
    }
}

fn read_from(
    path: &Path,
    stream: impl Read,
    again: Option<&File>,
    options: &ArchiveOptions,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    let Some(digest) = options.digest else {
        return read_entries(path, Archive::open(stream), again, options, sink);
    };
    let mut hashed = HashingReader::new(stream);
    let archive = Archive::open(&mut hashed).accept_missing_end();
    let read = read_entries(path, archive, again, options, sink);
    hashed.drain().map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let (found, _, _) = hashed.finish();
    if found != digest {
        // Whatever is wrong with the entries, this is why.
        return Err(Error::Digest {
            path: path.to_owned(),
            found,
            digest,
        });
    }
    read
}

fn read_entries<R: Read>(
    path: &Path,
    mut archive: Archive<R>,
    again: Option<&File>,
    options: &ArchiveOptions,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    let failed = |source| Error::Archive {
        path: path.to_owned(),
        source,
    };
    let filter = &options.filter;
    let mtime = options.mtime.unwrap_or(sink.mtime);
    let mut order = Order::new(&sink.lists());
    while let Some(mut entry) = archive.next_entry().map_err(failed)? {
        // The root itself is not an entry: every layer has the same one.
        let Some(name) = of_archive(&entry.path, sink.origin_name)? else {
            continue;
        };
        let (name, weight, hidden) = match filter.apply(&name) {
            Fate::Keep(name) => (name, Weight::Archived, false),
            Fate::KeepAsParent(name) if entry.kind == verbatim_reader::Kind::Directory => {
                (name, Weight::Parent, false)
            }
            _ => match entry.kind {
                verbatim_reader::Kind::File | verbatim_reader::Kind::HardLink { .. } => {
                    (name, Weight::Archived, true)
                }
                _ => continue,
            },
        };
        let mut attributes = Attributes {
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: mtime.of(entry.mtime),
            xattrs: None,
        };
        if let Some((uid, gid)) = options.owner {
            (attributes.uid, attributes.gid) = (uid, gid);
        }
        if !entry.xattrs.is_empty() {
            attributes.xattrs = Some(Box::new(std::mem::take(&mut entry.xattrs)));
        }
        let unsupported = |what| Error::Unsupported {
            path: printable_bytes(&name).into_owned(),
            origin: sink.origin_name.to_owned(),
            what,
            fix: "keep it with --devices=keep, or leave it out with --exclude",
        };
        let kind = match std::mem::replace(&mut entry.kind, verbatim_reader::Kind::File) {
            verbatim_reader::Kind::File => {
                if let Some(mode) = options.file_mode {
                    attributes.mode = mode;
                }
                let size = entry.size;
                let again = again.and_then(|file| plain_content(file, entry.offset));
                let content = if size == 0 {
                    Content::Bytes(Box::default())
                } else if let Some(offset) = again {
                    Content::Slice {
                        file: sink.file_number,
                        offset,
                    }
                } else {
                    let spool = match sink.spool {
                        Some(spool) => spool,
                        None => sink.spool.insert(Spool::create(sink.scratch)?),
                    };
                    let begin = spool.append(&mut entry, size);
                    Content::Slice {
                        file: sink.spool_number,
                        offset: begin.map_err(|failure| match failure {
                            Failure::Write(e) => spool_error(e),
                            Failure::Read(e) => match e.downcast() {
                                Ok(e) => failed(e),
                                Err(source) => Error::Read {
                                    path: path.to_owned(),
                                    source,
                                },
                            },
                        })?,
                    }
                };
                Kind::File { size, content }
            }
            verbatim_reader::Kind::Directory => {
                if let Some(mode) = options.dir_mode {
                    attributes.mode = mode;
                }
                Kind::Directory
            }
            verbatim_reader::Kind::Symlink { target } => Kind::Symlink(target.into()),
            verbatim_reader::Kind::HardLink { target } => {
                let Some(target) = of_archive(&target, sink.origin_name)? else {
                    return Err(Error::HardLink {
                        path: printable_bytes(&name).into_owned(),
                        origin: sink.origin_name.to_owned(),
                        target: "the root".to_owned(),
                        problem: "which is no file; the archive is hostile or broken",
                    });
                };
                // Where it is a file of a lower layer, these are its permissions.
                if let Some(mode) = options.file_mode {
                    attributes.mode = mode;
                }
                match filter.apply(&target) {
                    Fate::Keep(name) => Kind::Link(name.into()),
                    Fate::KeepAsParent(name) => Kind::LinkToHidden {
                        target: target.into(),
                        name: Some(name.into()),
                    },
                    Fate::Drop => Kind::LinkToHidden {
                        name: filter.name(&target).map(Into::into),
                        target: target.into(),
                    },
                }
            }
            _ if options.devices == Devices::Reject && !whiteout::is_at(&name) => {
                return Err(unsupported("a device or a named pipe"))
            }
            verbatim_reader::Kind::CharDevice { major, minor } => Kind::CharDevice { major, minor },
            verbatim_reader::Kind::BlockDevice { major, minor } => {
                Kind::BlockDevice { major, minor }
            }
            verbatim_reader::Kind::Fifo => Kind::Fifo,
        };
        let entry = Entry {
            kind: whiteout::kind_at(&name, kind, sink.origin_name)?,
            path: name.into(),
            attributes,
            origin: sink.origin,
            weight,
        };
        order.push(entry, hidden, &mut sink.lists());
    }
    order.finish(&mut sink.lists());
    Ok(())
}

/// Where the content of the entry whose headers begin at `offset` lies in a plain archive,
/// if it lies there in one piece.
///
/// The reader has taken the entry apart already and found it sound; this only counts how
/// many blocks its headers take. Whatever is not one of the usual forms is `None`.
fn plain_content(file: &File, offset: u64) -> Option<u64> {
    const LIMIT: u64 = 1 << 20;
    let mut at = offset;
    // One system call for nearly every entry: a header alone, or PAX records of one block before it.
    let mut start = [0; 3 * BLOCK];
    let mut known = offset..offset;
    while at < offset + LIMIT {
        if at + BLOCK as u64 > known.end {
            let n = read_up_to(file, &mut start, at).ok()?;
            known = at..at + n as u64;
        }
        let from = usize::try_from(at - known.start).ok()?;
        let header = start.get(from..from + BLOCK)?;
        let size = || -> Option<u64> {
            let text = std::str::from_utf8(&header[124..136]).ok()?;
            u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
        };
        match header[156] {
            b'0' | 0 | b'7' => return Some(at + BLOCK as u64),
            kind @ (b'x' | b'L' | b'K') => {
                let size = size().filter(|&size| size <= LIMIT)?;
                if kind == b'x' {
                    let mut records = vec![0; usize::try_from(size).ok()?];
                    file.read_exact_at(&mut records, at + BLOCK as u64).ok()?;
                    if records.windows(11).any(|w| w == b"GNU.sparse.") {
                        return None;
                    }
                }
                at += BLOCK as u64 + size.next_multiple_of(BLOCK as u64);
            }
            _ => return None,
        }
    }
    None
}

fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}
