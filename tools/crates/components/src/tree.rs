//! Trees of files, in whatever form they stand.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use verbatim_archive::Contents;

/// What a node of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'a> {
    /// A regular file of so many bytes.
    File(u64),
    /// Another name for the file at this position.
    Name(usize),
    /// A symlink to this target.
    Symlink(&'a [u8]),
    /// A directory.
    Directory,
    /// A device, a pipe, a white-out.
    Other,
}

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node<'a> {
    /// From the root on, without a slash in front or at its end.
    pub path: &'a [u8],
    /// What it is.
    pub what: What<'a>,
    /// Whether somebody may run it.
    pub is_executable: bool,
    /// To what it belongs, as far as whoever made the tree said so.
    pub component: Option<&'a str>,
}

/// A tree of files: nodes in the byte order of their paths, each path once, without the root.
pub trait Tree {
    /// How many nodes there are.
    fn len(&self) -> usize;

    /// The node at a position below [`Tree::len`].
    fn node(&self, at: usize) -> Node<'_>;

    /// Fill `buffer` with the content of the regular file at this position, from `offset` on. What
    /// does not lie in the file is an error.
    fn read(&self, at: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Whether there are no nodes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of a path.
    fn find(&self, path: &[u8]) -> Option<usize> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.node(middle).path.cmp(path) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }
}

impl Tree for Contents {
    fn len(&self) -> usize {
        Contents::len(self)
    }

    fn node(&self, at: usize) -> Node<'_> {
        let Some(listed) = self.get(at) else {
            unreachable!("positions are below the length");
        };
        let what = match listed.what {
            verbatim_archive::What::File if listed.file == at => What::File(listed.size),
            verbatim_archive::What::File => What::Name(listed.file),
            verbatim_archive::What::Symlink(target) => What::Symlink(target),
            verbatim_archive::What::Directory => What::Directory,
            _ => What::Other,
        };
        Node {
            path: listed.path,
            what,
            is_executable: listed.mode & 0o111 != 0,
            component: listed.origin.component.as_deref(),
        }
    }

    fn read(&self, at: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        Contents::read(self, at, offset, buffer).map_err(io::Error::other)
    }
}

/// A folder of a disk. It is listed once; links in it are not followed.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    nodes: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    path: Vec<u8>,
    kind: Kind,
    is_executable: bool,
}

#[derive(Debug)]
enum Kind {
    File(u64),
    Name(usize),
    Symlink(Vec<u8>),
    Directory,
    Other,
}

impl Folder {
    /// A tree that has nothing in it but one file, which is taken for a program.
    pub fn of_program(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let name = path.file_name().filter(|_| metadata.is_file());
        let name = name.ok_or_else(|| io::Error::other("it is no regular file"))?;
        Ok(Self {
            root: path.parent().unwrap_or(Path::new("")).to_owned(),
            nodes: vec![Listed {
                path: name.as_bytes().to_vec(),
                kind: Kind::File(metadata.len()),
                is_executable: true,
            }],
        })
    }

    /// List a folder.
    pub fn list(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let mut nodes = Vec::new();
        let mut names = Vec::new();
        let mut open = vec![PathBuf::new()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(root.join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                let metadata = entry.metadata()?;
                let kind = match metadata.file_type() {
                    kind if kind.is_dir() => {
                        open.push(path.clone());
                        Kind::Directory
                    }
                    kind if kind.is_symlink() => {
                        let target = fs::read_link(entry.path())?;
                        Kind::Symlink(target.into_os_string().into_vec())
                    }
                    kind if kind.is_file() => {
                        if metadata.nlink() > 1 {
                            let file = (metadata.dev(), metadata.ino());
                            names.push((path.as_os_str().as_bytes().to_vec(), file));
                        }
                        Kind::File(metadata.len())
                    }
                    _ => Kind::Other,
                };
                nodes.push(Listed {
                    path: path.into_os_string().into_vec(),
                    kind,
                    is_executable: metadata.mode() & 0o111 != 0,
                });
            }
        }
        nodes.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let mut folder = Self { root, nodes };
        names.sort_unstable();
        let mut first: HashMap<(u64, u64), usize> = HashMap::new();
        for (path, file) in names {
            let Some(at) = folder.find(&path) else {
                continue;
            };
            let to = *first.entry(file).or_insert(at);
            if to != at {
                folder.nodes[at].kind = Kind::Name(to);
            }
        }
        Ok(folder)
    }
}

impl Tree for Folder {
    fn len(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, at: usize) -> Node<'_> {
        let listed = &self.nodes[at];
        Node {
            path: &listed.path,
            what: match &listed.kind {
                Kind::File(size) => What::File(*size),
                Kind::Name(at) => What::Name(*at),
                Kind::Symlink(target) => What::Symlink(target),
                Kind::Directory => What::Directory,
                Kind::Other => What::Other,
            },
            is_executable: listed.is_executable,
            component: None,
        }
    }

    fn read(&self, at: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let path = Path::new(std::ffi::OsStr::from_bytes(&self.nodes[at].path));
        let file = File::open(self.root.join(path))?;
        file.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_in_the_order_of_paths() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/y"), "content").unwrap();
        fs::write(root.join("a.b"), "").unwrap();
        fs::hard_link(root.join("a/y"), root.join("a/x")).unwrap();
        std::os::unix::fs::symlink("a/y", root.join("z")).unwrap();
        let folder = Folder::list(root).unwrap();
        let nodes: Vec<_> = (0..folder.len())
            .map(|at| (folder.node(at).path, folder.node(at).what))
            .collect();
        assert_eq!(
            nodes,
            [
                (&b"a"[..], What::Directory),
                (b"a.b", What::File(0)),
                (b"a/x", What::File(7)),
                (b"a/y", What::Name(2)),
                (b"z", What::Symlink(b"a/y")),
            ]
        );
        let mut buffer = [0; 4];
        folder.read(2, 3, &mut buffer).unwrap();
        assert_eq!(&buffer, b"tent");
        assert!(folder.read(2, 4, &mut buffer).is_err());
        assert_eq!(folder.find(b"a/y"), Some(3));
        assert_eq!(folder.find(b"a/"), None);
    }
}
