//! The order in which a document is believed: signature, subject, type, policy.

use std::collections::BTreeSet;

use verbatim_digest::Digest;
use verbatim_signature::dsse::IN_TOTO;
use verbatim_signature::{Document, Error, PublicKey, Trust};

use crate::known::Known;
use crate::policy::{Policy, Vouchers};
use crate::predicate_type::PredicateType;
use crate::provenance::Provenance;
use crate::statement::Statement;
use crate::summary;

/// What a statement must be to hold for an artifact.
#[derive(Debug)]
pub struct Requirements {
    trust: Trust,
    predicate_type: Option<PredicateType>,
    policy: Option<Policy>,
}

/// A statement that somebody signed who is known. What it is about was not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Signed {
    /// The document's name in messages.
    pub name: String,
    /// What was signed.
    pub statement: Statement,
    /// The ids of the keys that signed, of those that were looked for; none for a certificate.
    pub signers: Vec<Digest>,
    /// Whether somebody who is believed signed; else a rebuilder of the policy did, who has a vote.
    pub is_believed: bool,
}

impl Requirements {
    /// Somebody who is believed, and what else is asked for. The keys of a policy have to have
    /// signed in addition.
    pub fn new(
        trust: Trust,
        predicate_type: Option<PredicateType>,
        policy: Option<Policy>,
    ) -> Self {
        Self {
            trust,
            predicate_type,
            policy,
        }
    }

    /// What a policy alone asks for: its keys are believed.
    pub fn of_policy(policy: Policy, predicate_type: Option<PredicateType>) -> Self {
        let trust = Trust::Keys(policy.keys().cloned().collect());
        Self::new(trust, predicate_type, Some(policy))
    }

    /// The statement in a document, if it is one and somebody who is known signed it.
    ///
    /// # Errors
    /// Does not hold: nobody who is known signed it. Malformed: what was signed is no statement.
    pub fn open(&self, document: &Document) -> Result<Signed, Error> {
        let verified = document.verify(&self.trust);
        let mut signers: Vec<_> = match &verified {
            Ok(verified) => verified.key.map(PublicKey::key_id).into_iter().collect(),
            Err(_) => Vec::new(),
        };
        let keys = self
            .policy
            .iter()
            .flat_map(|policy| policy.keys().chain(policy.rebuilders()));
        if let Some(envelope) = document
            .envelope()
            .filter(|envelope| envelope.payload_type == IN_TOTO)
        {
            for key in keys {
                let id = key.key_id();
                let signed = || {
                    envelope
                        .verify(std::slice::from_ref(key), &document.name)
                        .is_ok()
                };
                if !signers.contains(&id) && signed() {
                    signers.push(id);
                }
            }
        }
        let is_rebuilder = |key: &PublicKey| signers.contains(&key.key_id());
        let has_vote = self
            .policy
            .iter()
            .flat_map(Policy::rebuilders)
            .any(is_rebuilder);
        let (payload, is_believed) = match (verified, document.envelope()) {
            (Ok(verified), _) => (verified.payload, true),
            (Err(_), Some(envelope)) if has_vote => (envelope.payload.as_slice(), false),
            (Err(error), _) => return Err(error),
        };
        // Not read before: only who is known may make a parser work.
        Ok(Signed {
            name: document.name.clone(),
            statement: Statement::parse(payload.to_vec(), &document.name)?,
            signers,
            is_believed,
        })
    }

    /// The rebuilders of the policy, by their keys' ids, who say of an artifact that they came to
    /// the same bytes.
    pub fn rebuilders<'a>(
        &self,
        documents: impl IntoIterator<Item = &'a Signed>,
        artifact: &Known,
    ) -> BTreeSet<Digest> {
        let keys: BTreeSet<_> = self
            .policy
            .iter()
            .flat_map(Policy::rebuilders)
            .map(PublicKey::key_id)
            .collect();
        if keys.is_empty() {
            return keys;
        }
        let vouches = |signed: &&Signed| {
            summary::is_rebuilt(&signed.statement) && signed.statement.is_about(artifact).is_ok()
        };
        let vouching = documents.into_iter().filter(vouches);
        let signers = vouching.flat_map(|signed| signed.signers.iter().copied());
        signers.filter(|id| keys.contains(id)).collect()
    }

    /// Whether a signed statement holds for an artifact that these rebuilders came to.
    ///
    /// # Errors
    /// Does not hold: one sentence that names what was expected and what was found.
    pub fn judge(
        &self,
        signed: &Signed,
        artifact: &Known,
        rebuilders: &BTreeSet<Digest>,
    ) -> Result<(), Error> {
        self.reason(signed, artifact, rebuilders)
            .map_err(|why| Error::DoesNotHold {
                file: signed.name.clone(),
                why,
            })
    }

    fn reason(
        &self,
        signed: &Signed,
        artifact: &Known,
        rebuilders: &BTreeSet<Digest>,
    ) -> Result<(), String> {
        let statement = &signed.statement;
        statement.is_about(artifact)?;
        if !signed.is_believed {
            return Err(
                "it is signed by a rebuilder, who can confirm a provenance and not replace it"
                    .to_owned(),
            );
        }
        if let Some(wanted) = &self.predicate_type {
            wanted.is(&statement.predicate_type)?;
        }
        summary::passes(statement)?;
        let vouchers = Vouchers {
            signers: &signed.signers,
            rebuilders,
        };
        match &self.policy {
            Some(policy) => policy.fits(&Provenance::of(statement)?, vouchers),
            None => Ok(()),
        }
    }
}
