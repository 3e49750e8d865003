//! The store of podman, buildah and CRI-O: `containers/storage`, with its overlay and vfs drivers.
//!
//! Its form: `DRIVER-images/images.json` names images, with their documents beside them;
//! `DRIVER-layers/layers.json` names layers and their parents; the files of a layer are below
//! `overlay/ID/diff`, as a difference to the layers below, or below `vfs/dir/ID`, as a whole tree.

use std::collections::HashMap;
use std::path::Path;

use base64::prelude::{Engine as _, BASE64_STANDARD};
use serde::Deserialize;
use verbatim_digest::{Digest, HashingReader};
use verbatim_oci::{json, Error, ErrorKind, LayerMetadata, Reference, Result};
use verbatim_reader::Archive;

use crate::canonical;
use crate::compare::compare;
use crate::disk::{Disk, Whiteouts};
use crate::folder::Folder;
use crate::reassembled::Reassembled;
use crate::stack;
use crate::store::{Store, Stored, Watched};
use crate::wanted::Tree;
use crate::{Change, How, LayerCheck, Unpacked};

/// The largest list of images or layers.
const MAX_LIST: u64 = 64 << 20;

/// More layers than any engine stacks.
const MAX_LAYERS: usize = 512;

/// The largest archive of a layer whose size nobody told.
const MAX_ARCHIVE: u64 = 1 << 40;

/// How a store keeps what layers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    Overlay,
    Vfs,
}

impl Driver {
    fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Vfs => "vfs",
        }
    }
}

/// A store of images and their unpacked layers.
#[derive(Debug)]
pub struct Podman {
    root: Folder,
    driver: Driver,
    images: Vec<Image>,
    layers: HashMap<String, Layer>,
}

/// An image, as the store tells of it: nothing of it is proven.
#[derive(Debug, Clone, Deserialize)]
pub struct Image {
    /// What the store calls it.
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    layer: String,
    #[serde(default, rename = "big-data-names")]
    documents: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Layer {
    id: String,
    #[serde(default)]
    parent: String,
    #[serde(default)]
    uidmap: Vec<Map>,
    #[serde(default)]
    gidmap: Vec<Map>,
}

#[derive(Debug, Clone, Deserialize)]
struct Map {
    host_id: u64,
    container_id: u64,
    size: u64,
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
        None
    }
}

impl Podman {
    /// Whether a folder is such a store.
    pub fn is_at(path: &Path) -> bool {
        [Driver::Overlay, Driver::Vfs]
            .iter()
            .any(|driver| path.join(format!("{}-images", driver.name())).is_dir())
    }

    /// Open the store in a folder.
    ///
    /// # Errors
    /// It is none, it has several drivers with images, or its lists cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let root = Folder::named(path)?;
        let mut found = None;
        for driver in [Driver::Overlay, Driver::Vfs] {
            let name = format!("{}-images", driver.name());
            if !root.has(&name) || !root.folder(&name)?.has("images.json") {
                continue;
            }
            let list: Vec<Image> = list(&root.folder(&name)?, "images.json")?;
            if list.is_empty() {
                continue;
            }
            if found.is_some() {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    path.display(),
                    "holds images of the overlay and of the vfs driver; remove those that are not used",
                ));
            }
            found = Some((driver, list));
        }
        let (driver, images) = found.unwrap_or((Driver::Overlay, Vec::new()));
        let mut layers = HashMap::new();
        let name = format!("{}-layers", driver.name());
        if root.has(&name) {
            for layer in list::<Layer>(&root.folder(&name)?, "layers.json")? {
                layers.insert(layer.id.clone(), layer);
            }
        }
        Ok(Self {
            root,
            driver,
            images,
            layers,
        })
    }

    fn document(&self, image: &Image, name: &str) -> Result<Vec<u8>> {
        let folder = self
            .root
            .folder(&format!("{}-images", self.driver.name()))?
            .folder(&image.id)?;
        folder.read(&document_file(name), json::MAX_DOCUMENT)
    }

    fn name_of(&self, image: &Image) -> String {
        let folder = format!("{}-images", self.driver.name());
        self.root
            .path()
            .join(folder)
            .join(&image.id)
            .display()
            .to_string()
    }

    /// The layers of an image, bottom first: each of their archives is put together, and each file compared with
    /// what the archive says of it.
    fn check_layers(
        &self,
        image: &Image,
        expected: &[LayerMetadata],
        progress: &dyn Fn(u64),
    ) -> Result<Vec<LayerCheck>> {
        self.root
            .check_owner("run this program with `podman unshare`")?;
        let layers = self.layers_of(image)?;
        if layers.len() != expected.len() {
            return Err(Error::new(
                ErrorKind::Mismatch,
                self.name_of(image),
                format!(
                    "the store has {} layers for it, and its config names {}",
                    layers.len(),
                    expected.len()
                ),
            ));
        }
        if self.driver == Driver::Overlay {
            let names: Vec<_> = layers.iter().map(|layer| &*layer.id).collect();
            stack::check(&self.root.folder("overlay")?, &names)?;
        }
        let whiteouts = match self.driver {
            Driver::Overlay => Whiteouts::Overlay,
            Driver::Vfs => Whiteouts::None,
        };
        let mut tree = Tree::new(whiteouts);
        let mut checks: Vec<LayerCheck> = Vec::new();
        for (layer, expected) in layers.iter().zip(expected) {
            // Of a whole tree nothing can be said where the layers below are not known.
            let below = checks.iter().any(|check| check.unchecked.is_some());
            if self.driver == Driver::Vfs && below {
                checks.push(LayerCheck::unchecked(
                    "the layers below it could not be checked".to_owned(),
                ));
                continue;
            }
            if self.driver == Driver::Overlay {
                tree = Tree::new(whiteouts);
            }
            let check = self.check_layer(layer, expected, &mut tree, progress);
            checks.push(check.unwrap_or_else(|e| LayerCheck::unchecked(e.to_string())));
        }
        Ok(checks)
    }

    fn check_layer(
        &self,
        layer: &Layer,
        expected: &LayerMetadata,
        tree: &mut Tree,
        progress: &dyn Fn(u64),
    ) -> Result<LayerCheck> {
        let (folder, whiteouts) = match self.driver {
            Driver::Overlay => {
                let folder = self.root.folder("overlay")?.folder(&layer.id)?;
                (folder.folder("diff")?, Whiteouts::Overlay)
            }
            Driver::Vfs => (
                self.root.folder("vfs")?.folder("dir")?.folder(&layer.id)?,
                Whiteouts::None,
            ),
        };
        let mut disk = Disk::read(&folder, whiteouts)?;
        layer.unmap(&mut disk)?;
        let lists = self
            .root
            .folder(&format!("{}-layers", self.driver.name()))?;
        let record_name = format!("{}.tar-split.gz", layer.id);
        if self.driver == Driver::Overlay && !lists.has(&record_name) {
            return canonical::check(&disk, expected, &|_| None, progress);
        }
        let (record, _) = lists.file(&record_name)?;
        let name = lists.name(&record_name);
        let limit = expected.uncompressed_size.unwrap_or(MAX_ARCHIVE);
        let (archive, log) = Reassembled::new(record, &disk, limit);
        let mut hashed = HashingReader::new(Watched(archive, progress));
        let contents = self.driver == Driver::Vfs;
        let with_content = tree.add_layer(
            &mut Archive::new(&mut hashed).accept_missing_end(),
            contents,
            &name,
        )?;
        hashed
            .drain()
            .map_err(|e| Error::io(&name, "cannot be used", e))?;
        let (diff_id, _, _) = hashed.finish();
        let given = log.take();
        // The content of each file must have come from the place that the archive names, or another
        // file would have been read than the one that containers see.
        let fits = given.len() == with_content.len()
            && given
                .iter()
                .zip(&with_content)
                .all(|(given, path)| given.path == *path);
        if !fits {
            return Err(Error::new(
                ErrorKind::Mismatch,
                name,
                "contradicts itself: it names other files than the archive that it makes",
            ));
        }
        let mut changes = compare(tree, &disk)?;
        if diff_id != expected.diff_id {
            for given in given.into_iter().filter(|given| !given.fits) {
                let told = changes.iter().any(|change| {
                    change.path == given.path
                        && matches!(
                            change.how,
                            How::Removed | How::Size { .. } | How::Kind { .. } | How::Content
                        )
                });
                if !told {
                    changes.push(Change {
                        path: given.path,
                        how: How::Content,
                    });
                }
            }
            changes.sort();
        }
        Ok(LayerCheck {
            diff_id: Some(diff_id),
            changes,
            unchecked: None,
        })
    }

    /// The layers of an image, bottom first.
    fn layers_of(&self, image: &Image) -> Result<Vec<&Layer>> {
        let mut layers = Vec::new();
        let mut id = &image.layer;
        while !id.is_empty() {
            let Some(layer) = self.layers.get(id) else {
                return Err(Error::new(
                    ErrorKind::Missing,
                    self.name_of(image),
                    format!("its layer `{id}` is not in the store"),
                ));
            };
            layers.push(layer);
            if layers.len() > MAX_LAYERS {
                return Err(Error::new(
                    ErrorKind::Malformed,
                    self.name_of(image),
                    format!("has more than {MAX_LAYERS} layers, or they go round in a circle"),
                ));
            }
            id = &layer.parent;
        }
        layers.reverse();
        Ok(layers)
    }
}

impl Store for Podman {
    type Image = Image;

    fn images(&self) -> &[Image] {
        &self.images
    }

    fn manifests(&self, image: &Image) -> Result<Vec<(Digest, Vec<u8>)>> {
        let mut manifests = Vec::new();
        for name in image
            .documents
            .iter()
            .filter(|name| name.starts_with("manifest"))
        {
            let data = self.document(image, name)?;
            let digest = Digest::of(&data);
            if manifests.iter().all(|(other, _)| *other != digest) {
                manifests.push((digest, data));
            }
        }
        Ok(manifests)
    }

    fn config(&self, image: &Image, digest: Digest) -> Result<Vec<u8>> {
        let data = self.document(image, &digest.to_string())?;
        let found = Digest::of(&data);
        if found == digest {
            return Ok(data);
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            self.name_of(image),
            format!("the config {digest} that it keeps has the digest {found}: it was changed"),
        ))
    }

    fn check(
        &self,
        image: &Image,
        expected: &[LayerMetadata],
        progress: &dyn Fn(u64),
    ) -> Vec<Unpacked> {
        vec![Unpacked {
            place: None,
            layers: self.check_layers(image, expected, progress),
        }]
    }

    fn changed_blobs(&self, _: &Image, _: &dyn Fn(u64)) -> Result<Vec<(Digest, Digest)>> {
        Ok(Vec::new())
    }
}

impl Layer {
    /// Give files the owners that containers see.
    fn unmap(&self, disk: &mut Disk) -> Result<()> {
        const OVERRIDE: &[u8] = b"user.containers.override_stat";
        if disk
            .files
            .values()
            .any(|found| found.node.xattrs.contains_key(OVERRIDE))
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                disk.place(b"").display(),
                "keeps owners and permissions in attributes (force_mask of the engine), which is not read here",
            ));
        }
        for found in disk.files.values_mut() {
            found.node.uid = unmap(&self.uidmap, found.node.uid);
            found.node.gid = unmap(&self.gidmap, found.node.gid);
        }
        Ok(())
    }
}

/// What stays where nothing is mapped, or where the number is none of those that are.
fn unmap(map: &[Map], id: u64) -> u64 {
    let inside = |map: &Map| {
        let at = id.checked_sub(map.host_id).filter(|at| *at < map.size)?;
        map.container_id.checked_add(at)
    };
    map.iter().find_map(inside).unwrap_or(id)
}

fn list<T: serde::de::DeserializeOwned>(folder: &Folder, name: &str) -> Result<Vec<T>> {
    json::parse(&folder.read(name, MAX_LIST)?, &folder.name(name))
}

/// The file of a document: its name, where that is plain, else in base64 after an equals sign.
fn document_file(name: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.';
    match !name.is_empty() && name.bytes().all(is_plain) {
        true => name.to_owned(),
        false => format!("={}", BASE64_STANDARD.encode(name)),
    }
}
