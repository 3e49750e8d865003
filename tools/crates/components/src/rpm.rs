//! What rpm's database says.

use verbatim_packages::rpm::{present, Present};
use verbatim_packages::Error as PackageError;

use crate::checksum::{Algorithm, Checksum};
use crate::collector::{Collector, Full, Rank};
use crate::component::{Component, Kind, Source};
use crate::inventory::Role;
use crate::needs::Stated;
use crate::system::System;
use crate::Result;

/// Where it is: in newer systems, in older ones, and in images of OSTree.
const DATABASES: [&[u8]; 3] = [
    b"usr/lib/sysimage/rpm/rpmdb.sqlite",
    b"var/lib/rpm/rpmdb.sqlite",
    b"usr/share/rpm/rpmdb.sqlite",
];
/// Names in the same folders of databases that are not read.
const OTHERS: [&[u8]; 2] = [b"Packages", b"Packages.db"];
const LARGEST: u64 = 512 << 20;

pub(crate) fn read(collector: &mut Collector<'_, '_>) -> Result<()> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for path in DATABASES {
        let real = collector.root.real(path);
        if seen.contains(&real) {
            continue;
        }
        match collector.root.bytes(path, LARGEST)? {
            None => {}
            Some(Err(why)) => collector.unread(&real, why),
            Some(Ok(data)) => database(collector, &data, &real),
        }
        let folder = real.strip_suffix(b"rpmdb.sqlite").unwrap_or(&real);
        for name in OTHERS {
            let other = [folder, name].concat();
            if collector.root.at(&other).is_some() && collector.root.at(&real).is_none() {
                collector.unread(
                    &other,
                    "it is a database of Berkeley DB or NDB; convert it with `rpmdb --rebuilddb` of a newer rpm",
                );
            }
        }
        seen.push(real);
    }
    Ok(())
}

fn database(collector: &mut Collector<'_, '_>, data: &[u8], path: &[u8]) {
    let mut full = None;
    let read = present(data, |package| {
        one(collector, &package, path).map_err(|Full| {
            full = Some(Full);
            PackageError::refused("there are too many")
        })
    });
    match (read, full) {
        (_, Some(full)) => collector.note(path, Err(full)),
        (Err(e), None) => collector.unread(path, e.to_string()),
        (Ok(()), None) => {}
    }
}

fn one(collector: &mut Collector<'_, '_>, package: &Present, path: &[u8]) -> Result<(), Full> {
    let release = format!("{}-{}", package.version, package.release);
    let epoch = package.epoch.map(|epoch| epoch.to_string());
    let version = match &epoch {
        Some(epoch) => format!("{epoch}:{release}"),
        None => release.clone(),
    };
    let architecture = package.architecture.as_deref();
    let system = collector.system.as_ref();
    let purl = System::purl(system, "rpm", "", &package.name, &release, architecture)
        .with("epoch", epoch.as_deref().unwrap_or_default());
    let at = collector.add(Component {
        kind: Kind::Rpm,
        name: package.name.clone(),
        version,
        architecture: package.architecture.clone(),
        source: package.source.as_deref().and_then(source),
        license: package.license.clone(),
        purl: Some(purl.to_string()),
        told_by: path.to_vec(),
    })?;
    let needs = package.requires.iter().map(|name| vec![name.clone()]);
    let stated = Stated {
        needs: needs.collect(),
        provides: package.provides.clone(),
    };
    collector.stated.insert(at, stated);
    let algorithm = Algorithm::of_openpgp(package.algorithm);
    for file in &package.files {
        let checksum = algorithm.and_then(|one| Checksum::of_hex(one, &file.digest));
        let (role, rank) = match file {
            _ if file.is_ghost => (Role::Ghost, Rank::Ghost),
            _ if file.is_config => (Role::Config, Rank::Distribution),
            _ => (Role::Content, Rank::Distribution),
        };
        let path = match file.is_directory {
            true => collector.root.real(&file.path),
            false => collector.root.place(&file.path),
        };
        // What stands there if somebody made it is not what the package has.
        let checksum = checksum.filter(|_| !file.is_ghost);
        collector.claim_real(at, path, checksum, (role, rank))?;
    }
    Ok(())
}

/// The source of `bash-5.2-3.src.rpm`.
fn source(file: &str) -> Option<Source> {
    let stem = file
        .strip_suffix(".src.rpm")
        .or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some(Source {
        name: name.to_owned(),
        version: Some(format!("{version}-{release}")),
    })
}
