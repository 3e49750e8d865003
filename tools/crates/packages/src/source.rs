//! Where packages are: folders and servers, and the paths inside them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{de, Deserialize, Deserializer, Serialize, Serializer};
use verbatim_foreign::{excerpt, printable_path};
use verbatim_net::{percent, Url};

use crate::{Error, Result};

/// A path inside a source: relative, and never out of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePath(String);

/// Longer paths than this are no honest ones.
const LONGEST: usize = 1024;

impl SafePath {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of something in the folder `self`; what `path` has of `./` goes.
    pub fn join(&self, path: &str) -> Result<Self> {
        format!("{}/{path}", self.0).parse()
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for SafePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = |why: &str| {
            Error::refused(format!(
                "the path `{}` {why}; nothing is read there",
                excerpt(text, 200)
            ))
        };
        if text.len() > LONGEST || text.chars().any(|c| c.is_control() || c == '\\') {
            return Err(refused(
                "has characters or a length that no path in a source has",
            ));
        }
        if text.starts_with('/') {
            return Err(refused("is absolute, so it would climb out of its source"));
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(refused("would climb out of its source")),
                part => parts.push(part),
            }
        }
        if parts.is_empty() {
            return Err(refused("names nothing"));
        }
        Ok(Self(parts.join("/")))
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for SafePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SafePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A place that holds a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A server.
    Web(Url),
}

impl Place {
    /// By its text: an address, or a folder relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        let wrong = |why: &str| {
            Error::wrong(format!(
                "`{}` {why}; write http://…, https://…, file:///… or a folder",
                excerpt(text, 200)
            ))
        };
        if let Some(rest) = text.strip_prefix("file:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if !path.starts_with('/') {
                return Err(wrong("names no absolute path"));
            }
            return Ok(Self::Folder(percent::unescaped(path).into()));
        }
        if !text.contains("://") {
            if text.is_empty() {
                return Err(wrong("is empty"));
            }
            return Ok(Self::Folder(folder.join(text)));
        }
        match Url::parse(text) {
            Some(url) => Ok(Self::Web(url)),
            None => Err(wrong("is no address that can be used")),
        }
    }

    /// The name of what lies at `path` in it, for messages.
    pub(crate) fn shown(&self, path: &SafePath) -> String {
        match self {
            Self::Folder(folder) => printable_path(&folder.join(path.as_str())).into_owned(),
            Self::Web(url) => format!("{}/{path}", url.to_string().trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_its_source() {
        let path = |text: &str| text.parse::<SafePath>().map(|path| path.0);
        assert_eq!(path("./pool/a_1%3a2.deb").unwrap(), "pool/a_1%3a2.deb");
        assert_eq!(path("pool//x/./y").unwrap(), "pool/x/y");
        for bad in [
            "",
            "..",
            "../x",
            "a/../../x",
            "/etc/passwd",
            ".",
            "a\nb",
            "a\\..\\b",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn places() {
        let at = |text: &str| Place::parse(text, Path::new("base"));
        assert_eq!(at("repo").unwrap(), Place::Folder("base/repo".into()));
        assert_eq!(at("/repo").unwrap(), Place::Folder("/repo".into()));
        assert_eq!(at("file:///a%20b").unwrap(), Place::Folder("/a b".into()));
        assert!(matches!(at("http://deb.example.com/x"), Ok(Place::Web(_))));
        for bad in ["", "ftp://deb.example.com", "https://", "file:x"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
