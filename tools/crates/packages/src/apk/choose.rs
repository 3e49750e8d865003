//! From a manifest to a lock, for apk: indexes and packages are checked on the way.

use std::collections::HashMap;
use std::path::Path;

use verbatim_digest::Digest;
use verbatim_foreign::printable_path;

use super::catalog::Catalog;
use super::index::{self, Listed, LARGEST_INDEX};
use super::keys::Keys;
use super::package::{Front, LARGEST_FRONT};
use super::scripts;
use crate::choice::{self, Chosen, Terms};
use crate::deb::Script;
use crate::fetch::{Cache, Fetcher};
use crate::lock::{Lock, LockedIndex, LockedPackage};
use crate::manifest::{Manifest, Source};
use crate::places::Places;
use crate::solve::{Package, Solution};
use crate::source::SafePath;
use crate::{Error, Moment, Result};

/// A repository of which some indexes were checked.
struct Repository<'a> {
    source: &'a Source,
    terms: Terms,
    /// None where nobody signs it.
    keys: Option<Keys>,
    indexes: Vec<LockedIndex>,
}

/// Choose packages. `now` is the moment for sources that stand for none; `old` is the lock that is
/// replaced.
pub fn choose(
    manifest: &Manifest,
    places: &Places,
    fetcher: &Fetcher,
    now: Moment,
    old: Option<&Lock>,
) -> Result<Lock> {
    if manifest.recommends {
        return Err(Error::wrong(
            "packages of apk recommend nothing; remove `recommends`",
        ));
    }
    let mut repositories = Vec::new();
    for source in &manifest.sources {
        let keys = match source.unsigned {
            true => None,
            false => Some(Keys::of(manifest, source)?),
        };
        repositories.push(Repository {
            source,
            terms: Terms::of(source, places, now, old)?,
            keys,
            indexes: Vec::new(),
        });
    }
    let mut chosen = Chosen::default();
    for architecture in &manifest.architectures {
        let mut listed: Vec<(Listed, u32)> = Vec::new();
        for (number, repository) in (0..).zip(&mut repositories) {
            repository.read(architecture, fetcher, old, |one| listed.push((one, number)))?;
        }
        let catalog = Catalog::new(&listed, &manifest.exclude);
        let solution = catalog.solve(architecture, &manifest.packages)?;
        let locked = check_packages(architecture, &catalog, &solution, &repositories, fetcher)?;
        chosen.add(architecture, &catalog, solution, |package| {
            let (_, source) = catalog.package(package);
            Ok((locked[&package].clone(), *source))
        })?;
    }
    let indexes = repositories.into_iter().map(|one| one.indexes);
    Ok(chosen.into_lock(manifest, indexes))
}

impl Repository<'_> {
    /// The index for an architecture: that of version 2, which old and new clients read, or else that
    /// of version 3.
    fn index(&self, architecture: &str, fetcher: &Fetcher) -> Result<(SafePath, Vec<u8>)> {
        for file in ["APKINDEX.tar.gz", "packages.adb"] {
            let path: SafePath = format!("{architecture}/{file}").parse()?;
            if let Some(data) = fetcher.document(&self.terms.place, &path, LARGEST_INDEX)? {
                return Ok((path, data));
            }
        }
        let path: SafePath = format!("{architecture}/APKINDEX.tar.gz").parse()?;
        Err(Error::wrong(format!(
            "the source `{}` has no {}, nor packages.adb beside it; correct its `url`",
            self.source.name,
            self.terms.place.shown(&path)
        )))
    }

    /// Read the index for an architecture, and give each package to `each`.
    fn read(
        &mut self,
        architecture: &str,
        fetcher: &Fetcher,
        old: Option<&Lock>,
        each: impl FnMut(Listed),
    ) -> Result<()> {
        let (path, data) = self.index(architecture, fetcher)?;
        let name = self.terms.place.shown(&path);
        let date = index::read(&data, self.keys.as_ref(), each).map_err(|e| e.of(&name))?;
        if let Some(date) = date {
            // Each architecture has an index of its own.
            self.terms.before = old
                .and_then(|old| old.source(&self.source.name))
                .and_then(|source| source.indexes.iter().find(|one| one.path == path)?.date);
            self.terms.check_date(date).map_err(|e| e.of(&name))?;
        }
        self.indexes.push(LockedIndex {
            path,
            size: data.len() as u64,
            sha256: Digest::of(&data),
            date,
        });
        Ok(())
    }
}

/// Look at each package that was chosen: it must be the one of the index. An index knows of a package
/// what the package says of itself, and that says the digest of its files; the lock knows all of it.
fn check_packages(
    architecture: &str,
    catalog: &Catalog<'_>,
    solution: &Solution,
    repositories: &[Repository<'_>],
    fetcher: &Fetcher,
) -> Result<HashMap<Package, LockedPackage>> {
    let cache = Cache::open(None, &std::env::temp_dir())?;
    let mut wanted = Vec::with_capacity(solution.len());
    for (package, _) in solution {
        let (listed, source) = catalog.package(*package);
        let file = format!("{architecture}/{}-{}.apk", listed.name, listed.version);
        let place = &repositories[*source as usize].terms.place;
        wanted.push((place, file.parse()?, listed.size));
    }
    let files = fetcher.files(&wanted, cache.path())?;
    let mut checked = HashMap::new();
    for (((package, _), (place, path, _)), file) in solution.iter().zip(wanted).zip(files) {
        let (listed, source) = catalog.package(*package);
        let name = place.shown(&path);
        let sha256 = check_package(listed, architecture, &file).map_err(|e| e.of(name))?;
        let locked = LockedPackage {
            name: listed.name.to_string(),
            version: listed.version.to_string(),
            architecture: architecture.to_owned(),
            targets: Vec::new(),
            source: repositories[*source as usize].source.name.clone(),
            path,
            size: listed.size,
            sha256,
            needed_by: Vec::new(),
        };
        checked.insert(*package, locked);
    }
    Ok(checked)
}

/// Check a package against its index; the digest of all of it.
fn check_package(listed: &Listed, architecture: &str, path: &Path) -> Result<Digest> {
    let unreadable = |e: std::io::Error| {
        Error::unreachable(format!(
            "it cannot be read from {}: {e}",
            printable_path(path)
        ))
    };
    let (mut file, size) = verbatim_document::file::open(path).map_err(unreadable)?;
    if size != listed.size {
        return Err(Error::refused(format!(
            "it has {size} bytes, and its index says {}",
            listed.size
        )));
    }
    let (digest, _) = verbatim_digest::of_reader(&mut file).map_err(unreadable)?;
    std::io::Seek::rewind(&mut file).map_err(unreadable)?;
    let front = Front::read(&mut file)?;
    if front.checksum != listed.checksum {
        return Err(Error::refused(format!(
            "its checksum is {}, and its index says {}: it is not the package that the index means",
            front.checksum, listed.checksum
        )));
    }
    front.check(&listed.name, &listed.version, architecture)?;
    Ok(digest)
}

/// The scripts of the locked packages that do something which is not done here, in the order of the
/// packages.
pub fn scripts_not_done(lock: &Lock, places: &Places, fetcher: &Fetcher) -> Result<Vec<Script>> {
    let mut found = Vec::new();
    choice::beginnings(lock, places, fetcher, LARGEST_FRONT, |locked, data| {
        if let Ok(front) = Front::of(data) {
            found.extend(scripts::not_done(&locked.name, &front.about));
        }
    })?;
    Ok(found)
}
