//! What somebody knows of a build and Bazel does not tell an action: what was fetched.

use serde::Deserialize;
use verbatim_document::{json, Error, ErrorKind, Result};

use super::{Dependencies, Dependency};

/// The form of the file.
const SCHEMA: &str = "verbatim.facts/1";

/// A file of facts: `docs/build-type-bazel.md` describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    schema: String,
    /// What was fetched.
    #[serde(default)]
    dependencies: Vec<Dependency>,
    /// Whether nothing else was.
    #[serde(default)]
    complete: bool,
}

impl Facts {
    /// Read a file; `file` is its name in messages.
    ///
    /// # Errors
    /// It is no such document, or a digest is none.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        let facts: Self = json::parse(data, file)?;
        if facts.schema != SCHEMA {
            let why = format!("is not `{SCHEMA}`; another version of this program reads it");
            return Err(Error::new(ErrorKind::Malformed, file, why).at("/schema"));
        }
        for (at, dependency) in facts.dependencies.iter().enumerate() {
            if let Some(problem) = dependency.problem() {
                let error = Error::new(ErrorKind::Malformed, file, problem);
                return Err(error.at(format!("/dependencies/{at}")));
            }
        }
        Ok(facts)
    }

    /// Say of a build what is known.
    ///
    /// # Errors
    /// It contradicts what was known already: one sentence.
    pub fn tell(self, dependencies: &mut Dependencies) -> std::result::Result<(), String> {
        dependencies.fetch(self.dependencies)?;
        if self.complete {
            dependencies.are_complete();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let hex = "0a".repeat(32);
        let file = |dependency: &str| {
            format!(r#"{{"schema":"{SCHEMA}","complete":true,"dependencies":[{dependency}]}}"#)
        };
        let good = file(&format!(
            r#"{{"name":"zlib","uri":"https://example.com/z.tgz","digest":{{"sha256":"{hex}"}}}}"#
        ));
        let mut known = Dependencies::default();
        Facts::parse(good.as_bytes(), "f")
            .unwrap()
            .tell(&mut known)
            .unwrap();
        assert!(known.complete());
        assert_eq!(known.fetched().count(), 1);
        for (text, said) in [
            (good.replace("facts/1", "facts/2"), "/schema"),
            (good.replace("\"complete\"", "\"Complete\""), "Complete"),
            (good.replace(&hex, &hex[1..]), "/dependencies/0"),
            (good.replace(&hex, &hex.to_uppercase()), "lower-case"),
            (good.replace("https:", "git+https:"), "gitCommit"),
            (
                good.replace("https://", "https://a:b@"),
                "user or a password",
            ),
            (good.replace("https://example.com/z.tgz", "z.tgz"), "no URI"),
            (
                good.replace("https://example.com/z.tgz", "pkg:generic/bazel@7"),
                "place of its own",
            ),
            (
                good.replace("\"zlib\"", "\"bazel\""),
                "stands for something else",
            ),
            (
                good.replace("\"zlib\"", "\"tool/x\""),
                "stands for something else",
            ),
            (
                file(r#"{"uri":"https://example.com/z","digest":{}}"#),
                "no digest",
            ),
            (file(r#"{"digest":{}}"#), "no digest"),
            (file(r#"{"uri":"https://example.com/z"}"#), "digest"),
        ] {
            let error = Facts::parse(text.as_bytes(), "f").unwrap_err().to_string();
            assert!(
                error.starts_with('f') && error.contains(said),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn one_thing_has_one_digest() {
        let one = |hex: &str| Dependency {
            name: None,
            uri: Some("https://example.com/z".into()),
            digest: [("sha256".to_owned(), hex.repeat(32))].into(),
        };
        let mut known = Dependencies::default();
        known.fetch([one("0a"), one("0a")]).unwrap();
        assert_eq!(known.fetched().count(), 1);
        assert!(known
            .fetch([one("0b")])
            .unwrap_err()
            .contains("one of the two"));
    }
}
