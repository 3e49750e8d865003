//! One file, as a disk has it or as a layer wants it.

use std::collections::BTreeMap;

/// Extended attributes by their full name.
pub(crate) type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file of so many bytes.
    File {
        /// How many.
        size: u64,
    },
    Directory,
    Symlink(Vec<u8>),
    CharDevice(u32, u32),
    BlockDevice(u32, u32),
    Fifo,
    /// Of a disk alone.
    Socket,
    /// What a lower layer has under this name is gone.
    Whiteout,
}

impl Kind {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::File { .. } => "a file",
            Self::Directory => "a folder",
            Self::Symlink(_) => "a symlink",
            Self::CharDevice(..) => "a character device",
            Self::BlockDevice(..) => "a block device",
            Self::Fifo => "a named pipe",
            Self::Socket => "a socket",
            Self::Whiteout => "a white-out",
        }
    }
}

/// What a header says, and a disk keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// The low twelve bits.
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Whole seconds.
    pub(crate) mtime: i64,
    /// Without those that engines set for themselves.
    pub(crate) xattrs: Xattrs,
    /// Of a folder: all that lower layers have in it is gone.
    pub(crate) opaque: bool,
}

impl Node {
    /// A folder that an engine makes by itself: no entry of an archive tells of it.
    pub(crate) fn folder_of_engine(mode: u32) -> Self {
        Self {
            kind: Kind::Directory,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            xattrs: Xattrs::new(),
            opaque: false,
        }
    }
}

/// The parts of a path in an archive that mean something; `None` where it leaves the root.
pub(crate) fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let mut clean = Vec::with_capacity(path.len());
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return None,
            part => {
                if !clean.is_empty() {
                    clean.push(b'/');
                }
                clean.extend_from_slice(part);
            }
        }
    }
    Some(clean)
}

/// The folder that holds a path; the root is empty, and has none.
pub(crate) fn parent(path: &[u8]) -> Option<&[u8]> {
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => Some(&path[..at]),
        None if path.is_empty() => None,
        None => Some(b""),
    }
}

/// The last part of a path.
pub(crate) fn last(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => &path[at + 1..],
        None => path,
    }
}

/// `name` in the folder `path`.
pub(crate) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return name.to_vec();
    }
    [path, b"/", name].concat()
}
