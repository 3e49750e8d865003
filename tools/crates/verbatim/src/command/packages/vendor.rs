//! `verbatim packages vendor`: keep what a lock needs.

use std::path::PathBuf;

use verbatim_foreign::{counted, printable_path};
use verbatim_packages::fetch::Cache;
use verbatim_packages::Lock;

use super::{folder, SourceOptions};
use crate::outcome::Outcome;
use crate::printing::print;

/// Keep all packages and indexes of a lock in a folder, for when a mirror deletes them.
///
/// The folder holds the lock, and one folder for each source, laid out as the source is. It stands
/// for every source with `--source NAME=DIR`, for `lock` as well as for `install`.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Keep everything, and build from it later:
    verbatim packages vendor image.lock.json -o vendor
    verbatim packages install image.lock.json --source debian=vendor \\
      -o base.tar.gz")]
pub struct Options {
    /// The lock.
    #[arg(value_name = "LOCK")]
    lock: PathBuf,
    /// The folder to make.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Take packages from this folder, where `install` has kept them.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    sources: SourceOptions,
}

pub(super) fn run(options: Options) -> anyhow::Result<Outcome> {
    let lock = Lock::read(&options.lock)?;
    let places = options.sources.places(&options.lock)?;
    places.check(lock.sources.iter().map(|source| &*source.name))?;
    let fetcher = options.sources.fetcher()?;
    let cache = Cache::open(options.cache.as_deref(), folder(&options.output))?;
    let done = verbatim_packages::vendor(&lock, &places, &fetcher, cache.path(), &options.output)?;
    print(&format!(
        "{}: {} and {}\n",
        printable_path(&options.output),
        counted(done.packages, "package"),
        counted(done.indexes, "index")
    ))?;
    Ok(Outcome::Done)
}
