//! CycloneDX 1.6 in JSON (ECMA-424).

use std::collections::BTreeSet;

use serde_json::{json, Map, Value};
use verbatim_document::{json as canonical, Result};

use crate::bom::{Bom, File, Id, Package, Subject};
use crate::license::License;
use crate::{SubjectKind, Uuid};

/// The document as canonical JSON with a line feed; `tool` and its version wrote it.
pub fn write(bom: &Bom, (tool, version): (&str, &str)) -> Result<Vec<u8>> {
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata(bom, (tool, version)),
        "components": components(bom),
        "dependencies": dependencies(bom),
    });
    let uuid = Uuid::of(&canonical::to_canonical(&document)?);
    document["serialNumber"] = format!("urn:uuid:{uuid}").into();
    canonical::to_canonical_line(&document)
}

/// The one thing that is described is the document's own; several are components like any other,
/// below one that has the document's name.
fn metadata(bom: &Bom, (tool, version): (&str, &str)) -> Value {
    let about = match only(bom) {
        Some(one) => Value::Object(subject(one)),
        None => json!({"type": "application", "name": bom.name, "bom-ref": "document"}),
    };
    json!({
        "timestamp": bom.created.to_string(),
        "tools": {"components": [{"type": "application", "name": tool, "version": version}]},
        "component": about,
    })
}

fn only(bom: &Bom) -> Option<&Subject> {
    let mut all = bom.subjects.values();
    all.next().filter(|_| all.next().is_none())
}

fn subject(subject: &Subject) -> Map<String, Value> {
    let (kind, told) = match subject.kind {
        SubjectKind::Lock => ("container", "lock"),
        SubjectKind::Program => ("application", "Cargo.lock"),
        SubjectKind::Image => ("container", "manifest"),
    };
    let mut out = Map::new();
    out.insert("type".into(), kind.into());
    out.insert("name".into(), (&*subject.name).into());
    out.insert("bom-ref".into(), subject.id().to_string().into());
    out.insert(
        "properties".into(),
        json!([{"name": format!("verbatim:sha256:{told}"), "value": subject.digest.hex()}]),
    );
    if subject.kind == SubjectKind::Image {
        out.insert("version".into(), subject.digest.to_string().into());
    }
    if let Some(purl) = &subject.purl {
        out.insert("purl".into(), purl.to_string().into());
    }
    out
}

fn file(file: &File) -> Value {
    json!({
        "type": "file",
        "bom-ref": file.id().to_string(),
        "name": file.path,
        "hashes": [
            {"alg": "SHA-1", "content": file.sha1},
            {"alg": "SHA-256", "content": file.sha256.hex()},
        ],
    })
}

fn components(bom: &Bom) -> Vec<Value> {
    let subjects = bom
        .subjects
        .values()
        .filter(|_| only(bom).is_none())
        .map(|one| Value::Object(subject(one)));
    let owned: BTreeSet<&Id> = bom.packages.values().flat_map(|one| &one.files).collect();
    let alone = bom.files.iter().filter(|(id, _)| !owned.contains(id));
    subjects
        .chain(bom.packages.values().map(|one| package(bom, one)))
        .chain(alone.map(|(_, one)| file(one)))
        .collect()
}

fn package(bom: &Bom, package: &Package) -> Value {
    let purl = package.purl.to_string();
    let mut out = Map::new();
    for (key, value) in [
        ("type", "library"),
        ("bom-ref", &*package.id().to_string()),
        ("name", &*package.name),
        ("version", &*package.version),
        ("purl", &*purl),
    ] {
        out.insert(key.into(), value.into());
    }
    if let Some(sha256) = &package.sha256 {
        out.insert(
            "hashes".into(),
            json!([{"alg": "SHA-256", "content": sha256.hex()}]),
        );
    }
    if let Some(words) = &package.license {
        out.insert(
            "licenses".into(),
            match License::of(words) {
                License::Expression(expression) => json!([{"expression": expression}]),
                License::Words(words, _) => json!([{"license": {"name": words}}]),
            },
        );
    }
    let files: Vec<Value> = package
        .files
        .iter()
        .filter_map(|id| bom.files.get(id))
        .map(file)
        .collect();
    if !files.is_empty() {
        out.insert("components".into(), files.into());
    }
    if let Some(place) = &package.download {
        out.insert(
            "externalReferences".into(),
            json!([{"type": "distribution", "url": place}]),
        );
    }
    Value::Object(out)
}

fn dependencies(bom: &Bom) -> Vec<Value> {
    let entry = |from: String, to: Vec<String>| match to.is_empty() {
        true => json!({"ref": from}),
        false => json!({"ref": from, "dependsOn": to}),
    };
    let texts = |ids: &BTreeSet<Id>| ids.iter().map(|id| id.to_string()).collect();
    let mut all = Vec::new();
    if only(bom).is_none() {
        let subjects = bom.subjects.keys().map(|id| id.to_string()).collect();
        all.push(entry("document".into(), subjects));
    }
    for (id, subject) in &bom.subjects {
        all.push(entry(id.to_string(), texts(&subject.needs)));
    }
    for (id, package) in &bom.packages {
        all.push(entry(id.to_string(), texts(&package.needs)));
    }
    all
}
