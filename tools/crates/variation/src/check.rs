//! Build twice, compare, and find who is to blame.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::bazel::{self, Build};
use crate::blame::{blame, Accused};
use crate::checkout::{self, Checkout};
use crate::circumstances::{Circumstances, Plan, Unvaried, Varied};
use crate::compare::{compare, FileError, Target, Verdict};
use crate::condition::Condition;
use crate::log::{self, Lenience};

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
    /// Each target.
    pub results: Vec<Target>,
    /// Actions that made something else from the same, although no output that was asked for shows it.
    pub unsteady: Vec<Accused>,
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
struct Leftovers(Vec<PathBuf>);

impl Drop for Leftovers {
    fn drop(&mut self) {
        self.0.iter().for_each(|folder| bazel::remove(folder));
    }
}

/// Check.
pub fn check(request: &Request, mut tell: impl FnMut(Step)) -> Result<Report, Error> {
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
        };
        let build = request.run()?;
        // A server that knows where its downloads are tells the other one.
        let shared = (which == "first").then(|| request.shared(&build)).flatten();
        request.shut_down(&build);
        Ok::<(Build, Option<PathBuf>), bazel::Error>((build, shared))
    };
    tell(Step::Building("first"));
    let (first, shared) = work("first", &program, &workspace, &plan.first, None)?;
    tell(Step::Built("first", began.elapsed()));
    plan.heed(&first.events.pinned());

    let (mut second_program, mut second_workspace) = (program.clone(), workspace);
    if plan.second.copy {
        tell(Step::Copying);
        let copy = plan.second.folder.join("checkout");
        checkout.copy_to(&copy)?;
        second_workspace = copy.join(&checkout.workspace);
        // A wrapper in the checkout is that of its copy.
        let real = program.canonicalize().unwrap_or(program);
        second_program = checkout.in_copy(&real, &copy).unwrap_or(second_program);
    }
    let later = began.elapsed();
    tell(Step::Building("second"));
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
    tell(Step::Built("second", again.elapsed()));
    for varied in &mut plan.varied {
        if varied.condition == Condition::Time {
            varied.second = format!("{} s later", later.as_secs());
        }
    }

    tell(Step::Comparing);
    let lenience = Lenience {
        environment: plan.second.actions.iter().map(|(n, _)| n.clone()).collect(),
        configurations: request.configs.is_some() || request.conditions.contains(&Condition::Mode),
    };
    let mut results = compare(&first.events, &second.events, &lenience)?;
    tell(Step::Tracing);
    let differing: Vec<_> = results
        .iter()
        .flat_map(|t| &t.outputs)
        .map(|o| o.path.clone())
        .collect();
    let found = blame(&first.log, &second.log, &differing, &lenience)?;
    let outputs = results.iter_mut().flat_map(|t| &mut t.outputs);
    for (output, roots) in outputs.zip(found.roots) {
        output.roots = roots;
    }
    Ok(Report {
        schema: SCHEMA,
        verdict: if differing.is_empty() {
            Verdict::Reproducible
        } else {
            Verdict::Different
        },
        varied: plan.varied,
        unvaried: plan.unvaried,
        actions: found.actions,
        results,
        unsteady: found.unsteady,
    })
}
