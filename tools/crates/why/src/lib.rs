//! Why is this here, and what changed?
//!
//! For a path of an image, [`answer`] says which layer it comes from, what other layers did to it,
//! which package it belongs to and which entry of a lock that package is. For two images,
//! [`changes`] says which packages and which files differ, each file once, under what accounts for
//! it: a package in another version, or for what is nobody's, the causes that the bytes show.

mod bytes;
mod change;
mod path;
mod release;
mod render;

pub use change::{changes, Attributes, FileChange, How, ImageChange, PackageChange};
pub use path::{answer, Answer, EventAnswer, LayerAnswer, Locked, Owner, Presence};
pub use release::{ChangeVerdict, Changelog, ReleasedChange};
