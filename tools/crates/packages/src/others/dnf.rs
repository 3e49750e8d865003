//! Manifests of dnf: `packages.manifest.yaml`, as `dnf manifest` writes it with libpkgmanifest
//! (documents `rpm-package-manifest` from version 0.2 on, which name packages by their place in a
//! repository).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use verbatim_foreign::excerpt;
use verbatim_net::percent;

use super::{sha256, version, Found};
use crate::lock::{Lock, LockedPackage};
use crate::{Error, Result};

/// What such a file says it is.
pub(super) const DOCUMENT: &str = "rpm-package-manifest";

/// Keys that stand for packages without programs of their own: they run everywhere.
const EVERYWHERE: &str = "noarch";
/// Keys of source packages, which nobody installs.
const SOURCES: [&str; 2] = ["nosrc", "src"];

#[derive(Debug, Deserialize)]
struct File {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(default)]
    repositories: Vec<Repository>,
    /// By the package's own architecture; nothing at all where there is none.
    packages: Option<BTreeMap<String, Vec<Package>>>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    id: String,
    baseurl: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    repo_id: Option<String>,
    location: Option<String>,
    checksum: Option<String>,
    size: u64,
    evr: Option<String>,
    /// The architectures that it was chosen for, where they are not its own.
    #[serde(default)]
    parent_archs: Vec<String>,
}

/// Read a manifest of dnf.
pub(super) fn parse(data: &[u8]) -> Result<Lock> {
    let file: File = serde_yaml_ng::from_slice(data).map_err(|e| Error::wrong(e.to_string()))?;
    let repositories: BTreeMap<&str, &Repository> = file
        .data
        .repositories
        .iter()
        .map(|one| (&*one.id, one))
        .collect();
    let architectures = architectures(&file.data);
    let any = architectures.first().map_or(EVERYWHERE, String::as_str);
    let mut found = Found::default();
    let mut used = BTreeMap::new();
    for (architecture, packages) in file.data.packages.iter().flatten() {
        if SOURCES.contains(&&**architecture) {
            continue;
        }
        for package in packages {
            let repository = package.repository(&repositories)?;
            let targets = match (&package.parent_archs[..], &**architecture) {
                ([], EVERYWHERE) => Vec::new(),
                ([], own) => vec![own.to_owned()],
                (parents, _) => parents.to_vec(),
            };
            let place = repository.place(targets.first().map_or(any, String::as_str))?;
            found.add(package.locked(architecture, &place)?, &targets)?;
            used.insert(repository.id.clone(), place.url);
        }
    }
    let architectures = match architectures.is_empty() {
        true => vec![EVERYWHERE.to_owned()],
        false => architectures.into_iter().collect(),
    };
    found.into_lock(architectures, used.into_iter())
}

/// The architectures that packages were chosen for.
fn architectures(data: &Data) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (architecture, packages) in data.packages.iter().flatten() {
        if SOURCES.contains(&&**architecture) {
            continue;
        }
        for package in packages {
            match (&package.parent_archs[..], &**architecture) {
                ([], EVERYWHERE) => {}
                ([], own) => drop(all.insert(own.to_owned())),
                (parents, _) => all.extend(parents.iter().cloned()),
            }
        }
    }
    all
}

/// Where the packages of a repository are: the address that is one for all architectures, and the
/// folders below it.
struct Place {
    url: String,
    folders: String,
}

impl Repository {
    fn place(&self, architecture: &str) -> Result<Place> {
        let wrong =
            |why: &str| Error::wrong(format!("the repository {} {why}", excerpt(&self.id, 60)));
        let base = self.baseurl.as_deref().ok_or_else(|| {
            wrong("has no `baseurl`, and a list of mirrors may be another one tomorrow; add the `baseurl` of a mirror to it in the file")
        })?;
        let base = base.trim_end_matches('/');
        let fixed = base.find('$').unwrap_or(base.len());
        let Some((url, folders)) = (match base.split_at(fixed) {
            (all, "") => Some((all, String::new())),
            (before, _) => before.rfind('/').map(|slash| {
                let folders = base[slash + 1..]
                    .replace("$basearch", base_architecture(architecture))
                    .replace("$arch", architecture);
                (&base[..slash], folders)
            }),
        }) else {
            return Err(wrong("has a `baseurl` that is no address"));
        };
        if folders.contains('$') {
            return Err(wrong(
                "has a `baseurl` with variables that only dnf's settings know; write their values into it",
            ));
        }
        Ok(Place {
            url: url.to_owned(),
            folders,
        })
    }
}

/// What dnf calls `$basearch`, where it is not the architecture itself.
fn base_architecture(architecture: &str) -> &str {
    match architecture {
        "i486" | "i586" | "i686" => "i386",
        "armv7hl" => "armhfp",
        other => other,
    }
}

impl Package {
    fn repository<'a>(&self, all: &BTreeMap<&str, &'a Repository>) -> Result<&'a Repository> {
        let id = self
            .repo_id
            .as_deref()
            .ok_or_else(|| self.lacks("repo_id"))?;
        all.get(id).copied().ok_or_else(|| {
            Error::wrong(format!(
                "the package {} is of the repository `{}`, which is none of `repositories`",
                excerpt(&self.name, 100),
                excerpt(id, 60)
            ))
        })
    }

    fn lacks(&self, what: &str) -> Error {
        Error::wrong(format!(
            "the package {} has no `{what}`; make the manifest again with libpkgmanifest 0.5 or newer",
            excerpt(&self.name, 100)
        ))
    }

    fn locked(&self, architecture: &str, place: &Place) -> Result<LockedPackage> {
        let location = self
            .location
            .as_deref()
            .ok_or_else(|| self.lacks("location"))?;
        if location.contains("://") {
            return Err(Error::wrong(format!(
                "the package {} lies outside its repository, at {}; lock it from a repository that has it",
                excerpt(&self.name, 100),
                excerpt(location, 200)
            )));
        }
        let checksum = self
            .checksum
            .as_deref()
            .ok_or_else(|| self.lacks("checksum"))?;
        let evr = self.evr.as_deref().ok_or_else(|| self.lacks("evr"))?;
        let path = match &*place.folders {
            "" => location.to_owned(),
            folders => format!("{folders}/{location}"),
        };
        Ok(LockedPackage {
            name: self.name.clone(),
            version: version(evr),
            architecture: architecture.to_owned(),
            targets: Vec::new(),
            source: self.repo_id.clone().unwrap_or_default(),
            path: percent::unescaped(&path).parse()?,
            size: self.size,
            sha256: sha256(&self.name, checksum)?,
            needed_by: Vec::new(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const GOOD: &str = "document: rpm-package-manifest
version: 0.2.2
data:
  repositories:
    - id: base
      baseurl: https://rpm.example.com/9/$basearch/os/
    - id: extra
      baseurl: file:///srv/extra
      metalink: https://rpm.example.com/metalink
    - id: unused
      metalink: https://rpm.example.com/metalink
  packages:
    noarch:
      - name: tzdata
        repo_id: base
        location: Packages/t/tzdata-2025a-1.el9.noarch.rpm
        checksum: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        size: 10
        evr: 2025a-1.el9
        parent_archs: [aarch64, x86_64]
      - name: filesystem
        repo_id: base
        location: f/filesystem-1-1.noarch.rpm
        checksum: sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
        size: 3
        evr: 1-1
      - name: setup
        repo_id: extra
        location: setup-1-1.noarch.rpm
        checksum: SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
        size: 3
        evr: 0:1-1
    src:
      - name: tzdata
        repo_id: base
        location: tzdata.src.rpm
        checksum: md5:fedcba22222222222222222222222222
        size: 5
        evr: 2025a-1.el9
    x86_64:
      - name: libstdc++
        repo_id: base
        location: Packages/l/libstdc%2B%2B-11.5-2.el9.x86_64.rpm
        checksum: sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
        size: 20
        evr: 1:11.5-2.el9
        srpm: gcc-11.5-2.el9.src
";

    #[test]
    fn a_manifest() {
        let lock = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(lock.architectures, ["aarch64", "x86_64"]);
        let sources: Vec<_> = lock.sources.iter().map(|s| (&*s.name, &*s.url)).collect();
        assert_eq!(
            sources,
            [
                ("base", "https://rpm.example.com/9"),
                ("extra", "file:///srv/extra")
            ]
        );
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
                "filesystem 1-1 noarch [] aarch64/os/f/filesystem-1-1.noarch.rpm",
                "setup 1-1 noarch [] setup-1-1.noarch.rpm",
                "tzdata 2025a-1.el9 noarch [\"aarch64\", \"x86_64\"] aarch64/os/Packages/t/tzdata-2025a-1.el9.noarch.rpm",
                "libstdc++ 1:11.5-2.el9 x86_64 [\"x86_64\"] x86_64/os/Packages/l/libstdc++-11.5-2.el9.x86_64.rpm",
            ]
        );
    }

    #[test]
    fn what_would_mislead_is_refused() {
        for (from, to, words) in [
            (
                "checksum: sha256:e3",
                "checksum: md5:e3",
                "only sha256 counts",
            ),
            (
                "checksum: sha256:e3",
                "checksum: sha1:e3",
                "--checksum=sha256",
            ),
            ("sha256:e3", "sha256:xx", "is none"),
            ("        evr: 1:11.5-2.el9\n", "", "has no `evr`"),
            (
                "        location: setup-1-1.noarch.rpm\n",
                "",
                "has no `location`",
            ),
            ("repo_id: extra", "repo_id: other", "none of `repositories`"),
            ("repo_id: extra", "repo_id: unused", "has no `baseurl`"),
            ("$basearch", "$releasever", "variables"),
            ("Packages/l", "../../l", "climb"),
            ("location: setup", "location: https://x/setup", "outside"),
            ("name: setup", "name: ../x", "characters"),
            ("        size: 20\n", "", "missing field `size`"),
            ("data:", "date:", "missing field `data`"),
        ] {
            let bad = GOOD.replacen(from, to, 1);
            assert_ne!(bad, GOOD, "{from}");
            let message = parse(bad.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
