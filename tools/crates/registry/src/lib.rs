//! A client of container registries that believes nothing but bytes.
//!
//! The OCI distribution specification 1.1 over HTTP: manifests, blobs, tags and referrers are
//! asked for by name or digest, and whatever comes back is hashed here. A digest in a header,
//! a length, a media type are hints for messages at most. How servers are spoken to, and who is
//! told a credential, is up to `verbatim_net`; here is the protocol.

mod asset;
mod blob;
mod client;
mod copy;
mod deep;
mod error;
mod layout_writer;
mod limits;
mod list;
mod manifest;
mod name;
mod pull;
mod push;
mod referrers;
mod scope;

pub use asset::Assets;
pub use blob::{BlobReader, BlobStream};
pub use client::{Client, Options};
pub use copy::Tagged;
pub use deep::Remote;
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use manifest::Manifest;
pub use name::{Mirror, Repository, Target, Which};
pub use pull::{Pull, Pulled, PulledImage};
pub use push::{Count, Image, Inputs, PushOptions, Pushed};
pub use verbatim_net::runtime;
