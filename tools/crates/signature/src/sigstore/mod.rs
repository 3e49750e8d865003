//! Sigstore bundles that are signed by a certificate, checked against a root that is given: no
//! network, and no opinion of ours. What must hold is decided by the crate `sigstore-verify`
//! (chain, time, certificate log, transparency log, and that all of these speak of one signature).

mod provider;

use sigstore_trust_root::TrustedRoot as Root;
use sigstore_types::{ArtifactDigest, HashAlgorithm, SignatureContent, Statement};
use sigstore_verify::{VerificationPolicy, Verifier};
use verbatim_document::json;

use crate::bundle::{Bundle, Signed};
use crate::{Error, Signer};

/// The keys and certificates that are believed: `trusted_root.json` (sigstore/protobuf-specs,
/// `sigstore_trustroot.proto`), as `cosign trusted-root create` and TUF repositories give it.
pub struct TrustedRoot(Verifier);

impl std::fmt::Debug for TrustedRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrustedRoot")
    }
}

impl TrustedRoot {
    /// Read a trusted root. `file` is its name in messages.
    ///
    /// # Errors
    ///
    /// Malformed: no such document, a key in it that cannot be read, and a root that leaves out
    /// what it must vouch for: authorities, transparency logs, certificate logs.
    pub fn from_json(bytes: &[u8], file: &str) -> Result<Self, Error> {
        provider::install();
        // Nobody may read another root in it.
        json::parse_value(bytes, file)?;
        let malformed = |why: String| Error::malformed(file, why);
        let text =
            std::str::from_utf8(bytes).map_err(|e| malformed(format!("is not UTF-8: {e}")))?;
        let root = Root::from_json(text)
            .map_err(|e| malformed(format!("it is no trusted root of Sigstore's: {e}")))?;
        for (is_empty, what) in [
            (
                root.certificate_authorities.is_empty(),
                "`certificateAuthorities`",
            ),
            (root.tlogs.is_empty(), "`tlogs`"),
            (root.ctlogs.is_empty(), "`ctlogs`"),
        ] {
            if is_empty {
                return Err(malformed(format!(
                    "it is a trusted root without {what}, so it vouches for nobody; give the whole one"
                )));
            }
        }
        let verifier = Verifier::new(&root)
            .map_err(|e| malformed(format!("it is a trusted root that cannot be used: {e}")))?;
        Ok(Self(verifier))
    }

    /// Whether the envelope in a bundle is signed by this signer. `name` is the bundle's in
    /// messages.
    ///
    /// # Errors
    ///
    /// Does not hold: anything that a verifier of Sigstore must refuse. Malformed: a bundle that
    /// is none.
    pub fn verify(&self, bundle: &Bundle, signer: &Signer, name: &str) -> Result<(), Error> {
        let Signed::Envelope(envelope) = &bundle.signed else {
            return Err(Error::does_not_hold(
                name,
                "it is the signature of a file, and no attestation",
            ));
        };
        let parsed = sigstore_types::Bundle::from_json(&bundle.text)
            .map_err(|e| Error::malformed(name, format!("it is no Sigstore bundle: {e}")))?;
        // The two readers must have read the same.
        let agrees = matches!(&parsed.content, SignatureContent::DsseEnvelope(read)
            if read.payload.as_bytes() == envelope.payload && read.payload_type == envelope.payload_type);
        if !agrees {
            return Err(Error::malformed(
                name,
                "its envelope can be read in two ways",
            ));
        }
        let policy = VerificationPolicy::new(signer.identity.as_str(), signer.issuer.as_str());
        self.0
            .verify(subject(&envelope.payload, name)?, &parsed, &policy)
            .map(|_| ())
            .map_err(|refusal| {
                Error::does_not_hold(
                    name,
                    format!("it is not signed by the given signer: {refusal}"),
                )
            })
    }
}

/// A digest that the statement is about. The library wants an artifact to compare it with; which
/// artifact the statement is believed for is decided by whoever reads it.
fn subject(statement: &[u8], name: &str) -> Result<ArtifactDigest, Error> {
    let statement: Statement = json::parse(statement, name)?;
    statement
        .subject
        .iter()
        .find_map(|subject| {
            let digest = &subject.digest;
            let sha512 = || {
                let digest = digest.sha512.as_ref()?;
                ArtifactDigest::new(HashAlgorithm::Sha2512, &digest.as_bytes()[..]).ok()
            };
            digest.sha256.map(ArtifactDigest::sha256).or_else(sha512)
        })
        .ok_or_else(|| {
            Error::does_not_hold(name, "its statement names no subject by sha256 or sha512")
        })
}
