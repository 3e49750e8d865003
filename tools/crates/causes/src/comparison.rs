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
    /// Where, as in [`Finding::at`].
    pub at: String,
    /// The bytes of the left side.
    pub left: Vec<u8>,
    /// The bytes of the right side.
    pub right: Vec<u8>,
    /// Whether both are text.
    pub text: bool,
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
