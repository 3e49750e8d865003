//! What was chosen: a JSON file to be reviewed, from which builds install.
//!
//! One package stands on a line, in the order of architecture and name, so that a difference
//! between two locks reads as a list of packages. Each value is canonical JSON.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::printable_path;

use crate::manifest::{is_word, PackageFormat};
use crate::others;
use crate::source::SafePath;
use crate::{Error, Moment, Result};

/// The name of the form.
pub const SCHEMA: &str = "verbatim.packages/1";

/// The largest lock that is read: some hundred thousand packages.
const LARGEST: u64 = 256 << 20;

/// Packages that were chosen, with the indexes that vouch for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// [`SCHEMA`].
    pub schema: String,
    /// Whose packages they are.
    pub format: PackageFormat,
    /// The architectures that were chosen for.
    pub architectures: Vec<String>,
    /// What was asked for.
    pub requested: Vec<String>,
    /// Where the packages are.
    pub sources: Vec<LockedSource>,
    /// By architecture, name and version.
    pub packages: Vec<LockedPackage>,
}

/// A repository as it was when packages were chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSource {
    /// Its name.
    pub name: String,
    /// Where it is: an address, or a folder relative to the lock.
    pub url: String,
    /// The indexes that were verified, the signed one first.
    pub indexes: Vec<LockedIndex>,
}

/// An index that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedIndex {
    /// Its path in the source.
    pub path: SafePath,
    /// Bytes.
    pub size: u64,
    /// The digest of its bytes.
    #[serde(with = "hex")]
    pub sha256: Digest,
    /// The date that it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Moment>,
}

/// A package that was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Its name.
    pub name: String,
    /// Its version in the distribution's form.
    pub version: String,
    /// The package's own architecture: `all` and `noarch` as well.
    pub architecture: String,
    /// The architectures of images that it was chosen for. Without it: its own, or any for one
    /// that runs everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The name of its source.
    pub source: String,
    /// Its path in the source.
    pub path: SafePath,
    /// Bytes.
    pub size: u64,
    /// The digest of its bytes.
    #[serde(with = "hex")]
    pub sha256: Digest,
    /// Names of the packages that need it; empty where it was asked for and nothing needs it.
    pub needed_by: Vec<String>,
}

impl LockedPackage {
    /// Whether it belongs into an image of this architecture.
    pub fn is_for(&self, architecture: &str) -> bool {
        if self.targets.is_empty() {
            return matches!(&*self.architecture, "all" | "noarch")
                || self.architecture == architecture;
        }
        self.targets.iter().any(|target| target == architecture)
    }

    fn key(&self) -> (&str, &str, &str) {
        (&self.architecture, &self.name, &self.version)
    }
}

/// A digest as `sha256sum` prints it.
mod hex {
    use serde::{de, Deserialize, Deserializer, Serializer};
    use verbatim_digest::Digest;

    pub(super) fn serialize<S: Serializer>(digest: &Digest, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&digest.hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(d)?;
        Digest::from_hex(&text).map_err(de::Error::custom)
    }
}

impl Lock {
    /// A lock with everything in its order.
    pub fn new(
        format: PackageFormat,
        architectures: Vec<String>,
        requested: Vec<String>,
        sources: Vec<LockedSource>,
        mut packages: Vec<LockedPackage>,
    ) -> Self {
        packages.sort_by(|a, b| a.key().cmp(&b.key()));
        Self {
            schema: SCHEMA.to_owned(),
            format,
            architectures,
            requested,
            sources,
            packages,
        }
    }

    /// Read a lock from a file: one of this program, or where its name ends with `.yaml` one that
    /// [another program](crate::others) wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let name = printable_path(path);
        let (file, _) = verbatim_document::file::open(path)
            .map_err(|e| Error::wrong(format!("cannot read {name}: {e}")))?;
        let data =
            json::read_limited(file, LARGEST, &name).map_err(|e| Error::wrong(e.to_string()))?;
        match is_of_others(path) {
            true => others::parse(&data, &name),
            false => Self::parse(&data, &name),
        }
    }

    /// Read a lock from its bytes; `name` is that of its file in messages.
    pub fn parse(data: &[u8], name: &str) -> Result<Self> {
        let value = json::parse_value(data, name).map_err(|e| Error::wrong(e.to_string()))?;
        match value.get("schema").and_then(|schema| schema.as_str()) {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(Error::wrong(format!(
                    "{name} at /schema: `{}` is not known here, only {SCHEMA}; lock again with this program",
                    verbatim_foreign::excerpt(other, 60)
                )))
            }
            None => {
                return Err(Error::wrong(format!(
                    "{name} is no lock: it has no `schema`; make one with `verbatim packages lock`"
                )))
            }
        }
        let lock: Self = json::from_value(value, name).map_err(|e| Error::wrong(e.to_string()))?;
        lock.check().map_err(|e| e.of(name))?;
        Ok(lock)
    }

    pub(crate) fn check(&self) -> Result<()> {
        // Names become those of folders and of files in a package database.
        for (at, source) in self.sources.iter().enumerate() {
            if !is_word(&source.name) {
                return Err(Error::wrong(format!(
                    "at /sources/{at}: its name has characters that none has"
                )));
            }
        }
        for (at, package) in self.packages.iter().enumerate() {
            let wrong = |what: String| Err(Error::wrong(format!("at /packages/{at}: {what}")));
            if self.source(&package.source).is_none() {
                return wrong(format!("there is no source `{}`", package.source));
            }
            if !is_word(&package.name) || !is_word(&package.architecture) {
                return wrong("its name or architecture has characters that none has".into());
            }
            if at > 0 && self.packages[at - 1].key() >= package.key() {
                return wrong(
                    "packages must be in the order of architecture, name and version, each once; lock again"
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// A source by name.
    pub fn source(&self, name: &str) -> Option<&LockedSource> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The source of a package.
    pub fn source_of(&self, package: &LockedPackage) -> Result<&LockedSource> {
        self.source(&package.source)
            .ok_or_else(|| Error::wrong(format!("there is no source `{}`", package.source)))
    }

    /// The packages of an image of this architecture; without one, of the only architecture.
    pub fn packages_for(&self, architecture: Option<&str>) -> Result<(&str, Vec<&LockedPackage>)> {
        let known = self.architectures.join(", ");
        let chosen = match (architecture, &self.architectures[..]) {
            (None, [only]) => only,
            (None, _) => {
                return Err(Error::wrong(format!(
                    "the lock is for several architectures; choose one of {known} with --architecture"
                )))
            }
            (Some(asked), all) => all.iter().find(|one| *one == asked).ok_or_else(|| {
                Error::wrong(format!(
                    "the lock is not for {asked}; it is for {known}: add it to `architectures` of the manifest and lock again"
                ))
            })?,
        };
        let packages = self.packages.iter().filter(|p| p.is_for(chosen)).collect();
        Ok((chosen, packages))
    }

    /// The bytes of the file: the same for the same lock.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let parts = [
            ("architectures", json::to_canonical(&self.architectures)),
            ("format", json::to_canonical(&self.format)),
            ("packages", lines(&self.packages)),
            ("requested", json::to_canonical(&self.requested)),
            ("schema", json::to_canonical(&self.schema)),
            ("sources", lines(&self.sources)),
        ];
        let mut out = b"{\n".to_vec();
        for (at, (name, value)) in parts.into_iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b",\n");
            }
            out.extend_from_slice(format!("\"{name}\":").as_bytes());
            out.extend_from_slice(&value.map_err(|e| Error::wrong(e.to_string()))?);
        }
        out.extend_from_slice(b"\n}\n");
        Ok(out)
    }

    /// What differs, in the order of architecture and name.
    pub fn changes<'a>(&'a self, new: &'a Self) -> Vec<Change<'a>> {
        type Versions<'a> =
            BTreeMap<(&'a str, &'a str), (Vec<&'a LockedPackage>, Vec<&'a LockedPackage>)>;
        let mut versions: Versions = BTreeMap::new();
        for package in &self.packages {
            let key = (&*package.architecture, &*package.name);
            versions.entry(key).or_default().0.push(package);
        }
        for package in &new.packages {
            let key = (&*package.architecture, &*package.name);
            versions.entry(key).or_default().1.push(package);
        }
        let mut changes = Vec::new();
        for (old, new) in versions.into_values() {
            for at in 0..old.len().max(new.len()) {
                match (old.get(at), new.get(at)) {
                    (Some(old), None) => changes.push(Change::Removed(old)),
                    (None, Some(new)) => changes.push(Change::Added(new)),
                    (Some(old), Some(new)) if old.version != new.version => {
                        changes.push(Change::Version(old, new));
                    }
                    (Some(old), Some(new)) if old.sha256 != new.sha256 => {
                        changes.push(Change::Content(old, new));
                    }
                    _ => {}
                }
            }
        }
        changes
    }
}

/// Whether a file is by its name a lock that another program wrote: those are in YAML, and ours are
/// not.
pub fn is_of_others(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("yaml" | "yml"))
}

/// How one package differs between two locks.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Only the new one has it.
    Added(&'a LockedPackage),
    /// Only the old one has it.
    Removed(&'a LockedPackage),
    /// Another version.
    Version(&'a LockedPackage, &'a LockedPackage),
    /// Other bytes under one version.
    Content(&'a LockedPackage, &'a LockedPackage),
}

/// A list with one element on each line.
fn lines<T: Serialize>(items: &[T]) -> Result<Vec<u8>, verbatim_document::Error> {
    let mut out = b"[".to_vec();
    for (at, item) in items.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",\n" } else { b"\n" });
        out.extend_from_slice(&json::to_canonical(item)?);
    }
    out.extend_from_slice(if items.is_empty() { b"]" } else { b"\n]" });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, architecture: &str, content: &[u8]) -> LockedPackage {
        LockedPackage {
            name: name.into(),
            version: version.into(),
            architecture: architecture.into(),
            targets: vec!["amd64".into()],
            source: "debian".into(),
            path: format!("pool/{name}.deb").parse().unwrap(),
            size: content.len() as u64,
            sha256: Digest::of(content),
            needed_by: Vec::new(),
        }
    }

    fn lock(packages: Vec<LockedPackage>) -> Lock {
        let source = LockedSource {
            name: "debian".into(),
            url: "https://deb.example.com/debian".into(),
            indexes: vec![LockedIndex {
                path: "dists/x/InRelease".parse().unwrap(),
                size: 3,
                sha256: Digest::of(b"abc"),
                date: Some(Moment::from_seconds(0)),
            }],
        };
        Lock::new(
            PackageFormat::Deb,
            vec!["amd64".into()],
            vec!["bash".into()],
            vec![source],
            packages,
        )
    }

    #[test]
    fn one_package_a_line_in_order_and_back() {
        let lock = lock(vec![
            package("zlib1g", "1", "amd64", b"z"),
            package("adduser", "1", "all", b"a"),
            package("bash", "1", "amd64", b"b"),
        ]);
        let bytes = lock.to_bytes().unwrap();
        assert_eq!(Lock::parse(&bytes, "x").unwrap(), lock);
        let text = String::from_utf8(bytes).unwrap();
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split("\"name\":\"").nth(1))
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert_eq!(names, ["adduser", "bash", "zlib1g", "debian"]);
        assert!(text.contains(&format!("\"sha256\":\"{}\"", Digest::of(b"z").hex())));
    }

    #[test]
    fn locks_that_would_mislead_are_refused() {
        let good = String::from_utf8(
            lock(vec![package("bash", "1", "amd64", b"b")])
                .to_bytes()
                .unwrap(),
        )
        .unwrap();
        for (from, to, words) in [
            ("packages/1", "packages/9", "is not known here"),
            ("pool/bash", "../bash", "climb"),
            ("\"name\":\"bash\"", "\"name\":\"../bash\"", "characters"),
            (
                "\"source\":\"debian\"",
                "\"source\":\"other\"",
                "there is no source",
            ),
            ("\"needed_by\"", "\"neded_by\"", "unknown field"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            let message = Lock::parse(bad.as_bytes(), "x").unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn changes_are_told_apart() {
        let old = lock(vec![
            package("a", "1", "amd64", b"a"),
            package("b", "1", "amd64", b"b"),
            package("c", "1", "amd64", b"c"),
            package("d", "1", "amd64", b"d"),
        ]);
        let new = lock(vec![
            package("a", "1", "amd64", b"a"),
            package("b", "2", "amd64", b"b"),
            package("c", "1", "amd64", b"other"),
            package("e", "1", "amd64", b"e"),
        ]);
        let shown: Vec<_> = old
            .changes(&new)
            .into_iter()
            .map(|change| match change {
                Change::Added(p) => format!("+{}", p.name),
                Change::Removed(p) => format!("-{}", p.name),
                Change::Version(a, b) => format!("{} {} {}", a.name, a.version, b.version),
                Change::Content(a, _) => format!("!{}", a.name),
            })
            .collect();
        assert_eq!(shown, ["b 1 2", "!c", "-d", "+e"]);
    }
}
