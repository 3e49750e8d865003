//! cosign with a key: ECDSA P-256, RSA or Ed25519 over the bytes, in base64 or in a bundle.

use base64::prelude::{Engine, BASE64_STANDARD};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::pkcs8::DecodePublicKey;
use ring::signature::{
    UnparsedPublicKey, VerificationAlgorithm, ED25519, RSA_PKCS1_2048_8192_SHA256,
};
use serde::Deserialize;
use verbatim_digest::Digest;

use super::{bad, Error, Input, Signed};

/// What cosign writes with `--bundle`, in its older and its newer form.
#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "base64Signature")]
    base64_signature: Option<String>,
    #[serde(rename = "messageSignature")]
    message_signature: Option<MessageSignature>,
}

#[derive(Deserialize)]
struct MessageSignature {
    signature: String,
}

pub(super) fn check(
    sums: Input<'_>,
    single: Option<Digest>,
    key: Input<'_>,
    signature: Input<'_>,
) -> Result<Signed, Error> {
    let bytes = decode(signature)?;
    let der = key_of(key)?;
    let signed = |by: &str, subject| {
        Ok(Signed {
            by: format!("cosign, {by}"),
            subject,
        })
    };
    if let Ok(public) = p256::ecdsa::VerifyingKey::from_public_key_der(&der) {
        let parsed = p256::ecdsa::DerSignature::from_bytes(&bytes).map_err(|_| {
            signature.malformed("it is no ECDSA signature; give the file that `cosign sign-blob --output-signature` wrote")
        })?;
        let verify = |digest: &Digest| public.verify_prehash(digest.as_bytes(), &parsed).is_ok();
        if verify(&Digest::of(sums.data)) {
            return signed("ECDSA P-256", None);
        }
        if let Some(digest) = single.filter(verify) {
            return signed("ECDSA P-256", Some(digest));
        }
    } else if let Some(raw) = raw_key(&der, &OID_ED25519) {
        if verify_by(&ED25519, raw, sums.data, &bytes) {
            return signed("Ed25519", None);
        }
    } else if let Some(raw) = raw_key(&der, &OID_RSA) {
        if verify_by(&RSA_PKCS1_2048_8192_SHA256, raw, sums.data, &bytes) {
            return signed("RSA", None);
        }
    } else {
        return Err(key.malformed(
            "it is a public key of a kind that is not supported; there are ECDSA P-256, RSA and Ed25519",
        ));
    }
    Err(bad(
        sums,
        key,
        signature,
        "the bytes were changed, or somebody else signed them",
    ))
}

fn verify_by(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, key)
        .verify(message, signature)
        .is_ok()
}

fn decode(signature: Input<'_>) -> Result<Vec<u8>, Error> {
    // A signature as it is, in DER.
    if signature.data.first() == Some(&0x30) && !signature.data.is_ascii() {
        return Ok(signature.data.to_vec());
    }
    let text = signature.text()?;
    let bundle;
    let text = if text.starts_with('{') {
        bundle = serde_json::from_str::<Bundle>(text)
            .map_err(|e| signature.malformed(format!("it is no bundle of cosign's: {e}")))?;
        bundle
            .base64_signature
            .as_deref()
            .or(bundle.message_signature.as_ref().map(|m| m.signature.as_str()))
            .ok_or_else(|| {
                signature.malformed("it is a bundle without a signature of a blob; attestations are not signatures of a file")
            })?
    } else {
        text
    };
    BASE64_STANDARD.decode(text.trim()).map_err(|_| {
        signature.malformed("it is neither base64 of cosign's, nor a minisign or SSH signature")
    })
}

/// The key in DER.
fn key_of(key: Input<'_>) -> Result<Vec<u8>, Error> {
    let text = key.text()?;
    let body = text
        .strip_prefix("-----BEGIN PUBLIC KEY-----")
        .and_then(|rest| rest.split_once("-----END PUBLIC KEY-----"))
        .map(|(body, _)| body)
        .ok_or_else(|| {
            key.malformed("a signature of cosign's is checked with a key that begins with `-----BEGIN PUBLIC KEY-----`")
        })?;
    let compact: String = body.split_whitespace().collect();
    BASE64_STANDARD
        .decode(compact)
        .map_err(|_| key.malformed("the base64 between BEGIN and END is broken"))
}

/// 1.3.101.112 (RFC 8410).
const OID_ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
/// 1.2.840.113549.1.1.1 (RFC 3279).
const OID_RSA: [u8; 11] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];

/// The bytes of the key in a SubjectPublicKeyInfo (RFC 5280, section 4.1) with this algorithm.
fn raw_key<'a>(der: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let (0x30, info, []) = element(der)? else {
        return None;
    };
    let (0x30, algorithm, rest) = element(info)? else {
        return None;
    };
    if !algorithm.starts_with(oid) {
        return None;
    }
    let (0x03, bits, []) = element(rest)? else {
        return None;
    };
    // A bit string says first how many bits of its last byte are unused.
    bits.strip_prefix(&[0])
}

/// Tag, contents and what follows of the first DER element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        let length = digits.iter().fold(0, |n, &d| n << 8 | usize::from(d));
        (length, rest)
    };
    (rest.len() >= length).then(|| {
        let (contents, after) = rest.split_at(length);
        (tag, contents, after)
    })
}
