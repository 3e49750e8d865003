//! What a rebuild found, as statements for others: the result, whatever it is, and the summary of one that
//! came to the same bytes. docs/rebuild-result.md says what each member means.
//!
//! Neither says more than was shown: both are about the one manifest that was held against what was built,
//! never about the index that it may stand in, and what a person gave in place of the attestation is told.

use serde_json::{json, Value};
use verbatim_attest::Rebuilt;
use verbatim_document::json;

use crate::error::{Error, Result};
use crate::machine;
use crate::report::{Report, Verdict};

/// The type of the result.
pub(crate) const RESULT_TYPE: &str = "https://example.com/rules_verbatim/docs/rebuild-result@v1";

/// Who rebuilt what.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    /// The URI of whoever says so.
    pub rebuilder: &'a str,
    /// The version of this program.
    pub version: &'a str,
    /// The URI of the image.
    pub resource: &'a str,
    /// Whether the signature of the attestation was checked.
    pub verified: bool,
    /// What was given in place of what the attestation says, as options.
    pub given: &'a [String],
}

impl Report {
    /// The result as a statement, to be signed.
    ///
    /// # Errors
    /// There is no image that it could be about.
    pub fn result(&self, author: &Author<'_>) -> Result<Vec<u8>> {
        let (Some(image), Some(provenance)) = (self.image, self.provenance) else {
            return Err(Error::unchecked(
                "there is no result to state: nothing that was built was held against an image",
            ));
        };
        let causes: Vec<Value> = self
            .causes
            .iter()
            .map(|cause| json!(cause.id.id()))
            .collect();
        let mut predicate = json!({
            "rebuilder": { "id": author.rebuilder },
            "program": { "name": "verbatim", "version": author.version },
            "attestation": { "digest": { "sha256": provenance.hex() }, "verified": author.verified },
            "platform": machine::platform().to_string(),
            "given": author.given,
            "verdict": self.verdict,
            "levels": self.levels,
            "materials": self.materials,
            "missing": self.missing,
            "causes": causes,
        });
        for (name, value) in [
            ("imageId", json!(self.image_id)),
            ("bazel", json!(self.bazel)),
            ("buildah", json!(self.buildah)),
        ] {
            if !value.is_null() {
                predicate[name] = value;
            }
        }
        Ok(json::to_canonical(&json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": author.resource, "digest": { "sha256": image.hex() } }],
            "predicateType": RESULT_TYPE,
            "predicate": predicate,
        }))?)
    }

    /// The verification summary of an identical image, to be signed; `None` for any other.
    ///
    /// # Errors
    /// It is identical, and was not made of what somebody who is believed attested.
    pub fn summary(&self, author: &Author<'_>) -> Result<Option<Vec<u8>>> {
        let is_identical = self.verdict == Verdict::Compared(verbatim_verify::Verdict::Identical);
        let (true, Some(artifact), Some(provenance)) = (is_identical, self.image, self.provenance)
        else {
            return Ok(None);
        };
        let why = match (author.verified, self.has_attested_source) {
            (true, true) if self.has_own_settings => Some("the build had settings that the attestation does not tell, or something was allowed to it; leave out --bazelrc, --bazel-of-source and --allow"),
            (true, true) => None,
            (false, _) => Some("nobody knows who signed the attestation; name the key with --key"),
            (true, false) => Some("the sources are a folder, of which nobody knows whether it is the attested commit; give a repository with --source, or leave it out"),
        };
        if let Some(why) = why {
            return Err(Error::unchecked(format!("no summary is written: {why}")));
        }
        let summary = Rebuilt {
            rebuilder: author.rebuilder,
            version: author.version,
            resource: author.resource,
            artifact,
            provenance,
        };
        Ok(Some(summary.statement()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbatim_attest::{Known, Statement};
    use verbatim_digest::Digest;
    use verbatim_verify::Verdict as Judged;

    const AUTHOR: Author<'_> = Author {
        rebuilder: "https://example.com/rebuilder",
        version: "1",
        resource: "oci://registry.example.com/app",
        verified: true,
        given: &[],
    };

    fn report(verdict: Verdict) -> Report {
        let mut report = Report::new();
        report.verdict = verdict;
        report.image = Some(Digest::of(b"manifest"));
        report.provenance = Some(Digest::of(b"statement"));
        report.has_attested_source = true;
        report
    }

    #[test]
    fn a_summary_is_of_what_is_identical_and_attested() {
        let good = report(Verdict::Compared(Judged::Identical));
        let summary = good.summary(&AUTHOR).unwrap().unwrap();
        let statement = Statement::parse(summary, "s").unwrap();
        statement.is_about(&Known::of(b"manifest")).unwrap();
        for verdict in [
            Verdict::Incomplete,
            Verdict::Unchecked,
            Verdict::Compared(Judged::Different),
            Verdict::Compared(Judged::SameImageId),
            Verdict::Compared(Judged::SameContent),
        ] {
            assert_eq!(
                report(verdict).summary(&AUTHOR).unwrap(),
                None,
                "{verdict:?}"
            );
        }
        let stranger = Author {
            verified: false,
            ..AUTHOR
        };
        good.summary(&stranger).unwrap_err();
        let mut folder = report(Verdict::Compared(Judged::Identical));
        folder.has_attested_source = false;
        folder.summary(&AUTHOR).unwrap_err();
        let mut helped = report(Verdict::Compared(Judged::Identical));
        helped.has_own_settings = true;
        helped.summary(&AUTHOR).unwrap_err();
    }

    #[test]
    fn a_result_tells_the_verdict_whatever_it_is() {
        for verdict in [Verdict::Incomplete, Verdict::Compared(Judged::Different)] {
            let mut report = report(verdict);
            report.miss("epoch");
            let statement = Statement::parse(report.result(&AUTHOR).unwrap(), "s").unwrap();
            statement.is_about(&Known::of(b"manifest")).unwrap();
            assert_eq!(statement.predicate_type, RESULT_TYPE);
            assert_eq!(statement.predicate["verdict"], verdict.as_str());
            assert_eq!(statement.predicate["levels"]["manifest"], "unknown");
            assert_eq!(statement.predicate["missing"], json!(["epoch"]));
        }
        let mut nothing = report(Verdict::Unchecked);
        nothing.image = None;
        nothing.result(&AUTHOR).unwrap_err();
    }
}
