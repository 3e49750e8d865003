//! The tree that is left when all layers were applied.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use verbatim_digest::Digest;
use verbatim_document::Result;
use verbatim_oci::layout::Blobs;

use crate::image::Image;
use crate::layer::Whole;
use crate::stack::Stack;
use crate::{links, Limits};

/// Where a content lies.
#[derive(Debug, Clone)]
pub struct Place {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    /// The layer in whose archive it lies; none for what does not lie there in one piece.
    pub(crate) layer: Option<usize>,
    /// How many bytes.
    pub size: u64,
}

impl Place {
    /// A reader of the content.
    pub fn reader(&self) -> impl Read {
        Whole {
            file: Arc::clone(&self.file),
            at: self.offset,
            end: self.offset + self.size,
        }
    }

    /// The content, if it has at most `limit` bytes.
    pub fn bytes(&self, limit: u64) -> io::Result<Option<Vec<u8>>> {
        if self.size > limit {
            return Ok(None);
        }
        let mut data = Vec::with_capacity(self.size as usize);
        self.reader().read_to_end(&mut data)?;
        Ok(Some(data))
    }

    /// Fill `buffer` with the content from `offset` on. What does not lie in it is an error.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(buffer, self.offset + offset)
    }

    /// Whether both are one content: names of one file.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    fn key(&self) -> (usize, u64) {
        (Arc::as_ptr(&self.file) as usize, self.offset)
    }

    /// The digest of the content.
    pub fn digest(&self) -> io::Result<Digest> {
        Ok(verbatim_digest::of_reader(self.reader())?.0)
    }
}

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Node {
    /// A directory.
    Directory,
    /// A file, or another name of one.
    File(Place),
    /// A symlink with its target.
    Symlink(Vec<u8>),
    /// A device or a pipe.
    Special,
}

/// What is at a path, with its attributes.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it is.
    pub node: Node,
    /// Permissions: the low twelve bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// The layer that it comes from, counted from 0 at the bottom.
    pub layer: usize,
}

/// What a layer did to a path.
#[derive(Debug, Clone)]
pub enum What {
    /// It brought something to a path where nothing was. Of a file, where its content lies.
    Added(Option<Place>),
    /// It brought something in place of what was there.
    Replaced(Option<Place>),
    /// It took away what was there: a white-out of it, or of what it was in, at this path.
    Removed(Vec<u8>),
    /// It put something at this path, which what was there was below.
    Covered(Vec<u8>),
}

/// What a layer did to a path.
#[derive(Debug, Clone)]
pub struct Event {
    /// The layer, counted from 0 at the bottom.
    pub layer: usize,
    /// What it did.
    pub what: What,
}

/// The files of an image, as its containers see them.
#[derive(Debug)]
pub struct RootFs {
    /// The image.
    pub image: Image,
    /// In the byte order of their paths.
    files: Vec<(Vec<u8>, Found)>,
    /// Of files with several names, the position of the first one by that of each other.
    names: HashMap<usize, usize>,
    events: BTreeMap<Vec<u8>, Vec<Event>>,
}

impl RootFs {
    /// Read all layers of an image.
    ///
    /// # Errors
    /// A layer is not there, is not what its digest, size or diff_id says, or is no archive; a
    /// limit is reached.
    pub fn read(blobs: &dyn Blobs, image: Image, limits: &Limits) -> Result<Self> {
        let mut stack = Stack::default();
        stack.read(blobs, &image, limits)?;
        let Stack { files, events } = stack;
        let files: Vec<_> = files.into_iter().collect();
        let mut first = HashMap::new();
        let mut names = HashMap::new();
        for (at, (_, found)) in files.iter().enumerate() {
            if let Node::File(place) = &found.node {
                let to = *first.entry(place.key()).or_insert(at);
                if to != at {
                    names.insert(at, to);
                }
            }
        }
        Ok(Self {
            image,
            files,
            names,
            events,
        })
    }

    /// How many paths there are, without the root itself.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All paths in their byte order, with what is there. The root itself is left out.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Found)> {
        self.files.iter().map(|(path, found)| (&path[..], found))
    }

    /// What is at a path, which is relative and has no link on its way.
    pub fn get(&self, path: &[u8]) -> Option<&Found> {
        Some(&self.files[self.position(path)?].1)
    }

    /// The place of a path among all of them.
    pub fn position(&self, path: &[u8]) -> Option<usize> {
        let order = |(own, _): &(Vec<u8>, Found)| own[..].cmp(path);
        self.files.binary_search_by(order).ok()
    }

    /// The path at a position below [`RootFs::len`], and what is there.
    pub fn at(&self, position: usize) -> (&[u8], &Found) {
        let (path, found) = &self.files[position];
        (path, found)
    }

    /// Whether a content here and one of another image lie at the same place of the same archive,
    /// so that they need not be read to be known as equal.
    pub fn has_same_place(&self, own: &Place, other: &Self, theirs: &Place) -> bool {
        let diff_id = |tree: &Self, layer: usize| tree.image.layers[layer].diff_id;
        match (own.layer, theirs.layer) {
            (Some(a), Some(b)) => {
                diff_id(self, a) == diff_id(other, b)
                    && (own.offset, own.size) == (theirs.offset, theirs.size)
            }
            _ => false,
        }
    }

    /// The position of the first name of a file, for each other name of it.
    pub fn first_name(&self, position: usize) -> Option<usize> {
        self.names.get(&position).copied()
    }

    /// Where a path leads to, with the links in front of its last part followed.
    pub fn real_parents(&self, path: &[u8]) -> Vec<u8> {
        links::parents(|path| self.get(path), path)
    }

    /// Where a path leads to, with all links followed; nothing where they go round in circles.
    pub fn real_path(&self, path: &[u8]) -> Option<Vec<u8>> {
        links::whole(|path| self.get(path), path)
    }

    /// What the layers did to a path, bottom first.
    pub fn events(&self, path: &[u8]) -> &[Event] {
        self.events.get(path).map_or(&[], Vec::as_slice)
    }
}
