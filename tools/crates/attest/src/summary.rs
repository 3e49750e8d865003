//! Verification summaries (SLSA VSA): the word of somebody who verified, which may be that it failed.

use serde_json::{json, Value};
use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::excerpt;

use crate::predicate_type::SUMMARY_V1;
use crate::statement::Statement;

/// What the URIs of all versions begin with.
const PREFIX: &str = "https://slsa.dev/verification_summary/";

/// The result under its names: that of v1, and that of versions before (SLSA, "Verification Summary Attestation").
const RESULTS: [&str; 2] = ["verificationResult", "verification_result"];

/// Nothing to object to in a statement, unless it is a summary that does not say `PASSED`.
///
/// # Errors
/// One sentence that names what it says.
pub fn passes(statement: &Statement) -> Result<(), String> {
    if !statement.predicate_type.starts_with(PREFIX) {
        return Ok(());
    }
    let mut passed = false;
    for name in RESULTS {
        match statement.predicate.get(name) {
            None => {}
            Some(Value::String(result)) if result == "PASSED" => passed = true,
            Some(other) => {
                return Err(format!(
                    "it is a verification summary with the result {}, and only \"PASSED\" vouches for anything",
                    excerpt(&other.to_string(), 60)
                ));
            }
        }
    }
    if passed {
        return Ok(());
    }
    Err("it is a verification summary without a result".to_owned())
}

/// The level of a summary whose author built the artifact again from its sources and came to the
/// same bytes. SLSA leaves room for levels that are not its own.
pub const REBUILT: &str = "VERBATIM_REBUILT_IDENTICAL";

/// What such an author has checked and what not, in words: the policy of the summaries that are written here.
pub(crate) const REBUILT_POLICY: &str =
    "https://example.com/rules_verbatim/docs/rebuild-result@v1#the-summary";

/// The word of somebody who rebuilt an artifact and came to the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt<'a> {
    /// Who says so: a URI, `verifier.id`.
    pub rebuilder: &'a str,
    /// The version of the program that rebuilt.
    pub version: &'a str,
    /// Where the artifact is to be had: a URI.
    pub resource: &'a str,
    /// The artifact, by its bytes.
    pub artifact: Digest,
    /// The statement by which it was rebuilt, by its bytes.
    pub provenance: Digest,
}

impl Rebuilt<'_> {
    /// The statement, to be signed: canonical, and the same whenever it is written. It names no level of
    /// SLSA's own, for a rebuild shows none.
    ///
    /// # Errors
    /// None that its content could cause.
    pub fn statement(&self) -> verbatim_document::Result<Vec<u8>> {
        let artifact =
            json!({ "name": self.resource, "digest": { "sha256": self.artifact.hex() } });
        json::to_canonical(&json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [artifact],
            "predicateType": SUMMARY_V1,
            "predicate": {
                "verifier": { "id": self.rebuilder, "version": { "verbatim": self.version } },
                "resourceUri": self.resource,
                "policy": { "uri": REBUILT_POLICY },
                "inputAttestations": [{ "digest": { "sha256": self.provenance.hex() } }],
                "verificationResult": "PASSED",
                "verifiedLevels": [REBUILT],
            },
        }))
    }
}

/// Whether a statement is a summary that passes and says that the artifact was rebuilt.
pub(crate) fn is_rebuilt(statement: &Statement) -> bool {
    let levels = statement
        .predicate
        .get("verifiedLevels")
        .and_then(Value::as_array);
    statement.predicate_type == SUMMARY_V1
        && passes(statement).is_ok()
        && levels.is_some_and(|levels| levels.iter().any(|level| level == REBUILT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::Known;

    #[test]
    fn what_is_written_counts_for_the_artifact_and_for_nothing_else() {
        let summary = Rebuilt {
            rebuilder: "https://example.com/rebuilder",
            version: "1",
            resource: "oci://registry.example.com/app",
            artifact: Digest::of(b"app"),
            provenance: Digest::of(b"provenance"),
        };
        let bytes = summary.statement().unwrap();
        let statement = Statement::parse(bytes.clone(), "x").unwrap();
        assert!(is_rebuilt(&statement));
        statement.is_about(&Known::of(b"app")).unwrap();
        statement.is_about(&Known::of(b"provenance")).unwrap_err();
        assert_eq!(bytes, summary.statement().unwrap());
        let levels = &statement.predicate["verifiedLevels"];
        assert_eq!(levels, &json!([REBUILT]));
    }

    #[test]
    fn only_passed_holds() {
        let summary = |version: &str, predicate: Value| {
            let statement = json!({
                "_type": "https://in-toto.io/Statement/v1", "subject": [],
                "predicateType": format!("{PREFIX}{version}"), "predicate": predicate,
            });
            let statement = Statement::parse(statement.to_string().into_bytes(), "x").unwrap();
            passes(&statement).is_ok()
        };
        assert!(summary("v1", json!({"verificationResult": "PASSED"})));
        assert!(summary("v0.2", json!({"verification_result": "PASSED"})));
        for wrong in [
            json!({"verificationResult": "FAILED"}),
            json!({"verificationResult": "passed"}),
            json!({"verificationResult": "PASSED "}),
            json!({"verificationResult": true}),
            json!({"verificationResult": ["PASSED"]}),
            json!({"verificationResult": "PASSED", "verification_result": "FAILED"}),
            json!({"result": "PASSED"}),
            json!({}),
        ] {
            assert!(!summary("v1", wrong.clone()), "{wrong}");
        }
    }
}
