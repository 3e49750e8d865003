//! All that a lock needs, in a folder: for when a mirror deletes it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use verbatim_digest::Digest;
use verbatim_foreign::printable_path;
use verbatim_output::OutputDir;

use crate::fetch::{location, open_checked, Fetcher};
use crate::lock::{Lock, LockedIndex};
use crate::places::Places;
use crate::source::{Place, SafePath};
use crate::{Error, Result};

/// How many files were brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendored {
    /// Packages.
    pub packages: usize,
    /// Indexes.
    pub indexes: usize,
}

/// The lock in a folder that was made here, by which such a folder is known.
pub(crate) const LOCK: &str = "packages.lock.json";

/// Fill a folder with every package and index of a lock, and the lock. Each source has a folder of
/// its own in it, which [`Places::replace`] finds.
pub fn vendor(
    lock: &Lock,
    places: &Places,
    fetcher: &Fetcher,
    cache: &Path,
    output: &Path,
) -> Result<Vendored> {
    let failed = |e: verbatim_output::Error| Error::unreachable(e.to_string());
    let out = OutputDir::create(output).map_err(failed)?;
    let mut wanted = Vec::new();
    let mut roots = BTreeMap::new();
    for source in &lock.sources {
        let place = places.of(&source.name, &source.url)?;
        let root = out.partial().join(&source.name);
        roots.insert(&*source.name, (place, root));
    }
    for package in &lock.packages {
        let (place, root) = roots
            .get(&*package.source)
            .ok_or_else(|| Error::wrong(format!("there is no source `{}`", package.source)))?;
        wanted.push((package, place, root));
    }
    let there: Vec<_> = wanted
        .iter()
        .map(|(package, place, _)| (*package, *place))
        .collect();
    fetcher.packages(&there, cache, &|_| {})?;
    for (package, place, root) in &wanted {
        let mut from = open_checked(package, &location(package, place, cache))?;
        let to = root.join(package.path.as_str());
        copy(&mut from, &to)?;
    }
    let mut indexes = 0;
    for source in &lock.sources {
        let Some((place, root)) = roots.get(&*source.name) else {
            continue;
        };
        for index in &source.indexes {
            let data = fetch(index, place, fetcher)?;
            copy(&mut &data[..], &root.join(index.path.as_str()))?;
            indexes += 1;
        }
    }
    copy(&mut &lock.to_bytes()?[..], &out.partial().join(LOCK))?;
    out.commit().map_err(failed)?;
    Ok(Vendored {
        packages: lock.packages.len(),
        indexes,
    })
}

/// An index as it was when packages were chosen: under its name, or by its digest where newer ones
/// have its name.
fn fetch(index: &LockedIndex, place: &Place, fetcher: &Fetcher) -> Result<Vec<u8>> {
    let folder = index
        .path
        .as_str()
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let by_hash = format!("{folder}/by-hash/SHA256/{}", index.sha256.hex());
    let by_hash: SafePath = by_hash.trim_start_matches('/').parse()?;
    for path in [&by_hash, &index.path] {
        // A newer index may be longer.
        let limit = index.size.saturating_mul(4).saturating_add(16 << 20);
        if let Some(data) = fetcher.document(place, path, limit)? {
            if Digest::of(&data) == index.sha256 {
                return Ok(data);
            }
        }
    }
    Err(Error::refused(format!(
        "{} is not the index that the lock was made with: the source has moved on; lock again, or name with --source a snapshot of it",
        place.shown(&index.path)
    )))
}

fn copy(from: &mut impl io::Read, to: &Path) -> Result<()> {
    let failed =
        |e: io::Error| Error::unreachable(format!("cannot write {}: {e}", printable_path(to)));
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = fs::File::create(to).map_err(failed)?;
    io::copy(from, &mut file).map_err(failed)?;
    Ok(())
}
