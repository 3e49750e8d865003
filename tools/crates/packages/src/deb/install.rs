//! From locked packages to the root file system of an image, without running anything.

use std::collections::{BTreeMap, BTreeSet};

use verbatim_archive::Builder;

use super::database::{self, Form, Installed};
use super::generate;
use super::relation;
use super::root::{Judge, Owner, Root};
use super::unpack::unpack;
use super::version;
use crate::install::{unpack_all, Wanted};
use crate::lock::LockedPackage;
use crate::packed::{Node, PackedFile};
use crate::source::Place;
use crate::Result;

/// Directories of the root that are links into `usr` where it is merged.
const MERGED: [&str; 7] = ["bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"];

/// Put packages, which [`crate::fetch::Fetcher::packages`] has brought, into a layer.
pub fn install(
    packages: &[(&LockedPackage, Place)],
    native: &str,
    wanted: &Wanted<'_>,
    builder: &mut Builder,
) -> Result<()> {
    let keeper = builder.keeper()?;
    let unpacked = unpack_all(packages, wanted, |package, path| {
        unpack(package, path, &keeper)
    })?;
    let mut installed: Vec<_> = packages
        .iter()
        .zip(unpacked)
        .map(|((locked, _), unpacked)| Installed {
            locked,
            unpacked,
            replaced: BTreeSet::new(),
        })
        .collect();
    let mut root = Root::new(links(&installed));
    let judge = Relations::of(&installed)?;
    for (owner, package) in installed.iter().enumerate() {
        for file in &package.unpacked.files {
            root.add(file, owner, &judge, &keeper)?;
        }
    }
    for (owner, package) in installed.iter_mut().enumerate() {
        let lost = |file: &PackedFile| {
            let there = root.get(&file.path).map_or(owner, |placed| placed.owner);
            file.node != Node::Directory && there != owner && !judge.shares(owner, there)
        };
        let files = package.unpacked.files.iter().enumerate();
        let replaced = files.filter(|(_, file)| lost(file)).map(|(at, _)| at);
        package.replaced = replaced.collect();
    }
    generate::generate(&mut root, &installed, &keeper);
    let form = match wanted.status_d {
        true => Form::StatusD,
        false => Form::Status,
    };
    database::write(&mut root, &installed, form, native);
    root.into_layer(builder, |owner| database::owner_name(&installed, owner))
}

/// The directories that are links: as a package brings them, or as Debian's installer makes them
/// before any package (since Debian 12 `/usr` is merged everywhere).
fn links(packages: &[Installed<'_>]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut links = BTreeMap::new();
    let is_merged = packages.iter().any(|package| match &*package.locked.name {
        "usrmerge" | "usr-is-merged" => true,
        "base-files" => {
            version::compare(&package.locked.version, "12~") != std::cmp::Ordering::Less
        }
        _ => false,
    });
    let files = || packages.iter().flat_map(|package| &package.unpacked.files);
    let used: BTreeSet<&[u8]> = files()
        .filter_map(|file| file.path.split(|byte| *byte == b'/').next())
        .collect();
    for name in MERGED {
        let target = format!("usr/{name}").into_bytes();
        let brought = files().any(|file| {
            let link = match &file.node {
                Node::Symlink(link) => link.strip_prefix(b"/").unwrap_or(link),
                _ => return false,
            };
            file.path == name.as_bytes() && link == target
        });
        let always = matches!(name, "bin" | "lib" | "sbin");
        if brought || (is_merged && (always || used.contains(name.as_bytes()))) {
            links.insert(name.as_bytes().to_vec(), target);
        }
    }
    // What base-files makes of them when it is configured.
    if packages
        .iter()
        .any(|package| package.locked.name == "base-files")
    {
        links.insert(b"var/run".to_vec(), b"run".to_vec());
        links.insert(b"var/lock".to_vec(), b"run/lock".to_vec());
    }
    links
}

/// What packages say of each other's files.
struct Relations {
    names: Vec<(String, String, String, bool)>,
    replaces: BTreeSet<(Owner, Owner)>,
}

impl Relations {
    fn of(packages: &[Installed<'_>]) -> Result<Self> {
        let mut replaces = BTreeSet::new();
        for (owner, package) in packages.iter().enumerate() {
            let text = package
                .unpacked
                .about
                .control
                .get("Replaces")
                .unwrap_or_default();
            let named = |e: crate::Error| {
                e.of(format!(
                    "the package {}: its `Replaces`",
                    package.locked.name
                ))
            };
            for atom in relation::parse(text).map_err(named)?.into_iter().flatten() {
                for (other, there) in packages.iter().enumerate() {
                    if there.locked.name == atom.name && atom.admits(&there.locked.version) {
                        replaces.insert((owner, other));
                    }
                }
            }
        }
        let names = packages
            .iter()
            .map(|package| {
                let same = package.unpacked.about.control.get("Multi-Arch") == Some("same");
                let locked = package.locked;
                (
                    locked.name.clone(),
                    locked.version.clone(),
                    locked.architecture.clone(),
                    same,
                )
            })
            .collect();
        Ok(Self { names, replaces })
    }
}

impl Judge for Relations {
    fn name(&self, owner: Owner) -> String {
        self.names
            .get(owner)
            .map_or(String::new(), |(name, ..)| name.clone())
    }

    fn replaces(&self, one: Owner, other: Owner) -> bool {
        self.replaces.contains(&(one, other))
    }

    fn shares(&self, one: Owner, other: Owner) -> bool {
        let (Some(one), Some(other)) = (self.names.get(one), self.names.get(other)) else {
            return false;
        };
        one.0 == other.0 && one.1 == other.1 && one.3 && other.3
    }
}
