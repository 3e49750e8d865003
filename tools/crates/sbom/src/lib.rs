//! What something is made of, as a document that others can read: SPDX and CycloneDX.
//!
//! A [`Bom`] is a list of packages, each under an identifier that follows from what it is, and of
//! the things that they are in. It is filled from files that say what is there with digests: a
//! lock of packages ([`packages`]), a `Cargo.lock` ([`cargo`]), the databases in an [`image`], what a
//! [`program`] says of itself. Written as [`spdx`] or
//! [`cyclonedx`] it gives the same bytes on every machine: everything is sorted, the time is one
//! that was given, and what must be unique is derived from the content ([`Uuid`]).
//!
//! What somebody else wrote is read as [`Stated`], and [`mod@check`] says whether it is true of the
//! files of an image.

mod bom;
pub mod cargo;
pub mod check;
pub mod cyclonedx;
pub mod image;
mod license;
mod origin;
pub mod packages;
pub mod program;
pub mod spdx;
mod stated;
mod uuid;

pub use bom::{Bom, File, Id, Package, Subject, SubjectKind};
pub use origin::Distribution;
pub use stated::{Stated, StatedFile, StatedImage, StatedPackage, LARGEST};
pub use uuid::Uuid;
pub use verbatim_naming::{Purl, PurlError};
