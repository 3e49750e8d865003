use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::der::asn1::OctetStringRef;
use p256::pkcs8::der::Decode;
use p256::pkcs8::PrivateKeyInfo;
use ring::rand::SystemRandom;
use ring::signature::KeyPair;
use zeroize::Zeroizing;

use crate::key_file::{self, block};
use crate::{cosign_key, Error, PublicKey};

/// A key that signs: ECDSA over P-256, Ed25519, or RSA with 2048 to 4096 bits.
///
/// The same key and message give the same signature on every machine: ECDSA takes its secret
/// number from both (RFC 6979), the other two need none.
pub struct PrivateKey {
    kind: Kind,
    public: PublicKey,
}

enum Kind {
    P256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Rsa(Box<ring::rsa::KeyPair>),
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey of {:?}", self.public)
    }
}

impl PrivateKey {
    /// Read a PEM file: `PRIVATE KEY` (PKCS #8, RFC 5958), `EC PRIVATE KEY` (SEC 1, RFC 5915),
    /// `RSA PRIVATE KEY` (PKCS #1, RFC 8017) or a key that cosign encrypted with a password.
    /// `file` is its name in messages.
    ///
    /// # Errors
    ///
    /// Malformed: another kind of file or of key, a password that is missing or wrong.
    pub fn from_pem(bytes: &[u8], file: &str, password: Option<&str>) -> Result<Self, Error> {
        let (label, contents) = block(bytes, file)?;
        let contents = Zeroizing::new(contents);
        match label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&contents, file),
            "EC PRIVATE KEY" => p256::SecretKey::from_sec1_der(&contents)
                .map(|key| Self::p256(key.into()))
                .map_err(|_| unsupported(file)),
            "RSA PRIVATE KEY" => Self::rsa(ring::rsa::KeyPair::from_der(&contents), file),
            "ENCRYPTED COSIGN PRIVATE KEY" | "ENCRYPTED SIGSTORE PRIVATE KEY" => {
                Self::from_pkcs8(&cosign_key::decrypt(&contents, file, password)?, file)
            }
            "ENCRYPTED PRIVATE KEY" => Err(Error::malformed(
                file,
                "it is encrypted in a way that is not supported; `cosign import-key-pair --key FILE` makes one of it that is, `openssl pkey -in FILE` one that is not encrypted",
            )),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Err(Error::malformed(
                file,
                "it is a public key, and the private one signs",
            )),
            label => Err(Error::malformed(
                file,
                format!("it is a `{label}`; a private key begins with `-----BEGIN PRIVATE KEY-----`"),
            )),
        }
    }

    fn from_pkcs8(der: &[u8], file: &str) -> Result<Self, Error> {
        let info = PrivateKeyInfo::from_der(der)
            .map_err(|_| Error::malformed(file, "it is no private key: its DER cannot be read"))?;
        match info.algorithm.oid {
            key_file::EC => p256::SecretKey::try_from(info)
                .map(|key| Self::p256(key.into()))
                .map_err(|_| unsupported(file)),
            key_file::ED25519 => {
                // RFC 8410, section 7: an octet string in the octet string.
                let seed = OctetStringRef::from_der(info.private_key)
                    .ok()
                    .and_then(|seed| <[u8; 32]>::try_from(seed.as_bytes()).ok())
                    .map(Zeroizing::new)
                    .ok_or_else(|| unsupported(file))?;
                let key = ed25519_dalek::SigningKey::from_bytes(&seed);
                Ok(Self {
                    public: PublicKey::ed25519(&key.verifying_key()),
                    kind: Kind::Ed25519(key),
                })
            }
            key_file::RSA => Self::rsa(ring::rsa::KeyPair::from_der(info.private_key), file),
            _ => Err(unsupported(file)),
        }
    }

    fn p256(key: p256::ecdsa::SigningKey) -> Self {
        Self {
            public: PublicKey::p256(key.verifying_key()),
            kind: Kind::P256(key),
        }
    }

    fn rsa(
        pair: Result<ring::rsa::KeyPair, ring::error::KeyRejected>,
        file: &str,
    ) -> Result<Self, Error> {
        let pair = pair.map_err(|e| {
            Error::malformed(
                file,
                format!("it is no RSA key that can sign ({e}); there must be 2048 to 4096 bits and an exponent of 65537"),
            )
        })?;
        Ok(Self {
            public: PublicKey::rsa(pair.public_key().as_ref(), file)?,
            kind: Kind::Rsa(Box::new(pair)),
        })
    }

    /// The key that its signatures are checked with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Sign a message, in the form that [`PublicKey::verify`] reads.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.kind {
            Kind::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Kind::Ed25519(key) => ed25519_dalek::Signer::sign(key, message)
                .to_bytes()
                .to_vec(),
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                // The random numbers are for blinding alone: none is in the signature.
                pair.sign(
                    &ring::signature::RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .expect("the key was checked when it was read, and the signature has its length");
                signature
            }
        }
    }
}

fn unsupported(file: &str) -> Error {
    Error::malformed(
        file,
        "it is a private key of a kind that is not supported, or a broken one; there are ECDSA P-256, Ed25519 and RSA",
    )
}
