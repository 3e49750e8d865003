//! Private keys as `cosign generate-key-pair` writes them: a JSON object in PEM, with a key
//! derived from the password by scrypt (RFC 7914) and a box of NaCl's XSalsa20 and Poly1305.
//! The form is that of go-securesystemslib's package `encrypted`.

use crypto_secretbox::aead::{Aead, KeyInit};
use crypto_secretbox::XSalsa20Poly1305;
use serde::Deserialize;
use verbatim_document::json;
use zeroize::Zeroizing;

use crate::{base64, Error};

#[derive(Deserialize)]
struct Encrypted {
    kdf: Derivation,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Derivation {
    name: String,
    params: Parameters,
    salt: String,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The largest cost: what the strongest choice of cosign's library takes, 128 MiB. A hostile
/// file must not ask for more.
const MAX_N: u64 = 1 << 17;

/// The key in PKCS #8.
pub(crate) fn decrypt(
    contents: &[u8],
    file: &str,
    password: Option<&str>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let malformed = |why: &str| Error::malformed(file, why);
    let sealed: Encrypted = json::parse(contents, file)?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(malformed(
            "it is encrypted in a way that cosign does not use; there is scrypt with nacl/secretbox",
        ));
    }
    let Parameters { n, r, p } = sealed.kdf.params;
    if !n.is_power_of_two() || !(2..=MAX_N).contains(&n) || !(1..=8).contains(&r) || p != 1 {
        return Err(malformed(
            "it asks for another cost of scrypt than cosign does; there is N up to 131072, r up to 8 and p = 1",
        ));
    }
    let salt = base64::decode(&sealed.kdf.salt);
    let nonce =
        base64::decode(&sealed.cipher.nonce).and_then(|nonce| <[u8; 24]>::try_from(nonce).ok());
    let (Some(salt), Some(nonce), Some(ciphertext)) =
        (salt, nonce, base64::decode(&sealed.ciphertext))
    else {
        return Err(malformed("its salt, nonce or ciphertext is broken base64"));
    };
    let password = password.ok_or_else(|| {
        malformed("it is encrypted; set COSIGN_PASSWORD to its password (an empty one is one too)")
    })?;
    let parameters = scrypt::Params::new(n.ilog2() as u8, r, p, 32)
        .map_err(|e| malformed(&format!("its cost of scrypt cannot be used: {e}")))?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password.as_bytes(), &salt, &parameters, &mut *key)
        .map_err(|e| malformed(&format!("its key cannot be derived: {e}")))?;
    XSalsa20Poly1305::new((&*key).into())
        .decrypt((&nonce).into(), ciphertext.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| malformed("the password in COSIGN_PASSWORD is not that of the key"))
}
