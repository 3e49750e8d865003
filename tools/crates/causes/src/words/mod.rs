//! What two differing pieces of text give away: the rules by which words have causes.
//!
//! All formats that hold strings ask here: a line of a text, a value of a document, a string of a
//! program, a column of a database. A line is cut into tokens, the tokens of both sides are
//! aligned, and each piece that differs is named by what it is (a moment, a path, a UUID) or by
//! what stands before it (`Build-Host:`). A rule holds only if both sides obey it: a word that is
//! a date here and a colour there is no time stamp.

mod align;
mod classify;
mod clock;
mod context;
mod cpu;
mod drawn;
pub(crate) mod environment;
mod locale;
mod moment;
mod month;
mod order;
mod path;
mod random;
mod revision;
mod token;
mod version;

pub(crate) use align::{changes, limited as limited_changes, Change};
pub(crate) use context::Context;

use crate::Cause;

/// Why `right` stands where `left` stood. [`Cause::SourceChange`] if nothing is known to vary so.
pub(crate) fn cause_of(left: &str, right: &str) -> Cause {
    // The change that explains most.
    changes(&Context::default(), left, right)
        .iter()
        .map(|change| change.cause)
        .min_by_key(|cause| (cause.rank(), *cause))
        .unwrap_or(Cause::SourceChange)
}

/// Whether a text is a date or a time and nothing else.
pub(crate) fn is_moment(text: &str) -> bool {
    moment::Moment::read(text).is_some_and(|(_, length)| length == text.len())
}

/// Whether both texts can be the names that a repository gives its commits.
pub(crate) fn is_commit(left: &str, right: &str) -> bool {
    revision::is_commit(left) && revision::is_commit(right)
}

/// Whether a text is a version.
pub(crate) fn is_version(text: &str) -> bool {
    version::is_version(text)
}

/// Where two texts that differ start to do so, and where their common end begins, in bytes of
/// `left`; both at the borders of characters. In `right`, the end is as far from its end.
fn differing(left: &str, right: &str) -> (usize, usize) {
    let start = left
        .char_indices()
        .zip(right.chars())
        .find(|((_, a), b)| a != b)
        .map_or(left.len().min(right.len()), |((at, _), _)| at);
    let end: usize = left[start..]
        .chars()
        .rev()
        .zip(right[start..].chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(c, _)| c.len_utf8())
        .sum();
    (start, left.len() - end)
}

#[cfg(test)]
mod tests;
