//! The images that others stand on: where they are pinned, whether what they were pinned from has
//! moved on, and which images of a release stand on them.
//!
//! A pin is what a file says ([`pins`]): a repository, a digest, and the tag that the digest was
//! looked up from. [`look_up`] asks what the tag stands for now. That an image stands on a base is
//! not believed but seen: its layers begin with those of the base ([`stands_on`]).

mod now;
mod pins;
mod starlark;

pub use now::{look_up, stands_on, Base, BaseVerdict, Report, SCHEMA};
pub use pins::{pins, repinned, Pin, PinError};
