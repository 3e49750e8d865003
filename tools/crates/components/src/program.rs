//! What programs say of the modules that they are made of: Go's build information, and the section that
//! `cargo auditable` adds.

use serde::Deserialize;
use verbatim_formats::elf::{self, sections};
use verbatim_formats::go::{self, BuildInfo};
use verbatim_formats::{inflate, ReadAt};

use crate::collector::{Collector, Full, Rank};
use crate::component::{Component, Kind};
use crate::inventory::Role;
use crate::root::Parts;
use crate::tree::What;
use crate::Result;
use verbatim_naming::Purl;

/// The section of `cargo auditable`: a list in JSON, compressed with zlib.
const AUDITABLE: &str = ".dep-v0";
/// No section is longer, nor what it decompresses to.
const LARGEST: u64 = 8 << 20;

const OWN: (Role, Rank) = (Role::Derived, Rank::Language);
const LINKED: (Role, Rank) = (Role::Linked, Rank::Linked);

pub(crate) fn read(collector: &mut Collector<'_, '_>) -> Result<()> {
    let root = collector.root;
    for (at, node) in root.nodes() {
        // Other names of a file come with it.
        if !node.is_executable || !matches!(node.what, What::File(size) if size > 64) {
            continue;
        }
        let Some(parts) = root.parts(at) else {
            continue;
        };
        let start = parts.read(0..elf::MAGIC.len() as u64);
        let start = start.map_err(|e| crate::Error::new(node.path, e))?;
        if *start != *elf::MAGIC {
            continue;
        }
        let Some([go, auditable]) = sections(&parts, [go::SECTION, AUDITABLE]) else {
            continue;
        };
        if let Some(section) = section(&parts, go) {
            let done = match BuildInfo::of_section(&section) {
                Some(info) => of_go(collector, &info, node.path),
                None => Ok(()),
            };
            collector.note(node.path, done);
        }
        if let Some(section) = section(&parts, auditable) {
            match Audited::of(&section) {
                Some(list) => {
                    let done = of_cargo(collector, &list, node.path);
                    collector.note(node.path, done);
                }
                None => collector.unread(
                    node.path,
                    format!("its section {AUDITABLE} is not what `cargo auditable` writes"),
                ),
            }
        }
    }
    Ok(())
}

fn section(parts: &Parts<'_>, range: Option<std::ops::Range<u64>>) -> Option<Vec<u8>> {
    let range = range.filter(|range| range.end - range.start <= LARGEST)?;
    Some(parts.read(range).ok()?.into_owned())
}

fn of_go(collector: &mut Collector<'_, '_>, info: &BuildInfo<'_>, path: &[u8]) -> Result<(), Full> {
    let mut main = None;
    if let Some((module, about)) = &info.main {
        main = Some(module_of_go(collector, module, about.version, path)?);
    }
    for (name, module) in &info.modules {
        let (name, version) = module.instead.unwrap_or((name, module.version));
        // What was replaced by a folder is that of the main module.
        let is_folder = name.starts_with(['.', '/']);
        let name = if is_folder { continue } else { name };
        let at = module_of_go(collector, name, version, path)?;
        collector.claim_real(at, path.to_vec(), None, LINKED)?;
    }
    if let Some(version) = info.go {
        let version = version.strip_prefix("go").unwrap_or(version);
        let version = version.split(' ').next().unwrap_or(version);
        let at = module_of_go(collector, "stdlib", version, path)?;
        collector.claim_real(at, path.to_vec(), None, LINKED)?;
    }
    match main {
        Some(main) => collector.claim_real(main, path.to_vec(), None, OWN),
        None => Ok(()),
    }
}

fn module_of_go(
    collector: &mut Collector<'_, '_>,
    name: &str,
    version: &str,
    path: &[u8],
) -> Result<usize, Full> {
    let (namespace, bare) = name.rsplit_once('/').unwrap_or(("", name));
    let purl = Purl::new("golang", namespace, bare);
    let known = Some(version).filter(|version| *version != "(devel)");
    let version = known.unwrap_or_default();
    collector.add_once(Component {
        kind: Kind::Go,
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: None,
        source: None,
        license: None,
        purl: Some(purl.version(version).to_string()),
        told_by: path.to_vec(),
    })
}

/// What `cargo auditable` writes (its `audit-data` format, version 0).
#[derive(Debug, Deserialize)]
struct Audited {
    packages: Vec<Crate>,
}

#[derive(Debug, Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    root: bool,
}

impl Audited {
    fn of(section: &[u8]) -> Option<Self> {
        let list = inflate::zlib(section, LARGEST as usize)?;
        serde_json::from_slice(&list).ok()
    }
}

fn of_cargo(collector: &mut Collector<'_, '_>, list: &Audited, path: &[u8]) -> Result<(), Full> {
    for one in &list.packages {
        // It ran when the program was built, and is no part of it.
        if one.kind.as_deref() == Some("build") {
            continue;
        }
        let purl = Purl::new("cargo", "", &one.name).version(&one.version);
        let at = collector.add_once(Component {
            kind: Kind::Cargo,
            name: one.name.clone(),
            version: one.version.clone(),
            architecture: None,
            source: None,
            license: None,
            purl: Some(purl.to_string()),
            told_by: path.to_vec(),
        })?;
        let role = if one.root { OWN } else { LINKED };
        collector.claim_real(at, path.to_vec(), None, role)?;
    }
    Ok(())
}
