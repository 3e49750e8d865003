//! From a manifest to a lock, for Debian.

use std::collections::BTreeMap;

use super::catalog::Collector;
use super::package::About;
use super::relation;
use super::repository::Repository;
use super::scripts::{self, Script};
use crate::fetch::Fetcher;
use crate::lock::{Lock, LockedPackage, LockedSource};
use crate::manifest::Manifest;
use crate::openpgp::KeyRing;
use crate::places::Places;
use crate::solve::{self, Catalog as _};
use crate::{Moment, Result};

/// Choose packages. `now` is the moment for sources that stand for none; `old` is the lock that is
/// replaced.
pub fn choose(
    manifest: &Manifest,
    places: &Places,
    fetcher: &Fetcher,
    now: Moment,
    old: Option<&Lock>,
) -> Result<Lock> {
    let mut repositories = Vec::new();
    for source in &manifest.sources {
        let mut ring = KeyRing::default();
        for key in &source.keys {
            ring.add_file(&manifest.file(key))?;
        }
        let before = old
            .and_then(|old| old.source(&source.name))
            .and_then(|source| source.indexes.first()?.date);
        let at = source.snapshot.unwrap_or(now);
        let place = places.of(&source.name, &source.url)?;
        let repository = Repository::open(source, place, &ring, fetcher, at, before)?;
        repositories.push(repository);
    }
    let mut chosen: BTreeMap<(String, String, String), LockedPackage> = BTreeMap::new();
    for architecture in &manifest.architectures {
        let mut collector = Collector::default();
        for (number, repository) in (0..).zip(&mut repositories) {
            repository.packages(architecture, fetcher, |listed| {
                collector.add(listed, number)
            })?;
        }
        for foreign in foreign(manifest, architecture) {
            for (number, repository) in (0..).zip(&mut repositories) {
                repository.packages(&foreign, fetcher, |listed| {
                    if &*listed.architecture != "all" {
                        collector.add(listed, number);
                    }
                })?;
            }
        }
        let catalog = collector.finish(architecture, &manifest.exclude, manifest.recommends)?;
        let wanted = catalog.wanted(&manifest.packages)?;
        let solution = solve::solve(&catalog, &wanted)
            .map_err(|e| e.of(format!("there is no set of packages for {architecture}")))?;
        for (package, needed_by) in solution {
            let (listed, source) = catalog.package(package);
            let key = (
                listed.architecture.to_string(),
                listed.name.to_string(),
                listed.version.to_string(),
            );
            let locked = chosen.entry(key).or_insert_with(|| LockedPackage {
                name: listed.name.to_string(),
                version: listed.version.to_string(),
                architecture: listed.architecture.to_string(),
                targets: Vec::new(),
                source: manifest.sources[source as usize].name.clone(),
                path: listed.path.clone(),
                size: listed.size,
                sha256: listed.sha256,
                needed_by: Vec::new(),
            });
            locked.targets.push(architecture.clone());
            for package in needed_by {
                let name = catalog.show_group(catalog.group(package));
                if !locked.needed_by.contains(&name) {
                    locked.needed_by.push(name);
                }
            }
            locked.needed_by.sort();
        }
    }
    let sources = repositories
        .into_iter()
        .zip(&manifest.sources)
        .map(|(repository, source)| LockedSource {
            name: source.name.clone(),
            url: source.url.clone(),
            indexes: repository.indexes,
        })
        .collect();
    Ok(Lock::new(
        manifest.format,
        manifest.architectures.clone(),
        manifest.packages.clone(),
        sources,
        chosen.into_values().collect(),
    ))
}

/// What is read of each package to see its scripts: its control archive stands in front.
const PREFIX: u64 = 1 << 20;

/// The scripts of the locked packages that do something which is not done here, in the order of the
/// packages. What cannot be read is passed over: it is read and checked when it is installed.
pub fn scripts_not_done(lock: &Lock, places: &Places, fetcher: &Fetcher) -> Result<Vec<Script>> {
    let mut wanted = Vec::new();
    for package in &lock.packages {
        if let Some(source) = lock.source(&package.source) {
            wanted.push((places.of(&source.name, &source.url)?, &package.path));
        }
    }
    let prefixes = fetcher.prefixes(&wanted, PREFIX);
    let mut found = Vec::new();
    for (package, prefix) in lock.packages.iter().zip(prefixes) {
        if let Some(about) = prefix.and_then(|data| About::of_prefix(&data)) {
            found.extend(scripts::not_done(&package.name, &about));
        }
    }
    Ok(found)
}

/// The architectures beside its own that packages are asked for.
fn foreign(manifest: &Manifest, architecture: &str) -> Vec<String> {
    let mut foreign = Vec::new();
    for request in manifest.packages.iter().flat_map(|text| text.split('|')) {
        // What is no relation is told where it is looked for.
        let name = request
            .split(['<', '>', '=', '('])
            .next()
            .unwrap_or_default();
        let Ok(atom) = relation::atom(name) else {
            continue;
        };
        match atom.qualifier {
            None | Some("any" | "all" | "native") => {}
            Some(named) if named == architecture => {}
            Some(named) if foreign.iter().any(|one| one == named) => {}
            Some(named) => foreign.push(named.to_owned()),
        }
    }
    foreign
}
