//! From a lock to one layer, whatever the distribution.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use verbatim_archive::{Builder, Layer};

use crate::fetch::{location, Fetcher};
use crate::lock::{Lock, LockedPackage};
use crate::manifest::PackageFormat;
use crate::places::Places;
use crate::source::Place;
use crate::{apk, deb, rpm, Result};

/// How packages are installed.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The architecture of the image, if the lock is for several.
    pub architecture: Option<&'a str>,
    /// A folder of packages by their digests.
    pub cache: &'a Path,
    /// How many threads may unpack.
    pub threads: usize,
    /// Debian: one file for each package, in place of dpkg's database.
    pub status_d: bool,
}

/// The packages of an image with the places of their sources.
pub fn placed<'a>(
    lock: &'a Lock,
    architecture: Option<&'a str>,
    places: &Places,
) -> Result<(&'a str, Vec<(&'a LockedPackage, Place)>)> {
    let (architecture, packages) = lock.packages_for(architecture)?;
    let mut placed = Vec::with_capacity(packages.len());
    for package in packages {
        let source = lock.source_of(package)?;
        placed.push((package, places.of(&source.name, &source.url)?));
    }
    Ok((architecture, placed))
}

/// Fetch what is locked, and make a layer of it.
pub fn install(
    lock: &Lock,
    places: &Places,
    fetcher: &Fetcher,
    wanted: &Wanted<'_>,
    mut builder: Builder,
) -> Result<Layer> {
    let (architecture, packages) = placed(lock, wanted.architecture, places)?;
    let wanted_there: Vec<_> = packages.iter().map(|(p, place)| (*p, place)).collect();
    fetcher.packages(&wanted_there, wanted.cache, &|_| {})?;
    builder.create_parents(true);
    match lock.format {
        PackageFormat::Deb => deb::install(&packages, architecture, wanted, &mut builder)?,
        PackageFormat::Rpm => rpm::install(&packages, architecture, wanted, &mut builder)?,
        PackageFormat::Apk => apk::install(lock, &packages, architecture, wanted, &mut builder)?,
    }
    Ok(builder.finish()?)
}

/// Unpack all packages, which [`Fetcher::packages`] has brought, with the threads that are wanted.
pub(crate) fn unpack_all<T: Send>(
    packages: &[(&LockedPackage, Place)],
    wanted: &Wanted<'_>,
    unpack: impl Fn(&LockedPackage, &Path) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    // The largest first, so that no thread begins one when all others are done.
    let mut order: Vec<usize> = (0..packages.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(packages[*at].0.size));
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Result<T>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..wanted.threads.clamp(1, packages.len().max(1)) {
            scope.spawn(|| {
                while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (package, place) = &packages[at];
                    let result = unpack(package, &location(package, place, wanted.cache));
                    let failed = result.is_err();
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.insert(at, result);
                    if failed {
                        next.store(order.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_values().collect()
}
