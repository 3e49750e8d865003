//! The verdicts, in the words of every report.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use verbatim_foreign::excerpt;
use verbatim_oci::Platform;

/// What was found about one thing, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The bytes that were released.
    Identical,
    /// Another index of the very manifests that were released: other attestations, annotations or order.
    SamePlatforms,
    /// Another manifest or index, but of the same config: another compression, other annotations or media types.
    SameImageId,
    /// Another config that differs in `created`, `author` or `history` alone: the same layers, run in the same way.
    SameContent,
    /// It could not be checked.
    Unchecked,
    /// It is there and was not released.
    Extra,
    /// It was released and is not there.
    Missing,
    /// It is something else.
    Different,
}

/// All of them, best first.
pub(crate) const ALL: [Verdict; 8] = [
    Verdict::Identical,
    Verdict::SamePlatforms,
    Verdict::SameImageId,
    Verdict::SameContent,
    Verdict::Unchecked,
    Verdict::Extra,
    Verdict::Missing,
    Verdict::Different,
];

impl Verdict {
    /// The word for reports and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::SamePlatforms => "same-platforms",
            Self::SameImageId => "same-image-id",
            Self::SameContent => "same-content",
            Self::Unchecked => "unchecked",
            Self::Extra => "extra",
            Self::Missing => "missing",
            Self::Different => "different",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Verdict {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ALL.into_iter()
            .find(|verdict| verdict.as_str() == text)
            .ok_or_else(|| {
                let names: Vec<_> = ALL.iter().map(|v| v.as_str()).collect();
                format!(
                    "`{}` is no verdict; there are {}",
                    excerpt(text, 60),
                    names.join(", ")
                )
            })
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in short phrases; empty where there is nothing to say.
    pub reasons: Vec<String>,
    /// The images of an index, one by one, where the verdict was made of theirs.
    pub platforms: Vec<PlatformJudgement>,
    /// Whether some of it could not be checked, whatever was found of the rest.
    pub is_partial: bool,
}

/// The verdict about one image of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformJudgement {
    /// Which one.
    #[serde(serialize_with = "as_text")]
    pub platform: Platform,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
}

fn as_text<S: Serializer>(platform: &Platform, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(platform)
}

impl Judgement {
    /// Nothing to say.
    pub fn identical() -> Self {
        Self {
            verdict: Verdict::Identical,
            reasons: Vec::new(),
            platforms: Vec::new(),
            is_partial: false,
        }
    }

    /// Make it as bad as this verdict. What could not be checked is not forgotten for that.
    pub fn worsen(&mut self, verdict: Verdict) {
        self.is_partial |= [self.verdict, verdict].contains(&Verdict::Unchecked);
        self.verdict = self.verdict.max(verdict);
    }

    /// A verdict with one reason.
    pub fn because(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            reasons: vec![reason.into()],
            platforms: Vec::new(),
            is_partial: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for verdict in ALL {
            assert_eq!(verdict.as_str().parse::<Verdict>(), Ok(verdict));
        }
        assert!("Identical"
            .parse::<Verdict>()
            .unwrap_err()
            .contains("same-image-id"));
    }
}
