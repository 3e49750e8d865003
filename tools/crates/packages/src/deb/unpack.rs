//! The files of a package, with their contents kept aside.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};

use md5::{Digest as _, Md5};
use verbatim_archive::{Keeper, Kept, Xattrs};
use verbatim_foreign::printable_bytes;
use verbatim_reader::Kind;

use super::package::{About, Deb};
use crate::fetch::open_checked;
use crate::lock::LockedPackage;
use crate::{Error, Result};

/// A package decompresses to no more than so many times its size, and this much more: real ones
/// stay below thirty times.
const MOST_TIMES: u64 = 200;
const MOST_MORE: u64 = 256 << 20;

/// A package with its files.
#[derive(Debug)]
pub struct Unpacked {
    /// What is known of it.
    pub about: About,
    /// Its files in their order.
    pub files: Vec<PackedFile>,
    /// Of each file its MD5, the only digest that dpkg's database knows. By position.
    pub md5: BTreeMap<usize, String>,
}

/// A file, a directory or a link of a package.
#[derive(Debug, Clone)]
pub struct PackedFile {
    /// Its path, relative and clean; empty for the root.
    pub path: Vec<u8>,
    /// What it is.
    pub node: Node,
    /// Permissions.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Extended attributes.
    pub xattrs: Xattrs,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file with this content.
    File(Kept),
    /// Another name for the file of this path.
    HardLink(Vec<u8>),
    /// A symlink to this target.
    Symlink(Vec<u8>),
    /// A directory.
    Directory,
}

/// Open a package that was locked, check that it is that one, and unpack it.
pub fn unpack(
    package: &LockedPackage,
    path: &std::path::Path,
    keeper: &Keeper,
) -> Result<Unpacked> {
    let named = |e: Error| e.of(format!("the package {} {}", package.name, package.version));
    let file = open_checked(package, path)?;
    let deb = Deb::open(file).map_err(named)?;
    for (field, locked) in [
        ("Package", &package.name),
        ("Version", &package.version),
        ("Architecture", &package.architecture),
    ] {
        let own = deb.about.control.need(field).map_err(named)?;
        if own != locked {
            return Err(named(Error::refused(format!(
                "its `{field}` is `{}`, and its index said `{locked}`",
                verbatim_foreign::excerpt(own, 60)
            ))));
        }
    }
    files(deb, keeper).map_err(named)
}

fn files(deb: Deb, keeper: &Keeper) -> Result<Unpacked> {
    let broken = |e: &dyn std::fmt::Display| Error::refused(e.to_string());
    let mut left = deb
        .data_size()
        .saturating_mul(MOST_TIMES)
        .saturating_add(MOST_MORE);
    let has_sums = deb.about.files.contains_key("md5sums");
    let conffiles: Vec<Vec<u8>> = deb
        .about
        .lines("conffiles")
        .into_iter()
        .map(|line| line.trim_start_matches('/').as_bytes().to_vec())
        .collect();
    let mut archive = deb.data().limit_holes(left);
    let (mut files, mut md5) = (Vec::new(), BTreeMap::new());
    let mut symlinks: HashSet<Vec<u8>> = HashSet::new();
    while let Some(mut entry) = archive.next_entry().map_err(|e| broken(&e))? {
        let path = clean(&entry.path)?;
        let shown = printable_bytes(&path).into_owned();
        if let Some(link) = parents(&path).find(|parent| symlinks.contains(*parent)) {
            return Err(Error::refused(format!(
                "its file {shown} lies below its own symlink {}, so it would go elsewhere",
                printable_bytes(link)
            )));
        }
        left = left
            .checked_sub(entry.size.saturating_add(512))
            .ok_or_else(|| {
                Error::refused(format!(
                    "it decompresses to more than {MOST_TIMES} times its size"
                ))
            })?;
        let node = match &entry.kind {
            Kind::File => {
                let size = entry.size;
                let kept = if !has_sums || conffiles.contains(&path) {
                    let mut hashed = Hashed {
                        source: &mut entry,
                        md5: Md5::new(),
                    };
                    let kept = keeper.keep(&mut hashed, size).map_err(kept_error)?;
                    md5.insert(files.len(), hex(&hashed.md5.finalize()));
                    kept
                } else {
                    keeper.keep(&mut entry, size).map_err(kept_error)?
                };
                Node::File(kept)
            }
            Kind::HardLink { target } => Node::HardLink(clean(target)?),
            Kind::Symlink { target } => {
                symlinks.insert(path.clone());
                Node::Symlink(target.clone())
            }
            Kind::Directory => Node::Directory,
            Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => {
                return Err(Error::refused(format!(
                    "its {shown} is a device or a pipe, which no package of Debian brings"
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
    Ok(Unpacked {
        about: deb.about,
        files,
        md5,
    })
}

/// The folders that a path lies in.
pub(super) fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| &path[..at])
}

/// A disk that is full is nobody's fault; a content that ends early is the package's.
fn kept_error(error: verbatim_archive::Error) -> Error {
    match error {
        verbatim_archive::Error::Write { .. } => Error::unreachable(error.to_string()),
        other => Error::refused(other.to_string()),
    }
}

/// A path of an archive as one below the root.
fn clean(path: &[u8]) -> Result<Vec<u8>> {
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
    // One line is one path in dpkg's lists.
    if path.contains(&b'\n') {
        return Err(Error::refused(format!(
            "its file {} has a line feed in its name, which dpkg's database cannot hold",
            printable_bytes(&path)
        )));
    }
    Ok(path)
}

/// Hashes what is read.
struct Hashed<R> {
    source: R,
    md5: Md5,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.md5.update(&buffer[..n]);
        Ok(n)
    }
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
