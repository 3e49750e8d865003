//! Formats that are not text: read only as far as it takes to name what varied.
//!
//! Each format is one reader with one rule: it says nothing that the bytes do not show. Where
//! one difference explains another (a longer path moves the addresses behind it, a changed
//! section changes the build ID), only the first is a finding; the evidence says what follows
//! from it. A file that its reader does not understand to the end is left to other readers.
//!
//! The files come from anywhere: every reader is linear in time and memory in what it is given,
//! follows no offset twice, and gives up (`None`) where a file contradicts itself.

mod class;
mod elf;
mod font;
mod gettext;
mod go;
#[cfg(test)]
mod hostile;
mod macho;
mod pdf;
mod pe;
mod png;
mod python;
mod rpm;
mod seen;
mod sqlite;
mod stamps;
mod strings;

pub use self::rpm::compare_heads as compare_rpm_heads;
use self::seen::Seen;
use crate::{Cause, Comparison};

/// A reader of one format, as in [`crate::compare`].
type Format = fn(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison>;

/// Each looks at the first bytes and leaves at once if they are not its own.
const FORMATS: &[Format] = &[
    // Before the formats of programs, of which it explains all.
    |_, left, right| go::compare(left, right),
    |_, left, right| elf::compare(left, right),
    |_, left, right| python::compare(left, right),
    sqlite::compare,
    |_, left, right| rpm::compare(left, right),
    rpm::old_database,
    |_, left, right| png::compare(left, right),
    |_, left, right| gettext::compare(left, right),
    |_, left, right| font::compare(left, right),
    |_, left, right| pdf::compare(left, right),
    |_, left, right| library_cache(left, right),
    |_, left, right| class::compare(left, right),
    |_, left, right| pe::compare(left, right),
    |_, left, right| macho::compare(left, right),
];

/// Compare two files that differ; `None` if they are not both of one format that is read here.
pub(crate) fn compare(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison> {
    FORMATS.iter().find_map(|format| format(name, left, right))
}

/// The cache of the dynamic linker, which `ldconfig` makes again from the libraries.
fn library_cache(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let is = |data: &[u8]| {
        data.starts_with(b"glibc-ld.so.cache1.") || data.starts_with(b"ld.so-1.7.0\0")
    };
    (is(left) && is(right)).then_some(())?;
    let mut seen = Seen::default();
    let (a, b) = (strings::printable(left), strings::printable(right));
    let difference = strings::compare(&a, &b);
    let evidence = match (difference.pairs.first(), difference.reordered) {
        (Some(pair), _) => pair.evidence(),
        (None, true) => "the same libraries in another order".to_owned(),
        (None, false) => format!("{} → {} bytes", left.len(), right.len()),
    };
    seen.add(Cause::LogOrCache, "cache of libraries", evidence);
    seen.finish("ld.so.cache")
}
