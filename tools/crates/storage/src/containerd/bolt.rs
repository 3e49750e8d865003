//! The databases of containerd, read while it may write to them.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use verbatim_formats::bbolt::{Bucket, Database, Entry, Value};
use verbatim_formats::{Flaw, ReadAt};
use verbatim_oci::{Error, ErrorKind, Result};

use crate::folder::Folder;

/// The largest database that is read: all of it may be in memory.
const MAX_DATABASE: u64 = 256 << 20;

/// How often a database is read that is written to meanwhile.
const TRIES: usize = 5;

/// A file as it was when it was opened.
struct Opened {
    file: File,
    size: u64,
}

impl ReadAt for Opened {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        if range.end > self.size || range.start > range.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }
}

/// A database that is read.
pub(super) struct Reading<'a>(Database<'a, dyn ReadAt + 'a>);

impl Reading<'_> {
    /// What is in a bucket.
    pub(super) fn fields(&mut self, bucket: Bucket) -> Result<Fields, Flaw> {
        self.0.entries(bucket).map(Fields)
    }
}

/// What is in a bucket, by key.
pub(super) struct Fields(Vec<Entry>);

impl Fields {
    /// The bucket of this key.
    pub(super) fn bucket(&mut self, key: &str) -> Option<Bucket> {
        let at = self.find(key)?;
        match self.0.swap_remove(at).value {
            Value::Bucket(bucket) => Some(bucket),
            Value::Bytes(_) => None,
        }
    }

    /// The value of this key, as text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        String::from_utf8(self.bytes(key)?.to_vec()).ok()
    }

    /// The value of this key.
    pub(super) fn bytes(&self, key: &str) -> Option<&[u8]> {
        match &self.0[self.find(key)?].value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Bucket(_) => None,
        }
    }

    /// All buckets whose keys are text.
    pub(super) fn buckets(self) -> impl Iterator<Item = (String, Bucket)> {
        self.0.into_iter().filter_map(|entry| match entry.value {
            Value::Bucket(bucket) => Some((String::from_utf8(entry.key).ok()?, bucket)),
            Value::Bytes(_) => None,
        })
    }

    fn find(&self, key: &str) -> Option<usize> {
        self.0.iter().position(|entry| entry.key == key.as_bytes())
    }
}

/// Read a database. What is read belongs to one transaction: pages of it are not overwritten before the next one is
/// whole, and then all is read once more.
pub(super) fn read<T>(
    folder: &Folder,
    name: &str,
    read: impl Fn(&mut Reading<'_>, Bucket) -> Result<T, Flaw>,
) -> Result<T> {
    let place = folder.name(name);
    let malformed = |flaw: Flaw| match flaw {
        Flaw::Io(e) => Error::io(&place, "cannot be read", e),
        flaw => Error::new(
            ErrorKind::Malformed,
            &place,
            format!("is no database of containerd: {flaw}"),
        ),
    };
    for _ in 0..TRIES {
        let (file, size) = folder.file(name)?;
        if size > MAX_DATABASE {
            return Err(Error::new(
                ErrorKind::Limit,
                place,
                format!("is larger than {MAX_DATABASE} bytes, the limit for a database"),
            ));
        }
        let opened = Opened { file, size };
        let file: &dyn ReadAt = &opened;
        let (database, root) = Database::open(file).map_err(malformed)?;
        let transaction = database.transaction();
        let result = read(&mut Reading(database), root);
        let (now, _) = Database::open(file).map_err(malformed)?;
        if now.transaction() == transaction {
            return result.map_err(malformed);
        }
    }
    Err(Error::new(
        ErrorKind::Unknowable,
        place,
        "was written to each time that it was read; try again",
    ))
}
