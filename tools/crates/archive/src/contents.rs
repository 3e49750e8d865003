//! All entries, complete and in order, of which layers are selections.

use std::sync::Arc;

use verbatim_scrub::Done;

use crate::content::Files;
use crate::entry::{Entry, Kind};
use crate::layer::Layer;

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
    /// Whether it is a directory.
    pub is_directory: bool,
    /// The position of the entry that has the content: another one for all names of a file but
    /// the first. Names of one file in two layers cost its content twice.
    pub file: usize,
    /// Where it comes from; of equal entries of several sources, that of one of them.
    pub origin: &'a Origin,
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
        Listed {
            path: &entry.path,
            size,
            is_directory: matches!(entry.kind, Kind::Directory),
            file,
            origin: &self.origins[entry.origin as usize],
        }
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
