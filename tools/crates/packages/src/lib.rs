//! Packages of Debian, RPM and Alpine: chosen once, locked by digest, and unpacked without running anything.
//!
//! A [`Manifest`] says what an image needs. Choosing reads the indexes of repositories, whose
//! signatures are checked ([`openpgp`]), and finds a set of packages that need nothing more and
//! contradict nothing ([`solve`]). What was chosen is a [`Lock`]. Installing reads the lock and
//! nothing else: it fetches packages by their digests and turns them into one layer, with the
//! database that the distribution's own tools read.
//!
//! What is the same for all distributions stands here; each has a folder of its own for the rest.

mod aliases;
pub mod apk;
mod choice;
pub mod deb;
mod error;
pub mod fetch;
pub mod install;
pub mod lock;
pub mod manifest;
mod moment;
pub mod openpgp;
mod others;
mod packed;
pub mod places;
pub mod rpm;
pub mod solve;
pub mod source;
mod sysusers;
mod vendor;
mod words;

pub use aliases::Aliases;
pub use error::{Error, ErrorKind, Result};
pub use lock::Lock;
pub use manifest::Manifest;
pub use moment::Moment;
pub use vendor::vendor;

use crate::fetch::Fetcher;
use crate::manifest::PackageFormat;
use crate::places::Places;

/// Choose packages for a manifest. `now` is the moment for sources that stand for none; `old` is
/// the lock that is replaced, whose indexes must not be newer.
pub fn choose(
    manifest: &Manifest,
    places: &Places,
    fetcher: &Fetcher,
    now: Moment,
    old: Option<&Lock>,
) -> Result<Lock> {
    places.check(manifest.sources.iter().map(|source| &*source.name))?;
    match manifest.format {
        PackageFormat::Deb => deb::choose(manifest, places, fetcher, now, old),
        PackageFormat::Rpm => rpm::choose(manifest, places, fetcher, now, old),
        PackageFormat::Apk => apk::choose(manifest, places, fetcher, now, old),
    }
}
