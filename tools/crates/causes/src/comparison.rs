//! What a comparison of two files found.

use crate::Cause;

/// One cause seen at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What varied.
    pub cause: Cause,
    /// Where inside of the file, as its format says it: `line 12`, `/created`, `section .text`,
    /// `offset 0x1c0`; empty for the file as a whole.
    pub at: String,
    /// What is to be seen there on both sides, in one line. It may hold any character of the files:
    /// who prints it escapes it.
    pub evidence: String,
}

/// A piece of both sides, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Where, as in [`Finding::at`]; of [`Piece::Lines`] the ranges of lines as a unified diff has them,
    /// `@@ -3,7 +3,7 @@`.
    pub at: String,
    /// What stands there.
    pub piece: Piece,
}

/// What stands on both sides of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Lines of both sides with those around them, in the order of a unified diff.
    Lines(Vec<Line>),
    /// One value each, as text.
    Text {
        /// The left side's.
        left: Vec<u8>,
        /// The right side's.
        right: Vec<u8>,
    },
    /// Bytes.
    Bytes {
        /// The left side's.
        left: Vec<u8>,
        /// The right side's.
        right: Vec<u8>,
    },
}

/// Who has a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Both sides have it.
    Both,
    /// Only the left side has it.
    Left,
    /// Only the right side has it.
    Right,
}

impl Side {
    /// What stands in front of the line in a unified diff.
    pub fn mark(self) -> char {
        match self {
            Side::Both => ' ',
            Side::Left => '-',
            Side::Right => '+',
        }
    }
}

/// A line, cut around what differs if it is very long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who has it.
    pub side: Side,
    /// Without the end of line.
    pub text: String,
    /// It is the last of its file, and has no end of line.
    pub open: bool,
}

/// Two files that differ, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The format both were read as: `text`, `json`, `elf`, …, `bytes`.
    pub format: &'static str,
    /// Never empty; most telling first.
    pub findings: Vec<Finding>,
    /// A bounded number of places, in order.
    pub excerpts: Vec<Excerpt>,
    /// Whether there are more differences than are told here.
    pub more: bool,
}
