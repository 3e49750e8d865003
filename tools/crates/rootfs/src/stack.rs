//! Layers, applied one over the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use verbatim_document::{Error, ErrorKind, Result};
use verbatim_foreign::printable_bytes;
use verbatim_oci::layout::Blobs;
use verbatim_reader::{Archive, Kind};

use crate::image::Image;
use crate::layer::{unpack, Whole};
use crate::tree::{Event, Found, Node, Place, What};
use crate::{links, Limits};

/// The prefix of white-outs, and the name of the one that takes away all that is beside it.
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Zeros that sparse files of one layer may turn into: they are read like any other content.
const MAX_HOLES: u64 = 4 << 30;

/// What is there so far.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) files: BTreeMap<Vec<u8>, Found>,
    pub(crate) events: BTreeMap<Vec<u8>, Vec<Event>>,
}

impl Stack {
    /// Apply all layers of an image.
    pub(crate) fn read(&mut self, blobs: &dyn Blobs, image: &Image, limits: &Limits) -> Result<()> {
        let (mut bytes, mut entries) = (limits.unpacked, limits.entries);
        for (at, layer) in image.layers.iter().enumerate() {
            let name = blobs.name(&layer.descriptor.digest);
            let file = unpack(blobs, layer, &mut bytes)?;
            self.apply(at, &file, &name, &mut entries)?;
        }
        Ok(())
    }

    fn apply(&mut self, layer: usize, file: &Arc<File>, name: &str, left: &mut u64) -> Result<()> {
        let io_error = |e| Error::io(name, "cannot be read again", e);
        let wrong = |what: String| Error::new(ErrorKind::Malformed, name, what);
        let whole = Whole::of(file).map_err(io_error)?;
        // Its digest was compared: whoever made it left the end out.
        let mut archive = Archive::open_file(whole)
            .limit_holes(MAX_HOLES)
            .accept_missing_end();
        while let Some(mut entry) = archive
            .next_entry()
            .map_err(|e| wrong(format!("is no tar archive: {e}")))?
        {
            *left = left.checked_sub(1).ok_or_else(|| {
                Error::new(
                    ErrorKind::Limit,
                    name,
                    "has more entries than are read of an image",
                )
            })?;
            let path = plain(&entry.path).ok_or_else(|| {
                wrong(format!(
                    "has an entry that climbs out of the root: {}",
                    printable_bytes(&entry.path)
                ))
            })?;
            if path.is_empty() {
                continue;
            }
            let path = links::parents(|path| self.files.get(path), &path);
            let (folder, last) = split(&path);
            if last == OPAQUE {
                let folder = folder.to_vec();
                self.clear(&folder, layer, |_| What::Removed(path.clone()));
                continue;
            }
            if let Some(removed) = last.strip_prefix(WHITEOUT) {
                // AUFS kept directories of its own under such names.
                if !removed.is_empty() && !removed.starts_with(WHITEOUT) {
                    let gone = join(folder, removed);
                    self.remove(&gone, layer, || What::Removed(path.clone()));
                }
                continue;
            }
            let at = entry.content_offset();
            let node = match &entry.kind {
                Kind::Directory => Node::Directory,
                Kind::File => Node::File(match at {
                    Some(offset) => Place {
                        file: Arc::clone(file),
                        offset,
                        layer: Some(layer),
                        size: entry.size,
                    },
                    None => spooled(&mut entry).map_err(io_error)?,
                }),
                Kind::Symlink { target } => Node::Symlink(target.clone()),
                Kind::HardLink { target } => {
                    let target = plain(target).unwrap_or_default();
                    let target = links::parents(|path| self.files.get(path), &target);
                    match self.files.get(&target) {
                        Some(found) => found.node.clone(),
                        None => {
                            return Err(wrong(format!(
                                "has a hard link {} to {}, which is not there",
                                printable_bytes(&path),
                                printable_bytes(&target)
                            )))
                        }
                    }
                }
                _ => Node::Special,
            };
            let found = Found {
                node,
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                layer,
            };
            self.put(path, found);
        }
        Ok(())
    }

    fn put(&mut self, path: Vec<u8>, found: Found) {
        let layer = found.layer;
        self.make_folders(&path, layer);
        let is_directory = matches!(found.node, Node::Directory);
        let content = match &found.node {
            Node::File(place) => Some(place.clone()),
            _ => None,
        };
        let old = self.files.insert(path.clone(), found);
        let old_directory = old
            .as_ref()
            .is_some_and(|old| matches!(old.node, Node::Directory));
        if old_directory && !is_directory {
            let at = path.clone();
            self.clear_all(&path, layer, || What::Covered(at.clone()));
        }
        let what = match old {
            None => What::Added(content),
            // A layer names the directories that its files are in.
            Some(_) if old_directory && is_directory => return,
            Some(_) => What::Replaced(content),
        };
        self.event(path, layer, what);
    }

    /// Directories that no entry names are there all the same.
    fn make_folders(&mut self, path: &[u8], layer: usize) {
        let (folder, _) = split(path);
        if folder.is_empty() {
            return;
        }
        match self.files.get(folder).map(|found| &found.node) {
            Some(Node::Directory) => {}
            _ => self.put(
                folder.to_vec(),
                Found {
                    node: Node::Directory,
                    mode: 0o755,
                    uid: 0,
                    gid: 0,
                    layer,
                },
            ),
        }
    }

    /// Take away what lower layers have at a path and below.
    fn remove(&mut self, path: &[u8], layer: usize, what: impl Fn() -> What) {
        if self
            .files
            .get(path)
            .is_some_and(|found| found.layer < layer)
        {
            self.files.remove(path);
            self.event(path.to_vec(), layer, what());
        }
        self.clear(path, layer, |_| what());
    }

    /// Take away what lower layers have below a path.
    fn clear(&mut self, folder: &[u8], layer: usize, what: impl Fn(&[u8]) -> What) {
        for path in self.below(folder, |found| found.layer < layer) {
            self.files.remove(&path);
            let what = what(&path);
            self.event(path, layer, what);
        }
    }

    /// Take away all below a path.
    fn clear_all(&mut self, folder: &[u8], layer: usize, what: impl Fn() -> What) {
        for path in self.below(folder, |_| true) {
            self.files.remove(&path);
            self.event(path, layer, what());
        }
    }

    fn below(&self, folder: &[u8], which: impl Fn(&Found) -> bool) -> Vec<Vec<u8>> {
        let mut prefix = folder.to_vec();
        if !prefix.is_empty() {
            prefix.push(b'/');
        }
        self.files
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .filter(|(_, found)| which(found))
            .map(|(path, _)| path.clone())
            .collect()
    }

    fn event(&mut self, path: Vec<u8>, layer: usize, what: What) {
        self.events
            .entry(path)
            .or_default()
            .push(Event { layer, what });
    }
}

/// A content that does not lie in its archive in one piece, in a file of its own.
fn spooled(content: &mut impl Read) -> io::Result<Place> {
    let mut file = tempfile::tempfile()?;
    let size = io::copy(content, &mut file)?;
    Ok(Place {
        file: Arc::new(file),
        offset: 0,
        layer: None,
        size,
    })
}

/// A path in its plain form: relative, without empty parts or dots. Nothing for one that climbs.
fn plain(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return None,
            part => {
                if !out.is_empty() {
                    out.push(b'/');
                }
                out.extend_from_slice(part);
            }
        }
    }
    Some(out)
}

/// The directory and the name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        return name.to_vec();
    }
    [folder, b"/", name].concat()
}
