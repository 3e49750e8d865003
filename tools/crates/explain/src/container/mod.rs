//! Containers other than tar, read as far as their entries can be told apart.

pub(crate) mod ar;
pub(crate) mod gzip;
pub(crate) mod members;
pub(crate) mod zip;
