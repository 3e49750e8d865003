//! A layer of this program, made again from what is unpacked and nothing else.
//!
//! Its headers follow from its entries, and these are on the disk but for two things. Folders that the
//! layer does not name are there too, made by the engine: their time is that of the pull, with a
//! fraction of a second, and those of a layer are whole seconds. And a white-out had an owner and a
//! time, which a disk does not keep: nearly always those of all entries, 0. A wrong guess gives another
//! digest, and never the right one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use verbatim_archive::{Builder, Compression, Defaults, Encoding, Item, Layer, Wish};
use verbatim_digest::Digest;
use verbatim_oci::{Encoder, Error, ErrorKind, LayerMetadata, Result};

use crate::compare::root;
use crate::disk::{Disk, Found, Whiteouts};
use crate::folder::Folder;
use crate::node::{join, last, parent, Kind, Node};
use crate::{Change, How, LayerCheck};

/// Names for messages.
const ORIGIN: &str = "the unpacked layer";

/// The digest of the archive that this program makes of a disk.
pub(crate) fn diff_id(disk: &Disk, progress: &dyn Fn(u64)) -> Result<Digest> {
    let written = Encoding::new(Compression::None, None)
        .and_then(|plain| layer(disk)?.write(plain, 1, &mut std::io::sink(), progress));
    Ok(written.map_err(|e| failed(disk, &e))?.diff_id)
}

/// What can be said of a layer where nobody kept its headers: those of this program follow from the files. `made` are
/// folders as the engine makes them, where it does not as usual.
pub(crate) fn check(
    disk: &Disk,
    expected: &LayerMetadata,
    made: &dyn Fn(&[u8]) -> Option<Node>,
    progress: &dyn Fn(u64),
) -> Result<LayerCheck> {
    let diff_id = diff_id(disk, progress)?;
    if diff_id == expected.diff_id {
        return Ok(LayerCheck {
            diff_id: Some(diff_id),
            changes: not_of_engine(disk, made),
            unchecked: None,
        });
    }
    if is_ours(expected.encoder.as_deref()) {
        return Ok(LayerCheck {
            diff_id: Some(diff_id),
            changes: Vec::new(),
            unchecked: None,
        });
    }
    Ok(LayerCheck::unchecked(format!(
        "the engine kept no record of its headers, and its files do not make {} as a layer of this program",
        expected.diff_id
    )))
}

/// A layer that was made again from its unpacked files alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remade {
    /// Of the archive.
    pub diff_id: Digest,
    /// Of the compressed blob.
    pub digest: Digest,
    /// The bytes of the blob.
    pub size: u64,
    /// Folders that no entry needs, or that are not as an engine makes them: the layer does not
    /// show them, and whoever unpacks it would not have made them.
    pub changes: Vec<Change>,
    /// Whether this program made the layer that was released.
    pub is_ours: bool,
}

/// Make the layer again whose files are in a folder, compressed as the released one was.
///
/// # Errors
/// The folder cannot be read, or holds what only an engine's record could say more of.
pub fn remake(folder: &Path, released: &LayerMetadata, progress: &dyn Fn(u64)) -> Result<Remade> {
    let disk = Disk::read(&Folder::named(folder)?, Whiteouts::None)?;
    let encoder = released.encoder.as_deref();
    let level = encoder
        .filter(|_| is_ours(encoder))
        .and_then(|encoder| i32::try_from(encoder.level?).ok());
    let compression = match released.media_type.layer_suffix() {
        Some("gzip") => Compression::Gzip,
        Some("zstd") => Compression::Zstd,
        _ => Compression::None,
    };
    let level = level.filter(|_| compression != Compression::None);
    let written = Encoding::new(compression, level)
        .and_then(|encoding| layer(&disk)?.write(encoding, 1, &mut std::io::sink(), progress))
        .map_err(|e| failed(&disk, &e))?;
    Ok(Remade {
        diff_id: written.diff_id,
        digest: written.digest,
        size: written.size,
        changes: not_of_engine(&disk, &|_| None),
        is_ours: is_ours(encoder),
    })
}

fn failed(disk: &Disk, error: &verbatim_archive::Error) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        disk.place(b"").display(),
        error.to_string(),
    )
}

/// Of the folders that were taken for the engine's own, what an engine would not have made.
pub(crate) fn not_of_engine(disk: &Disk, made: &dyn Fn(&[u8]) -> Option<Node>) -> Vec<Change> {
    let mut changes = Vec::new();
    let is_skipped =
        |found: &Found| found.node.kind == Kind::Directory && !found.whole && !found.node.opaque;
    let entries = disk.files.iter().filter(|(_, found)| !is_skipped(found));
    let parents: HashSet<&[u8]> = entries
        .flat_map(|(path, _)| std::iter::successors(parent(path), |path| parent(path)))
        .collect();
    for (path, found) in &disk.files {
        let node = &found.node;
        if path.is_empty() {
            root(found, &mut changes);
            continue;
        }
        if node.kind != Kind::Directory || found.whole {
            continue;
        }
        let is_parent = node.opaque || parents.contains(&path[..]);
        let mut say = |how| {
            changes.push(Change {
                path: path.clone(),
                how,
            });
        };
        if !is_parent {
            say(How::Added {
                what: node.kind.word(),
                set_id: None,
            });
        }
        let made = made(path).unwrap_or_else(|| Node::folder_of_engine(0o755));
        if node.mode != made.mode {
            say(How::Mode {
                layer: made.mode,
                found: node.mode,
            });
        }
        if (node.uid, node.gid) != (made.uid, made.gid) {
            say(How::Owner {
                layer: (made.uid, made.gid),
                found: (node.uid, node.gid),
            });
        }
        for (name, value) in &node.xattrs {
            if made.xattrs.get(name) != Some(value) {
                say(How::Xattr {
                    name: name.clone(),
                    what: "set",
                });
            }
        }
    }
    changes
}

/// Whether a layer with this encoder was made by this program.
fn is_ours(encoder: Option<&Encoder>) -> bool {
    encoder.is_some_and(|encoder| matches!(&*encoder.name, "libdeflate" | "zstd"))
}

fn layer(disk: &Disk) -> Result<Layer, verbatim_archive::Error> {
    let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
    let mut names: HashMap<(u64, u64), &[u8]> = HashMap::new();
    let empty = || Item::Bytes(Vec::new());
    for (path, found) in disk.files.iter().filter(|(path, _)| !path.is_empty()) {
        let node = &found.node;
        let wish = Wish {
            mode: Some(node.mode),
            uid: Some(node.uid),
            gid: Some(node.gid),
            mtime: Some(node.mtime),
            xattrs: node.xattrs.clone(),
        };
        let item = match &node.kind {
            Kind::File { .. } if found.links > 1 => match names.get(&found.inode) {
                Some(first) => Item::HardLink(first.to_vec()),
                None => {
                    names.insert(found.inode, path);
                    Item::File(disk.place(path))
                }
            },
            Kind::File { .. } => Item::File(disk.place(path)),
            Kind::Symlink(target) => Item::Symlink(target.clone()),
            Kind::Directory => {
                if node.opaque {
                    let mark = join(path, b".wh..wh..opq");
                    builder.item(&mark, empty(), &Wish::default(), ORIGIN)?;
                }
                if !found.whole {
                    continue;
                }
                Item::Directory
            }
            Kind::Whiteout => {
                let name = [b".wh.", last(path)].concat();
                let mark = join(parent(path).unwrap_or_default(), &name);
                builder.item(&mark, empty(), &Wish::default(), ORIGIN)?;
                continue;
            }
            Kind::CharDevice(..) | Kind::BlockDevice(..) | Kind::Fifo | Kind::Socket => {
                return Err(verbatim_archive::Error::Unsupported {
                    path: verbatim_foreign::printable_bytes(path).into_owned(),
                    origin: ORIGIN.to_owned(),
                    what: "a device, a pipe or a socket",
                    fix: "it can only be checked with the engine's record of the layer",
                })
            }
        };
        builder.item(path, item, &wish, ORIGIN)?;
    }
    builder.finish()
}
