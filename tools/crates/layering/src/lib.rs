//! Which layer each part of a root file system goes into, so that a release costs its users only the
//! bytes that changed.
//!
//! A layer is fetched as a whole or not at all. So what changes often must not lie beside what hardly
//! ever does, and what did not change must keep its layer to the last byte. [`Parts`] are what a root
//! file system consists of, by its [components](verbatim_components). [`layers`] puts them into at
//! most so many layers: by how often each kind of part changes at first, and by what did change once
//! there is a [`Plan`] of the release before. What comes out of it is written down as the plan of this
//! release, beside the layers and not in them.
//!
//! Everything here is whole numbers, and nothing depends on the order in which anything was found.

mod fingerprint;
mod group;
mod part;
mod picture;
mod plan;
mod rate;
mod report;

pub use group::{layers, Budget, Grouping};
pub use part::{Part, Parts};
pub use picture::picture;
pub use plan::{Plan, PlannedComponent, SCHEMA};
pub use report::{Change, Report, ReportedLayer};

/// Layers could not be planned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error(transparent)]
    Archive(#[from] verbatim_archive::Error),
    /// The plan of the release before is none.
    #[error(transparent)]
    Document(#[from] verbatim_document::Error),
}

/// The result of planning.
pub type Result<T, E = Error> = std::result::Result<T, E>;
