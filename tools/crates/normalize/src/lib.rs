//! What varies inside files without meaning, and what must not be in them.
//!
//! Two builds of the same sources often differ only in places that nobody reads: the time
//! in a gzip header, the order of a zip's entries, the symbol table of a program.
//!
//! - [`normalize_in_place`] and [`normalize_files`] set such places to what they would
//!   always be, in files of the formats that have them; each format has a handler;
//! - [`elf`] strips a linked program to the same bytes on every machine;
//! - [`scan`] proves that a file holds no path of the machine that built it.

pub mod elf;
mod handlers;
mod in_place;
pub mod scan;

pub use in_place::{normalize_bytes, normalize_files, normalize_in_place, Error, Options, Report};
