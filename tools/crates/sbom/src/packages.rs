//! From a lock of packages (`verbatim.packages/1`, or one of Konflux or dnf).

use std::collections::{BTreeMap, BTreeSet};

use verbatim_digest::Digest;
use verbatim_packages::lock::LockedPackage;
use verbatim_packages::{Lock, Result};

use crate::{Bom, Distribution, Package, Subject, SubjectKind};

/// Take in the packages of a lock: of one architecture, or of all.
///
/// # Errors
/// The lock is not for this architecture.
pub fn add(
    bom: &mut Bom,
    lock: &Lock,
    (name, digest): (&str, Digest),
    architecture: Option<&str>,
    distribution: Option<&Distribution>,
) -> Result<()> {
    let chosen: Vec<&LockedPackage> = match architecture {
        Some(_) => lock.packages_for(architecture)?.1,
        None => lock.packages.iter().collect(),
    };
    let mut packages = Vec::with_capacity(chosen.len());
    for locked in &chosen {
        let url = &lock.source_of(locked)?.url;
        packages.push(Package {
            name: locked.name.clone(),
            version: locked.version.clone(),
            purl: Distribution::purl(
                distribution,
                lock.format,
                (&locked.name, &locked.version, &locked.architecture),
            ),
            sha256: Some(locked.sha256),
            // A folder on somebody's machine is no place for others.
            download: (url.starts_with("https://") || url.starts_with("http://"))
                .then(|| format!("{}/{}", url.trim_end_matches('/'), locked.path)),
            license: None,
            needs: BTreeSet::new(),
            files: BTreeSet::new(),
        });
    }
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, locked) in chosen.iter().enumerate() {
        by_name.entry(&locked.name).or_default().push(at);
    }
    let mut subject = Subject::new(SubjectKind::Lock, name, digest);
    for (at, locked) in chosen.iter().enumerate() {
        let id = packages[at].id();
        let together = |other: &LockedPackage| {
            lock.architectures
                .iter()
                .any(|one| other.is_for(one) && locked.is_for(one))
        };
        let mut is_needed = false;
        for name in &locked.needed_by {
            for &other in by_name.get(&**name).into_iter().flatten() {
                if other != at && together(chosen[other]) {
                    is_needed = true;
                    packages[other].needs.insert(id.clone());
                }
            }
        }
        if !is_needed || lock.requested.contains(&locked.name) {
            subject.needs.insert(id.clone());
        }
        subject.contains.insert(id);
    }
    bom.add(subject, packages);
    Ok(())
}
