//! What was found, put together for people and machines.

use serde::Serialize;
use verbatim_digest::Digest;
use verbatim_oci::layout::Problem;

use crate::{Judgement, PlatformJudgement, Verdict};

/// The form of the document; it changes with every change that a reader could notice.
const SCHEMA: &str = "verbatim.verify/1";

/// How many places are named of one thing that runs in very many.
const MAX_PLACES: usize = 100;

/// Where something runs: `namespace/pod/container`, or a container's name.
pub type Place = String;

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The image reference, or the file's name.
    pub reference: String,
    /// What was released; nothing for something extra.
    pub expected: Option<Digest>,
    /// What was found; nothing where nothing was.
    pub actual: Option<Digest>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in short phrases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The images of an index, where the verdict was made of theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<PlatformJudgement>,
    /// What is wrong below it, where every blob was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// In how many places it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Some of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// Whether some of it could not be checked, whatever was found of the rest.
    #[serde(skip)]
    is_partial: bool,
}

impl Finding {
    /// A finding by a judgement.
    pub fn new(
        reference: impl Into<String>,
        expected: Option<Digest>,
        actual: Option<Digest>,
        judgement: Judgement,
    ) -> Self {
        Self {
            reference: reference.into(),
            expected,
            actual,
            verdict: judgement.verdict,
            reasons: judgement.reasons,
            platforms: judgement.platforms,
            problems: Vec::new(),
            count: None,
            places: Vec::new(),
            is_partial: judgement.is_partial,
        }
    }

    /// Make it as bad as this verdict. What could not be checked is not forgotten for that.
    pub fn worsen(&mut self, verdict: Verdict) {
        self.is_partial |= [self.verdict, verdict].contains(&Verdict::Unchecked);
        self.verdict = self.verdict.max(verdict);
    }

    /// Whether it does no harm where these verdicts are accepted.
    pub fn is_harmless(&self, accept: &[Verdict]) -> bool {
        self.without(accept) == Verdict::Identical
    }

    /// What it means for the report. A difference that is accepted says nothing of what could not be checked.
    fn without(&self, accept: &[Verdict]) -> Verdict {
        match accept.contains(&self.verdict) {
            true if self.is_partial => Verdict::Unchecked,
            true => Verdict::Identical,
            false => self.verdict,
        }
    }

    /// The same, with the places where it runs.
    pub fn at(mut self, mut places: Vec<Place>) -> Self {
        places.sort();
        self.count = Some(places.len());
        places.truncate(MAX_PLACES);
        self.places = places;
        self
    }
}

/// All findings, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    schema: &'static str,
    /// The worst of the findings, without those that are accepted.
    pub verdict: Verdict,
    /// By reference.
    pub results: Vec<Finding>,
    /// What was not looked at, and other remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Report {
    /// A report of these findings; those with a verdict in `accept` do no harm.
    pub fn new(mut results: Vec<Finding>, accept: &[Verdict], notes: Vec<String>) -> Self {
        results.sort_by(|a, b| {
            (&a.reference, a.verdict, a.actual).cmp(&(&b.reference, b.verdict, b.actual))
        });
        let verdict = results
            .iter()
            .map(|finding| finding.without(accept))
            .max()
            .unwrap_or(Verdict::Identical);
        Self {
            schema: SCHEMA,
            verdict,
            results,
            notes,
        }
    }

    /// How many findings have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.results.iter().filter(|f| f.verdict == verdict).count()
    }

    /// How many of each verdict there are, best first.
    pub fn counts(&self) -> Vec<(Verdict, usize)> {
        crate::verdict::ALL
            .into_iter()
            .map(|verdict| (verdict, self.count(verdict)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}
