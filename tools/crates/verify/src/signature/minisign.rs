//! minisign: Ed25519 over the bytes or their BLAKE2b hash, with a signed comment.

use minisign_verify::{PublicKey, Signature};
use verbatim_foreign::excerpt;

use super::{bad, Error, Input, Signed};

pub(super) fn check(
    sums: Input<'_>,
    key: Input<'_>,
    signature: Input<'_>,
) -> Result<Signed, Error> {
    let text = key.text()?;
    // The file has a comment above the key; the key alone is what people paste.
    let parsed = if text.starts_with("untrusted comment:") {
        PublicKey::decode(text)
    } else {
        PublicKey::from_base64(text)
    };
    let public = parsed.map_err(|_| {
        key.malformed("a minisign signature is checked with a minisign public key (`minisign.pub`, or the text that begins with RW)")
    })?;
    let parsed = Signature::decode(signature.text()?).map_err(|_| {
        signature.malformed("it begins as a minisign signature and is none; is it complete?")
    })?;
    public
        // Signatures of the old form, without a hash first, are as good.
        .verify(sums.data, &parsed, true)
        .map_err(|_| {
            bad(
                sums,
                key,
                signature,
                "the bytes or the comment were changed, or somebody else signed them",
            )
        })?;
    let comment = excerpt(parsed.trusted_comment(), 200);
    Ok(Signed {
        by: format!("minisign, \"{comment}\""),
        subject: None,
    })
}
