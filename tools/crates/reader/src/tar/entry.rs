//! What an archive holds.

use std::collections::BTreeMap;
use std::io::Read;

use super::Archive;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file; its content can be read from the entry.
    File,
    /// Another name for the file at `target`, a path in the same archive.
    HardLink {
        /// The path as stored.
        target: Vec<u8>,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to, as stored.
        target: Vec<u8>,
    },
    /// A directory.
    Directory,
    /// A character device.
    CharDevice {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// One entry; it is also the reader of its content.
///
/// What is not read of the content is passed over when the next entry is asked for.
#[derive(Debug)]
pub struct Entry<'a, R> {
    /// The path, byte for byte as stored: nothing was resolved, cut off or checked,
    /// except that it is not empty and holds no zero byte.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions with set-user, set-group and sticky bits: the low twelve bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Seconds since 1970; a fraction is dropped towards the past.
    pub mtime: i64,
    /// The bytes of the content, the holes of a sparse file included; 0 for all but files.
    pub size: u64,
    /// Extended attributes by their full name (`user.comment`).
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Where the first header that belongs to the entry begins in the archive.
    pub offset: u64,
    /// All of its headers byte for byte: long names and extended headers with their data, the
    /// maps of sparse files aside. Empty unless [`Archive::keep_headers`] asks for them.
    pub headers: Vec<u8>,
    pub(super) archive: &'a mut Archive<R>,
}

impl<R: Read> Entry<'_, R> {
    /// Where the content lies in the archive, if it lies there in one piece.
    ///
    /// Counted in the uncompressed archive, from its first byte. Whoever has that archive
    /// as a file can read the content again later, `size` bytes from there. `None` for
    /// files with holes and for all that is no file; ask before reading.
    pub fn content_offset(&self) -> Option<u64> {
        let content = &self.archive.content;
        let whole = content.holes.is_none() && content.stored == self.size;
        (self.kind == Kind::File && whole).then(|| self.archive.input.offset())
    }
}
