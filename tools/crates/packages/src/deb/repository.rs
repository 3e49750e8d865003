//! A repository of Debian's form: its signed index, and the indexes of packages that it vouches
//! for.

use std::io::BufReader;

use verbatim_digest::Digest;
use verbatim_reader::decompress;

use super::index::{self, Listed};
use super::release::Release;
use crate::fetch::Fetcher;
use crate::lock::LockedIndex;
use crate::manifest::Source;
use crate::openpgp::KeyRing;
use crate::source::{Place, SafePath};
use crate::{Error, Moment, Result};

/// The largest `InRelease`; Debian's has 150 KiB.
const LARGEST_RELEASE: u64 = 16 << 20;
/// The largest signature beside a `Release`.
const LARGEST_SIGNATURE: u64 = 1 << 20;
/// The largest index of packages as it is stored; Debian's has 12 MiB.
const LARGEST_INDEX: u64 = 256 << 20;
/// The largest index of packages once it is decompressed; Debian's has 60 MiB.
const LARGEST_PLAIN: u64 = 1 << 30;

/// The forms of an index, those that are read fastest for their size first.
const ENDINGS: [&str; 5] = [".zst", ".xz", ".gz", ".bz2", ""];

/// A repository whose signed index was checked.
#[derive(Debug)]
pub struct Repository<'a> {
    source: &'a Source,
    place: Place,
    /// The folder of the signed index: `dists/SUITE`, or that of a flat repository.
    folder: Option<SafePath>,
    /// None for a repository that has nothing but a list of packages.
    release: Option<Release>,
    /// What was read.
    pub indexes: Vec<LockedIndex>,
}

impl<'a> Repository<'a> {
    /// Read and check the signed index, at this moment. `before` is the date of the one that the
    /// lock was made with.
    pub fn open(
        source: &'a Source,
        place: Place,
        ring: &KeyRing,
        fetcher: &Fetcher,
        at: Moment,
        before: Option<Moment>,
    ) -> Result<Self> {
        let suite = source.suite.as_deref().unwrap_or_default();
        let folder = if source.components.is_empty() {
            match suite.trim_matches(['.', '/']) {
                "" => None,
                _ => Some(suite.parse()?),
            }
        } else {
            Some(format!("dists/{suite}").parse()?)
        };
        let mut repository = Self {
            source,
            place,
            folder,
            release: None,
            indexes: Vec::new(),
        };
        if let Some((path, text)) = repository.signed(ring, fetcher, at)? {
            let name = repository.place.shown(&path);
            let release = Release::parse(&text)
                .and_then(|release| {
                    release.check_freshness(at, before)?;
                    Ok(release)
                })
                .map_err(|e| e.of(name))?;
            if let Some(first) = repository.indexes.first_mut() {
                first.date = release.date;
            }
            repository.release = Some(release);
        }
        Ok(repository)
    }

    fn path(&self, name: &str) -> Result<SafePath> {
        match &self.folder {
            None => name.parse(),
            Some(folder) => folder.join(name),
        }
    }

    /// The text of the signed index.
    fn signed(
        &mut self,
        ring: &KeyRing,
        fetcher: &Fetcher,
        at: Moment,
    ) -> Result<Option<(SafePath, String)>> {
        let path = self.path("InRelease")?;
        if let Some(data) = fetcher.document(&self.place, &path, LARGEST_RELEASE)? {
            let name = self.place.shown(&path);
            let text = if self.source.unsigned {
                crate::openpgp::text_of(&data).map_err(|e| e.of(&name))?
            } else {
                ring.check_cleartext(&data, at).map_err(|e| e.of(&name))?.0
            };
            self.note(&path, &data);
            return Ok(Some((path, text)));
        }
        let path = self.path("Release")?;
        let name = self.place.shown(&path);
        let Some(data) = fetcher.document(&self.place, &path, LARGEST_RELEASE)? else {
            if self.source.unsigned && self.source.components.is_empty() {
                return Ok(None);
            }
            return Err(Error::wrong(format!(
                "the source `{}` has neither InRelease nor {name}; correct its `url` and `suite`",
                self.source.name
            )));
        };
        if !self.source.unsigned {
            let beside = self.path("Release.gpg")?;
            let signature = fetcher.document(&self.place, &beside, LARGEST_SIGNATURE)?;
            let signature = signature.ok_or_else(|| {
                Error::refused(format!(
                    "{name} is not signed: there is no Release.gpg beside it; sign it, or say `unsigned = true`"
                ))
            })?;
            ring.check_detached(&data, &signature, at)
                .map_err(|e| e.of(&name))?;
            self.note(&path, &data);
            self.note(&beside, &signature);
        } else {
            self.note(&path, &data);
        }
        let text = String::from_utf8(data)
            .map_err(|_| Error::refused(format!("{name} is not text in UTF-8")))?;
        Ok(Some((path, text)))
    }

    fn note(&mut self, path: &SafePath, data: &[u8]) {
        let known = self.indexes.iter().any(|index| index.path == *path);
        if !known {
            self.indexes.push(LockedIndex {
                path: path.clone(),
                size: data.len() as u64,
                sha256: Digest::of(data),
                date: None,
            });
        }
    }

    /// Give all packages of an architecture to `each`.
    pub fn packages(
        &mut self,
        architecture: &str,
        fetcher: &Fetcher,
        mut each: impl FnMut(Listed),
    ) -> Result<()> {
        let components = &self.source.components;
        if components.is_empty() {
            let mut mine = |listed: Listed| {
                if matches!(&*listed.architecture, "all") || *listed.architecture == *architecture {
                    each(listed);
                }
            };
            return self.read("Packages", fetcher, &mut mine);
        }
        for component in components {
            let of = |architecture: &str| format!("{component}/binary-{architecture}/Packages");
            let (mine, all) = (of(architecture), of("all"));
            let (has_mine, has_all) = (self.lists(&mine)?, self.lists(&all)?);
            let all_apart = has_all
                && self.release.as_ref().is_some_and(|release| {
                    let all = |name: &String| name == "all";
                    !release.all_is_elsewhere && release.architectures.iter().any(all)
                });
            if !has_mine && !all_apart {
                return Err(Error::wrong(format!(
                    "the source `{}` has no index of {component} for {architecture}; correct `components` or `architectures`, it has those for {}",
                    self.source.name,
                    self.release.as_ref().map_or(String::new(), |r| r.architectures.join(", "))
                )));
            }
            if has_mine {
                self.read(&mine, fetcher, &mut each)?;
            }
            if all_apart {
                self.read(&all, fetcher, &mut each)?;
            }
        }
        Ok(())
    }

    /// Whether the signed index vouches for an index, in any form.
    fn lists(&self, name: &str) -> Result<bool> {
        let Some(release) = &self.release else {
            return Ok(true);
        };
        for ending in ENDINGS {
            let path: SafePath = format!("{name}{ending}").parse()?;
            if release.files.contains_key(&path) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Read an index in the first of its forms that is there.
    fn read(&mut self, name: &str, fetcher: &Fetcher, each: &mut dyn FnMut(Listed)) -> Result<()> {
        for ending in ENDINGS {
            let form = format!("{name}{ending}");
            let expected = match &self.release {
                None => None,
                Some(release) => match release.files.get(&form.parse()?) {
                    None => continue,
                    Some(expected) => Some(*expected),
                },
            };
            let path = self.path(&form)?;
            let Some(data) = self.fetch(&path, expected, fetcher)? else {
                continue;
            };
            let shown = self.place.shown(&path);
            let plain = match (&self.release, name.parse()) {
                (Some(release), Ok(name)) => release.files.get(&name).map(|(_, size)| *size),
                _ => None,
            };
            let limit = plain.unwrap_or(LARGEST_PLAIN).min(LARGEST_PLAIN);
            let bounded = Bounded {
                source: decompress(&data[..]),
                left: limit,
            };
            index::read(BufReader::with_capacity(256 << 10, bounded), each)
                .map_err(|e| e.of(&shown))?;
            self.note(&path, &data);
            return Ok(());
        }
        let name = self.path(name)?;
        Err(Error::unreachable(format!(
            "the source `{}` has {} in none of its forms",
            self.source.name,
            self.place.shown(&name)
        )))
    }

    /// The bytes of an index: by their digest where the source has them so, which does not
    /// change under whoever reads.
    fn fetch(
        &self,
        path: &SafePath,
        expected: Option<(Digest, u64)>,
        fetcher: &Fetcher,
    ) -> Result<Option<Vec<u8>>> {
        let Some((digest, size)) = expected else {
            return fetcher.document(&self.place, path, LARGEST_INDEX);
        };
        if size > LARGEST_INDEX {
            return Err(Error::refused(format!(
                "{} would have {size} bytes, and {LARGEST_INDEX} are the most that is read",
                self.place.shown(path)
            )));
        }
        if self.release.as_ref().is_some_and(|release| release.by_hash) {
            let folder = path
                .as_str()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            let by_hash = format!("{folder}/by-hash/SHA256/{}", digest.hex());
            let by_hash = by_hash.trim_start_matches('/').parse()?;
            if let Some(data) = fetcher.document(&self.place, &by_hash, size)? {
                check(&self.place.shown(&by_hash), &data, digest, size)?;
                return Ok(Some(data));
            }
        }
        // One byte more than it may have, so that what is too long is told as what it is.
        let Some(data) = fetcher.document(&self.place, path, LARGEST_INDEX)? else {
            return Ok(None);
        };
        check(&self.place.shown(path), &data, digest, size)?;
        Ok(Some(data))
    }
}

fn check(name: &str, data: &[u8], digest: Digest, size: u64) -> Result<()> {
    let found = Digest::of(data);
    if data.len() as u64 == size && found == digest {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{name} has {} bytes with the sha256 {}, and the signed index says {size} bytes with {}: it does not match; if the source is just being updated, try again",
        data.len(),
        found.hex(),
        digest.hex()
    )))
}

/// Bytes that end with an error where there are more than may be.
struct Bounded<R> {
    source: R,
    left: u64,
}

impl<R: std::io::Read> std::io::Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "it decompresses to more than it may have",
            )
        })?;
        Ok(n)
    }
}
