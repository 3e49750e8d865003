//! Small documents: JSON in one canonical form, read so that nobody can disagree about it, and
//! what can be wrong with them.
//!
//! An [`Error`] names the file, the place in it and the fix, and has a [kind](ErrorKind) by
//! which callers tell a wrong input from one that could not be looked at. Words of foreign
//! origin may stand in any part of it: they are escaped where the error is shown.

mod error;
pub mod file;
pub mod json;

pub use error::{Error, ErrorKind, Result};
