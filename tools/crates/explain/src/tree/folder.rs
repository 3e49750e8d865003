//! A folder as a tree of entries. Links are never followed, so cycles of them are none.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;
use verbatim_reader::{Compression, Kind};
use walkdir::WalkDir;

use super::{Content, Entry, Spelling, Tree};

/// Folders inside of each other; no file system makes a path longer than this by itself.
const MAX_FOLDERS: usize = 4096;

/// All entries below a folder, in the order of their paths. Extended attributes are read if `xattrs` asks for them.
pub(crate) fn walk(root: &Path, most: usize, xattrs: bool) -> io::Result<Tree> {
    let mut tree = Tree {
        entries: Vec::new(),
        archive: None,
        compression: Compression::None,
        length: 0,
        after: 0,
    };
    let mut first_names: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
    let walker = WalkDir::new(root)
        .min_depth(1)
        .max_depth(MAX_FOLDERS)
        .follow_links(false)
        .sort_by_file_name();
    for found in walker {
        let found = found?;
        if tree.entries.len() == most {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it has more than {most} entries"),
            ));
        }
        let relative = found.path().strip_prefix(root).unwrap_or(found.path());
        let path = relative.as_os_str().as_bytes().to_vec();
        let metadata = found.metadata()?;
        let mut kind = kind(found.path(), &metadata)?;
        if kind == Kind::File && metadata.nlink() > 1 {
            let inode = (metadata.dev(), metadata.ino());
            match first_names.get(&inode) {
                Some(first) => {
                    kind = Kind::HardLink {
                        target: first.clone(),
                    }
                }
                None => {
                    first_names.insert(inode, path.clone());
                }
            }
        }
        let is_file = kind == Kind::File;
        let xattrs = if xattrs {
            attributes(found.path())?
        } else {
            BTreeMap::new()
        };
        tree.entries.push(Entry {
            path,
            spelling: Spelling::Plain,
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid().into(),
            gid: metadata.gid().into(),
            mtime: metadata.mtime(),
            size: if is_file { metadata.len() } else { 0 },
            xattrs,
            facts: None,
            content: if is_file {
                Content::File(Arc::new(found.into_path()))
            } else {
                Content::Nothing
            },
            kind,
        });
    }
    Ok(tree)
}

/// The extended attributes of one file, itself and not what it links to; none where the file system has no such.
fn attributes(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    // The kernel holds a list, and a value, to this size (xattr(7)).
    let mut buffer = vec![0; 64 << 10];
    let names = match rustix::fs::llistxattr(path, &mut buffer[..]) {
        Ok(size) => buffer[..size].to_vec(),
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let mut attributes = BTreeMap::new();
    for name in names.split(|&b| b == 0).filter(|name| !name.is_empty()) {
        match rustix::fs::lgetxattr(path, name, &mut buffer[..]) {
            Ok(size) => drop(attributes.insert(name.to_vec(), buffer[..size].to_vec())),
            // Gone since, or not for this user.
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(attributes)
}

fn kind(path: &Path, metadata: &Metadata) -> io::Result<Kind> {
    let file_type = metadata.file_type();
    let device = metadata.rdev();
    // As glibc packs them.
    let major = ((device >> 8) & 0xfff | (device >> 32) & !0xfff) as u32;
    let minor = (device & 0xff | (device >> 12) & !0xff) as u32;
    Ok(if file_type.is_dir() {
        Kind::Directory
    } else if file_type.is_symlink() {
        Kind::Symlink {
            target: std::fs::read_link(path)?.as_os_str().as_bytes().to_vec(),
        }
    } else if file_type.is_char_device() {
        Kind::CharDevice { major, minor }
    } else if file_type.is_block_device() {
        Kind::BlockDevice { major, minor }
    } else if file_type.is_fifo() || file_type.is_socket() {
        Kind::Fifo
    } else {
        Kind::File
    })
}
