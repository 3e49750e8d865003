//! A tree as whoever is in it sees it: links above a path are followed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::ops::Range;

use verbatim_formats::ReadAt;
use verbatim_packages::Aliases;

use crate::tree::{Node, Tree, What};
use crate::{Error, Result};

/// A longer path is none, and no link leads there (`PATH_MAX`).
const LONGEST: usize = 4096;
/// All that is read of databases and metadata: a link could name a large file many times.
const ALLOWANCE: u64 = 4 << 30;

/// A tree and its links.
pub(crate) struct Root<'a> {
    tree: &'a dyn Tree,
    aliases: Aliases,
    /// Where folders really are.
    folders: RefCell<HashMap<Vec<u8>, Option<Vec<u8>>>>,
    /// Bytes that may still be read.
    left: Cell<u64>,
}

impl<'a> Root<'a> {
    pub(crate) fn new(tree: &'a dyn Tree) -> Self {
        let mut aliases = Aliases::default();
        for at in 0..tree.len() {
            let node = tree.node(at);
            if let What::Symlink(target) = node.what {
                if node.path.len().max(target.len()) > LONGEST {
                    continue;
                }
                aliases.add(node.path.to_vec(), target);
            }
        }
        Self {
            tree,
            aliases,
            folders: RefCell::default(),
            left: Cell::new(ALLOWANCE),
        }
    }

    /// All nodes with their positions.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (usize, Node<'a>)> + 'a {
        let tree = self.tree;
        (0..tree.len()).map(move |at| (at, tree.node(at)))
    }

    /// The nodes whose paths begin with `prefix`.
    pub(crate) fn starting_with(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = (usize, Node<'a>)> + 'a {
        let (mut from, mut to) = (0, self.tree.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.tree.node(middle).path < prefix {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        let (tree, prefix) = (self.tree, prefix.to_vec());
        (from..tree.len())
            .map(move |at| (at, tree.node(at)))
            .take_while(move |(_, node)| node.path.starts_with(&prefix))
    }

    /// Where a path that somebody wrote really is: without dots, behind the links of its folders.
    /// The path itself is not followed.
    pub(crate) fn place(&self, path: &[u8]) -> Vec<u8> {
        let path = clean(path);
        let slash = path.iter().rposition(|&b| b == b'/');
        let Some(slash) = slash.filter(|_| path.len() <= LONGEST) else {
            return path;
        };
        let (folder, name) = (&path[..slash], &path[slash..]);
        let mut folders = self.folders.borrow_mut();
        let real = match folders.get(folder) {
            Some(real) => real,
            None => {
                let real = self.aliases.real(folder);
                folders.entry(folder.to_vec()).or_insert(real)
            }
        };
        match real {
            Some(real) if real.is_empty() => name[1..].to_vec(),
            Some(real) => [real, name].concat(),
            // Links go round in a circle: there is nothing at the path.
            None => path,
        }
    }

    /// The same, where the path itself is followed if it is a link.
    pub(crate) fn real(&self, path: &[u8]) -> Vec<u8> {
        let path = clean(path);
        if path.len() > LONGEST {
            return path;
        }
        self.aliases.real(&path).unwrap_or(path)
    }

    /// What is at a real path.
    pub(crate) fn at(&self, path: &[u8]) -> Option<Node<'a>> {
        Some(self.tree.node(self.tree.find(path)?))
    }

    /// The content of a file, links followed: `None` if there is none, and a reason inside if there is
    /// one that is not read.
    pub(crate) fn bytes(&self, path: &[u8], limit: u64) -> Result<Option<Result<Vec<u8>, String>>> {
        let Some(at) = self.tree.find(&self.real(path)) else {
            return Ok(None);
        };
        self.content(at, limit)
    }

    /// The content of the file at a position.
    pub(crate) fn content(&self, at: usize, limit: u64) -> Result<Option<Result<Vec<u8>, String>>> {
        let Some((at, size)) = self.file(at) else {
            return Ok(None);
        };
        if size > limit {
            let why = format!("it has {size} bytes, and {limit} are the most that is read");
            return Ok(Some(Err(why)));
        }
        match self.left.get().checked_sub(size) {
            Some(left) => self.left.set(left),
            None => {
                return Ok(Some(Err(format!(
                    "more than {ALLOWANCE} bytes would be read"
                ))))
            }
        }
        let mut bytes = vec![0; size as usize];
        self.tree
            .read(at, 0, &mut bytes)
            .map_err(|e| Error::new(self.tree.node(at).path, e))?;
        Ok(Some(Ok(bytes)))
    }

    /// The file that a position is a name of, and its size.
    pub(crate) fn file(&self, at: usize) -> Option<(usize, u64)> {
        let at = match self.tree.node(at).what {
            What::Name(file) => file,
            _ => at,
        };
        match self.tree.node(at).what {
            What::File(size) => Some((at, size)),
            _ => None,
        }
    }

    /// Any part of the file at a position.
    pub(crate) fn parts(&self, at: usize) -> Option<Parts<'a>> {
        let (at, size) = self.file(at)?;
        Some(Parts {
            tree: self.tree,
            at,
            size,
        })
    }
}

/// A file of a tree of which parts are read.
pub(crate) struct Parts<'a> {
    tree: &'a dyn Tree,
    at: usize,
    size: u64,
}

impl ReadAt for Parts<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, range: Range<u64>) -> io::Result<std::borrow::Cow<'_, [u8]>> {
        if range.start > range.end || range.end > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.tree.read(self.at, range.start, &mut bytes)?;
        Ok(bytes.into())
    }
}

/// A path without dots and slashes that say nothing; `..` at the root stays there.
fn clean(path: &[u8]) -> Vec<u8> {
    let odd = |part: &[u8]| matches!(part, b"" | b"." | b"..");
    if !path.split(|&b| b == b'/').any(odd) {
        return path.to_vec();
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// The folder of a path and the name in it; the folder of what lies in the root is empty.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}
