//! Normalise files where they are: set what a build writes at random to what it would always write.
//!
//! [`normalize_files`] takes many files and works on several at once; the reports come in
//! the order of the files. A file that needs no change is not written; one that does is
//! written beside, synced, and renamed into place with the permissions, owner and times
//! that it had.

mod calendar;
mod replace;
mod source;

use std::cell::Cell;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use verbatim_foreign::printable_path;

use crate::handlers;

pub(crate) use calendar::{parse as parse_date, Moment};
use replace::{Folders, Synced, Written};
pub(crate) use source::Source;
pub(crate) use verbatim_formats::Flaw;

/// What to set, and whether to write at all.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The time to set, in seconds since 1970. A format that cannot hold it gets the nearest time that it can.
    pub mtime: i64,
    /// Leave times that are earlier than `mtime` as they are.
    pub clamp: bool,
    /// Report what would change, and write nothing.
    pub check: bool,
    /// How many files to work on at once; by default as many as there are processors.
    pub threads: Option<NonZeroUsize>,
}

/// What was done to one file, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The file, as it was named.
    pub path: PathBuf,
    /// The handler that knows this kind of file; none means that nobody does, and the file stays.
    pub handler: Option<&'static str>,
    /// What changed, one short phrase each; empty if the file was normal already.
    pub changes: Vec<String>,
    /// What was left alone although it could vary, and why.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether the file was changed, or would be.
    pub fn changed(&self) -> bool {
        !self.changes.is_empty()
    }
}

/// A file could not be normalised; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", printable_path(.path))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Not a file.
    #[error("{} is {what}; name the files in it that are to be normalised", printable_path(.path))]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The file contradicts its own format.
    #[error("{} is not a valid {handler} file at offset {offset}: {what}; leave it out if it is meant to be broken", printable_path(.path))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The format that it claims to be.
        handler: &'static str,
        /// Where the contradiction stands.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

/// A stretch of the normalised file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes of the file as it is.
    Copy(std::ops::Range<u64>),
    /// Other bytes.
    Bytes(Vec<u8>),
}

/// What a handler wants to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pieces: Vec<Piece>,
    pub(crate) changes: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Plan {
    /// The next bytes of the file, as they are.
    pub(crate) fn copy(&mut self, range: std::ops::Range<u64>) {
        if range.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Copy(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Copy(range)),
        }
    }

    /// Other bytes.
    pub(crate) fn bytes(&mut self, bytes: impl Into<Vec<u8>>) {
        let mut bytes = bytes.into();
        match self.pieces.last_mut() {
            Some(Piece::Bytes(last)) => last.append(&mut bytes),
            _ => self.pieces.push(Piece::Bytes(bytes)),
        }
    }

    /// Name a change, once.
    pub(crate) fn change(&mut self, what: impl AsRef<str> + Into<String>) {
        if !self.changes.iter().any(|known| known == what.as_ref()) {
            self.changes.push(what.into());
        }
    }

    /// Say what was left alone, once.
    pub(crate) fn note(&mut self, what: impl AsRef<str> + Into<String>) {
        if !self.notes.iter().any(|known| known == what.as_ref()) {
            self.notes.push(what.into());
        }
    }

    /// The whole result, for content that is in memory anyway.
    pub(crate) fn assemble(&self, original: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(original.len());
        for piece in &self.pieces {
            match piece {
                Piece::Copy(range) => {
                    out.extend_from_slice(&original[range.start as usize..range.end as usize]);
                }
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
            }
        }
        out
    }
}

/// What handlers may know: the time to set, and how deep they are.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) mtime: i64,
    pub(crate) clamp: bool,
    /// How many archives are around this file.
    pub(crate) depth: u32,
    /// How many more bytes may be decompressed to look into them, in all archives together.
    budget: Rc<Cell<u64>>,
}

impl Context {
    fn new(options: &Options, length: u64) -> Self {
        // Honest archives are far below; bombs would cost hours.
        const FLOOR: u64 = 256 << 20;
        const PER_BYTE: u64 = 16;
        Self {
            mtime: options.mtime,
            clamp: options.clamp,
            depth: 0,
            budget: Rc::new(Cell::new(
                FLOOR.saturating_add(length.saturating_mul(PER_BYTE)),
            )),
        }
    }

    /// The same inside of an archive.
    pub(crate) fn inner(&self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self.clone()
        }
    }

    /// Whether so many bytes may still be decompressed; then they count.
    pub(crate) fn spend(&self, bytes: u64) -> bool {
        let left = self.budget.get().checked_sub(bytes);
        left.map(|left| self.budget.set(left)).is_some()
    }

    /// The time to write where `original` stands.
    pub(crate) fn time(&self, original: i64) -> i64 {
        if self.clamp {
            original.min(self.mtime)
        } else {
            self.mtime
        }
    }

    /// The time to write where a date in text stands; a text that is no date is never earlier.
    pub(crate) fn time_of_text(&self, original: &[u8]) -> i64 {
        self.time(parse_date(original).unwrap_or(i64::MAX))
    }

    /// The same in an unsigned 32-bit field.
    pub(crate) fn time32(&self, original: u32) -> u32 {
        self.time(original.into()).clamp(0, u32::MAX.into()) as u32
    }
}

/// How many bytes at the start of a file its kind is told by.
const HEAD: usize = 1024;

/// The handler that knows a file by its name and first bytes.
pub(crate) fn handler_for(name: &[u8], head: &[u8]) -> Option<&'static dyn handlers::Handler> {
    let name = name.to_ascii_lowercase();
    let head = &head[..head.len().min(HEAD)];
    handlers::ALL
        .iter()
        .copied()
        .find(|handler| handler.accepts(&name, head))
}

/// Normalise content that is in memory, as the file of this name would be.
///
/// The answer is the new content, or none if it is normal already. This is the
/// entry for tests and for files inside of archives; nothing is read or written.
pub fn normalize_bytes(
    name: &str,
    data: &[u8],
    options: &Options,
) -> Result<(Report, Option<Vec<u8>>), Error> {
    let mut report = Report {
        path: name.into(),
        ..Report::default()
    };
    let Some(handler) = handler_for(name.as_bytes(), data) else {
        return Ok((report, None));
    };
    let context = Context::new(options, data.len() as u64);
    let plan = handler
        .normalize(&Source::memory(data), &context)
        .map_err(|flaw| flawed(flaw, Path::new(name), handler.name()))?;
    let content = (!plan.changes.is_empty()).then(|| plan.assemble(data));
    report.handler = Some(handler.name());
    report.changes = plan.changes;
    report.notes = plan.notes;
    Ok((report, content))
}

fn flawed(flaw: Flaw, path: &Path, handler: &'static str) -> Error {
    match flaw {
        Flaw::Malformed { offset, what } => Error::Malformed {
            path: path.to_owned(),
            handler,
            offset,
            what: what.into_owned(),
        },
        Flaw::Io(source) => Error::Io {
            doing: "read",
            path: path.to_owned(),
            source,
        },
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |source| Error::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// One file as it goes through: reported, and perhaps written beside.
struct Prepared {
    report: Report,
    written: Option<Written>,
    linked: Option<Linked>,
}

/// A file with several names, of which this is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Linked {
    device: u64,
    inode: u64,
    names: u64,
    path: PathBuf,
}

impl Linked {
    fn of(path: &Path, metadata: &std::fs::Metadata) -> Result<Option<Self>, Error> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if metadata.nlink() > 1 {
                return Ok(Some(Self {
                    device: metadata.dev(),
                    inode: metadata.ino(),
                    names: metadata.nlink(),
                    path: replace::real(path)?,
                }));
            }
        }
        let _ = (path, metadata);
        Ok(None)
    }
}

/// Find out what a file needs, and write it beside itself.
fn prepare(path: &Path, options: &Options, buffer: &mut Vec<u8>) -> Result<Prepared, Error> {
    let mut report = Report {
        path: path.to_owned(),
        ..Report::default()
    };
    // Before it is opened: opening a pipe waits until somebody writes into it.
    let metadata = std::fs::metadata(path).map_err(failed("open", path))?;
    if !metadata.is_file() {
        return Err(Error::NotAFile {
            path: path.to_owned(),
            what: if metadata.is_dir() {
                "a folder"
            } else {
                "neither a file nor a folder"
            },
        });
    }
    let file = File::open(path).map_err(failed("open", path))?;
    let metadata = file.metadata().map_err(failed("read", path))?;
    let source = Source::open(&file, metadata.len(), buffer).map_err(failed("read", path))?;
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let head = source
        .read(0..source.len().min(HEAD as u64))
        .map_err(failed("read", path))?;
    let Some(handler) = handler_for(name, &head) else {
        return Ok(Prepared {
            report,
            written: None,
            linked: None,
        });
    };
    report.handler = Some(handler.name());
    let context = Context::new(options, source.len());
    let plan = handler
        .normalize(&source, &context)
        .map_err(|flaw| flawed(flaw, path, handler.name()))?;
    let written = if plan.changes.is_empty() || options.check {
        None
    } else {
        Some(Written::beside(path, &metadata, &source, &plan.pieces)?)
    };
    let linked = if plan.changes.is_empty() {
        None
    } else {
        Linked::of(path, &metadata)?
    };
    report.changes = plan.changes;
    report.notes = plan.notes;
    Ok(Prepared {
        report,
        written,
        linked,
    })
}

/// Normalise one file where it is.
pub fn normalize_in_place(path: impl AsRef<Path>, options: &Options) -> Result<Report, Error> {
    let path = path.as_ref();
    normalize_files(&[path], options).swap_remove(0)
}

/// So many files are open at once, in all threads together.
const OPEN: usize = 512;

/// So many threads share a processor when files are written.
const WAITING: usize = 4;

/// So many files are written beside theirs before the first is synced: a journaling file
/// system then commits them together, which is most of the time that syncing takes.
const TOGETHER: usize = 64;

/// The answers for some files that follow each other, with the first one's number.
type Answers = (usize, Vec<Result<Report, Error>>);

/// A name of a file that has several: it waits until all of them are known.
type Waiting = (Linked, usize, Option<Synced>);

/// Normalise many files where they are, several at once.
///
/// The answers come in the order of the paths, whatever the number of threads. A file
/// that fails does not stop the others. Names of one file (hard links) remain names of
/// one file, if all of them are among the paths; a note says so if not.
pub fn normalize_files<P: AsRef<Path> + Sync>(
    paths: &[P],
    options: &Options,
) -> Vec<Result<Report, Error>> {
    let threads = options
        .threads
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    // Syncing is waiting, and a journaling file system commits together what several threads
    // wait for.
    let threads = match options.check || threads == 1 {
        true => threads,
        false => threads.saturating_mul(WAITING).min(OPEN),
    };
    let threads = threads
        // A thread costs as much as a few files.
        .min(paths.len().div_ceil(4))
        .max(1);
    // Few at a time, so that the threads end together; never more than may be open.
    let take = (paths.len() / (threads * 4)).clamp(1, TOGETHER.min((OPEN / threads).max(1)));
    let next = AtomicUsize::new(0);
    let done: Mutex<(Vec<Answers>, Vec<Waiting>)> = Mutex::default();
    let work = || {
        let mut folders = Folders::default();
        // One for all files: fresh memory for each would cost more than reading it.
        let mut buffer = Vec::new();
        loop {
            let start = next.fetch_add(take, Ordering::Relaxed);
            if start >= paths.len() {
                break;
            }
            let end = paths.len().min(start + take);
            let batch: Vec<_> = paths[start..end]
                .iter()
                .map(|path| prepare(path.as_ref(), options, &mut buffer))
                .collect();
            let mut waiting = Vec::new();
            let batch: Vec<_> = batch
                .into_iter()
                .enumerate()
                .map(|(at, prepared)| {
                    let prepared = prepared?;
                    let synced = prepared.written.map(Written::sync).transpose()?;
                    if let Some(linked) = prepared.linked {
                        waiting.push((linked, start + at, synced));
                    } else if let Some(synced) = synced {
                        synced.put_in_place(&mut folders)?;
                    }
                    Ok(prepared.report)
                })
                .collect();
            let mut done = done.lock().unwrap_or_else(|e| e.into_inner());
            done.0.push((start, batch));
            done.1.append(&mut waiting);
        }
        folders.sync();
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let (mut answers, mut waiting) = done.into_inner().unwrap_or_else(|e| e.into_inner());
    answers.sort_by_key(|(start, _)| *start);
    let mut answers: Vec<_> = answers.into_iter().flat_map(|(_, batch)| batch).collect();
    waiting.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let mut folders = Folders::default();
    let one_file = |a: &Waiting, b: &Waiting| (a.0.device, a.0.inode) == (b.0.device, b.0.inode);
    for group in waiting.chunk_by_mut(one_file) {
        put_together(group, &mut answers, &mut folders);
    }
    folders.sync();
    answers
}

/// Put the names of one file in place, so that they are names of one file again.
fn put_together(
    group: &mut [Waiting],
    answers: &mut [Result<Report, Error>],
    folders: &mut Folders,
) {
    let mut paths: Vec<_> = group
        .iter()
        .map(|(linked, ..)| linked.path.clone())
        .collect();
    paths.dedup();
    let others = group[0].0.names.saturating_sub(paths.len() as u64);
    let mut first: Option<PathBuf> = None;
    for (_, index, synced) in group {
        if others > 0 {
            if let Ok(report) = &mut answers[*index] {
                report.notes.push(match others {
                    1 => "another name of this file was not given and keeps the old content"
                        .to_owned(),
                    _ => format!(
                        "{others} other names of this file were not given and keep the old content"
                    ),
                });
            }
        }
        let Some(synced) = synced.take() else {
            continue;
        };
        let placed = match &first {
            None => synced.put_in_place(folders).map(|path| first = Some(path)),
            Some(first) => synced.link_in_place(first, folders),
        };
        if let Err(error) = placed {
            answers[*index] = Err(error);
        }
    }
}
