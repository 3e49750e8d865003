//! From a program: the modules that it says it is made of (Go's build information, and what
//! `cargo auditable` adds).

use verbatim_components::Inventory;
use verbatim_digest::Digest;

use crate::image::package;
use crate::{Bom, Package, Subject, SubjectKind};

/// Take in a program under a name; `inventory` is that of a tree which has nothing else in it.
/// Whether it says anything: if not, nothing is taken in.
pub fn add(bom: &mut Bom, inventory: &Inventory, (name, digest): (&str, Digest)) -> bool {
    if inventory.components.is_empty() {
        return false;
    }
    let packages: Vec<Package> = inventory.components.iter().map(package).collect();
    let mut subject = Subject::new(SubjectKind::Program, name, digest);
    subject.contains = packages.iter().map(Package::id).collect();
    bom.add(subject, packages);
    true
}
