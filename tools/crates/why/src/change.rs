//! What changed from one image to another: each file once, under what accounts for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::Serialize;
use verbatim_components::{Component, Inventory, Kind as Ecosystem};
use verbatim_digest::Digest;
use verbatim_foreign::printable_bytes;
use verbatim_oci::Platform;
use verbatim_rootfs::{Found, Node, RootFs};

use crate::bytes;

/// Files of nobody that are looked into; of the others only that they differ is told.
const MOST_EXPLAINED: usize = 500;
/// Paths that are told of one package.
const MOST_PATHS: usize = 1000;

/// What happened to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Only the new image has it.
    Added,
    /// Only the old image has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

/// A package, and the files that differ because of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// What it is.
    pub kind: Ecosystem,
    /// Its name.
    pub name: String,
    /// Its architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// What happened to it. One that is `changed` in one version has other bytes under it.
    pub how: How,
    /// Its version in the old image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// Its version in the new image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// How many files and links differ because of it.
    pub files: usize,
    /// Their paths, a thousand at most.
    pub paths: Vec<String>,
}

/// A file that is no package's, and why it differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// What happened to it.
    pub how: How,
    /// Its digest in the old image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Digest>,
    /// Its digest in the new image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Digest>,
    /// The causes that the bytes show, in the words of `verbatim diff`, with evidence.
    pub causes: Vec<(String, String)>,
}

/// Paths of which only permissions or owners differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attributes {
    /// How many.
    pub count: usize,
    /// The paths, a thousand at most.
    pub paths: Vec<String>,
}

/// What changed in an image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageChange {
    /// The platform.
    pub platform: String,
    /// Packages, by kind and name.
    pub packages: Vec<PackageChange>,
    /// Files of nobody, by path.
    pub files: Vec<FileChange>,
    /// Paths with other permissions or owners alone.
    pub attributes: Attributes,
    /// What differs in the config: how the image runs, and what is told of how it was made.
    pub config: Vec<(String, String)>,
    /// How many files and links are the same, to the byte.
    pub same: usize,
}

impl ImageChange {
    /// Whether nothing that a container sees differs.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.files.is_empty()
            && self.attributes.count == 0
            && self.config.is_empty()
    }
}

/// One package across two images, whatever its version.
type Key = (Ecosystem, String, Option<String>);

fn key(component: &Component) -> Key {
    (
        component.kind,
        component.name.clone(),
        component.architecture.clone(),
    )
}

/// A file that is no package's and is in both images.
struct Open<'a> {
    path: &'a [u8],
    old: &'a Found,
    new: &'a Found,
}

/// Compare two images. `configs` are the bytes of both configs.
///
/// # Errors
/// A content that was read once cannot be read again.
pub fn changes(
    (old, old_inventory): (&RootFs, &Inventory),
    (new, new_inventory): (&RootFs, &Inventory),
) -> io::Result<ImageChange> {
    let mut packages = versions(old_inventory, new_inventory);
    let mut files = Vec::new();
    let mut open = Vec::new();
    let mut attributes = Vec::new();
    let mut same = 0;
    let paths: BTreeSet<&[u8]> = old.iter().chain(new.iter()).map(|(path, _)| path).collect();
    for path in paths {
        let (a, b) = (old.get(path), new.get(path));
        let how = match (a, b) {
            (Some(a), Some(b)) => {
                if is_same(old, a, new, b)? {
                    let changed = (a.mode, a.uid, a.gid) != (b.mode, b.uid, b.gid);
                    if changed {
                        attributes.push(path);
                    }
                    same += usize::from(!changed && !is_directory(a));
                    continue;
                }
                How::Changed
            }
            (None, _) => How::Added,
            (_, None) => How::Removed,
        };
        let content = |found: Option<&Found>| found.is_some_and(|found| !is_directory(found));
        if !content(a) && !content(b) {
            // A directory comes and goes with what is in it.
            continue;
        }
        let owner = new_inventory
            .owner(path)
            .filter(|_| b.is_some())
            .or_else(|| old_inventory.owner(path));
        match (owner, a, b) {
            (Some(owner), ..) => {
                let (old_version, new_version) = (
                    version_in(old_inventory, owner),
                    version_in(new_inventory, owner),
                );
                let entry = packages.entry(key(owner)).or_insert_with(|| PackageChange {
                    kind: owner.kind,
                    name: owner.name.clone(),
                    architecture: owner.architecture.clone(),
                    how: How::Changed,
                    old: old_version,
                    new: new_version,
                    files: 0,
                    paths: Vec::new(),
                });
                entry.files += 1;
                if entry.paths.len() < MOST_PATHS {
                    entry.paths.push(shown(path));
                }
            }
            (None, Some(old), Some(new)) => open.push(Open { path, old, new }),
            (None, a, b) => files.push(FileChange {
                path: shown(path),
                how,
                old: digest(a)?,
                new: digest(b)?,
                causes: Vec::new(),
            }),
        }
    }
    let (now, never) = open.split_at(open.len().min(MOST_EXPLAINED));
    for (open, explained) in now
        .iter()
        .map(|o| (o, true))
        .chain(never.iter().map(|o| (o, false)))
    {
        files.push(explain(open, explained)?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ImageChange {
        platform: Platform::to_string(&new.image.platform),
        packages: packages.into_values().collect(),
        files,
        attributes: Attributes {
            count: attributes.len(),
            paths: attributes.into_iter().take(MOST_PATHS).map(shown).collect(),
        },
        config: config(&old.image.config, &new.image.config)?,
        same,
    })
}

fn shown(path: &[u8]) -> String {
    printable_bytes(path).into_owned()
}

fn is_directory(found: &Found) -> bool {
    matches!(found.node, Node::Directory)
}

/// Packages that came, went, or have another version.
fn versions(old: &Inventory, new: &Inventory) -> BTreeMap<Key, PackageChange> {
    let mut sides: BTreeMap<Key, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for component in &old.components {
        sides
            .entry(key(component))
            .or_default()
            .0
            .insert(&component.version);
    }
    for component in &new.components {
        sides
            .entry(key(component))
            .or_default()
            .1
            .insert(&component.version);
    }
    let all = |versions: &BTreeSet<&str>| {
        let versions: Vec<&str> = versions.iter().copied().collect();
        (!versions.is_empty()).then(|| versions.join(", "))
    };
    sides.retain(|_, (old, new)| old != new);
    sides
        .into_iter()
        .map(|(key, (old, new))| {
            let how = match (old.is_empty(), new.is_empty()) {
                (true, _) => How::Added,
                (_, true) => How::Removed,
                _ => How::Changed,
            };
            let change = PackageChange {
                kind: key.0,
                name: key.1.clone(),
                architecture: key.2.clone(),
                how,
                old: all(&old),
                new: all(&new),
                files: 0,
                paths: Vec::new(),
            };
            (key, change)
        })
        .collect()
}

fn version_in(inventory: &Inventory, wanted: &Component) -> Option<String> {
    let wanted = key(wanted);
    let found = inventory.components.iter().find(|one| key(one) == wanted)?;
    Some(found.version.clone())
}

/// Whether two nodes are the same in all but attributes.
fn is_same(old: &RootFs, a: &Found, new: &RootFs, b: &Found) -> io::Result<bool> {
    Ok(match (&a.node, &b.node) {
        (Node::Directory, Node::Directory) | (Node::Special, Node::Special) => true,
        (Node::Symlink(a), Node::Symlink(b)) => a == b,
        (Node::File(x), Node::File(y)) => {
            old.has_same_place(x, new, y) || (x.size == y.size && x.digest()? == y.digest()?)
        }
        _ => false,
    })
}

fn digest(found: Option<&Found>) -> io::Result<Option<Digest>> {
    match found.map(|found| &found.node) {
        Some(Node::File(place)) => place.digest().map(Some),
        _ => Ok(None),
    }
}

fn explain(open: &Open<'_>, explained: bool) -> io::Result<FileChange> {
    let causes = match (&open.old.node, &open.new.node) {
        (Node::File(old), Node::File(new)) if explained => {
            bytes::causes(&bytes::name_of(open.path), old, new)?
        }
        (Node::File(_), Node::File(_)) => {
            vec![(
                "unexplained".into(),
                "too many files differ to look into all".into(),
            )]
        }
        (Node::Symlink(old), Node::Symlink(new)) => {
            let evidence = format!("leads to {} instead of {}", shown(new), shown(old));
            vec![("source-change".into(), evidence)]
        }
        (old, new) => {
            let evidence = format!("is {} instead of {}", word(new), word(old));
            vec![("source-change".into(), evidence)]
        }
    };
    Ok(FileChange {
        path: shown(open.path),
        how: How::Changed,
        old: digest(Some(open.old))?,
        new: digest(Some(open.new))?,
        causes,
    })
}

fn word(node: &Node) -> &'static str {
    match node {
        Node::Directory => "a directory",
        Node::File(_) => "a file",
        Node::Symlink(_) => "a link",
        Node::Special => "a device or a pipe",
    }
}

/// What differs in two configs but for the layers, which the rest tells of.
fn config(old: &[u8], new: &[u8]) -> io::Result<Vec<(String, String)>> {
    let without_layers = |config: &[u8]| -> Option<Vec<u8>> {
        let mut value = verbatim_document::json::parse_value(config, "config").ok()?;
        let members = value.as_object_mut()?;
        members.remove("rootfs");
        members.remove("history");
        verbatim_document::json::to_canonical(&value).ok()
    };
    match (without_layers(old), without_layers(new)) {
        (Some(old), Some(new)) if old == new => Ok(Vec::new()),
        (Some(old), Some(new)) => bytes::causes_of("config.json", &old, &new),
        _ => bytes::causes_of("config.json", old, new),
    }
}
