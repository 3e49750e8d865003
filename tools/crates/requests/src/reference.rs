//! The name under which an image is published, in parts that may be texts, files, or made of keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use verbatim_foreign::printable;
use verbatim_oci::{json, Error, ErrorKind, Reference, Result};

/// The largest file that holds a part of a reference.
pub(crate) const MAX_PART: u64 = 1 << 16;

/// The parts of a reference, texts or files that hold them, `{KEY}` in them not yet replaced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceParts {
    registry: Part,
    #[serde(default)]
    prefix: Option<Part>,
    name: Part,
    #[serde(default)]
    tag: Option<Part>,
}

/// A text, or a file that holds it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    File { file: PathBuf },
}

/// The values that may stand for `{KEY}` in a part of a reference.
#[derive(Debug, Clone, Default)]
pub struct Values {
    known: BTreeMap<String, String>,
    /// Keys of the workspace status that change without an action being run again.
    volatile: BTreeSet<String>,
}

/// Whether a key of the workspace status is one for which Bazel runs an action again when its
/// value changes. All others (`BUILD_TIMESTAMP` and what a command prints under any other name)
/// keep the value that they had when the action last ran for another reason.
pub fn is_stable(key: &str) -> bool {
    key.starts_with("STABLE_") || ["BUILD_EMBED_LABEL", "BUILD_HOST", "BUILD_USER"].contains(&key)
}

impl Values {
    /// Add the lines `KEY value` of a workspace-status file. Only stable keys get a value.
    pub fn add_status(&mut self, path: &Path) -> Result<()> {
        let file = path.display().to_string();
        let data = json::read_handed(path, 1 << 20)?;
        let text = String::from_utf8(data)
            .map_err(|_| Error::new(ErrorKind::Malformed, &file, "is not UTF-8 text"))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            if is_stable(key) {
                self.define(key, value.trim());
            } else {
                self.volatile.insert(key.to_owned());
            }
        }
        Ok(())
    }

    /// Add one value, in place of an earlier one.
    pub fn define(&mut self, key: &str, value: &str) {
        self.known.insert(key.to_owned(), value.to_owned());
    }

    /// The text with every `{KEY}` replaced; `origin` is whose it is, in messages.
    ///
    /// # Errors
    /// A key without a value, or an open brace.
    pub fn expand(&self, text: &str, origin: &str) -> Result<String> {
        let wrong = |what: String| Error::new(ErrorKind::Malformed, origin, what);
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((key, after)) = after.split_once('}') else {
                return Err(wrong(format!(
                    "`{}` opens a brace and does not close it",
                    printable(text)
                )));
            };
            let value = self.known.get(key).ok_or_else(|| {
                let asks = format!("`{}` asks for {{{}}}", printable(text), printable(key));
                wrong(if self.volatile.contains(key) {
                    format!("{asks}, a volatile key of the workspace status: when it changes Bazel runs no action again, so that an old value would stay; let the workspace status command print it as STABLE_{}, or define it", printable(key))
                } else {
                    format!("{asks}, which neither --status nor --define gives; build with --stamp, or define it")
                })
            })?;
            out.push_str(before);
            out.push_str(value);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

impl Part {
    fn resolve(&self, values: &Values, origin: &str) -> Result<String> {
        match self {
            Self::Text(text) => values.expand(text, origin),
            Self::File { file } => {
                let data = json::read_file(file, MAX_PART)?;
                let text = String::from_utf8(data).map_err(|_| {
                    Error::new(ErrorKind::Malformed, file.display(), "is not UTF-8 text")
                })?;
                values.expand(text.trim(), origin)
            }
        }
    }
}

impl ReferenceParts {
    /// The reference, in the words of whoever asks for it: `origin` is its name in messages.
    pub fn resolve(&self, values: &Values, origin: &str) -> Result<Reference> {
        let part = |part: &Option<Part>| match part {
            Some(part) => part.resolve(values, origin),
            None => Ok(String::new()),
        };
        Reference::new(
            &self.registry.resolve(values, origin)?,
            &part(&self.prefix)?,
            &self.name.resolve(values, origin)?,
            &part(&self.tag)?,
        )
        .map_err(|e| Error::new(ErrorKind::Malformed, origin, e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(registry: &str, tag: &str) -> ReferenceParts {
        serde_json::from_value(serde_json::json!({
            "registry": registry, "prefix": "a{STABLE_EMPTY}", "name": "n", "tag": tag,
        }))
        .unwrap()
    }

    #[test]
    fn values_fill_references() {
        let dir = tempfile::tempdir().unwrap();
        let status = dir.path().join("status.txt");
        std::fs::write(&status, "STABLE_TAG v1.2 \nSTABLE_EMPTY\nA b c\nBUILD_TIMESTAMP 1\nBUILD_EMBED_LABEL rc1\nBUILD_HOST h\nBUILD_USER u\n\n").unwrap();
        let tag = dir.path().join("tag");
        std::fs::write(&tag, "{STABLE_TAG}-x\n").unwrap();
        let mut values = Values::default();
        values.add_status(&status).unwrap();
        values.define("REG", "r.example");
        let in_file: ReferenceParts = serde_json::from_value(serde_json::json!({
            "registry": "{REG}:5000", "prefix": "a{STABLE_EMPTY}", "name": "n", "tag": {"file": tag},
        }))
        .unwrap();
        assert_eq!(
            in_file.resolve(&values, "//x:y").unwrap().to_string(),
            "r.example:5000/a/n:v1.2-x"
        );
        let tagged = |tag: &str| {
            parts("r.io", tag)
                .resolve(&values, "//x:y")
                .map(|r| r.to_string())
        };
        assert_eq!(tagged("{BUILD_EMBED_LABEL}").unwrap(), "r.io/a/n:rc1");
        assert_eq!(tagged("{BUILD_USER}-{BUILD_HOST}").unwrap(), "r.io/a/n:u-h");
        for (registry, tag, what) in [
            ("{NO}", "", "//x:y: `{NO}` asks for {NO}, which neither"),
            ("{REG", "", "does not close"),
            ("", "", "registry is empty"),
            ("r.io", "{A}", "asks for {A}, a volatile key"),
            (
                "r.io",
                "v{BUILD_TIMESTAMP}",
                "print it as STABLE_BUILD_TIMESTAMP",
            ),
            ("r.io", "{BUILD_SCM_REVISION}", "build with --stamp"),
            // Keys are whole words, in the case that Bazel writes them.
            ("r.io", "{stable_TAG}", "build with --stamp"),
            ("r.io", "{STABLE}", "build with --stamp"),
            ("r.io", "{ STABLE_TAG}", "asks for { STABLE_TAG}"),
            ("r.io", "{}", "asks for {}"),
            ("r.io", "{{STABLE_TAG}}", "asks for {{STABLE_TAG}"),
            ("r.io", "{BUILD_TIMESTAMP", "does not close"),
            ("{A}", "v1", "asks for {A}, a volatile key"),
        ] {
            let error = parts(registry, tag).resolve(&values, "//x:y").unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
        // Whoever defines a key answers for it.
        values.define("BUILD_TIMESTAMP", "7");
        let resolved = parts("r.io", "v{BUILD_TIMESTAMP}").resolve(&values, "//x:y");
        assert_eq!(resolved.unwrap().to_string(), "r.io/a/n:v7");
    }
}
