//! What was found about each artifact, for people and machines.

use std::fmt;

use serde::Serialize;
use verbatim_digest::Digest;
use verbatim_signature::Error;

use crate::judge::{Requirements, Signed};
use crate::known::Known;

/// The form of the document; it changes with every change that a reader could notice.
const SCHEMA: &str = "verbatim.attest/1";

/// What was found, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A statement holds for it.
    Holds,
    /// It, or what is said about it, could not be read.
    Unchecked,
    /// What is said about it is no statement.
    Malformed,
    /// No statement holds for it.
    DoesNotHold,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Unchecked => "unchecked",
            Self::Malformed => "malformed",
            Self::DoesNotHold => "does-not-hold",
        })
    }
}

/// What one document means for one artifact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// Where it was found: a file and its line, or a digest.
    pub document: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Why not: what was expected and what was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The type of what it says, where somebody who is believed signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// The ids of the keys that signed it: the sha256 of their SubjectPublicKeyInfo.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Digest>,
    /// The statement as it was signed, where it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

/// What was found about one artifact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Its path or reference.
    pub subject: String,
    /// Its digest, recomputed from its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether a statement holds for it.
    pub verdict: Verdict,
    /// Why it could not be looked at, or that nothing is said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Each document that was looked at.
    pub attestations: Vec<Told>,
}

/// All findings, in the order in which they were asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    schema: &'static str,
    /// The worst of the findings.
    pub verdict: Verdict,
    /// One for each artifact.
    pub results: Vec<Finding>,
}

impl Report {
    /// A report of these findings.
    pub fn new(results: Vec<Finding>) -> Self {
        let worst = results.iter().map(|finding| finding.verdict).max();
        Self {
            schema: SCHEMA,
            // Where nothing was asked for, nothing was shown.
            verdict: worst.unwrap_or(Verdict::Unchecked),
            results,
        }
    }
}

impl Finding {
    /// Something that could not be looked at.
    pub fn without(subject: String, verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            subject,
            digest: None,
            verdict,
            reason: Some(reason.into()),
            attestations: Vec::new(),
        }
    }

    /// What these documents mean for an artifact.
    pub fn of(
        subject: String,
        artifact: &Known,
        documents: &[Result<Signed, Error>],
        requirements: &Requirements,
    ) -> Self {
        let rebuilders = requirements.rebuilders(documents.iter().flatten(), artifact);
        let judge = |signed: &Signed| requirements.judge(signed, artifact, &rebuilders);
        let attestations: Vec<_> = documents
            .iter()
            .map(|document| Told::of(document, judge))
            .collect();
        let all = |verdict| attestations.iter().all(|told| told.verdict == verdict);
        let any = |verdict| attestations.iter().any(|told| told.verdict == verdict);
        let (verdict, reason) = match attestations.is_empty() {
            true => (
                Verdict::DoesNotHold,
                Some("nobody attests anything about it".to_owned()),
            ),
            false if any(Verdict::Holds) => (Verdict::Holds, None),
            false if all(Verdict::Malformed) => (Verdict::Malformed, None),
            false => (Verdict::DoesNotHold, None),
        };
        Self {
            subject,
            digest: Some(artifact.sha256),
            verdict,
            reason,
            attestations,
        }
    }
}

impl Told {
    fn of(document: &Result<Signed, Error>, judge: impl Fn(&Signed) -> Result<(), Error>) -> Self {
        let signed = match document {
            Ok(signed) => signed,
            Err(error) => return Self::refused(error),
        };
        let told = Self {
            document: signed.name.clone(),
            verdict: Verdict::Holds,
            reason: None,
            predicate_type: Some(signed.statement.predicate_type.clone()),
            signers: signed.signers.clone(),
            statement: None,
        };
        match judge(signed) {
            Ok(()) => Self {
                statement: Some(String::from_utf8_lossy(&signed.statement.bytes).into_owned()),
                ..told
            },
            Err(error) => Self {
                predicate_type: told.predicate_type,
                signers: told.signers,
                ..Self::refused(&error)
            },
        }
    }

    fn refused(error: &Error) -> Self {
        let (verdict, document, reason) = match error {
            Error::Malformed(error) => {
                let place = error
                    .pointer()
                    .map(|at| format!("at {at}: "))
                    .unwrap_or_default();
                let reason = format!("{place}{}", error.what());
                (Verdict::Malformed, error.file(), reason)
            }
            Error::DoesNotHold { file, why } => (Verdict::DoesNotHold, file.as_str(), why.clone()),
        };
        Self {
            document: document.to_owned(),
            verdict,
            reason: Some(reason),
            predicate_type: None,
            signers: Vec::new(),
            statement: None,
        }
    }
}
