//! A client of container registries that believes nothing but bytes.
//!
//! The OCI distribution specification 1.1 over HTTP: manifests, blobs, tags and referrers are
//! asked for by name or digest, and whatever comes back is hashed here. A digest in a header,
//! a length, a media type are hints for messages at most. A registry may be slow, wrong or
//! hostile: everything read has a limit, every wait an end, every retry a bound, and a
//! credential goes to the host that it is for and nowhere else.

mod asset;
mod auth;
mod blob;
mod body;
mod client;
mod credentials;
mod deep;
mod docker_hub;
mod error;
mod exchange;
mod files;
mod host;
mod limits;
mod list;
mod login;
mod manifest;
mod name;
mod net;
mod place;
mod pull;
mod push;
mod secret;
mod time;
mod token_server;
mod words;

pub use asset::Assets;
pub use blob::{BlobReader, BlobStream};
pub use client::{runtime, Client, OnRetry, Options};
pub use credentials::{CredentialHelper, Credentials};
pub use deep::Remote;
pub use error::{Error, ErrorKind};
pub use host::HostPort;
pub use limits::{Limits, Retries, Retry, Timeouts, Wait};
pub use manifest::Manifest;
pub use name::{Mirror, Repository, Target, Which};
pub use pull::{Pull, Pulled, PulledImage};
pub use push::{Count, Image, Inputs, PushOptions, Pushed};
pub use secret::Secret;
