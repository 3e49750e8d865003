//! Base images, pulled by digest into layouts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;
use verbatim_foreign::printable_path;
use verbatim_oci::layout::{write_root, Layout, Progress};
use verbatim_oci::{Descriptor, Document, Reference};
use verbatim_registry::{Client, Pull, Target, Which};

use crate::base::BaseImage;
use crate::error::{Error, Result};
use crate::machine;

/// Nobody looks at how many bytes came.
#[derive(Debug)]
struct Silent;

impl Progress for Silent {
    fn total(&self, _: u64) {}
    fn add(&self, _: u64) {}
}

/// For transfers whose progress is not shown.
pub(crate) fn silent() -> Arc<dyn Progress> {
    Arc::new(Silent)
}

/// A folder of layouts, each named by the digest that it is of.
pub struct Images {
    folder: PathBuf,
}

impl Images {
    /// Those in a folder, which is made if need be.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| Error::io(printable_path(folder), &e))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Where the layout of an image is.
    pub fn layout(&self, image: &BaseImage) -> PathBuf {
        self.folder.join(image.digest.hex())
    }

    /// Whether the layout of an image is there, and of that image. Blobs are checked when they are brought in.
    pub fn has(&self, image: &BaseImage) -> Result<bool> {
        let path = self.layout(image);
        if !path.exists() {
            return Ok(false);
        }
        let (_, index) = Layout::open(&path)?.index()?;
        match index.manifests.as_slice() {
            [one] if one.digest == image.digest => Ok(true),
            _ => Err(Error::does_not_hold(format!(
                "{}: must be a layout of {} alone, and is of something else",
                printable_path(&path),
                image.digest
            ))),
        }
    }

    /// Pull an image for this machine's platform. Of an index the other platforms are left out; it is kept
    /// all the same, for its digest is what a build remembers.
    pub fn fetch(&self, image: &BaseImage, client: &Client, runtime: &Runtime) -> Result<()> {
        let repository = &image.name.repository;
        let out = self.layout(image);
        let served = runtime.block_on(client.manifest(repository, &Which::Digest(image.digest)))?;
        let file = format!("{repository}@{}", image.digest);
        let document = Document::parse(&served.bytes, &file)?;
        let reference: Reference = repository
            .to_string()
            .parse()
            .map_err(|e: verbatim_oci::ReferenceError| Error::wrong(e.to_string()))?;
        let pull = Pull {
            target: Target {
                reference,
                digest: Some(image.digest),
            },
            platforms: match &document {
                Document::Index(_) => vec![machine::platform()],
                Document::Manifest(_) => Vec::new(),
            },
            shallow: false,
            tag: None,
        };
        runtime.block_on(client.pull(&pull, &out, silent()))?;
        if let Document::Index(index) = &document {
            let blob = out.join("blobs/sha256").join(image.digest.hex());
            fs::write(&blob, &served.bytes).map_err(|e| Error::io(printable_path(&blob), &e))?;
            write_root(
                &out,
                &Descriptor::of(index.media_type(), &served.bytes),
                None,
            )?;
        }
        Ok(())
    }
}
