//! Is what is there what was released?
//!
//! What was released is a list of sums. What is there may be served by a registry, run in a
//! cluster, lie on a disk as files or unpacked by an engine, or be another list. For each thing there is one [`Verdict`], and
//! it binds to bytes: a digest that was not recomputed here is not believed. "It could not
//! be checked" is a verdict of its own, never a way of saying equal or different.
//!
//! [`image::judge`] holds the heart: what two images have in common, from "the same bytes" down
//! to "different, and where". Everything else finds the two sides for it.

pub mod assets;
pub mod container;
pub mod deep;
pub mod files;
pub mod image;
mod report;
pub mod running;
pub mod served;
pub mod signature;
pub mod stored;
mod tasks;
pub mod unpacked;
mod verdict;

pub use report::{Finding, Place, Report};
pub use verdict::{Judgement, PlatformJudgement, Verdict};
