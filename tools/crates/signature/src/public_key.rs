use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::pkcs8::der::asn1::{AnyRef, BitStringRef};
use p256::pkcs8::der::{Decode, Encode};
use p256::pkcs8::spki::AlgorithmIdentifierRef;
use p256::pkcs8::SubjectPublicKeyInfoRef;
use ring::signature::{
    UnparsedPublicKey, VerificationAlgorithm, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED,
    ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
};
use verbatim_digest::Digest;

use crate::key_file::{self, block, check_rsa};
use crate::Error;

/// A key that signatures are checked with: ECDSA over P-256 or P-384, Ed25519, or RSA.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// What the bit string of a SubjectPublicKeyInfo holds: a point that is not compressed, the
    /// 32 bytes of Ed25519, an RSAPublicKey.
    raw: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa,
}

/// A hash that an RSA signature (PKCS #1 v1.5) may be made with, where a format names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaHash {
    /// Broken: a forger who has a say in both of two messages can make one signature hold for both.
    /// For formats that know nothing else.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm(), self.key_id())
    }
}

impl PublicKey {
    /// Read a PEM file: `PUBLIC KEY` (RFC 5280, section 4.1) or `RSA PUBLIC KEY` (RFC 8017,
    /// appendix A.1.1). `file` is its name in messages.
    ///
    /// # Errors
    ///
    /// Malformed: another kind of file or of key, and keys that vouch for nothing: a point that is
    /// not on its curve, a point of small order, an RSA modulus below 2048 bits, an exponent of 1.
    pub fn from_pem(bytes: &[u8], file: &str) -> Result<Self, Error> {
        let (label, der) = block(bytes, file)?;
        match label.as_str() {
            "PUBLIC KEY" => Self::from_spki(&der, file),
            "RSA PUBLIC KEY" => Self::new(Kind::Rsa, &der, file),
            label if label.ends_with("PRIVATE KEY") => Err(Error::malformed(
                file,
                "it is a private key, which nobody should need here; give the public one",
            )),
            "CERTIFICATE" => Err(Error::malformed(
                file,
                "it is a certificate; give its key: `openssl x509 -pubkey -noout -in FILE`",
            )),
            label => Err(Error::malformed(
                file,
                format!("it is a `{label}`; a public key begins with `-----BEGIN PUBLIC KEY-----`"),
            )),
        }
    }

    fn from_spki(der: &[u8], file: &str) -> Result<Self, Error> {
        let broken = || Error::malformed(file, "it is no public key: its DER cannot be read");
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| broken())?;
        let raw = info.subject_public_key.as_bytes().ok_or_else(broken)?;
        let curve = info.algorithm.parameters_oid().ok();
        let kind = match info.algorithm.oid {
            key_file::EC if curve == Some(key_file::P256) => Kind::P256,
            key_file::EC if curve == Some(key_file::P384) => Kind::P384,
            key_file::ED25519 => Kind::Ed25519,
            key_file::RSA => Kind::Rsa,
            _ => {
                return Err(Error::malformed(
                    file,
                    "it is a public key of a kind that is not supported; there are ECDSA P-256 and P-384, Ed25519 and RSA",
                ))
            }
        };
        Self::new(kind, raw, file)
    }

    pub(crate) fn p256(key: &p256::ecdsa::VerifyingKey) -> Self {
        Self {
            kind: Kind::P256,
            raw: key.to_encoded_point(false).as_bytes().to_vec(),
        }
    }

    pub(crate) fn ed25519(key: &Ed25519Key) -> Self {
        Self {
            kind: Kind::Ed25519,
            raw: key.as_bytes().to_vec(),
        }
    }

    /// Of the numbers of an RSAPublicKey.
    pub(crate) fn rsa(der: &[u8], file: &str) -> Result<Self, Error> {
        Self::new(Kind::Rsa, der, file)
    }

    fn new(kind: Kind, raw: &[u8], file: &str) -> Result<Self, Error> {
        let is_point = match kind {
            // A compressed point is read by few: others would see no key in the file.
            Kind::P256 => raw.len() == 65 && p256::PublicKey::from_sec1_bytes(raw).is_ok(),
            // Whether it is on the curve is looked at with each signature.
            Kind::P384 => raw.len() == 97 && raw[0] == 4,
            Kind::Ed25519 => ed25519(raw).is_some(),
            Kind::Rsa => {
                check_rsa(raw, file)?;
                true
            }
        };
        if !is_point {
            return Err(Error::malformed(
                file,
                "it is no key: its point is compressed, not on its curve, or of small order",
            ));
        }
        Ok(Self {
            kind,
            raw: raw.to_vec(),
        })
    }

    /// The name of the algorithm: `ECDSA P-256`, `ECDSA P-384`, `Ed25519` or `RSA`.
    pub fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::P256 => "ECDSA P-256",
            Kind::P384 => "ECDSA P-384",
            Kind::Ed25519 => "Ed25519",
            Kind::Rsa => "RSA",
        }
    }

    /// The SubjectPublicKeyInfo in DER (RFC 5280, section 4.1), in its one form.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        let (oid, parameters) = match &self.kind {
            Kind::P256 => (key_file::EC, Some(AnyRef::from(&key_file::P256))),
            Kind::P384 => (key_file::EC, Some(AnyRef::from(&key_file::P384))),
            Kind::Ed25519 => (key_file::ED25519, None),
            Kind::Rsa => (key_file::RSA, Some(AnyRef::NULL)),
        };
        let info = SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef { oid, parameters },
            // It was read from one, or has a length of two digits.
            subject_public_key: BitStringRef::from_bytes(&self.raw).expect("a short bit string"),
        };
        info.to_der().expect("a short structure")
    }

    /// `PUBLIC KEY` in PEM.
    pub fn to_pem(&self) -> String {
        let line_feeds = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("PUBLIC KEY", self.to_der()), line_feeds)
    }

    /// The digest of the SubjectPublicKeyInfo: what cosign gives as a hint, in base64.
    pub fn key_id(&self) -> Digest {
        Digest::of(&self.to_der())
    }

    /// Whether these bytes are a signature of the message by this key.
    ///
    /// ECDSA signatures are in DER, with SHA-256, or with P-256 the two numbers alone (IEEE P1363), as
    /// Google signs its verification summaries; with P-384 also with SHA-384, as older and newer
    /// versions of cosign make them. Ed25519 signs the message itself (RFC 8032, section 5.1) and
    /// has one form for each signature. RSA is PKCS #1 v1.5 with SHA-256.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let by = |algorithm: &'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(algorithm, &self.raw)
                .verify(message, signature)
                .is_ok()
        };
        match self.kind {
            Kind::P256 => by(&ECDSA_P256_SHA256_ASN1) || by(&ECDSA_P256_SHA256_FIXED),
            Kind::P384 => by(&ECDSA_P384_SHA384_ASN1) || by(&ECDSA_P384_SHA256_ASN1),
            Kind::Ed25519 => verify_ed25519(&self.raw, message, signature),
            Kind::Rsa => by(&RSA_PKCS1_2048_8192_SHA256),
        }
    }

    /// Whether these bytes are an RSA signature of the message with this hash; never with a key of
    /// another kind.
    pub fn verify_rsa(&self, hash: RsaHash, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match hash {
            RsaHash::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            RsaHash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            RsaHash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        };
        let key = UnparsedPublicKey::new(algorithm, &self.raw);
        self.kind == Kind::Rsa && key.verify(message, signature).is_ok()
    }

    /// Whether these bytes are a signature of a message with this digest, of which nothing else is
    /// known. Only ECDSA P-256 can tell: `None` for the other kinds.
    pub fn verify_digest(&self, digest: &Digest, signature: &[u8]) -> Option<bool> {
        if self.kind != Kind::P256 {
            return None;
        }
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.raw).ok()?;
        let good = p256::ecdsa::DerSignature::from_bytes(signature)
            .is_ok_and(|signature| key.verify_prehash(digest.as_bytes(), &signature).is_ok());
        Some(good)
    }
}

/// The key, unless its point has small order: with such a key everybody signs everything.
fn ed25519(raw: &[u8]) -> Option<Ed25519Key> {
    Ed25519Key::from_bytes(raw.try_into().ok()?)
        .ok()
        .filter(|key| !key.is_weak())
}

/// Strictly: neither points of small order nor a second form of a signature.
pub(crate) fn verify_ed25519(raw: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Some(key), Ok(signature)) = (ed25519(raw), Ed25519Signature::from_slice(signature)) else {
        return false;
    };
    key.verify_strict(message, &signature).is_ok()
}
