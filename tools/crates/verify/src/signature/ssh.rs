//! SSH signatures (`ssh-keygen -Y sign`, OpenSSH's PROTOCOL.sshsig).

use ring::signature::{
    RsaPublicKeyComponents, UnparsedPublicKey, ECDSA_P256_SHA256_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
};
use ssh_key::public::{EcdsaPublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, SshSig};
use verbatim_foreign::{excerpt, printable};

use super::allowed_signers::{self, Line, Use};
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
    let who = match owner(key, parsed.public_key(), namespace)? {
        Ok(who) => who,
        Err(why) => return fail(why),
    };
    if parsed.namespace() != namespace {
        return fail(format!(
            "it was made for the namespace `{}` and not for `{}`; see --ssh-namespace",
            excerpt(parsed.namespace(), 100),
            printable(namespace)
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

/// Whose key it is by a `.pub` file or an `allowed_signers` file, or why it may not be used.
fn owner(file: Input<'_>, key: &KeyData, namespace: &str) -> Result<Result<String, String>, Error> {
    let asked = Use {
        key,
        namespace,
        now: allowed_signers::now(),
    };
    let mut forbidden = None;
    let mut malformed = None;
    let mut keys = 0;
    for (number, line) in file.text()?.lines().enumerate() {
        match allowed_signers::read(line, &asked) {
            Line::Good(who) => return Ok(Ok(who)),
            Line::Forbidden(why) => forbidden = forbidden.or(Some(why)),
            Line::PassedOver if is_blank(line) => continue,
            Line::PassedOver => {}
            // The key may stand on a later line, as for OpenSSH.
            Line::Malformed => malformed = malformed.or(Some((number, line))),
        }
        keys += 1;
    }
    if let (None, Some((number, line))) = (&forbidden, malformed) {
        return Err(file.malformed(format!(
            "line {}, `{}`: it is no SSH public key and no line of an allowed_signers file",
            number + 1,
            excerpt(line.trim(), 60)
        )));
    }
    if keys == 0 {
        return Err(file
            .malformed("it holds no SSH public key; give a .pub file or an allowed_signers file"));
    }
    Ok(Err(match forbidden {
        Some(why) => format!("the key that signed it may not: {why}"),
        None => "another key signed it".to_owned(),
    }))
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}
