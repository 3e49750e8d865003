//! What packages need and provide, in apk's words: `so:libc.musl-x86_64.so.1`, `busybox>=1.36`,
//! `!openrc`, `cmd:sh=1.36.1-r2`.

use std::cmp::Ordering;
use std::fmt;

use verbatim_foreign::excerpt;

use super::version;
use crate::{Error, Result};

/// Lists longer than this are no honest ones; the longest of Alpine have some hundred.
const MOST: usize = 1 << 16;

/// Which versions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    less: bool,
    equal: bool,
    greater: bool,
    /// Equal is what begins with the version.
    fuzzy: bool,
}

/// Something that must be there, or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    pub(super) name: &'a str,
    pub(super) range: Option<(Range, &'a str)>,
    /// It must not be there.
    pub(super) conflicts: bool,
}

/// Something that a package is, beside its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Provided<'a> {
    pub(super) name: &'a str,
    pub(super) version: Option<&'a str>,
}

/// Where the name ends: at an operator.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(['<', '>', '=', '~']).unwrap_or(text.len());
    text.split_at(end)
}

/// Read one dependency.
pub(super) fn dependency(text: &str) -> Result<Dependency<'_>> {
    let wrong = |why: &str| {
        Err(Error::refused(format!(
            "the dependency `{}` {why}",
            excerpt(text, 100)
        )))
    };
    let (conflicts, rest) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (name, rest) = split(rest);
    if name.is_empty() {
        return wrong("has no name");
    }
    if name.contains('@') {
        return wrong("names the tag of a repository, which there are none of here");
    }
    let end = rest
        .find(|c| !matches!(c, '<' | '>' | '=' | '~'))
        .unwrap_or(rest.len());
    let (operator, version) = rest.split_at(end);
    if operator.is_empty() {
        return Ok(Dependency {
            name,
            range: None,
            conflicts,
        });
    }
    let has = |c: char| operator.contains(c);
    let range = Range {
        less: has('<'),
        equal: has('=') || has('~'),
        greater: has('>'),
        fuzzy: has('~'),
    };
    if operator.len() > 2 || (range.less && range.greater) {
        return wrong("asks for a package by its checksum, or has an operator that is none");
    }
    if !version::is_plausible(version) {
        return wrong("has a version that is none");
    }
    Ok(Dependency {
        name,
        range: Some((range, version)),
        conflicts,
    })
}

/// Read a list with spaces between; what it cannot be is refused.
pub(super) fn dependencies(text: &str) -> Result<Vec<Dependency<'_>>> {
    let list: Result<Vec<_>> = text
        .split_ascii_whitespace()
        .take(MOST + 1)
        .map(dependency)
        .collect();
    list.and_then(|list| match list.len() > MOST {
        true => Err(Error::refused("it has more dependencies than any package")),
        false => Ok(list),
    })
}

/// Read what a package provides.
pub(super) fn provided(text: &str) -> impl Iterator<Item = Provided<'_>> {
    text.split_ascii_whitespace().map(|word| {
        let (name, rest) = split(word);
        Provided {
            name,
            version: rest.strip_prefix('=').filter(|version| !version.is_empty()),
        }
    })
}

impl Dependency<'_> {
    /// Whether this version of its name is meant. What has no version is only meant where none is
    /// asked for.
    pub(super) fn admits(&self, version: Option<&str>) -> bool {
        let Some((range, wanted)) = self.range else {
            return true;
        };
        let Some(version) = version else {
            return false;
        };
        if range.fuzzy && version::begins_with(version, wanted) {
            return range.equal;
        }
        match version::compare(version, wanted) {
            Ordering::Less => range.less,
            Ordering::Equal => range.equal,
            Ordering::Greater => range.greater,
        }
    }
}

impl fmt::Display for Dependency<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conflicts {
            f.write_str("!")?;
        }
        f.write_str(self.name)?;
        if let Some((range, version)) = self.range {
            for (is, sign) in [
                (range.less, "<"),
                (range.greater, ">"),
                (range.fuzzy, "~"),
                (range.equal && !range.fuzzy, "="),
            ] {
                if is {
                    f.write_str(sign)?;
                }
            }
            f.write_str(version)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_and_back() {
        for text in [
            "busybox",
            "!openrc",
            "so:libc.musl-x86_64.so.1",
            "/bin/sh",
            "python3>=3.11",
            "a<2",
            "!a>1.0-r2",
            "python3~3.12",
            "cmd:sh=1.36.1-r2",
        ] {
            assert_eq!(dependency(text).unwrap().to_string(), text);
        }
        for bad in ["", "!", ">=1", "a@edge", "a><Q1x", "a=", "a>=/", "a>=<1"] {
            assert!(dependency(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_that_do() {
        for (text, version, is) in [
            ("a", None, true),
            ("a>1", None, false),
            ("a>1", Some("1.1"), true),
            ("a>=1.1", Some("1.1"), true),
            ("a<1.1", Some("1.1_rc1"), true),
            ("a~3.12", Some("3.12.4-r1"), true),
            ("a~3.1", Some("3.12.4-r1"), false),
            ("a=3.12", Some("3.12-r0"), false),
        ] {
            let dependency = dependency(text).unwrap();
            assert_eq!(dependency.admits(version), is, "{text} {version:?}");
        }
        let list: Vec<_> = provided("so:x=1 y").collect();
        assert_eq!((list[0].version, list[1].version), (Some("1"), None));
    }
}
