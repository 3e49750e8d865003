//! Pieces of both sides with the lines around them, as a unified diff has them.

use std::ops::Range;

use super::diff::Hunk;
use crate::collect::around;
use crate::{Excerpt, Line, Piece, Side};

/// Lines around a difference.
const CONTEXT: usize = 3;
/// Pieces that are shown, changed lines of one of them on each side, and bytes of a line.
const PIECES: usize = 8;
const LINES: usize = 40;
const BYTES: usize = 512;

/// The lines of one side, and whether the last of them has an end.
pub(super) struct Lines<'a> {
    pub(super) lines: &'a [&'a str],
    pub(super) closed: bool,
}

impl Lines<'_> {
    /// Whether this is the last line, and has no end.
    fn is_open(&self, at: usize) -> bool {
        !self.closed && at + 1 == self.lines.len()
    }
}

/// The first pieces that differ, and whether there are more.
pub(super) fn excerpts(l: &Lines<'_>, r: &Lines<'_>, hunks: &[Hunk]) -> (Vec<Excerpt>, bool) {
    let mut more = false;
    let mut excerpts = Vec::new();
    let mut rest = hunks;
    while !rest.is_empty() {
        if excerpts.len() == PIECES {
            return (excerpts, true);
        }
        let (group, after) = rest.split_at(near(rest));
        let (excerpt, cut) = excerpt(l, r, group);
        excerpts.push(excerpt);
        more |= cut;
        rest = after;
    }
    (excerpts, more)
}

/// How many of the first hunks are so near to each other that their surroundings touch.
fn near(hunks: &[Hunk]) -> usize {
    let mut lines = 0;
    hunks
        .windows(2)
        .take_while(|pair| {
            lines += pair[0].left.len().max(pair[0].right.len());
            lines < LINES && pair[1].left.start <= pair[0].left.end + 2 * CONTEXT
        })
        .count()
        + 1
}

fn excerpt(l: &Lines<'_>, r: &Lines<'_>, group: &[Hunk]) -> (Excerpt, bool) {
    let (first, last) = (&group[0], &group[group.len() - 1]);
    // In front of a group, behind it and between its hunks, both sides are equal.
    let before = first.left.start.min(first.right.start).min(CONTEXT);
    let after = (l.lines.len() - last.left.end)
        .min(r.lines.len() - last.right.end)
        .min(CONTEXT);
    let (from_l, to_l) = (first.left.start - before, last.left.end + after);
    let (from_r, to_r) = (first.right.start - before, last.right.end + after);
    let mut shown = Vec::new();
    let mut more = false;
    let (mut at_l, mut at_r) = (from_l, from_r);
    for hunk in group {
        both(l, at_l..hunk.left.start, r, at_r, &mut shown);
        more |= only(Side::Left, l, &hunk.left, r, &hunk.right, &mut shown);
        more |= only(Side::Right, r, &hunk.right, l, &hunk.left, &mut shown);
        (at_l, at_r) = (hunk.left.end, hunk.right.end);
    }
    both(l, at_l..to_l, r, at_r, &mut shown);
    let excerpt = Excerpt {
        at: format!("@@ -{} +{} @@", range(from_l, to_l), range(from_r, to_r)),
        piece: Piece::Lines(shown),
    };
    (excerpt, more)
}

/// A side without lines is said to start behind the line before (POSIX, `diff -u`), and the number of
/// lines is left out where it is 1.
fn range(from: usize, to: usize) -> String {
    match to - from {
        0 => format!("{from},0"),
        1 => format!("{}", from + 1),
        n => format!("{},{n}", from + 1),
    }
}

/// Lines that are equal, from `lines` on the left and from `from_r` on the right side. One that ends on
/// one side only, as the last line of a file may, is no line of both.
fn both(l: &Lines<'_>, lines: Range<usize>, r: &Lines<'_>, from_r: usize, shown: &mut Vec<Line>) {
    for (at_l, at_r) in lines.zip(from_r..) {
        let (open_l, open_r) = (l.is_open(at_l), r.is_open(at_r));
        let mut push = |side, open| {
            shown.push(Line {
                side,
                text: around(l.lines[at_l], None, BYTES).into_owned(),
                open,
            });
        };
        if open_l == open_r {
            push(Side::Both, open_l);
        } else {
            push(Side::Left, open_l);
            push(Side::Right, open_r);
        }
    }
}

/// The lines that one side has; whether there were too many. Each is shown around what differs from its
/// counterpart on the other side.
fn only(
    which: Side,
    own: &Lines<'_>,
    lines: &Range<usize>,
    other: &Lines<'_>,
    others: &Range<usize>,
    shown: &mut Vec<Line>,
) -> bool {
    for at in lines.clone().take(LINES) {
        let counterpart = others.start + (at - lines.start);
        let counterpart = others
            .contains(&counterpart)
            .then(|| other.lines[counterpart]);
        shown.push(Line {
            side: which,
            text: around(own.lines[at], counterpart, BYTES).into_owned(),
            open: own.is_open(at),
        });
    }
    lines.len() > LINES
}
