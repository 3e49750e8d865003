//! The whole answer: causes gathered from all differences, and how much of them is reported.

use std::collections::BTreeMap;

use serde::Serialize;
use verbatim_causes::Cause;

use super::{Difference, Verdict};
use crate::limits::Limits;

/// Paths of one cause that a report names; the number of all of them is given besides.
const MAX_PATHS: usize = 1000;

/// Pieces of evidence for one cause: more of the same convinces nobody more.
const MAX_EVIDENCE: usize = 5;

/// One side, as it was named and opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SideReport {
    /// As it was named.
    pub name: String,
    /// What it was opened as.
    pub kind: &'static str,
    /// The digest of the image, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// One cause with all the places where it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CauseReport {
    /// The identifier.
    #[serde(serialize_with = "super::as_id")]
    pub id: Cause,
    /// Whether `--ignore` named it. It differs nonetheless.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// How many places there are.
    pub count: u64,
    /// The paths of the differences, in order; no more than a thousand.
    pub paths: Vec<String>,
    /// What was seen there, at some of the places.
    pub evidence: Vec<String>,
    /// How to stop it, in one sentence.
    pub fix: &'static str,
}

/// The whole answer: the JSON document `verbatim.diff/1`, see `docs/diff.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    schema: &'static str,
    /// Whether anything differs.
    pub verdict: Verdict,
    /// The left side.
    pub left: SideReport,
    /// The right side.
    pub right: SideReport,
    /// Most telling first.
    pub causes: Vec<CauseReport>,
    /// Whether both sides name the same digests, so that no contents were opened.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_digest: bool,
    /// From the outside inwards.
    pub differences: Vec<Difference>,
    /// Differences beyond the limit of what is reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u64>,
    /// What else has to be known to read the report.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        left: SideReport,
        right: SideReport,
        mut differences: Vec<Difference>,
        notes: Vec<String>,
        limits: &Limits,
    ) -> Self {
        let mut causes = BTreeMap::new();
        let mut excerpts = limits.excerpts;
        for difference in &mut differences {
            // Something differs, or it would not be here: never without a cause.
            if difference.says_nothing() {
                difference.find(Cause::Unexplained, "", "the bytes differ");
            }
            gather(difference, &mut causes, &mut excerpts);
        }
        let mut left_out = 0;
        let mut room = limits.differences;
        for difference in &mut differences {
            cut(difference, &mut room, &mut left_out);
        }
        let mut causes: Vec<CauseReport> = causes.into_values().collect();
        causes.sort_by_key(|cause| (cause.id.rank(), cause.id));
        Self {
            schema: "verbatim.diff/1",
            verdict: if differences.is_empty() {
                Verdict::Equal
            } else {
                Verdict::Different
            },
            left,
            right,
            causes,
            by_digest: false,
            differences,
            left_out: Some(left_out).filter(|&n| n > 0),
            notes,
        }
    }

    /// Mark causes as ignored. The verdict stays what it is.
    pub fn ignore(&mut self, ignored: &[Cause]) {
        for cause in &mut self.causes {
            cause.ignored = ignored.contains(&cause.id);
        }
        // What nobody needs to look at comes last.
        self.causes.sort_by_key(|cause| cause.ignored);
    }

    /// Whether there are differences and each has a cause that is ignored.
    pub fn all_ignored(&self) -> bool {
        !self.causes.is_empty() && self.causes.iter().all(|cause| cause.ignored)
    }
}

/// Put what was found in a difference, and in those below it, under its causes.
fn gather(
    difference: &mut Difference,
    causes: &mut BTreeMap<Cause, CauseReport>,
    excerpts: &mut u64,
) {
    difference.excerpts.retain(|excerpt| {
        // Lines that are shown stand in the report twice.
        let sides = excerpt.left.len() + excerpt.right.len();
        let size = (if excerpt.unified.is_empty() {
            sides
        } else {
            2 * sides
        }) as u64;
        let fits = size <= *excerpts;
        *excerpts -= if fits { size } else { 0 };
        difference.more |= !fits;
        fits
    });
    for finding in &difference.findings {
        let cause = causes.entry(finding.cause).or_insert_with(|| CauseReport {
            id: finding.cause,
            ignored: false,
            count: 0,
            paths: Vec::new(),
            evidence: Vec::new(),
            fix: finding.cause.fix(),
        });
        // One file often shows one cause at several places.
        if cause.paths.last() != Some(&difference.path) {
            cause.count += 1;
            if cause.paths.len() < MAX_PATHS {
                cause.paths.push(difference.path.clone());
            }
        }
        if cause.evidence.len() < MAX_EVIDENCE {
            let at = if finding.at.is_empty() {
                String::new()
            } else {
                format!(" at {}", finding.at)
            };
            cause
                .evidence
                .push(format!("{}{at}: {}", difference.path, finding.evidence));
        }
    }
    for child in &mut difference.children {
        gather(child, causes, excerpts);
    }
}

/// Leave out what does not fit.
fn cut(difference: &mut Difference, room: &mut u64, left_out: &mut u64) {
    let mut kept = 0;
    for child in &mut difference.children {
        if *room == 0 {
            break;
        }
        *room -= 1;
        kept += 1;
        cut(child, room, left_out);
    }
    let all = difference.children.len();
    *left_out += difference.children[kept..].iter().map(size).sum::<u64>();
    difference.children.truncate(kept);
    difference.more |= kept < all;
}

fn size(difference: &Difference) -> u64 {
    1 + difference.children.iter().map(size).sum::<u64>()
}
