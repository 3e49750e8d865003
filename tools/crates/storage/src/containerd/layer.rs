//! One unpacked layer, compared with its archive.

use std::io::{BufReader, Read as _};

use verbatim_digest::HashingReader;
use verbatim_oci::{LayerMetadata, Result};
use verbatim_reader::{decompress, Archive};

use super::content::Content;
use crate::canonical;
use crate::compare::compare;
use crate::disk::{Disk, Whiteouts};
use crate::folder::Folder;
use crate::node::{join, last, parent, Kind, Node};
use crate::store::Watched;
use crate::wanted::{Said, Tree};
use crate::{Change, How, LayerCheck};

/// The largest archive of a layer.
const MAX_ARCHIVE: u64 = 1 << 40;

/// The most links on the way to a folder.
const MAX_LINKS: usize = 255;

/// The latest time that containerd sets, in seconds: what does not fit is 0.
const MAX_TIME: i64 = i64::MAX / 1_000_000_000;

/// How a snapshotter keeps what layers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Differences that the kernel lays over each other.
    Overlay,
    /// Whole copies.
    Whole,
}

/// What the layers below are known to hold.
#[derive(Debug)]
pub(super) struct Below {
    form: Form,
    /// Of differences, each alone.
    layers: Vec<Shown>,
    /// Of whole copies, what all of them make, unless one of them is not known.
    whole: Option<Tree>,
}

/// What one layer holds.
#[derive(Debug)]
enum Shown {
    Archive(Tree),
    Files(Disk),
}

impl Shown {
    fn get(&self, path: &[u8]) -> Option<&Node> {
        match self {
            Self::Archive(tree) => tree.get(path).map(|wanted| &wanted.node),
            Self::Files(disk) => disk.files.get(path).map(|found| &found.node),
        }
    }

    /// What is at a path, with links followed and never out of the layer.
    fn resolve(&self, path: &[u8]) -> Option<&Node> {
        let mut waiting: Vec<Vec<u8>> = parts(path);
        let (mut at, mut links) = (Vec::new(), 0);
        while let Some(part) = waiting.pop() {
            if part == b".." {
                at = parent(&at).unwrap_or_default().to_vec();
                continue;
            }
            let next = join(&at, &part);
            match &self.get(&next)?.kind {
                Kind::Symlink(target) if links < MAX_LINKS => {
                    links += 1;
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    waiting.extend(parts(target));
                }
                _ => at = next,
            }
        }
        self.get(&at)
    }
}

/// The names on the way to a path, the last one first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/');
    let parts = parts.filter(|part| !part.is_empty() && *part != b".");
    parts.map(<[u8]>::to_vec).rev().collect()
}

impl Below {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            layers: Vec::new(),
            whole: Some(Tree::new(Whiteouts::None)),
        }
    }

    /// Check the next layer, whose files are in this folder.
    pub(super) fn check(
        &mut self,
        content: &Content,
        folder: &Folder,
        expected: &LayerMetadata,
        progress: &dyn Fn(u64),
    ) -> Result<LayerCheck> {
        let whiteouts = match self.form {
            Form::Overlay => Whiteouts::Kernel,
            Form::Whole => Whiteouts::None,
        };
        let disk = Disk::read(folder, whiteouts)?;
        let is_kept = content.has(expected.digest)
            && content.digest(expected.digest, progress)? == expected.digest;
        match is_kept {
            true => self.check_archive(content, disk, expected, progress),
            false => self.check_files(disk, expected, progress),
        }
    }

    /// The archive is kept, and is the one that the manifest names.
    fn check_archive(
        &mut self,
        content: &Content,
        disk: Disk,
        expected: &LayerMetadata,
        progress: &dyn Fn(u64),
    ) -> Result<LayerCheck> {
        let is_first = self.layers.is_empty();
        let mut tree = match self.form {
            // Nothing lies below the first one, so what it takes away leaves no trace.
            Form::Overlay if is_first => Tree::new(Whiteouts::None),
            Form::Overlay => Tree::new(Whiteouts::Kernel),
            Form::Whole => match self.whole.take() {
                Some(tree) => tree,
                None => return Ok(not_known()),
            },
        };
        if self.form == Form::Whole {
            copied(&mut tree);
        }
        let name = content.name(expected.digest);
        let file = BufReader::new(Watched(content.open(expected.digest)?, progress));
        let mut hashed = HashingReader::new(decompress(file).take(MAX_ARCHIVE));
        tree.add_layer(
            &mut Archive::new(&mut hashed).accept_missing_end(),
            true,
            &name,
        )?;
        hashed
            .drain()
            .map_err(|e| verbatim_oci::Error::io(&name, "cannot be used", e))?;
        let (diff_id, _, _) = hashed.finish();
        as_containerd(&mut tree);
        for (path, number) in tree.paths.clone() {
            let wanted = &mut tree.files[number];
            let is_folder = wanted.node.kind == Kind::Directory;
            if is_folder && wanted.said == Said::Nothing && self.form == Form::Overlay {
                if let Some(node) = self.copied_up(&path) {
                    let opaque = wanted.node.opaque;
                    wanted.node = Node { opaque, ..node };
                }
            }
        }
        let changes = compare(&tree, &disk)?;
        match self.form {
            Form::Overlay => self.layers.push(Shown::Archive(tree)),
            Form::Whole => {
                self.layers.push(Shown::Files(disk));
                self.whole = Some(tree);
            }
        }
        Ok(LayerCheck {
            diff_id: Some(diff_id),
            changes,
            unchecked: None,
        })
    }

    /// The archive is not kept, or was changed.
    fn check_files(
        &mut self,
        disk: Disk,
        expected: &LayerMetadata,
        progress: &dyn Fn(u64),
    ) -> Result<LayerCheck> {
        let is_first = self.layers.is_empty();
        if self.form == Form::Whole && !is_first {
            self.whole = None;
            return Ok(LayerCheck::unchecked(
                "its archive is not in the store, or was changed, and its files are not apart from those of the layers below it".to_owned(),
            ));
        }
        let made = |path: &[u8]| self.copied_up(path);
        let mut check = canonical::check(&disk, expected, &made, progress)?;
        // As an entry of an archive such a file takes another one away; the kernel shows both.
        let marks = disk
            .files
            .keys()
            .filter(|path| last(path).starts_with(b".wh."));
        check.changes.extend(marks.map(|path| Change {
            path: path.clone(),
            how: How::Added {
                what: "a file",
                set_id: None,
            },
        }));
        self.whole = None;
        self.layers.push(Shown::Files(disk));
        Ok(check)
    }

    /// A folder that a layer does not name: containerd gives it the attributes that it has in the next layer below
    /// that has it.
    fn copied_up(&self, path: &[u8]) -> Option<Node> {
        let mut layers = self.layers.iter().rev();
        let node = layers.find_map(|layer| layer.resolve(path))?;
        let mut node = node.clone();
        if node.kind != Kind::Directory {
            return None;
        }
        node.xattrs.retain(|name, _| !name.starts_with(b"trusted."));
        node.opaque = false;
        Some(node)
    }
}

fn not_known() -> LayerCheck {
    LayerCheck::unchecked("the layers below it could not be checked".to_owned())
}

/// What of an archive containerd passes over.
fn as_containerd(tree: &mut Tree) {
    // The root is always its own.
    tree.paths.remove(&b""[..]);
    for wanted in &mut tree.files {
        let node = &mut wanted.node;
        if !(0..=MAX_TIME).contains(&node.mtime) {
            node.mtime = 0;
        }
        // Linux has these for files and folders alone.
        if !matches!(node.kind, Kind::File { .. } | Kind::Directory) {
            node.xattrs.retain(|name, _| !name.starts_with(b"user."));
        }
    }
}

/// Folders that are copied with what is in them: their times are those of the copy.
fn copied(tree: &mut Tree) {
    for wanted in &mut tree.files {
        if wanted.node.kind == Kind::Directory && wanted.said == Said::All {
            wanted.said = Said::AllButTime;
        }
    }
}
