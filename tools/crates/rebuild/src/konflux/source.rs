//! Which commit was built. The first `git+` material often is not it: definitions of pipelines and
//! tasks stand there too. The source is the pair that the clone task reports.

use verbatim_foreign::excerpt;

use super::pipeline::{Material, Parameters, Pipeline, TaskRun};
use super::plan::{is_git, CheckoutOptions, Source};
use crate::error::{Error, Result};

/// The task that cloned the sources: it reports an address and a commit.
pub(super) fn clone_task<'a>(tasks: &'a [TaskRun], file: &str) -> Result<Option<&'a TaskRun>> {
    let cloned: Vec<&TaskRun> = tasks.iter().filter(|run| pair(run).is_some()).collect();
    if let Some(run) = cloned.iter().find(|run| run.name == "clone-repository") {
        return Ok(Some(run));
    }
    let Some(first) = cloned.first() else {
        return Ok(None);
    };
    match cloned.iter().find(|run| pair(run) != pair(first)) {
        None => Ok(Some(first)),
        Some(other) => Err(Error::wrong(format!(
            "{file}: the tasks `{}` and `{}` report contradictory commits, and none of them is called clone-repository; the source is not known",
            excerpt(&first.name, 100),
            excerpt(&other.name, 100)
        ))),
    }
}

fn pair(run: &TaskRun) -> Option<(&str, &str)> {
    let result = |names: [&str; 2]| names.into_iter().find_map(|name| run.results.get(name));
    Some((
        result(["url", "CHAINS-GIT_URL"])?,
        result(["commit", "CHAINS-GIT_COMMIT"])?,
    ))
}

/// What a clone task reports, if all that speaks of it agrees.
pub(super) fn of_clone(
    clone: &TaskRun,
    build: &Parameters,
    materials: &[Material],
    file: &str,
) -> Result<Source> {
    let (url, commit) = pair(clone).unwrap_or_default();
    let contradiction = |what: &str, other: &str| {
        Error::wrong(format!(
            "{file}: contradictory commits: the task `{}` reports {}, and {what} is {}",
            excerpt(&clone.name, 100),
            excerpt(commit, 100),
            excerpt(other, 100)
        ))
    };
    if let Some(other) = clone.results.get("CHAINS-GIT_COMMIT") {
        if other != commit {
            return Err(contradiction("its result CHAINS-GIT_COMMIT", other));
        }
    }
    if let Some(other) = clone.results.get("CHAINS-GIT_URL") {
        if !same_repository(other, url) {
            return Err(Error::wrong(format!(
                "{file}: the task `{}` reports two addresses of its source: {} and {}",
                excerpt(&clone.name, 100),
                excerpt(url, 200),
                excerpt(other, 200)
            )));
        }
    }
    if let Some(other) = build.text("COMMIT_SHA").filter(|sha| *sha != commit) {
        return Err(contradiction("COMMIT_SHA of the build task", other));
    }
    let told: Vec<&str> = materials
        .iter()
        .filter(|material| is_git(material) && same_repository(&material.uri, url))
        .filter_map(commit_of)
        .collect();
    if let (Some(other), false) = (told.first(), told.contains(&commit)) {
        return Err(contradiction("the material of its address", other));
    }
    Ok(Source {
        url: url.to_owned(),
        commit: commit.to_owned(),
        checkout: CheckoutOptions {
            submodules: clone.parameters.flag("submodules", true),
            sparse: clone
                .parameters
                .text("sparseCheckoutDirectories")
                .map_or_else(Vec::new, |list| {
                    list.split(',').map(str::to_owned).collect()
                }),
        },
    })
}

/// Build type `slsa`: results of tasks are dependencies without a name of the task.
pub(super) fn of_dependencies(pipeline: &Pipeline, file: &str) -> Result<Option<Source>> {
    let mut pairs: Vec<(&str, &str)> = pipeline
        .materials
        .iter()
        .filter(|material| material.name.as_deref() == Some("inputs/result") && is_git(material))
        .filter_map(|material| {
            Some((
                material.uri.trim_start_matches("git+"),
                commit_of(material)?,
            ))
        })
        .collect();
    pairs.dedup();
    let result = |name: &str| pipeline.results.get(name).map(String::as_str);
    let reported = result("CHAINS-GIT_URL").zip(result("CHAINS-GIT_COMMIT"));
    let contradictory = |one: &str, other: &str| {
        Error::wrong(format!(
            "{file}: contradictory commits: {} and {} are both named as source",
            excerpt(one, 100),
            excerpt(other, 100)
        ))
    };
    let (url, commit) = match (reported, pairs.as_slice()) {
        (Some(own), []) => own,
        (Some(own), pairs) => {
            let of_it = pairs.iter().filter(|pair| same_repository(pair.0, own.0));
            if let Some(other) = of_it
                .clone()
                .next()
                .filter(|_| !of_it.clone().any(|pair| pair.1 == own.1))
            {
                return Err(contradictory(own.1, other.1));
            }
            own
        }
        (None, []) => return Ok(None),
        (None, [one]) => *one,
        (None, [one, other, ..]) => return Err(contradictory(one.1, other.1)),
    };
    Ok(Some(Source {
        url: url.to_owned(),
        commit: commit.to_owned(),
        checkout: CheckoutOptions {
            submodules: true,
            sparse: Vec::new(),
        },
    }))
}

/// The commit of a material.
fn commit_of(material: &Material) -> Option<&str> {
    ["sha1", "gitCommit", "sha256"]
        .into_iter()
        .find_map(|algorithm| material.digest.get(algorithm))
        .map(String::as_str)
}

/// Chains writes `git+URL.git` for a clone of URL.
fn same_repository(one: &str, other: &str) -> bool {
    fn bare(url: &str) -> &str {
        let url = url.strip_prefix("git+").unwrap_or(url);
        let url = url.trim_end_matches('/');
        url.strip_suffix(".git").unwrap_or(url)
    }
    bare(one) == bare(other)
}
