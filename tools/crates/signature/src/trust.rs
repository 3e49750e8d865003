use crate::documents::{Content, Document};
use crate::dsse::IN_TOTO;
use crate::sigstore::TrustedRoot;
use crate::{Error, PublicKey};

/// Who is believed.
#[derive(Debug)]
pub enum Trust {
    /// Whoever has one of these keys. Log entries and certificates prove nothing then.
    Keys(Vec<PublicKey>),
    /// One signer, by a certificate that a root vouches for.
    Root(Box<TrustedRoot>, Signer),
}

/// Whom a certificate of Sigstore must name. Both are compared whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The subject's alternative name: an address of mail, or the URI of a workflow.
    pub identity: String,
    /// The URL of the OpenID provider that vouched for the identity.
    pub issuer: String,
}

/// What somebody who is believed signed.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'a> {
    /// The statement's bytes, as they were signed.
    pub payload: &'a [u8],
    /// The key that it is signed with; `None` where it is the signer's of [`Trust::Root`].
    pub key: Option<&'a PublicKey>,
}

impl Document {
    /// The statement in it, if somebody who is believed signed it.
    ///
    /// # Errors
    ///
    /// Does not hold: nobody signed it, or somebody else, or it is no in-toto statement. Malformed:
    /// a bundle that a trusted root is to vouch for, and that cannot be read.
    pub fn verify<'a>(&'a self, trust: &'a Trust) -> Result<Verified<'a>, Error> {
        let name = self.name.as_str();
        let envelope = self.attestation()?;
        let key = match (trust, &self.content) {
            (Trust::Keys(keys), _) => Some(envelope.verify(keys, name)?),
            (Trust::Root(root, signer), Content::Bundle(bundle)) => {
                root.verify(bundle, signer, name)?;
                None
            }
            (Trust::Root(..), _) => {
                return Err(Error::does_not_hold(
                    name,
                    "it is an envelope alone, and only a Sigstore bundle says what a trusted root can vouch for",
                ))
            }
        };
        if envelope.payload_type != IN_TOTO {
            return Err(Error::does_not_hold(
                name,
                format!(
                    "what was signed is of the type `{}`, and a statement is `{IN_TOTO}`",
                    envelope.payload_type
                ),
            ));
        }
        Ok(Verified {
            payload: &envelope.payload,
            key,
        })
    }
}
