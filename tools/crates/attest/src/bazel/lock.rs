//! MODULE.bazel.lock, as far as it pins what Bazel fetches.
//!
//! Source: Bazel, "Lockfile", and the files that Bazel 7 to 9 write (`lockFileVersion` 11 and later). Members that
//! are not known are passed over: each version has others.

use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Map, Value};
use verbatim_digest::{hex, Digest};
use verbatim_document::{json, Result};

use super::{Dependencies, Dependency};

#[derive(Deserialize)]
struct Lock {
    /// There in every version, so that no other document is taken for a lock.
    #[serde(rename = "lockFileVersion")]
    _version: u64,
    /// From the address of a file to its sha256; `null` for one that is not there.
    #[serde(default, rename = "registryFileHashes")]
    registry: BTreeMap<String, Option<String>>,
    /// By extension, then by platform.
    #[serde(default, rename = "moduleExtensions")]
    extensions: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Dependencies {
    /// Take the file's own digest, and what it pins by digest: the registry's files, and archives and files of
    /// module extensions. What it does not pin by digest is left out.
    ///
    /// # Errors
    /// It is no such file, or one address has two digests.
    pub fn read_lock(&mut self, data: &[u8], file: &str) -> Result<()> {
        let lock: Lock = json::parse(data, file)?;
        self.lock = Some(Digest::of(data));
        let registry = lock.registry.into_iter().filter_map(|(uri, sha256)| {
            let digest = [("sha256".to_owned(), sha256?)].into();
            let name = None;
            let uri = Some(uri);
            Some(Dependency { name, uri, digest })
        });
        let platforms = lock.extensions.values().flat_map(BTreeMap::values);
        let repositories = platforms
            .filter_map(|platform| platform.get("generatedRepoSpecs")?.as_object())
            .flatten()
            .filter_map(|(name, spec)| repository(name, spec.get("attributes")?.as_object()?));
        let pinned = registry.chain(repositories);
        let pinned: Vec<_> = pinned.filter(|one| one.problem().is_none()).collect();
        self.fetch(pinned).map_err(|problem| {
            verbatim_document::Error::new(verbatim_document::ErrorKind::Malformed, file, problem)
        })
    }
}

/// What a repository is fetched from, if it is one file with a digest.
fn repository(name: &str, attributes: &Map<String, Value>) -> Option<Dependency> {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    let first = attributes
        .get("urls")
        .and_then(|urls| urls.as_array()?.first()?.as_str());
    let digest = match (text("sha256"), text("integrity")) {
        (Some(hex), _) if !hex.is_empty() => ("sha256".to_owned(), hex.to_owned()),
        (_, Some(integrity)) => subresource(integrity)?,
        _ => return None,
    };
    Some(Dependency {
        name: Some(name.to_owned()),
        uri: Some(first.or_else(|| text("url"))?.to_owned()),
        digest: [digest].into(),
    })
}

/// The digest in the form of the web's "Subresource Integrity": `sha256-` and base64.
fn subresource(integrity: &str) -> Option<(String, String)> {
    let (algorithm, encoded) = integrity.split_once('-')?;
    let bytes = BASE64.decode(encoded).ok()?;
    Some((algorithm.to_owned(), hex(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_pinned_by_digest_is_taken() {
        let hex = Digest::of(b"x").hex();
        let lock = json!({
            "lockFileVersion": 13,
            "registryFileHashes": {
                "https://registry.example.com/modules/a/1/MODULE.bazel": hex,
                "https://registry.example.com/modules/a/1/absent": null,
            },
            "selectedYankedVersions": {},
            "moduleExtensions": {
                "//:x.bzl%x": {
                    "general": {"bzlTransitiveDigest": "x", "generatedRepoSpecs": {
                        "archive": {"bzlFile": "@@bazel_tools//x.bzl", "ruleClassName": "http_archive", "attributes": {
                            "urls": ["https://example.com/a.tgz", "https://mirror.example.com/a.tgz"], "sha256": hex,
                        }},
                        "file": {"repoRuleId": "@@bazel_tools//x.bzl%http_file", "attributes": {
                            "url": "https://example.com/f", "integrity": "sha256-LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=",
                        }},
                        // Nothing says what these are; or an address must not be told.
                        "secret": {"attributes": {"url": "https://a:b@example.com/s", "sha256": hex}},
                        "unpinned": {"attributes": {"urls": ["https://example.com/u"]}},
                        "local": {"attributes": {"path": "/x"}},
                        "odd": {"attributes": {"url": "https://example.com/o", "sha256": "X"}},
                    }},
                    "os:linux": {"generatedRepoSpecs": {}},
                },
            },
        });
        let mut known = Dependencies::default();
        let text = lock.to_string();
        known.read_lock(text.as_bytes(), "lock").unwrap();
        assert_eq!(known.lock, Some(Digest::of(text.as_bytes())));
        assert!(!known.complete());
        let found: Vec<_> = known
            .fetched()
            .map(|one| {
                (
                    one.name.as_deref(),
                    one.uri.as_deref().unwrap(),
                    one.digest["sha256"].as_str(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (
                    None,
                    "https://registry.example.com/modules/a/1/MODULE.bazel",
                    hex.as_str()
                ),
                (Some("archive"), "https://example.com/a.tgz", &hex),
                (Some("file"), "https://example.com/f", &hex),
            ]
        );
    }

    #[test]
    fn what_is_no_lock_is_told() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"lockFileVersion":13,"registryFileHashes":{"a":1}}"#,
            r#"{"lockFileVersion":13,"moduleExtensions":[]}"#,
        ] {
            let error = Dependencies::default().read_lock(text.as_bytes(), "lock");
            assert!(error.unwrap_err().to_string().starts_with("lock"), "{text}");
        }
    }
}
