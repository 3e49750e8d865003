//! The images that an SBOM says a build was made of: since version 0.2 of the task it is the one
//! place that names base images by digest.
//!
//! SPDX 2.3 as mobster writes it: relationships `BUILD_TOOL_OF` and `DESCENDANT_OF`, annotations with
//! JSON in their comment. CycloneDX: `formulation`, with the same words in `properties`.

use std::collections::BTreeSet;

use serde_json::Value;
use verbatim_digest::Digest;
use verbatim_document::{json, Error as Wrong, ErrorKind};
use verbatim_naming::Purl;

use crate::base::Pin;
use crate::error::Result;

/// An SBOM with each package of a large image is a few megabytes.
pub const MAX_SBOM: u64 = 64 << 20;

/// What Konflux marks base and builder images with.
const MARK: &str = "konflux:container:is_b";

/// The base and builder images of an SBOM; `file` is its name in messages.
///
/// # Errors
/// What is no JSON, or neither SPDX nor CycloneDX; an image whose digest and purl disagree.
pub fn images(data: &[u8], file: &str) -> Result<Vec<Pin>> {
    let document = json::parse_value(data, file)?;
    if document.get("spdxVersion").is_some() {
        spdx(&document, file)
    } else if document.get("bomFormat").is_some() {
        cyclonedx(&document, file)
    } else {
        Err(Wrong::new(
            ErrorKind::Unsupported,
            file,
            "is no SBOM that is known here; give SPDX 2.3 or CycloneDX, in JSON",
        )
        .into())
    }
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn spdx(document: &Value, file: &str) -> Result<Vec<Pin>> {
    let related: BTreeSet<&str> = items(document, "relationships")
        .iter()
        .filter_map(|relation| match text(relation, "relationshipType")? {
            "BUILD_TOOL_OF" => text(relation, "spdxElementId"),
            "DESCENDANT_OF" => text(relation, "relatedSpdxElement"),
            _ => None,
        })
        .collect();
    let mut pins = Vec::new();
    for (i, package) in items(document, "packages").iter().enumerate() {
        let is_related = text(package, "SPDXID").is_some_and(|id| related.contains(id));
        if !is_related && !is_marked_spdx(package) {
            continue;
        }
        let purl = items(package, "externalRefs")
            .iter()
            .filter_map(|reference| text(reference, "referenceLocator"))
            .find(|locator| locator.starts_with("pkg:oci/"));
        let sum = items(package, "checksums")
            .iter()
            .find(|sum| text(sum, "algorithm") == Some("SHA256"))
            .and_then(|sum| text(sum, "checksumValue"));
        let version = text(package, "versionInfo");
        pins.extend(pin(purl, sum, version, file, &format!("/packages/{i}"))?);
    }
    Ok(pins)
}

fn is_marked_spdx(package: &Value) -> bool {
    items(package, "annotations")
        .iter()
        .filter_map(|annotation| text(annotation, "comment"))
        .filter_map(|comment| serde_json::from_str::<Value>(comment).ok())
        .any(|comment| text(&comment, "name").is_some_and(|name| name.starts_with(MARK)))
}

fn cyclonedx(document: &Value, file: &str) -> Result<Vec<Pin>> {
    let mut pins = Vec::new();
    for (i, formula) in items(document, "formulation").iter().enumerate() {
        for (j, component) in items(formula, "components").iter().enumerate() {
            let is_marked = items(component, "properties")
                .iter()
                .any(|property| text(property, "name").is_some_and(|name| name.starts_with(MARK)));
            if !is_marked {
                continue;
            }
            let sum = items(component, "hashes")
                .iter()
                .find(|hash| text(hash, "alg") == Some("SHA-256"))
                .and_then(|hash| text(hash, "content"));
            let at = format!("/formulation/{i}/components/{j}");
            pins.extend(pin(
                text(component, "purl"),
                sum,
                text(component, "version"),
                file,
                &at,
            )?);
        }
    }
    Ok(pins)
}

/// `pkg:oci/NAME@sha256:…?arch=…&repository_url=REPOSITORY` with the sum beside it.
fn pin(
    purl: Option<&str>,
    sum: Option<&str>,
    version: Option<&str>,
    file: &str,
    at: &str,
) -> Result<Option<Pin>> {
    let Some(purl) = purl.and_then(|purl| purl.parse::<Purl>().ok()) else {
        return Ok(None);
    };
    let repository = purl.qualifier("repository_url").map(str::to_owned);
    let told: Option<Digest> = purl.stated_version().and_then(|digest| digest.parse().ok());
    let sum: Option<Digest> = sum.and_then(|hex| Digest::from_hex(&hex.to_ascii_lowercase()).ok());
    if let (Some(told), Some(sum)) = (told, sum) {
        if told != sum {
            return Err(Wrong::new(
                ErrorKind::Mismatch,
                file,
                format!("says {sum} of an image whose purl says {told}; which of them was used is not known"),
            )
            .at(at)
            .into());
        }
    }
    Ok(repository
        .zip(sum.or(told))
        .map(|(repository, digest)| Pin {
            repository,
            tag: version.filter(|tag| !tag.is_empty()).map(str::to_owned),
            digest,
        }))
}
