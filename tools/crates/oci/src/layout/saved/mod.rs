//! Archives as `docker save` wrote them before version 25, and as `podman save` still does: no
//! manifests, but a file `manifest.json` that names configs and layers by the paths of files.
//!
//! [`SavedFiles`] says where these lie, and judges nothing. [`Saved`] is such an archive as a source
//! of images: the config of an image says the digest of each of its layers, so a manifest follows from it; that
//! manifest is in no registry, and what such an image is called is the digest of its config.

mod files;

use std::collections::BTreeMap;
use std::path::Path;

use verbatim_digest::Digest;

use super::archive::LIST;
use crate::graph::{check_bytes, Blobs, Content};
use crate::json;
use crate::{name, Config, Descriptor, Error, ErrorKind, Index, Manifest, MediaType, Result};

pub use files::{Part, SavedFiles, SavedImage};

/// An archive of images that has no manifests.
#[derive(Debug)]
pub struct Saved {
    archive: SavedFiles,
    /// The configs and layers.
    parts: BTreeMap<Digest, Part>,
    /// What was made of them.
    documents: BTreeMap<Digest, Vec<u8>>,
    root: Descriptor,
}

impl Saved {
    /// Open an archive; `None` if it is no archive of this kind, but perhaps a layout.
    ///
    /// # Errors
    /// It is damaged, as a layout would be too.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            return Ok(None);
        }
        match SavedFiles::open(path, &name(path))? {
            Some(archive) => Self::of(archive).map(Some),
            None => Ok(None),
        }
    }

    fn of(archive: SavedFiles) -> Result<Self> {
        let mut parts = BTreeMap::new();
        let mut documents = BTreeMap::new();
        let mut manifests = Vec::new();
        for image in archive.images() {
            let bytes = archive.document(&image.config)?;
            let config = Config::parse(&bytes, &image.config.file)?;
            config.check_layers(image.layers.len(), &image.config.file)?;
            let mut layers = Vec::with_capacity(image.layers.len());
            for (layer, diff_id) in image.layers.iter().zip(&config.rootfs.diff_ids) {
                parts.insert(*diff_id, layer.clone());
                layers.push(Descriptor::new(MediaType::OCI_LAYER, *diff_id, layer.size));
            }
            let of_config = Descriptor::of(MediaType::OCI_CONFIG, &bytes);
            parts.insert(of_config.digest, image.config.clone());
            let manifest =
                Manifest::new(MediaType::OCI_MANIFEST, of_config, layers, BTreeMap::new());
            let bytes = json::to_canonical(&manifest)?;
            let mut descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
            documents.insert(descriptor.digest, bytes);
            descriptor.platform = Some(config.platform);
            manifests.push(descriptor);
        }
        let root = match &manifests[..] {
            [only] => Descriptor {
                platform: None,
                ..only.clone()
            },
            _ => {
                let index = Index::new(MediaType::OCI_INDEX, manifests, BTreeMap::new());
                let bytes = json::to_canonical(&index)?;
                let root = Descriptor::of(MediaType::OCI_INDEX, &bytes);
                documents.insert(root.digest, bytes);
                root
            }
        };
        Ok(Self {
            archive,
            parts,
            documents,
            root,
        })
    }

    /// The manifest of its only image, or an index of all of them: made here, and in no registry.
    pub fn root(&self) -> (&Descriptor, &[u8]) {
        let bytes = self.documents.get(&self.root.digest);
        (&self.root, bytes.map(Vec::as_slice).unwrap_or_default())
    }

    fn part(&self, digest: &Digest) -> Result<&Part> {
        self.parts.get(digest).ok_or_else(|| {
            Error::new(
                ErrorKind::Missing,
                self.archive.name(),
                format!("does not hold {digest}"),
            )
        })
    }
}

impl Blobs for Saved {
    fn place(&self) -> &str {
        self.archive.name()
    }

    fn name(&self, digest: &Digest) -> String {
        match self.documents.contains_key(digest) {
            true => format!("{}!{LIST}", self.place()),
            false => format!("{} ({digest})", self.place()),
        }
    }

    fn has(&self, descriptor: &Descriptor) -> bool {
        self.documents.contains_key(&descriptor.digest)
            || self.parts.contains_key(&descriptor.digest)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if let Some(bytes) = self.documents.get(&descriptor.digest) {
            return Ok(bytes.clone());
        }
        let part = self.part(&descriptor.digest)?;
        let bytes = self.archive.document(part)?;
        check_bytes(&part.file, descriptor, &bytes)?;
        Ok(bytes)
    }

    fn open(&self, digest: &Digest, _: Option<u64>) -> Result<Content> {
        let part = self.part(digest)?;
        Ok(Content {
            reader: Box::new(self.archive.reader(part)?),
            size: Some(part.size),
        })
    }

    fn size(&self, digest: &Digest) -> Option<u64> {
        Some(self.parts.get(digest)?.size)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::PathBuf;

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
        let both = [("oci-layout", "{}"), ("index.json", "{}"), (LIST, "[]")];
        assert!(open(&both.map(|(path, text)| (path, text.as_bytes())))
            .unwrap()
            .is_none());
        assert!(open(&[("a", b""), (LIST, b"[]"), ("./a", b"")])
            .unwrap_err()
            .to_string()
            .contains("holds a twice"));
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

    /// What tools write of one image, in one way or another: it is the same to all who read it.
    #[test]
    fn parts_are_found_however_they_are_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(b"layer");
        for (at, list) in [
            (
                "x/layer.tar",
                r#"{"Config":"c.json","Layers":["x/layer.tar"]}"#,
            ),
            (
                "././x//layer.tar",
                r#"{"Config":"././c.json","Layers":["x/./layer.tar"]}"#,
            ),
            (
                "/x/layer.tar",
                r#"{"Config":"/c.json","RepoTags":null,"Layers":["./x/layer.tar"]}"#,
            ),
        ] {
            // With half of a layout beside it, which names nothing.
            let path = archive(
                folder.path(),
                &[
                    (at, b"layer"),
                    ("././c.json", config.as_bytes()),
                    ("./oci-layout", b"{}"),
                    ("././manifest.json", format!("[{list}]").as_bytes()),
                ],
            );
            let files = SavedFiles::open(&path, "saved").unwrap().unwrap();
            let [image] = files.images() else {
                panic!("{:?}", files.images())
            };
            assert_eq!(files.document(&image.config).unwrap(), config.as_bytes());
            assert_eq!(files.document(&image.layers[0]).unwrap(), b"layer");
            assert!(Saved::open(&path).unwrap().is_some());
        }
        // Nothing above the top is named.
        for list in [
            r#"[{"Config":"../c.json","Layers":[]}]"#,
            r#"[{"Config":"x/../c.json","Layers":[]}]"#,
        ] {
            let files = [("c.json", config.as_bytes()), (LIST, list.as_bytes())];
            let error = SavedFiles::open(&archive(folder.path(), &files), "saved").unwrap_err();
            assert!(error.to_string().contains("does not hold it"), "{error}");
        }
        // Of an image of nothing.
        let list = br#"[{"Config":"c.json","RepoTags":null,"Layers":null}]"#;
        let files = [("c.json", config.as_bytes()), (LIST, &list[..])];
        let path = archive(folder.path(), &files);
        let files = SavedFiles::open(&path, "saved").unwrap().unwrap();
        assert!(files.images()[0].layers.is_empty() && files.images()[0].tags.is_empty());
    }
}
