//! What a root file system consists of, as far as layers are concerned.

use std::collections::BTreeMap;

use verbatim_archive::{Contents, Layer, Listed, What};
use verbatim_components::{Component, Inventory};
use verbatim_digest::Digest;

use crate::fingerprint::fingerprint;
use crate::rate::Temper;
use crate::Result;

/// Bytes of a header in a tar archive, to a multiple of which contents are filled up.
const BLOCK: u64 = 512;

/// Entries that go into one layer together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// By what it is known again in the next release: `deb/libc6:amd64`, `unowned/etc`.
    pub key: String,
    /// Its version; several where several things have one key.
    pub version: String,
    /// The bytes that it takes in a tar archive, directories apart.
    pub size: u64,
    /// The digest of all that a layer would hold of it.
    pub fingerprint: Digest,
    /// What changes when it does: packages of one source are released together.
    pub(crate) together: String,
    pub(crate) temper: Temper,
    /// Positions in the contents, in order.
    entries: Vec<u32>,
}

/// All parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// In the order of their keys.
    parts: Vec<Part>,
}

impl std::ops::Deref for Parts {
    type Target = [Part];

    fn deref(&self) -> &[Part] {
        &self.parts
    }
}

/// A part while entries are collected.
struct Collected {
    versions: Vec<String>,
    together: String,
    temper: Temper,
    entries: Vec<u32>,
    size: u64,
}

impl Parts {
    /// Find the part of every entry. All names of a file are in one part, and directories are in none
    /// unless they are empty: they come along with what lies in them.
    pub fn of(contents: &Contents, inventory: &Inventory) -> Result<Self> {
        let databases = databases(inventory);
        let keys: Vec<String> = inventory.components.iter().map(key_of).collect();
        let mut found: BTreeMap<String, Collected> = BTreeMap::new();
        for (at, listed) in contents.iter().enumerate() {
            if listed.what == What::Directory && !is_empty(contents, at, listed.path) {
                continue;
            }
            let first = contents.get(listed.file).map_or(listed.path, |l| l.path);
            let owner = match listed.what {
                What::Whiteout => None,
                _ => inventory.owner_position(first),
            };
            let component = owner.and_then(|at| inventory.components.get(at));
            let (key, temper) = match (listed.what, owner, component) {
                (What::Whiteout, ..) => ("white-outs".to_owned(), Temper::Whiteouts),
                (_, Some(at), Some(component)) => (keys[at].clone(), Temper::Of(component.kind)),
                _ => unowned(first, &databases),
            };
            let part = found.entry(key).or_insert_with_key(|key| Collected {
                versions: Vec::new(),
                together: component.map_or_else(|| key.clone(), together),
                temper,
                entries: Vec::new(),
                size: 0,
            });
            if let Some(component) = component {
                if !part.versions.contains(&component.version) {
                    part.versions.push(component.version.clone());
                }
            }
            part.entries.push(at as u32);
            part.size += size(&listed);
        }
        let parts = found.into_iter().map(|(key, mut collected)| {
            collected.versions.sort();
            let version = collected.versions.join(", ");
            Ok(Part {
                fingerprint: fingerprint(contents, inventory, &version, &collected.entries)?,
                key,
                version,
                size: collected.size,
                together: collected.together,
                temper: collected.temper,
                entries: collected.entries,
            })
        });
        Ok(Self {
            parts: parts.collect::<Result<_>>()?,
        })
    }

    /// The layer of the parts at these positions, with the directories above all that is in it.
    pub fn layer(&self, contents: &std::sync::Arc<Contents>, parts: &[usize]) -> Layer {
        let mut wanted = vec![false; contents.len()];
        for part in parts.iter().filter_map(|&at| self.parts.get(at)) {
            for &at in &part.entries {
                wanted[at as usize] = true;
            }
        }
        // From the end: of a directory all that lies in it comes behind it.
        let mut above: Vec<Box<[u8]>> = Vec::new();
        for at in (0..contents.len()).rev() {
            let Some(listed) = contents.get(at) else {
                continue;
            };
            // A folder that has no entry is looked for in vain.
            while above.last().is_some_and(|folder| **folder > *listed.path) {
                above.pop();
            }
            if listed.what == What::Directory && above.last().is_some_and(|p| **p == *listed.path) {
                above.pop();
                wanted[at] = true;
            }
            if wanted[at] {
                add_parent(&mut above, listed.path);
            }
        }
        contents.select(|at, _| wanted[at])
    }
}

/// Note the folder of a path among those that are looked for. They stand in the order of their paths,
/// each once: what is asked for next is the last of them.
fn add_parent(above: &mut Vec<Box<[u8]>>, path: &[u8]) {
    let Some(slash) = path.iter().rposition(|&b| b == b'/') else {
        return;
    };
    let folder = &path[..slash];
    if let Err(at) = above.binary_search_by(|one| (**one).cmp(folder)) {
        above.insert(at, folder.into());
    }
}

fn key_of(component: &Component) -> String {
    let name = format!("{}/{}", component.kind, component.name);
    match &component.architecture {
        Some(architecture) if component.kind.is_of_distribution() => {
            format!("{name}:{architecture}")
        }
        _ => name,
    }
}

fn together(component: &Component) -> String {
    match &component.source {
        Some(source) => format!("{}/source/{}", component.kind, source.name),
        None => key_of(component),
    }
}

/// The folders of databases, with their kind.
fn databases(inventory: &Inventory) -> BTreeMap<Vec<u8>, String> {
    let mut folders = BTreeMap::new();
    for component in &inventory.components {
        if component.kind.is_of_distribution() {
            let end = component.told_by.iter().rposition(|&b| b == b'/');
            let folder = component.told_by[..end.map_or(0, |at| at + 1)].to_vec();
            folders.insert(folder, component.kind.word().to_owned());
        }
    }
    folders
}

fn unowned(path: &[u8], databases: &BTreeMap<Vec<u8>, String>) -> (String, Temper) {
    let is_in = |(folder, _): &(&Vec<u8>, &String)| path.starts_with(folder);
    if let Some((_, kind)) = databases.iter().find(is_in) {
        return (format!("database/{kind}"), Temper::Database);
    }
    let top = match path.iter().position(|&b| b == b'/') {
        Some(end) => String::from_utf8_lossy(&path[..end]).into_owned(),
        None => String::new(),
    };
    (format!("unowned/{top}"), Temper::Unowned)
}

/// Whether nothing lies in the directory at this position.
fn is_empty(contents: &Contents, at: usize, path: &[u8]) -> bool {
    let below = |other: &[u8]| {
        let rest = other.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with(b"/"))
    };
    // What lies in it comes behind all that begins with its name and a byte before the slash.
    let mut next = at + 1;
    let mut step = 1;
    let before = |at: usize| {
        contents.get(at).is_some_and(|listed| {
            let rest = listed.path.strip_prefix(path);
            rest.is_some_and(|rest| rest.first().is_some_and(|&b| b < b'/'))
        })
    };
    while before(next + step - 1) {
        next += step;
        step *= 2;
    }
    while step > 0 {
        if before(next + step - 1) {
            next += step;
        }
        step /= 2;
    }
    !contents.get(next).is_some_and(|listed| below(listed.path))
}

/// The bytes of an entry in a tar archive, as long as its name is not a long one.
fn size(listed: &Listed<'_>) -> u64 {
    BLOCK + listed.size.next_multiple_of(BLOCK)
}
