//! One handler for each format: what varies in it, and what stands there instead.

mod ar;
mod gettext;
mod gzip;
mod jar;
mod javadoc;
mod marshal;
mod png;
mod properties;
mod pyc;
mod zip;

use crate::in_place::{Context, Flaw, Plan, Source};

/// What is known about one format.
///
/// A handler is a pure function of the file and the options. It never changes what a
/// reader of the format would call the content, answers with no change for a file that
/// is normal already, and treats every number in the file as a lie until it is checked
/// against the file's length.
pub(crate) trait Handler: Sync {
    /// The format's name, in reports and messages.
    fn name(&self) -> &'static str;

    /// Whether a file of this name (in lower case) and these first bytes is of the format.
    ///
    /// Both must fit: bytes alone could be a signed package that happens to begin so.
    fn accepts(&self, name: &[u8], head: &[u8]) -> bool;

    /// Say what the normalised file consists of.
    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw>;
}

/// All handlers, in the order in which they are asked.
pub(crate) const ALL: &[&dyn Handler] = &[
    &gzip::Gzip,
    &ar::Ar,
    &png::Png,
    &pyc::Pyc,
    &javadoc::Javadoc,
    &properties::Properties,
    &gettext::Gettext,
    &jar::Jar,
    &zip::Zip,
];

/// Whether the name ends with a dot and one of these.
fn has_extension(name: &[u8], extensions: &[&str]) -> bool {
    name.iter()
        .rposition(|byte| *byte == b'.')
        .is_some_and(|dot| {
            let extension = &name[dot + 1..];
            extensions.iter().any(|e| extension == e.as_bytes())
        })
}

/// The little-endian number at `at`; the caller has checked that it is there.
fn u16_at(data: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([data[at], data[at + 1]])
}

/// The same with 32 bits.
fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
}

/// The same with 64 bits.
fn u64_at(data: &[u8], at: usize) -> u64 {
    u64::from(u32_at(data, at)) | u64::from(u32_at(data, at + 4)) << 32
}

/// Where the bytes first stand.
fn find(data: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(data, what)
}
