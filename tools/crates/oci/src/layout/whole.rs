//! Writing what was gathered: an image with everything that refers to it, as a layout.
//!
//! Other programs find in it what they look for: `index.json` names the image first and what
//! is attached to it behind, under the tags that a registry would have; the annotation `kind`
//! is there for `cosign load`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use verbatim_digest::{Digest, Hasher};
use verbatim_output::{OutputDir, OutputFile};

use super::additions::{bare, has, index_json, tag_entry, Additions};
use super::check::{in_parallel, Progress};
use super::listed::REF_NAME;
use super::source::{blob_path, Layout};
use super::tar;
use super::write::{output_error, MARKER};
use crate::attached::{image_kind, KIND};
use crate::gather::{By, Gathered, Stored, Tree};
use crate::graph::{check_digest, check_size, Blobs};
use crate::{name, Descriptor, Document, Error, ErrorKind, Result};

/// How much was written, and how much was there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Blobs and documents that were written, and their bytes.
    pub written: (u64, u64),
    /// The same of those that were there.
    pub kept: (u64, u64),
}

/// An image with what refers to it, that is to be written as a layout.
pub struct Whole<'a> {
    /// What was found.
    pub gathered: &'a Gathered,
    /// Where the blobs are.
    pub blobs: &'a dyn Blobs,
    /// The name of the image in the layout.
    pub tag: Option<&'a str>,
    /// How many blobs are read at a time.
    pub parallel: usize,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

impl Whole<'_> {
    /// Write a folder. A layout of the same image that is there gets what it lacks; one of
    /// something else is never touched.
    pub fn write_folder(&self, out: &Path) -> Result<Moved> {
        self.announce();
        if out.join("oci-layout").is_file() {
            return self.complete(out);
        }
        let cannot = |e: verbatim_output::Error| output_error(out, &e);
        let folder = OutputDir::create(out).map_err(cannot)?;
        let blobs = folder.partial().join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(|e| unwritable(out, e))?;
        let mut moved = Moved::default();
        for (digest, stored) in &self.gathered.documents {
            let path = blobs.join(digest.hex());
            fs::write(&path, &stored.bytes).map_err(|e| unwritable(&path, e))?;
            self.count(&mut moved.written, stored.bytes.len() as u64);
        }
        let written = self.each_blob(|blob| {
            let path = blobs.join(blob.digest.hex());
            let mut file = File::create(&path).map_err(|e| unwritable(&path, e))?;
            self.copy(blob, &mut file, &path)?;
            Ok(true)
        })?;
        moved.written = (
            moved.written.0 + written.written.0,
            moved.written.1 + written.written.1,
        );
        let index = index_json(self.entries(), Vec::new())?;
        for (file, data) in [("oci-layout", MARKER), ("index.json", &index)] {
            let path = folder.partial().join(file);
            fs::write(&path, data).map_err(|e| unwritable(&path, e))?;
        }
        folder.commit().map_err(cannot)?;
        Ok(moved)
    }

    /// Write a tar archive: canonical, so the same things give the same bytes.
    pub fn write_archive(&self, out: &Path) -> Result<Moved> {
        self.announce();
        let cannot = |e: verbatim_output::Error| output_error(out, &e);
        let failed = |e| unwritable(out, e);
        let mut file = OutputFile::create(out).map_err(cannot)?;
        let mut moved = Moved::default();
        tar::folder(&mut file, "blobs/").map_err(failed)?;
        tar::folder(&mut file, "blobs/sha256/").map_err(failed)?;
        let leaves = self.leaves().map(|blob| (blob.digest, Err(blob)));
        let documents = &self.gathered.documents;
        let documents = documents
            .iter()
            .map(|(digest, stored)| (*digest, Ok(stored)));
        let all: BTreeMap<Digest, std::result::Result<&Stored, &Descriptor>> =
            leaves.chain(documents).collect();
        for (digest, content) in all {
            let size = match content {
                Ok(stored) => stored.bytes.len() as u64,
                Err(blob) => blob.size,
            };
            tar::file(&mut file, &blob_path(&digest), size).map_err(failed)?;
            match content {
                Ok(stored) => file.write_all(&stored.bytes).map_err(failed)?,
                Err(blob) => self.copy(blob, &mut file, out)?,
            }
            tar::padding(&mut file, size).map_err(failed)?;
            moved.written = (moved.written.0 + 1, moved.written.1 + size);
            if content.is_ok() {
                self.progress.add(size);
            }
        }
        let index = index_json(self.entries(), Vec::new())?;
        for (path, data) in [("index.json", &index[..]), ("oci-layout", MARKER)] {
            tar::file(&mut file, path, data.len() as u64).map_err(failed)?;
            file.write_all(data).map_err(failed)?;
            tar::padding(&mut file, data.len() as u64).map_err(failed)?;
        }
        tar::end(&mut file).map_err(failed)?;
        file.commit().map_err(cannot)?;
        Ok(moved)
    }

    /// Add to a layout of the same image what it lacks.
    fn complete(&self, out: &Path) -> Result<Moved> {
        let layout = Layout::open(out)?;
        let (_, index) = layout.index()?;
        let listed = layout.listed(&index);
        let root = self.gathered.image().map(|image| image.root.digest);
        if listed.images.is_empty() || listed.images.iter().any(|(_, e)| Some(e.digest) != root) {
            return Err(Error::new(
                ErrorKind::Mismatch,
                name(out),
                "is a layout of something else; remove it, or name another folder",
            ));
        }
        let mut moved = Moved::default();
        let keep = |size, moved: &mut Moved| {
            moved.kept = (moved.kept.0 + 1, moved.kept.1 + size);
            self.progress.add(size);
        };
        let mut additions = Additions::default();
        for (digest, stored) in &self.gathered.documents {
            let size = stored.bytes.len() as u64;
            if has(&layout, digest, size) {
                keep(size, &mut moved);
            } else {
                additions.add_blob(stored.bytes.clone());
                self.count(&mut moved.written, size);
            }
        }
        let blobs = self.each_blob(|blob| {
            if has(&layout, &blob.digest, blob.size) {
                self.progress.add(blob.size);
                return Ok(false);
            }
            let path = out.join(blob_path(&blob.digest));
            let cannot = |e: verbatim_output::Error| output_error(&path, &e);
            let mut file = OutputFile::create(&path).map_err(cannot)?;
            self.copy(blob, &mut file, &path)?;
            file.commit().map_err(cannot)?;
            Ok(true)
        })?;
        moved.written = (
            moved.written.0 + blobs.written.0,
            moved.written.1 + blobs.written.1,
        );
        moved.kept = (moved.kept.0 + blobs.kept.0, moved.kept.1 + blobs.kept.1);
        additions.entries = self.entries();
        additions.write(&layout)?;
        Ok(moved)
    }

    fn announce(&self) {
        let documents = self.gathered.documents.values();
        let documents = documents.map(|stored| stored.bytes.len() as u64);
        let sizes = self.leaves().map(|blob| blob.size).chain(documents);
        self.progress.total(sizes.fold(0, u64::saturating_add));
    }

    fn count(&self, count: &mut (u64, u64), size: u64) {
        *count = (count.0 + 1, count.1 + size);
        self.progress.add(size);
    }

    /// Blobs that are no documents. A manifest may be the layer of something else as well.
    fn leaves(&self) -> impl Iterator<Item = &Descriptor> {
        let documents = &self.gathered.documents;
        let blobs = self.gathered.blobs.iter();
        blobs.filter(|blob| !documents.contains_key(&blob.digest))
    }

    /// Do something with each blob, the largest first; whether it was written is counted.
    fn each_blob(&self, each: impl Fn(&Descriptor) -> Result<bool> + Sync) -> Result<Moved> {
        let mut blobs: Vec<&Descriptor> = self.leaves().collect();
        blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
        let mut moved = Moved::default();
        for (blob, written) in blobs
            .iter()
            .zip(in_parallel(&blobs, self.parallel, |blob| each(blob)))
        {
            let count = if written? {
                &mut moved.written
            } else {
                &mut moved.kept
            };
            *count = (count.0 + 1, count.1 + blob.size);
        }
        Ok(moved)
    }

    /// Copy a blob, whose size and digest are recomputed.
    fn copy(&self, blob: &Descriptor, out: &mut dyn Write, to: &Path) -> Result<()> {
        let from = self.blobs.name(&blob.digest);
        let content = self.blobs.open(&blob.digest, Some(blob.size))?;
        let mut reader = content.reader.take(blob.size.saturating_add(1));
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 18];
        let mut size = 0;
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.blobs.unreadable(&blob.digest, e)),
            };
            size += n as u64;
            if size > blob.size {
                break;
            }
            hasher.update(&buffer[..n]);
            out.write_all(&buffer[..n]).map_err(|e| unwritable(to, e))?;
            self.progress.add(n as u64);
        }
        check_size(&from, blob, size)?;
        check_digest(&from, &blob.digest, &hasher.finish())
    }

    /// What `index.json` shall name.
    fn entries(&self) -> Vec<Descriptor> {
        let mut trees = self.gathered.trees.iter();
        let mut entries = Vec::new();
        if let Some(image) = trees.next() {
            let mut entry = bare(&image.root);
            if let Some(tag) = self.tag {
                entry.annotations.insert(REF_NAME.into(), tag.into());
            }
            if self.gathered.trees.len() > 1 {
                let kind = image_kind(&entry.media_type);
                entry.annotations.insert(KIND.into(), kind.into());
            }
            entries.push(entry);
        }
        // Not in the order that a list happened to have.
        let mut attached: Vec<&Tree> = trees.collect();
        attached.sort_by_key(|tree| (tree.tie, tree.root.digest));
        let image = entries.first().map(|image| image.digest);
        for tree in attached {
            entries.extend(self.entry(tree, image));
        }
        entries
    }

    fn entry(&self, tree: &Tree, image: Option<Digest>) -> Option<Descriptor> {
        let (subject, by) = tree.tie?;
        let stored = self.gathered.documents.get(&tree.root.digest)?;
        let mut entry = bare(&tree.root);
        match by {
            By::Tag(tag) => tag_entry(&mut entry, tag, &subject, image),
            By::List => {
                let document = Document::parse(&stored.bytes, "").ok()?;
                entry.artifact_type = document.as_referrer(&stored.bytes).artifact_type;
            }
        }
        Some(entry)
    }
}

pub(super) fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::io(name(path), "cannot be written", error)
}
