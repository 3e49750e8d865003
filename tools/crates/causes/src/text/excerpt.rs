//! Pieces of both sides with the lines around them, as a unified diff has them.

use super::diff::Hunk;
use crate::Excerpt;

/// Lines around a difference.
const CONTEXT: usize = 3;
/// Pieces that are shown, lines of one of them, and bytes of a line.
const PIECES: usize = 8;
const LINES: usize = 40;
const BYTES: usize = 512;

/// The first pieces that differ, and whether there are more.
pub(super) fn excerpts(l: &[&str], r: &[&str], hunks: &[Hunk]) -> (Vec<Excerpt>, bool) {
    let mut pieces: Vec<Hunk> = Vec::new();
    let mut more = false;
    for hunk in hunks {
        let count = pieces.len();
        match pieces.last_mut() {
            Some(last)
                if hunk.left.start <= last.left.end + 2 * CONTEXT
                    && last.left.len().max(last.right.len()) < LINES =>
            {
                last.left.end = hunk.left.end;
                last.right.end = hunk.right.end;
            }
            _ if count == PIECES => {
                more = true;
                break;
            }
            _ => pieces.push(hunk.clone()),
        }
    }
    let excerpts = pieces
        .iter()
        .map(|piece| {
            // In front of and behind a piece, both sides are equal.
            let before = piece.left.start.min(piece.right.start).min(CONTEXT);
            let after = (l.len() - piece.left.end)
                .min(r.len() - piece.right.end)
                .min(CONTEXT);
            let side = |lines: &[&str], from: usize, to: usize| {
                let to_shown = to.min(from + LINES + 2 * CONTEXT);
                let mut out = Vec::new();
                for line in &lines[from..to_shown] {
                    let mut end = line.len().min(BYTES);
                    while !line.is_char_boundary(end) {
                        end -= 1;
                    }
                    out.extend_from_slice(&line.as_bytes()[..end]);
                    out.push(b'\n');
                }
                (out, to_shown < to)
            };
            let (from_l, to_l) = (piece.left.start - before, piece.left.end + after);
            let (from_r, to_r) = (piece.right.start - before, piece.right.end + after);
            let (left, cut_l) = side(l, from_l, to_l);
            let (right, cut_r) = side(r, from_r, to_r);
            more |= cut_l || cut_r;
            // A side without lines is said to start behind the line before (POSIX diff -u).
            let number = |from: usize, to: usize| {
                format!("{},{}", if from == to { from } else { from + 1 }, to - from)
            };
            Excerpt {
                at: format!("@@ -{} +{} @@", number(from_l, to_l), number(from_r, to_r)),
                left,
                right,
                text: true,
            }
        })
        .collect();
    (excerpts, more)
}
