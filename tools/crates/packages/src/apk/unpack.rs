//! The files of a package, with the digests that apk's database has of them.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use sha1::{Digest as _, Sha1};
use verbatim_archive::Keeper;
use verbatim_reader::Archive;

use super::index::Checksum;
use super::package::{About, Front};
use super::v3;
use crate::fetch::open_checked;
use crate::lock::LockedPackage;
use crate::packed::{self, kept_error, Node, PackedFile};
use crate::{Error, Result};

/// A package with its files.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) about: About,
    pub(super) checksum: Checksum,
    pub(super) files: Vec<File>,
    /// Whether its digests are the beginnings of SHA-256: then it is of version 3.
    pub(super) has_sha256: bool,
}

/// Who owns a file, by names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) user: String,
    pub(super) group: String,
}

/// A file with the digest of its content; that of a symlink is of its target.
#[derive(Debug)]
pub(super) struct File {
    pub(super) packed: PackedFile,
    /// None for directories.
    pub(super) checksum: Option<Checksum>,
    /// Where the package says names, and no numbers.
    pub(super) owner: Option<Owner>,
}

/// Open a package that was locked, check that it is that one, and unpack it.
pub(super) fn unpack(package: &LockedPackage, path: &Path, keeper: &Keeper) -> Result<Unpacked> {
    let named = |e: Error| e.of(format!("the package {} {}", package.name, package.version));
    let mut file = open_checked(package, path)?;
    if v3::is(&mut file).map_err(named)? {
        let (front, files) = v3::unpack(file, package.size, keeper).map_err(named)?;
        front
            .check(&package.name, &package.version, &package.architecture)
            .map_err(named)?;
        return Ok(Unpacked {
            about: front.about,
            checksum: front.checksum,
            files,
            has_sha256: true,
        });
    }
    let front = Front::read(&mut file).map_err(named)?;
    front
        .check(&package.name, &package.version, &package.architecture)
        .map_err(named)?;
    file.seek(SeekFrom::Start(front.files_at))
        .map_err(|e| named(Error::unreachable(format!("it cannot be read: {e}"))))?;
    let stored = package.size.saturating_sub(front.files_at);
    let files = files(Archive::open(BufReader::new(file)), stored, keeper).map_err(named)?;
    Ok(Unpacked {
        about: front.about,
        checksum: front.checksum,
        files,
        has_sha256: false,
    })
}

fn files<R: Read>(archive: Archive<R>, stored: u64, keeper: &Keeper) -> Result<Vec<File>> {
    let mut checksums: HashMap<usize, Checksum> = HashMap::new();
    let packed = packed::files(archive, stored, |coming| {
        let mut hashed = Hashed {
            source: coming.content,
            sha1: Sha1::new(),
        };
        let kept = keeper.keep(&mut hashed, coming.size).map_err(kept_error)?;
        checksums.insert(coming.at, Checksum::of_hash(hashed.sha1));
        Ok(kept)
    })?;
    let by_path: HashMap<Vec<u8>, Checksum> = packed
        .iter()
        .enumerate()
        .filter_map(|(at, file)| Some((file.path.clone(), *checksums.get(&at)?)))
        .collect();
    let mut files = Vec::with_capacity(packed.len());
    for (at, packed) in packed.into_iter().enumerate() {
        // In the root these are apk's own: signatures, scripts, what is known of the package.
        if packed.path.is_empty() || packed.path.starts_with(b".") {
            continue;
        }
        let checksum = match &packed.node {
            Node::File(_) => checksums.get(&at).copied(),
            Node::Symlink(target) => Some(Checksum::of(target)),
            Node::HardLink(target) => match by_path.get(target) {
                Some(checksum) => Some(*checksum),
                None => {
                    return Err(Error::refused(format!(
                        "its file {} is a link to one that it does not have",
                        verbatim_foreign::printable_bytes(&packed.path)
                    )))
                }
            },
            Node::Directory => None,
        };
        files.push(File {
            packed,
            checksum,
            owner: None,
        });
    }
    Ok(files)
}

/// Hashes what is read.
struct Hashed<R> {
    source: R,
    sha1: Sha1,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.sha1.update(&buffer[..n]);
        Ok(n)
    }
}
