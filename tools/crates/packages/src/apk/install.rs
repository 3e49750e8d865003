//! From locked packages to the root file system of an image, with apk's database, without running
//! anything.

use std::collections::BTreeMap;

use verbatim_archive::{Builder, Item, Keeper, Wish};
use verbatim_foreign::printable_bytes;

use super::database::{self, both_have, Installed};
use super::relation;
use super::unpack::{unpack, File};
use crate::aliases::Aliases;
use crate::install::{unpack_all, Wanted};
use crate::lock::{Lock, LockedPackage};
use crate::packed::Node;
use crate::source::Place;
use crate::{Error, Result};

/// A file by its package and its position in it.
type At = (usize, usize);

/// Put packages, which [`crate::fetch::Fetcher::packages`] has brought, into a layer.
pub fn install(
    lock: &Lock,
    packages: &[(&LockedPackage, Place)],
    architecture: &str,
    wanted: &Wanted<'_>,
    builder: &mut Builder,
) -> Result<()> {
    let keeper = builder.keeper()?;
    let unpacked = unpack_all(packages, wanted, |package, path| {
        unpack(package, path, &keeper)
    })?;
    let mut installed: Vec<Installed<'_>> = packages
        .iter()
        .zip(unpacked)
        .map(|((locked, _), unpacked)| Installed {
            locked,
            lost: vec![false; unpacked.files.len()],
            unpacked,
        })
        .collect();
    installed.sort_by(|a, b| {
        let key = |one: &Installed<'_>| (one.locked.name.clone(), one.locked.version.clone());
        key(a).cmp(&key(b))
    });
    owners(&mut installed, &keeper);
    let mut aliases = Aliases::default();
    for file in installed.iter().flat_map(|one| &one.unpacked.files) {
        if let Node::Symlink(target) = &file.packed.node {
            aliases.add(file.packed.path.clone(), target);
        }
    }
    let placed = place(&mut installed, &aliases)?;
    let made: [(&str, Vec<u8>); 5] = [
        ("etc/apk/arch", format!("{architecture}\n").into_bytes()),
        ("etc/apk/world", database::world(lock)),
        ("lib/apk/db/installed", database::installed(&installed)?),
        ("lib/apk/db/scripts.tar", database::scripts(&installed)?),
        ("lib/apk/db/triggers", database::triggers(&installed)),
    ];
    let mut files: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (path, content) in made {
        files.insert(led(path.as_bytes(), &aliases)?, content);
    }
    for (path, (owner, at)) in placed {
        // What the database says is newer than what a package brings.
        if files.contains_key(&path) {
            continue;
        }
        let package = &installed[owner];
        builder.component(Some(&format!("apk:{}", package.locked.name)));
        let file = &package.unpacked.files[at];
        add(file, &path, &package.locked.name, &aliases, builder)?;
    }
    builder.component(None);
    for (path, content) in files {
        let item = Item::Bytes(content);
        builder.item(&path, item, &Wish::default(), "the database of packages")?;
    }
    Ok(())
}

/// Lists of accounts are not longer than this.
const LARGEST_ACCOUNTS: u64 = 16 << 20;
/// Who owns what belongs to somebody that no list names, as apk has it.
const NOBODY: u64 = 65534;

/// Give files whose owners are said by name the numbers that the lists of the set have for them.
fn owners(installed: &mut [Installed<'_>], keeper: &Keeper) {
    let list = |path: &str| -> BTreeMap<String, u64> {
        let files = installed.iter().flat_map(|one| &one.unpacked.files);
        let is_it = |file: &&File| file.packed.path == path.as_bytes();
        let text = files
            .filter(is_it)
            .find_map(|file| match &file.packed.node {
                Node::File(kept) => keeper.read(kept, LARGEST_ACCOUNTS).ok(),
                _ => None,
            });
        let text = String::from_utf8_lossy(text.as_deref().unwrap_or_default()).into_owned();
        let numbered = text.lines().rev().filter_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
        });
        let mut numbered: BTreeMap<String, u64> = numbered.collect();
        numbered.entry("root".to_owned()).or_insert(0);
        numbered
    };
    let (users, groups) = (list("etc/passwd"), list("etc/group"));
    for file in installed.iter_mut().flat_map(|one| &mut one.unpacked.files) {
        if let Some(owner) = &file.owner {
            file.packed.uid = users.get(&owner.user).copied().unwrap_or(NOBODY);
            file.packed.gid = groups.get(&owner.group).copied().unwrap_or(NOBODY);
        }
    }
}

fn add(
    file: &File,
    path: &[u8],
    origin: &str,
    aliases: &Aliases,
    builder: &mut Builder,
) -> Result<()> {
    let packed = &file.packed;
    let item = match &packed.node {
        Node::File(kept) => Item::Kept(*kept),
        Node::HardLink(target) => Item::HardLink(led(target, aliases)?),
        Node::Symlink(target) => Item::Symlink(target.clone()),
        Node::Directory => Item::Directory,
    };
    let wish = Wish {
        mode: (!matches!(packed.node, Node::Symlink(_))).then_some(packed.mode),
        uid: Some(packed.uid),
        gid: Some(packed.gid),
        mtime: None,
        xattrs: packed.xattrs.clone(),
    };
    Ok(builder.item(path, item, &wish, origin)?)
}

/// Where a path leads, through the links that packages bring.
fn led(path: &[u8], aliases: &Aliases) -> Result<Vec<u8>> {
    aliases.place(path).ok_or_else(|| {
        Error::refused(format!(
            "the symlinks above {} go round in a circle",
            printable_bytes(path)
        ))
    })
}

/// The place of each file, and whose it is where several packages have one.
fn place(installed: &mut [Installed<'_>], aliases: &Aliases) -> Result<BTreeMap<Vec<u8>, At>> {
    let mut placed: BTreeMap<Vec<u8>, At> = BTreeMap::new();
    let mut lost: Vec<At> = Vec::new();
    for (owner, package) in installed.iter().enumerate() {
        for (at, file) in package.unpacked.files.iter().enumerate() {
            let is_folder = file.packed.node == Node::Directory;
            // Somebody else calls it a symlink: then that is what is there.
            if is_folder && aliases.has(&file.packed.path) {
                continue;
            }
            let path = led(&file.packed.path, aliases)?;
            let Some(&there) = placed.get(&path) else {
                placed.insert(path, (owner, at));
                continue;
            };
            let other = &installed[there.0].unpacked.files[there.1];
            match (is_folder, other.packed.node == Node::Directory) {
                (true, true) => {
                    // One that says something of it counts more than one that has it as usual.
                    if is_usual(other) && !is_usual(file) {
                        placed.insert(path, (owner, at));
                    }
                }
                (false, false) if there.0 == owner => {
                    return Err(Error::refused(format!(
                        "the package {} has {} twice",
                        package.locked.name,
                        printable_bytes(&path)
                    )))
                }
                (false, false) => match wins(package, &installed[there.0])? {
                    Some(true) => {
                        lost.push(there);
                        placed.insert(path, (owner, at));
                    }
                    Some(false) => lost.push((owner, at)),
                    None => {
                        let first = &installed[there.0].locked.name;
                        return Err(both_have(first, &package.locked.name, &path));
                    }
                },
                _ => {
                    let first = &installed[there.0].locked.name;
                    return Err(both_have(first, &package.locked.name, &path));
                }
            }
        }
    }
    for (owner, at) in lost {
        installed[owner].lost[at] = true;
    }
    Ok(placed)
}

fn is_usual(folder: &File) -> bool {
    let packed = &folder.packed;
    (packed.uid, packed.gid, packed.mode) == (0, 0, 0o755) && packed.xattrs.is_empty()
}

/// Whether a file of the first package stays, or that of the second, which comes before it; `None` if
/// neither says that it replaces the other. The higher priority decides, and of equal ones the later.
fn wins(one: &Installed<'_>, other: &Installed<'_>) -> Result<Option<bool>> {
    let (ours, theirs) = (replaces(one, other)?, replaces(other, one)?);
    Ok(match (ours, theirs) {
        (None, None) => None,
        (ours, theirs) => Some(ours >= theirs),
    })
}

/// The priority with which a package replaces files of another one.
fn replaces(one: &Installed<'_>, other: &Installed<'_>) -> Result<Option<u32>> {
    let about = &one.unpacked.about;
    let text = about.list("replaces");
    let named = |e: Error| e.of(format!("the package {}: its `replaces`", one.locked.name));
    let list = relation::dependencies(&text).map_err(named)?;
    let meant = list.iter().any(|wanted| {
        wanted.name == other.locked.name && wanted.admits(Some(&other.locked.version))
    });
    let priority = about
        .get("replaces_priority")
        .map_or(0, |p| p.parse().unwrap_or(0));
    Ok(meant.then_some(priority))
}
