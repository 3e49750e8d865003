//! What lies where in a tar archive of images.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use verbatim_document::file::open;
use verbatim_reader::{Archive, Compression, Kind};

use crate::{Error, ErrorKind, Result};

/// Entries of an archive that are remembered; more than any image has blobs.
const MAX_ENTRIES: usize = 1 << 20;
/// Links that lead to links, at most.
const MAX_LINKS: usize = 8;

/// The file of archives of `docker save` that names the parts of their images.
pub(super) const LIST: &str = "manifest.json";

/// Archives of images, by how they name what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveKind {
    /// A layout, whatever else is in it: `docker save` since version 25 writes both.
    Layout,
    /// What `docker save` wrote before, and `podman save` still does.
    Saved,
}

/// Tells the kind of an archive by the names of its files, as they come.
#[derive(Debug, Default)]
pub struct ArchiveNames {
    marker: bool,
    index: bool,
    list: bool,
}

impl ArchiveNames {
    /// Take note of a file.
    pub fn add(&mut self, name: &[u8]) {
        match std::str::from_utf8(name).ok().and_then(plain).as_deref() {
            Some("oci-layout") => self.marker = true,
            Some("index.json") => self.index = true,
            Some(LIST) => self.list = true,
            _ => {}
        }
    }

    /// The kind, once all files were seen; `None` if it is no archive of images.
    pub fn kind(&self) -> Option<ArchiveKind> {
        match self.marker && self.index {
            true => Some(ArchiveKind::Layout),
            false => self.list.then_some(ArchiveKind::Saved),
        }
    }
}

/// What lies in an archive.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Where the content of each file begins, and its size.
    pub(super) files: BTreeMap<String, (u64, u64)>,
    /// From the path of a link to the path that it leads to.
    links: BTreeMap<String, String>,
}

impl Scanned {
    /// Find the files and links of an archive; `name` in messages.
    pub(super) fn of(path: &Path, name: &str) -> Result<Self> {
        let failed = |e: io::Error| Error::io(name, "cannot be read", e);
        let (mut file, _) = open(path).map_err(failed)?;
        let mut start = Vec::new();
        (&file).take(10).read_to_end(&mut start).map_err(failed)?;
        let compression = Compression::of_magic(&start);
        if compression != Compression::None {
            return Err(Error::new(
                ErrorKind::Unsupported,
                name,
                format!("is compressed with {compression}, and blobs cannot be found inside; decompress it first"),
            ));
        }
        if start.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{') {
            return Err(Error::new(
                ErrorKind::Unsupported,
                name,
                "is a JSON document where an OCI layout must be: a folder, or a tar archive of one",
            ));
        }
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut archive = Archive::open_file(file);
        let mut scanned = Self::default();
        while let Some(entry) = archive.next_entry().map_err(|e| {
            Error::new(
                ErrorKind::Malformed,
                name,
                format!("is no tar archive of a layout: {e}"),
            )
        })? {
            let Some(file) = std::str::from_utf8(&entry.path).ok().and_then(plain) else {
                continue;
            };
            if scanned.files.len() + scanned.links.len() == MAX_ENTRIES {
                return Err(Error::new(
                    ErrorKind::Limit,
                    name,
                    format!("has more than {MAX_ENTRIES} entries, the limit for a layout"),
                ));
            }
            let link = match &entry.kind {
                Kind::File => None,
                Kind::Symlink { target } => Some(beside(&file, &String::from_utf8_lossy(target))),
                Kind::HardLink { target } => Some(beside("", &String::from_utf8_lossy(target))),
                _ => continue,
            };
            let twice = scanned.files.contains_key(&file) || scanned.links.contains_key(&file);
            if twice {
                return Err(Error::new(
                    ErrorKind::Malformed,
                    name,
                    format!("holds {file} twice; write the archive again"),
                ));
            }
            match (link, entry.content_offset()) {
                (Some(target), _) => drop(scanned.links.insert(file, target)),
                (None, Some(at)) => drop(scanned.files.insert(file, (at, entry.size))),
                // A blob with holes is none that an image tool wrote.
                (None, None) => {}
            }
        }
        Ok(scanned)
    }

    /// The kind of the archive.
    pub(super) fn kind(&self) -> Option<ArchiveKind> {
        let mut names = ArchiveNames::default();
        self.files
            .keys()
            .for_each(|name| names.add(name.as_bytes()));
        names.kind()
    }

    /// Where a file lies that is named in the archive, behind links to others: old archives link
    /// a layer to the same one of another image.
    pub(super) fn find(&self, file: &str) -> Option<(u64, u64)> {
        let mut path = plain(file)?;
        for _ in 0..MAX_LINKS {
            match self.links.get(&path) {
                Some(target) => path.clone_from(target),
                None => break,
            }
        }
        self.files.get(&path).copied()
    }
}

/// A path in an archive in its one spelling; `None` if it leads upwards, as no archive of images
/// writes it.
fn plain(path: &str) -> Option<String> {
    let is_upwards = path.split('/').any(|part| part == "..");
    (!is_upwards).then(|| beside("", path))
}

/// Where a link at a path leads, in the archive: no further up than to its root.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => path.split('/').collect(),
    };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_beside_and_never_out() {
        for (path, target, leads) in [
            ("a/layer.tar", "../b/layer.tar", "b/layer.tar"),
            ("a/layer.tar", "../../../x", "x"),
            ("a/layer.tar", "/b/./layer.tar", "b/layer.tar"),
            ("layer.tar", "b//layer.tar", "b/layer.tar"),
            ("", "./b/layer.tar", "b/layer.tar"),
        ] {
            assert_eq!(beside(path, target), leads, "{path} {target}");
        }
        assert_eq!(plain("././a//b/."), Some("a/b".into()));
        assert_eq!(plain("a/../oci-layout"), None);
    }

    #[test]
    fn archives_are_told_by_their_names() {
        for (names, kind) in [
            (&["oci-layout", "index.json"][..], Some(ArchiveKind::Layout)),
            (
                &["./oci-layout", "././index.json", "manifest.json"],
                Some(ArchiveKind::Layout),
            ),
            (&["manifest.json", "repositories"], Some(ArchiveKind::Saved)),
            // Half a layout names nothing.
            (&["oci-layout", "manifest.json"], Some(ArchiveKind::Saved)),
            (&["index.json", "manifest.json"], Some(ArchiveKind::Saved)),
            (&["index.json"], None),
            (&["x/manifest.json", "../manifest.json"], None),
            (&[], None),
        ] {
            let mut found = ArchiveNames::default();
            names.iter().for_each(|name| found.add(name.as_bytes()));
            assert_eq!(found.kind(), kind, "{names:?}");
        }
    }
}
