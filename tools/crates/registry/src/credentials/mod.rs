//! Credentials as users have them.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use http::header::HeaderName;

use crate::error::Error;
use crate::host::Url;
use crate::name::Repository;
use crate::secret::Secret;

/// What a registry can be told.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// A user and a password.
    Basic { user: String, password: Secret },
    /// A refresh token for the token server.
    Identity(Secret),
    /// A token for the registry itself.
    Token(Secret),
    /// Headers, as Bazel's credential helpers give them.
    Headers(Vec<(HeaderName, Secret)>),
}

/// Where credentials are looked for.
#[derive(Debug, Clone, Default)]
pub struct Credentials {}

impl Credentials {
    pub(crate) async fn of(&self, _: &Repository, _: &Url) -> Result<Option<Credential>, Error> {
        Ok(None)
    }

    pub(crate) async fn preemptive(
        &self,
        _: &Repository,
        _: &Url,
    ) -> Result<Option<Vec<(HeaderName, Secret)>>, Error> {
        Ok(None)
    }
}

/// The value of `Authorization` for Basic (RFC 7617).
pub(crate) fn basic(user: &str, password: &str) -> Secret {
    let pair = zeroize::Zeroizing::new(format!("{user}:{password}"));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}
