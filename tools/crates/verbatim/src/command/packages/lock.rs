//! `verbatim packages lock`: choose packages.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Serialize;
use verbatim_foreign::{counted, printable_path};
use verbatim_packages::deb::{self, Script};
use verbatim_packages::fetch::Fetcher;
use verbatim_packages::lock::is_of_others;
use verbatim_packages::manifest::PackageFormat;
use verbatim_packages::places::Places;
use verbatim_packages::{apk, rpm, Lock, Manifest, Moment};

use super::{shown, Changed, SourceOptions};
use crate::files::write_files;
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::report_form;
use crate::workspace::workspace_file;

/// Choose packages for a manifest, and write them down in a lock file.
///
/// The indexes of all sources are read and their signatures checked; then packages are chosen that
/// are asked for, with all that they need and nothing that they cannot be with. An index that is
/// past its date, from the future, or older than the one that the lock was made with is refused.
/// Scripts of packages are never run: for those that do what is not done another way, their words
/// are printed.
///
/// A lock file of another program is taken as it is, and nothing is chosen: rpms.lock.yaml of
/// rpm-lockfile-prototype (Konflux), and packages.manifest.yaml of `dnf manifest`. Each package in it
/// must have a sha256. Such a file says nothing of signatures: whoever made it is believed.
///
/// What changed is printed: + added, - removed, ~ another version, ! other bytes under one version.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  A manifest, image.toml:
    format = \"deb\"
    architectures = [\"amd64\", \"arm64\"]
    packages = [\"base-files\", \"python3 (>= 3.11)\"]
    [[source]]
    name = \"debian\"
    url = \"https://deb.example.com/debian\"
    suite = \"bookworm\"
    components = [\"main\"]
    keys = [\"debian-archive-keyring.gpg\"]

  Choose, and see what an update would change:
    verbatim packages lock image.toml -o image.lock.json

  The same from a mirror nearby:
    verbatim packages lock image.toml -o image.lock.json \\
      --source debian=http://mirror.example.com/debian

  Of a lock file of Konflux, or of dnf:
    verbatim packages lock rpms.lock.yaml -o rpms.lock.json")]
pub struct Options {
    /// What is wanted, in TOML; or a lock file of another program, in YAML.
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// The lock to write; by default MANIFEST's name with .lock.json as its ending, beside it.
    #[arg(short, long, value_name = "LOCK")]
    output: Option<PathBuf>,
    /// For `bazel run`: MANIFEST and LOCK are paths in the workspace, relative to its top.
    #[arg(long)]
    workspace: bool,
    #[command(flatten)]
    sources: SourceOptions,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: report_form::Format,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    schema: &'static str,
    verdict: &'static str,
    packages: usize,
    changes: Vec<Changed<'a>>,
    /// Scripts of packages that do what is not done here.
    scripts: Vec<NotDone<'a>>,
}

#[derive(Debug, Serialize)]
struct NotDone<'a> {
    package: &'a str,
    script: &'a str,
    commands: usize,
    words: &'a [String],
}

pub(super) fn run(mut options: Options) -> anyhow::Result<Outcome> {
    if options.workspace {
        options.manifest = workspace_file(&options.manifest)?;
        options.output = options.output.as_deref().map(workspace_file).transpose()?;
    }
    let output = match &options.output {
        Some(path) => path.clone(),
        None => beside(&options.manifest),
    };
    let old = existing(&output)?;
    let places = options.sources.places(&options.manifest)?;
    let fetcher = options.sources.fetcher()?;
    let new = match is_of_others(&options.manifest) {
        true => {
            let lock = Lock::read(&options.manifest)?;
            places.check(lock.sources.iter().map(|source| &*source.name))?;
            lock
        }
        false => chosen(&options.manifest, &places, &fetcher, old.as_ref())?,
    };
    let scripts = match new.format {
        PackageFormat::Deb => deb::scripts_not_done(&new, &places, &fetcher)?,
        PackageFormat::Rpm => rpm::scripts_not_done(&new, &places, &fetcher)?,
        PackageFormat::Apk => apk::scripts_not_done(&new, &places, &fetcher)?,
    };
    write_files(vec![(Some(&output), new.to_bytes()?)])?;
    tell(&options, &output, old, &new, &scripts)?;
    Ok(Outcome::Done)
}

/// Choose packages for a manifest.
fn chosen(
    manifest: &Path,
    places: &Places,
    fetcher: &Fetcher,
    old: Option<&Lock>,
) -> anyhow::Result<Lock> {
    let manifest = Manifest::read(manifest)?;
    // The one place that looks at the clock: a source that stands for no moment is judged now.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock of this machine stands before 1970; set it")?;
    let now = Moment::from_seconds(now.as_secs() as i64);
    Ok(verbatim_packages::choose(
        &manifest, places, fetcher, now, old,
    )?)
}

/// The lock beside what it is made of: `image.lock.json` of `image.toml`, `rpms.lock.json` of
/// `rpms.lock.yaml`.
fn beside(manifest: &Path) -> PathBuf {
    let plain = manifest.with_extension("");
    match plain.extension().is_some_and(|ending| ending == "lock") {
        true => manifest.with_extension("json"),
        false => manifest.with_extension("lock.json"),
    }
}

/// The lock that is replaced, if there is one. An empty file is none yet: a label in MODULE.bazel
/// needs a file before there is a lock.
fn existing(path: &Path) -> anyhow::Result<Option<Lock>> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == 0 => return Ok(None),
        Ok(_) => {}
        Err(_) => return Ok(None),
    }
    Lock::read(path).map(Some).with_context(|| {
        format!(
            "{} is there, and no lock that can be compared; name another output or remove it",
            printable_path(path)
        )
    })
}

fn tell(
    options: &Options,
    output: &Path,
    old: Option<Lock>,
    new: &Lock,
    scripts: &[Script],
) -> anyhow::Result<()> {
    let is_new = old.is_none();
    let empty = Lock {
        packages: Vec::new(),
        ..new.clone()
    };
    let old = old.unwrap_or(empty);
    let changes = old.changes(new);
    match options.format {
        report_form::Format::Json => print_json(&Report {
            schema: "verbatim.packages-lock/1",
            verdict: if changes.is_empty() {
                "equal"
            } else {
                "different"
            },
            packages: new.packages.len(),
            changes: changes.iter().map(Changed::from).collect(),
            scripts: scripts
                .iter()
                .map(|script| NotDone {
                    package: &script.package,
                    script: script.name,
                    commands: script.count,
                    words: &script.words,
                })
                .collect(),
        }),
        report_form::Format::Text => {
            let mut text: String = changes.iter().map(shown).collect();
            for script in scripts {
                text.push_str(&format!(
                    "the {} of {} is not run, and does what is not done here ({}):\n",
                    script.name,
                    script.package,
                    counted(script.count, "command")
                ));
                for line in &script.words {
                    text.push_str(&format!("    {line}\n"));
                }
            }
            let change = match (is_new, changes.len()) {
                (true, _) => "new".to_owned(),
                (false, 0) => "no change".to_owned(),
                (false, count) => counted(count, "change"),
            };
            text.push_str(&format!(
                "{}: {} for {}, {change}\n",
                printable_path(output),
                counted(new.packages.len(), "package"),
                new.architectures.join(", ")
            ));
            print(&text)
        }
    }
}
