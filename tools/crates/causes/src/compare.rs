//! Which format two files are read as.

use crate::{binary, bytes, json, packages, purpose, text, Comparison};

/// A reader of one format: `None` if one of the files is not of it, or cannot be read as such.
type Format = fn(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison>;

/// The most particular first: what one knows of a name or a format tells more than its lines.
const FORMATS: &[Format] = &[
    purpose::compare,
    packages::compare,
    binary::compare,
    json::compare,
    |_, left, right| text::compare(left, right),
];

/// Compare two files that differ. `name` is a path, whose parts may tell what the file is for.
///
/// Time and memory are linear in the sizes of the files, whatever they hold.
pub fn compare(name: &str, left: &[u8], right: &[u8]) -> Comparison {
    FORMATS
        .iter()
        .find_map(|format| format(name, left, right))
        .unwrap_or_else(|| bytes::compare(left, right))
}
