//! What an SBOM says that somebody wrote, whoever that was.
//!
//! SPDX 2.2 and 2.3 and CycloneDX 1.2 to 1.7, in JSON; or a statement (in-toto) about an image whose
//! predicate is one of them. Only what can be compared with files is read, so that a large document
//! takes little more memory than its bytes. A member that is read and stands twice is refused.

mod cyclonedx;
mod spdx;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::Deserialize;
use verbatim_components::{Algorithm, Checksum};
use verbatim_digest::Digest;
use verbatim_document::{Error, ErrorKind, Result};
use verbatim_foreign::excerpt;

use crate::Purl;

/// The largest SBOM that is read: with all files of a large image it is some dozen megabytes.
pub const LARGEST: u64 = 256 << 20;

/// What an SBOM says, as far as files can tell whether it is true.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// Its form and version: `SPDX-2.3`, `CycloneDX 1.6`.
    pub form: String,
    /// The packages, in the order of the document.
    pub packages: Vec<StatedPackage>,
    /// The files.
    pub files: Vec<StatedFile>,
    /// The distribution: its ID and version.
    pub system: Option<(String, Option<String>)>,
    /// Digests of the image that it says it is about: of the manifest, the index or the config.
    pub about: Vec<Digest>,
    /// The images that it was made from, or with; they count among the others.
    pub images: Vec<StatedImage>,
    /// How many things are in it that are no packages and no files: groups, images, other systems.
    pub others: usize,
}

/// An image that something was made from, or with.
#[derive(Debug, PartialEq, Eq)]
pub struct StatedImage {
    /// The place in the document.
    pub pointer: String,
    /// Its package URL, which has its repository and perhaps its digest.
    pub purl: Purl,
    /// Its version: a tag.
    pub version: Option<String>,
    /// The digest that stands beside its package URL.
    pub digest: Option<Digest>,
}

/// A package that is said to be there.
#[derive(Debug, PartialEq, Eq)]
pub struct StatedPackage {
    /// The place in the document.
    pub pointer: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<Purl>,
}

/// A file that is said to be there.
#[derive(Debug, PartialEq, Eq)]
pub struct StatedFile {
    /// The place in the document.
    pub pointer: String,
    /// Its path, relative to the root.
    pub path: String,
    /// The digests that it is said to have.
    pub checksums: Vec<Checksum>,
}

/// What tells the forms apart.
#[derive(Deserialize)]
struct Form {
    #[serde(default, rename = "spdxVersion")]
    spdx: Option<String>,
    #[serde(default, rename = "bomFormat")]
    format: Option<String>,
    #[serde(default, rename = "specVersion")]
    version: Option<String>,
    /// Of a statement.
    #[serde(default, rename = "predicateType")]
    predicate: Option<String>,
    #[serde(default, rename = "@context")]
    context: Option<IgnoredAny>,
}

/// A statement, of which the predicate alone counts here.
#[derive(Deserialize)]
struct Statement<T> {
    predicate: T,
}

/// The text of a document, and whether it is the predicate of a statement.
struct Text<'a> {
    text: &'a str,
    is_statement: bool,
    file: &'a str,
}

impl Text<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let read = match self.is_statement {
            true => serde_json::from_str::<Statement<T>>(self.text).map(|s| s.predicate),
            false => serde_json::from_str(self.text),
        };
        let malformed = |e| Error::new(ErrorKind::Malformed, self.file, format!("is no SBOM: {e}"));
        read.map_err(malformed)
    }
}

impl Stated {
    /// Read an SBOM; `file` is its name in messages.
    ///
    /// # Errors
    /// What is no JSON, or no SBOM of a form that is known here.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        let text = std::str::from_utf8(data)
            .map_err(|e| Error::new(ErrorKind::Malformed, file, format!("is no text: {e}")))?;
        let mut text = Text {
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            is_statement: false,
            file,
        };
        let mut form: Form = text.read()?;
        if form.predicate.is_some() {
            text.is_statement = true;
            form = text.read()?;
        }
        let unsupported = |what: String| Err(Error::new(ErrorKind::Unsupported, file, what));
        match (&form.spdx, &form.format, &form.version) {
            (Some(version), None, _) if matches!(&**version, "SPDX-2.2" | "SPDX-2.3") => {
                Ok(spdx::stated(text.read()?, version))
            }
            (Some(version), None, _) => unsupported(format!(
                "is SPDX in the version {}; SPDX-2.2 and SPDX-2.3 are known here",
                excerpt(version, 40)
            )),
            (None, Some(format), Some(version)) if format == "CycloneDX" => {
                let known = version
                    .strip_prefix("1.")
                    .and_then(|minor| minor.parse::<u8>().ok())
                    .is_some_and(|minor| (2..=7).contains(&minor));
                match known {
                    true => Ok(cyclonedx::stated(text.read()?, version)),
                    false => unsupported(format!(
                        "is CycloneDX in the version {}; 1.2 to 1.7 are known here",
                        excerpt(version, 40)
                    )),
                }
            }
            _ if form.context.is_some() => unsupported(
                "is JSON-LD, such as SPDX 3; give SPDX 2.2 or 2.3, or CycloneDX, in JSON".into(),
            ),
            _ => unsupported(
                "is no SBOM that is known here; give SPDX 2.2 or 2.3, or CycloneDX, in JSON".into(),
            ),
        }
    }
}

/// What Konflux marks base and builder images with.
const MARK_OF_BASES: &str = "konflux:container:is_b";

/// A package URL; what is none is as good as missing.
fn purl(text: Option<&str>) -> Option<Purl> {
    text?.parse().ok()
}

/// A digest as either form names it: `SHA256`, `SHA-256`. One of zeros alone stands for none:
/// tools write it where the form wants one that they did not make.
fn checksum(algorithm: &str, value: &str) -> Option<Checksum> {
    let word = algorithm.to_ascii_lowercase().replace('-', "");
    if value.bytes().all(|b| b == b'0') {
        return None;
    }
    Checksum::of_hex(Algorithm::of_word(&word)?, value.as_bytes())
}

/// The digest of an image among those that are said of it.
fn sha256<'a>(mut said: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Digest> {
    said.find_map(|(algorithm, value)| {
        let sum = checksum(algorithm, value)?;
        (sum.algorithm() == Algorithm::Sha256).then(|| Digest::from_hex(&sum.hex()).ok())?
    })
}

/// Digests of images in what a tool writes beside their names.
fn digest_in(text: &str) -> Option<Digest> {
    let at = text.find("sha256:")?;
    text.get(at..at + "sha256:".len() + 64)?.parse().ok()
}

/// A path as it is in the image.
fn path(text: &str) -> String {
    let text = text.strip_prefix("./").unwrap_or(text);
    text.trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests;
