//! The files of a package that are a tar archive, with their contents kept aside.

use std::collections::HashSet;
use std::io::Read;

use verbatim_archive::{Kept, Xattrs};
use verbatim_foreign::printable_bytes;
use verbatim_reader::{Archive, Kind};

use crate::{Error, Result};

/// A package decompresses to no more than so many times its size, and this much more: real ones
/// stay below thirty times.
const MOST_TIMES: u64 = 200;
const MOST_MORE: u64 = 256 << 20;

/// A file, a directory or a link of a package.
#[derive(Debug, Clone)]
pub(crate) struct PackedFile {
    /// Its path, relative and clean; empty for the root.
    pub(crate) path: Vec<u8>,
    /// What it is.
    pub(crate) node: Node,
    /// Permissions.
    pub(crate) mode: u32,
    /// The owner's number.
    pub(crate) uid: u64,
    /// The group's number.
    pub(crate) gid: u64,
    /// Extended attributes.
    pub(crate) xattrs: Xattrs,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A regular file with this content.
    File(Kept),
    /// Another name for the file of this path.
    HardLink(Vec<u8>),
    /// A symlink to this target.
    Symlink(Vec<u8>),
    /// A directory.
    Directory,
}

/// A content that is to be kept.
pub(crate) struct Coming<'a> {
    /// The place of its file in the list.
    pub(crate) at: usize,
    /// The path of its file.
    pub(crate) path: &'a [u8],
    /// Its bytes.
    pub(crate) size: u64,
    pub(crate) content: &'a mut dyn Read,
}

/// Bytes that a package of so many may decompress to.
pub(crate) fn most(stored: u64) -> u64 {
    stored.saturating_mul(MOST_TIMES).saturating_add(MOST_MORE)
}

/// What lies below a symlink of its own package would go elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Below(HashSet<Vec<u8>>);

impl Below {
    /// Note that a symlink is at this path.
    pub(crate) fn symlink(&mut self, path: &[u8]) {
        self.0.insert(path.to_vec());
    }

    /// A path must not lie below one.
    pub(crate) fn check(&self, path: &[u8]) -> Result<()> {
        match parents(path).find(|parent| self.0.contains(*parent)) {
            None => Ok(()),
            Some(link) => Err(Error::refused(format!(
                "its file {} lies below its own symlink {}, so it would go elsewhere",
                printable_bytes(path),
                printable_bytes(link)
            ))),
        }
    }
}

/// Read the files of an archive that takes `stored` bytes in its package; `keep` keeps a content.
pub(crate) fn files<R: Read>(
    archive: Archive<R>,
    stored: u64,
    mut keep: impl FnMut(Coming<'_>) -> Result<Kept>,
) -> Result<Vec<PackedFile>> {
    let broken = |e: &dyn std::fmt::Display| Error::refused(e.to_string());
    let mut left = most(stored);
    let mut archive = archive.limit_holes(left);
    let mut files = Vec::new();
    let mut below = Below::default();
    while let Some(mut entry) = archive.next_entry().map_err(|e| broken(&e))? {
        let path = clean(&entry.path)?;
        let shown = printable_bytes(&path).into_owned();
        below.check(&path)?;
        left = left
            .checked_sub(entry.size.saturating_add(512))
            .ok_or_else(|| {
                Error::refused(format!(
                    "it decompresses to more than {MOST_TIMES} times its size"
                ))
            })?;
        let node = match &entry.kind {
            Kind::File => Node::File(keep(Coming {
                at: files.len(),
                path: &path,
                size: entry.size,
                content: &mut entry,
            })?),
            Kind::HardLink { target } => Node::HardLink(clean(target)?),
            Kind::Symlink { target } => {
                below.symlink(&path);
                Node::Symlink(target.clone())
            }
            Kind::Directory => Node::Directory,
            Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => {
                return Err(Error::refused(format!(
                    "its {shown} is a device or a pipe, which no image needs"
                )))
            }
        };
        files.push(PackedFile {
            path,
            node,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            xattrs: std::mem::take(&mut entry.xattrs),
        });
    }
    Ok(files)
}

/// The folders that a path lies in.
pub(crate) fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| &path[..at])
}

/// A disk that is full is nobody's fault; a content that ends early is the package's.
pub(crate) fn kept_error(error: verbatim_archive::Error) -> Error {
    match error {
        verbatim_archive::Error::Write { .. } => Error::unreachable(error.to_string()),
        other => Error::refused(other.to_string()),
    }
}

/// A path of an archive as one below the root.
pub(crate) fn clean(path: &[u8]) -> Result<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                return Err(Error::refused(format!(
                    "its file {} would climb out of the root",
                    printable_bytes(path)
                )))
            }
            part => parts.push(part),
        }
    }
    let path = parts.join(&b'/');
    // One line is one path in the lists of package databases.
    if path.contains(&b'\n') {
        return Err(Error::refused(format!(
            "its file {} has a line feed in its name, which the package database cannot hold",
            printable_bytes(&path)
        )));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        assert_eq!(clean(b"./usr//bin/./x").unwrap(), b"usr/bin/x");
        assert_eq!(clean(b"/etc/x").unwrap(), b"etc/x");
        assert_eq!(clean(b"./").unwrap(), b"");
        assert!(clean(b"./a/../../x").is_err() && clean(b"a\nb").is_err());
        let above: Vec<_> = parents(b"a/bc/d").collect();
        assert_eq!(above, [&b"a"[..], b"a/bc"]);
    }
}
