//! The store of containerd: its content, its metadata, and the snapshots of the snapshotters overlayfs and native.
//!
//! Its form: `io.containerd.content.v1.content/blobs/sha256` has manifests, configs and archives of layers by digest;
//! `io.containerd.metadata.v1.bolt/meta.db` names images and snapshots, by namespace; the database of
//! a snapshotter says in which folder a snapshot is and which one lies below it. The snapshot of a layer has a key
//! that follows from the config: the digest of the diff_ids up to it. Snapshots of containers have other
//! keys and are not looked at.

mod bolt;
mod content;
mod layer;
mod metadata;

use std::collections::BTreeSet;
use std::path::Path;

use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_oci::{Document, Error, ErrorKind, LayerMetadata, Reference, Result};

use self::content::Content;
use self::layer::{Below, Form};
use self::metadata::{Metadata, Named, Snapshots};
use crate::folder::Folder;
use crate::store::{Store, Stored};
use crate::{LayerCheck, Unpacked};

const CONTENT: &str = "io.containerd.content.v1.content";
const METADATA: &str = "io.containerd.metadata.v1.bolt";

/// More documents than any image has, and deeper ones.
const MAX_DOCUMENTS: usize = 1_000;

/// A store of images, their archives and their unpacked layers.
#[derive(Debug)]
pub struct Containerd {
    root: Folder,
    content: Content,
    metadata: Metadata,
}

/// An image, as the store tells of it: nothing of it is proven.
#[derive(Debug, Clone)]
pub struct Image {
    id: String,
    namespace: String,
    names: Vec<String>,
    /// The document that it is, or why that is not known.
    target: Result<Digest, String>,
}

impl Stored for Image {
    fn id(&self) -> &str {
        &self.id
    }

    fn names(&self) -> Vec<Reference> {
        let names = self.names.iter();
        names.filter_map(|name| name.parse().ok()).collect()
    }

    fn place(&self) -> Option<String> {
        Some(format!("namespace {}", excerpt(&self.namespace, 100)))
    }
}

impl Containerd {
    /// Whether a folder is such a store.
    pub fn is_at(path: &Path) -> bool {
        [CONTENT, METADATA]
            .iter()
            .any(|name| path.join(name).is_dir())
    }

    /// Open the store in a folder.
    ///
    /// # Errors
    /// It is none, or its database cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let root = Folder::named(path)?;
        if !root.has(METADATA) {
            return Err(Error::new(
                ErrorKind::Unknowable,
                path.display(),
                format!("there is no {METADATA} in it, so nothing says which images it has; name the folder that containerd's configuration calls `root`"),
            ));
        }
        let metadata = metadata::read(&root.folder(METADATA)?)?;
        // Until something is pulled there is none.
        let mut blobs = Some(root.clone());
        for name in [CONTENT, "blobs", "sha256"] {
            blobs = match blobs.filter(|folder| folder.has(name)) {
                Some(folder) => Some(folder.folder(name)?),
                None => None,
            };
        }
        Ok(Self {
            content: Content::new(blobs),
            root,
            metadata,
        })
    }

    /// The layers of an image as one snapshotter has them.
    fn check_in(
        &self,
        snapshotter: &str,
        snapshots: &Snapshots<Named>,
        expected: &[LayerMetadata],
        progress: &dyn Fn(u64),
    ) -> Result<Vec<LayerCheck>> {
        let form = match snapshotter {
            "overlayfs" => Form::Overlay,
            "native" => Form::Whole,
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    self.root.path().display(),
                    "it is unpacked by a snapshotter that is not read here, which are overlayfs and native",
                ))
            }
        };
        self.root
            .check_owner("run this program in the user namespace of that containerd")?;
        let folder = self
            .root
            .folder(&format!("io.containerd.snapshotter.v1.{snapshotter}"))?;
        let folders = self.folders(&folder, form, snapshots, expected)?;
        let mut below = Below::new(form);
        let mut checks: Vec<LayerCheck> = Vec::new();
        for (folder, expected) in folders.iter().zip(expected) {
            let check = below.check(&self.content, folder, expected, progress);
            match check {
                Ok(check) => checks.push(check),
                // What lies below the others is not known then.
                Err(e) => {
                    let why = LayerCheck::unchecked(e.to_string());
                    checks.push(why);
                    let rest = "the layers below it could not be checked".to_owned();
                    checks.resize(folders.len(), LayerCheck::unchecked(rest));
                    break;
                }
            }
        }
        Ok(checks)
    }

    /// The folders of the files of each layer, bottom first; they must lie over each other as the config says.
    fn folders(
        &self,
        folder: &Folder,
        form: Form,
        snapshots: &Snapshots<Named>,
        expected: &[LayerMetadata],
    ) -> Result<Vec<Folder>> {
        let kept = metadata::read_snapshots(folder)?;
        let all = folder.folder("snapshots")?;
        let mut folders = Vec::new();
        let (mut key_below, mut name_below) = (String::new(), String::new());
        for key in chain(expected) {
            let wrong = |kind, what: &str| {
                let file = folder.path().display();
                Err(Error::new(kind, file, format!("the snapshot {key} {what}")))
            };
            let Some(named) = snapshots.get(&key) else {
                return wrong(ErrorKind::Missing, "is not there");
            };
            let Some(snapshot) = kept.get(&named.name) else {
                return wrong(ErrorKind::Missing, "is unknown to the snapshotter");
            };
            if named.parent != key_below || snapshot.parent != name_below {
                return wrong(
                    ErrorKind::Mismatch,
                    "lies over another one than that of the layer below it",
                );
            }
            if !snapshot.is_committed {
                return wrong(ErrorKind::Mismatch, "can still be written to");
            }
            let files = all.folder(&snapshot.id.to_string())?;
            folders.push(match form {
                Form::Overlay => files.folder("fs")?,
                Form::Whole => files,
            });
            (key_below, name_below) = (key, named.name.clone());
        }
        Ok(folders)
    }

    /// The documents of an image that are kept: its index, if it has one, and its manifests.
    fn documents(&self, image: &Image) -> Result<Vec<(Digest, Vec<u8>)>> {
        let target = image.target.as_ref().map_err(|why| {
            Error::new(
                ErrorKind::Malformed,
                &image.id,
                format!("its digest cannot be read: {why}"),
            )
        })?;
        let mut documents = vec![(*target, self.content.document(*target)?)];
        let mut known = BTreeSet::from([*target]);
        let mut at = 0;
        while let Some((digest, data)) = documents.get(at) {
            at += 1;
            let Document::Index(index) = Document::parse(data, &self.content.name(*digest))? else {
                continue;
            };
            for child in index.manifests {
                let is_document = child.media_type.is_index() || child.media_type.is_manifest();
                // Of an index that was pulled for one platform the others are not there.
                if !is_document || !self.content.has(child.digest) || !known.insert(child.digest) {
                    continue;
                }
                if documents.len() == MAX_DOCUMENTS {
                    return Err(Error::new(
                        ErrorKind::Limit,
                        &image.id,
                        format!("has more than {MAX_DOCUMENTS} documents"),
                    ));
                }
                documents.push((child.digest, self.content.document(child.digest)?));
            }
        }
        Ok(documents)
    }
}

impl Store for Containerd {
    type Image = Image;

    fn images(&self) -> &[Image] {
        &self.metadata.images
    }

    fn manifests(&self, image: &Image) -> Result<Vec<(Digest, Vec<u8>)>> {
        self.documents(image)
    }

    fn config(&self, _: &Image, digest: Digest) -> Result<Vec<u8>> {
        self.content.document(digest)
    }

    fn check(
        &self,
        image: &Image,
        expected: &[LayerMetadata],
        progress: &dyn Fn(u64),
    ) -> Vec<Unpacked> {
        let Some(top) = chain(expected).pop() else {
            return vec![Unpacked {
                place: None,
                layers: Ok(Vec::new()),
            }];
        };
        let snapshotters = self.metadata.snapshots.iter();
        let has_it = snapshotters.filter(|((namespace, _), snapshots)| {
            *namespace == image.namespace && snapshots.contains_key(&top)
        });
        has_it
            .map(|((_, snapshotter), snapshots)| Unpacked {
                place: Some(format!("snapshotter {}", excerpt(snapshotter, 100))),
                layers: self.check_in(snapshotter, snapshots, expected, progress),
            })
            .collect()
    }

    fn changed_blobs(
        &self,
        image: &Image,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<(Digest, Digest)>> {
        let mut changed = Vec::new();
        let mut known = BTreeSet::new();
        for (digest, data) in self.documents(image)? {
            let Document::Manifest(manifest) = Document::parse(&data, &self.content.name(digest))?
            else {
                continue;
            };
            for blob in manifest.layers.iter().chain([&manifest.config]) {
                if !self.content.has(blob.digest) || !known.insert(blob.digest) {
                    continue;
                }
                let found = self.content.digest(blob.digest, progress)?;
                if found != blob.digest {
                    changed.push((blob.digest, found));
                }
            }
        }
        Ok(changed)
    }
}

/// The keys of the snapshots of layers, bottom first: OCI calls them ChainIDs.
fn chain(layers: &[LayerMetadata]) -> Vec<String> {
    keys(layers.iter().map(|layer| layer.diff_id))
}

fn keys(diff_ids: impl IntoIterator<Item = Digest>) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for diff_id in diff_ids {
        keys.push(match keys.last() {
            None => diff_id.to_string(),
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()).to_string(),
        });
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_containerd_has() {
        // Of the image in `formats/testdata/bbolt/containerd.db`.
        let digest = |hex: &str| Digest::from_hex(hex).unwrap();
        let base = digest("8c8ed8f742cfc00e387d62a1a5a362ad6c1f1062cdd0bab9b5172304e00ba5e1");
        let top = digest("dddd7b99015cc29f419d948ff4968ac328b1a61d6cc8fcd8bf6a0d020ba4bdf3");
        let keys = keys([base, top]);
        assert_eq!(
            keys,
            [
                "sha256:8c8ed8f742cfc00e387d62a1a5a362ad6c1f1062cdd0bab9b5172304e00ba5e1",
                "sha256:5d3413678d89d0c42007cfac9ddd526eae67936ad2974d826ffaed77d0b952cd"
            ]
        );
    }
}
