//! Bytes by digest out of build caches.
//!
//! What a build made may be nowhere but in its cache: a server that speaks the Remote Execution
//! API (REAPI v2), or the folder that Bazel keeps with `--disk_cache`. [`Caches`] are such places,
//! in the order in which they are asked. They are a source of blobs like any other
//! ([`verbatim_oci::graph::Blobs`]), and only read: nothing is sent to them, and nothing is kept
//! of them here.
//!
//! A cache is a server like any other, too: slow, wrong or hostile. What it sends is hashed on
//! the way, every wait has an end, every retry a bound, and a stream that was cut goes on where it
//! ended. Only caches that name blobs by SHA-256 have what registries name by it.

mod address;
mod blobs;
mod caches;
mod error;
mod folder;
mod reader;
mod remote;

pub use address::{Address, Header};
pub use caches::{Caches, Options, Pooled};
pub use error::{Error, ErrorKind};
