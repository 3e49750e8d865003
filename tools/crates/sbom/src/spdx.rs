//! SPDX 2.3 in JSON (ISO/IEC 5962, with the additions of 2.3).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{json, Map, Value};
use verbatim_components::Algorithm;
use verbatim_document::{json as canonical, Result};

use crate::bom::{Bom, File, Id, Package, Subject};
use crate::license::License;
use crate::{Purl, SubjectKind, Uuid};

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
            .map(|one| subject(bom, one))
            .chain(bom.packages.values().map(|one| package(bom, one)))
            .collect::<Vec<_>>(),
        "relationships": relationships(bom),
    });
    let files: Vec<Value> = bom.files.values().map(file).collect();
    if !files.is_empty() {
        document["files"] = files.into();
    }
    let licenses = licenses(bom);
    if !licenses.is_empty() {
        document["hasExtractedLicensingInfos"] = licenses.into();
    }
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

fn reference(id: &Id) -> String {
    format!("SPDXRef-{id}")
}

/// What every package must say (clause 7), and nobody asserts here.
fn unknown(name: &str, id: &Id) -> Map<String, Value> {
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

fn subject(bom: &Bom, subject: &Subject) -> Value {
    let mut out = unknown(&subject.name, &subject.id());
    analyzed(&mut out, bom, &subject.files);
    let (purpose, told) = match subject.kind {
        SubjectKind::Lock => ("CONTAINER", "a lock of packages with this sha256"),
        SubjectKind::Program => ("APPLICATION", "a Cargo.lock with this sha256"),
        SubjectKind::Image => (
            "CONTAINER",
            "the databases of an image whose manifest has this sha256",
        ),
    };
    out.insert("primaryPackagePurpose".into(), purpose.into());
    out.insert(
        "sourceInfo".into(),
        format!("{told}: {}", subject.digest.hex()).into(),
    );
    if subject.kind == SubjectKind::Image {
        out.insert("versionInfo".into(), subject.digest.to_string().into());
    }
    if let Some(purl) = &subject.purl {
        out.insert("externalRefs".into(), purl_reference(purl));
    }
    Value::Object(out)
}

fn purl_reference(purl: &Purl) -> Value {
    json!([{
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl.to_string(),
    }])
}

fn package(bom: &Bom, package: &Package) -> Value {
    let mut out = unknown(&package.name, &package.id());
    if !package.version.is_empty() {
        out.insert("versionInfo".into(), (&*package.version).into());
    }
    if let Some(words) = &package.license {
        let declared = match License::of(words) {
            License::Expression(expression) => expression,
            License::Words(_, id) => id,
        };
        out.insert("licenseDeclared".into(), declared.into());
    }
    analyzed(&mut out, bom, &package.files);
    if let Some(place) = &package.download {
        out.insert("downloadLocation".into(), (&**place).into());
    }
    if let Some(sha256) = &package.sha256 {
        out.insert(
            "checksums".into(),
            json!([{"algorithm": "SHA256", "checksumValue": sha256.hex()}]),
        );
    }
    out.insert("externalRefs".into(), purl_reference(&package.purl));
    Value::Object(out)
}

/// What a package must say that files stand in the document of.
fn analyzed(out: &mut Map<String, Value>, bom: &Bom, files: &BTreeSet<Id>) {
    if files.is_empty() {
        return;
    }
    out.insert("filesAnalyzed".into(), true.into());
    out.insert(
        "packageVerificationCode".into(),
        json!({"packageVerificationCodeValue": verification_code(bom, files)}),
    );
    out.insert("licenseInfoFromFiles".into(), json!(["NOASSERTION"]));
}

/// The SHA-1 of all SHA-1s of the files, in their order (clause 7.9).
fn verification_code(bom: &Bom, files: &BTreeSet<Id>) -> String {
    let mut sums: Vec<&str> = files
        .iter()
        .filter_map(|id| Some(&*bom.files.get(id)?.sha1))
        .collect();
    sums.sort_unstable();
    let all = sums.concat();
    // Reading from memory cannot fail.
    let code = Algorithm::Sha1.of(all.as_bytes());
    code.map(|code| code.hex()).unwrap_or_default()
}

fn file(file: &File) -> Value {
    json!({
        "SPDXID": reference(&file.id()),
        "fileName": format!("./{}", file.path),
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": file.sha1},
            {"algorithm": "SHA256", "checksumValue": file.sha256.hex()},
        ],
        "licenseConcluded": "NOASSERTION",
        "licenseInfoInFiles": ["NOASSERTION"],
        "copyrightText": "NOASSERTION",
    })
}

/// The words that stand for licenses and are no expressions of SPDX, by their identifiers.
fn licenses(bom: &Bom) -> Vec<Value> {
    let mut all = BTreeMap::new();
    for words in bom
        .packages
        .values()
        .filter_map(|package| package.license.as_deref())
    {
        if let License::Words(words, id) = License::of(words) {
            all.insert(id, words);
        }
    }
    all.into_iter()
        .map(|(id, words)| json!({"licenseId": id, "name": words, "extractedText": words}))
        .collect()
}

/// In the order of their texts.
fn relationships(bom: &Bom) -> Vec<Value> {
    let mut all = BTreeSet::new();
    for subject in bom.subjects.values() {
        let id = reference(&subject.id());
        all.insert((DOCUMENT.to_owned(), "DESCRIBES", id.clone()));
        for inner in subject.contains.iter().chain(&subject.files) {
            all.insert((id.clone(), "CONTAINS", reference(inner)));
        }
        for package in &subject.needs {
            all.insert((id.clone(), "DEPENDS_ON", reference(package)));
        }
    }
    for package in bom.packages.values() {
        for other in &package.needs {
            all.insert((reference(&package.id()), "DEPENDS_ON", reference(other)));
        }
        for file in &package.files {
            all.insert((reference(&package.id()), "CONTAINS", reference(file)));
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
