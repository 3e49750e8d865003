//! What must be on a disk once layers are unpacked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use verbatim_digest::{Digest, Hasher};
use verbatim_foreign::printable_bytes;
use verbatim_oci::{Error, ErrorKind, Result};
use verbatim_reader::{Archive, Entry};

use crate::disk::Whiteouts;
use crate::node::{clean, join, last, parent, Kind, Node};

/// A file that must be there. Names of one file share it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) node: Node,
    pub(crate) said: Said,
    /// Of a file's bytes; nothing where nobody asked.
    pub(crate) content: Option<Digest>,
    /// The first of its names.
    pub(crate) name: Vec<u8>,
}

impl Wanted {
    /// What an engine makes by itself: no entry of an archive tells of it.
    fn of_engine(kind: Kind, mode: u32, path: &[u8]) -> Self {
        Self {
            node: Node {
                kind,
                ..Node::folder_of_engine(mode)
            },
            said: Said::Nothing,
            content: None,
            name: path.to_vec(),
        }
    }
}

/// How much a layer says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// All.
    All,
    /// All, but another layer has put something into the folder, which sets its time.
    AllButTime,
    /// Nothing: the engine makes folders above files as it likes.
    Nothing,
}

/// What layers want, from the bottom up.
#[derive(Debug)]
pub(crate) struct Tree {
    whiteouts: Whiteouts,
    pub(crate) paths: BTreeMap<Vec<u8>, usize>,
    pub(crate) files: Vec<Wanted>,
    /// The paths that the current layer has set.
    current: BTreeSet<Vec<u8>>,
    /// The folders into which the current layer has put something.
    touched: BTreeSet<Vec<u8>>,
}

impl Tree {
    pub(crate) fn new(whiteouts: Whiteouts) -> Self {
        Self {
            whiteouts,
            paths: BTreeMap::new(),
            files: Vec::new(),
            current: BTreeSet::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Read a layer: what it wants is added to what the layers below want. With `contents` the digest
    /// of each file is kept. The files of the layer that have content, in their order, are handed back.
    pub(crate) fn add_layer<R: Read>(
        &mut self,
        archive: &mut Archive<R>,
        contents: bool,
        file: &str,
    ) -> Result<Vec<Vec<u8>>> {
        self.current.clear();
        self.touched.clear();
        let wrong = |e: verbatim_reader::Error| {
            Error::new(ErrorKind::Malformed, file, format!("is no layer: {e}"))
        };
        let mut with_content = Vec::new();
        while let Some(mut entry) = archive.next_entry().map_err(wrong)? {
            let Some(path) = clean(&entry.path) else {
                return Err(Error::new(
                    ErrorKind::Malformed,
                    file,
                    format!(
                        "has the path `{}`, which leaves the root",
                        printable_bytes(&entry.path)
                    ),
                ));
            };
            if entry.size > 0 {
                with_content.push(path.clone());
            }
            let content = match contents && entry.kind == verbatim_reader::Kind::File {
                true => Some(digest(&mut entry).map_err(|e| Error::io(file, "cannot be read", e))?),
                false => None,
            };
            self.add(path, &entry, content, file)?;
        }
        let touched = std::mem::take(&mut self.touched);
        let current = std::mem::take(&mut self.current);
        for path in touched.iter().filter(|path| !current.contains(*path)) {
            if let Some(folder) = self.get_mut(path) {
                if folder.said == Said::All {
                    folder.said = Said::AllButTime;
                }
            }
        }
        Ok(with_content)
    }

    pub(crate) fn get(&self, path: &[u8]) -> Option<&Wanted> {
        self.files.get(*self.paths.get(path)?)
    }

    fn get_mut(&mut self, path: &[u8]) -> Option<&mut Wanted> {
        self.files.get_mut(*self.paths.get(path)?)
    }

    fn add<R: Read>(
        &mut self,
        path: Vec<u8>,
        entry: &Entry<'_, R>,
        content: Option<Digest>,
        file: &str,
    ) -> Result<()> {
        use verbatim_reader::Kind as Stored;

        self.add_parents(&path, file)?;
        if let Some(removed) = last(&path).strip_prefix(b".wh.") {
            let folder = parent(&path).unwrap_or_default().to_vec();
            self.remove(&folder, removed);
            return Ok(());
        }
        let kind = match &entry.kind {
            Stored::File => Kind::File { size: entry.size },
            Stored::Directory => Kind::Directory,
            Stored::Symlink { target } => Kind::Symlink(target.clone()),
            Stored::CharDevice { major, minor } => Kind::CharDevice(*major, *minor),
            Stored::BlockDevice { major, minor } => Kind::BlockDevice(*major, *minor),
            Stored::Fifo => Kind::Fifo,
            Stored::HardLink { target } => {
                let target = clean(target).unwrap_or_default();
                let Some(&number) = self.paths.get(&target) else {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        file,
                        format!(
                            "has a hard link {} to {}, which only a lower layer has",
                            printable_bytes(&path),
                            printable_bytes(&target)
                        ),
                    ));
                };
                // Whoever unpacks a link sets the attributes of the file once more.
                let target = &mut self.files[number].node;
                if !matches!(target.kind, Kind::Symlink(_)) {
                    target.mode = entry.mode;
                }
                (target.uid, target.gid) = (entry.uid, entry.gid);
                target.mtime = entry.mtime;
                self.set(path, number);
                return Ok(());
            }
        };
        let had = self.get(&path).map(|wanted| &wanted.node);
        // A folder that is there stays, with other attributes.
        let opaque = had.is_some_and(|node| node.opaque);
        if had.is_some_and(|node| node.kind == Kind::Directory) && kind != Kind::Directory {
            self.remove_below(&path, |_| true);
        }
        let wanted = Wanted {
            node: Node {
                kind,
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                mtime: entry.mtime,
                xattrs: entry.xattrs.clone(),
                opaque,
            },
            said: Said::All,
            content,
            name: path.clone(),
        };
        let number = self.files.len();
        self.files.push(wanted);
        self.set(path, number);
        Ok(())
    }

    fn set(&mut self, path: Vec<u8>, number: usize) {
        let is_folder = |node: &Node| node.kind == Kind::Directory;
        let stays = self.get(&path).is_some_and(|had| is_folder(&had.node))
            && is_folder(&self.files[number].node);
        if let Some(folder) = parent(&path).filter(|_| !stays) {
            self.touched.insert(folder.to_vec());
        }
        self.current.insert(path.clone());
        self.paths.insert(path, number);
    }

    /// The folders above a path, of which no layer says anything.
    fn add_parents(&mut self, path: &[u8], file: &str) -> Result<()> {
        let mut missing = Vec::new();
        let mut at = parent(path);
        while let Some(path) = at.filter(|path| !path.is_empty()) {
            match self.get(path) {
                None => missing.push(path.to_vec()),
                Some(above) if above.node.kind == Kind::Directory => break,
                Some(above) if above.node.kind == Kind::Whiteout => missing.push(path.to_vec()),
                Some(_) => {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        file,
                        format!(
                            "has something below {}, which is no folder in the layers below it",
                            printable_bytes(path)
                        ),
                    ))
                }
            }
            at = parent(path);
        }
        for path in missing.into_iter().rev() {
            let number = self.files.len();
            self.files
                .push(Wanted::of_engine(Kind::Directory, 0o755, &path));
            if let Some(folder) = parent(&path) {
                self.touched.insert(folder.to_vec());
            }
            // Not of the current layer: an entry may still come.
            self.paths.insert(path, number);
        }
        Ok(())
    }

    fn remove(&mut self, folder: &[u8], removed: &[u8]) {
        match (removed, self.whiteouts) {
            (b".wh..opq", Whiteouts::Overlay | Whiteouts::Kernel) => {
                if let Some(folder) = self.get_mut(folder) {
                    folder.node.opaque = true;
                }
            }
            (b".wh..opq", Whiteouts::None) => {
                let current = std::mem::take(&mut self.current);
                let above: BTreeSet<_> = current
                    .iter()
                    .flat_map(|path| std::iter::successors(parent(path), |path| parent(path)))
                    .collect();
                self.remove_below(folder, |path| {
                    !current.contains(path) && !above.contains(path)
                });
                drop(above);
                self.current = current;
                self.touched.insert(folder.to_vec());
            }
            // Folders in which AUFS keeps its own things.
            (removed, _) if removed.starts_with(b".wh.") || removed.is_empty() => {}
            (removed, whiteouts) => {
                let path = join(folder, removed);
                if self.current.contains(&path) {
                    return;
                }
                self.touched.insert(folder.to_vec());
                if whiteouts == Whiteouts::None {
                    self.paths.remove(&path);
                    self.remove_below(&path, |_| true);
                    return;
                }
                if self.paths.contains_key(&path) {
                    return;
                }
                let number = self.files.len();
                self.files.push(Wanted::of_engine(Kind::Whiteout, 0, &path));
                self.paths.insert(path, number);
            }
        }
    }

    fn remove_below(&mut self, folder: &[u8], goes: impl Fn(&[u8]) -> bool) {
        let start = join(folder, b"");
        let below: Vec<_> = self
            .paths
            .range(start.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&start))
            .filter(|path| !path.is_empty() && goes(path))
            .cloned()
            .collect();
        for path in below {
            self.paths.remove(&path);
        }
    }
}

/// The digest of an entry's content.
fn digest(mut content: impl Read) -> std::io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            n => hasher.update(&buffer[..n]),
        }
    }
}
