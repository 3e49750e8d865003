//! Lock files of Konflux, `rpms.lock.yaml`, as rpm-lockfile-prototype writes them: packages by their
//! addresses.

use std::collections::BTreeMap;

use serde::Deserialize;
use verbatim_foreign::excerpt;
use verbatim_net::percent;

use super::{sha256, version, Found};
use crate::lock::{Lock, LockedPackage};
use crate::{Error, Result};

/// What is read of the file; sources and modules are of no use here.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(rename = "lockfileVersion")]
    version: u64,
    #[serde(rename = "lockfileVendor")]
    vendor: String,
    arches: Vec<Architecture>,
}

#[derive(Debug, Deserialize)]
struct Architecture {
    arch: String,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    url: String,
    #[serde(default)]
    repoid: Option<String>,
    size: Option<u64>,
    checksum: Option<String>,
    name: Option<String>,
    evr: Option<String>,
}

/// The source of packages that say none.
const NAMELESS: &str = "rpms";

/// Read a lock file of Konflux.
pub(super) fn parse(data: &[u8]) -> Result<Lock> {
    let file: File = serde_yaml_ng::from_slice(data).map_err(|e| Error::wrong(e.to_string()))?;
    if file.version != 1 || file.vendor != "redhat" {
        return Err(Error::wrong(format!(
            "a lock file of `{}` in version {} is not known here, only that of redhat in version 1",
            excerpt(&file.vendor, 60),
            file.version
        )));
    }
    let mut bases: BTreeMap<String, Base> = BTreeMap::new();
    for package in file.arches.iter().flat_map(|one| &one.packages) {
        let address = address(&package.url)?;
        match bases.get_mut(package.source()) {
            Some(base) => base.meet(&address)?,
            None => drop(bases.insert(package.source().to_owned(), address.base())),
        }
    }
    let mut found = Found::default();
    for one in &file.arches {
        for package in &one.packages {
            let locked = locked(package, &bases[package.source()])?;
            found.add(locked, std::slice::from_ref(&one.arch))?;
        }
    }
    let architectures = file.arches.iter().map(|one| one.arch.clone()).collect();
    let sources = bases.into_iter().map(|(name, base)| (name, base.url()));
    found.into_lock(architectures, sources)
}

impl Package {
    fn source(&self) -> &str {
        self.repoid.as_deref().unwrap_or(NAMELESS)
    }
}

/// An address in its parts.
struct Address<'a> {
    /// `https://host`.
    server: &'a str,
    folders: Vec<&'a str>,
    file: &'a str,
}

fn address(url: &str) -> Result<Address<'_>> {
    let parts = || {
        let start = url.find("://")? + 3;
        let (server, path) = url.split_at(start + url[start..].find('/')?);
        let (folders, file) = path.rsplit_once('/')?;
        let folders = folders.split('/').filter(|part| !part.is_empty());
        (!file.is_empty() && !url.contains(['?', '#'])).then(|| Address {
            server,
            folders: folders.collect(),
            file,
        })
    };
    parts().ok_or_else(|| {
        Error::wrong(format!(
            "`{}` is no address of a package",
            excerpt(url, 200)
        ))
    })
}

impl Address<'_> {
    fn base(&self) -> Base {
        Base {
            server: self.server.to_owned(),
            folders: self.folders.iter().map(|part| part.to_string()).collect(),
        }
    }
}

/// What the addresses of a source begin with.
struct Base {
    server: String,
    folders: Vec<String>,
}

impl Base {
    /// Keep what is also of this address.
    fn meet(&mut self, address: &Address<'_>) -> Result<()> {
        if self.server != address.server {
            return Err(Error::wrong(format!(
                "one repository is at {} and at {}; lock each of them apart",
                excerpt(&self.server, 100),
                excerpt(address.server, 100)
            )));
        }
        let same = self.folders.iter().zip(&address.folders);
        let length = same.take_while(|(one, other)| one == other).count();
        self.folders.truncate(length);
        Ok(())
    }

    fn url(&self) -> String {
        format!("{}/{}", self.server, self.folders.join("/"))
    }
}

fn locked(package: &Package, base: &Base) -> Result<LockedPackage> {
    let lacks = |what: &str| {
        Error::wrong(format!(
            "the package at {} has no `{what}`; lock again with a newer rpm-lockfile-prototype",
            excerpt(&package.url, 200)
        ))
    };
    let name = package.name.as_deref().ok_or_else(|| lacks("name"))?;
    let evr = package.evr.as_deref().ok_or_else(|| lacks("evr"))?;
    let checksum = package
        .checksum
        .as_deref()
        .ok_or_else(|| lacks("checksum"))?;
    let address = address(&package.url)?;
    let architecture = address
        .file
        .strip_suffix(".rpm")
        .and_then(|stem| stem.rsplit_once('.'))
        .map(|(_, architecture)| architecture)
        .ok_or_else(|| {
            Error::wrong(format!(
                "the name of {} does not end with an architecture and `.rpm`",
                excerpt(&package.url, 200)
            ))
        })?;
    let folders = address.folders[base.folders.len()..].iter().copied();
    let path: Vec<String> = folders
        .chain([address.file])
        .map(percent::unescaped)
        .collect();
    Ok(LockedPackage {
        name: name.to_owned(),
        version: version(evr),
        architecture: architecture.to_owned(),
        targets: Vec::new(),
        source: package.source().to_owned(),
        path: path.join("/").parse()?,
        size: package.size.ok_or_else(|| lacks("size"))?,
        sha256: sha256(name, checksum)?,
        needed_by: Vec::new(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const GOOD: &str = "---
lockfileVersion: 1
lockfileVendor: redhat
arches:
- arch: aarch64
  packages:
  - url: https://rpm.example.com/9/aarch64/os/Packages/t/tzdata-2025a-1.el9.noarch.rpm
    repoid: base-rpms
    size: 10
    checksum: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    name: tzdata
    evr: 2025a-1.el9
    sourcerpm: tzdata-2025a-1.el9.src.rpm
  source: []
  module_metadata: []
- arch: x86_64
  packages:
  - url: https://rpm.example.com/9/x86_64/os/Packages/l/libstdc%2B%2B-11.5-2.el9.x86_64.rpm
    repoid: base-rpms
    size: 20
    checksum: sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
    name: libstdc++
    evr: 1:11.5-2.el9
  - url: https://rpm.example.com/9/aarch64/os/Packages/t/tzdata-2025a-1.el9.noarch.rpm
    repoid: base-rpms
    size: 10
    checksum: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    name: tzdata
    evr: 0:2025a-1.el9
";

    #[test]
    fn a_lock() {
        let lock = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(lock.architectures, ["aarch64", "x86_64"]);
        assert_eq!(lock.sources.len(), 1);
        assert_eq!(lock.sources[0].name, "base-rpms");
        assert_eq!(lock.sources[0].url, "https://rpm.example.com/9");
        let shown: Vec<_> = lock
            .packages
            .iter()
            .map(|p| {
                format!(
                    "{} {} {} {:?} {}",
                    p.name, p.version, p.architecture, p.targets, p.path
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "tzdata 2025a-1.el9 noarch [\"aarch64\", \"x86_64\"] aarch64/os/Packages/t/tzdata-2025a-1.el9.noarch.rpm",
                "libstdc++ 1:11.5-2.el9 x86_64 [\"x86_64\"] x86_64/os/Packages/l/libstdc++-11.5-2.el9.x86_64.rpm",
            ]
        );
    }

    #[test]
    fn what_would_mislead_is_refused() {
        for (from, to, words) in [
            ("Version: 1", "Version: 2", "version 2 is not known"),
            ("redhat", "other", "`other`"),
            ("sha256:ba", "md5:ba", "only sha256 counts"),
            ("sha256:ba", "sha256:xx", "is none"),
            ("    evr: 1:11.5-2.el9\n", "", "has no `evr`"),
            ("    size: 20\n", "", "has no `size`"),
            ("/l/libstdc", "/../../libstdc", "climb"),
            (
                "https://rpm.example.com/9/x86",
                "https://other.example.com/9/x86",
                "one repository is at",
            ),
            ("name: libstdc++", "name: ../x", "characters"),
            ("x86_64.rpm", "x86_64.rpm?x", "no address"),
            ("arches:", "arch:", "missing field `arches`"),
        ] {
            let bad = GOOD.replacen(from, to, 1);
            assert_ne!(bad, GOOD, "{from}");
            let message = parse(bad.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
