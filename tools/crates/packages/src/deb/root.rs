//! The root file system that packages make together.

use std::collections::BTreeMap;

use verbatim_archive::{Builder, Item, Keeper, Kept, Wish, Xattrs};
use verbatim_foreign::printable_bytes;

use crate::packed::{parents, Node, PackedFile};
use crate::{Error, Result};

/// The number of a package in the list of those that are installed.
pub type Owner = usize;

/// What generators make belongs to no package.
pub const NOBODY: Owner = usize::MAX;

/// A file in the root.
#[derive(Debug, Clone)]
pub struct Placed {
    /// What it is.
    pub content: Content,
    /// Permissions.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Extended attributes.
    pub xattrs: Xattrs,
    /// The package that it comes from.
    pub owner: Owner,
}

/// What a file is, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Out of a package.
    Packed(Node),
    /// Made here.
    Made(Vec<u8>),
}

/// Files by path.
#[derive(Debug, Default)]
pub struct Root {
    files: BTreeMap<Vec<u8>, Placed>,
    /// Directories that are links to others: `bin` to `usr/bin`.
    links: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What two packages of one path are to each other.
pub trait Judge {
    /// The name of a package, for messages.
    fn name(&self, owner: Owner) -> String;
    /// Whether the first one says that it replaces files of the second.
    fn replaces(&self, one: Owner, other: Owner) -> bool;
    /// Whether they are one package for two architectures, which share files.
    fn shares(&self, one: Owner, other: Owner) -> bool;
}

impl Root {
    /// A root in which these directories are links. What packages put below them goes where the
    /// links lead.
    pub fn new(links: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        Self {
            files: BTreeMap::new(),
            links,
        }
    }

    /// Where a path really is.
    pub fn real(&self, path: &[u8]) -> Vec<u8> {
        let mut real = path.to_vec();
        // A link may lead below another one: each is followed once.
        for _ in 0..=self.links.len() {
            let found =
                parents(&real).find_map(|above| Some((above.len(), self.links.get(above)?)));
            let Some((length, target)) = found else { break };
            real = [target, &real[length..]].concat();
        }
        real
    }

    /// Add a file of a package, unless that of another one stays in its place.
    pub fn add(
        &mut self,
        file: &PackedFile,
        owner: Owner,
        judge: &impl Judge,
        keeper: &Keeper,
    ) -> Result<()> {
        let mut path = self.real(&file.path);
        if let (Node::Directory, Some(target)) = (&file.node, self.links.get(&path)) {
            path = target.clone();
        }
        let node = match &file.node {
            Node::HardLink(target) => Node::HardLink(self.real(target)),
            other => other.clone(),
        };
        let new = Placed {
            content: Content::Packed(node),
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            xattrs: file.xattrs.clone(),
            owner,
        };
        let Some(old) = self.files.get(&path) else {
            self.files.insert(path, new);
            return Ok(());
        };
        let is_directory = |placed: &Placed| placed.content == Content::Packed(Node::Directory);
        if is_directory(old) && is_directory(&new) {
            // dpkg leaves a directory as the first package made it: here the first by name.
            return Ok(());
        }
        if judge.shares(owner, old.owner) && same(old, &new, keeper)? {
            return Ok(());
        }
        if judge.replaces(owner, old.owner) {
            self.files.insert(path, new);
            return Ok(());
        }
        if judge.replaces(old.owner, owner) {
            return Ok(());
        }
        Err(Error::wrong(format!(
            "the packages {} and {} both have {}, and neither replaces the other; exclude one of them",
            judge.name(old.owner),
            judge.name(owner),
            printable_bytes(&path)
        )))
    }

    /// Add a file that no package brings, if nothing is there.
    pub fn make(&mut self, path: &str, content: Content, mode: u32, gid: u64) {
        self.make_as(path, content, mode, (0, gid));
    }

    /// The same for an owner and a group.
    pub fn make_as(&mut self, path: &str, content: Content, mode: u32, (uid, gid): (u64, u64)) {
        let path = self.real(path.as_bytes());
        self.files.entry(path).or_insert(Placed {
            content,
            mode,
            uid,
            gid,
            xattrs: Xattrs::new(),
            owner: NOBODY,
        });
    }

    /// Put this content in the place of whatever is there.
    pub fn put(&mut self, path: &str, content: Content, mode: u32, gid: u64) {
        let path = self.real(path.as_bytes());
        self.files.remove(&path);
        let text = String::from_utf8_lossy(&path).into_owned();
        self.make(&text, content, mode, gid);
    }

    /// What is at a path.
    pub fn get(&self, path: &[u8]) -> Option<&Placed> {
        self.files.get(&self.real(path))
    }

    /// Everything below a directory, in the order of the paths.
    pub fn below<'a>(&'a self, directory: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a Placed)> {
        let mut start = self.real(directory);
        start.push(b'/');
        let prefix = start.clone();
        self.files
            .range(start..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, placed)| (&path[..], placed))
    }

    /// The bytes of a regular file, if it is one, and is not larger than `limit`.
    pub fn read(&self, path: &[u8], keeper: &Keeper, limit: u64) -> Option<Vec<u8>> {
        match &self.get(path)?.content {
            Content::Made(bytes) => Some(bytes.clone()),
            Content::Packed(Node::File(kept)) => keeper.read(kept, limit).ok(),
            Content::Packed(_) => None,
        }
    }

    /// Put everything into a layer. `name` names the package that a file belongs to.
    pub fn into_layer(
        self,
        builder: &mut Builder,
        name: impl Fn(Owner) -> Option<String>,
    ) -> Result<()> {
        for (path, target) in &self.links {
            // As the distribution writes them: `bin` to `usr/bin`, `var/run` to `/run`.
            let root: &[u8] = if path.contains(&b'/') { b"/" } else { b"" };
            let target = [root, target].concat();
            builder.component(None);
            builder.item(
                path,
                Item::Symlink(target),
                &Wish::default(),
                "a merged /usr",
            )?;
        }
        for (path, placed) in self.files {
            if path.is_empty() || self.links.contains_key(&path) {
                continue;
            }
            let component = name(placed.owner);
            builder.component(component.as_deref());
            let origin = component.unwrap_or_else(|| "what scripts would have made".to_owned());
            let item = match placed.content {
                Content::Made(bytes) => Item::Bytes(bytes),
                Content::Packed(Node::File(kept)) => Item::Kept(kept),
                Content::Packed(Node::HardLink(target)) => Item::HardLink(target),
                Content::Packed(Node::Symlink(target)) => Item::Symlink(target),
                Content::Packed(Node::Directory) => Item::Directory,
            };
            let wish = Wish {
                mode: Some(placed.mode),
                uid: Some(placed.uid),
                gid: Some(placed.gid),
                mtime: None,
                xattrs: placed.xattrs,
            };
            builder.item(&path, item, &wish, &origin)?;
        }
        builder.component(None);
        Ok(())
    }
}

/// Whether two files are equal, byte for byte.
fn same(a: &Placed, b: &Placed, keeper: &Keeper) -> Result<bool> {
    if (a.mode, a.uid, a.gid, &a.xattrs) != (b.mode, b.uid, b.gid, &b.xattrs) {
        return Ok(false);
    }
    let (Content::Packed(Node::File(x)), Content::Packed(Node::File(y))) = (&a.content, &b.content)
    else {
        return Ok(a.content == b.content);
    };
    let read = |kept: &Kept| {
        keeper
            .read(kept, u64::MAX)
            .map_err(|e| Error::unreachable(e.to_string()))
    };
    Ok(x.size() == y.size() && read(x)? == read(y)?)
}
