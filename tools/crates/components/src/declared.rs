//! What people and build tools say of whose a path is.

use std::collections::{BTreeMap, HashMap};

use verbatim_archive::Glob;

use crate::collector::{Collector, Full, Rank};
use crate::component::{Component, Kind};
use crate::inventory::Role;
use crate::tree::What;

/// Paths that a person says belong together.
#[derive(Debug, Clone)]
pub struct Declared {
    /// What they are called. The label of a Bazel target makes them one of its kind.
    pub name: String,
    /// Their version, if they have one.
    pub version: Option<String>,
    /// Which paths, with all below them.
    pub paths: Vec<Glob>,
}

fn component(name: &str, version: Option<&str>) -> Component {
    Component {
        kind: match name.starts_with("//") || name.starts_with('@') {
            true => Kind::Bazel,
            false => Kind::Declared,
        },
        name: name.to_owned(),
        version: version.unwrap_or_default().to_owned(),
        architecture: None,
        source: None,
        license: None,
        purl: None,
        told_by: Vec::new(),
    }
}

/// Claim what people say. Of several that name a path the first counts.
pub(crate) fn read(collector: &mut Collector<'_, '_>, declared: &[Declared]) -> Result<(), Full> {
    if declared.is_empty() {
        return Ok(());
    }
    let mut known = Vec::with_capacity(declared.len());
    for one in declared {
        known.push(collector.add_once(component(&one.name, one.version.as_deref()))?);
    }
    let root = collector.root;
    for (_, node) in root.nodes() {
        let covers = |one: &Declared| one.paths.iter().any(|glob| glob.covers(node.path));
        if let Some(at) = declared.iter().position(covers) {
            let claim = (Role::Content, Rank::Said);
            collector.claim_real(known[at], node.path.to_vec(), None, claim)?;
        }
    }
    Ok(())
}

/// Claim what whoever made the tree says. The name of a package is that package.
pub(crate) fn origins(collector: &mut Collector<'_, '_>) -> Result<(), Full> {
    let mut packages: BTreeMap<String, usize> = BTreeMap::new();
    for (at, component) in collector.components.iter().enumerate() {
        if component.kind.is_of_distribution() {
            packages.entry(component.name.clone()).or_insert(at);
        }
    }
    let mut known: HashMap<&str, usize> = HashMap::new();
    let root = collector.root;
    for (_, node) in root.nodes() {
        let Some(name) = node.component.filter(|_| node.what != What::Directory) else {
            continue;
        };
        let at = match (known.get(name), packages.get(name)) {
            (Some(&at), _) | (None, Some(&at)) => at,
            (None, None) => collector.add_once(component(name, None))?,
        };
        known.insert(name, at);
        let claim = (Role::Derived, Rank::Origin);
        collector.claim_real(at, node.path.to_vec(), None, claim)?;
    }
    Ok(())
}
