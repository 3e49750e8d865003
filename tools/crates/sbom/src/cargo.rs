//! From a `Cargo.lock`: the crates of a program, with the digests of their archives.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_document::{Error, ErrorKind, Result};

use crate::{Bom, Id, Package, Purl, Subject, SubjectKind};

/// The largest `Cargo.lock` that is read: a hundred thousand crates.
pub const LARGEST: u64 = 32 << 20;

/// What is read of the file; what else stands there is for Cargo.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Crate>,
}

#[derive(Debug, Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Where a crate comes from.
#[derive(Debug, PartialEq, Eq)]
enum Origin<'a> {
    /// The workspace itself.
    Here,
    /// The registry that Cargo asks unless it is told another.
    Usual,
    /// Another registry.
    Registry(&'a str),
    /// A repository, and the commit.
    Git(&'a str, &'a str),
}

/// How `Cargo.lock` names the registry that is meant by no name, before and after it was sparse:
/// the last part of the address says which index it is.
const USUAL: [&str; 2] = ["/crates.io-index", "/index.crates.io/"];

impl<'a> Origin<'a> {
    fn of(source: Option<&'a str>) -> Self {
        let Some(source) = source else {
            return Self::Here;
        };
        if let Some(git) = source.strip_prefix("git+") {
            let (place, commit) = git.split_once('#').unwrap_or((git, ""));
            return Self::Git(place.split('?').next().unwrap_or(place), commit);
        }
        let place = source.strip_prefix("registry+").unwrap_or(source);
        if USUAL.iter().any(|end| place.ends_with(end)) {
            return Self::Usual;
        }
        Self::Registry(place.strip_prefix("sparse+").unwrap_or(place))
    }
}

impl Crate {
    fn purl(&self) -> Purl {
        let purl = Purl::new("cargo", "", &self.name).version(&self.version);
        match Origin::of(self.source.as_deref()) {
            Origin::Here | Origin::Usual => purl,
            Origin::Registry(place) => purl.with("repository_url", place),
            Origin::Git(place, commit) => purl.with("vcs_url", &format!("git+{place}@{commit}")),
        }
    }

    fn download(&self) -> Option<String> {
        match Origin::of(self.source.as_deref()) {
            Origin::Git(place, commit) => Some(format!("git+{place}@{commit}")),
            _ => None,
        }
    }
}

/// Take in the crates of a `Cargo.lock`; `file` is its name in messages.
///
/// # Errors
/// It is no `Cargo.lock`, a checksum is none, or a crate needs one that is not there.
pub fn add(bom: &mut Bom, data: &[u8], (name, digest): (&str, Digest), file: &str) -> Result<()> {
    let wrong = |what: String| Error::new(ErrorKind::Malformed, file, what);
    let text = std::str::from_utf8(data).map_err(|e| wrong(format!("is no text: {e}")))?;
    let read: File = toml::from_str(text).map_err(|e| wrong(format!("is no Cargo.lock: {e}")))?;
    if read.package.is_empty() {
        return Err(wrong(
            "names no package, so it is no Cargo.lock; make one with `cargo generate-lockfile`"
                .into(),
        ));
    }
    let crates = &read.package;
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in crates.iter().enumerate() {
        by_name.entry(&one.name).or_default().push(at);
    }
    let mut packages = Vec::with_capacity(crates.len());
    for one in crates {
        let sha256 = one.checksum.as_deref().map(Digest::from_hex).transpose();
        let sha256 =
            sha256.map_err(|e| wrong(format!("the checksum of {} is none: {e}", one.name)))?;
        packages.push(Package {
            name: one.name.clone(),
            version: one.version.clone(),
            purl: one.purl(),
            sha256,
            download: one.download(),
            license: None,
            needs: BTreeSet::new(),
            files: BTreeSet::new(),
        });
    }
    let ids: Vec<Id> = packages.iter().map(Package::id).collect();
    let mut subject = Subject::new(SubjectKind::Program, name, digest);
    for (at, one) in crates.iter().enumerate() {
        for wanted in &one.dependencies {
            let other = found(wanted, crates, &by_name).ok_or_else(|| {
                wrong(format!(
                    "{} needs `{wanted}`, and there is no such package; write the file again with Cargo",
                    one.name
                ))
            })?;
            packages[at].needs.insert(ids[other].clone());
        }
        if one.source.is_none() {
            subject.needs.insert(ids[at].clone());
        }
        subject.contains.insert(ids[at].clone());
    }
    bom.add(subject, packages);
    Ok(())
}

/// What a dependency names: `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`, as much as is
/// needed to tell it from others.
fn found(wanted: &str, crates: &[Crate], by_name: &BTreeMap<&str, Vec<usize>>) -> Option<usize> {
    let mut words = wanted.splitn(3, ' ');
    let candidates = by_name.get(words.next()?)?;
    let version = words.next();
    let source = words
        .next()
        .map(|source| source.trim_start_matches('(').trim_end_matches(')'));
    candidates.iter().copied().find(|&at| {
        let one = &crates[at];
        version.is_none_or(|version| one.version == version)
            && source.is_none_or(|source| one.source.as_deref() == Some(source))
    })
}

#[cfg(test)]
mod tests {
    use verbatim_packages::Moment;

    use super::*;

    const GOOD: &str = r#"
version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["serde 1.0.2", "own"]

[[package]]
name = "own"
version = "0.2.0"
source = "git+https://git.example.com/own?rev=abc#0123456789"

[[package]]
name = "serde"
version = "1.0.1"
source = "registry+https://index.example.com/"
checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

[[package]]
name = "serde"
version = "1.0.2"
source = "registry+https://git.example.com/mirror/crates.io-index"
checksum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"#;

    fn bom(text: &str) -> Result<Bom> {
        let mut bom = Bom::new("x", Moment::from_seconds(0));
        add(
            &mut bom,
            text.as_bytes(),
            ("app", Digest::of(b"")),
            "Cargo.lock",
        )?;
        Ok(bom)
    }

    #[test]
    fn crates_and_what_they_need() {
        let bom = bom(GOOD).unwrap();
        let purls: BTreeMap<String, Vec<String>> = bom
            .packages
            .values()
            .map(|package| {
                let needs = package
                    .needs
                    .iter()
                    .map(|id| bom.packages[id].purl.to_string());
                (package.purl.to_string(), needs.collect())
            })
            .collect();
        let own =
            "pkg:cargo/own@0.2.0?vcs_url=git%2Bhttps:%2F%2Fgit.example.com%2Fown%400123456789";
        assert_eq!(purls["pkg:cargo/app@0.1.0"], [own, "pkg:cargo/serde@1.0.2"]);
        assert!(purls
            .contains_key("pkg:cargo/serde@1.0.1?repository_url=https:%2F%2Findex.example.com%2F"));
        assert_eq!(purls.len(), 4);
        let subject = bom.subjects.values().next().unwrap();
        assert_eq!((subject.contains.len(), subject.needs.len()), (4, 1));
    }

    #[test]
    fn what_would_mislead_is_refused() {
        for (from, to, words) in [
            ("\"own\"]", "\"none\"]", "there is no such package"),
            ("e3b0", "E3b0", "the checksum of serde is none"),
            ("version = \"0.1.0\"", "", "is no Cargo.lock"),
            ("[[package]]", "[[other]]", "names no package"),
        ] {
            let bad = GOOD.replace(from, to);
            assert_ne!(bad, GOOD);
            let message = bom(&bad).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
