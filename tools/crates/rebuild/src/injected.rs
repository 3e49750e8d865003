//! Files that the build task puts into an image on its own: `labels.json` with the labels of the image, and
//! `content-sets.json` with the repositories of the packages that were fetched before.
//!
//! From version 0.10 on `konflux-build-cli` writes both, sorted and in one form, and copies them in a last step. What
//! the scripts of earlier tasks wrote holds the version of the task's own `buildah`, which nobody tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{json, Value};
use verbatim_document::json as documents;
use verbatim_foreign::{excerpt, printable_path};
use verbatim_naming::Purl;

use crate::error::{Error, Result};

/// The name of the context that holds the files.
pub const CONTEXT: &str = ".konflux-buildinfo";
/// The labels of the image.
pub const LABELS: &str = "labels.json";
/// The repositories of packages.
pub const CONTENT_SETS: &str = "content-sets.json";

/// The Containerfile with the steps that copy the files in, for older scanners to a second place too.
pub fn appended(containerfile: &str, has_second: bool) -> String {
    let copy = |place: &str| format!("COPY --from={CONTEXT} . {place}\n");
    let mut text = format!("{containerfile}\n{}", copy("/usr/share/buildinfo/"));
    if has_second {
        text.push_str(&copy("/root/buildinfo/"));
    }
    text
}

/// The labels of an image, as the program knows them before it builds.
pub fn labels(labels: &BTreeMap<String, String>) -> Result<String> {
    as_go(&json!(labels))
}

/// The content manifest of packages, from the SBOM that was made when they were fetched.
///
/// # Errors
/// It is no SBOM, or names packages in a way that is not read here.
pub fn content_sets(sbom: &[u8], file: &str) -> Result<String> {
    let sbom = documents::parse_value(sbom, file)?;
    let each = |of: &Value, member: &str| -> Vec<Value> {
        let list = of.get(member).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let purls: Vec<Value> = if sbom["bomFormat"] == "CycloneDX" {
        let components = each(&sbom, "components").into_iter();
        components
            .map(|component| component["purl"].clone())
            .collect()
    } else {
        let packages = each(&sbom, "packages").into_iter();
        let references = packages.flat_map(|package| each(&package, "externalRefs"));
        references
            .filter(|reference| reference["referenceType"] == "purl")
            .map(|reference| reference["referenceLocator"].clone())
            .collect()
    };
    let mut sets = BTreeSet::new();
    for purl in purls.iter().filter_map(Value::as_str) {
        match purl.parse::<Purl>() {
            Ok(purl) => sets.extend(purl.qualifier("repository_id").map(str::to_owned)),
            // What names no repository is passed over there too.
            Err(_) if !purl.contains("repository_id") => {}
            Err(e) => {
                return Err(Error::unchecked(format!(
                    "{file}: the repository of `{}` cannot be told: {e}",
                    excerpt(purl, 200)
                )))
            }
        }
    }
    as_go(&json!({
        // An empty list of Go that was never written to.
        "content_sets": if sets.is_empty() { Value::Null } else { json!(sets) },
        "from_dnf_hint": true,
        "metadata": {
            "icm_spec": "https://raw.githubusercontent.com/containerbuildsystem/atomic-reactor/master/atomic_reactor/schemas/content_manifest.json",
            "icm_version": 1,
            "image_layer_index": 0,
        },
    }))
}

/// Write the files into a folder, with the permissions that they have there.
pub fn write(folder: &Path, files: &[(&str, String)]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let permit = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    let failed = |e: std::io::Error| Error::io(printable_path(folder), &e);
    permit(folder, 0o755).map_err(failed)?;
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(failed)?;
        permit(&path, 0o644).map_err(failed)?;
    }
    Ok(())
}

/// JSON as Go's `MarshalIndent` writes it, with keys in their order: characters that mean something in HTML are escaped.
fn as_go(value: &Value) -> Result<String> {
    let mut text = serde_json::to_string_pretty(&sorted(value))
        .map_err(|e| Error::unchecked(format!("a document cannot be written: {e}")))?;
    // All of these stand in strings.
    for (plain, escaped) in [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        text = text.replace(plain, escaped);
    }
    text.push('\n');
    Ok(text)
}

/// Objects whose members keep another order are put into that of their keys.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> = members
                .iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            json!(members)
        }
        other => other.clone(),
    }
}

/// The labels that the instruction `LABEL` sets; `None` where it is written in a way that is not read here: with variables,
/// escapes, or without equals signs.
pub fn label(words: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    let mut rest = words.trim();
    while !rest.is_empty() {
        let (key, after) = word(rest, |c| c == '=')?;
        let (value, after) = word(after.strip_prefix('=')?, char::is_whitespace)?;
        if key.is_empty() || !(after.is_empty() || after.starts_with(char::is_whitespace)) {
            return None;
        }
        labels.push((key.to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    (!labels.is_empty()).then_some(labels)
}

/// A word up to an end, or in quotes, and what follows it.
fn word(text: &str, is_end: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let (word, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => text.split_at(text.find(is_end).unwrap_or(text.len())),
    };
    let is_plain = !word.contains(['"', '\'', '$', '\\', '`', '\n']);
    let is_one = text.starts_with('"') || !word.contains(char::is_whitespace);
    (is_plain && is_one).then_some((word, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_where_nothing_can_be_mistaken() {
        let read = |text: &str| {
            let labels = label(text)?;
            let pairs = labels.iter().map(|(key, value)| format!("{key}>{value}"));
            Some(pairs.collect::<Vec<_>>())
        };
        assert_eq!(
            read(r#"a=b "c d"="e f"   g="h=i" last="#).unwrap(),
            ["a>b", "c d>e f", "g>h=i", "last>"]
        );
        assert_eq!(
            read("url=http://example.com/?a=b&c=d").unwrap(),
            ["url>http://example.com/?a=b&c=d"]
        );
        for unread in [
            "",
            "k v",
            "k",
            "=v",
            "a=$b",
            "a=\"$b\"",
            "a='b'",
            r"a=b\ c",
            r#"a="b\"c""#,
            r#"a="b"c"#,
            "a=\"b",
            "a b=c",
        ] {
            assert_eq!(read(unread), None, "{unread}");
        }
    }

    #[test]
    fn files_are_those_of_the_program() {
        let given = [("b", "<x> & y"), ("a", "\u{e4}\u{2028}")];
        let given = given.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(
            labels(&given.into()).unwrap(),
            "{\n  \"a\": \"\u{e4}\\u2028\",\n  \"b\": \"\\u003cx\\u003e \\u0026 y\"\n}\n"
        );
        assert_eq!(labels(&BTreeMap::new()).unwrap(), "{}\n");
        let of = |purls: &[&str]| {
            let components: Vec<Value> = purls.iter().map(|purl| json!({"purl": purl})).collect();
            let cyclone = json!({"bomFormat": "CycloneDX", "components": components});
            let packages: Vec<Value> = purls
                .iter()
                .map(|purl| json!({"externalRefs": [
                    {"referenceType": "other", "referenceLocator": "pkg:rpm/x?repository_id=no"},
                    {"referenceType": "purl", "referenceLocator": purl},
                ]}))
                .collect();
            let read = |value: &Value| content_sets(value.to_string().as_bytes(), "bom.json");
            let text = read(&cyclone).map_err(|e| e.to_string())?;
            assert_eq!(text, read(&json!({"packages": packages})).unwrap());
            Ok::<_, String>(text)
        };
        let text = of(&[
            "pkg:rpm/redhat/b@1-2?arch=x86_64&repository_id=ubi-9-b",
            "pkg:rpm/redhat/a@1-2?arch=x86_64&repository_id=ubi-9-a",
            "pkg:rpm/redhat/c@1-2?repository_id=ubi-9-a",
            "pkg:generic/d@1",
            "no purl",
        ])
        .unwrap();
        assert!(
            text.starts_with("{\n  \"content_sets\": [\n    \"ubi-9-a\",\n    \"ubi-9-b\"\n  ],\n  \"from_dnf_hint\": true,\n"),
            "{text}"
        );
        assert!(text.ends_with("\"icm_version\": 1,\n    \"image_layer_index\": 0\n  }\n}\n"));
        assert!(of(&[]).unwrap().contains("\"content_sets\": null"));
        of(&["pkg:?repository_id=x"]).unwrap_err();
    }
}
