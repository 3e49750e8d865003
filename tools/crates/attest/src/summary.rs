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
    use std::collections::BTreeMap;

    use base64::prelude::{Engine as _, BASE64_STANDARD};
    use verbatim_signature::dsse::{Envelope, IN_TOTO};
    use verbatim_signature::PrivateKey;

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

    /// What `slsa-verifier verify-vsa` reads into types of Go and compares (slsa-verifier, `verifiers/internal/vsa`, as of
    /// March 2026, which took what is written here): a member of another type would fail there, and one that is wrong.
    #[test]
    fn slsa_verifier_finds_what_it_asks_for() {
        #[derive(serde::Deserialize)]
        struct Document {
            #[serde(rename = "_type")]
            kind: String,
            #[serde(rename = "predicateType")]
            predicate_type: String,
            subject: Vec<Subject>,
            predicate: Predicate,
        }
        #[derive(serde::Deserialize)]
        struct Subject {
            #[serde(rename = "name")]
            _name: String,
            digest: BTreeMap<String, String>,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Predicate {
            verifier: Verifier,
            resource_uri: String,
            #[serde(rename = "policy")]
            _policy: Material,
            #[serde(rename = "inputAttestations")]
            _input_attestations: Vec<Material>,
            verification_result: String,
            verified_levels: Vec<String>,
            // `timeVerified` and `slsaVersion` may be absent there: the first would read the clock, and no version of
            // SLSA was applied.
        }
        #[derive(serde::Deserialize)]
        struct Verifier {
            id: String,
            #[serde(rename = "version")]
            _version: BTreeMap<String, String>,
        }
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Material {
            #[serde(rename = "uri")]
            _uri: Option<String>,
            #[serde(rename = "digest")]
            _digest: Option<BTreeMap<String, String>>,
        }

        let artifact = Digest::of(b"app");
        let summary = Rebuilt {
            rebuilder: "https://example.com/rebuilder",
            version: "1",
            resource: "oci://registry.example.com/app",
            artifact,
            provenance: Digest::of(b"provenance"),
        };
        let key = PrivateKey::from_pem(
            include_bytes!("../testdata/builder.key.pem"),
            "builder.key.pem",
            None,
        )
        .unwrap();
        let envelope = Envelope::sign(IN_TOTO, summary.statement().unwrap(), &key).to_json();
        // One envelope, and not a list or lines of them; its signature needs no key ID.
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
        assert_eq!(envelope["signatures"].as_array().unwrap().len(), 1);
        let payload = BASE64_STANDARD
            .decode(envelope["payload"].as_str().unwrap())
            .unwrap();
        let document: Document = serde_json::from_slice(&payload).unwrap();
        assert_eq!(document.kind, "https://in-toto.io/Statement/v1");
        assert_eq!(
            document.predicate_type,
            "https://slsa.dev/verification_summary/v1"
        );
        let [subject] = &document.subject[..] else {
            panic!("one subject");
        };
        assert_eq!(subject.digest["sha256"], artifact.hex());
        let predicate = document.predicate;
        assert_eq!(predicate.verifier.id, summary.rebuilder);
        assert_eq!(predicate.resource_uri, summary.resource);
        assert_eq!(predicate.verification_result, "PASSED");
        // What begins so must be a level of a track, and none is shown.
        let of_slsa = |level: &String| level.starts_with("SLSA_");
        assert!(!predicate.verified_levels.iter().any(of_slsa));
        assert!(predicate.verified_levels.contains(&REBUILT.to_owned()));
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
