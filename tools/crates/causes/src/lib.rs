//! Why two files differ: causes with names, each with evidence and a fix.
//!
//! "The digests differ" helps nobody. What helps is the name of what varied, the place where it
//! shows, and the sentence that says how to stop it. This crate holds the catalogue of
//! [`Cause`]s and compares two files of one format; archives and images, which are made of
//! files, are taken apart by `verbatim-explain`.
//!
//! Whatever cannot be explained is said to be so: files that differ never come back without a
//! [`Finding`].

mod binary;
mod bytes;
mod cause;
mod collect;
mod compare;
mod comparison;
mod digests;
mod ends;
mod fix;
mod json;
#[cfg(test)]
mod mutations;
mod packages;
mod purpose;
mod text;
mod words;

pub use binary::compare_rpm_heads;
pub use cause::{Cause, UnknownCause};
pub use compare::compare;
pub use comparison::{Comparison, Excerpt, Finding, Line, Piece, Side};
pub use digests::{wanted as wanted_digests, Algorithm, Compared, Following, Sums};
pub use purpose::cause_of_place;
