//! From a manifest to a lock, for RPM: indexes and packages are checked on the way.

use std::io::BufReader;
use std::path::Path;

use base64::Engine as _;
use verbatim_digest::Digest;
use verbatim_reader::decompress;

use super::catalog::Collector;
use super::install::is_the_one;
use super::package::Package;
use super::repository::{self, Candidate, LARGEST_INDEX, LARGEST_REPOMD};
use super::scripts;
use super::tags::signature;
use crate::choice::{self, Chosen, Terms};
use crate::deb::Script;
use crate::fetch::{location, open_checked, Cache, Fetcher};
use crate::lock::{Lock, LockedIndex, LockedPackage};
use crate::manifest::{Manifest, Source};
use crate::openpgp::KeyRing;
use crate::places::Places;
use crate::source::SafePath;
use crate::{Error, Moment, Result};

/// A repository whose indexes were checked.
struct Repository<'a> {
    source: &'a Source,
    terms: Terms,
    ring: KeyRing,
    indexes: Vec<LockedIndex>,
}

/// Choose packages. `now` is the moment for sources that stand for none; `old` is the lock that is
/// replaced.
pub fn choose(
    manifest: &Manifest,
    places: &Places,
    fetcher: &Fetcher,
    now: Moment,
    old: Option<&Lock>,
) -> Result<Lock> {
    let mut repositories = Vec::new();
    let mut listed: Vec<(Candidate, u32)> = Vec::new();
    for (number, source) in (0..).zip(&manifest.sources) {
        let mut repository = Repository {
            source,
            terms: Terms::of(source, places, now, old)?,
            ring: choice::ring(manifest, source)?,
            indexes: Vec::new(),
        };
        let wanted = |candidate: &Candidate| {
            let architecture = &candidate.architecture;
            architecture == "noarch" || manifest.architectures.contains(architecture)
        };
        repository.read(fetcher, |candidate| {
            if wanted(&candidate) {
                listed.push((candidate, number));
            }
        })?;
        repositories.push(repository);
    }
    let mut chosen = Chosen::default();
    for architecture in &manifest.architectures {
        let mut collector = Collector::new(architecture, &manifest.exclude);
        for (candidate, number) in &listed {
            collector.add(candidate, *number);
        }
        let catalog = collector.finish(manifest.recommends);
        let wanted = catalog.wanted(&manifest.packages)?;
        let solution = choice::solve(architecture, &catalog, &wanted)?;
        chosen.add(architecture, &catalog, solution, |package| {
            let (candidate, source) = catalog.package(package);
            let locked = LockedPackage {
                name: candidate.name.clone(),
                version: candidate.evr.to_string(),
                architecture: candidate.architecture.clone(),
                targets: Vec::new(),
                source: manifest.sources[source as usize].name.clone(),
                path: candidate.path.parse()?,
                size: candidate.size,
                sha256: candidate.digest,
                needed_by: Vec::new(),
            };
            Ok((locked, source))
        })?;
    }
    check_packages(&chosen, &repositories, fetcher)?;
    let indexes = repositories.into_iter().map(|one| one.indexes);
    Ok(chosen.into_lock(manifest, indexes))
}

impl Repository<'_> {
    /// Read the indexes, and give each package to `each`.
    fn read(&mut self, fetcher: &Fetcher, each: impl FnMut(Candidate)) -> Result<()> {
        let path: SafePath = "repodata/repomd.xml".parse()?;
        let name = self.terms.place.shown(&path);
        let Some(document) = fetcher.document(&self.terms.place, &path, LARGEST_REPOMD)? else {
            return Err(Error::wrong(format!(
                "the source `{}` has no {name}; correct its `url`",
                self.source.name
            )));
        };
        let beside: SafePath = "repodata/repomd.xml.asc".parse()?;
        let signed = match self.source.unsigned {
            true => None,
            false => {
                let signature = fetcher.document(&self.terms.place, &beside, LARGEST_REPOMD)?;
                let signature = signature.ok_or_else(|| {
                    Error::refused(format!(
                        "{name} is not signed: there is no repomd.xml.asc beside it; sign it, or say `unsigned = true`"
                    ))
                })?;
                self.ring
                    .check_detached(&document, &signature, self.terms.at)
                    .map_err(|e| e.of(&name))?;
                Some(signature)
            }
        };
        let indexes = repository::repomd(&document, &name)?;
        let date = indexes.iter().filter_map(|index| index.time).max();
        let date = date.map(|seconds| Moment::from_seconds(seconds.min(i64::MAX as u64) as i64));
        if let Some(date) = date {
            self.terms.check_date(date).map_err(|e| e.of(&name))?;
        }
        self.note(&path, &document, date);
        if let Some(signature) = signed {
            self.note(&beside, &signature, None);
        }
        let primary = indexes.iter().find(|index| index.kind == "primary");
        let primary = primary.ok_or_else(|| {
            Error::refused(format!("{name}: it has no index of packages (`primary`)"))
        })?;
        let path: SafePath = primary.path.parse().map_err(|e: Error| e.of(&name))?;
        let name = self.terms.place.shown(&path);
        let Some(data) = fetcher.document(&self.terms.place, &path, LARGEST_INDEX)? else {
            return Err(Error::unreachable(format!(
                "{name} is not there; if the source is just being updated, try again"
            )));
        };
        let (found, size) = (Digest::of(&data), data.len() as u64);
        if found != primary.digest || primary.size.is_some_and(|listed| listed != size) {
            return Err(Error::refused(format!(
                "{name} has {size} bytes with the sha256 {}, and repomd.xml says {}: it does not match; if the source is just being updated, try again",
                found.hex(),
                primary.digest.hex()
            )));
        }
        self.note(&path, &data, None);
        repository::primary(BufReader::new(decompress(&data[..])), &name, each)
    }

    fn note(&mut self, path: &SafePath, data: &[u8], date: Option<Moment>) {
        self.indexes.push(LockedIndex {
            path: path.clone(),
            size: data.len() as u64,
            sha256: Digest::of(data),
            date,
        });
    }
}

/// Look at each package that was chosen: it must be the one of the index, and who signed it one of
/// those who may. One that nobody signed is vouched for by the index alone.
fn check_packages(
    chosen: &Chosen,
    repositories: &[Repository<'_>],
    fetcher: &Fetcher,
) -> Result<()> {
    let cache = Cache::open(None, &std::env::temp_dir())?;
    let wanted: Vec<_> = chosen
        .packages()
        .map(|(locked, source)| (locked, &repositories[source].terms.place))
        .collect();
    fetcher.packages(&wanted, cache.path(), &|_| {})?;
    for (locked, source) in chosen.packages() {
        check_package(locked, &repositories[source], cache.path())?;
    }
    Ok(())
}

fn check_package(locked: &LockedPackage, repository: &Repository<'_>, cache: &Path) -> Result<()> {
    let name = locked.path.as_str();
    let file = open_checked(locked, &location(locked, &repository.terms.place, cache))?;
    let package = Package::read(&mut BufReader::new(file), name)?;
    is_the_one(locked, &package)?;
    if repository.source.unsigned {
        return Ok(());
    }
    let signed = package.signed_bytes();
    let header = &package.signatures;
    let mut signatures: Vec<Vec<u8>> = Vec::new();
    for text in header.texts(signature::OPENPGP) {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text);
        signatures.push(
            bytes.map_err(|_| Error::refused(format!("{name}: a signature in it is malformed")))?,
        );
    }
    let of_header = [signature::RSA, signature::DSA];
    signatures.extend(
        of_header
            .iter()
            .filter_map(|&tag| header.blob(tag))
            .map(<[u8]>::to_vec),
    );
    let mut doubt = None;
    for signature in &signatures {
        match repository
            .ring
            .check_detached(&signed, signature, repository.terms.at)
        {
            Ok(_) => return vouches_for_all(&package, name),
            Err(e) => doubt = doubt.or(Some(e)),
        }
    }
    let old = [signature::PGP, signature::GPG]
        .iter()
        .any(|&tag| header.has(tag));
    match doubt {
        Some(e) => Err(e.of(name)),
        None if old => Err(Error::refused(format!(
            "{name}: it is signed in a form of before 2003, which is not read; sign it again with a newer rpmsign"
        ))),
        None => Ok(()),
    }
}

/// A signature is one over the header: without a digest in it, it says nothing of the files.
fn vouches_for_all(package: &Package, name: &str) -> Result<()> {
    match package.payload_digest(name)? {
        Some(_) => Ok(()),
        None => Err(Error::refused(format!(
            "{name}: its signature does not reach its files, as the header has no digest of them; build it again with rpm 4.14 or newer"
        ))),
    }
}

/// What is read of each package to see its scripts: its headers stand in front.
const PREFIX: u64 = 8 << 20;

/// The scripts of the locked packages that do something which is not done here, in the order of the
/// packages.
pub fn scripts_not_done(lock: &Lock, places: &Places, fetcher: &Fetcher) -> Result<Vec<Script>> {
    let mut found = Vec::new();
    choice::beginnings(lock, places, fetcher, PREFIX, |locked, mut data| {
        if let Ok(package) = Package::read(&mut data, locked.path.as_str()) {
            found.extend(scripts::not_done(&package));
        }
    })?;
    Ok(found)
}

#[cfg(test)]
#[path = "../../tests/support/samples.rs"]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Place;

    /// Whether a sample is taken where these keys may sign.
    fn checked(file: &str, keys: &[&str]) -> Result<()> {
        let folder = samples::folder();
        let mut ring = KeyRing::default();
        for key in keys {
            ring.add_file(&folder.path().join(format!("rpm-testkey-{key}.asc")))?;
        }
        let source = Source {
            name: "samples".to_owned(),
            url: String::new(),
            keys: Vec::new(),
            unsigned: false,
            suite: None,
            components: Vec::new(),
            snapshot: None,
        };
        let repository = Repository {
            source: &source,
            terms: Terms {
                place: Place::Folder(folder.path().to_owned()),
                at: Moment::from_seconds(1_780_000_000),
                before: None,
            },
            ring,
            indexes: Vec::new(),
        };
        let content = samples::bytes(file);
        let locked = LockedPackage {
            name: "rpm-basic".to_owned(),
            version: "1:2.3.4-5.el9".to_owned(),
            architecture: "noarch".to_owned(),
            targets: Vec::new(),
            source: "samples".to_owned(),
            path: file.parse()?,
            size: content.len() as u64,
            sha256: verbatim_digest::Digest::of(content),
            needed_by: Vec::new(),
        };
        check_package(&locked, &repository, folder.path())
    }

    #[test]
    fn who_signed_a_package_must_be_one_who_may() {
        let signed = [
            ("v4-signed-ed25519", "v4-ed25519"),
            ("v4-signed-rsa4096", "v4-rsa4096"),
            ("v6-signed-ed25519", "v6-ed25519"),
        ];
        for (sample, key) in signed {
            let file = format!("{sample}-rpm-basic-2.3.4-5.el9.noarch.rpm");
            checked(&file, &[key]).unwrap();
            let all: Vec<&str> = signed.iter().map(|(_, key)| *key).collect();
            checked(&file, &all).unwrap();
            let others: Vec<&str> = all.into_iter().filter(|one| *one != key).collect();
            let error = checked(&file, &others).unwrap_err().to_string();
            assert!(error.contains("signed with none of the keys"), "{error}");
        }
        // Nobody signed it: then its index vouches for it.
        checked("v4-rpm-basic-2.3.4-5.el9.noarch.rpm", &["v4-ed25519"]).unwrap();
    }
}
