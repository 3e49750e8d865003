//! cosign with a key: over the bytes, in base64, as it is, or in a bundle.

use base64::prelude::{Engine, BASE64_STANDARD};
use ring::digest::{digest, SHA256, SHA384, SHA512};
use serde::Deserialize;
use verbatim_digest::{hex, Digest};
use verbatim_signature::bundle::{MessageSignature, Signed as Content};
use verbatim_signature::{documents, PublicKey};

use super::{bad, Error, Input, Signed};

/// What cosign wrote with `--bundle` before there were Sigstore bundles.
#[derive(Deserialize)]
struct Legacy {
    #[serde(rename = "base64Signature")]
    signature: String,
}

pub(super) fn check(
    sums: Input<'_>,
    single: Option<Digest>,
    key: Input<'_>,
    signature: Input<'_>,
) -> Result<Signed, Error> {
    let MessageSignature { digest, bytes } = decode(signature)?;
    let public = PublicKey::from_pem(key.data, key.file).map_err(in_words_of_here)?;
    let subject = if public.verify(sums.data, &bytes) {
        None
    } else {
        let is_signed = |digest: &Digest| public.verify_digest(digest, &bytes) == Some(true);
        let Some(digest) = single.filter(is_signed) else {
            return Err(bad(
                sums,
                key,
                signature,
                "the bytes were changed, or somebody else signed them",
            ));
        };
        Some(digest)
    };
    if let Some((algorithm, stated)) = digest {
        agree(sums, subject, signature, &algorithm, &stated)?;
    }
    Ok(Signed {
        by: format!("cosign, {}", public.algorithm()),
        subject,
    })
}

/// A bundle says of which content it is. The signature decides; what stands beside it must not
/// say another thing.
fn agree(
    sums: Input<'_>,
    subject: Option<Digest>,
    signature: Input<'_>,
    algorithm: &str,
    stated: &str,
) -> Result<(), Error> {
    let of_sums = |algorithm| hex(digest(algorithm, sums.data).as_ref());
    let actual = match (algorithm, subject) {
        ("sha256", Some(digest)) => digest.hex().to_string(),
        ("sha256", None) => of_sums(&SHA256),
        ("sha384", None) => of_sums(&SHA384),
        ("sha512", None) => of_sums(&SHA512),
        _ => {
            return Err(signature.malformed(
                "its `messageDigest` is of an algorithm that it cannot be compared by; sign again with `cosign sign-blob`",
            ))
        }
    };
    match actual == stated {
        true => Ok(()),
        false => Err(signature.malformed(format!(
            "its `messageDigest` says that {stated} was signed, and its signature is of {actual}; it was put together from two"
        ))),
    }
}

fn decode(signature: Input<'_>) -> Result<MessageSignature, Error> {
    let alone = |bytes| MessageSignature {
        digest: None,
        bytes,
    };
    // A signature as it is, in DER.
    if signature.data.first() == Some(&0x30) && !signature.data.is_ascii() {
        return Ok(alone(signature.data.to_vec()));
    }
    let text = signature.text()?;
    let legacy = serde_json::from_str::<Legacy>(text).ok();
    if text.starts_with('{') && legacy.is_none() {
        return bundle(signature);
    }
    let encoded = legacy.as_ref().map_or(text, |legacy| &legacy.signature);
    BASE64_STANDARD
        .decode(encoded.trim())
        .map(alone)
        .map_err(|_| {
            signature.malformed("it is neither base64 of cosign's, nor a minisign or SSH signature")
        })
}

fn bundle(signature: Input<'_>) -> Result<MessageSignature, Error> {
    let mut read = documents::read(signature.data, signature.file).map_err(in_words_of_here)?;
    if read.len() == 1 {
        let document = read.remove(0).map_err(in_words_of_here)?;
        if let documents::Content::Bundle(bundle) = document.content {
            if let Content::Message(message) = bundle.signed {
                return Ok(message);
            }
        }
    }
    Err(signature.malformed(
        "it is a bundle without a signature of a file; attestations are not signatures of a file",
    ))
}

/// Only what is malformed can be wrong with a key or with a form.
fn in_words_of_here(error: verbatim_signature::Error) -> Error {
    match error {
        verbatim_signature::Error::Malformed(error) => Error::Malformed {
            file: error.file().to_owned(),
            why: error.what(),
        },
        verbatim_signature::Error::DoesNotHold { file, why } => Error::Malformed { file, why },
    }
}
