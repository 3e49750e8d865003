//! `--attested` and `--attested-key`: was each thing of a release built as a policy allows, or does the one who is
//! known by a key say anything of it?

use verbatim_attest::{attached, Known, Policy, Requirements, Signed, Told, Verdict as Attested};
use verbatim_digest::Digest;
use verbatim_registry::{Client, Remote, Repository};
use verbatim_signature::documents::{self, MAX_DOCUMENT};
use verbatim_signature::{Error, PublicKey, Trust};
use verbatim_sums::Subject;
use verbatim_verify::{Finding, Judgement, Verdict};

use super::release::Release;
use super::{sides, Options, Part};
use crate::handed::{handed, unread};
use crate::registry_options::tell_retries;

/// The largest key that is read.
const MAX_KEY: u64 = 1 << 20;

/// Each document, with the statement in it or why there is none.
type Documents = Vec<Result<Signed, Error>>;

/// What a policy asks of a release, and where the attestations are.
pub(super) struct Attestations {
    requirements: Requirements,
    place: Place,
    parallel: usize,
}

/// Where the attestations are.
enum Place {
    /// In files that were handed over.
    Given(Documents),
    /// Attached to each image, where it is served.
    Attached(Client, tokio::runtime::Runtime),
}

impl Attestations {
    /// What the options ask for; nothing where they do not.
    pub(super) fn read(options: &Options) -> anyhow::Result<Option<Self>> {
        let requirements = match &options.attested {
            Some(policy) => Requirements::of_policy(Policy::read(policy).map_err(unread)?, None),
            None if options.attested_key.is_empty() => return Ok(None),
            None => {
                let mut keys = Vec::new();
                for path in &options.attested_key {
                    let (data, name) = handed(path, MAX_KEY)?;
                    keys.push(PublicKey::from_pem(&data, &name)?);
                }
                Requirements::new(Trust::Keys(keys), None, None)
            }
        };
        let place = if options.attestation.is_empty() {
            let client = options.registry.client(Some(tell_retries()))?;
            Place::Attached(client, sides::runtime()?)
        } else {
            let mut given = Vec::new();
            for file in &options.attestation {
                let (data, name) = handed(file, MAX_DOCUMENT)?;
                for document in documents::read(&data, &name)? {
                    given.push(document.and_then(|document| requirements.open(&document)));
                }
            }
            Place::Given(given)
        };
        Ok(Some(Self {
            requirements,
            place,
            parallel: options.registry.parallel(),
        }))
    }

    /// Add to the findings about a release what the policy says of each of its digests. Each thing
    /// that was asked for has a finding then, whether or not something else was found about it.
    pub(super) fn judge(&self, release: &Release, only: Option<Part>, findings: &mut Vec<Finding>) {
        let is_asked = |subject: &Subject| match (subject, only) {
            (_, None) => true,
            (Subject::Image(_), Some(part)) => part == Part::Images,
            (Subject::File(_), Some(part)) => part == Part::Files,
        };
        let asked: Vec<_> = release
            .sums
            .iter()
            .filter(|(subject, _)| is_asked(subject))
            .collect();
        for some in asked.chunks(self.parallel) {
            let answers: Vec<_> = std::thread::scope(|scope| {
                let ask = |(subject, digest): &(&Subject, Digest)| self.allows(subject, *digest);
                let asking: Vec<_> = some
                    .iter()
                    .map(|one| scope.spawn(move || ask(one)))
                    .collect();
                let answer = asking.into_iter().map(std::thread::ScopedJoinHandle::join);
                answer
                    .map(|answer| answer.unwrap_or_else(|e| std::panic::resume_unwind(e)))
                    .collect()
            });
            for ((subject, digest), answer) in some.iter().zip(answers) {
                if let Err((verdict, reason)) = answer {
                    add(findings, subject.to_string(), *digest, verdict, &reason);
                }
            }
        }
    }

    /// Whether the policy allows what was released under this digest, or why not. That what is
    /// there has this digest is another question, and has its own finding.
    fn allows(&self, subject: &Subject, digest: Digest) -> Result<(), (Verdict, String)> {
        let released = Known {
            sha256: digest,
            sha512: None,
        };
        let attached: Documents;
        let documents = match (&self.place, subject) {
            (Place::Given(documents), _) => documents,
            (Place::Attached(client, runtime), Subject::Image(reference)) => {
                let repository = Repository::from(reference);
                let remote = Remote::new(client.clone(), repository, runtime.handle().clone());
                let found = attached::documents(&remote, &digest).map_err(|e| {
                    (
                        Verdict::Unchecked,
                        format!("what is attested about it could not be read: {e}"),
                    )
                })?;
                let open = |document: attached::Found| self.requirements.open(&document?);
                attached = found.into_iter().map(open).collect();
                &attached
            }
            (Place::Attached(..), Subject::File(_)) => {
                let why = "nothing is attached to a file: say where its attestations are with --attestation=FILE";
                return Err((Verdict::Unchecked, why.to_owned()));
            }
        };
        let name = digest.to_string();
        let found = verbatim_attest::Finding::of(name, &released, documents, &self.requirements);
        if found.verdict == Attested::Holds {
            return Ok(());
        }
        // Of many documents those about it tell most: what is about something else says nothing of it.
        let about = |told: &&Told| is_about(told, documents, &released);
        let reasons = found.attestations.iter().filter(about);
        let reasons: Vec<_> = reasons
            .filter_map(|told| told.reason.as_deref())
            .take(3)
            .collect();
        let nobody = "no statement that is signed by a key that was named is about it";
        let why = match reasons.is_empty() {
            true => match refused(&found).as_slice() {
                [] => nobody.to_owned(),
                refused => format!("{nobody}: {}", refused.join("; ")),
            },
            false => format!("it is not attested as was asked: {}", reasons.join("; ")),
        };
        Err((Verdict::Different, why))
    }
}

/// Why the first documents are of nobody who was named, or none at all.
fn refused(found: &verbatim_attest::Finding) -> Vec<String> {
    let refused = found.attestations.iter();
    let refused = refused.filter(|told| told.predicate_type.is_none());
    refused
        .filter_map(|told| Some(format!("{}: {}", told.document, told.reason.as_deref()?)))
        .take(3)
        .collect()
}

fn is_about(told: &Told, documents: &Documents, artifact: &Known) -> bool {
    let mut signed = documents.iter().flatten();
    signed.any(|signed| signed.name == told.document && signed.statement.is_about(artifact).is_ok())
}

fn add(findings: &mut Vec<Finding>, name: String, digest: Digest, verdict: Verdict, reason: &str) {
    let mut told = false;
    for finding in findings
        .iter_mut()
        .filter(|finding| finding.reference == name)
    {
        finding.worsen(verdict);
        finding.reasons.push(reason.to_owned());
        told = true;
    }
    if !told {
        let judgement = Judgement::because(verdict, reason);
        findings.push(Finding::new(name, Some(digest), None, judgement));
    }
}
