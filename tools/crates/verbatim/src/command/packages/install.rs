//! `verbatim packages install`: a layer of what was locked.

use std::path::PathBuf;

use verbatim_archive::Defaults;
use verbatim_packages::fetch::Cache;
use verbatim_packages::install::{self, Wanted};
use verbatim_packages::Lock;

use super::SourceOptions;
use crate::layer_output::OutputOptions;
use crate::outcome::Outcome;

/// Make one layer of the packages in a lock, without running anything of theirs.
///
/// Each package is fetched and checked against its digest, and unpacked; the package database is
/// written as the distribution's own tools read it. No script runs, no privilege is needed, and
/// the bytes do not depend on the machine, the user or the time.
///
/// With --run-scripts the distribution's own package manager installs them instead, scripts and all:
/// dnf5, or mmdebstrap with apt and dpkg. It runs in a sandbox (bubblewrap) without a network, which sees
/// the packages, the programs of --tools and nothing else of the machine; the caller is root, or has
/// a range of user IDs in /etc/subuid. What it made is scrubbed and made canonical; it is done twice,
/// and where the two differ the paths are told, with exit code 1, and nothing is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  A layer for an image:
    verbatim packages install image.lock.json -o base.tar.gz \\
      --metadata base.json

  Of a lock for several architectures, from a folder of `packages vendor`:
    verbatim packages install image.lock.json --architecture arm64 \\
      --source debian=vendor -o base.tar.zst

  With the scripts of the packages, run by the tools of another root:
    verbatim packages install image.lock.json --run-scripts \\
      --tools /srv/fedora -o base.tar.gz")]
pub struct Options {
    /// The lock; or one of another program, rpms.lock.yaml of Konflux or packages.manifest.yaml of dnf.
    #[arg(value_name = "LOCK")]
    lock: PathBuf,
    /// The architecture, in the distribution's word; needed where the lock is for several.
    #[arg(long, value_name = "ARCHITECTURE")]
    architecture: Option<String>,
    /// Keep packages in this folder, and take from it those that are there already.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Debian: write status.d, which scanners read, in place of dpkg's database. For images without dpkg.
    #[arg(long)]
    status_d: bool,
    /// Let the package manager install the packages, with their scripts, in a sandbox.
    #[arg(long, conflicts_with = "status_d")]
    run_scripts: bool,
    /// With --run-scripts: the root file system whose programs are run.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        requires = "run_scripts"
    )]
    tools: PathBuf,
    #[command(flatten)]
    sources: SourceOptions,
    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: Options) -> anyhow::Result<Outcome> {
    let encoding = options.output.encoding()?;
    let lock = Lock::read(&options.lock)?;
    let places = options.sources.places(&options.lock)?;
    places.check(lock.sources.iter().map(|source| &*source.name))?;
    let fetcher = options.sources.fetcher()?;
    let cache = Cache::open(options.cache.as_deref(), &options.output.scratch())?;
    let builder = || {
        options
            .output
            .builder(Defaults::default(), std::iter::empty())
    };
    if options.run_scripts {
        let wanted = verbatim_scripted::Wanted {
            architecture: options.architecture.as_deref(),
            cache: cache.path(),
            scratch: &options.output.scratch(),
            tools: &options.tools,
        };
        let layer = verbatim_scripted::install(&lock, &places, &fetcher, &wanted, builder)?;
        options.output.write(&layer, encoding)?;
        return Ok(Outcome::Done);
    }
    let wanted = Wanted {
        architecture: options.architecture.as_deref(),
        cache: cache.path(),
        threads: options.output.threads(),
        status_d: options.status_d,
    };
    let layer = install::install(&lock, &places, &fetcher, &wanted, builder())?;
    options.output.write(&layer, encoding)?;
    Ok(Outcome::Done)
}
