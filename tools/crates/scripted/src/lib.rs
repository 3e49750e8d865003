//! Packages installed by their own package manager, scripts and all, for those who must run scripts.
//!
//! It runs in a sandbox: without a network, with nothing of the machine but the programs of one root
//! file system, read-only, and without the privileges that reach beyond the root that it fills. What
//! comes out is scrubbed and made canonical like any other root file system. It is done twice, and
//! two that are not the same byte for byte are refused: what a script does that depends on the time or
//! on chance is told by the paths that differ.

mod differ;
mod manager;
mod sandbox;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use verbatim_archive::{ArchiveOptions, Builder, Contents, Filter, Glob, Layer};
use verbatim_foreign::printable_path;
use verbatim_packages::fetch::{location, open_checked, Fetcher};
use verbatim_packages::install::placed;
use verbatim_packages::places::Places;
use verbatim_packages::{Error, Lock, Result};
use verbatim_scrub::Rules;

use crate::manager::Manager;
use crate::sandbox::Sandbox;

/// How packages are installed.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The architecture of the image, if the lock is for several.
    pub architecture: Option<&'a str>,
    /// A folder of packages by their digests.
    pub cache: &'a Path,
    /// A folder with room for the root, twice.
    pub scratch: &'a Path,
    /// The root file system whose programs are run: package manager, shell, tar.
    pub tools: &'a Path,
}

/// The two installations begin so far from each other, or farther.
const APART: Duration = Duration::from_millis(1_100);

/// Fetch what is locked, let the package manager install it, twice, and make a layer of it. `builder`
/// makes an empty layer, whose times are those of the result.
///
/// # Errors
/// The sandbox or a program in it is not there; the package manager failed; or two installations
/// differ, with the paths that do.
pub fn install(
    lock: &Lock,
    places: &Places,
    fetcher: &Fetcher,
    wanted: &Wanted<'_>,
    builder: impl Fn() -> Builder,
) -> Result<Layer> {
    let manager = Manager::of(lock.format)?;
    let sandbox = Sandbox::find(wanted.tools, manager.programs())?;
    let (architecture, packages) = placed(lock, wanted.architecture, places)?;
    let there: Vec<_> = packages.iter().map(|(p, place)| (*p, place)).collect();
    fetcher.packages(&there, wanted.cache, &|_| {})?;
    let folder = tempfile::tempdir_in(wanted.scratch).map_err(|e| failed(wanted.scratch, e))?;
    let given = folder.path().join("packages");
    fs::create_dir(&given).map_err(|e| failed(&given, e))?;
    for (at, (package, place)) in packages.iter().enumerate() {
        let mut from = open_checked(package, &location(package, place, wanted.cache))?;
        let to = given.join(manager.file_name(at));
        let copied = fs::File::create(&to).and_then(|mut to| io::copy(&mut from, &mut to));
        copied.map_err(|e| failed(&to, e))?;
    }
    let names: Vec<&str> = packages.iter().map(|(package, _)| &*package.name).collect();
    let script = manager.script(&names, architecture);
    let mut both = Vec::new();
    let began = Instant::now();
    for run in ["first", "second"] {
        // What depends on the time shall differ: many programs write it to the second.
        if run == "second" {
            std::thread::sleep(APART.saturating_sub(began.elapsed()));
        }
        let work = folder.path().join(run);
        fs::create_dir(&work).map_err(|e| failed(&work, e))?;
        // What depends on the name of the machine shall differ.
        let archive = sandbox.run(&script, &given, &work, run)?;
        both.push(contents(&archive, builder())?);
    }
    let [first, second] =
        <[Contents; 2]>::try_from(both).map_err(|_| Error::wrong("an installation is missing"))?;
    let differing = differ::paths(&first, &second)?;
    if !differing.is_empty() {
        return Err(Error::refused(format!(
            "two installations of the same packages differ, so no layer of them can be made again: {}; mend the script that makes them, or install without scripts",
            differing.join(", ")
        )));
    }
    Ok(Arc::new(first).select(|_, _| true))
}

/// The root file system in an archive, without what tells where it was made.
fn contents(archive: &Path, mut builder: Builder) -> Result<Contents> {
    builder.scrub(Rules::default());
    let options = ArchiveOptions {
        filter: left_out()?,
        ..ArchiveOptions::default()
    };
    builder.archive(b"", archive, &options, "what the package manager installed")?;
    Ok(builder.contents()?)
}

/// What is the sandbox's own, and no image needs: devices, and the state of a package manager that
/// was never meant to go on.
fn left_out() -> Result<Filter> {
    let mut filter = Filter::default();
    for path in manager::LEFT_OUT {
        filter.exclude(Glob::new(path, "left out")?);
    }
    Ok(filter)
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::unreachable(format!("cannot write {}: {error}", printable_path(path)))
}
