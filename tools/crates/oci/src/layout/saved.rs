//! Archives as `docker save` wrote them before version 25, and as `podman save` still does: no
//! manifests, but a file `manifest.json` that names configs and layers by the paths of files.
//!
//! The config of an image says the digest of each of its layers, so a manifest follows from it; that
//! manifest is in no registry, and what such an image is called is the digest of its config.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_document::file::open;

use super::source::{scan_with_links, Scanned};
use crate::graph::{check_bytes, Blobs, Content};
use crate::json::{self, MAX_DOCUMENT};
use crate::{name, Config, Descriptor, Error, ErrorKind, Index, Manifest, MediaType, Result};

const LIST: &str = "manifest.json";
/// What only layouts have.
const MARKER: &str = "oci-layout";
/// Links that lead to links, at most.
const MOST_LINKS: usize = 8;

/// An image in `manifest.json`.
#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "Layers", default)]
    layers: Option<Vec<String>>,
}

/// An archive of images that has no manifests.
#[derive(Debug)]
pub struct Saved {
    path: PathBuf,
    name: String,
    /// Where the configs and layers lie.
    files: BTreeMap<Digest, (u64, u64)>,
    /// What was made of them.
    documents: BTreeMap<Digest, Vec<u8>>,
    root: Descriptor,
}

impl Saved {
    /// Open an archive; `None` if it is no archive of this kind, but perhaps a layout.
    ///
    /// # Errors
    /// It is one, and damaged.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            return Ok(None);
        }
        // Whoever reads a layout says what is wrong with a file that is none.
        let Ok(scanned) = scan_with_links(path) else {
            return Ok(None);
        };
        if scanned.files.contains_key(MARKER) || !scanned.files.contains_key(LIST) {
            return Ok(None);
        }
        Self::of(path, &scanned).map(Some)
    }

    fn of(path: &Path, scanned: &Scanned) -> Result<Self> {
        let file = |inside: &str| format!("{}!{inside}", name(path));
        let small = |inside: &str| -> Result<Vec<u8>> {
            let (start, size) = place(scanned, inside, &file(inside))?;
            json::read_limited(part(path, start, size)?, MAX_DOCUMENT, &file(inside))
        };
        let named: Vec<Named> = json::parse(&small(LIST)?, &file(LIST))?;
        let mut saved = Self {
            path: path.to_owned(),
            name: name(path),
            files: BTreeMap::new(),
            documents: BTreeMap::new(),
            root: Descriptor::of(MediaType::OCI_INDEX, b""),
        };
        let mut manifests = Vec::new();
        for image in &named {
            let bytes = small(&image.config)?;
            let shown = file(&image.config);
            let config = Config::parse(&bytes, &shown)?;
            let paths = image.layers.as_deref().unwrap_or_default();
            config.check_layers(paths.len(), &shown)?;
            let mut layers = Vec::with_capacity(paths.len());
            for (inside, diff_id) in paths.iter().zip(&config.rootfs.diff_ids) {
                let (start, size) = place(scanned, inside, &file(inside))?;
                saved.files.insert(*diff_id, (start, size));
                layers.push(Descriptor::new(MediaType::OCI_LAYER, *diff_id, size));
            }
            let (start, size) = place(scanned, &image.config, &shown)?;
            let of_config = Descriptor::of(MediaType::OCI_CONFIG, &bytes);
            saved.files.insert(of_config.digest, (start, size));
            let manifest =
                Manifest::new(MediaType::OCI_MANIFEST, of_config, layers, BTreeMap::new());
            let bytes = json::to_canonical(&manifest)?;
            let mut descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
            saved.documents.insert(descriptor.digest, bytes);
            descriptor.platform = Some(config.platform);
            manifests.push(descriptor);
        }
        saved.root = match &manifests[..] {
            [only] => Descriptor {
                platform: None,
                ..only.clone()
            },
            _ => {
                let index = Index::new(MediaType::OCI_INDEX, manifests, BTreeMap::new());
                let bytes = json::to_canonical(&index)?;
                let root = Descriptor::of(MediaType::OCI_INDEX, &bytes);
                saved.documents.insert(root.digest, bytes);
                root
            }
        };
        Ok(saved)
    }

    /// The manifest of its only image, or an index of all of them: made here, and in no registry.
    pub fn root(&self) -> (&Descriptor, &[u8]) {
        let bytes = self.documents.get(&self.root.digest);
        (&self.root, bytes.map(Vec::as_slice).unwrap_or_default())
    }

    fn place_of(&self, digest: &Digest) -> Result<(u64, u64)> {
        self.files.get(digest).copied().ok_or_else(|| {
            Error::new(
                ErrorKind::Missing,
                &*self.name,
                format!("does not hold {digest}"),
            )
        })
    }
}

/// Where a file of the archive lies, behind links to others: old archives link a layer to the same
/// one of another image.
fn place(scanned: &Scanned, inside: &str, file: &str) -> Result<(u64, u64)> {
    let mut path = inside.strip_prefix("./").unwrap_or(inside);
    for _ in 0..MOST_LINKS {
        match scanned.links.get(path) {
            Some(target) => path = target,
            None => break,
        }
    }
    scanned.files.get(path).copied().ok_or_else(|| {
        Error::new(
            ErrorKind::Missing,
            file,
            "is named in manifest.json, and the archive does not hold it; save the image again",
        )
    })
}

fn part(path: &Path, start: u64, size: u64) -> Result<std::io::Take<std::fs::File>> {
    let failed = |e| Error::io(name(path), "cannot be read", e);
    let (mut file, _) = open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    Ok(file.take(size))
}

impl Blobs for Saved {
    fn place(&self) -> &str {
        &self.name
    }

    fn name(&self, digest: &Digest) -> String {
        match self.documents.contains_key(digest) {
            true => format!("{}!{LIST}", self.name),
            false => format!("{} ({digest})", self.name),
        }
    }

    fn has(&self, descriptor: &Descriptor) -> bool {
        self.documents.contains_key(&descriptor.digest)
            || self.files.contains_key(&descriptor.digest)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if let Some(bytes) = self.documents.get(&descriptor.digest) {
            return Ok(bytes.clone());
        }
        let file = self.name(&descriptor.digest);
        let (start, size) = self.place_of(&descriptor.digest)?;
        let bytes = json::read_limited(part(&self.path, start, size)?, MAX_DOCUMENT, &file)?;
        check_bytes(&file, descriptor, &bytes)?;
        Ok(bytes)
    }

    fn open(&self, digest: &Digest, _: Option<u64>) -> Result<Content> {
        let (start, size) = self.place_of(digest)?;
        Ok(Content {
            reader: Box::new(part(&self.path, start, size)?),
            size: Some(size),
        })
    }

    fn size(&self, digest: &Digest) -> Option<u64> {
        Some(self.files.get(digest)?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tar;
    use super::*;

    /// An archive of these files.
    fn archive(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
        let mut out = Vec::new();
        for (path, content) in files {
            tar::file(&mut out, path, content.len() as u64).unwrap();
            out.extend_from_slice(content);
            tar::padding(&mut out, content.len() as u64).unwrap();
        }
        tar::end(&mut out).unwrap();
        let path = folder.join("saved.tar");
        std::fs::write(&path, out).unwrap();
        path
    }

    fn config(layer: &[u8]) -> String {
        format!(
            r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            Digest::of(layer)
        )
    }

    #[test]
    fn a_manifest_follows_from_the_config() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(b"layer");
        let list = br#"[{"Config":"c.json","RepoTags":["a:b"],"Layers":["x/layer.tar"]}]"#;
        let path = archive(
            folder.path(),
            &[
                ("x/layer.tar", b"layer"),
                ("c.json", config.as_bytes()),
                ("manifest.json", list),
            ],
        );
        let saved = Saved::open(&path).unwrap().unwrap();
        let (root, bytes) = saved.root();
        let manifest = Manifest::parse(bytes, "x").unwrap();
        assert_eq!(root.digest, Digest::of(bytes));
        assert_eq!(manifest.config.digest, Digest::of(config.as_bytes()));
        assert_eq!(saved.document(&manifest.config).unwrap(), config.as_bytes());
        let mut layer = Vec::new();
        let content = saved.open(&manifest.layers[0].digest, None).unwrap();
        { content.reader }.read_to_end(&mut layer).unwrap();
        assert_eq!(layer, b"layer");
    }

    #[test]
    fn what_is_none_and_what_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let open = |files: &[(&str, &[u8])]| Saved::open(&archive(folder.path(), files));
        assert!(open(&[("oci-layout", b"{}"), ("manifest.json", b"[]")])
            .unwrap()
            .is_none());
        assert!(open(&[("x", b"")]).unwrap().is_none());
        assert!(Saved::open(folder.path()).unwrap().is_none());
        let one = config(b"layer");
        for (list, words) in [
            (
                r#"[{"Config":"absent","Layers":["l"]}]"#,
                "does not hold it",
            ),
            (
                r#"[{"Config":"c","Layers":["absent"]}]"#,
                "does not hold it",
            ),
            (r#"[{"Config":"c","Layers":["l","l"]}]"#, "names 1 layers"),
            (r#"[{"Config":"c"}]"#, "names 1 layers"),
            ("{}", "manifest.json"),
        ] {
            let files: [(&str, &[u8]); 3] = [
                ("c", one.as_bytes()),
                ("l", b"layer"),
                ("manifest.json", list.as_bytes()),
            ];
            let error = open(&files).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
