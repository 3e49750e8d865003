//! The folder that Bazel keeps with `--disk_cache`.
//!
//! A blob is the file `cas/XX/HASH`, where XX are the first two digits of its hash. SHA-256, SHA-1
//! and others of old share this folder, and each name tells by its length which it is; of newer
//! functions (BLAKE3) everything lies one folder deeper, under the name of the function.
//! Source: `DiskCacheClient` of Bazel 7 and 8.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use verbatim_digest::Digest;
use verbatim_document::file;
use verbatim_foreign::printable_path;

use crate::error::{Error, ErrorKind};

/// Digits of a SHA-256.
const DIGITS: usize = 64;
/// Entries of a folder that are looked at to learn by which function it names blobs.
const LOOKED_AT: usize = 256;

/// A folder of blobs.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    fn shown(&self) -> String {
        printable_path(&self.path).to_string()
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.path.join("cas").join(&hex[..2]).join(hex)
    }

    /// A blob in messages.
    pub(crate) fn name_of(&self, digest: &Digest) -> String {
        printable_path(&self.file(digest)).to_string()
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.file(digest).is_file()
    }

    /// A blob from this byte on, and how many bytes it has in all.
    pub(crate) fn open(&self, digest: &Digest, from: u64) -> Result<(File, u64), Error> {
        let path = self.file(digest);
        let failed = |e: io::Error| {
            Error::new(
                ErrorKind::Unreachable,
                printable_path(&path),
                format!("cannot be read: {e}"),
            )
        };
        let (mut file, size) = match file::open(&path) {
            Ok(opened) => opened,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(self.missing(digest)),
            Err(e) => return Err(failed(e)),
        };
        if from > 0 {
            file.seek(SeekFrom::Start(from)).map_err(failed)?;
        }
        Ok((file, size))
    }

    /// Why a blob is not here.
    fn missing(&self, digest: &Digest) -> Error {
        let cas = self.path.join("cas");
        let is_none = !cas.is_dir();
        if is_none && self.path.join("blake3/cas").is_dir() {
            return Error::other_function(self.shown(), "BLAKE3");
        }
        if is_none {
            return Error::new(
                ErrorKind::Usage,
                self.shown(),
                "is no disk cache of Bazel, for it has no folder cas; name the folder of --disk_cache, or a server as grpc://HOST:PORT",
            );
        }
        match lengths(&cas) {
            Ok(Lengths::Other(40)) => Error::other_function(self.shown(), "SHA-1"),
            Ok(Lengths::Other(n)) => {
                Error::other_function(self.shown(), &format!("digests of {n} digits"))
            }
            Ok(Lengths::Sha256) => Error::missing(self.shown(), digest),
            Err(e) => Error::new(
                ErrorKind::Unreachable,
                self.shown(),
                format!("cannot be read: {e}"),
            ),
        }
    }
}

/// How long the names of blobs are.
enum Lengths {
    /// At least one is that of a SHA-256, or there is none.
    Sha256,
    /// None that was looked at is; so long is one of them.
    Other(usize),
}

fn lengths(cas: &Path) -> io::Result<Lengths> {
    let mut other = None;
    let mut seen = 0;
    for folder in std::fs::read_dir(cas)?.take(LOOKED_AT) {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for blob in std::fs::read_dir(folder.path())?.take(LOOKED_AT) {
            let name = blob?.file_name();
            let Some(name) = name.to_str() else { continue };
            if !name.bytes().all(|b| b.is_ascii_hexdigit()) {
                continue;
            }
            if name.len() == DIGITS {
                return Ok(Lengths::Sha256);
            }
            other = Some(name.len());
            seen += 1;
            if seen >= LOOKED_AT {
                break;
            }
        }
    }
    Ok(other.map_or(Lengths::Sha256, Lengths::Other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn missing(folder: &Path) -> Error {
        let digest = Digest::from_hex(DIGEST).unwrap();
        let folder = Folder::new(folder);
        assert!(!folder.has(&digest));
        folder.open(&digest, 0).unwrap_err()
    }

    #[test]
    fn why_a_blob_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(missing(dir.path()).kind(), ErrorKind::Usage);
        fs::create_dir_all(dir.path().join("blake3/cas/ba")).unwrap();
        let error = missing(dir.path());
        assert_eq!(error.kind(), ErrorKind::OtherDigestFunction);
        assert!(error.to_string().contains("BLAKE3"), "{error}");
        fs::create_dir_all(dir.path().join("cas/ba")).unwrap();
        assert_eq!(missing(dir.path()).kind(), ErrorKind::Missing);
        let blobs = dir.path().join("cas/ba");
        fs::write(blobs.join(&DIGEST[..40]), "").unwrap();
        let error = missing(dir.path());
        assert_eq!(error.kind(), ErrorKind::OtherDigestFunction);
        assert!(error.to_string().contains("SHA-1"), "{error}");
        fs::write(blobs.join(DIGEST.replace('b', "c")), "").unwrap();
        let error = missing(dir.path());
        assert_eq!(error.kind(), ErrorKind::Missing);
        assert!(error.to_string().contains(DIGEST), "{error}");
        assert!(error.to_string().contains("--remote_download_outputs=all"));
    }
}
