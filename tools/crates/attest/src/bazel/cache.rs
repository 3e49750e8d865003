//! Bazel's repository cache: everything that its downloader fetched, by content.
//!
//! Source: Bazel, `RepositoryCache.java`: `content_addressable/sha256/HEX/file`, and beside it empty files that
//! say by which identifiers the file may be asked for.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use verbatim_digest::Digest;
use verbatim_document::{Error, ErrorKind, Result};
use verbatim_foreign::printable_path;

use super::{Dependencies, Dependency};
use crate::artifact;

/// What is in a cache, each by the digest of its bytes.
///
/// # Errors
/// It is no such folder, cannot be read, or a file in it is not what its name says
/// ([`ErrorKind::Mismatch`]).
pub fn downloads(cache: &Path) -> Result<BTreeSet<Digest>> {
    let folder = cache.join("content_addressable/sha256");
    let failed = |error: io::Error| Error::io(printable_path(&folder), "cannot be read", error);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path().join("file");
        let said = entry.file_name().to_str().map(Digest::from_hex);
        // A download that was broken off has a folder and no file.
        let (Some(Ok(said)), true) = (said, path.exists()) else {
            continue;
        };
        let is = artifact::of_file(&path, false)?.sha256;
        if is != said {
            let why = format!(
                "has the digest {is}, and {said} in its name; the cache is broken, remove it"
            );
            return Err(Error::new(ErrorKind::Mismatch, printable_path(&path), why));
        }
        found.insert(is);
    }
    Ok(found)
}

impl Dependencies {
    /// Take what is in a cache and not known yet, by its digest alone: a cache does not say where from.
    ///
    /// # Errors
    /// It is no such folder, cannot be read, or a file in it is not what its name says.
    pub fn read_cache(&mut self, cache: &Path) -> Result<()> {
        let found = downloads(cache)?;
        let known = |hex: &String| {
            self.fetched()
                .any(|one| one.digest.get("sha256") == Some(hex))
        };
        let new = found.iter().map(Digest::hex).filter(|hex| !known(hex));
        let new: Vec<_> = new
            .map(|hex| Dependency {
                name: None,
                uri: None,
                digest: [("sha256".to_owned(), hex)].into(),
            })
            .collect();
        self.fetch(new)
            .map_err(|problem| Error::new(ErrorKind::Malformed, printable_path(cache), problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &Path, hex: &str, content: &[u8]) {
        let folder = cache.join("content_addressable/sha256").join(hex);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), content).unwrap();
        fs::write(folder.join("id-0a"), "").unwrap();
    }

    #[test]
    fn what_is_there_is_taken_by_its_bytes() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        let mut known = Dependencies::default();
        assert!(known.read_cache(cache).is_err(), "there is no cache");
        let hex = |content: &[u8]| Digest::of(content).hex();
        put(cache, &hex(b"a"), b"a");
        put(cache, &hex(b"b"), b"b");
        fs::create_dir(cache.join("content_addressable/sha256").join(hex(b"c"))).unwrap();
        fs::create_dir(cache.join("content_addressable/sha256/tmp")).unwrap();
        let of_lock = Dependency {
            name: None,
            uri: Some("https://example.com/a".to_owned()),
            digest: [("sha256".to_owned(), hex(b"a"))].into(),
        };
        known.fetch([of_lock]).unwrap();
        known.read_cache(cache).unwrap();
        let fetched: Vec<_> = known.fetched().collect();
        assert_eq!(fetched.len(), 2);
        let by_content: Vec<_> = fetched.iter().filter(|one| one.uri.is_none()).collect();
        assert_eq!(by_content[0].digest["sha256"], hex(b"b"));
        assert!(!known.complete());

        put(cache, &hex(b"d"), b"other");
        let error = known.read_cache(cache).unwrap_err().to_string();
        assert!(error.contains("has the digest"), "{error}");
    }
}
