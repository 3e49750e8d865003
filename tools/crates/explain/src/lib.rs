//! What differs between two artifacts, from the index of an image down to a byte of a file.
//!
//! Two things that should be equal are opened side by side and taken apart level by level:
//! index, manifest, config, layer, entry, content. Whatever has one digest on both sides is
//! equal and is not opened, so the cost is that of what differs. Containers inside of
//! containers (a gzip file in a tar archive in a package) are followed down to files of one
//! format, which `verbatim-causes` explains. What is found becomes a [`Report`]: the causes,
//! each once with all places where it shows, and the tree of differences below it.
//!
//! Three promises hold whatever the input is:
//!
//! - A difference is never called equal. What could not be looked into, because a limit or a
//!   damaged file was in the way, stands in the report as a difference that says so.
//! - The same two inputs give the same report, byte for byte, on any number of cores.
//! - Memory and time are bounded by [`Limits`], not by what an archive claims.

mod blob;
mod compare;
mod container;
mod date;
mod error;
mod image;
mod limits;
mod open;
mod render;
mod report;
mod sums;
mod tree;

pub use compare::explain;
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use open::{Opener, Side};
pub use render::{html, text, View};
pub use report::{
    CauseReport, Difference, ExcerptReport, Field, FindingReport, Kind, Level, Report, SideReport,
    Verdict,
};
