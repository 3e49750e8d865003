//! What a layer consists of.

use std::collections::BTreeMap;
use std::path::Path;

/// Extended attributes by their full name, `user.comment` for example.
pub type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What is said about a file apart from its name and content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Permissions with set-user, set-group and sticky bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Boxed, because hardly any file has some and there may be very many files.
    pub xattrs: Option<Box<Xattrs>>,
}

/// Where the bytes of a file are until they are needed.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// In memory.
    Bytes(Box<[u8]>),
    /// In a file of its own.
    File(Box<Path>),
    /// In a tree: below root number `root`, at the entry's path without its first `skip` bytes.
    Below { root: u32, skip: u32 },
    /// A stretch of an open archive or of the temporary file that belongs to it.
    Slice { file: u32, offset: u64 },
}

/// What an entry is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    File {
        size: u64,
        content: Content,
    },
    /// A hard link by the path of its target. Once targets are looked up, only those are left
    /// that lead to a file of a lower layer.
    Link(Box<[u8]>),
    /// The same, where the target was left out by a filter. There are none once targets are
    /// looked up.
    LinkToHidden {
        /// The path in the archive.
        target: Box<[u8]>,
        /// The path that it would have had in the layer, if parts that are stripped leave one.
        name: Option<Box<[u8]>>,
    },
    /// Another name for the file at this position of the sorted list.
    HardLink(u32),
    /// Something of a lower layer is removed: an empty file, whatever its source was.
    Whiteout,
    Symlink(Box<[u8]>),
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
}

impl Kind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Link(_) | Self::LinkToHidden { .. } | Self::HardLink(_) => "hard link",
            Self::Whiteout => "white-out",
            Self::Symlink(_) => "symlink",
            Self::Directory => "directory",
            Self::CharDevice { .. } => "character device",
            Self::BlockDevice { .. } => "block device",
            Self::Fifo => "named pipe",
        }
    }
}

/// How firmly an entry was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A directory that only exists because something lies in it: any other gives way to none.
    Implied,
    /// A directory that only stays if something in it stays.
    Parent,
    /// Out of an archive, where a later entry replaces an earlier one.
    Archived,
    /// Asked for by name.
    Asked,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: Box<[u8]>,
    pub(crate) kind: Kind,
    pub(crate) attributes: Attributes,
    /// Index into the list of origins.
    pub(crate) origin: u32,
    pub(crate) weight: Weight,
}
