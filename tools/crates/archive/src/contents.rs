//! All entries, complete and in order, of which layers are selections.

use std::sync::Arc;

use verbatim_foreign::printable_bytes;
use verbatim_scrub::Done;

use crate::content::Files;
use crate::entry::{Entry, Kind, Xattrs};
use crate::layer::Layer;
use crate::Error;

/// Where entries come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its name in messages.
    pub name: String,
    /// To what it belongs, a package for example.
    pub component: Option<Arc<str>>,
}

/// Entries that are sorted and checked: every path once, every parent a directory, the targets
/// of hard links looked up.
///
/// They are collected once, whatever is made of them: one [`Layer`] of all, or several of which
/// each has a part.
#[derive(Debug)]
pub struct Contents {
    pub(crate) entries: Vec<Entry>,
    pub(crate) files: Files,
    pub(crate) origins: Vec<Origin>,
    pub(crate) scrubbed: Vec<Done>,
}

/// One entry, as far as it matters for the question in which layer it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its path: relative, without a slash at the end.
    pub path: &'a [u8],
    /// The bytes of its content. All names of a file but the first have none, and all that is
    /// no file.
    pub size: u64,
    /// What it is.
    pub what: What<'a>,
    /// Permissions with set-user, set-group and sticky bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes, where it has some.
    pub xattrs: Option<&'a Xattrs>,
    /// The position of the entry that has the content: another one for all names of a file but
    /// the first. Names of one file in two layers cost its content twice.
    pub file: usize,
    /// Where it comes from; of equal entries of several sources, that of one of them.
    pub origin: &'a Origin,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'a> {
    /// A regular file, or another name of one.
    File,
    /// Another name for what has this path in a lower layer.
    LinkBelow(&'a [u8]),
    /// A symlink to this target.
    Symlink(&'a [u8]),
    /// A directory.
    Directory,
    /// Something of a lower layer is removed.
    Whiteout,
    /// A device, by its numbers, or a named pipe.
    Special(Option<(u32, u32)>),
}

impl Contents {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the rules for root file systems did, in the order of the paths.
    pub fn scrubbed(&self) -> &[Done] {
        &self.scrubbed
    }

    /// The entries in the byte order of their paths.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Listed<'_>> {
        self.entries
            .iter()
            .enumerate()
            .map(|(at, entry)| self.listed(at, entry))
    }

    fn listed<'a>(&'a self, at: usize, entry: &'a Entry) -> Listed<'a> {
        let (size, file) = match entry.kind {
            Kind::File { size, .. } => (size, at),
            Kind::HardLink(first) => (0, first as usize),
            _ => (0, at),
        };
        let what = match &entry.kind {
            Kind::File { .. } | Kind::HardLink(_) => What::File,
            Kind::Link(target) | Kind::LinkToHidden { target, .. } => What::LinkBelow(target),
            Kind::Symlink(target) => What::Symlink(target),
            Kind::Directory => What::Directory,
            Kind::Whiteout => What::Whiteout,
            &Kind::CharDevice { major, minor } | &Kind::BlockDevice { major, minor } => {
                What::Special(Some((major, minor)))
            }
            Kind::Fifo => What::Special(None),
        };
        // All names of a file share its attributes.
        let attributes = &self.entries[file].attributes;
        Listed {
            path: &entry.path,
            size,
            what,
            mode: attributes.mode,
            uid: attributes.uid,
            gid: attributes.gid,
            mtime: attributes.mtime,
            xattrs: attributes.xattrs.as_deref(),
            file,
            origin: &self.origins[entry.origin as usize],
        }
    }

    /// The entry at this position.
    pub fn get(&self, at: usize) -> Option<Listed<'_>> {
        Some(self.listed(at, self.entries.get(at)?))
    }

    /// Fill `buffer` with the content of the file at this position, from `offset` on. What does not
    /// lie in the file is an error, and so is a position that has no content of its own.
    pub fn read(&self, at: usize, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let entry = self.entries.get(at);
        let (entry, size, content) = match entry.map(|entry| (entry, &entry.kind)) {
            Some((entry, Kind::File { size, content })) => (entry, *size, content),
            _ => {
                return Err(Error::Invalid(format!(
                    "the entry number {at} has no content of its own"
                )))
            }
        };
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > size) {
            return Err(Error::Invalid(format!(
                "{} has {size} bytes, and more were to be read",
                printable_bytes(&entry.path)
            )));
        }
        self.files
            .read(&entry.path, content, size, offset, buffer, 0)
    }

    /// The layer of all entries for which `keep` is true, by position and by what they are.
    ///
    /// Directories do not come along by themselves: each layer should name those whose
    /// attributes matter, as the one that is unpacked last sets them.
    pub fn select(self: &Arc<Self>, mut keep: impl FnMut(usize, &Listed<'_>) -> bool) -> Layer {
        let picked = self
            .iter()
            .enumerate()
            .filter(|(at, listed)| keep(*at, listed))
            .map(|(at, _)| at as u32)
            .collect();
        Layer::of(Arc::clone(self), picked)
    }
}
