//! Lock files of Konflux, `rpms.lock.yaml`, as rpm-lockfile-prototype writes them: read as locks of
//! RPM, so that who has one need not choose again.
//!
//! Such a file names packages by their addresses and digests, and says nothing of signatures: whoever
//! made it is believed, as with every lock.

use std::collections::BTreeMap;

use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_net::percent;

use crate::lock::{Lock, LockedPackage, LockedSource};
use crate::manifest::Format;
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

/// Read a lock file of Konflux; `name` is that of its file in messages.
pub(crate) fn parse(data: &[u8], name: &str) -> Result<Lock> {
    let wrong = |e: &dyn std::fmt::Display| Error::wrong(format!("{name}: {e}"));
    let file: File = serde_yaml_ng::from_slice(data).map_err(|e| wrong(&e))?;
    if file.version != 1 || file.vendor != "redhat" {
        return Err(wrong(&format!(
            "a lock file of `{}` in version {} is not known here, only that of redhat in version 1",
            excerpt(&file.vendor, 60),
            file.version
        )));
    }
    let mut bases: BTreeMap<String, Base> = BTreeMap::new();
    for package in file.arches.iter().flat_map(|one| &one.packages) {
        let address = address(&package.url).map_err(|e| e.of(name))?;
        match bases.get_mut(package.source()) {
            Some(base) => base.meet(&address).map_err(|e| e.of(name))?,
            None => drop(bases.insert(package.source().to_owned(), address.base())),
        }
    }
    let mut packages: BTreeMap<(String, String, String), LockedPackage> = BTreeMap::new();
    for one in &file.arches {
        for package in &one.packages {
            let locked = locked(package, &bases[package.source()]).map_err(|e| e.of(name))?;
            let key = (
                locked.architecture.clone(),
                locked.name.clone(),
                locked.version.clone(),
            );
            let entry = packages.entry(key).or_insert_with(|| locked.clone());
            if entry.sha256 != locked.sha256 {
                return Err(wrong(&format!(
                    "{} {} has different bytes for different architectures; lock each of them apart",
                    locked.name, locked.version
                )));
            }
            if !entry.targets.contains(&one.arch) {
                entry.targets.push(one.arch.clone());
            }
        }
    }
    let sources = bases.into_iter().map(|(name, base)| LockedSource {
        name,
        url: base.url(),
        indexes: Vec::new(),
    });
    let lock = Lock::new(
        Format::Rpm,
        file.arches.iter().map(|one| one.arch.clone()).collect(),
        Vec::new(),
        sources.collect(),
        packages.into_values().collect(),
    );
    lock.check().map_err(|e| e.of(name))?;
    Ok(lock)
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
    let sha256 = checksum.strip_prefix("sha256:").ok_or_else(|| {
        Error::wrong(format!(
            "the package {name} has the checksum `{}`, and only sha256 counts here",
            excerpt(checksum, 100)
        ))
    })?;
    let sha256 = Digest::from_hex(sha256)
        .map_err(|e| Error::wrong(format!("the checksum of the package {name} is none: {e}")))?;
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
        version: evr.strip_prefix("0:").unwrap_or(evr).to_owned(),
        architecture: architecture.to_owned(),
        targets: Vec::new(),
        source: package.source().to_owned(),
        path: path.join("/").parse()?,
        size: package.size.ok_or_else(|| lacks("size"))?,
        sha256,
        needed_by: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "---
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
        let lock = parse(GOOD.as_bytes(), "rpms.lock.yaml").unwrap();
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
            let message = parse(bad.as_bytes(), "x").unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
        // What nobody reads is not unfolded, however often it is meant.
        let mut bomb = String::from("a0: &a0 [x]\n");
        for n in 1..64 {
            let last = format!("*a{}", n - 1);
            bomb += &format!("a{n}: &a{n} [{}]\n", [&*last; 10].join(", "));
        }
        let bad = GOOD.replacen("---\n", &bomb, 1);
        assert!(parse(bad.as_bytes(), "x").is_ok());
    }
}
