//! Many files at once: what each needs is written beside it, synced together and renamed into place.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::replace::{self, Folders, Synced, Written};
use super::{failed, flawed, handler_for, Context, Error, Options, Report, Source, HEAD};

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
    fn of(path: &Path, is_link: bool, metadata: &std::fs::Metadata) -> Result<Option<Self>, Error> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if metadata.nlink() > 1 {
                return Ok(Some(Self {
                    device: metadata.dev(),
                    inode: metadata.ino(),
                    names: metadata.nlink(),
                    path: replace::place(path, is_link)?,
                }));
            }
        }
        let _ = (path, is_link, metadata);
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
    let named = std::fs::symlink_metadata(path).map_err(failed("open", path))?;
    let is_link = named.is_symlink();
    let metadata = match is_link {
        true => std::fs::metadata(path).map_err(failed("open", path))?,
        false => named,
    };
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
        let place = replace::place(path, is_link)?;
        Some(Written::beside(place, &metadata, &source, &plan.pieces)?)
    };
    let linked = if plan.changes.is_empty() {
        None
    } else {
        Linked::of(path, is_link, &metadata)?
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

/// So long a file is synced where the disk is waited for; in memory it takes a hundredth of that.
const SLOW: Duration = Duration::from_micros(500);

/// What threads work on together.
struct Crew<'a, P> {
    paths: &'a [P],
    options: &'a Options,
    /// How many files are taken at a time.
    take: usize,
    /// The first file that nobody took.
    next: AtomicUsize,
    /// How many threads there are, and may be.
    threads: AtomicUsize,
    most: usize,
    done: Mutex<(Vec<Answers>, Vec<Waiting>)>,
}

impl<P: AsRef<Path> + Sync> Crew<'_, P> {
    fn work<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        let mut folders = Folders::default();
        // One for all files: fresh memory for each would cost more than reading it.
        let mut buffer = Vec::new();
        loop {
            let start = self.next.fetch_add(self.take, Ordering::Relaxed);
            if start >= self.paths.len() {
                break;
            }
            let end = self.paths.len().min(start + self.take);
            let batch: Vec<_> = self.paths[start..end]
                .iter()
                .map(|path| prepare(path.as_ref(), self.options, &mut buffer))
                .collect();
            let mut waiting = Vec::new();
            let batch: Vec<_> = batch
                .into_iter()
                .enumerate()
                .map(|(at, prepared)| {
                    let prepared = prepared?;
                    let synced = prepared.written.map(|written| self.sync(written, scope));
                    let synced = synced.transpose()?;
                    if let Some(linked) = prepared.linked {
                        waiting.push((linked, start + at, synced));
                    } else if let Some(synced) = synced {
                        synced.put_in_place(&mut folders)?;
                    }
                    Ok(prepared.report)
                })
                .collect();
            let mut done = self.done.lock().unwrap_or_else(|e| e.into_inner());
            done.0.push((start, batch));
            done.1.append(&mut waiting);
        }
        folders.sync();
    }

    /// Sync a file. Where that is waiting, others can work meanwhile; where it is not, more threads than
    /// processors would only need more memory.
    fn sync<'scope>(
        &'scope self,
        written: Written,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<Synced, Error> {
        if self.threads.load(Ordering::Relaxed) >= self.most {
            return written.sync();
        }
        let begun = Instant::now();
        let synced = written.sync();
        if begun.elapsed() > SLOW {
            while self.threads.fetch_add(1, Ordering::Relaxed) < self.most {
                scope.spawn(|| self.work(scope));
            }
        }
        synced
    }
}

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
    let most = match options.check || threads == 1 {
        true => threads,
        false => threads.saturating_mul(WAITING).min(OPEN),
    };
    // A thread costs as much as a few files.
    let most = most.min(paths.len().div_ceil(4)).max(1);
    let threads = threads.min(most);
    let crew = Crew {
        paths,
        options,
        // Few at a time, so that the threads end together; never more than may be open.
        take: (paths.len() / (most * 4)).clamp(1, TOGETHER.min((OPEN / most).max(1))),
        next: AtomicUsize::new(0),
        threads: AtomicUsize::new(threads),
        most,
        done: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| crew.work(scope));
        }
        crew.work(scope);
    });
    let (mut answers, mut waiting) = crew.done.into_inner().unwrap_or_else(|e| e.into_inner());
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
