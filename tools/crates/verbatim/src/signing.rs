//! The key that a person signs with.

use std::path::Path;

use anyhow::Context as _;
use verbatim_signature::PrivateKey;

use crate::handed::handed;

/// The largest key file that is read.
const MAX_KEY: u64 = 1 << 20;

/// Read a key; the password of an encrypted one is in COSIGN_PASSWORD.
pub fn private_key(path: &Path) -> anyhow::Result<PrivateKey> {
    let (key, name) = handed(path, MAX_KEY)?;
    Ok(PrivateKey::from_pem(&key, &name, password()?.as_deref())?)
}

/// The password of an encrypted key, by the name that cosign gives it.
fn password() -> anyhow::Result<Option<String>> {
    match std::env::var("COSIGN_PASSWORD") {
        Ok(password) => Ok(Some(password)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(error).context("COSIGN_PASSWORD cannot be read"),
    }
}
