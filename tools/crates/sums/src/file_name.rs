//! The names under which files are published.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use verbatim_document::json;
use verbatim_foreign::excerpt;

/// The name of a published file, relative to where the sums file is: `verbatim-linux-amd64`, `docs/guide.pdf`.
///
/// It never leaves that folder, because whoever checks the sums opens it. The order is byte order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(
    // Shared: there may be very many, each in the list of sums and in the document beside it.
    Arc<str>,
);

/// Why a text is not the name of a published file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a name for a published file: {reason}")]
pub struct FileNameError {
    name: String,
    reason: &'static str,
}

impl FileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(name: &str) -> Result<Self, FileNameError> {
        let wrong = |reason| {
            Err(FileNameError {
                name: excerpt(name, 300),
                reason,
            })
        };
        if name.is_empty() {
            return wrong("it is empty; give the file a name");
        }
        if name.starts_with('/') {
            return wrong("it begins with `/`; make it relative to the sums file");
        }
        if name.contains(|c: char| c.is_control()) {
            return wrong("it holds a control character; rename the file");
        }
        if name.split('/').any(|part| part == "..") {
            return wrong(
                "it leaves its folder with `..`; name a file beside the list or below it",
            );
        }
        let is_plain = name.split('/').all(|part| !matches!(part, "" | "."));
        let plain = match is_plain {
            true => Cow::Borrowed(name),
            // `./a` and `a//b` are second names of one file, and a sum has one subject.
            false => {
                let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
                Cow::Owned(parts.collect::<Vec<_>>().join("/"))
            }
        };
        if plain.is_empty() || name.ends_with('/') {
            return wrong("it names a folder; name a file in it");
        }
        // In a line of a list nobody would see where it begins or ends.
        if plain.starts_with(' ') || plain.ends_with(' ') {
            return wrong("it begins or ends with white space; rename the file");
        }
        Ok(Self(plain.into()))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::of_text(deserializer, "the name of a file", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for (name, reason) in [
            ("", "empty"),
            ("/etc/passwd", "relative"),
            ("../a", "leaves"),
            ("a/../b", "leaves"),
            ("a/", "folder"),
            (".", "folder"),
            ("a\0b", "control"),
            ("a\x1b[2Jb", "control"),
            ("a\tb", "control"),
            ("a\u{9b}b", "control"),
            (" a", "white space"),
            ("a ", "white space"),
            ("./ a", "white space"),
            (".//./ a/b", "white space"),
            ("./ ", "white space"),
            ("a\nb", "control"),
            ("a\rb", "control"),
        ] {
            let error = name.parse::<FileName>().unwrap_err().to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
        for (name, plain) in [
            ("a", "a"),
            ("./a//b", "a/b"),
            ("a..b", "a..b"),
            ("...", "..."),
            ("a b", "a b"),
            ("a/ b", "a/ b"),
        ] {
            assert_eq!(name.parse::<FileName>().unwrap().as_str(), plain);
        }
    }
}
