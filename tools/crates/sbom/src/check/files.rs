//! The files, what packages say of them, and what is there besides.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use verbatim_components::{Algorithm, Checksum, Claim, Inventory, Role};
use verbatim_foreign::{counted, printable_bytes};
use verbatim_rootfs::{Node, Place, RootFs};

use super::report::{Counts, Finding, Kind};
use crate::stated::Stated;

/// Folders in which package managers keep what they know. Lists of single packages lie there too,
/// and are claimed by their packages.
const DATABASES: [&[u8]; 8] = [
    b"var/lib/dpkg/",
    b"var/lib/rpm/",
    b"usr/lib/sysimage/rpm/",
    b"var/lib/rpm-state/",
    b"usr/lib/sysimage/libdnf5/",
    b"lib/apk/db/",
    b"usr/lib/apk/db/",
    b"var/lib/dnf/",
];
/// In these, each file belongs to one package, and one that does not is nobody's.
const OF_PACKAGES: &[u8] = b"var/lib/dpkg/info/";

pub(super) fn check(
    stated: &Stated,
    tree: &RootFs,
    inventory: &Inventory,
    counts: &mut Counts,
    findings: &mut Vec<Finding>,
    remarks: &mut Vec<String>,
) -> io::Result<()> {
    counts.files_stated = stated.files.len();
    let vouched = stated_files(stated, tree, findings)?;
    claims(tree, inventory, counts, findings, remarks)?;
    unaccounted(tree, inventory, &vouched, counts, findings, remarks);
    Ok(())
}

/// The digest of a content, each once.
fn checksum_of(
    place: &Place,
    algorithm: Algorithm,
    known: &mut BTreeMap<(usize, Algorithm), Checksum>,
    position: usize,
) -> io::Result<Checksum> {
    if let Some(checksum) = known.get(&(position, algorithm)) {
        return Ok(checksum.clone());
    }
    let checksum = algorithm.of(place.reader())?;
    known.insert((position, algorithm), checksum.clone());
    Ok(checksum)
}

/// Compare what the SBOM says of files. Gives the paths whose digest it rightly gives.
fn stated_files(
    stated: &Stated,
    tree: &RootFs,
    findings: &mut Vec<Finding>,
) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut vouched = BTreeSet::new();
    for file in &stated.files {
        let path = tree.real_parents(file.path.as_bytes());
        let Some(found) = tree.get(&path) else {
            let finding = Finding::new(Kind::AbsentFile, &*file.path, "is not there");
            findings.push(finding.at(&file.pointer));
            continue;
        };
        // Of a link, tools give the digest of what it leads to.
        let target = tree.real_path(&path).and_then(|path| tree.get(&path));
        let content = match (&found.node, target.map(|found| &found.node)) {
            (Node::File(place), _) | (_, Some(Node::File(place))) => place,
            _ => continue,
        };
        let mut right = true;
        for told in &file.checksums {
            let own = told.algorithm().of(content.reader())?;
            if own != *told {
                right = false;
                let finding = Finding::new(
                    Kind::WrongFile,
                    &*file.path,
                    format!("is {own}, and the SBOM says {told}"),
                );
                findings.push(finding.at(&file.pointer));
            }
        }
        if right && file.checksums.iter().any(is_strong) {
            vouched.insert(path);
        }
    }
    Ok(vouched)
}

/// Whether nobody can make another content for a digest.
fn is_strong(checksum: &Checksum) -> bool {
    !matches!(checksum.algorithm(), Algorithm::Md5 | Algorithm::Sha1)
}

/// Compare what packages say of their files.
fn claims(
    tree: &RootFs,
    inventory: &Inventory,
    counts: &mut Counts,
    findings: &mut Vec<Finding>,
    remarks: &mut Vec<String>,
) -> io::Result<()> {
    let (mut configs, mut weak) = (0_usize, 0_usize);
    let mut known = BTreeMap::new();
    let mut rest = inventory.claims();
    while let Some(first) = rest.first() {
        let count = rest
            .iter()
            .take_while(|claim| claim.path == first.path)
            .count();
        let (group, after) = rest.split_at(count);
        rest = after;
        // Of one path the strongest claim counts: another package may have replaced the file.
        let Some(claim) = group.iter().find(|claim| matters(claim)) else {
            continue;
        };
        let component = &inventory.components[claim.component];
        let owner = format!("{} {}", component.name, component.version);
        let shown = printable_bytes(&claim.path);
        let Some(position) = tree.position(&claim.path) else {
            if claim.role == Role::Content {
                let detail = format!("is not there, and {owner} has it");
                findings.push(Finding::new(Kind::MissingFile, shown, detail));
            }
            continue;
        };
        let Some(told) = &claim.checksum else {
            continue;
        };
        let own = match &tree.at(position).1.node {
            Node::File(place) => {
                let first = tree.first_name(position).unwrap_or(position);
                checksum_of(place, told.algorithm(), &mut known, first)?
            }
            Node::Symlink(target) => told.algorithm().of(&target[..])?,
            _ => {
                let detail = format!("is no file, and {owner} says that it is {told}");
                findings.push(Finding::new(Kind::ChangedFile, shown, detail));
                continue;
            }
        };
        match (own == *told, claim.role) {
            (true, _) => {
                counts.files_proved += 1;
                weak += usize::from(!is_strong(told));
            }
            (false, Role::Config) => configs += 1,
            (false, _) => {
                let detail = format!("is {own}, and {owner} says {told}");
                findings.push(Finding::new(Kind::ChangedFile, shown, detail));
            }
        }
    }
    if configs > 0 {
        remarks.push(format!(
            "{} that may be changed differ from what their packages brought",
            counted(configs, "configuration file")
        ));
    }
    if weak > 0 {
        remarks.push(format!(
            "{} by MD5 or SHA-1 alone, which is what their databases have; a lock with the packages' sha256 proves more",
            match weak {
                1 => "1 file is proved".to_owned(),
                many => format!("{many} files are proved"),
            }
        ));
    }
    Ok(())
}

fn matters(claim: &Claim) -> bool {
    matches!(claim.role, Role::Content | Role::Config)
}

fn unaccounted(
    tree: &RootFs,
    inventory: &Inventory,
    vouched: &BTreeSet<Vec<u8>>,
    counts: &mut Counts,
    findings: &mut Vec<Finding>,
    remarks: &mut Vec<String>,
) {
    let told_by: BTreeSet<&[u8]> = inventory.components.iter().map(|c| &*c.told_by).collect();
    let accounted = |path: &[u8]| {
        vouched.contains(path)
            || told_by.contains(path)
            // Also of a program that is made of crates or modules, and says so itself.
            || !inventory.claims_on(path).is_empty()
            || (DATABASES.iter().any(|folder| path.starts_with(folder))
                && !path.starts_with(OF_PACKAGES))
            || path == b"var/lib/dpkg/info/format"
    };
    let mut links = 0_usize;
    for (path, found) in tree.iter() {
        let what = match &found.node {
            Node::Directory => continue,
            Node::File(place) => counted(place.size, "byte"),
            Node::Symlink(target) => format!("a link to {}", printable_bytes(target)),
            Node::Special => "a device or a pipe".to_owned(),
        };
        counts.files_found += 1;
        if accounted(path) {
            continue;
        }
        if matches!(found.node, Node::Symlink(_)) {
            // A link brings nothing of its own: what it leads to is asked.
            let real = tree.real_path(path);
            let leads_to = real
                .as_deref()
                .and_then(|real| Some((real, tree.get(real)?)));
            if leads_to.is_some_and(|(real, found)| {
                matches!(found.node, Node::Directory) || accounted(real)
            }) {
                links += 1;
                continue;
            }
        }
        findings.push(Finding::new(
            Kind::UnaccountedFile,
            printable_bytes(path),
            format!(
                "{what}, of layer {}, and no package has it",
                found.layer + 1
            ),
        ));
    }
    if links > 0 {
        remarks.push(format!(
            "{} of nobody lead to what packages have",
            counted(links, "link")
        ));
    }
}
