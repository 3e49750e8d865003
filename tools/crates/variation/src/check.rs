//! Build twice, compare, and find who is to blame.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bazel::{self, Build};
use crate::blame::{blame, Accused, Blame, Root};
use crate::checkout::{self, Checkout};
use crate::circumstances::{Circumstances, Plan, Unvaried, Varied};
use crate::compare::{compare, locate, FileError, Target, Verdict};
use crate::condition::Condition;
use crate::events::Events;
use crate::log::{self, Lenience};
use crate::process::Interrupt;

/// What is to be checked.
#[derive(Debug)]
pub struct Request {
    /// The folder with MODULE.bazel.
    pub workspace: PathBuf,
    /// Labels and patterns.
    pub targets: Vec<String>,
    /// What is to be other in the second build.
    pub conditions: BTreeSet<Condition>,
    /// The program; if none is named, the one that is found.
    pub bazel: Option<PathBuf>,
    /// Options for both builds.
    pub options: Vec<String>,
    /// `--config` of the first build and of the second.
    pub configs: Option<[String; 2]>,
    /// A folder for both builds, which exists.
    pub scratch: PathBuf,
    /// Leave everything where it is.
    pub keep: bool,
    /// Let Bazel draw on the terminal.
    pub terminal: bool,
    /// Somebody may wish to end.
    pub interrupt: Interrupt,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bazel is absent, or a build failed.
    #[error(transparent)]
    Bazel(#[from] bazel::Error),
    /// The second build failed, and may not have without one of these conditions.
    #[error("{source}; the first build did not fail: leave conditions out one after another (--without=NAME) to find the one that it depends on")]
    Second {
        /// What Bazel said.
        source: bazel::Error,
    },
    /// The checkout cannot be copied.
    #[error("the checkout cannot be copied; --without=checkout builds both times in place")]
    Copy(#[from] checkout::Error),
    /// An output cannot be read.
    #[error(transparent)]
    Output(#[from] FileError),
    /// An execution log cannot be read.
    #[error(transparent)]
    Log(#[from] log::Error),
    /// The folder of the builds cannot be used.
    #[error("{} cannot be used", path.display())]
    Scratch {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What was found out.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What this is.
    pub schema: &'static str,
    /// Whether all outputs of all targets are the same.
    pub verdict: Verdict,
    /// What was other in the second build.
    pub varied: Vec<Varied>,
    /// What was to be, and could not.
    pub unvaried: Vec<Unvaried>,
    /// How many actions were carried out in the first build.
    pub actions: usize,
    /// What the differences come from, each once.
    #[serde(skip)]
    pub guilty: Vec<Guilty>,
    /// Each target.
    pub results: Vec<Target>,
    /// Actions that made something else from the same, although no output that was asked for shows it.
    pub unsteady: Vec<Accused>,
}

/// Where differences come from.
#[derive(Debug, Serialize)]
pub struct Guilty {
    /// The action, or the file that no action made.
    #[serde(flatten)]
    pub root: Root,
    /// How many other outputs differ for no other reason than that they are made of it.
    pub consequences: usize,
    /// The first file that differs because of it, in both builds; absent where one of them does not have it.
    #[serde(skip)]
    pub files: Option<[PathBuf; 2]>,
}

/// A report, and the builds that it is about: they are removed with it, unless they are to be kept.
#[derive(Debug)]
pub struct Checked {
    /// What was found out.
    pub report: Report,
    _builds: Leftovers,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The checkout is being copied.
    Copying,
    /// A build has begun.
    Building(&'static str),
    /// A build has ended.
    Built(&'static str, Duration),
    /// Outputs are being compared.
    Comparing,
    /// Execution logs are being read.
    Tracing,
}

/// The name of the report's form.
pub const SCHEMA: &str = "verbatim.check/1";

/// Remove what lies outside of the scratch folder, however the check ends.
#[derive(Debug)]
struct Leftovers(Vec<PathBuf>);

impl Drop for Leftovers {
    fn drop(&mut self) {
        self.0.iter().for_each(|folder| bazel::remove(folder));
    }
}

/// Check.
///
/// Files of the builds can be looked at until [`Checked`] is dropped.
pub fn check(request: &Request, mut tell: impl FnMut(Step)) -> Result<Checked, Error> {
    let mut tell = |step| {
        tell(step);
        if request.interrupt.is_raised() {
            return Err(bazel::Error::Interrupted);
        }
        Ok(())
    };
    let scratch = |source| Error::Scratch {
        path: request.scratch.clone(),
        source,
    };
    let checkout = Checkout::of(&request.workspace).map_err(scratch)?;
    let workspace = checkout.workspace();
    let program = match &request.bazel {
        Some(program) => program.clone(),
        None => bazel::find(&workspace, &checkout.top)?,
    };
    let mut plan = Plan::of(&request.conditions, &request.scratch).map_err(scratch)?;
    if let Some([first, second]) = &request.configs {
        plan.first.options.push(format!("--config={first}"));
        plan.second.options.push(format!("--config={second}"));
    }
    let mut leftovers = Leftovers(plan.second.sandboxes.iter().cloned().collect());
    if !request.keep && !plan.second.folder.starts_with(&request.scratch) {
        leftovers.0.push(plan.second.folder.clone());
    }

    let began = Instant::now();
    let work = |which, program: &Path, workspace: &Path, circumstances: &Circumstances, root| {
        let request = bazel::Request {
            which,
            program,
            workspace,
            circumstances,
            user_root: root,
            options: &request.options,
            targets: &request.targets,
            terminal: request.terminal,
            interrupt: &request.interrupt,
        };
        let build = request.run()?;
        // A server that knows where its downloads are tells the other one.
        let shared = (which == "first").then(|| request.shared(&build)).flatten();
        request.shut_down(&build);
        Ok::<(Build, Option<PathBuf>), bazel::Error>((build, shared))
    };
    tell(Step::Building("first"))?;
    let (first, shared) = work("first", &program, &workspace, &plan.first, None)?;
    tell(Step::Built("first", began.elapsed()))?;
    plan.heed(&first.events.pinned());

    let (mut second_program, mut second_workspace) = (program.clone(), workspace);
    if plan.second.copy {
        tell(Step::Copying)?;
        let copy = plan.second.folder.join("checkout");
        checkout.copy_to(&copy)?;
        second_workspace = copy.join(&checkout.workspace);
        // A wrapper in the checkout is that of its copy.
        let real = program.canonicalize().unwrap_or(program);
        second_program = checkout.in_copy(&real, &copy).unwrap_or(second_program);
    }
    let later = began.elapsed();
    tell(Step::Building("second"))?;
    let again = Instant::now();
    let (second, _) = work(
        "second",
        &second_program,
        &second_workspace,
        &plan.second,
        shared.as_deref(),
    )
    .map_err(|source| match source {
        bazel::Error::Failed { .. } => Error::Second { source },
        other => other.into(),
    })?;
    tell(Step::Built("second", again.elapsed()))?;
    for varied in &mut plan.varied {
        if varied.condition == Condition::Time {
            varied.second = format!("{} s later", later.as_secs());
        }
    }

    tell(Step::Comparing)?;
    let lenience = Lenience {
        environment: plan.second.actions.iter().map(|(n, _)| n.clone()).collect(),
        configurations: request.configs.is_some() || request.conditions.contains(&Condition::Mode),
    };
    let mut results = compare(&first.events, &second.events, &lenience)?;
    tell(Step::Tracing)?;
    let differing: Vec<_> = results
        .iter()
        .flat_map(|t| &t.outputs)
        .map(|o| o.path.clone())
        .collect();
    let found = blame(&first.log, &second.log, &differing, &lenience)?;
    let guilty = guilty(&found, &mut results, (&first.events, &second.events));
    let report = Report {
        schema: SCHEMA,
        verdict: if differing.is_empty() {
            Verdict::Reproducible
        } else {
            Verdict::Different
        },
        varied: plan.varied,
        unvaried: plan.unvaried,
        actions: found.actions,
        guilty,
        results,
        unsteady: found.unsteady,
    };
    Ok(Checked {
        report,
        _builds: leftovers,
    })
}

/// Each root once, and for each output the roots of its difference.
fn guilty(
    found: &Blame,
    results: &mut [Target],
    (first, second): (&Events, &Events),
) -> Vec<Guilty> {
    let roots: BTreeSet<_> = found.roots.iter().flatten().cloned().collect();
    let mut guilty: Vec<_> = roots
        .into_iter()
        .map(|root| {
            let files = root
                .first_file()
                .map(|(ours, theirs)| [locate(&first.root, ours), locate(&second.root, theirs)]);
            Guilty {
                root,
                consequences: 0,
                files: files.filter(|files| files.iter().all(|file| file.exists())),
            }
        })
        .collect();
    // An output that two targets have is one output.
    let mut counted = BTreeSet::new();
    let outputs = results.iter_mut().flat_map(|t| &mut t.outputs);
    for (output, roots) in outputs.zip(&found.roots) {
        for root in roots {
            let Ok(at) = guilty.binary_search_by(|g| g.root.cmp(root)) else {
                continue;
            };
            output.because.push(at);
            let own = match root {
                Root::File { path, .. } => *path == output.path,
                other => other
                    .action()
                    .is_some_and(|action| action.made(&output.path)),
            };
            if !own && counted.insert((at, output.path.clone())) {
                guilty[at].consequences += 1;
            }
        }
    }
    guilty
}
