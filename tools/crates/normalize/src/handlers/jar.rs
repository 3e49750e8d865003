//! Java archives: zip archives with a manifest, which builds sign with time, user and host.
//!
//! The manifest comes first, as readers of streams expect; its lines that say when, where
//! and by whom it was built go. Pages of javadoc, properties and archives inside are
//! normalised as well. A signed archive keeps all its content.

use super::zip::{self, Normalized, Rules};
use super::{has_extension, properties, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Jar;

const MANIFEST: &[u8] = b"META-INF/MANIFEST.MF";

/// Headers of a manifest that say when, where, by whom and in which run it was built.
const BUILD_LINES: &[&str] = &[
    "bnd-lastmodified",
    "build-date",
    "build-date-utc",
    "build-host",
    "build-hostname",
    "build-id",
    "build-job",
    "build-machine",
    "build-number",
    "build-tag",
    "build-time",
    "build-timestamp",
    "build-timezone",
    "build-url",
    "build-user",
    "built-at",
    "built-by",
    "built-date",
    "built-host",
    "built-on",
    "built-os",
    "built-time",
    "builddate",
    "buildhost",
    "buildtime",
    "buildtimestamp",
    "builduser",
    "compile-date",
    "compile-time",
    "compile-timestamp",
    "compiled-at",
    "compiled-on",
    "creation-date",
    "creation-time",
    "created-at",
    "created-on",
    "hudson-build-number",
    "hudson-job",
    "implementation-build-by",
    "implementation-build-date",
    "implementation-build-host",
    "implementation-build-time",
    "implementation-build-timestamp",
    "implementation-build-user",
    "implementation-timestamp",
    "jenkins-build-number",
    "jenkins-build-url",
    "last-modified",
    "x-build-date",
    "x-build-host",
    "x-build-time",
    "x-build-timestamp",
    "x-build-user",
];

impl Handler for Jar {
    fn name(&self) -> &'static str {
        "jar"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        (has_extension(
            name,
            &["jar", "war", "ear", "hpi", "sar", "kar", "sym", "nbm"],
        ) && head.starts_with(b"PK"))
            || (has_extension(name, &["jmod"]) && head.starts_with(b"JM\x01\x00PK"))
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let rules = Rules {
            rank,
            sealed,
            content,
            wanted,
            // Clojure compiles a source again unless its class is newer.
            older: |name| has_extension(name, &["clj", "cljc"]),
        };
        zip::normalize(source, context, &rules)
    }
}

/// Whether the entry is part of a signature; these follow the manifest at once.
fn is_signature(name: &[u8]) -> bool {
    let name = name.to_ascii_uppercase();
    name.strip_prefix(b"META-INF/").is_some_and(|rest| {
        let suffix = [&b".SF"[..], b".RSA", b".DSA", b".EC"];
        !rest.contains(&b'/') && suffix.iter().any(|suffix| rest.ends_with(suffix))
    })
}

/// Why no content may change, if this entry says so.
pub(super) fn sealed(name: &[u8]) -> Option<&'static str> {
    is_signature(name).then_some("it is signed, so no content was changed")
}

fn rank(name: &[u8]) -> u8 {
    match name {
        b"META-INF/" => 0,
        MANIFEST => 1,
        name if is_signature(name) => 2,
        _ => 3,
    }
}

/// The manifest, and what tools put beside it in the form of properties under any name.
fn wanted(name: &[u8]) -> bool {
    name == MANIFEST
        || (name.starts_with(b"META-INF/") && !is_signature(name) && !zip::may_be_handled(name))
}

fn content(name: &[u8], content: &[u8]) -> Option<Normalized> {
    if name == MANIFEST {
        return manifest(content);
    }
    Some(Normalized {
        content: properties::without_dates(content)?,
        changes: vec![properties::CHANGE.to_owned()],
        packed: false,
    })
}

/// The manifest without the lines about its build.
fn manifest(content: &[u8]) -> Option<Normalized> {
    let mut kept = Vec::with_capacity(content.len());
    let mut changes = Vec::new();
    let mut dropping = false;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        // A line that begins with a space goes on from the one before.
        if !line.starts_with(b" ") {
            let header = line.split(|byte| *byte == b':').next().unwrap_or(line);
            let header = header.to_ascii_lowercase();
            dropping = BUILD_LINES.iter().any(|name| header == name.as_bytes());
            if dropping {
                let name = &line[..header.len()];
                changes.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        if !dropping {
            kept.extend_from_slice(line);
        }
    }
    (!changes.is_empty()).then_some(Normalized {
        content: kept,
        changes,
        packed: false,
    })
}
