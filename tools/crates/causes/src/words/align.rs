//! Two lines, token by token: which pieces differ.

use super::context::Context;
use super::token::{tokens, Kind, Token};
use super::{classify, environment, locale, order, version};
use crate::ends;
use crate::Cause;

/// A piece of a line that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    pub(crate) cause: Cause,
    pub(crate) left: &'a str,
    pub(crate) right: &'a str,
}

/// Cells of the table by which two short lines are aligned.
const TABLE: usize = 128 * 128;
/// Bytes of a line before and after a difference that are read, where lines are long.
const WINDOW: usize = 512;

/// Places of one line that are looked at: a line of a megabyte may differ everywhere, and what
/// is said of it after a thousand places is said.
const PLACES: usize = 1024;

/// What differs between two lines that differ. Never empty for those that do; of very long
/// lines the first places.
pub(crate) fn changes<'a>(context: &Context<'_>, left: &'a str, right: &'a str) -> Vec<Change<'a>> {
    limited(context, left, right, PLACES).0
}

/// The same of at most so many places, perhaps none; and how many more there are, which nobody
/// looked at.
pub(crate) fn limited<'a>(
    context: &Context<'_>,
    left: &'a str,
    right: &'a str,
    most: usize,
) -> (Vec<Change<'a>>, usize) {
    if left == right {
        return (Vec::new(), 0);
    }
    let one = |cause, left, right| (vec![Change { cause, left, right }], 0);
    if let Some(cause) = of_assignment(left, right) {
        return one(cause, left.trim(), right.trim());
    }
    let (left, right) = window(left, right);
    let (start, end) = super::differing(left, right);
    let (middle_l, middle_r) = (
        &left[start..end],
        &right[start..right.len() - (left.len() - end)],
    );
    if middle_l.trim().is_empty() && middle_r.trim().is_empty() {
        return one(Cause::SourceChange, left, right);
    }
    if locale::is_same_without_accents(left, right) {
        return one(Cause::Locale, left, right);
    }
    if let Some(changes) = uname(left, right) {
        return (changes, 0);
    }
    let (l, r) = (tokens(left), tokens(right));
    if let Some(cause) = order::cause(left, right, &l, &r) {
        return one(cause, left, right);
    }
    let mut gaps = gaps(&l, &r);
    let unread = gaps.len().saturating_sub(most.min(PLACES));
    gaps.truncate(gaps.len() - unread);
    (of_gaps(context, (left, &l), (right, &r), gaps), unread)
}

/// Why the value of one variable differs, where its name says so.
fn of_assignment(left: &str, right: &str) -> Option<Cause> {
    let (name, from) = environment::assignment(left)?;
    let (other, to) = environment::assignment(right)?;
    if name != other || from == to {
        return None;
    }
    // A number of a build is often its date.
    let is_date = |value: &str| super::is_moment(value.trim_matches('"'));
    match environment::cause(name) {
        Some(Cause::Environment) if is_date(from) && is_date(to) => Some(Cause::Timestamp),
        cause => cause,
    }
}

/// What differs in each of some pieces of two lines, the tokens of which are known.
fn of_gaps<'a>(
    context: &Context<'_>,
    (left, l): (&'a str, &[Token<'_>]),
    (right, r): (&'a str, &[Token<'_>]),
    gaps: Vec<Gap>,
) -> Vec<Change<'a>> {
    let mut changes: Vec<Change<'a>> = Vec::new();
    for (a, b) in gaps {
        let (at_l, to_l) = span(l, &a, left.len());
        let (at_r, to_r) = span(r, &b, right.len());
        // As much of a line as is read where lines are long.
        let near_l = floor(left, at_l.saturating_sub(4 * WINDOW));
        let near_r = floor(left, (to_l + 4 * WINDOW).min(left.len()));
        let key = if near_l == 0 { context.before } else { "" };
        let before = [key, &left[near_l..at_l]].concat();
        let after = [&left[to_l..near_r], context.after].concat();
        let cause = classify::cause(
            &Context {
                before: &before,
                after: &after,
                environment: context.environment,
            },
            &l[a],
            &r[b],
            &left[at_l..to_l],
            &right[at_r..to_r],
        );
        // `rustc 1.75.0 (82e1608df 2023-12-21)`: hash and date belong to the version before them.
        let last = changes
            .last()
            .filter(|last| last.cause == Cause::ToolchainVersion);
        let of_version = last.is_some_and(|last| {
            let border = &left[offset(left, last.left) + last.left.len()..at_l];
            matches!(
                cause,
                Cause::Timestamp | Cause::SourceChange | Cause::RandomId
            ) && !border.is_empty()
                && border
                    .chars()
                    .all(|c| matches!(c, ' ' | '(' | ',' | '-' | '+'))
                && (border.contains('(') || left[near_l..at_l].contains('('))
        });
        changes.push(Change {
            cause: if of_version {
                Cause::ToolchainVersion
            } else {
                cause
            },
            left: &left[at_l..to_l],
            right: &right[at_r..to_r],
        });
    }
    changes
}

/// Where a piece of a line begins in it.
fn offset(line: &str, piece: &str) -> usize {
    (piece.as_ptr() as usize).saturating_sub(line.as_ptr() as usize)
}

/// The border of a character at a place, or the last one before it.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What of two long lines is read: the difference and what stands around it.
fn window<'a>(left: &'a str, right: &'a str) -> (&'a str, &'a str) {
    if left.len().max(right.len()) <= 4 * WINDOW {
        return (left, right);
    }
    let (start, end) = super::differing(left, right);
    let from = floor(left, start.saturating_sub(WINDOW));
    let mut tail = (left.len() - end).saturating_sub(WINDOW);
    while !left.is_char_boundary(left.len() - tail) {
        tail -= 1;
    }
    (
        &left[from..left.len() - tail],
        &right[from..right.len() - tail],
    )
}

/// `Linux NAME RELEASE #1 SMP DATE`: all after the name belongs to the kernel.
fn uname<'a>(left: &'a str, right: &'a str) -> Option<Vec<Change<'a>>> {
    let ((name_l, release_l), (name_r, release_r)) =
        (version::uname(left)?, version::uname(right)?);
    // `/proc/version` begins alike, and of one kernel tells who built it, and where.
    let release = |line: &'a str, at: usize| line[at..].split(' ').next();
    let is_version = left[name_l..].starts_with("version ")
        && release(left, release_l) == release(right, release_r);
    if left[..name_l] != right[..name_r] || is_version {
        return None;
    }
    let mut changes = Vec::new();
    for (a, b, cause) in [
        (
            left[name_l..release_l].trim(),
            right[name_r..release_r].trim(),
            Cause::Hostname,
        ),
        (
            &left[release_l..],
            &right[release_r..],
            Cause::KernelVersion,
        ),
    ] {
        if a != b {
            changes.push(Change {
                cause,
                left: a,
                right: b,
            });
        }
    }
    Some(changes)
}

/// Bytes of a line from the first to the last of some of its tokens.
fn span(tokens: &[Token<'_>], range: &std::ops::Range<usize>, length: usize) -> (usize, usize) {
    let start = tokens.get(range.start).map_or(length, |token| token.at);
    let end = if range.is_empty() {
        start
    } else {
        tokens[range.end - 1].end()
    };
    (start, end)
}

type Gap = (std::ops::Range<usize>, std::ops::Range<usize>);

/// Pieces of both sides between tokens that are equal.
fn gaps(l: &[Token<'_>], r: &[Token<'_>]) -> Vec<Gap> {
    let same = |a: &Token<'_>, b: &Token<'_>| a.text == b.text;
    let (start, end) = ends::common_by(l, r, same);
    let (l_end, r_end) = (l.len() - end, r.len() - end);
    let (a, b) = (&l[start..l_end], &r[start..r_end]);
    let alike = |a: &Token<'_>, b: &Token<'_>| match (a.kind, b.kind) {
        (Kind::Moment(_), Kind::Moment(_)) | (Kind::Word, Kind::Word) => true,
        (Kind::Space, Kind::Space) => true,
        (Kind::Mark, Kind::Mark) => a.text == b.text,
        _ => false,
    };
    if a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)) {
        return (0..a.len())
            .filter(|&i| !same(&a[i], &b[i]) && a[i].kind != Kind::Space)
            .map(|i| (start + i..start + i + 1, start + i..start + i + 1))
            .collect();
    }
    if a.len() * b.len() > TABLE || a.is_empty() || b.is_empty() {
        return vec![(start..l_end, start..r_end)];
    }
    table(a, b)
        .into_iter()
        .map(|(x, y)| {
            (
                start + x.start..start + x.end,
                start + y.start..start + y.end,
            )
        })
        .filter(|(x, y)| {
            // White space alone is no change beside others.
            !(l[x.clone()].iter().all(Token::is_space) && r[y.clone()].iter().all(Token::is_space))
        })
        .collect()
}

/// The longest common subsequence; equal white space joins nothing by itself.
fn table(a: &[Token<'_>], b: &[Token<'_>]) -> Vec<Gap> {
    let width = b.len() + 1;
    let mut best = vec![0u32; (a.len() + 1) * width];
    let weight = |i: usize, j: usize| match a[i].kind {
        _ if a[i].text != b[j].text => 0,
        Kind::Space => 1,
        Kind::Mark => 2,
        _ => 4,
    };
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let skip = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            let take = match weight(i, j) {
                0 => 0,
                w => best[(i + 1) * width + j + 1] + w,
            };
            best[i * width + j] = skip.max(take);
        }
    }
    let mut gaps: Vec<Gap> = Vec::new();
    let (mut i, mut j) = (0, 0);
    let (mut from_i, mut from_j) = (0, 0);
    while i < a.len() && j < b.len() {
        let w = weight(i, j);
        if w > 0 && best[i * width + j] == best[(i + 1) * width + j + 1] + w {
            if i > from_i || j > from_j {
                gaps.push((from_i..i, from_j..j));
            }
            i += 1;
            j += 1;
            (from_i, from_j) = (i, j);
        } else if best[(i + 1) * width + j] >= best[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    if from_i < a.len() || from_j < b.len() {
        gaps.push((from_i..a.len(), from_j..b.len()));
    }
    gaps
}
