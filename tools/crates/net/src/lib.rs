//! A client of HTTP servers that are not trusted, for whatever is fetched or sent: registries,
//! mirrors of packages, repositories, published files.
//!
//! A server may be slow, wrong or hostile: everything read has a limit, every wait an end, every
//! retry a bound. Who we are is told to the host that a [`Scope`] is about and to nobody else;
//! redirects are followed without it. No secret is in a message: credentials live in [`Secret`],
//! and of what servers say with an error nothing is shown that repeats one.
//!
//! What bytes mean is up to who asked for them: nothing here knows of digests.

mod body;
mod call;
mod challenge;
mod client;
mod connection;
mod credentials;
mod dns;
mod error;
mod exchange;
pub mod files;
mod host;
mod informational;
mod limits;
mod login;
mod memory;
pub mod percent;
mod proxy;
mod refusal;
mod retry_after;
mod scope;
mod secret;
mod tls;
mod token_server;
mod waiting;

pub use body::Body;
pub use call::{Answer, Call, Payload, Upload};
pub use client::{runtime, Client, OnRetry, Options};
pub use connection::Stream;
pub use credentials::{CredentialHelper, Credentials};
pub use error::{Error, ErrorKind};
pub use host::{shown_address, HostPort, Origin, Scheme, Url};
pub use limits::{Limits, Retries, Retry, Timeouts, Wait};
pub use scope::{Grant, Scope};
pub use secret::Secret;
pub use waiting::Waiting;
