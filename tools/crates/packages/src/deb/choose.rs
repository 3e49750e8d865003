//! From a manifest to a lock, for Debian.

use super::catalog::Collector;
use super::package::About;
use super::relation;
use super::repository::Repository;
use super::scripts::{self, Script};
use crate::choice::{self, Chosen, Terms};
use crate::fetch::Fetcher;
use crate::lock::{Lock, LockedPackage};
use crate::manifest::Manifest;
use crate::places::Places;
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
        let ring = choice::ring(manifest, source)?;
        let Terms { place, at, before } = Terms::of(source, places, now, old)?;
        let repository = Repository::open(source, place, &ring, fetcher, at, before)?;
        repositories.push(repository);
    }
    let mut chosen = Chosen::default();
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
        let solution = choice::solve(architecture, &catalog, &wanted)?;
        chosen.add(architecture, &catalog, solution, |package| {
            let (listed, source) = catalog.package(package);
            let locked = LockedPackage {
                name: listed.name.to_string(),
                version: listed.version.to_string(),
                architecture: listed.architecture.to_string(),
                targets: Vec::new(),
                source: manifest.sources[source as usize].name.clone(),
                path: listed.path.clone(),
                size: listed.size,
                sha256: listed.sha256,
                needed_by: Vec::new(),
            };
            Ok((locked, source))
        })?;
    }
    let indexes = repositories.into_iter().map(|one| one.indexes);
    Ok(chosen.into_lock(manifest, indexes))
}

/// What is read of each package to see its scripts: its control archive stands in front.
const PREFIX: u64 = 1 << 20;

/// The scripts of the locked packages that do something which is not done here, in the order of the
/// packages.
pub fn scripts_not_done(lock: &Lock, places: &Places, fetcher: &Fetcher) -> Result<Vec<Script>> {
    let mut found = Vec::new();
    choice::beginnings(lock, places, fetcher, PREFIX, |locked, data| {
        if let Some(about) = About::of_prefix(data) {
            found.extend(scripts::not_done(&locked.name, &about));
        }
    })?;
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
