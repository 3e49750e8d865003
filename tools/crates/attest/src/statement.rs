//! in-toto statements: a predicate about subjects, which are named by digest.
//!
//! Source: the in-toto attestation framework, `spec/v1/statement.md`, `resource_descriptor.md` and
//! `digest_set.md`, and the same of v0.1. Both carry any predicate: Tekton Chains puts provenance v1
//! into statements v0.1.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use verbatim_digest::Digest;
use verbatim_document::{json, ErrorKind};
use verbatim_foreign::excerpt;
use verbatim_signature::{documents, Error};

use crate::known::{Known, Sha512};

/// The type of a statement v0.1.
pub(crate) const TYPE_V0_1: &str = "https://in-toto.io/Statement/v0.1";
/// The type of a statement v1.
pub(crate) const TYPE_V1: &str = "https://in-toto.io/Statement/v1";
const TYPES: [&str; 2] = [TYPE_V0_1, TYPE_V1];

/// A statement as it was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The bytes that were signed.
    pub bytes: Vec<u8>,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The URI of what it says.
    pub predicate_type: String,
    /// What it says; empty where it says nothing.
    pub predicate: Map<String, Value>,
}

/// One thing that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Whatever the author called it; nothing follows from it.
    pub name: String,
    /// What identifies it.
    pub digests: DigestSet,
}

/// The digests of one subject, all of which are those of the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DigestSet {
    /// `sha256`.
    pub sha256: Option<Digest>,
    /// `sha512`.
    pub sha512: Option<Sha512>,
    /// Those of other algorithms, which are not recomputed here.
    pub others: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Form {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<SubjectForm>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(default)]
    predicate: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct SubjectForm {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    digest: Option<BTreeMap<String, String>>,
}

impl Statement {
    /// Parse a statement; `file` is its name in messages.
    ///
    /// # Errors
    /// Malformed: it is no JSON, an object names a member twice, a field is missing or has another type, a
    /// digest is not in lower-case hexadecimal digits, `_type` is another one than v0.1 or v1.
    pub fn parse(bytes: Vec<u8>, file: &str) -> Result<Self, Error> {
        let form: Form = json::from_value(documents::parse(&bytes, file)?, file)?;
        if !TYPES.contains(&form.kind.as_str()) {
            let why = format!(
                "is of type `{}`, and an in-toto statement is of type {}",
                excerpt(&form.kind, 100),
                TYPES.join(" or ")
            );
            return Err(malformed(file, "/_type".into(), why));
        }
        let subjects = form.subject.into_iter().enumerate();
        let subjects = subjects.map(|(at, subject)| {
            let digests =
                DigestSet::new(subject.digest.unwrap_or_default()).map_err(|(name, why)| {
                    let mut pointer = format!("/subject/{at}/digest");
                    json::push_token(&mut pointer, name);
                    malformed(file, pointer, why)
                })?;
            Ok::<_, Error>(Subject {
                name: subject.name.unwrap_or_default(),
                digests,
            })
        });
        Ok(Self {
            subjects: subjects.collect::<Result<_, _>>()?,
            predicate_type: form.predicate_type,
            predicate: form.predicate.unwrap_or_default(),
            bytes,
        })
    }

    /// Whether it is about these bytes, or why not.
    ///
    /// # Errors
    /// One sentence that names what was found and what was expected.
    pub fn is_about(&self, known: &Known) -> Result<(), String> {
        Subject::one_is(&self.subjects, known)
    }

    /// Whether a digest of a subject is a sha512, which then has to be recomputed too.
    pub fn asks_for_sha512(&self) -> bool {
        self.subjects.iter().any(|s| s.digests.sha512.is_some())
    }

    /// The statement on one line, for lines of statements. It is as it was signed but for line
    /// breaks, which in JSON can only stand where they mean nothing.
    pub fn line(&self) -> String {
        // What was parsed as JSON is UTF-8.
        let mut line = String::from_utf8_lossy(&self.bytes).into_owned();
        line.retain(|c| !matches!(c, '\r' | '\n'));
        line.push('\n');
        line
    }
}

impl Subject {
    /// Whether one of these is the bytes that are known, or why not: one digest is equal, and no other that both
    /// know differs.
    ///
    /// # Errors
    /// One sentence that names what was found and what was expected.
    pub fn one_is(subjects: &[Self], known: &Known) -> Result<(), String> {
        let mut contradiction = None;
        for subject in subjects {
            match subject.digests.compare(known) {
                Comparison::Equal => return Ok(()),
                Comparison::Contradicts => contradiction = Some(subject),
                Comparison::Other => {}
            }
        }
        if let Some(subject) = contradiction {
            return Err(format!(
                "its subject `{}` has one digest of {} and another digest of other bytes",
                excerpt(&subject.name, 200),
                known.sha256
            ));
        }
        let first = subjects.first().map(|subject| {
            let name = excerpt(&subject.name, 200);
            match subject.digests.sha256 {
                Some(digest) => format!("`{name}` ({digest})"),
                None => format!("`{name}` (no sha256)"),
            }
        });
        Err(match (first, subjects.len()) {
            (None, _) => "it is about nothing: its list of subjects is empty".to_owned(),
            (Some(first), 1) => format!("it is about {first} and not about {}", known.sha256),
            (Some(first), more) => format!(
                "none of its {more} subjects is {}; the first is {first}",
                known.sha256
            ),
        })
    }
}

fn malformed(file: &str, pointer: String, why: impl Into<String>) -> Error {
    verbatim_document::Error::new(ErrorKind::Malformed, file, why)
        .at(pointer)
        .into()
}

/// How the digests of a subject stand to those of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Comparison {
    /// At least one is equal, and none differs.
    Equal,
    /// One is equal and another one differs.
    Contradicts,
    /// None is equal.
    Other,
}

impl DigestSet {
    fn new(digests: BTreeMap<String, String>) -> Result<Self, (&'static str, String)> {
        let mut set = Self::default();
        for (algorithm, hex) in digests {
            match algorithm.as_str() {
                "sha256" => {
                    let digest = Digest::from_hex(&hex).map_err(|e| ("sha256", e.to_string()))?;
                    set.sha256 = Some(digest);
                }
                "sha512" => {
                    let digest = Sha512::from_hex(&hex);
                    let digest = digest.ok_or_else(|| {
                        let why = "is no sha512, which has 128 lower-case hexadecimal digits";
                        ("sha512", why.to_owned())
                    })?;
                    set.sha512 = Some(digest);
                }
                _ => {
                    set.others.insert(algorithm, hex);
                }
            }
        }
        Ok(set)
    }

    fn compare(&self, known: &Known) -> Comparison {
        let sha256 = self.sha256.map(|digest| digest == known.sha256);
        let sha512 = self.sha512.zip(known.sha512).map(|(a, b)| a == b);
        match (sha256, sha512) {
            (Some(true), Some(false)) | (Some(false), Some(true)) => Comparison::Contradicts,
            (Some(true), _) | (_, Some(true)) => Comparison::Equal,
            _ => Comparison::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: &Value) -> Result<Statement, Error> {
        Statement::parse(value.to_string().into_bytes(), "s.json")
    }

    fn about(digests: &Value) -> Value {
        json!({
            "_type": TYPES[1], "predicateType": "https://example.com/p", "predicate": {},
            "subject": [{"name": "other", "digest": {"sha256": Digest::of(b"other").hex()}}, {"name": "abc", "digest": digests}],
        })
    }

    #[test]
    fn one_equal_digest_is_enough_and_one_other_too_much() {
        let known = Known::of(b"abc");
        let (right256, right512) = (known.sha256.hex(), Sha512::of(b"abc").to_string());
        let (wrong256, wrong512) = (Digest::of(b"x").hex(), Sha512::of(b"x").to_string());
        for (digests, holds) in [
            (json!({"sha256": right256}), true),
            (json!({"sha512": right512}), true),
            (json!({"sha256": right256, "sha512": right512}), true),
            // What is not recomputed proves nothing and spoils nothing.
            (
                json!({"sha256": right256, "gitCommit": "0", "md5": "X"}),
                true,
            ),
            (json!({"sha256": right256, "sha512": wrong512}), false),
            (json!({"sha256": wrong256, "sha512": right512}), false),
            (json!({"sha256": wrong256}), false),
            (json!({"md5": "900150983cd24fb0d6963f7d28e17f72"}), false),
            (json!({}), false),
            (json!(null), false),
        ] {
            let statement = parse(&about(&digests)).unwrap();
            assert_eq!(statement.is_about(&known).is_ok(), holds, "{digests}");
        }
    }

    #[test]
    fn the_reason_names_what_was_found() {
        let known = Known::of(b"abc");
        let reason = |value: &Value| parse(value).unwrap().is_about(&known).unwrap_err();
        let mut value = about(&json!({"sha256": Digest::of(b"x").hex()}));
        assert!(reason(&value).contains("none of its 2 subjects is sha256:ba78"));
        value["subject"] = json!([]);
        assert!(reason(&value).contains("its list of subjects is empty"));
        value["subject"] =
            json!([{"name": "a\u{1b}", "digest": {"sha256": Digest::of(b"x").hex()}}]);
        assert!(
            reason(&value).starts_with(r"it is about `a\u{1b}` (sha256:2d71"),
            "{}",
            reason(&value)
        );
    }

    #[test]
    fn what_is_not_a_statement_is_told_with_its_place() {
        let good = about(&json!({}));
        let change = |pointer: &str, value: Value| {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            parse(&changed).unwrap_err().to_string()
        };
        let upper = Digest::of(b"abc").hex().to_uppercase();
        for (pointer, value, said) in [
            (
                "/_type",
                json!("https://in-toto.io/Statement/v2"),
                "s.json at /_type: is of type",
            ),
            ("/_type", json!(1), "/_type"),
            ("/subject", json!({}), "/subject"),
            (
                "/subject/1/digest",
                json!({"sha256": upper}),
                "at /subject/1/digest/sha256: a digest has lower-case",
            ),
            (
                "/subject/1/digest",
                json!({"sha256": "00"}),
                "64 hexadecimal digits",
            ),
            (
                "/subject/1/digest",
                json!({"sha512": "00"}),
                "/subject/1/digest/sha512: is no sha512",
            ),
            (
                "/subject/1/digest",
                json!({"sha256": 1}),
                "/subject/1/digest/sha256",
            ),
            ("/predicate", json!([]), "/predicate"),
            ("/predicateType", json!(null), "/predicateType"),
        ] {
            let error = change(pointer, value);
            assert!(error.contains(said), "{error}");
        }
        for member in ["_type", "subject", "predicateType"] {
            let mut less = good.clone();
            less.as_object_mut().unwrap().remove(member);
            assert!(parse(&less)
                .unwrap_err()
                .to_string()
                .contains("missing field"));
        }
        for text in [
            &br#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"subject":[],"predicateType":"p"}"#[..],
            b"\xef\xbb\xbf{}",
            b"{\"_type\":\"\xff\"}",
            b"",
            b"[]",
        ] {
            let error = Statement::parse(text.to_vec(), "x").unwrap_err();
            assert!(matches!(error, Error::Malformed(_)), "{error}");
        }
        let deep = format!("{}{}", "{\"predicate\":".repeat(10_000), "}".repeat(10_000));
        assert!(Statement::parse(deep.into_bytes(), "x").is_err());
    }

    #[test]
    fn a_statement_without_predicate_says_nothing() {
        let mut value = about(&json!({}));
        value.as_object_mut().unwrap().remove("predicate");
        assert!(parse(&value).unwrap().predicate.is_empty());
    }

    #[test]
    fn a_line_is_the_signed_text_without_line_breaks() {
        let value = about(&json!({}));
        let text = serde_json::to_string_pretty(&value)
            .unwrap()
            .replace('\n', "\r\n");
        let line = Statement::parse(text.into_bytes(), "x").unwrap().line();
        assert_eq!(line.matches(['\r', '\n']).count(), 1);
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        let text = value.to_string();
        let line = Statement::parse(text.clone().into_bytes(), "x")
            .unwrap()
            .line();
        assert_eq!(line, format!("{text}\n"));
    }
}
