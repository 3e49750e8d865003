//! Repositories: which indexes there are (`repomd.xml`), and the packages in them (`primary.xml`).
//!
//! The forms: `createrepo_c` 1.2 and what libsolv reads.

use std::io::BufRead;

use verbatim_digest::Digest;
use verbatim_foreign::excerpt;

use super::evr::{Dependency, Evr, Relation};
use super::unreadable;
use super::xml::{self, attribute, Part};
use crate::{Error, Result};

/// The largest `repomd.xml` that is read.
pub(super) const LARGEST_REPOMD: u64 = 4 << 20;
/// The largest index of packages that is read, as it is stored.
pub(super) const LARGEST_INDEX: u64 = 256 << 20;
/// The largest one once it is decompressed. What is longer is cut short here,
/// and then it is no whole document.
const LARGEST_PLAIN: u64 = 1 << 30;

/// An index that a repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// `primary`, `filelists`, …
    pub(super) kind: String,
    /// Its path in the repository.
    pub(super) path: String,
    /// Of the file as it is stored.
    pub(super) digest: Digest,
    /// Its size, where it is given.
    pub(super) size: Option<u64>,
    /// When it was made, in seconds since 1970.
    pub(super) time: Option<u64>,
}

/// Read `repomd.xml`.
pub(super) fn repomd(document: &[u8], file: &str) -> Result<Vec<Listed>> {
    let mut found: Vec<Listed> = Vec::new();
    let mut current: Option<Data> = None;
    let mut text = String::new();
    let mut root = false;
    xml::read(document, |part| {
        match part {
            Part::Open(name, element) => {
                text.clear();
                match (name, &mut current) {
                    ("repomd", None) => root = true,
                    ("data", None) => {
                        let kind = attribute(element, "type")?.unwrap_or_default();
                        current = Some(Data {
                            kind,
                            ..Data::default()
                        });
                    }
                    ("location", Some(data)) => data.path = attribute(element, "href")?,
                    ("checksum", Some(data)) => data.algorithm = attribute(element, "type")?,
                    _ => {}
                }
            }
            Part::Text(piece) => text.push_str(piece),
            Part::Close(name) => match (name, &mut current) {
                ("checksum", Some(data)) => data.checksum = Some(text.trim().to_owned()),
                ("size", Some(data)) => data.size = text.trim().parse().ok(),
                // Some have fractions of seconds.
                ("timestamp", Some(data)) => {
                    data.time = text.trim().split('.').next().and_then(|t| t.parse().ok());
                }
                ("data", Some(_)) => {
                    if let Some(listed) = current.take().map(Data::listed).transpose()?.flatten() {
                        found.push(listed);
                    }
                }
                _ => {}
            },
        }
        Ok(())
    })
    .map_err(|e| unreadable(file, "the list of indexes is wrong", e))?;
    if !root {
        let what = "it is no list of a repository's indexes (`repomd`)";
        return Err(Error::refused(format!("{file}: {what}")));
    }
    Ok(found)
}

#[derive(Debug, Default)]
struct Data {
    kind: String,
    path: Option<String>,
    algorithm: Option<String>,
    checksum: Option<String>,
    size: Option<u64>,
    time: Option<u64>,
}

impl Data {
    /// `None` for an index that is not of use here and has a digest that is not known here.
    fn listed(self) -> Result<Option<Listed>, String> {
        let kind = excerpt(&self.kind, 40);
        let missing = |what: &str| format!("the index `{kind}` has no {what}");
        let path = self.path.ok_or_else(|| missing("location"))?;
        let checksum = self.checksum.ok_or_else(|| missing("checksum"))?;
        let digest = match self.algorithm.as_deref() {
            Some("sha256") => Digest::from_hex(&checksum)
                .map_err(|e| format!("the checksum of the index `{kind}` is none ({e})"))?,
            _ if self.kind != "primary" => return Ok(None),
            other => {
                return Err(format!(
                    "the index `primary` has a checksum by `{}`; ask for a repository with SHA-256",
                    excerpt(other.unwrap_or_default(), 40)
                ))
            }
        };
        Ok(Some(Listed {
            kind: self.kind,
            path,
            digest,
            size: self.size,
            time: self.time,
        }))
    }
}

/// A package as its repository describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) evr: Evr,
    pub(super) architecture: String,
    /// Its path in the repository.
    pub(super) path: String,
    /// Bytes of the package.
    pub(super) size: u64,
    pub(super) digest: Digest,
    pub(super) provides: Vec<Dependency>,
    /// As they are written, with a range behind them where they have one.
    pub(super) requires: Vec<Need>,
    pub(super) conflicts: Vec<Need>,
    pub(super) obsoletes: Vec<Need>,
    pub(super) recommends: Vec<Need>,
    pub(super) supplements: Vec<Need>,
    /// Paths of files that others may require: those of programs and of settings.
    pub(super) files: Vec<String>,
}

/// Something that a package names: a name with a range, or a text with operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    Plain(Dependency),
    /// Parsed where it is needed.
    Rich(String),
}

impl Need {
    fn new(dependency: Dependency) -> Self {
        match dependency.name.starts_with('(') {
            true => Self::Rich(dependency.name),
            false => Self::Plain(dependency),
        }
    }
}

#[derive(Debug, Default)]
struct Building {
    name: String,
    evr: Option<Evr>,
    architecture: String,
    path: String,
    size: u64,
    algorithm: String,
    checksum: String,
    provides: Vec<Dependency>,
    lists: [Vec<Need>; 5],
    files: Vec<String>,
}

const LISTS: [&str; 5] = [
    "requires",
    "conflicts",
    "obsoletes",
    "recommends",
    "supplements",
];

impl Building {
    fn finish(self) -> Result<Candidate, String> {
        let name = excerpt(&self.name, 80);
        if self.name.is_empty() || self.architecture.is_empty() || self.path.is_empty() {
            return Err(format!(
                "the package `{name}` has no name, architecture or location"
            ));
        }
        if self.algorithm != "sha256" {
            return Err(format!(
                "the package `{name}` has a checksum by `{}`; ask for a repository with SHA-256",
                excerpt(&self.algorithm, 40)
            ));
        }
        let digest = Digest::from_hex(&self.checksum)
            .map_err(|e| format!("the checksum of the package `{name}` is none ({e})"))?;
        let [requires, conflicts, obsoletes, recommends, supplements] = self.lists;
        Ok(Candidate {
            evr: self
                .evr
                .ok_or_else(|| format!("the package `{name}` has no version"))?,
            name: self.name,
            architecture: self.architecture,
            path: self.path,
            size: self.size,
            digest,
            provides: self.provides,
            requires,
            conflicts,
            obsoletes,
            recommends,
            supplements,
            files: self.files,
        })
    }
}

/// Where a list of dependencies is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Provides,
    Needs(usize),
}

/// Read `primary.xml`, which is plain by now, and give each package to `each`.
pub(super) fn primary(
    source: impl BufRead,
    file: &str,
    mut each: impl FnMut(Candidate),
) -> Result<()> {
    let source = source.take(LARGEST_PLAIN);
    let mut current: Option<Building> = None;
    let mut list = None;
    let mut text = String::new();
    let mut root = false;
    xml::read(source, |part| {
        match part {
            Part::Open(name, element) => {
                text.clear();
                let Some(package) = &mut current else {
                    match name {
                        "metadata" => root = true,
                        "package" => current = Some(Building::default()),
                        _ => {}
                    }
                    return Ok(());
                };
                match name {
                    "version" => package.evr = Some(evr(element)?.ok_or("a version is missing")?),
                    "checksum" => {
                        package.algorithm = attribute(element, "type")?.unwrap_or_default();
                    }
                    "size" => {
                        let size = attribute(element, "package")?.unwrap_or_default();
                        package.size = size.parse().map_err(|_| "the size of a package is none")?;
                    }
                    "location" => package.path = attribute(element, "href")?.unwrap_or_default(),
                    "provides" => list = Some(List::Provides),
                    "entry" => {
                        if let Some(list) = list {
                            let entry = entry(element)?;
                            match list {
                                List::Provides => package.provides.push(entry),
                                List::Needs(at) => package.lists[at].push(Need::new(entry)),
                            }
                        }
                    }
                    name => {
                        if let Some(at) = LISTS.iter().position(|&list| list == name) {
                            list = Some(List::Needs(at));
                        }
                    }
                }
            }
            Part::Text(piece) => text.push_str(piece),
            Part::Close(name) => {
                let Some(package) = &mut current else {
                    return Ok(());
                };
                match name {
                    "name" => package.name = std::mem::take(&mut text),
                    "arch" => package.architecture = std::mem::take(&mut text),
                    "checksum" => package.checksum = std::mem::take(&mut text),
                    "file" => package.files.push(std::mem::take(&mut text)),
                    "package" => {
                        if let Some(package) = current.take() {
                            let package = package.finish()?;
                            // Sources are listed too.
                            if package.architecture != "src" && package.architecture != "nosrc" {
                                each(package);
                            }
                        }
                    }
                    "entry" => {}
                    name if name == "provides" || LISTS.contains(&name) => list = None,
                    _ => {}
                }
            }
        }
        Ok(())
    })
    .map_err(|e| unreadable(file, "the index of packages is wrong", e))?;
    if !root {
        let what = "it is no index of packages (`metadata`)";
        return Err(Error::refused(format!("{file}: {what}")));
    }
    Ok(())
}

fn evr(element: &quick_xml::events::BytesStart<'_>) -> Result<Option<Evr>, String> {
    let Some(version) = attribute(element, "ver")? else {
        return Ok(None);
    };
    let epoch = attribute(element, "epoch")?.unwrap_or_default();
    Ok(Some(Evr {
        epoch: match &epoch[..] {
            "" => 0,
            epoch => epoch.parse().map_err(|_| "an epoch is no number")?,
        },
        version,
        release: attribute(element, "rel")?,
    }))
}

fn entry(element: &quick_xml::events::BytesStart<'_>) -> Result<Dependency, String> {
    let name = attribute(element, "name")?.ok_or("a dependency has no name")?;
    let range = match attribute(element, "flags")? {
        None => None,
        Some(flags) => {
            let relation = Relation::parse(&flags).ok_or("a dependency has an unknown relation")?;
            evr(element)?.map(|evr| (relation, evr))
        }
    };
    Ok(Dependency { name, range })
}
