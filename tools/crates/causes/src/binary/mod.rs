//! Formats that are not text: read only as far as it takes to name what varied.
//!
//! Each format is one reader with one rule: it says nothing that the bytes do not show. Where
//! one difference explains another (a longer path moves the addresses behind it, a changed
//! section changes the build ID), only the first is a finding; the evidence says what follows
//! from it. A file that its reader does not understand to the end is left to other readers.
//!
//! The files come from anywhere: every reader is linear in time and memory in what it is given,
//! follows no offset twice, and gives up (`None`) where a file contradicts itself.

mod elf;
mod inflate;
mod python;
mod rpm;
mod seen;
mod sqlite;
mod strings;

use crate::Comparison;

/// A reader of one format, as in [`crate::compare`].
type Format = fn(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison>;

/// Each looks at the first bytes and leaves at once if they are not its own.
const FORMATS: &[Format] = &[
    |_, left, right| elf::compare(left, right),
    |_, left, right| python::compare(left, right),
    sqlite::compare,
    |_, left, right| rpm::compare(left, right),
    rpm::old_database,
];

/// Compare two files that differ; `None` if they are not both of one format that is read here.
pub(crate) fn compare(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison> {
    FORMATS.iter().find_map(|format| format(name, left, right))
}
