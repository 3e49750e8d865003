//! A layer: contents, or a part of them, as they stand in one tar stream.

use std::collections::HashMap;
use std::sync::Arc;

use verbatim_scrub::Done;

use crate::contents::Contents;
use crate::entry::{Attributes, Content, Entry, Kind};

/// A selection of [`Contents`] that can be written.
#[derive(Debug)]
pub struct Layer {
    pub(crate) contents: Arc<Contents>,
    /// The positions of its entries, in order; `None` for all of them.
    picked: Option<Vec<u32>>,
    /// Of each file whose first name is not in the layer, and others are: the first that is.
    heirs: HashMap<u32, u32>,
}

/// An entry as it stands in one layer.
pub(crate) struct Placed<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) attributes: &'a Attributes,
    pub(crate) body: Body<'a>,
}

/// What an entry is in one layer.
pub(crate) enum Body<'a> {
    File {
        size: u64,
        content: &'a Content,
        /// The path of the entry that says where the content is.
        at: &'a [u8],
    },
    /// Another name for the file of this layer that has this path.
    HardLink(&'a [u8]),
    /// Another name for what has this path in a lower layer.
    LinkBelow(&'a [u8]),
    Symlink(&'a [u8]),
    Directory,
    CharDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Fifo,
    Whiteout,
}

impl Layer {
    pub(crate) fn of_all(contents: Arc<Contents>) -> Self {
        Self {
            contents,
            picked: None,
            heirs: HashMap::new(),
        }
    }

    /// `picked` are positions in order.
    pub(crate) fn of(contents: Arc<Contents>, picked: Vec<u32>) -> Self {
        let mut heirs = HashMap::new();
        for &at in &picked {
            if let Kind::HardLink(first) = contents.entries[at as usize].kind {
                if picked.binary_search(&first).is_err() {
                    heirs.entry(first).or_insert(at);
                }
            }
        }
        Self {
            contents,
            picked: Some(picked),
            heirs,
        }
    }

    /// What the rules for root file systems did, in the order of the paths.
    pub fn scrubbed(&self) -> &[Done] {
        self.contents.scrubbed()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match &self.picked {
            Some(picked) => picked.len(),
            None => self.contents.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at this position of the layer.
    pub(crate) fn placed(&self, number: usize) -> Placed<'_> {
        let at = match &self.picked {
            Some(picked) => picked[number],
            None => number as u32,
        };
        let entry = self.entry(at);
        let Kind::HardLink(first) = entry.kind else {
            return Placed {
                path: &entry.path,
                attributes: &entry.attributes,
                body: Body::of(entry),
            };
        };
        // All names of a file share its attributes.
        let file = self.entry(first);
        let body = match self.heirs.get(&first) {
            None => Body::HardLink(&file.path),
            Some(&heir) if heir == at => Body::of(file),
            Some(&heir) => Body::HardLink(&self.entry(heir).path),
        };
        Placed {
            path: &entry.path,
            attributes: &file.attributes,
            body,
        }
    }

    fn entry(&self, at: u32) -> &Entry {
        &self.contents.entries[at as usize]
    }
}

#[cfg(test)]
impl<'a> Placed<'a> {
    /// An entry that is no second name of another one.
    pub(crate) fn alone(entry: &'a Entry) -> Self {
        Self {
            path: &entry.path,
            attributes: &entry.attributes,
            body: Body::of(entry),
        }
    }
}

impl<'a> Body<'a> {
    /// For all but second names of files, which a layer has to say more about.
    fn of(entry: &'a Entry) -> Self {
        match &entry.kind {
            Kind::File { size, content } => Self::File {
                size: *size,
                content,
                at: &entry.path,
            },
            Kind::Link(target) | Kind::LinkToHidden { target, .. } => Self::LinkBelow(target),
            Kind::HardLink(_) => unreachable!("the first name of a file is no hard link"),
            Kind::Symlink(target) => Self::Symlink(target),
            Kind::Directory => Self::Directory,
            &Kind::CharDevice { major, minor } => Self::CharDevice { major, minor },
            &Kind::BlockDevice { major, minor } => Self::BlockDevice { major, minor },
            Kind::Fifo => Self::Fifo,
            Kind::Whiteout => Self::Whiteout,
        }
    }

    /// The bytes of the content.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            _ => 0,
        }
    }
}
