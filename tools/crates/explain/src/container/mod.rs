//! Containers other than tar: their parts are found by `verbatim-formats`, here they are compared.

pub(crate) mod ar;
pub(crate) mod cpio;
pub(crate) mod gzip;
pub(crate) mod members;
mod rpm;
pub(crate) mod zip;
