//! From a manifest to a lock, as far as it is the same for all distributions.

use std::collections::BTreeMap;

use crate::fetch::Fetcher;
use crate::lock::{Lock, LockedIndex, LockedPackage, LockedSource};
use crate::manifest::{Manifest, Source};
use crate::openpgp::KeyRing;
use crate::places::Places;
use crate::solve::{self, Catalog, Package, Relations, Solution};
use crate::source::Place;
use crate::{Error, Moment, Result};

/// Clocks of repositories may be ahead by so many seconds.
const AHEAD: i64 = 24 * 60 * 60;

/// What the indexes of a source are judged by.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Where it is read.
    pub(crate) place: Place,
    /// The moment that it stands for.
    pub(crate) at: Moment,
    /// The date of its index in the lock that is replaced.
    pub(crate) before: Option<Moment>,
}

impl Terms {
    /// Those of a source. `now` is the moment if it stands for none; `old` is the lock that is
    /// replaced.
    pub(crate) fn of(
        source: &Source,
        places: &Places,
        now: Moment,
        old: Option<&Lock>,
    ) -> Result<Self> {
        let before = old
            .and_then(|old| old.source(&source.name))
            .and_then(|source| source.indexes.first()?.date);
        Ok(Self {
            place: places.of(&source.name, &source.url)?,
            at: source.snapshot.unwrap_or(now),
            before,
        })
    }

    /// Judge the date that an index says of itself.
    pub(crate) fn check_date(&self, date: Moment) -> Result<()> {
        if date.seconds() > self.at.seconds().saturating_add(AHEAD) {
            return Err(Error::refused(format!(
                "it is from the future: it says {date}, and {} is what the source stands for",
                self.at
            )));
        }
        match self.before {
            Some(before) if date < before => Err(Error::refused(format!(
                "it is of {date}, older than the one of {before} that the lock was made with; remove the lock to go back"
            ))),
            _ => Ok(()),
        }
    }
}

/// The OpenPGP keys that may sign a source.
pub(crate) fn ring(manifest: &Manifest, source: &Source) -> Result<KeyRing> {
    let mut ring = KeyRing::default();
    for key in &source.keys {
        ring.add_file(&manifest.file(key))?;
    }
    Ok(ring)
}

/// What is asked for, and all that it needs, for one architecture.
pub(crate) fn solve(
    architecture: &str,
    catalog: &dyn Catalog,
    wanted: &Relations,
) -> Result<Solution> {
    solve::solve(catalog, wanted)
        .map_err(|e| e.of(format!("there is no set of packages for {architecture}")))
}

/// Packages that were chosen, of all architectures together, each with the number of its source.
#[derive(Debug, Default)]
pub(crate) struct Chosen(BTreeMap<(String, String, String), (LockedPackage, u32)>);

impl Chosen {
    /// Add what was chosen for an architecture. `locked` tells of a package what its index says, and
    /// the number of its source.
    pub(crate) fn add(
        &mut self,
        architecture: &str,
        catalog: &dyn Catalog,
        solution: Solution,
        locked: impl Fn(Package) -> Result<(LockedPackage, u32)>,
    ) -> Result<()> {
        for (package, needed_by) in solution {
            let (locked, source) = locked(package)?;
            let key = (
                locked.architecture.clone(),
                locked.name.clone(),
                locked.version.clone(),
            );
            let (locked, _) = self.0.entry(key).or_insert((locked, source));
            locked.targets.push(architecture.to_owned());
            for package in needed_by {
                let name = catalog.show_group(catalog.groups().of(package));
                if !locked.needed_by.contains(&name) {
                    locked.needed_by.push(name);
                }
            }
            locked.needed_by.sort();
        }
        Ok(())
    }

    /// Each of them, with the number of its source.
    pub(crate) fn packages(&self) -> impl Iterator<Item = (&LockedPackage, usize)> {
        self.0
            .values()
            .map(|(locked, source)| (locked, *source as usize))
    }

    /// The lock of them, with the indexes of each source that were checked.
    pub(crate) fn into_lock(
        self,
        manifest: &Manifest,
        indexes: impl IntoIterator<Item = Vec<LockedIndex>>,
    ) -> Lock {
        let sources = manifest.sources.iter().zip(indexes);
        let sources = sources.map(|(source, indexes)| LockedSource {
            name: source.name.clone(),
            url: source.url.clone(),
            indexes,
        });
        Lock::new(
            manifest.format,
            manifest.architectures.clone(),
            manifest.packages.clone(),
            sources.collect(),
            self.0.into_values().map(|(locked, _)| locked).collect(),
        )
    }
}

/// So many beginnings of packages are in memory at a time.
const AT_ONCE: usize = 8;

/// Look at the first `size` bytes of each locked package, in the order of the lock. They are not to
/// be believed; what cannot be read is passed over: it is read and checked when it is installed.
pub(crate) fn beginnings(
    lock: &Lock,
    places: &Places,
    fetcher: &Fetcher,
    size: u64,
    mut each: impl FnMut(&LockedPackage, &[u8]),
) -> Result<()> {
    for packages in lock.packages.chunks(AT_ONCE) {
        let mut wanted = Vec::new();
        for package in packages {
            let source = lock.source_of(package)?;
            wanted.push((places.of(&source.name, &source.url)?, &package.path));
        }
        let found = fetcher.prefixes(&wanted, size);
        for (package, data) in packages.iter().zip(found) {
            if let Some(data) = data {
                each(package, &data);
            }
        }
    }
    Ok(())
}
