//! SSH signatures (`ssh-keygen -Y sign`, OpenSSH's PROTOCOL.sshsig).

use ring::signature::{
    RsaPublicKeyComponents, UnparsedPublicKey, ECDSA_P256_SHA256_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
};
use ssh_key::public::{EcdsaPublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, PublicKey, SshSig};

use super::{bad, Error, Input, Signed};

pub(super) fn check(
    sums: Input<'_>,
    key: Input<'_>,
    signature: Input<'_>,
    namespace: &str,
) -> Result<Signed, Error> {
    let parsed = SshSig::from_pem(signature.text()?)
        .map_err(|e| signature.malformed(format!("it is no SSH signature: {e}")))?;
    // The library reads lengths generously; a signature has one form.
    let again = parsed.to_pem(ssh_key::LineEnding::LF).unwrap_or_default();
    if without_space(&again) != without_space(signature.text()?) {
        return Err(
            signature.malformed("it is no SSH signature: its lengths contradict each other")
        );
    }
    let fail = |why: String| Err(bad(sums, key, signature, why));
    let keys = keys(key, namespace)?;
    let Some((_, who)) = keys
        .iter()
        .find(|(known, _)| known.key_data() == parsed.public_key())
    else {
        return fail("another key signed it".to_owned());
    };
    if parsed.namespace() != namespace {
        return fail(format!(
            "it was made for the namespace `{}` and not for `{}`; see --ssh-namespace",
            parsed.namespace().escape_debug(),
            namespace.escape_debug()
        ));
    }
    let message = SshSig::signed_data(namespace, parsed.hash_alg(), sums.data)
        .map_err(|e| signature.malformed(e.to_string()))?;
    match verify(&parsed, &message) {
        Some(true) => Ok(Signed {
            by: format!("SSH, {who}"),
            subject: None,
        }),
        Some(false) => fail("the bytes were changed".to_owned()),
        None => Err(key.malformed(format!(
            "SSH keys of the kind {} are not supported; there are ssh-ed25519, ecdsa-sha2-nistp256 and ssh-rsa",
            parsed.algorithm()
        ))),
    }
}

/// Whether the signature is good; `None` if its kind is not known.
fn verify(signature: &SshSig, message: &[u8]) -> Option<bool> {
    let bytes = signature.signature_bytes();
    let good = match (signature.public_key(), signature.signature().algorithm()) {
        (KeyData::Ed25519(key), Algorithm::Ed25519) => UnparsedPublicKey::new(&ED25519, key.0)
            .verify(message, bytes)
            .is_ok(),
        (KeyData::Ecdsa(EcdsaPublicKey::NistP256(key)), Algorithm::Ecdsa { .. }) => {
            let fixed = ecdsa_fixed(bytes)?;
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.as_bytes())
                .verify(message, &fixed)
                .is_ok()
        }
        (KeyData::Rsa(key), Algorithm::Rsa { hash: Some(hash) }) => {
            let parameters = match hash {
                HashAlg::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                _ => &RSA_PKCS1_2048_8192_SHA512,
            };
            let components = RsaPublicKeyComponents {
                n: key.n.as_positive_bytes()?,
                e: key.e.as_positive_bytes()?,
            };
            components.verify(parameters, message, bytes).is_ok()
        }
        _ => return None,
    };
    Some(good)
}

/// Two numbers of SSH's form (RFC 4251, section 5, `mpint`) as two numbers of 32 bytes.
fn ecdsa_fixed(mut bytes: &[u8]) -> Option<[u8; 64]> {
    let mut fixed = [0; 64];
    for half in [0, 32] {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let number = rest.get(..length)?;
        bytes = &rest[length..];
        let zeros = number.iter().take_while(|&&b| b == 0).count();
        let number = &number[zeros..];
        let start = 32usize.checked_sub(number.len())?;
        fixed[half + start..half + 32].copy_from_slice(number);
    }
    bytes.is_empty().then_some(fixed)
}

/// The keys of a `.pub` file or of an `allowed_signers` file (ssh-keygen(1), "ALLOWED SIGNERS"), each with its owner.
fn keys(key: Input<'_>, namespace: &str) -> Result<Vec<(PublicKey, String)>, Error> {
    let mut keys = Vec::new();
    for line in key.text()?.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Ok(public) = line.parse::<PublicKey>() {
            let comment = public.comment().to_owned();
            keys.push((
                public,
                if comment.is_empty() {
                    "a key without a name".to_owned()
                } else {
                    comment.escape_debug().to_string()
                },
            ));
            continue;
        }
        let wrong = |why: &str| {
            key.malformed(format!(
                "`{}`: {why}",
                line.chars().take(60).collect::<String>().escape_debug()
            ))
        };
        let Some((principals, rest)) = line.split_once(char::is_whitespace) else {
            return Err(wrong(
                "it is no SSH public key and no line of an allowed_signers file",
            ));
        };
        let rest = rest.trim_start();
        // Options stand between, in one word (quotes keep spaces together).
        let (options, rest) = if rest.parse::<PublicKey>().is_ok() {
            ("", rest)
        } else {
            let end = word(rest);
            (&rest[..end], rest[end..].trim_start())
        };
        let public: PublicKey = rest
            .parse()
            .map_err(|_| wrong("it is no SSH public key and no line of an allowed_signers file"))?;
        let mut for_us = true;
        for option in unquoted_parts(options) {
            match option.split_once('=') {
                Some(("namespaces", list)) => {
                    for_us = list
                        .trim_matches('"')
                        .split(',')
                        .any(|name| name == namespace);
                }
                // A signature has no time that could be believed.
                _ => {
                    return Err(wrong(
                        "its options are not supported; there is namespaces= alone",
                    ))
                }
            }
        }
        if for_us {
            keys.push((public, principals.escape_debug().to_string()));
        }
    }
    if keys.is_empty() {
        return Err(key.malformed(
            "it holds no SSH public key for this use; give a .pub file or an allowed_signers file",
        ));
    }
    Ok(keys)
}

/// Where the first word ends, outside of quotes.
fn word(text: &str) -> usize {
    let mut quoted = false;
    text.find(|c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    })
    .unwrap_or(text.len())
}

/// What commas outside of quotes divide.
fn unquoted_parts(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .filter(|part| !part.is_empty())
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}
