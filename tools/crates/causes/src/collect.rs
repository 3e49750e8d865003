//! Findings as they come in: one for each cause, with how often it was seen.

use std::collections::BTreeMap;

use crate::{Cause, Finding};

/// Places of one cause that are told in words.
const TOLD: usize = 3;
/// Bytes of one side in an evidence.
const SIDE: usize = 160;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    causes: BTreeMap<Cause, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    at: String,
    evidence: Vec<String>,
    count: usize,
}

impl Findings {
    /// Note a cause at a place. `at` and `evidence` are asked for only if they will be shown.
    pub(crate) fn add(
        &mut self,
        cause: Cause,
        at: impl FnOnce() -> String,
        evidence: impl FnOnce() -> String,
    ) {
        let seen = self.causes.entry(cause).or_default();
        if seen.count == 0 {
            seen.at = at();
        }
        if seen.evidence.len() < TOLD {
            let evidence = evidence();
            if !seen.evidence.contains(&evidence) {
                seen.evidence.push(evidence);
            }
        }
        seen.count += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    pub(crate) fn has(&self, cause: Cause) -> bool {
        self.causes.contains_key(&cause)
    }

    /// Most telling first.
    pub(crate) fn finish(self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .causes
            .into_iter()
            .map(|(cause, seen)| {
                let mut evidence = seen.evidence.join("; ");
                if seen.count > 1 {
                    evidence.push_str(&format!(" ({} places)", seen.count));
                }
                Finding {
                    cause,
                    at: seen.at,
                    evidence,
                }
            })
            .collect();
        findings.sort_by_key(|finding| (finding.cause.rank(), finding.cause));
        findings
    }
}

/// One side of an evidence in a length that a person reads.
pub(crate) fn short(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "(nothing)".to_owned();
    }
    if text.len() <= SIDE {
        return text.to_owned();
    }
    let mut end = SIDE;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// What stood here and what stands there.
pub(crate) fn became(left: &str, right: &str) -> String {
    format!("{} → {}", short(left), short(right))
}
