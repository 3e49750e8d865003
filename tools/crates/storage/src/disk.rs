//! All that is in an unpacked folder, without following a link.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use verbatim_oci::{Error, ErrorKind, Result};

use crate::folder::{self, Folder};
use crate::node::{join, last, parent, Kind, Node, Xattrs};

/// More files than any image has.
const MAX_FILES: usize = 20_000_000;

/// The largest list of extended attributes, and the largest value of one, as Linux has them.
const MAX_XATTR: usize = 64 << 10;

/// A file with what only a disk says of it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) node: Node,
    /// The same for all names of one file.
    pub(crate) inode: (u64, u64),
    /// How many names the file has.
    pub(crate) links: u64,
    /// Whether its time is whole seconds: what an archive without fractions sets always is.
    pub(crate) whole: bool,
}

/// An unpacked folder.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    /// By path; the root itself is empty.
    pub(crate) files: BTreeMap<Vec<u8>, Found>,
    /// Room for extended attributes, once for all files.
    room: Vec<u8>,
}

/// How white-outs look on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whiteouts {
    /// A difference to lower folders: as overlayfs and its kin have it.
    Overlay,
    /// The same, as the kernel alone has it: a file whose name begins with `.wh.` is one.
    Kernel,
    /// A whole tree, where what is gone is gone.
    None,
}

impl Disk {
    /// Look at all that is in a folder.
    pub(crate) fn read(root: &Folder, whiteouts: Whiteouts) -> Result<Self> {
        let mut disk = Self {
            root: root.path().to_owned(),
            files: BTreeMap::new(),
            room: vec![0; MAX_XATTR],
        };
        disk.add(Vec::new(), whiteouts)?;
        let mut waiting = vec![Vec::new()];
        while let Some(path) = waiting.pop() {
            let place = disk.place(&path);
            let unreadable = |e| Error::io(place.display(), "cannot be listed", e);
            for entry in std::fs::read_dir(&place).map_err(unreadable)? {
                let name = entry.map_err(unreadable)?.file_name();
                let child = join(&path, name.as_bytes());
                if disk.add(child.clone(), whiteouts)? {
                    waiting.push(child);
                }
            }
        }
        if whiteouts == Whiteouts::Overlay {
            disk.read_whiteout_files();
        }
        Ok(disk)
    }

    /// Open a file that was found to be a regular one.
    pub(crate) fn open(&self, path: &[u8]) -> io::Result<(std::fs::File, u64)> {
        folder::open(&self.place(path))
    }

    pub(crate) fn place(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() {
            return self.root.clone();
        }
        self.root.join(OsStr::from_bytes(path))
    }

    /// Whether it is a folder.
    fn add(&mut self, path: Vec<u8>, whiteouts: Whiteouts) -> Result<bool> {
        if self.files.len() >= MAX_FILES {
            return Err(Error::new(
                ErrorKind::Limit,
                self.root.display(),
                format!("holds more than {MAX_FILES} files, the limit for an image"),
            ));
        }
        let place = self.place(&path);
        let unreadable = |e| Error::io(place.display(), "cannot be looked at", e);
        let metadata = place.symlink_metadata().map_err(unreadable)?;
        let mut kind = kind(&place, &metadata).map_err(unreadable)?;
        if whiteouts != Whiteouts::None && kind == Kind::CharDevice(0, 0) {
            kind = Kind::Whiteout;
        }
        let is_directory = kind == Kind::Directory;
        let mut xattrs = match kind {
            Kind::File { .. } | Kind::Directory | Kind::Symlink(_) => {
                xattrs(&place, &mut self.room).map_err(unreadable)?
            }
            _ => Xattrs::new(),
        };
        let opaque = whiteouts != Whiteouts::None && take_opaque(&mut xattrs);
        xattrs.retain(|name, _| !is_of_engine(name, whiteouts));
        let found = Found {
            node: Node {
                kind,
                mode: metadata.mode() & 0o7777,
                uid: metadata.uid().into(),
                gid: metadata.gid().into(),
                mtime: metadata.mtime(),
                xattrs,
                opaque,
            },
            inode: (metadata.dev(), metadata.ino()),
            links: metadata.nlink(),
            whole: metadata.mtime_nsec() == 0,
        };
        self.files.insert(path, found);
        Ok(is_directory)
    }

    /// Engines that cannot make devices write white-outs as the files that they are in archives.
    fn read_whiteout_files(&mut self) {
        let marks: Vec<_> = self
            .files
            .iter()
            .filter(|(path, found)| {
                last(path).starts_with(b".wh.") && found.node.kind == Kind::File { size: 0 }
            })
            .map(|(path, _)| path.clone())
            .collect();
        for path in marks {
            let folder = parent(&path).unwrap_or_default();
            let name = last(&path).strip_prefix(b".wh.").unwrap_or_default();
            if name == b".wh..opq" {
                self.files.remove(&path);
                if let Some(folder) = self.files.get_mut(folder) {
                    folder.node.opaque = true;
                }
                continue;
            }
            let removed = join(folder, name);
            if name.is_empty() || name.starts_with(b".wh.") || self.files.contains_key(&removed) {
                continue;
            }
            if let Some(mut found) = self.files.remove(&path) {
                found.node.kind = Kind::Whiteout;
                self.files.insert(removed, found);
            }
        }
    }
}

fn kind(place: &Path, metadata: &Metadata) -> io::Result<Kind> {
    let kind = metadata.file_type();
    let numbers = || {
        let device = metadata.rdev();
        (rustix::fs::major(device), rustix::fs::minor(device))
    };
    Ok(if kind.is_file() {
        Kind::File {
            size: metadata.len(),
        }
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        let target = std::fs::read_link(place)?;
        Kind::Symlink(target.into_os_string().into_encoded_bytes())
    } else if kind.is_char_device() {
        let (major, minor) = numbers();
        Kind::CharDevice(major, minor)
    } else if kind.is_block_device() {
        let (major, minor) = numbers();
        Kind::BlockDevice(major, minor)
    } else if kind.is_fifo() {
        Kind::Fifo
    } else {
        Kind::Socket
    })
}

/// The extended attributes of a file, and not of what a link leads to.
fn xattrs(place: &Path, buffer: &mut [u8]) -> io::Result<Xattrs> {
    let length = match rustix::fs::llistxattr(place, &mut *buffer) {
        Ok(length) => length,
        // A file system that has none.
        Err(rustix::io::Errno::NOTSUP) => 0,
        Err(e) => return Err(e.into()),
    };
    let mut xattrs = Xattrs::new();
    if length == 0 {
        return Ok(xattrs);
    }
    let names: Vec<_> = buffer[..length]
        .split(|&b| b == 0)
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    for name in names {
        let length = rustix::fs::lgetxattr(place, OsStr::from_bytes(&name), &mut *buffer)?;
        xattrs.insert(name, buffer[..length].to_vec());
    }
    Ok(xattrs)
}

/// The namespaces in which overlay file systems keep what is theirs.
const OVERLAY: [&[u8]; 3] = [
    b"trusted.overlay.",
    b"user.overlay.",
    b"user.fuseoverlayfs.",
];

fn take_opaque(xattrs: &mut Xattrs) -> bool {
    let mut opaque = false;
    for space in OVERLAY {
        let name = [space, b"opaque"].concat();
        if xattrs.get(&name).is_some_and(|value| value == b"y") {
            xattrs.remove(&name);
            opaque = true;
        }
    }
    opaque
}

/// Attributes that change nothing of what a container sees: labels of the machine, and what overlayfs
/// notes for itself. Those by which it shows another file (`redirect`, `metacopy`) are not among them.
fn is_of_engine(name: &[u8], whiteouts: Whiteouts) -> bool {
    if name == b"security.selinux" {
        return true;
    }
    whiteouts != Whiteouts::None
        && OVERLAY
            .iter()
            .filter_map(|space| name.strip_prefix(*space))
            .any(|rest| matches!(rest, b"origin" | b"impure" | b"nlink" | b"uuid"))
}
