//! Text, line by line: what varies in the words that differ.

use std::collections::BTreeMap;

use crate::words::{changes, Context};
use crate::{Cause, Comparison, Excerpt, Finding};

/// Places that are told.
const MOST: usize = 12;
/// Lines around a difference, and bytes of one side of an excerpt.
const CONTEXT: usize = 2;
const EXCERPT: usize = 2048;

/// Compare two texts that differ; `None` if one is not text.
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let text = |data: &'_ [u8]| -> Option<String> {
        let text = std::str::from_utf8(data).ok()?;
        (!text.contains('\0')).then(|| text.to_owned())
    };
    Some(compare_text(&text(left)?, &text(right)?))
}

fn compare_text(left: &str, right: &str) -> Comparison {
    let mut comparison = Comparison {
        format: "text",
        findings: Vec::new(),
        excerpts: Vec::new(),
        more: false,
    };
    if left.replace("\r\n", "\n") == right.replace("\r\n", "\n") {
        comparison.findings.push(Finding {
            cause: Cause::LineEndings,
            at: String::new(),
            evidence: format!(
                "{} lines end with CR LF on the left and {} on the right side, and nothing else differs",
                left.matches("\r\n").count(),
                right.matches("\r\n").count()
            ),
        });
        return comparison;
    }
    let (l, r): (Vec<&str>, Vec<&str>) = (left.lines().collect(), right.lines().collect());
    let first = l.iter().zip(&r).take_while(|(a, b)| a == b).count();
    comparison.excerpts.push(excerpt(&l, &r, first));
    if l.len() > 1 && l.len() == r.len() {
        let sorted = |lines: &[&str]| {
            let mut lines: Vec<String> = lines
                .iter()
                .map(|line| line.trim_end_matches(',').to_owned())
                .collect();
            lines.sort_unstable();
            lines
        };
        if sorted(&l) == sorted(&r) {
            let is_sorted = |lines: &[&str]| lines.windows(2).all(|two| two[0] <= two[1]);
            comparison.findings.push(Finding {
                cause: Cause::HashOrder,
                at: format!("line {}", first + 1),
                evidence: format!(
                    "the same {} lines in another order; the left side is {}sorted, the right side is {}sorted",
                    l.len(),
                    if is_sorted(&l) { "" } else { "not " },
                    if is_sorted(&r) { "" } else { "not " },
                ),
            });
            return comparison;
        }
        let differing = (0..l.len()).filter(|&i| l[i] != r[i]);
        let mut by_cause: BTreeMap<Cause, Finding> = BTreeMap::new();
        for i in differing {
            for change in changes(&Context::default(), l[i], r[i]) {
                if by_cause.len() < MOST {
                    by_cause.entry(change.cause).or_insert_with(|| Finding {
                        cause: change.cause,
                        at: format!("line {}", i + 1),
                        evidence: format!("{} → {}", change.left, change.right),
                    });
                }
            }
        }
        comparison.findings.extend(by_cause.into_values());
    } else if l.len() == 1 && r.len() == 1 {
        for change in changes(&Context::default(), l[0], r[0]) {
            comparison.findings.push(Finding {
                cause: change.cause,
                at: "line 1".into(),
                evidence: format!("{} → {}", change.left, change.right),
            });
        }
    }
    if comparison.findings.is_empty() {
        comparison.findings.push(Finding {
            cause: Cause::SourceChange,
            at: format!("line {}", first + 1),
            evidence: format!("{} lines → {} lines", l.len(), r.len()),
        });
    }
    comparison
        .findings
        .sort_by_key(|finding| (finding.cause.rank(), finding.cause));
    comparison
}

fn excerpt(left: &[&str], right: &[&str], first: usize) -> Excerpt {
    let piece = |lines: &[&str]| {
        let from = first.saturating_sub(CONTEXT).min(lines.len());
        let to = (first + CONTEXT + 1).min(lines.len());
        let mut bytes = lines[from..to].join("\n").into_bytes();
        bytes.truncate(EXCERPT);
        bytes
    };
    Excerpt {
        at: format!("line {}", first + 1),
        left: piece(left),
        right: piece(right),
        text: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(left: &str, right: &str) -> Cause {
        compare_text(left, right).findings[0].cause
    }

    #[test]
    fn words_give_causes_away() {
        assert_eq!(
            cause("built 2024-01-02\nx", "built 2024-05-06\nx"),
            Cause::Timestamp
        );
        assert_eq!(cause("t=1700000000", "t=1700000099"), Cause::Timestamp);
        assert_eq!(cause("a\nb\n", "b\na\n"), Cause::HashOrder);
        assert_eq!(cause("a\r\nb\r\n", "a\nb\n"), Cause::LineEndings);
        assert_eq!(
            cause("dir=/home/a/src x", "dir=/home/b/src x"),
            Cause::BuildPath
        );
        assert_eq!(
            cause(
                "id 123e4567-e89b-12d3-a456-426614174000",
                "id 00112233-4455-6677-8899-aabbccddeeff"
            ),
            Cause::Uuid
        );
        assert_eq!(cause("colour = red", "colour = blue"), Cause::SourceChange);
        assert_eq!(cause("ä", "ö"), Cause::SourceChange);
        assert_eq!(cause("", "x"), Cause::SourceChange);
        assert_eq!(cause("aé", "aè"), Cause::SourceChange);
    }
}
