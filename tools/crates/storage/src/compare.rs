//! What is on a disk beside what layers want.

use std::collections::HashMap;

use verbatim_digest::Digest;
use verbatim_oci::{Error, Result};

use crate::disk::{Disk, Found};
use crate::node::{Kind, Node};
use crate::wanted::{Said, Tree, Wanted};
use crate::{Change, How};

/// The root folder is made by the engine, with one of these permissions.
const ROOT_MODES: [u32; 2] = [0o555, 0o755];

/// All in which a disk is not as a tree wants it, by path. Contents are compared where the tree has
/// their digests.
pub(crate) fn compare(tree: &Tree, disk: &Disk) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut contents = HashMap::new();
    for (path, &number) in &tree.paths {
        let Some(wanted) = tree.files.get(number) else {
            continue;
        };
        let mut say = |how| {
            changes.push(Change {
                path: path.clone(),
                how,
            });
        };
        let Some(found) = disk.files.get(path) else {
            say(match wanted.node.kind {
                Kind::Whiteout => How::Restored,
                _ => How::Removed,
            });
            continue;
        };
        if node(wanted, found, &mut say) {
            if let Some(digest) = wanted.content {
                let has = match contents.get(&found.inode) {
                    Some(has) => *has,
                    None => {
                        let has = content(disk, path)?;
                        contents.insert(found.inode, has);
                        has
                    }
                };
                if has != digest {
                    say(How::Content);
                }
            }
        }
    }
    added(tree, disk, &mut changes);
    links(tree, disk, &mut changes);
    changes.sort();
    changes.dedup();
    Ok(changes)
}

/// Whether the contents remain to be compared.
fn node(wanted: &Wanted, found: &Found, say: &mut impl FnMut(How)) -> bool {
    let (layer, disk) = (&wanted.node, &found.node);
    match (&layer.kind, &disk.kind) {
        (Kind::File { .. }, Kind::File { .. }) | (Kind::Directory, Kind::Directory) => {}
        (Kind::Symlink(layer), Kind::Symlink(found)) => {
            if layer != found {
                say(How::Target {
                    layer: layer.clone(),
                    found: found.clone(),
                });
            }
        }
        (Kind::CharDevice(..), Kind::CharDevice(..))
        | (Kind::BlockDevice(..), Kind::BlockDevice(..)) => {
            if layer.kind != disk.kind {
                say(How::Device);
            }
        }
        (Kind::Whiteout, Kind::Whiteout) => return false,
        (Kind::Fifo, Kind::Fifo) => {}
        (layer, found) => {
            say(How::Kind {
                layer: layer.word(),
                found: found.word(),
            });
            return false;
        }
    }
    attributes(layer, disk, wanted.said, say);
    match (&layer.kind, &disk.kind) {
        (Kind::File { size: layer }, Kind::File { size: found }) if layer != found => {
            say(How::Size {
                layer: *layer,
                found: *found,
            });
            false
        }
        (Kind::File { .. }, _) => true,
        _ => false,
    }
}

fn attributes(layer: &Node, disk: &Node, said: Said, say: &mut impl FnMut(How)) {
    // Linux gives every symlink the same permissions.
    if layer.mode != disk.mode && !matches!(layer.kind, Kind::Symlink(_)) {
        say(How::Mode {
            layer: layer.mode,
            found: disk.mode,
        });
    }
    if (layer.uid, layer.gid) != (disk.uid, disk.gid) {
        say(How::Owner {
            layer: (layer.uid, layer.gid),
            found: (disk.uid, disk.gid),
        });
    }
    if said == Said::All && layer.mtime != disk.mtime {
        say(How::Time {
            layer: layer.mtime,
            found: disk.mtime,
        });
    }
    if layer.opaque != disk.opaque {
        say(How::Opaque { hides: disk.opaque });
    }
    let names = layer.xattrs.keys().chain(disk.xattrs.keys());
    for name in names {
        let what = match (layer.xattrs.get(name), disk.xattrs.get(name)) {
            (None, Some(_)) => "set",
            (Some(_), None) => "gone",
            (Some(a), Some(b)) if a != b => "changed",
            _ => continue,
        };
        say(How::Xattr {
            name: name.clone(),
            what,
        });
    }
}

/// What no layer has.
fn added(tree: &Tree, disk: &Disk, changes: &mut Vec<Change>) {
    for (path, found) in &disk.files {
        if tree.paths.contains_key(path) {
            continue;
        }
        if path.is_empty() {
            root(found, changes);
            continue;
        }
        let set_id = match (&found.node.kind, found.node.mode) {
            (Kind::File { .. }, mode) if mode & 0o4000 != 0 => Some("setuid"),
            (Kind::File { .. }, mode) if mode & 0o2000 != 0 => Some("setgid"),
            _ => None,
        };
        let how = match found.node.kind {
            Kind::Whiteout => How::Hidden,
            ref kind => How::Added {
                what: kind.word(),
                set_id,
            },
        };
        changes.push(Change {
            path: path.clone(),
            how,
        });
    }
}

/// The root, where no layer says anything of it.
pub(crate) fn root(found: &Found, changes: &mut Vec<Change>) {
    let mut layer = found.node.clone();
    (layer.uid, layer.gid, layer.opaque) = (0, 0, false);
    layer.xattrs.clear();
    if !ROOT_MODES.contains(&layer.mode) {
        layer.mode = 0o755;
    }
    attributes(&layer, &found.node, Said::Nothing, &mut |how| {
        changes.push(Change {
            path: Vec::new(),
            how,
        });
    });
}

/// Names of one file that are files of their own, and the other way round.
fn links(tree: &Tree, disk: &Disk, changes: &mut Vec<Change>) {
    let is_file = |node: &Node| matches!(node.kind, Kind::File { .. });
    let mut first_inode: HashMap<usize, (u64, u64)> = HashMap::new();
    let mut first_file: HashMap<(u64, u64), usize> = HashMap::new();
    for (path, &number) in &tree.paths {
        let (Some(wanted), Some(found)) = (tree.files.get(number), disk.files.get(path)) else {
            continue;
        };
        if !is_file(&wanted.node) || !is_file(&found.node) {
            continue;
        }
        let mut say = |other: &Wanted, shared| {
            changes.push(Change {
                path: path.clone(),
                how: How::Link {
                    other: other.name.clone(),
                    shared,
                },
            });
        };
        if *first_inode.entry(number).or_insert(found.inode) != found.inode {
            say(wanted, false);
        }
        if found.links > 1 {
            let other = *first_file.entry(found.inode).or_insert(number);
            if let Some(other) = tree.files.get(other).filter(|_| other != number) {
                say(other, true);
            }
        }
    }
}

fn content(disk: &Disk, path: &[u8]) -> Result<Digest> {
    let place = disk.place(path);
    let unreadable = |e| Error::io(place.display(), "cannot be read", e);
    let (file, _) = disk.open(path).map_err(unreadable)?;
    Ok(verbatim_digest::of_reader(file).map_err(unreadable)?.0)
}
