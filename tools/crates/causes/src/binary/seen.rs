//! Findings as they come up: a few for each cause, and a bounded number of excerpts.

use crate::{Cause, Comparison, Excerpt, Finding, Piece};

/// Places that are told of one cause, and excerpts of all.
const PLACES: usize = 3;
const EXCERPTS: usize = 6;
/// Bytes of one side of an excerpt, and characters of a value in evidence.
const EXCERPT: usize = 512;
const VALUE: usize = 160;

/// What a reader has found so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    findings: Vec<Finding>,
    excerpts: Vec<Excerpt>,
    more: bool,
}

impl Seen {
    /// Add what was found at a place.
    pub(super) fn add(&mut self, cause: Cause, at: impl Into<String>, evidence: impl Into<String>) {
        let told = self.findings.iter().filter(|f| f.cause == cause).count();
        if told >= PLACES {
            self.more = true;
            return;
        }
        self.findings.push(Finding {
            cause,
            at: at.into(),
            evidence: evidence.into(),
        });
    }

    /// Keep both sides of a place for people to look at.
    pub(super) fn excerpt(&mut self, at: &str, left: &[u8], right: &[u8], text: bool) {
        if self.excerpts.len() < EXCERPTS {
            let left = left[..left.len().min(EXCERPT)].to_vec();
            let right = right[..right.len().min(EXCERPT)].to_vec();
            self.excerpts.push(Excerpt {
                at: at.to_owned(),
                piece: if text {
                    Piece::Text { left, right }
                } else {
                    Piece::Bytes { left, right }
                },
            });
        }
    }

    /// Keep both sides around the first byte that differs.
    pub(super) fn bytes(&mut self, at: &str, left: &[u8], right: &[u8]) {
        let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
        let piece = |data: &[u8]| {
            let from = (same.saturating_sub(32) & !15).min(data.len());
            data[from..(from + 96).min(data.len())].to_vec()
        };
        let at = format!("{at}, offset {same:#x}");
        self.excerpt(&at, &piece(left), &piece(right), false);
    }

    /// Say of the first finding what else follows from it.
    pub(super) fn consequence(&mut self, text: &str) {
        if let Some(first) = self.findings.first_mut() {
            first.evidence.push_str("; ");
            first.evidence.push_str(text);
        }
    }

    /// Take a cause back that follows from another.
    pub(super) fn drop(&mut self, cause: Cause) {
        self.findings.retain(|f| f.cause != cause);
    }

    pub(super) fn count(&self) -> usize {
        self.findings.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn has(&self, cause: Cause) -> bool {
        self.findings.iter().any(|f| f.cause == cause)
    }

    /// The comparison; `None` if nothing was found, for others may find more.
    pub(super) fn finish(mut self, format: &'static str) -> Option<Comparison> {
        if self.is_empty() {
            return None;
        }
        // What is known to vary tells more than "it is another source": that comes last.
        self.findings.sort_by_key(|f| match f.cause {
            Cause::SourceChange => 1,
            Cause::Unexplained => 2,
            _ => 0,
        });
        Some(Comparison {
            format,
            findings: self.findings,
            excerpts: self.excerpts,
            more: self.more,
        })
    }
}

/// A value as evidence shows it: quoted, and cut where it is long.
pub(super) fn shown(value: &str) -> String {
    match value.char_indices().nth(VALUE) {
        None => format!("{value:?}"),
        Some((at, _)) => format!("{:?}…", &value[..at]),
    }
}
