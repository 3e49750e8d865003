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
    "build-agent",
    "build-date",
    "build-date-time",
    "build-date-utc",
    "build-datetime",
    "build-dir",
    "build-directory",
    "build-host",
    "build-hostname",
    "build-id",
    "build-job",
    "build-machine",
    "build-number",
    "build-os",
    "build-os-arch",
    "build-os-name",
    "build-os-version",
    "build-path",
    "build-server",
    "build-tag",
    "build-time",
    "build-timestamp",
    "build-timezone",
    "build-url",
    "build-user",
    "builddate",
    "buildhost",
    "buildtime",
    "buildtimestamp",
    "builduser",
    "built-at",
    "built-by",
    "built-date",
    "built-host",
    "built-on",
    "built-os",
    "built-time",
    "compile-date",
    "compile-time",
    "compile-timestamp",
    "compiled-at",
    "compiled-on",
    "created-at",
    "created-on",
    "creation-date",
    "creation-time",
    "git-build-host",
    "git-build-time",
    "git-build-user-email",
    "git-build-user-name",
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
    "os-arch",
    "os-name",
    "os-version",
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

/// Whether a header, in small letters, is one of [`BUILD_LINES`]; `X-` may stand before those of
/// the build.
fn is_about_the_build(header: &[u8]) -> bool {
    let plain = match header.strip_prefix(b"x-") {
        Some(rest) if rest.starts_with(b"buil") => rest,
        _ => header,
    };
    BUILD_LINES.iter().any(|name| plain == name.as_bytes())
}

/// Lines with their ends, as manifests have them: CR LF, LF or CR.
fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let end = match memchr::memchr2(b'\r', b'\n', rest) {
            Some(at) if rest[at..].starts_with(b"\r\n") => at + 2,
            Some(at) => at + 1,
            None if rest.is_empty() => return None,
            None => rest.len(),
        };
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

/// The manifest without the lines about its build.
fn manifest(content: &[u8]) -> Option<Normalized> {
    let mut kept = Vec::with_capacity(content.len());
    let mut changes = Vec::new();
    let mut dropping = false;
    for line in lines(content) {
        // A line that begins with a space goes on from the one before.
        if !line.starts_with(b" ") {
            let header = line.split(|byte| *byte == b':').next().unwrap_or(line);
            let header = header.to_ascii_lowercase();
            dropping = is_about_the_build(&header);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As Maven, Gradle, Ant and bnd write them, with each end of a line that the specification knows.
    #[test]
    fn lines_about_the_build_go_whatever_ends_them() {
        for (lines, left) in [
            (
                &["Manifest-Version: 1.0", "Built-By: a", "Created-By: 17"][..],
                Some("1 3"),
            ),
            (&["Manifest-Version: 1.0", "Created-By: 17"], None),
            (
                &[
                    "Manifest-Version: 1.0",
                    "Bnd-LastModified: 1",
                    " 234",
                    "Tool: Bnd-7",
                ],
                Some("1 4"),
            ),
            (
                &[
                    "Manifest-Version: 1.0",
                    "",
                    "Name: a/B.class",
                    "Build-Date: x",
                    "SHA-256-Digest: y",
                ],
                Some("1 2 3 5"),
            ),
            (&["Built-By: a", "Main-Class: B"], Some("2")),
            (
                &["Manifest-Version: 1.0", "Main-Class: B", " uilt-By: a"],
                None,
            ),
            (&["Built-By : a", "BUILT-BY: a", "built-by:a"], Some("1")),
        ] {
            for end in ["\r\n", "\n", "\r"] {
                let all: String = lines.iter().flat_map(|line| [*line, end]).collect();
                let left: Option<String> = left.map(|left| {
                    let numbers = left.split(' ').map(|n| n.parse::<usize>().unwrap());
                    numbers.flat_map(|n| [lines[n - 1], end]).collect()
                });
                let normal = manifest(all.as_bytes());
                let normal = normal.map(|n| String::from_utf8(n.content).unwrap());
                assert_eq!(normal, left, "{all:?}");
            }
        }
        // A last line without an end.
        assert_eq!(manifest(b"a: b\rBuilt-By: c").unwrap().content, b"a: b\r");
    }

    #[test]
    fn what_speaks_of_the_build_goes_and_what_names_a_tool_or_source_stays() {
        for header in [
            "built-by",
            "x-built-by",
            "x-build-os",
            "build-os",
            "os-name",
            "build-datetime",
            "git-build-host",
            "x-build-timestamp",
        ] {
            assert!(is_about_the_build(header.as_bytes()), "{header}");
        }
        for header in [
            "created-by",
            "build-jdk",
            "build-tool",
            "x-compile-target-jdk",
            "x-os-name",
            "implementation-version",
            "bundle-version",
            "builder",
            "git-commit-id",
        ] {
            assert!(!is_about_the_build(header.as_bytes()), "{header}");
        }
    }
}
