//! Findings as they come in: one for each cause, with how often it was seen.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{Cause, Finding};

/// Places of one cause that are told in words.
const TOLD: usize = 3;
/// Bytes of one side in an evidence.
const SIDE: usize = 160;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    causes: BTreeMap<Cause, Seen>,
    unread: usize,
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

    /// Note places of which nothing is known but that they differ.
    pub(crate) fn unread(&mut self, places: usize) {
        self.unread += places;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    pub(crate) fn has(&self, cause: Cause) -> bool {
        self.causes.contains_key(&cause)
    }

    /// Most telling first.
    pub(crate) fn finish(self) -> Vec<Finding> {
        // What was not looked at is told with the cause that most of the others have.
        let common = self.causes.iter().max_by_key(|(_, seen)| seen.count);
        let common = common.map(|(cause, _)| *cause);
        let mut findings: Vec<Finding> = self
            .causes
            .into_iter()
            .map(|(cause, seen)| {
                let mut evidence = seen.evidence.join("; ");
                if self.unread > 0 && common == Some(cause) {
                    let (looked_at, unread) = (seen.count, self.unread);
                    evidence.push_str(&format!(
                        " ({looked_at} places; {unread} more were not looked at)"
                    ));
                } else if seen.count > 1 {
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
    beside(text, None)
}

/// What stood here and what stands there.
pub(crate) fn became(left: &str, right: &str) -> String {
    let (left, right) = (left.trim(), right.trim());
    format!(
        "{} → {}",
        beside(left, Some(right)),
        beside(right, Some(left))
    )
}

fn beside(text: &str, other: Option<&str>) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "(nothing)".to_owned();
    }
    around(text, other, SIDE).into_owned()
}

/// `text`, or no more than `most` bytes of it: those around the first one that `other` has not, else the
/// first ones.
pub(crate) fn around<'a>(text: &'a str, other: Option<&str>, most: usize) -> Cow<'a, str> {
    if text.len() <= most {
        return text.into();
    }
    let same = other.map_or(0, |other| {
        let (a, b) = (text.bytes(), other.bytes());
        a.zip(b).take_while(|(a, b)| a == b).count()
    });
    // A quarter in front of the difference, so that one sees where it is.
    let mut from = if same < most * 3 / 4 {
        0
    } else {
        (same - most / 4).min(text.len() - most)
    };
    let mut to = from + most;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    let (before, after) = (
        if from > 0 { "…" } else { "" },
        if to < text.len() { "…" } else { "" },
    );
    format!("{before}{}{after}", &text[from..to]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_looked_at_is_told() {
        let mut findings = Findings::default();
        for (cause, text) in [
            (Cause::Timestamp, "a"),
            (Cause::Uuid, "b"),
            (Cause::Uuid, "c"),
        ] {
            findings.add(cause, String::new, || text.to_owned());
        }
        findings.unread(7);
        let told: Vec<_> = findings.finish().into_iter().map(|f| f.evidence).collect();
        assert!(told.contains(&"a".to_owned()), "{told:?}");
        let last = "b; c (2 places; 7 more were not looked at)".to_owned();
        assert!(told.contains(&last), "{told:?}");
    }

    #[test]
    fn long_words_are_shown_where_they_differ() {
        let side = |end: &str| format!("{}{end}{}", "ä".repeat(400), "z".repeat(400));
        let shown = became(&side("left"), &side("right"));
        assert!(shown.contains("left") && shown.contains("right"), "{shown}");
        assert!(shown.len() < 2 * SIDE + 40);
        assert_eq!(short(&"x".repeat(200)), format!("{}…", "x".repeat(160)));
        assert_eq!(became("a", ""), "a → (nothing)");
        let (long, longer) = ("y".repeat(300), "y".repeat(301));
        assert!(became(&long, &longer).ends_with('y'));
    }
}
