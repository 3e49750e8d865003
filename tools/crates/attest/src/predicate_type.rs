//! What a statement can say, by URI, and the words that cosign has for some of these.

use std::fmt;
use std::str::FromStr;

use verbatim_foreign::excerpt;

/// SLSA provenance v0.2.
pub(crate) const PROVENANCE_V0_2: &str = "https://slsa.dev/provenance/v0.2";
/// SLSA provenance v1.
pub(crate) const PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";
/// A SLSA verification summary.
pub(crate) const SUMMARY_V1: &str = "https://slsa.dev/verification_summary/v1";

/// The words of `cosign attest --type` (cosign 3, `pkg/cosign/attestation`), and `vsa`.
const WORDS: [(&str, &str); 11] = [
    ("slsaprovenance", PROVENANCE_V0_2),
    ("slsaprovenance02", PROVENANCE_V0_2),
    ("slsaprovenance1", PROVENANCE_V1),
    ("vsa", SUMMARY_V1),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
];

/// The type of a predicate: a URI, compared whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredicateType(String);

impl PredicateType {
    /// Whether a statement's type is this one, or why not.
    ///
    /// # Errors
    /// One sentence that names both.
    pub fn is(&self, predicate_type: &str) -> Result<(), String> {
        if predicate_type == self.0 {
            return Ok(());
        }
        Err(format!(
            "its predicate type is `{}`, and `{}` was asked for",
            excerpt(predicate_type, 200),
            excerpt(&self.0, 200)
        ))
    }
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PredicateType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, uri)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(Self((*uri).to_owned()));
        }
        if text.contains(':') {
            return Ok(Self(text.to_owned()));
        }
        let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
        Err(format!(
            "`{}` is no predicate type: give its URI, or one of the words {}",
            excerpt(text, 60),
            words.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_uris_are_compared_whole() {
        let of = |text: &str| text.parse::<PredicateType>().unwrap();
        assert_eq!(of("slsaprovenance"), of(PROVENANCE_V0_2));
        assert!(of("slsaprovenance1").is(PROVENANCE_V1).is_ok());
        for other in [
            "https://slsa.dev/provenance/v1.0",
            "https://slsa.dev/provenance/",
            "",
            "slsaprovenance1",
        ] {
            assert!(of("slsaprovenance1").is(other).is_err(), "{other}");
        }
        assert!(of("https://example.com/a?b")
            .is("https://example.com/a?b")
            .is_ok());
        for wrong in ["", "slsa", "Vsa"] {
            assert!(wrong
                .parse::<PredicateType>()
                .unwrap_err()
                .contains("slsaprovenance1"));
        }
    }
}
