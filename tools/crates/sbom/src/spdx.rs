//! SPDX 2.3 in JSON (ISO/IEC 5962, with the additions of 2.3).

use std::collections::BTreeSet;

use serde_json::{json, Map, Value};
use verbatim_document::{json as canonical, Result};

use crate::bom::{Bom, Package, Subject};
use crate::{SubjectKind, Uuid};

/// Where the namespace of a document lies whose author has no site for it (clause 6.5).
const NAMESPACES: &str = "https://spdx.org/spdxdocs";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// The document as canonical JSON with a line feed; `tool` wrote it: `verbatim-1.0`.
pub fn write(bom: &Bom, tool: &str) -> Result<Vec<u8>> {
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": bom.name,
        "creationInfo": {
            "created": bom.created.to_string(),
            "creators": [format!("Tool: {tool}")],
        },
        "packages": bom
            .subjects
            .values()
            .map(subject)
            .chain(bom.packages.values().map(package))
            .collect::<Vec<_>>(),
        "relationships": relationships(bom),
    });
    // Its name among all documents follows from all that it says.
    let uuid = Uuid::of(&canonical::to_canonical(&document)?);
    let word: String = bom
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') {
                c
            } else {
                '-'
            }
        })
        .collect();
    document["documentNamespace"] = format!("{NAMESPACES}/{word}-{uuid}").into();
    canonical::to_canonical_line(&document)
}

fn reference(id: &crate::Id) -> String {
    format!("SPDXRef-{id}")
}

/// What every package must say (clause 7), and nobody asserts here.
fn unknown(name: &str, id: &crate::Id) -> Map<String, Value> {
    let mut package = Map::new();
    for (key, value) in [
        ("SPDXID", &*reference(id)),
        ("name", name),
        ("downloadLocation", "NOASSERTION"),
        ("licenseConcluded", "NOASSERTION"),
        ("licenseDeclared", "NOASSERTION"),
        ("copyrightText", "NOASSERTION"),
    ] {
        package.insert(key.into(), value.into());
    }
    package.insert("filesAnalyzed".into(), false.into());
    package
}

fn subject(subject: &Subject) -> Value {
    let mut out = unknown(&subject.name, &subject.id());
    let (purpose, told) = match subject.kind {
        SubjectKind::Lock => ("CONTAINER", "a lock of packages with this sha256"),
        SubjectKind::Program => ("APPLICATION", "a Cargo.lock with this sha256"),
    };
    out.insert("primaryPackagePurpose".into(), purpose.into());
    out.insert(
        "sourceInfo".into(),
        format!("{told}: {}", subject.digest.hex()).into(),
    );
    Value::Object(out)
}

fn package(package: &Package) -> Value {
    let mut out = unknown(&package.name, &package.id());
    out.insert("versionInfo".into(), (&*package.version).into());
    if let Some(place) = &package.download {
        out.insert("downloadLocation".into(), (&**place).into());
    }
    if let Some(sha256) = &package.sha256 {
        out.insert(
            "checksums".into(),
            json!([{"algorithm": "SHA256", "checksumValue": sha256.hex()}]),
        );
    }
    out.insert(
        "externalRefs".into(),
        json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": package.purl.to_string(),
        }]),
    );
    Value::Object(out)
}

/// In the order of their texts.
fn relationships(bom: &Bom) -> Vec<Value> {
    let mut all = BTreeSet::new();
    for subject in bom.subjects.values() {
        let id = reference(&subject.id());
        all.insert((DOCUMENT.to_owned(), "DESCRIBES", id.clone()));
        for package in &subject.contains {
            all.insert((id.clone(), "CONTAINS", reference(package)));
        }
        for package in &subject.needs {
            all.insert((id.clone(), "DEPENDS_ON", reference(package)));
        }
    }
    for package in bom.packages.values() {
        for other in &package.needs {
            all.insert((reference(&package.id()), "DEPENDS_ON", reference(other)));
        }
    }
    all.into_iter()
        .map(|(from, kind, to)| {
            json!({
                "spdxElementId": from,
                "relationshipType": kind,
                "relatedSpdxElement": to,
            })
        })
        .collect()
}
