//! Normalise files where they are: set what a build writes at random to what it would always write.
//!
//! [`normalize_files`] takes many files and works on several at once; the reports come in
//! the order of the files. A file that needs no change is not written; one that does is
//! written beside, synced, and renamed into place with the permissions, owner and times
//! that it had.

mod calendar;
mod files;
mod plan;
mod replace;
mod source;

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use verbatim_foreign::printable_path;

use crate::handlers;

pub(crate) use calendar::{parse as parse_date, Moment};
pub use files::{normalize_files, normalize_in_place};
pub(crate) use plan::{Piece, Plan};
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
