//! `verbatim check`: does a second build give the same bytes, and if not, which action is to blame?

mod explained;
mod text;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context};
use verbatim_oci::json;
use verbatim_variation::check::{self, check, Request, Step};
use verbatim_variation::compare::Verdict;
use verbatim_variation::variants::{self, Variants};
use verbatim_variation::{bazel, Condition, Interrupt};

use crate::outcome::{Outcome, Unchecked};
use crate::printing::print;
use crate::printing::print_json;
use crate::report_form::Format;

const MOST_MANIFEST: u64 = 64 << 20;

/// Build targets twice under different conditions, compare every output, and name the action that
/// is to blame for a difference.
///
/// Any Bazel workspace will do; Bazel must be 7.4 or newer. The first build is made as anybody
/// would make it, the second one with everything other that must not matter. Both begin from
/// nothing, with output bases of their own, and use no cache. Where an output differs, the
/// execution logs of both builds are read from the output back to the first action whose inputs,
/// command and environment were equal and whose outputs were not. Its first output is compared as
/// `verbatim diff` does it: the report has the cause and the fix. What only follows from it is
/// counted.
///
/// It takes as long as two builds from nothing, and as much room; both are removed at the end,
/// also on Ctrl-C. What cannot be varied on this machine is said.
///
/// Exit codes: 0 all outputs are equal; 1 something differs; 2 the usage is wrong; 3 a build
/// failed or was interrupted, or there is no Bazel.
#[derive(Debug, clap::Args)]
#[command(after_help = "CONDITIONS
  output-base      another path for outputs and sandboxes
  checkout         a copy of the checkout at a longer path, files dated 2001
  time             the second build is later; the clock itself is not changed
  time-zone        one in which it is another day now, in actions too
  locale           LC_ALL=tr_TR.UTF-8, in actions too
  umask            077; Bazel gives most actions one of its own
  user             another USER, and HOME under another path, in actions too
  host             another host name
  cores            one core less
  jobs             another number of actions at a time
  directory-order  sandboxes in memory, where folders have another order
  file-system      the second build on another file system; only if asked for
  mode             -c fastbuild and -c opt; only if asked for

EXAMPLES
  Is the release reproducible?
    verbatim check //release:all

  Only under another path and another time zone, with the options of CI:
    verbatim check --vary=output-base,checkout,time-zone //... -- --config=ci

  Which condition does it depend on? One at a time; chance shows under any:
    verbatim check --vary=cores //x

  All but the host name, which this machine does not let anybody vary:
    verbatim check --without=host //x

  Leave both builds there, to look at them with `verbatim diff`:
    verbatim check --keep-builds=builds //x

  Do -c fastbuild and -c opt give the same archive?
    verbatim check --vary=mode //docs:archive")]
pub struct Options {
    /// What to build: labels or patterns.
    #[arg(value_name = "TARGET", required_unless_present = "built")]
    targets: Vec<String>,
    /// The workspace, or a folder in it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    workspace: PathBuf,
    /// The Bazel to run; by default the checkout's bazelw, else bazelisk or bazel on PATH.
    #[arg(long, value_name = "PROGRAM")]
    bazel: Option<PathBuf>,
    /// Vary these conditions only.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    vary: Vec<Condition>,
    /// Vary these conditions besides the usual ones.
    #[arg(
        long,
        value_name = "NAME,…",
        value_delimiter = ',',
        conflicts_with = "vary"
    )]
    with: Vec<Condition>,
    /// Keep these conditions as they are.
    #[arg(
        long,
        visible_alias = "keep",
        value_name = "NAME,…",
        value_delimiter = ','
    )]
    without: Vec<Condition>,
    /// Build first with one `--config` of .bazelrc and then with the other.
    #[arg(long, value_name = "FIRST,SECOND", value_delimiter = ',', num_args = 1)]
    configs: Vec<String>,
    /// Where the builds are made; it may take gigabytes. By default a folder in /var/tmp or TMPDIR.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Make the builds in this folder, and leave them there to be looked at.
    #[arg(long, value_name = "DIR", conflicts_with = "scratch")]
    keep_builds: Option<PathBuf>,
    /// Compare what is built already: a list of files by configuration, as `reproducible_test` writes it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["targets", "vary", "with", "without", "configs", "scratch", "keep_builds"])]
    built: Option<PathBuf>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Options of Bazel for both builds.
    #[arg(last = true, value_name = "BAZEL_OPTION")]
    options: Vec<String>,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    if let Some(manifest) = &options.built {
        return compare_built(manifest, options.format);
    }
    if let Some(option) = options.targets.iter().find(|t| t.starts_with("--")) {
        bail!("{option} is no target; write options of Bazel after `--`");
    }
    let scratch = Scratch::of(&options)?;
    let request = Request {
        workspace: workspace(&options.workspace)?,
        conditions: conditions(&options)?,
        bazel: options.bazel.as_deref().map(program).transpose()?,
        configs: configs(&options.configs)?,
        scratch: scratch.folder.clone(),
        keep: scratch.keep,
        terminal: std::io::stderr().is_terminal(),
        targets: options.targets,
        options: options.options,
        interrupt: listen()?,
    };
    let checked = check(&request, tell).map_err(|error| {
        let usage = matches!(error, check::Error::Copy(_));
        let error = anyhow::Error::from(error);
        if usage {
            error
        } else {
            error.context(Unchecked)
        }
    })?;
    // The builds are there until the end: their files are looked into.
    let whole = explained::Whole::of(&checked.report);
    match options.format {
        Format::Json => print_json(&whole)?,
        Format::Text => print(&text::report(&whole, scratch.keep)?)?,
    }
    Ok(outcome(checked.report.verdict))
}

/// Hear of Ctrl-C, and of a wish to end or to hang up, instead of ending on the spot.
fn listen() -> anyhow::Result<Interrupt> {
    use tokio::signal::unix::{signal, SignalKind};

    let interrupt = Interrupt::default();
    let heard = interrupt.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut signals = {
        let _inside = runtime.enter();
        [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            let [interrupt, terminate, hang_up] = &mut signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        eprintln!("verbatim: interrupted; ending the build and removing it");
        heard.raise();
    });
    Ok(interrupt)
}

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Reproducible => Outcome::Done,
        _ => Outcome::Different,
    }
}

/// Where the builds lie, and whether they stay.
struct Scratch {
    folder: PathBuf,
    keep: bool,
}

impl Scratch {
    fn of(options: &Options) -> anyhow::Result<Self> {
        let unusable = |path: &Path| format!("{} cannot be used for the builds", path.display());
        if let Some(folder) = &options.keep_builds {
            std::fs::create_dir_all(folder).with_context(|| unusable(folder))?;
            let empty = std::fs::read_dir(folder).with_context(|| unusable(folder))?;
            if empty.count() > 0 {
                bail!(
                    "--keep-builds={}: the folder is not empty; builds begin from nothing",
                    folder.display()
                );
            }
            let folder = folder.canonicalize().with_context(|| unusable(folder))?;
            return Ok(Self { folder, keep: true });
        }
        // /tmp may be memory, and too small for two builds.
        let above = match (&options.scratch, std::env::var_os("TMPDIR")) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) if !folder.is_empty() => folder.into(),
            _ => "/var/tmp".into(),
        };
        let above = above.canonicalize().with_context(|| unusable(&above))?;
        let folder = above.join(format!("verbatim-check.{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| unusable(&folder))?;
        Ok(Self {
            folder,
            keep: false,
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            bazel::remove(&self.folder);
        }
    }
}

/// The folder with MODULE.bazel that a folder is in.
fn workspace(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("--workspace={} cannot be read", folder.display()))?;
    let marks = ["MODULE.bazel", "REPO.bazel", "WORKSPACE.bazel", "WORKSPACE"];
    let found = folder
        .ancestors()
        .find(|f| marks.iter().any(|mark| f.join(mark).is_file()));
    found.map(Path::to_owned).ok_or_else(|| {
        anyhow!(
            "{} is in no Bazel workspace: there is no MODULE.bazel there or above; name one with --workspace=DIR",
            folder.display()
        )
    })
}

/// A path is one from here, not from the workspace; a bare name is looked for on PATH.
fn program(name: &Path) -> anyhow::Result<PathBuf> {
    if name.components().count() == 1 && !name.exists() {
        return Ok(name.to_owned());
    }
    std::path::absolute(name).with_context(|| format!("--bazel={}", name.display()))
}

fn conditions(options: &Options) -> anyhow::Result<BTreeSet<Condition>> {
    let mut conditions: BTreeSet<_> = if options.vary.is_empty() {
        Condition::usual().collect()
    } else {
        options.vary.iter().copied().collect()
    };
    conditions.extend(&options.with);
    for condition in &options.without {
        conditions.remove(condition);
    }
    if conditions.is_empty() && options.configs.is_empty() {
        bail!("--without leaves nothing to vary; leave one condition in");
    }
    Ok(conditions)
}

fn configs(names: &[String]) -> anyhow::Result<Option<[String; 2]>> {
    match names {
        [] => Ok(None),
        [first, second] => Ok(Some([first.clone(), second.clone()])),
        _ => bail!("--configs takes two names, as in --configs=gcc,clang"),
    }
}

fn tell(step: Step) {
    match step {
        Step::Building(which) => eprintln!("verbatim: the {which} build begins"),
        Step::Built(which, time) => {
            eprintln!("verbatim: the {which} build took {} s", time.as_secs());
        }
        Step::Copying => eprintln!("verbatim: copying the checkout"),
        Step::Comparing => eprintln!("verbatim: comparing outputs"),
        Step::Tracing => eprintln!("verbatim: reading the execution logs"),
    }
}

fn compare_built(manifest: &Path, format: Format) -> anyhow::Result<Outcome> {
    let data = json::read_file(manifest, MOST_MANIFEST)?;
    let listed: Variants = serde_json::from_slice(&data)
        .with_context(|| format!("{} is no list of variants", manifest.display()))?;
    if listed.variants.len() < 2 {
        bail!(
            "{} names {}, and it takes two to compare; build the target with two of them",
            manifest.display(),
            text::count(listed.variants.len(), "configuration")
        );
    }
    let report = variants::compare(&listed, Path::new("."))
        .map_err(|e| anyhow::Error::from(e).context(Unchecked))?;
    if let Format::Json = format {
        print_json(&report)?;
    } else {
        print(&text::variants(&report)?)?;
    }
    Ok(outcome(report.verdict))
}
