//! Text, line by line: which lines differ, and what varies in the words of each.

mod decode;
mod diff;
mod excerpt;
mod shape;

use std::borrow::Cow;
use std::collections::HashMap;

use self::decode::{decode, Text};
use self::diff::Hunk;
use crate::collect::{became, short, Findings};
use crate::ends;
use crate::words::{self, environment, Context};
use crate::{Cause, Comparison};

/// Pairs of lines that are looked at word by word.
const PAIRS: usize = 4096;
/// Places that are looked at in all lines together: some for each pair.
const PLACES: usize = 8 * PAIRS;
/// Cells of the table by which unequal numbers of lines are paired.
const TABLE: usize = 4096;

/// Compare two texts that differ; `None` if one is not text.
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (decode(left)?, decode(right)?);
    Some(texts(&l, &r, &Context::default()))
}

/// The causes of two strings of several lines that differ.
pub(crate) fn strings(left: &str, right: &str, context: &Context<'_>) -> Vec<Cause> {
    let text = |text| Text {
        text: Cow::Borrowed(text),
        encoding: decode::Encoding::Utf8,
        marked: false,
    };
    // Lines have keys of their own.
    let context = Context {
        before: "",
        ..*context
    };
    texts(&text(left), &text(right), &context)
        .findings
        .iter()
        .map(|finding| finding.cause)
        .collect()
}

fn texts(left: &Text<'_>, right: &Text<'_>, context: &Context<'_>) -> Comparison {
    let mut comparison = Comparison {
        format: "text",
        findings: Vec::new(),
        excerpts: Vec::new(),
        more: false,
    };
    let mut findings = Findings::default();
    if left.encoding != right.encoding {
        findings.add(Cause::Locale, String::new, || {
            format!(
                "the left side is encoded as {}, the right side as {}",
                left.encoding.name(),
                right.encoding.name()
            )
        });
    } else if left.marked != right.marked {
        findings.add(Cause::LineEndings, String::new, || {
            format!(
                "only the {} side starts with a mark of the byte order",
                if left.marked { "left" } else { "right" }
            )
        });
    }
    ends(&left.text, &right.text, &mut findings);
    let (l, r) = (unix(&left.text), unix(&right.text));
    let (l, r): (Vec<&str>, Vec<&str>) = (l.lines().collect(), r.lines().collect());
    let hunks = diff::hunks(&l, &r);
    if !hunks.is_empty() {
        comparison.more = explain(context, &l, &r, &hunks, &mut findings);
        let closed = |text: &str| text.ends_with(['\n', '\r']);
        let side = |lines, text| excerpt::Lines {
            lines,
            closed: closed(text),
        };
        let (excerpts, more) =
            excerpt::excerpts(&side(&l, &left.text), &side(&r, &right.text), &hunks);
        comparison.excerpts = excerpts;
        comparison.more |= more;
    }
    if findings.is_empty() {
        // Control characters at the ends of lines.
        findings.add(Cause::LineEndings, String::new, || {
            "only the ends of lines differ".to_owned()
        });
    }
    comparison.findings = findings.finish();
    comparison
}

/// Lines that end as on Unix.
fn unix(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    }
}

/// How lines end, and whether the last one does.
fn ends(left: &str, right: &str, findings: &mut Findings) {
    let crlf = |text: &str| text.matches("\r\n").count();
    let bare = |text: &str| text.matches('\n').count();
    let (a, b) = (crlf(left), crlf(right));
    let returns = |text: &str| text.matches('\r').count();
    let all = |text: &str| returns(text) > 0 && (crlf(text) == bare(text));
    // A text with more lines of the same kind has no other ends.
    let kinds =
        (returns(left) == 0) != (returns(right) == 0) || (all(left) != all(right) && a != b);
    if kinds {
        findings.add(Cause::LineEndings, String::new, || {
            format!("{a} lines end with CR LF on the left and {b} on the right side")
        });
        return;
    }
    let closed = |text: &str| text.ends_with(['\n', '\r']) || text.is_empty();
    let equal_but_end = left.trim_end_matches(['\n', '\r']) == right.trim_end_matches(['\n', '\r']);
    if equal_but_end && left != right && !left.is_empty() && !right.is_empty() {
        findings.add(Cause::LineEndings, String::new, || {
            if closed(left) == closed(right) {
                "the number of empty lines at the end differs".to_owned()
            } else {
                format!(
                    "only the {} side has an end of line at its end",
                    if closed(left) { "left" } else { "right" }
                )
            }
        });
    }
}

/// Name what differs in hunks of lines; whether something was left out.
fn explain(
    context: &Context<'_>,
    l: &[&str],
    r: &[&str],
    hunks: &[Hunk],
    findings: &mut Findings,
) -> bool {
    let line = |at: usize| move || format!("line {}", at + 1);
    if l.is_empty() || r.is_empty() {
        findings.add(Cause::SourceChange, line(0), || {
            format!("{} lines → {} lines", l.len(), r.len())
        });
        return false;
    }
    // Empty lines at the end were told as such.
    if findings.has(Cause::LineEndings) && l.join("\n").trim_end() == r.join("\n").trim_end() {
        return false;
    }
    let mut context = *context;
    context.environment |=
        environment::is_dump(l.iter().copied()) && environment::is_dump(r.iter().copied());
    let moved = Moved::between(l, r, hunks);
    let mut rest = Findings::default();
    let mut pairs = 0;
    let mut places = PLACES;
    let mut unread = 0;
    for hunk in hunks {
        let a: Vec<usize> = hunk.left.clone().filter(|&i| !moved.left[i]).collect();
        let b: Vec<usize> = hunk.right.clone().filter(|&j| !moved.right[j]).collect();
        for (x, y) in pair(l, r, &a, &b) {
            pairs += 1;
            if pairs > PAIRS {
                break;
            }
            match (x, y) {
                (Some(i), Some(j)) if l[i] == r[j] => {}
                (Some(i), Some(j)) => {
                    let (changes, more) = words::limited_changes(&context, l[i], r[j], places);
                    places -= changes.len().min(places);
                    unread += more;
                    for change in changes {
                        rest.add(change.cause, line(i), || tell(l[i], r[j], &change));
                    }
                }
                (Some(i), None) => lone(&context, l[i], "left", line(i), &mut rest),
                (None, Some(j)) => lone(&context, r[j], "right", line(j), &mut rest),
                (None, None) => {}
            }
        }
    }
    // Lines that wander while others are written anew are part of an edit.
    if !moved.is_empty() && !rest.has(Cause::SourceChange) {
        let first = hunks.first().map_or(0, |hunk| hunk.left.start);
        let (cause, evidence) = moved.cause(l, r);
        findings.add(cause, line(first), || evidence);
    } else if !moved.is_empty() && rest.is_empty() {
        let first = hunks.first().map_or(0, |hunk| hunk.left.start);
        findings.add(Cause::SourceChange, line(first), || {
            "lines were moved".to_owned()
        });
    }
    rest.unread(unread);
    for finding in rest.finish() {
        findings.add(finding.cause, || finding.at, || finding.evidence);
    }
    pairs > PAIRS || unread > 0
}

/// The words that differ, or the whole lines where the words are short and say little.
fn tell(left: &str, right: &str, change: &words::Change<'_>) -> String {
    let brief = change.left.len().max(change.right.len()) < 12;
    if brief && left.len().max(right.len()) <= 120 {
        became(left, right)
    } else {
        became(change.left, change.right)
    }
}

/// A line that only one side has.
fn lone(
    context: &Context<'_>,
    line: &str,
    side: &str,
    at: impl FnOnce() -> String,
    findings: &mut Findings,
) {
    let variable = environment::assignment(line).and_then(|(name, _)| environment::cause(name));
    let cause = match variable {
        Some(cause) => cause,
        None if context.environment => Cause::Environment,
        None => Cause::SourceChange,
    };
    findings.add(cause, at, || {
        format!("only on the {side} side: {}", short(line))
    });
}

/// Lines that stand on both sides, at places that are not in order.
struct Moved {
    left: Vec<bool>,
    right: Vec<bool>,
    some: bool,
    stepped: bool,
}

impl Moved {
    fn between(l: &[&str], r: &[&str], hunks: &[Hunk]) -> Self {
        let mut moved = Moved {
            left: vec![false; l.len()],
            right: vec![false; r.len()],
            some: false,
            stepped: false,
        };
        if !moved.mark(l, r, hunks, shape::item) {
            // Steps are counted as they end, so that the number goes with the place.
            moved.stepped = moved.mark(l, r, hunks, shape::without_step);
        }
        moved
    }

    /// Mark lines that are equal under `key`; whether there are such that say something.
    fn mark(
        &mut self,
        l: &[&str],
        r: &[&str],
        hunks: &[Hunk],
        key: for<'a> fn(&'a str) -> &'a str,
    ) -> bool {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for i in hunks.iter().rev().flat_map(|hunk| hunk.left.clone().rev()) {
            places.entry(key(l[i])).or_default().push(i);
        }
        let mut pairs = Vec::new();
        for j in hunks.iter().flat_map(|hunk| hunk.right.clone()) {
            if let Some(i) = places.get_mut(key(r[j])).and_then(Vec::pop) {
                pairs.push((i, j));
            }
        }
        let telling = pairs
            .iter()
            .any(|&(i, _)| l[i].chars().any(char::is_alphanumeric));
        if telling {
            for (i, j) in pairs {
                self.left[i] = true;
                self.right[j] = true;
                self.some = true;
            }
        }
        telling
    }

    fn is_empty(&self) -> bool {
        !self.some
    }

    fn cause(&self, l: &[&str], r: &[&str]) -> (Cause, String) {
        // The whole list tells more than the lines that moved, if nothing else differs.
        let whole = l.len() == r.len();
        let of = |lines: &[&'_ str], marks: &[bool]| -> Vec<String> {
            lines
                .iter()
                .zip(marks)
                .filter(|(line, moved)| (whole || **moved) && !line.trim().is_empty())
                .map(|(line, _)| shape::item(line).to_owned())
                .collect()
        };
        let (a, b) = (of(l, &self.left), of(r, &self.right));
        let (a, b): (Vec<&str>, Vec<&str>) = (
            a.iter().map(String::as_str).collect(),
            b.iter().map(String::as_str).collect(),
        );
        if self.stepped {
            return (
                Cause::Parallelism,
                format!("the same {} steps of a build in another order", a.len()),
            );
        }
        shape::order(&a, &b)
    }
}

/// Which lines of two groups belong together.
fn pair(l: &[&str], r: &[&str], a: &[usize], b: &[usize]) -> Vec<(Option<usize>, Option<usize>)> {
    let longest = a.len().max(b.len());
    if a.len() == b.len() || a.is_empty() || b.is_empty() || a.len() * b.len() > TABLE {
        return (0..longest)
            .map(|n| (a.get(n).copied(), b.get(n).copied()))
            .collect();
    }
    let width = b.len() + 1;
    let likeness: Vec<u32> = a
        .iter()
        .flat_map(|&i| b.iter().map(move |&j| alike(l[i], r[j])))
        .collect();
    let mut best = vec![0u32; (a.len() + 1) * width];
    for x in (0..a.len()).rev() {
        for y in (0..b.len()).rev() {
            let take = best[(x + 1) * width + y + 1] + likeness[x * b.len() + y];
            best[x * width + y] = take
                .max(best[(x + 1) * width + y])
                .max(best[x * width + y + 1]);
        }
    }
    let mut pairs = Vec::new();
    let (mut x, mut y) = (0, 0);
    while x < a.len() && y < b.len() {
        let like = likeness[x * b.len() + y];
        if like > 0 && best[x * width + y] == best[(x + 1) * width + y + 1] + like {
            pairs.push((Some(a[x]), Some(b[y])));
            (x, y) = (x + 1, y + 1);
        } else if best[(x + 1) * width + y] >= best[x * width + y + 1] {
            pairs.push((Some(a[x]), None));
            x += 1;
        } else {
            pairs.push((None, Some(b[y])));
            y += 1;
        }
    }
    pairs.extend(a[x..].iter().map(|&i| (Some(i), None)));
    pairs.extend(b[y..].iter().map(|&j| (None, Some(j))));
    pairs
}

/// How much of two lines is equal at their start and end, in hundredths; 0 for less than a third.
fn alike(left: &str, right: &str) -> u32 {
    let (l, r) = (left.trim().as_bytes(), right.trim().as_bytes());
    let longest = l.len().max(r.len()).min(4096);
    let (l, r) = (&l[..l.len().min(4096)], &r[..r.len().min(4096)]);
    let (start, end) = ends::common(l, r);
    let share = (start + end) * 100 / longest.max(1);
    if share < 34 {
        0
    } else {
        u32::try_from(share).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests;
