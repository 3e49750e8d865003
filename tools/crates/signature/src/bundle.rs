//! Sigstore bundles: a signature with what is needed to check it, in the JSON form of
//! `dev.sigstore.bundle.v1.Bundle` (sigstore/protobuf-specs, `sigstore_bundle.proto`).

use serde::Deserialize;
use serde_json::{json, Value};
use verbatim_digest::hex;
use verbatim_document::json;

use crate::dsse::Envelope;
use crate::{base64, Error, PublicKey};

/// A bundle, as it was read.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// What was signed.
    pub signed: Signed,
    /// The bundle as it was found, for [`crate::sigstore`].
    pub(crate) text: String,
    material: Material,
}

/// What a bundle holds beside the signature. Only whether there is something is asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Material {
    /// Nothing, or the hint which key it is.
    Hint,
    /// A certificate, entries of a log, times.
    More,
}

/// What a bundle is about.
#[derive(Debug, Clone)]
pub enum Signed {
    /// An envelope, the statement in it.
    Envelope(Envelope),
    /// Bytes that are somewhere else.
    Message(MessageSignature),
}

/// The signature of a file.
#[derive(Debug, Clone)]
pub struct MessageSignature {
    /// What the bundle says the digest of the file is, as `sha256` or another name and hex
    /// digits. It vouches for nothing, and must be right where it stands.
    pub digest: Option<(String, String)>,
    /// The signature of the file's bytes.
    pub bytes: Vec<u8>,
}

/// The media type of what is written here; the newest that there is.
pub const V0_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    V0_3,
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: String,
    #[serde(default)]
    verification_material: Value,
    dsse_envelope: Option<Value>,
    message_signature: Option<WireMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMessage {
    message_digest: Option<WireDigest>,
    signature: String,
}

#[derive(Deserialize)]
struct WireDigest {
    algorithm: String,
    digest: String,
}

impl Bundle {
    /// Take the form of a bundle out of JSON; `text` is that JSON, and `file` its name in messages.
    pub(crate) fn from_json(value: Value, text: &str, file: &str) -> Result<Self, Error> {
        let wire: Wire = json::from_value(value, file)?;
        if !MEDIA_TYPES.contains(&wire.media_type.as_str()) {
            return Err(Error::malformed(
                file,
                format!(
                    "it is a bundle of the type `{}`; there are the versions 0.1, 0.2 and 0.3 of Sigstore bundles",
                    wire.media_type
                ),
            ));
        }
        let material = Material::of(&wire.verification_material);
        let signed = match (wire.dsse_envelope, wire.message_signature) {
            (Some(envelope), None) => Signed::Envelope(Envelope::from_json(envelope, file)?),
            (None, Some(message)) => Signed::Message(message.read(file)?),
            _ => {
                return Err(Error::malformed(
                    file,
                    "it is a bundle that must hold either `dsseEnvelope` or `messageSignature`",
                ))
            }
        };
        Ok(Self {
            signed,
            text: text.to_owned(),
            material,
        })
    }

    /// The bundle as it was found.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the envelope alone says less: a certificate, an entry of a log or a time is beside it.
    pub fn is_more_than_its_envelope(&self) -> bool {
        self.material == Material::More
    }

    /// A bundle of version 0.3 about an envelope that this key signed, as cosign writes it where
    /// no log is asked: the key is named by a hint and not in it.
    pub fn of_key(envelope: &Envelope, key: &PublicKey) -> Value {
        Self::with_hint(envelope, &base64::encode(key.key_id().as_bytes()))
    }

    /// The same where the key is not at hand: the hint is the one that the envelope has.
    pub fn of_envelope(envelope: &Envelope) -> Value {
        let hint = envelope.signatures.first();
        Self::with_hint(envelope, hint.map_or("", |signature| &signature.key_id))
    }

    fn with_hint(envelope: &Envelope, hint: &str) -> Value {
        json!({
            "mediaType": V0_3,
            "verificationMaterial": { "publicKey": { "hint": hint } },
            "dsseEnvelope": envelope.to_json(),
        })
    }
}

impl Material {
    fn of(material: &Value) -> Self {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        let mut members = material.as_object().into_iter().flatten();
        match members.all(|(name, value)| name == "publicKey" || is_empty(value)) {
            true => Self::Hint,
            false => Self::More,
        }
    }
}

impl WireMessage {
    fn read(self, file: &str) -> Result<MessageSignature, Error> {
        let broken = |what| Error::malformed(file, format!("the base64 of its {what} is broken"));
        let digest = self.message_digest.map(|wire| {
            let bytes = base64::decode(&wire.digest).ok_or_else(|| broken("message digest"))?;
            Ok::<_, Error>((named(&wire.algorithm), hex(&bytes)))
        });
        Ok(MessageSignature {
            digest: digest.transpose()?,
            bytes: base64::decode(&self.signature).ok_or_else(|| broken("signature"))?,
        })
    }
}

/// `SHA2_256` (`HashAlgorithm` of sigstore_common.proto) as everybody else writes it.
fn named(algorithm: &str) -> String {
    algorithm.to_ascii_lowercase().replace("sha2_", "sha")
}
