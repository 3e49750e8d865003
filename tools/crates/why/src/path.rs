//! Why one path is in an image.

use std::io;

use serde::Serialize;
use verbatim_components::{Algorithm, Claim, Component, Inventory, Role};
use verbatim_digest::Digest;
use verbatim_foreign::printable_bytes;
use verbatim_packages::Lock;
use verbatim_rootfs::{Event, Found, Node, Place, RootFs, What};

/// Packages that a directory is told to be in; most directories are in very many.
const MOST_OWNERS: usize = 100;

/// Whether something is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// It is there.
    Found,
    /// A layer brought it, and a later one took it away.
    Removed,
    /// No layer has it.
    Missing,
}

/// All that is known of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The path, behind the links on its way, without a slash in front.
    pub path: String,
    /// Whether something is there.
    pub verdict: Presence,
    /// `file`, `directory`, `symlink` or `special`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Bytes of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The digest of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Where a symlink leads to, behind all links, if something is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<String>,
    /// The layer that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerAnswer>,
    /// What the layers did to it, the lowest first.
    pub events: Vec<EventAnswer>,
    /// Whose it is, who has the best claim first.
    pub packages: Vec<Owner>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerAnswer {
    /// Counted from 1 at the bottom.
    pub position: usize,
    /// How many the image has.
    pub of: usize,
    /// The digest of its blob.
    pub digest: Digest,
    /// The digest of the archive in it.
    pub diff_id: Digest,
    /// The step that made it, as the image's history has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Remarks of the manifest about it: a label of Bazel, where whoever built it wrote one.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// What a layer did to a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventAnswer {
    /// The position of the layer, counted from 1.
    pub layer: usize,
    /// `added`, `replaced`, `same` (replaced by the same content), `removed` or `covered`.
    pub what: &'static str,
    /// The white-out that removed it, or what covers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The digest of the file that was brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

/// A package that claims a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// What it is.
    #[serde(flatten)]
    pub component: Component,
    /// What the path is to it: `content`, `config`, `ghost`, `derived` or `linked`.
    pub role: &'static str,
    /// The digest that it says the file has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    /// Whether the file has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
    /// Its entry in a lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<Locked>,
}

/// An entry of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Locked {
    /// The lock.
    pub lock: String,
    /// The source of the package.
    pub source: String,
    /// Its path there.
    pub path: String,
    /// The digest of the package.
    pub sha256: Digest,
    /// Whether it was asked for by name.
    pub requested: bool,
    /// What needs it.
    pub needed_by: Vec<String>,
}

/// Why a path is there. `locks` are looked at for the packages that have it, each with its name.
///
/// # Errors
/// A content that was read once cannot be read again.
pub fn answer(
    tree: &RootFs,
    inventory: &Inventory,
    locks: &[(String, Lock)],
    path: &[u8],
) -> io::Result<Answer> {
    let path = tree.real_parents(path);
    let events = tree.events(&path);
    let found = tree.get(&path);
    let verdict = match found {
        Some(_) => Presence::Found,
        None if events.is_empty() => Presence::Missing,
        None => Presence::Removed,
    };
    let content = found.and_then(|found| match &found.node {
        Node::File(place) => Some(place),
        _ => None,
    });
    let leads_to = match found.map(|found| &found.node) {
        Some(Node::Symlink(_)) => tree
            .real_path(&path)
            .filter(|path| tree.get(path).is_some()),
        _ => None,
    };
    let mut packages = Vec::new();
    for claim in inventory.claims_on(&path).iter().take(MOST_OWNERS) {
        packages.push(owner(inventory, locks, claim, found)?);
    }
    Ok(Answer {
        verdict,
        kind: found.map(|found| kind(&found.node)),
        size: content.map(|place| place.size),
        sha256: content.map(Place::digest).transpose()?,
        leads_to: leads_to.map(|path| printable_bytes(&path).into_owned()),
        layer: found.map(|found| layer(tree, found.layer)),
        events: told(events)?,
        packages,
        path: printable_bytes(&path).into_owned(),
    })
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::Directory => "directory",
        Node::File(_) => "file",
        Node::Symlink(_) => "symlink",
        Node::Special => "special",
    }
}

fn layer(tree: &RootFs, at: usize) -> LayerAnswer {
    let layers = &tree.image.layers;
    let facts = &layers[at];
    LayerAnswer {
        position: at + 1,
        of: layers.len(),
        digest: facts.descriptor.digest,
        diff_id: facts.diff_id,
        created_by: facts.created_by.clone(),
        annotations: facts.descriptor.annotations.clone(),
    }
}

fn told(events: &[Event]) -> io::Result<Vec<EventAnswer>> {
    let mut last = None;
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        let shown = |path: &[u8]| Some(printable_bytes(path).into_owned());
        let (what, by, content) = match &event.what {
            What::Added(content) => ("added", None, content.as_ref()),
            What::Replaced(content) => ("replaced", None, content.as_ref()),
            What::Removed(by) => ("removed", shown(by), None),
            What::Covered(by) => ("covered", shown(by), None),
        };
        let sha256 = content.map(Place::digest).transpose()?;
        let same = what == "replaced" && sha256.is_some() && sha256 == last;
        last = sha256;
        all.push(EventAnswer {
            layer: event.layer + 1,
            what: if same { "same" } else { what },
            by,
            sha256,
        });
    }
    Ok(all)
}

fn owner(
    inventory: &Inventory,
    locks: &[(String, Lock)],
    claim: &Claim,
    found: Option<&Found>,
) -> io::Result<Owner> {
    let component = &inventory.components[claim.component];
    let holds = match (&claim.checksum, found.map(|found| &found.node)) {
        (Some(told), Some(Node::File(place))) => Some(of(told.algorithm(), place)? == *told),
        (Some(told), Some(Node::Symlink(target))) => {
            Some(told.algorithm().of(&target[..])? == *told)
        }
        (Some(_), Some(_)) => Some(false),
        _ => None,
    };
    Ok(Owner {
        component: component.clone(),
        role: role(claim.role),
        claims: claim.checksum.as_ref().map(ToString::to_string),
        holds,
        locked: locks
            .iter()
            .find_map(|(name, lock)| locked(name, lock, component)),
    })
}

fn of(algorithm: Algorithm, place: &Place) -> io::Result<verbatim_components::Checksum> {
    algorithm.of(place.reader())
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Content => "content",
        Role::Config => "config",
        Role::Ghost => "ghost",
        Role::Derived => "derived",
        Role::Linked => "linked",
    }
}

/// The entry of a lock that a package is.
fn locked(name: &str, lock: &Lock, component: &Component) -> Option<Locked> {
    let is_format = matches!(
        (lock.format, component.kind),
        (
            verbatim_packages::manifest::PackageFormat::Deb,
            verbatim_components::Kind::Deb
        ) | (
            verbatim_packages::manifest::PackageFormat::Rpm,
            verbatim_components::Kind::Rpm
        ) | (
            verbatim_packages::manifest::PackageFormat::Apk,
            verbatim_components::Kind::Apk
        )
    );
    let found = lock.packages.iter().find(|locked| {
        let architecture = component.architecture.as_deref();
        locked.name == component.name
            && locked.version == component.version
            && architecture.is_none_or(|own| own == locked.architecture)
    });
    let locked = found.filter(|_| is_format)?;
    Some(Locked {
        lock: name.to_owned(),
        source: locked.source.clone(),
        path: locked.path.to_string(),
        sha256: locked.sha256,
        requested: lock.requested.contains(&locked.name),
        needed_by: locked.needed_by.clone(),
    })
}
