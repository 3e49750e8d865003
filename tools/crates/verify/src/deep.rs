//! Every byte below what a registry serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;
use verbatim_oci::layout::{check_roots, Checked, Layout, Problem, Progress, Root};
use verbatim_oci::{Descriptor, ErrorKind as WrongKind, MediaType};
use verbatim_registry::{Client, Error, ErrorKind, Remote, Repository, Which};

use crate::{Finding, Verdict};

/// How many problems of one image are told as reasons.
const MAX_REASONS: usize = 3;

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Blobs, each counted once for each image that names it.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Look below what was served: `served` has the repository of each finding, in their order.
/// What is wrong there becomes part of the findings.
///
/// Blobs are streamed and hashed, and nothing is kept. To be called off the runtime's own threads.
pub fn check(
    client: &Client,
    runtime: &Handle,
    served: &[Repository],
    findings: &mut [Finding],
    progress: Arc<dyn Progress>,
) -> Amount {
    let mut places: BTreeMap<&Repository, Remote> = BTreeMap::new();
    for repository in served {
        places
            .entry(repository)
            .or_insert_with(|| Remote::new(client.clone(), repository.clone(), runtime.clone()));
    }
    let tops = runtime.block_on(tops(client, served, findings));
    let mut numbers = Vec::new();
    let mut roots = Vec::new();
    for (number, (top, repository)) in tops.iter().zip(served).enumerate() {
        match top {
            Some(Ok(descriptor)) => {
                numbers.push(number);
                roots.push(Root {
                    blobs: &places[repository],
                    descriptor,
                });
            }
            Some(Err(error)) => worsen(&mut findings[number], vec![problem_of(repository, error)]),
            None => {}
        }
    }
    let mut amount = Amount::default();
    let threads = client.options().http.parallel;
    for (number, checked) in numbers
        .into_iter()
        .zip(check_roots(&roots, threads, progress))
    {
        let Checked {
            problems,
            blobs,
            bytes,
            ..
        } = checked;
        amount.blobs += blobs;
        amount.bytes = amount.bytes.saturating_add(bytes);
        worsen(&mut findings[number], problems);
    }
    amount
}

/// The same of a layout in place of a registry: what is wrong below what is published of it.
pub fn check_layout(
    layout: &Layout,
    published: &Descriptor,
    threads: usize,
    finding: &mut Finding,
    progress: Arc<dyn Progress>,
) -> Amount {
    let root = Root {
        blobs: layout,
        descriptor: published,
    };
    let mut amount = Amount::default();
    for checked in check_roots(&[root], threads, progress) {
        amount.blobs += checked.blobs;
        amount.bytes = amount.bytes.saturating_add(checked.bytes);
        worsen(finding, checked.problems);
    }
    amount
}

/// The manifest or index that was served for each finding, by its digest.
async fn tops(
    client: &Client,
    served: &[Repository],
    findings: &[Finding],
) -> Vec<Option<Result<Descriptor, Error>>> {
    let mut tops: Vec<Option<Result<Descriptor, Error>>> = findings.iter().map(|_| None).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for (number, (finding, repository)) in findings.iter().zip(served).enumerate() {
        let Some(digest) = finding.actual else {
            continue;
        };
        let (client, repository) = (client.clone(), repository.clone());
        tasks.spawn(async move {
            let manifest = client.manifest(&repository, &Which::Digest(digest)).await;
            let descriptor = manifest.map(|manifest| {
                Descriptor::of(MediaType::new(manifest.media_type), &manifest.bytes)
            });
            (number, descriptor)
        });
    }
    while let Some(result) = tasks.join_next().await {
        match result {
            Ok((number, top)) => tops[number] = Some(top),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    tops
}

fn problem_of(repository: &Repository, error: &Error) -> Problem {
    Problem {
        file: repository.to_string(),
        pointer: None,
        kind: match error.kind() {
            ErrorKind::NotFound => WrongKind::Missing,
            ErrorKind::Broken => WrongKind::Mismatch,
            ErrorKind::TooLarge => WrongKind::Limit,
            _ => WrongKind::Io,
        },
        problem: error.to_string(),
    }
}

/// Make a finding as bad as what is wrong below it.
fn worsen(finding: &mut Finding, problems: Vec<Problem>) {
    let verdict = problems
        .iter()
        .map(|problem| match problem.kind {
            kind if kind.is_unchecked() => Verdict::Unchecked,
            WrongKind::Missing => Verdict::Missing,
            _ => Verdict::Different,
        })
        .max();
    let Some(verdict) = verdict else {
        return;
    };
    if problems.iter().any(|problem| problem.kind.is_unchecked()) {
        finding.worsen(Verdict::Unchecked);
    }
    finding.worsen(verdict);
    for problem in problems.iter().take(MAX_REASONS) {
        let place = match &problem.pointer {
            Some(pointer) => format!("{} at {pointer}", problem.file),
            None => problem.file.clone(),
        };
        finding
            .reasons
            .push(format!("{place}: {}", problem.problem));
    }
    if problems.len() > MAX_REASONS {
        let more = problems.len() - MAX_REASONS;
        finding
            .reasons
            .push(format!("{more} more problems, see --format=json"));
    }
    finding.problems = problems;
}
