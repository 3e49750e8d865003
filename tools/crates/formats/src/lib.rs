//! What varies inside files without meaning, and what must not be in them.
//!
//! Two builds of the same sources often differ only in places that nobody reads: the time
//! in a gzip header, the order of a zip's extra fields, the symbol table of a program.
//!
//! - [`elf`] strips a linked program to the same bytes on every machine;
//! - [`scan`] proves that a file holds no path of the machine that built it.

pub mod elf;
pub mod scan;
