//! File formats, each read in one place: where the parts of a file are and what stands in them.
//!
//! Nothing here judges. What of a file may vary is known to `verbatim-normalize`, why two files
//! differ to `verbatim-causes` and `verbatim-explain`; they all see the same parts.
//!
//! Files come from anywhere. A reader takes a number for a claim until it is checked against the
//! length of the file, holds no more in memory than it says, follows no offset twice, and gives up
//! where a file contradicts its format; most name the place, a [`Flaw`].

pub mod ar;
pub mod bbolt;
pub mod cpio;
pub mod elf;
mod flaw;
pub mod gettext;
pub mod go;
pub mod gzip;
pub mod inflate;
pub mod marshal;
mod number;
pub mod png;
pub mod pyc;
mod read_at;
pub mod rpm;
pub mod sqlite;
pub mod zip;

pub use flaw::Flaw;
pub use read_at::ReadAt;
