//! Adding to a layout that is there: what is attached to its image, or what a copy lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use verbatim_digest::Digest;
use verbatim_output::OutputFile;

use super::listed::{Listed, Tie, REF_NAME};
use super::source::{blob_path, Layout};
use super::tar;
use super::whole::unwritable;
use super::write::output_error;
use crate::attached::{image_kind, with_layers, CosignTag, DigestTag, KIND};
use crate::{json, Descriptor, Document, Error, ErrorKind, Index, MediaType, Result};

/// What is to be added to a layout that is there.
#[derive(Debug, Default)]
pub struct Additions {
    blobs: BTreeMap<Digest, Vec<u8>>,
    /// Entries of `index.json`. What has one of cosign's tags is merged with what has that tag
    /// already; everything else stays.
    pub entries: Vec<Descriptor>,
    /// What goes under one of cosign's tags, as layers of what has that tag.
    tagged: Vec<(CosignTag, Digest, Vec<Descriptor>)>,
}

impl Additions {
    /// Add a blob or a document.
    pub fn add_blob(&mut self, bytes: Vec<u8>) {
        self.blobs.insert(Digest::of(&bytes), bytes);
    }

    /// Add a manifest that says itself what it is about.
    pub fn add_referrer(&mut self, manifest: Vec<u8>) -> Result<()> {
        let document = Document::parse(&manifest, "the manifest")?;
        let mut entry = bare(&Descriptor::of(document.media_type(), &manifest));
        entry.artifact_type = document.as_referrer(&manifest).artifact_type;
        self.entries.push(entry);
        self.add_blob(manifest);
        Ok(())
    }

    /// Add layers to what one of cosign's tags stands for; they are among the blobs.
    pub fn add_tagged(&mut self, tag: CosignTag, subject: &Digest, layers: Vec<Descriptor>) {
        self.tagged.push((tag, *subject, layers));
    }

    /// Mark the entry of the image itself: `cosign` finds nothing at an image without that.
    pub fn mark_image(&mut self, image: &Descriptor) {
        let mut entry = bare(image);
        let kind = image_kind(&entry.media_type);
        entry.annotations.insert(KIND.into(), kind.into());
        self.entries.push(entry);
    }

    /// Write it all: blobs, and then `index.json`; an archive is written anew. Whether there was
    /// anything to write.
    pub fn write(mut self, layout: &Layout) -> Result<bool> {
        let (before, index) = layout.index()?;
        let mut entries = index.manifests.clone();
        for entry in std::mem::take(&mut self.entries) {
            self.merge(layout, &mut entries, entry)?;
        }
        for (tag, subject, layers) in std::mem::take(&mut self.tagged) {
            let there = there(&layout.listed(&index), tag, &subject);
            let there = entries.iter_mut().find(|e| Some(e.digest) == there);
            let new = self.grow(layout, there, (tag, &subject), &layers)?;
            entries.extend(new);
        }
        let after = index_json(entries, index.annotations.into_iter().collect())?;
        let is_new =
            |digest: &Digest, bytes: &mut Vec<u8>| !has(layout, digest, bytes.len() as u64);
        self.blobs.retain(is_new);
        let same = Index::parse(&before, "")?.manifests == Index::parse(&after, "")?.manifests;
        if same && self.blobs.is_empty() {
            return Ok(false);
        }
        match layout.archived() {
            Some(files) => self.write_archive(layout, &files, &after)?,
            None => {
                for (digest, bytes) in &self.blobs {
                    replace(&layout.path().join(blob_path(digest)), bytes)?;
                }
                if !same {
                    replace(&layout.path().join("index.json"), &after)?;
                }
            }
        }
        Ok(true)
    }

    /// The archive with all its files and what is added: canonical, but for files of others.
    fn write_archive(
        &self,
        layout: &Layout,
        files: &BTreeMap<String, u64>,
        index: &[u8],
    ) -> Result<()> {
        let out = layout.path();
        let cannot = |e: verbatim_output::Error| output_error(out, &e);
        let failed = |e| unwritable(out, e);
        let blobs = self.blobs.iter();
        let mut new: BTreeMap<String, &[u8]> = blobs
            .map(|(digest, bytes)| (blob_path(digest), &bytes[..]))
            .collect();
        new.insert("index.json".to_owned(), index);
        let mut file = OutputFile::create(out).map_err(cannot)?;
        tar::folder(&mut file, "blobs/").map_err(failed)?;
        tar::folder(&mut file, "blobs/sha256/").map_err(failed)?;
        let names: BTreeSet<&String> = files.keys().chain(new.keys()).collect();
        for name in names {
            let size = match (new.get(name), files.get(name)) {
                (Some(bytes), _) => bytes.len() as u64,
                (None, size) => size.copied().unwrap_or_default(),
            };
            tar::file(&mut file, name, size).map_err(failed)?;
            match new.get(name) {
                Some(bytes) => file.write_all(bytes).map_err(failed)?,
                None => {
                    let (mut content, _) = layout.open_file(name)?;
                    let copied = io::copy(&mut content, &mut file).map_err(failed)?;
                    if copied != size {
                        let why = "became shorter while it was read; do it again";
                        return Err(Error::new(ErrorKind::Io, layout.file_name(name), why));
                    }
                }
            }
            tar::padding(&mut file, size).map_err(failed)?;
        }
        tar::end(&mut file).map_err(failed)?;
        file.commit().map_err(cannot)
    }

    /// Add layers to what has a tag; gives the entry of what had none.
    fn grow(
        &mut self,
        layout: &Layout,
        there: Option<&mut Descriptor>,
        (tag, subject): (CosignTag, &Digest),
        layers: &[Descriptor],
    ) -> Result<Option<Descriptor>> {
        let before = match &there {
            Some(there) => Some((layout.document(there)?, layout.blob_name(&there.digest))),
            None => None,
        };
        let before = before.as_ref().map(|(bytes, file)| (&bytes[..], &file[..]));
        let Some(grown) = with_layers(before, layers)? else {
            return Ok(None);
        };
        let mut entry = Descriptor::of(MediaType::OCI_MANIFEST, &grown.manifest);
        self.add_blob(grown.manifest);
        self.add_blob(grown.config);
        match there {
            Some(there) => {
                entry.annotations = std::mem::take(&mut there.annotations);
                *there = entry;
                Ok(None)
            }
            None => {
                tag_entry(&mut entry, tag, subject, Some(*subject));
                Ok(Some(entry))
            }
        }
    }

    /// Put an entry to the others.
    fn merge(
        &mut self,
        layout: &Layout,
        entries: &mut Vec<Descriptor>,
        new: Descriptor,
    ) -> Result<()> {
        let tag = new.annotations.get(REF_NAME).cloned();
        let is_tag = tag.as_deref().and_then(DigestTag::of).is_some();
        let there = entries.iter_mut().find(|entry| match is_tag {
            true => entry.annotations.get(REF_NAME) == tag.as_ref(),
            false => entry.digest == new.digest,
        });
        let Some(there) = there else {
            entries.push(new);
            return Ok(());
        };
        if let Some(kind) = new.annotations.get(KIND) {
            there
                .annotations
                .entry(KIND.into())
                .or_insert_with(|| kind.clone());
        }
        if !is_tag || there.digest == new.digest {
            return Ok(());
        }
        let (old, file) = (layout.document(there)?, layout.blob_name(&there.digest));
        let bytes = match self.blobs.get(&new.digest) {
            Some(bytes) => bytes.clone(),
            None => layout.document(&new)?,
        };
        let Document::Manifest(more) = Document::parse(&bytes, &layout.blob_name(&new.digest))?
        else {
            return Ok(());
        };
        if let Some(merged) = with_layers(Some((&old, &file)), &more.layers)? {
            let annotations = std::mem::take(&mut there.annotations);
            *there = Descriptor {
                annotations,
                ..Descriptor::of(MediaType::OCI_MANIFEST, &merged.manifest)
            };
            self.add_blob(merged.manifest);
            self.add_blob(merged.config);
        }
        Ok(())
    }
}

/// What has a tag already, or stands for it in what `cosign save` wrote.
fn there(listed: &Listed, tag: CosignTag, subject: &Digest) -> Option<Digest> {
    let is = |tie: &Tie| *tie == Tie::Tag(*subject, tag) || *tie == Tie::Saved(tag);
    let mut attached = listed.attached.iter();
    attached
        .find(|(tie, _)| is(tie))
        .map(|(_, entry)| entry.digest)
}

/// Whether a blob is there, of the right size and the right bytes.
pub(super) fn has(layout: &Layout, digest: &Digest, size: u64) -> bool {
    let right = || -> Option<bool> {
        let (reader, there) = layout.blob(digest).ok()?;
        let (actual, _) = (there == size)
            .then(|| verbatim_digest::of_reader(reader))?
            .ok()?;
        Some(actual == *digest)
    };
    right().unwrap_or(false)
}

fn replace(path: &Path, data: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|e| unwritable(parent, e))?;
    }
    verbatim_output::write(path, data).map_err(|e| output_error(path, &e))
}

/// Of what somebody says of a document no more than is needed: remarks of others could be names.
pub(super) fn bare(descriptor: &Descriptor) -> Descriptor {
    Descriptor::new(
        descriptor.media_type.clone(),
        descriptor.digest,
        descriptor.size,
    )
}

pub(super) fn tag_entry(
    entry: &mut Descriptor,
    tag: CosignTag,
    subject: &Digest,
    image: Option<Digest>,
) {
    entry.annotations.insert(REF_NAME.into(), tag.tag(subject));
    // cosign takes the first of a kind for the image's own.
    if let Some(kind) = tag.kind().filter(|_| image == Some(*subject)) {
        entry.annotations.insert(KIND.into(), kind.into());
    }
}

pub(super) fn index_json(
    entries: Vec<Descriptor>,
    annotations: Vec<(String, String)>,
) -> Result<Vec<u8>> {
    json::to_canonical(&Index::new(
        MediaType::OCI_INDEX,
        entries,
        annotations.into_iter().collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attached::{artifact, EMPTY_CONFIG};
    use crate::gather::{Attachments, By};
    use crate::layout::{write_root, Published};

    const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

    /// A layout of an image of nothing, as a folder.
    fn layout(path: &Path) -> Descriptor {
        const CONFIG: &[u8] =
            br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "layers": [],
            "config": Descriptor::of(MediaType::OCI_CONFIG, CONFIG),
        })
        .to_string()
        .into_bytes();
        let image = Descriptor::of(MediaType::OCI_MANIFEST, &manifest);
        let blobs = path.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(image.digest.hex()), manifest).unwrap();
        fs::write(blobs.join(Digest::of(CONFIG).hex()), CONFIG).unwrap();
        write_root(path, &image, Some("v1")).unwrap();
        image
    }

    /// The same as an archive.
    fn archive(folder: &Path, tar: &Path) {
        let mut out = Vec::new();
        for name in ["oci-layout", "index.json", "stranger"] {
            let data = fs::read(folder.join(name)).unwrap_or_default();
            tar::file(&mut out, name, data.len() as u64).unwrap();
            out.extend(&data);
            tar::padding(&mut out, data.len() as u64).unwrap();
        }
        for entry in fs::read_dir(folder.join("blobs/sha256")).unwrap() {
            let (name, data) = (
                entry.as_ref().unwrap().file_name(),
                fs::read(entry.as_ref().unwrap().path()).unwrap(),
            );
            let name = format!("blobs/sha256/{}", name.to_str().unwrap());
            tar::file(&mut out, &name, data.len() as u64).unwrap();
            out.extend(&data);
            tar::padding(&mut out, data.len() as u64).unwrap();
        }
        tar::end(&mut out).unwrap();
        fs::write(tar, out).unwrap();
    }

    /// Attach a text both ways.
    fn attach(path: &Path, image: &Descriptor, text: &str) -> bool {
        let mut additions = Additions::default();
        let blob = Descriptor::of(MediaType::new(BUNDLE), text.as_bytes());
        additions.mark_image(image);
        additions.add_blob(text.into());
        additions.add_blob(EMPTY_CONFIG.into());
        let manifest = artifact(BUNDLE, blob.clone(), image, []);
        additions.add_referrer(manifest.unwrap()).unwrap();
        additions.add_tagged(CosignTag::Attestations, &image.digest, vec![blob]);
        additions.write(&Layout::open(path).unwrap()).unwrap()
    }

    #[test]
    fn what_is_attached_is_found_once_and_the_same_image_is_published() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, tar) = (dir.path().join("layout"), dir.path().join("layout.tar"));
        let image = layout(&folder);
        archive(&folder, &tar);
        for path in [folder, tar] {
            assert!(attach(&path, &image, "one"));
            assert!(!attach(&path, &image, "one"));
            assert!(attach(&path, &image, "two"));
            // Nor where others came between.
            assert!(!attach(&path, &image, "one"));
            let layout = Layout::open(&path).unwrap();
            let published = Published::of(&layout, None).unwrap();
            assert_eq!(published.descriptor.digest, image.digest);
            assert_eq!(published.name(), Some("v1"));
            let attached = layout.attached(&image.digest, &CosignTag::ALL).unwrap();
            let layers = |by: By| -> Vec<Vec<Digest>> {
                let by = attached.iter().filter(|attached| attached.by == by);
                by.map(|attached| {
                    let bytes = layout.document(&attached.descriptor).unwrap();
                    let Document::Manifest(manifest) = Document::parse(&bytes, "m").unwrap() else {
                        panic!("no manifest");
                    };
                    manifest.layers.iter().map(|layer| layer.digest).collect()
                })
                .collect()
            };
            let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
            assert_eq!(layers(By::List), [vec![one], vec![two]]);
            assert_eq!(layers(By::Tag(CosignTag::Attestations)), [vec![one, two]]);
            let report = crate::layout::check(&layout, 1, std::sync::Arc::new(())).unwrap();
            assert_eq!(report.problems, []);
        }
        let layout = Layout::open(&dir.path().join("layout.tar")).unwrap();
        assert!(layout.archived().unwrap().contains_key("stranger"));
    }
}
