//! Verification summaries (SLSA VSA): the word of somebody who verified, which may be that it failed.

use serde_json::Value;
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

/// Whether a statement is a summary that passes and says that the artifact was rebuilt.
pub fn is_rebuilt(statement: &Statement) -> bool {
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
    use serde_json::json;

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
