//! DSSE envelopes: bytes of a stated type, and signatures over both (DSSE v1.0.2).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use verbatim_document::json;
use verbatim_foreign::counted;

use crate::{base64, Error, PrivateKey, PublicKey};

/// The payload type of in-toto statements (in-toto attestation framework, "Envelope").
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// More signatures are of no use, and each is tried with each key.
const MAX_SIGNATURES: usize = 100;

/// What was signed, and by whom it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is; signed with it.
    pub payload_type: String,
    /// The bytes that were signed.
    pub payload: Vec<u8>,
    /// Any number of signatures; none says that somebody took them away.
    pub signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// A hint which key it is by, which nothing is decided by. Empty where there is none.
    pub key_id: String,
    /// The signature of the [pre-authentication encoding](pae).
    pub bytes: Vec<u8>,
}

/// As it stands in JSON. Other members are left alone.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
struct WireSignature {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
    sig: String,
}

/// What is signed in place of a payload (DSSE v1.0.2, "Signature Definition").
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

impl Envelope {
    /// Sign bytes of a type with a key.
    pub fn sign(payload_type: &str, payload: Vec<u8>, key: &PrivateKey) -> Self {
        let signature = Signature {
            key_id: String::new(),
            bytes: key.sign(&pae(payload_type, &payload)),
        };
        Self {
            payload_type: payload_type.to_owned(),
            payload,
            signatures: vec![signature],
        }
    }

    /// Take the form of an envelope out of JSON. `file` is its name in messages.
    ///
    /// # Errors
    ///
    /// Malformed: a member that is missing or of another type, broken base64, more than 100
    /// signatures.
    pub fn from_json(value: Value, file: &str) -> Result<Self, Error> {
        let wire: Wire = json::from_value(value, file)?;
        if wire.signatures.len() > MAX_SIGNATURES {
            return Err(Error::malformed(
                file,
                format!("it has more than {MAX_SIGNATURES} signatures"),
            ));
        }
        let decode = |text: &str, what: &str| {
            base64::decode(text).ok_or_else(|| {
                Error::malformed(file, format!("the base64 of its {what} is broken"))
            })
        };
        Ok(Self {
            payload: decode(&wire.payload, "payload")?,
            payload_type: wire.payload_type,
            signatures: wire
                .signatures
                .into_iter()
                .map(|signature| {
                    Ok(Signature {
                        bytes: decode(&signature.sig, "signature")?,
                        key_id: signature.keyid.unwrap_or_default(),
                    })
                })
                .collect::<Result<_, Error>>()?,
        })
    }

    /// As JSON, to be written.
    pub fn to_json(&self) -> Value {
        let wire = Wire {
            payload_type: self.payload_type.clone(),
            payload: base64::encode(&self.payload),
            signatures: self
                .signatures
                .iter()
                .map(|signature| WireSignature {
                    keyid: Some(signature.key_id.clone()).filter(|id| !id.is_empty()),
                    sig: base64::encode(&signature.bytes),
                })
                .collect(),
        };
        serde_json::to_value(wire).expect("texts and lists of texts")
    }

    /// By which of the keys it is signed. One good signature is enough: what others added to it
    /// does not spoil it. `file` is the envelope's name in messages.
    ///
    /// # Errors
    ///
    /// Does not hold: no signature is by one of the keys.
    pub fn verify<'k>(&self, keys: &'k [PublicKey], file: &str) -> Result<&'k PublicKey, Error> {
        let signed = pae(&self.payload_type, &self.payload);
        let is_by = |key: &PublicKey| {
            self.signatures
                .iter()
                .any(|signature| key.verify(&signed, &signature.bytes))
        };
        keys.iter().find(|key| is_by(key)).ok_or_else(|| {
            let why = match (self.signatures.len(), keys) {
                (0, _) => "it is not signed: the list of its signatures is empty".to_owned(),
                (count, [key]) => format!(
                    "none of {} in it is by the given key ({}, {}): its bytes were changed, or somebody else signed them",
                    counted(count, "signature"),
                    key.algorithm(),
                    key.key_id()
                ),
                (count, keys) => format!(
                    "none of {} in it is by one of the {} given: its bytes were changed, or somebody else signed them",
                    counted(count, "signature"),
                    counted(keys.len(), "key")
                ),
            };
            Error::does_not_hold(file, why)
        })
    }
}
