//! From a lock to one layer, whatever the distribution.

use std::path::Path;

use verbatim_archive::{Builder, Layer};

use crate::fetch::Fetcher;
use crate::lock::{Lock, LockedPackage};
use crate::manifest::Format;
use crate::places::Places;
use crate::source::Place;
use crate::{deb, rpm, Error, Result};

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
        Format::Deb => deb::install(&packages, architecture, wanted, &mut builder)?,
        Format::Rpm => rpm::install(&packages, architecture, wanted, &mut builder)?,
        Format::Apk => {
            return Err(Error::wrong(
                "packages of this format are not installed here yet",
            ))
        }
    }
    Ok(builder.finish()?)
}
