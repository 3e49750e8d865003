//! What a name on the command line stands for.

use std::path::{Path, PathBuf};

use verbatim_oci::layout::{ArchiveKind, ArchiveNames};
use verbatim_reader::{decompress, Archive, Compression};
use verbatim_registry::{Client, Target};
use verbatim_sums::Sums;

use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::image::{Docker, Image};
use crate::limits::{Allowance, Limited, Limits};
use crate::report::{lossy, SideReport};
use crate::tree;

/// One of the two things that are compared.
pub struct Side {
    name: String,
    pub(crate) opened: Opened,
}

pub(crate) enum Opened {
    Image(Box<Image>),
    Folder(PathBuf),
    File(Blob),
    Sums(Box<List>),
}

/// A list of sums and its bytes.
pub(crate) struct List {
    pub(crate) sums: Sums,
    blob: Blob,
}

/// Opens files, folders and references.
pub struct Opener<'a> {
    /// Makes a client when the first reference is met.
    pub client: &'a dyn Fn() -> std::result::Result<Client, Error>,
    /// How much of a compressed archive is unpacked to look for an image.
    pub limits: &'a Limits,
}

impl Side {
    /// As it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was opened as.
    pub fn kind(&self) -> &'static str {
        match &self.opened {
            Opened::Image(image) => match image.source {
                crate::image::Source::Layout(_) => "an OCI layout",
                crate::image::Source::Docker(_) => "an archive of images",
                crate::image::Source::Remote(_) => "an image of a registry",
            },
            Opened::Folder(_) => "a folder",
            Opened::File(_) => "a file",
            Opened::Sums(_) => "a list of sums",
        }
    }

    pub(crate) fn report(&self) -> SideReport {
        SideReport {
            name: self.name.clone(),
            kind: match &self.opened {
                Opened::Image(image) => match image.source {
                    crate::image::Source::Layout(_) => "layout",
                    crate::image::Source::Docker(_) => "docker-archive",
                    crate::image::Source::Remote(_) => "remote",
                },
                Opened::Folder(_) => "folder",
                Opened::File(_) => "file",
                Opened::Sums(_) => "sums",
            },
            digest: match &self.opened {
                Opened::Image(image) => image.root.as_ref().map(|root| root.digest.to_string()),
                _ => None,
            },
        }
    }

    pub(crate) fn blob(&self) -> Result<&Blob> {
        match &self.opened {
            Opened::File(blob) => Ok(blob),
            Opened::Sums(list) => Ok(&list.blob),
            _ => Err(Error::input(format!("{} is {}", self.name, self.kind()))),
        }
    }
}

impl Opener<'_> {
    /// Open what a name stands for: a file or folder if there is one, else a reference.
    pub fn open(&self, name: &str) -> Result<Side> {
        let path = Path::new(name);
        let opened = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(name, path)?,
            Ok(metadata) if metadata.is_file() => self.file(name, path)?,
            Ok(_) => {
                return Err(Error::input(format!(
                    "{name} is neither a file nor a folder"
                )))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => self.reference(name)?,
            Err(e) => return Err(Error::reading(name, &e)),
        };
        Ok(Side {
            name: name.to_owned(),
            opened,
        })
    }

    fn reference(&self, name: &str) -> Result<Opened> {
        let missing = |why: String| {
            Error::input(format!(
                "there is no file {name}, and as a reference of an image it is wrong: {why}"
            ))
        };
        let looks_like_path = name.starts_with(['.', '/']) || !name.contains('/');
        if looks_like_path {
            return Err(Error::input(format!(
                "there is no file {name}; name a file, a folder, or an image as REGISTRY/NAME:TAG"
            )));
        }
        let target: Target = name
            .parse()
            .map_err(|e: verbatim_registry::Error| missing(e.to_string()))?;
        let client = (self.client)()?;
        Ok(Opened::Image(Box::new(Image::remote(
            name, &target, client,
        )?)))
    }

    fn folder(&self, name: &str, path: &Path) -> Result<Opened> {
        if path.join("oci-layout").is_file() && path.join("index.json").is_file() {
            return Ok(Opened::Image(Box::new(Image::layout(name, path, None)?)));
        }
        Ok(Opened::Folder(path.to_owned()))
    }

    fn file(&self, name: &str, path: &Path) -> Result<Opened> {
        let failed = |e| Error::reading(name, &e);
        let blob = Blob::open(path).map_err(failed)?;
        let head = blob.head(512).map_err(failed)?;
        if let Some(image) = self.archive(name, path, &blob, &head)? {
            return Ok(Opened::Image(Box::new(image)));
        }
        if path.extension().is_some_and(|e| e == "sha256") && blob.size() <= 64 << 20 {
            let data = blob.load().map_err(failed)?;
            // What is no list is compared as any other text.
            if let Ok(parsed) = verbatim_sums::text::parse(&data, name) {
                return Ok(Opened::Sums(Box::new(List {
                    sums: parsed.sums,
                    blob,
                })));
            }
        }
        Ok(Opened::File(blob))
    }

    /// An archive of images, if that is what the file is.
    fn archive(&self, name: &str, path: &Path, blob: &Blob, head: &[u8]) -> Result<Option<Image>> {
        let compressed = Compression::of_magic(head) != Compression::None;
        if !compressed && !tree::is_tar(head) {
            return Ok(None);
        }
        // The first entry tells: archives of images hold nothing but documents and layers.
        let first = {
            let reader = blob.reader().map_err(|e| Error::reading(name, &e))?;
            let mut archive = Archive::open(reader);
            match archive.next_entry() {
                Ok(Some(entry)) => lossy(&entry.path),
                _ => return Ok(None),
            }
        };
        if !begins_image(&first) {
            return Ok(None);
        }
        let Some(kind) = self.kind(name, blob)? else {
            return Ok(None);
        };
        // Blobs are looked up at random, so a compressed archive is unpacked once.
        let unpacked = if compressed {
            Some(self.unpack(name, blob)?)
        } else {
            None
        };
        let path = unpacked
            .as_ref()
            .map_or(path, |file| file.path())
            .to_owned();
        Ok(Some(match kind {
            ArchiveKind::Layout => Image::layout(name, &path, unpacked)?,
            ArchiveKind::Saved => Image::docker(name, Docker::open(&path, name)?, unpacked),
        }))
    }

    fn kind(&self, name: &str, blob: &Blob) -> Result<Option<ArchiveKind>> {
        let reader = blob.reader().map_err(|e| Error::reading(name, &e))?;
        let mut archive = Archive::open_file(reader);
        let mut names = ArchiveNames::default();
        // A damaged archive is compared as far as it goes, not as an image.
        while let Ok(Some(entry)) = archive.next_entry() {
            names.add(&entry.path);
        }
        Ok(names.kind())
    }

    fn unpack(&self, name: &str, blob: &Blob) -> Result<tempfile::NamedTempFile> {
        let failed = |e| Error::reading(name, &e);
        let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
        let mut reader = Limited::new(
            decompress(blob.reader().map_err(failed)?),
            Allowance::new(self.limits.decompressed),
            self.limits.decompressed,
        );
        std::io::copy(&mut reader, file.as_file_mut()).map_err(failed)?;
        Ok(file)
    }
}

/// Whether the first entry of an archive may be that of an archive of images.
fn begins_image(first: &str) -> bool {
    let first = first.trim_start_matches("./").trim_end_matches('/');
    let top = first.split('/').next().unwrap_or_default();
    let hex = top
        .strip_suffix(".tar")
        .or_else(|| top.strip_suffix(".json"))
        .unwrap_or(top);
    let hex = hex.strip_prefix("sha256:").unwrap_or(hex);
    matches!(
        top,
        "" | "." | "blobs" | "oci-layout" | "index.json" | "manifest.json" | "repositories"
    ) || (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
