//! The report for people.

mod html;
mod text;

use verbatim_causes::{Cause, Line, Side};

pub use self::html::html;
pub use self::text::text;
use crate::report::Difference;

/// How much of a report is shown. It never changes what the report says.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Only differences of these causes; of all if there is none.
    pub only: Vec<Cause>,
    /// Levels of the tree; all if `None`.
    pub depth: Option<usize>,
    /// Write escape sequences for colours.
    pub colour: bool,
}

impl View {
    /// Whether a difference, or one below it, is to be seen.
    fn shows(&self, difference: &Difference) -> bool {
        self.only.is_empty()
            || difference
                .findings
                .iter()
                .any(|finding| self.only.contains(&finding.cause))
            || difference.children.iter().any(|child| self.shows(child))
    }
}

/// Lines that both sides have, and then those that each side has in the place of the other's.
struct Block<'a> {
    both: &'a [Line],
    left: &'a [Line],
    right: &'a [Line],
}

/// A unified diff in pieces that can be put side by side.
fn blocks(mut lines: &[Line]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    while !lines.is_empty() {
        let mut take = |side| {
            let end = lines.iter().take_while(|line| line.side == side).count();
            let (taken, rest) = lines.split_at(end);
            lines = rest;
            taken
        };
        blocks.push(Block {
            both: take(Side::Both),
            left: take(Side::Left),
            right: take(Side::Right),
        });
    }
    blocks
}

/// What a cause is seen at, without the part that its parent already shows.
fn relative<'a>(path: &'a str, parent: &str) -> &'a str {
    path.strip_prefix(parent)
        .and_then(|rest| rest.strip_prefix('!'))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_not_repeated() {
        assert_eq!(relative("a!b!c", "a!b"), "c");
        assert_eq!(relative("b", "a"), "b");
        assert_eq!(relative("ab", "a"), "ab");
    }
}
