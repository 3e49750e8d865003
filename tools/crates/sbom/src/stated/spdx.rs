//! SPDX 2.2 and 2.3.

use std::collections::BTreeSet;

use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_naming::Purl;

use super::{
    checksum, digest_in, path, purl, sha256, Stated, StatedFile, StatedImage, StatedPackage,
    MARK_OF_BASES,
};

#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    packages: Option<Vec<Package>>,
    #[serde(default)]
    files: Option<Vec<File>>,
    #[serde(default)]
    relationships: Option<Vec<Relationship>>,
    #[serde(default, rename = "documentDescribes")]
    describes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(default, rename = "versionInfo")]
    version: Option<String>,
    #[serde(default, rename = "primaryPackagePurpose")]
    purpose: Option<String>,
    #[serde(default, rename = "externalRefs")]
    references: Option<Vec<Reference>>,
    #[serde(default)]
    checksums: Option<Vec<Sum>>,
    #[serde(default)]
    annotations: Option<Vec<Annotation>>,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    comment: Option<String>,
}

impl Annotation {
    /// Whether it is JSON of Konflux that says of an image that others were made from it.
    fn marks_a_base(&self) -> bool {
        #[derive(Deserialize)]
        struct Comment {
            name: String,
        }
        let comment = self.comment.as_deref().unwrap_or_default();
        comment.starts_with('{')
            && serde_json::from_str::<Comment>(comment)
                .is_ok_and(|comment| comment.name.starts_with(MARK_OF_BASES))
    }
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "referenceType")]
    kind: String,
    #[serde(rename = "referenceLocator")]
    locator: String,
}

#[derive(Deserialize)]
struct Sum {
    algorithm: String,
    #[serde(rename = "checksumValue")]
    value: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "fileName")]
    name: String,
    #[serde(default)]
    checksums: Option<Vec<Sum>>,
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(rename = "spdxElementId")]
    from: String,
    #[serde(rename = "relationshipType")]
    kind: String,
    #[serde(rename = "relatedSpdxElement")]
    to: String,
}

pub(super) fn stated(document: Document, version: &str) -> Stated {
    let mut stated = Stated {
        form: version.to_owned(),
        about: document
            .name
            .as_deref()
            .and_then(digest_in)
            .into_iter()
            .collect(),
        ..Stated::default()
    };
    let relationships = document.relationships.unwrap_or_default();
    let mut described: BTreeSet<String> =
        document.describes.unwrap_or_default().into_iter().collect();
    // What an image was made from, and with, is not in it.
    let mut elsewhere = BTreeSet::new();
    for relationship in relationships {
        match &*relationship.kind {
            "DESCRIBES" if relationship.from == "SPDXRef-DOCUMENT" => {
                described.insert(relationship.to);
            }
            "DESCRIBED_BY" if relationship.to == "SPDXRef-DOCUMENT" => {
                described.insert(relationship.from);
            }
            "BUILD_TOOL_OF" | "DEV_TOOL_OF" | "BUILD_DEPENDENCY_OF" => {
                elsewhere.insert(relationship.from);
            }
            "DESCENDANT_OF" => {
                elsewhere.insert(relationship.to);
            }
            _ => {}
        }
    }
    for (at, package) in document
        .packages
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        let references = package.references.unwrap_or_default();
        let locator = references
            .iter()
            .find(|reference| reference.kind == "purl")
            .map(|reference| &*reference.locator);
        let purl = purl(locator);
        let purpose = package.purpose.as_deref().unwrap_or_default();
        let is_image = purl
            .as_ref()
            .is_some_and(|purl| matches!(purl.kind(), "oci" | "docker"))
            || matches!(purpose, "CONTAINER");
        if described.contains(&package.id) && (is_image || purl.is_none()) {
            let told = [package.version.as_deref(), locator, Some(&package.name)];
            stated
                .about
                .extend(told.into_iter().flatten().filter_map(digest_in));
            let sums = package.checksums.unwrap_or_default();
            let sums = sums.iter().filter(|sum| sum.algorithm == "SHA256");
            stated
                .about
                .extend(sums.filter_map(|sum| Digest::from_hex(&sum.value).ok()));
            continue;
        }
        let is_elsewhere = elsewhere.contains(&package.id);
        let mut annotations = package.annotations.iter().flatten();
        if is_elsewhere || annotations.any(Annotation::marks_a_base) {
            let mut purls = references.iter().filter_map(|one| one.locator.parse().ok());
            let sums = package.checksums.iter().flatten();
            if let Some(purl) = purls.find(|purl: &Purl| purl.kind() == "oci") {
                stated.images.push(StatedImage {
                    pointer: format!("/packages/{at}"),
                    purl,
                    version: package.version.clone(),
                    digest: sha256(sums.map(|sum| (&*sum.algorithm, &*sum.value))),
                });
            }
        }
        if purpose == "OPERATING-SYSTEM" {
            stated.system = Some((package.name, package.version));
        } else if is_image || is_elsewhere || is_group(purpose, purl.is_some()) {
            stated.others += 1;
        } else {
            stated.packages.push(StatedPackage {
                pointer: format!("/packages/{at}"),
                name: package.name,
                version: package.version.filter(|version| version != "NOASSERTION"),
                purl,
            });
        }
    }
    for (at, file) in document.files.unwrap_or_default().into_iter().enumerate() {
        let sums = file.checksums.unwrap_or_default();
        stated.files.push(StatedFile {
            pointer: format!("/files/{at}"),
            path: path(&file.name),
            checksums: sums
                .iter()
                .filter_map(|sum| checksum(&sum.algorithm, &sum.value))
                .collect(),
        });
    }
    stated
}

/// What stands for a place that packages were found in, and is none itself.
fn is_group(purpose: &str, has_purl: bool) -> bool {
    !has_purl
        && matches!(
            purpose,
            "APPLICATION" | "FILE" | "SOURCE" | "ARCHIVE" | "DEVICE" | "FIRMWARE"
        )
}
