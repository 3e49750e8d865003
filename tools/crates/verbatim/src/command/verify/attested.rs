//! `--attested`: was each thing of a release built as a policy allows?

use anyhow::bail;
use verbatim_attest::{Known, Policy, Requirements, Signed, Told, Verdict as Attested};
use verbatim_digest::Digest;
use verbatim_signature::documents::{self, MAX_DOCUMENT};
use verbatim_signature::Error;
use verbatim_sums::Subject;
use verbatim_verify::{Finding, Judgement, Verdict};

use super::release::Release;
use super::{Options, Part};
use crate::handed::{handed, unread};

/// The policy, and what is attested about the release.
pub(super) struct Attestations {
    requirements: Requirements,
    documents: Vec<Result<Signed, Error>>,
}

impl Attestations {
    /// What the options ask for; nothing where they do not.
    pub(super) fn read(options: &Options) -> anyhow::Result<Option<Self>> {
        let Some(policy) = &options.attested else {
            return Ok(None);
        };
        let requirements = Requirements::of_policy(Policy::read(policy).map_err(unread)?, None);
        if options.attestation.is_empty() {
            bail!("--attested asks what is attested: say where that is with --attestation=FILE");
        }
        let mut documents = Vec::new();
        for file in &options.attestation {
            let (data, name) = handed(file, MAX_DOCUMENT)?;
            for document in documents::read(&data, &name)? {
                documents.push(document.and_then(|document| requirements.open(&document)));
            }
        }
        Ok(Some(Self {
            requirements,
            documents,
        }))
    }

    /// Add to the findings about a release what the policy says of each of its digests. Each thing
    /// that was asked for has a finding then, whether or not something else was found about it.
    pub(super) fn judge(&self, release: &Release, only: Option<Part>, findings: &mut Vec<Finding>) {
        for (subject, digest) in release.sums.iter() {
            let is_asked = match (subject, only) {
                (_, None) => true,
                (Subject::Image(_), Some(part)) => part == Part::Images,
                (Subject::File(_), Some(part)) => part == Part::Files,
            };
            if !is_asked {
                continue;
            }
            let Err(reason) = self.allows(digest) else {
                continue;
            };
            let name = subject.to_string();
            let mut told = false;
            for finding in findings
                .iter_mut()
                .filter(|finding| finding.reference == name)
            {
                finding.verdict = finding.verdict.max(Verdict::Different);
                finding.reasons.push(reason.clone());
                told = true;
            }
            if !told {
                let judgement = Judgement::because(Verdict::Different, reason);
                findings.push(Finding::new(name, Some(digest), None, judgement));
            }
        }
    }

    /// Whether the policy allows what was released under this digest, or why not. That what is
    /// there has this digest is another question, and has its own finding.
    fn allows(&self, digest: Digest) -> Result<(), String> {
        let released = Known {
            sha256: digest,
            sha512: None,
        };
        let found = verbatim_attest::Finding::of(
            digest.to_string(),
            &released,
            &self.documents,
            &self.requirements,
        );
        if found.verdict == Attested::Holds {
            return Ok(());
        }
        // Of many documents those about it tell most: what is about something else says nothing of it.
        let about = |told: &&Told| self.is_about(told, &released);
        let reasons = found
            .attestations
            .iter()
            .filter(about)
            .filter_map(|told| told.reason.as_deref());
        let reasons: Vec<_> = reasons.take(3).collect();
        Err(match reasons.is_empty() {
            true => "no statement that is signed by a key of the policy is about it".to_owned(),
            false => format!(
                "it is not attested as the policy asks: {}",
                reasons.join("; ")
            ),
        })
    }

    fn is_about(&self, told: &Told, artifact: &Known) -> bool {
        let mut signed = self.documents.iter().flatten();
        signed.any(|signed| {
            signed.name == told.document && signed.statement.is_about(artifact).is_ok()
        })
    }
}
