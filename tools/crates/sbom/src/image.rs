//! From an image: what its own databases say is in it.

use std::collections::BTreeSet;
use std::io;

use verbatim_components::{Algorithm, Component, Inventory};
use verbatim_foreign::printable_bytes;
use verbatim_rootfs::{Node, RootFs};

use crate::{Bom, File, Id, Package, Purl, Subject, SubjectKind};

/// Take in an image under a name; with its files, if they are asked for.
///
/// `purl` is what the image is called, where a registry has it.
///
/// # Errors
/// A content that was read once cannot be read again.
pub fn add(
    bom: &mut Bom,
    (tree, inventory): (&RootFs, &Inventory),
    (name, purl): (&str, Option<Purl>),
    with_files: bool,
) -> io::Result<()> {
    let mut packages: Vec<Package> = inventory.components.iter().map(package).collect();
    let mut subject = Subject::new(SubjectKind::Image, name, tree.image.digest);
    subject.purl = purl;
    let ids: Vec<Id> = packages.iter().map(Package::id).collect();
    let mut needed = BTreeSet::new();
    for (at, package) in packages.iter_mut().enumerate() {
        let others = inventory.needs_of(at).map(|other| &ids[other]);
        package.needs = others.filter(|id| **id != ids[at]).cloned().collect();
        needed.extend(package.needs.iter().cloned());
    }
    // Of the packages whose database tells what they need, those that no other one needs.
    let of_database = inventory.components.iter().zip(&ids);
    subject.needs = of_database
        .filter(|(component, id)| component.kind.is_of_distribution() && !needed.contains(id))
        .map(|(_, id)| id.clone())
        .collect();
    if with_files {
        for (path, found) in tree.iter() {
            let Node::File(place) = &found.node else {
                continue;
            };
            let file = File {
                path: printable_bytes(path).into_owned(),
                sha256: place.digest()?,
                sha1: Algorithm::Sha1.of(place.reader())?.hex(),
            };
            match inventory.owner_position(path) {
                Some(owner) => packages[owner].files.insert(file.id()),
                None => subject.files.insert(file.id()),
            };
            bom.files.insert(file.id(), file);
        }
    }
    subject.contains = packages.iter().map(Package::id).collect();
    bom.add(subject, packages);
    Ok(())
}

pub(crate) fn package(component: &Component) -> Package {
    let purl = component.purl.as_deref().and_then(|purl| purl.parse().ok());
    // What a person declared has no kind that others know.
    let purl = purl
        .unwrap_or_else(|| Purl::new("generic", "", &component.name).version(&component.version));
    Package {
        name: component.name.clone(),
        version: component.version.clone(),
        purl,
        sha256: None,
        download: None,
        license: component
            .license
            .clone()
            .filter(|words| !words.trim().is_empty()),
        needs: BTreeSet::new(),
        files: BTreeSet::new(),
    }
}
