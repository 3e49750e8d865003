//! What somebody asks for: a TOML file beside the sources of an image.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use verbatim_foreign::{excerpt, printable_path};

use crate::{Error, Moment, Result};

/// The largest manifest that is read.
const LARGEST: u64 = 1 << 20;

/// Whose packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageFormat {
    /// Debian's.
    Deb,
    /// RPM's.
    Rpm,
    /// Alpine's.
    Apk,
}

/// The packages of an image, and where they come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Whose packages they are.
    pub format: PackageFormat,
    /// The architectures to choose packages for, in the distribution's words.
    pub architectures: Vec<String>,
    /// What must be there, in the distribution's words: `libc6 (>= 2.36)`.
    pub packages: Vec<String>,
    /// Names of packages that must not come.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Whether what packages recommend comes along where it can.
    #[serde(default)]
    pub recommends: bool,
    /// Repositories; of equal versions, that of the first one is taken.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
    /// The folder that relative paths begin at.
    #[serde(skip)]
    folder: PathBuf,
}

/// A repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name in the lock and in messages.
    pub name: String,
    /// `http:`, `https:` or `file:`, or a folder relative to the manifest.
    pub url: String,
    /// Files with the public keys that may sign it, beside the manifest.
    #[serde(default)]
    pub keys: Vec<PathBuf>,
    /// Whether nobody signs it.
    #[serde(default)]
    pub unsigned: bool,
    /// Debian: the suite, or for a flat repository the folder, with a slash at its end.
    pub suite: Option<String>,
    /// Debian: the components of the suite.
    #[serde(default)]
    pub components: Vec<String>,
    /// The moment that it stands for; dates are judged against it, else against now.
    pub snapshot: Option<Moment>,
}

impl Manifest {
    /// Read a manifest from a file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = printable_path(path);
        let text = verbatim_document::file::open(path)
            .and_then(|(file, size)| {
                if size > LARGEST {
                    return Err(std::io::Error::other("it is larger than 1 MiB"));
                }
                std::io::read_to_string(file)
            })
            .map_err(|e| Error::wrong(format!("cannot read {name}: {e}")))?;
        let mut manifest = Self::parse(&text, &name)?;
        manifest.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(manifest)
    }

    /// Read a manifest from its text; `name` is that of its file in messages.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text).map_err(|e| {
            let place = e.span().map_or(String::new(), |span| {
                let before = text.get(..span.start).unwrap_or_default();
                format!(" line {}", before.matches('\n').count() + 1)
            });
            Error::wrong(format!("{name}{place}: {}", e.message()))
        })?;
        manifest.check().map_err(|e| e.of(name))?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let none = |what: &str, fix: &str| Err(Error::wrong(format!("{what}; {fix}")));
        if self.architectures.is_empty() {
            return none(
                "`architectures` is empty",
                "name at least one, such as amd64",
            );
        }
        if self.packages.is_empty() {
            return none("`packages` is empty", "name at least one");
        }
        if self.sources.is_empty() {
            return none(
                "there is no source",
                "add a [[source]] with a name and a url",
            );
        }
        for (at, architecture) in self.architectures.iter().enumerate() {
            if !is_word(architecture) {
                return none(
                    &format!("`{}` is no architecture", excerpt(architecture, 60)),
                    "write it in the distribution's word",
                );
            }
            if self.architectures[..at].contains(architecture) {
                return none(
                    &format!("the architecture `{architecture}` stands twice"),
                    "remove one of them",
                );
            }
        }
        for (at, source) in self.sources.iter().enumerate() {
            source.check(self.format)?;
            if self.sources[..at].iter().any(|s| s.name == source.name) {
                return none(
                    &format!("two sources have the name `{}`", source.name),
                    "rename one of them",
                );
            }
        }
        Ok(())
    }

    /// A file that is named relative to the manifest.
    pub fn file(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The folder that relative paths begin at.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Letters, digits and what stands between them in names.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && !text.starts_with(['-', '.'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+'))
}

impl Source {
    fn check(&self, format: PackageFormat) -> Result<()> {
        if !is_word(&self.name) {
            return Err(Error::wrong(format!(
                "`{}` is no name of a source; use letters, digits, `-`, `_` and `.`",
                excerpt(&self.name, 60)
            )));
        }
        let wrong = |what: &str| Err(Error::wrong(format!("the source `{}` {what}", self.name)));
        match (self.keys.is_empty(), self.unsigned) {
            (true, false) => {
                return wrong("has no keys; name the files of its public keys as `keys`, or say `unsigned = true`")
            }
            (false, true) => return wrong("has keys and is unsigned; remove one of the two"),
            _ => {}
        }
        if format != PackageFormat::Deb {
            if self.suite.is_some() || !self.components.is_empty() {
                return wrong(
                    "has a suite or components, which only Debian's repositories have; remove them",
                );
            }
            return Ok(());
        }
        let Some(suite) = &self.suite else {
            return wrong(
                "has no suite; name one, such as `bookworm`, or `./` for a flat repository",
            );
        };
        if suite.ends_with('/') != self.components.is_empty() {
            return wrong("must have components, such as [\"main\"], or be flat, with a `suite` that ends with `/`");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
format = "deb"
architectures = ["amd64"]
packages = ["bash", "libc6 (>= 2.36)"]
[[source]]
name = "debian"
url = "https://deb.example.com/debian"
suite = "bookworm"
components = ["main"]
keys = ["debian.gpg"]
snapshot = "2026-11-01T00:00:00Z"
"#;

    #[test]
    fn a_manifest() {
        let manifest = Manifest::parse(GOOD, "m.toml").unwrap();
        assert_eq!(manifest.format, PackageFormat::Deb);
        assert!(!manifest.recommends);
        assert_eq!(manifest.sources[0].suite.as_deref(), Some("bookworm"));
    }

    #[test]
    fn what_is_wrong_is_named_with_the_fix() {
        let told = |from: &str, to: &str| {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            Manifest::parse(&text, "m.toml").unwrap_err().to_string()
        };
        for (from, to, words) in [
            ("suite", "siute", "unknown field `siute`, expected one of"),
            ("\"deb\"", "\"dep\"", "m.toml line 2: unknown variant `dep`"),
            ("keys = [\"debian.gpg\"]", "", "has no keys"),
            ("components = [\"main\"]", "", "must have components"),
            ("[\"amd64\"]", "[]", "`architectures` is empty"),
            ("2026-11-01T00:00:00Z", "noon", "is no moment"),
            ("[\"amd64\"]", "[\"amd64\", \"amd64\"]", "stands twice"),
            ("\"debian\"", "\"../x\"", "is no name of a source"),
        ] {
            let message = told(from, to);
            assert!(message.contains(words), "{message}");
        }
    }
}
