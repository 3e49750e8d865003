//! `verbatim packages`: packages of a distribution, locked and installed.

mod compare;
mod install;
mod lock;
mod vendor;

use std::path::{Path, PathBuf};

use verbatim_net::{Client, Options as NetOptions};
use verbatim_packages::fetch::Fetcher;
use verbatim_packages::lock::{Change, LockedPackage};
use verbatim_packages::places::Places;
use verbatim_packages::{Error, ErrorKind};

use crate::colours::colours;
use crate::outcome::{Outcome, Unchecked};

/// Packages of a distribution: chosen once, reviewed as a lock file, installed without running anything.
///
/// `lock` chooses packages for a manifest and checks every signature on the way; `install` turns
/// what was locked into one layer, with the database that the distribution's own tools and
/// scanners read. A build needs `install` alone, and that reads nothing but the lock and the
/// packages, by their digests.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Lock(lock::Options),
    Install(install::Options),
    Vendor(vendor::Options),
    Compare(compare::Options),
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let result = match options.command {
        Command::Lock(options) => lock::run(options),
        Command::Install(options) => install::run(options),
        Command::Vendor(options) => vendor::run(options),
        Command::Compare(options) => compare::run(options),
    };
    let Err(error) = result else { return result };
    match error.downcast_ref::<Error>().map(Error::kind) {
        // What is not what it must be differs: it is no mistake of who asked.
        Some(ErrorKind::Refused) => {
            eprintln!("verbatim: {error}");
            Ok(Outcome::Different)
        }
        Some(ErrorKind::Unreachable) => Err(error.context(Unchecked)),
        _ => Err(error),
    }
}

/// Where sources are read, and how.
#[derive(Debug, clap::Args)]
struct SourceOptions {
    /// Read this source elsewhere: at a mirror, or in a folder, such as one made by `packages vendor`.
    #[arg(long, value_name = "NAME=URL|DIR")]
    source: Vec<String>,
    /// Trust the certificate authorities in this file (PEM) beside those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// How many requests are made at a time.
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
}

impl SourceOptions {
    /// The places of sources that are named in this file.
    fn places(&self, file: &Path) -> anyhow::Result<Places> {
        let mut places = Places::new(file.parent().unwrap_or(Path::new("")));
        for text in &self.source {
            places.replace(text)?;
        }
        Ok(places)
    }

    fn fetcher(&self) -> anyhow::Result<Fetcher> {
        let client = Client::new(NetOptions {
            ca_files: self.ca.clone(),
            parallel: self.parallel.into(),
            ..NetOptions::default()
        })?;
        Ok(Fetcher::new(client)?)
    }
}

/// The folder that a file lies in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A change as a line for people.
fn shown(change: &Change<'_>) -> String {
    let (good, bad) = colours();
    let named = |package: &LockedPackage| {
        let text = format!(
            "{} {} {}",
            package.name, package.architecture, package.version
        );
        verbatim_foreign::printable(&text).into_owned()
    };
    match change {
        Change::Added(new) => format!("{good}+ {}{good:#}\n", named(new)),
        Change::Removed(old) => format!("{bad}- {}{bad:#}\n", named(old)),
        Change::Version(old, new) => format!(
            "~ {} -> {}\n",
            named(old),
            verbatim_foreign::printable(&new.version)
        ),
        Change::Content(old, _) => format!("{bad}! {}: other bytes{bad:#}\n", named(old)),
    }
}

/// A change for machines.
#[derive(Debug, serde::Serialize)]
struct Changed<'a> {
    name: &'a str,
    architecture: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<&'a str>,
    verdict: &'static str,
}

impl<'a> From<&Change<'a>> for Changed<'a> {
    fn from(change: &Change<'a>) -> Self {
        let (old, new, verdict) = match *change {
            Change::Added(new) => (None, Some(new), "added"),
            Change::Removed(old) => (Some(old), None, "removed"),
            Change::Version(old, new) => (Some(old), Some(new), "version"),
            Change::Content(old, new) => (Some(old), Some(new), "content"),
        };
        let any = match *change {
            Change::Added(one) | Change::Removed(one) => one,
            Change::Version(one, _) | Change::Content(one, _) => one,
        };
        Self {
            name: &any.name,
            architecture: &any.architecture,
            old: old.map(|package| &*package.version),
            new: new.map(|package| &*package.version),
            verdict,
        }
    }
}
