//! The files of an image that a person names, and what its databases say of them.

use anyhow::Context;
use verbatim_components::Inventory;
use verbatim_oci::layout::{Blobs, Saved};
use verbatim_oci::{Descriptor, Platform};
use verbatim_rootfs::{Image, Limits, RootFs};

use crate::opened::Opened;
use crate::outcome::{unchecked, Unchecked};
use crate::place::Place;
use crate::registry_options::{tell_retries, RegistryOptions};

/// An image, all of whose layers were read.
pub struct Files {
    pub tree: RootFs,
    pub inventory: Inventory,
}

impl Files {
    /// Read the image that is meant by a text.
    pub fn open(
        text: &str,
        platform: Option<&Platform>,
        registry: &RegistryOptions,
    ) -> anyhow::Result<Self> {
        let place = Place::of(text)?;
        if let Place::Layout(path) = &place {
            if let Some(saved) = Saved::open(path).map_err(unchecked)? {
                let mut files = Self::of(&saved, saved.root(), platform)?;
                // Its manifest was made here; what others call it is its ID.
                files.tree.image.digest = files.tree.image.id;
                return Ok(files);
            }
        }
        let runtime = runtime()?;
        let client = registry.client(Some(tell_retries()))?;
        let opened = Opened::open(place, &client, &runtime)?;
        Self::of(opened.from.blobs(), (&opened.root, &opened.bytes), platform)
    }

    /// Read the image that a document stands for.
    pub fn of(
        blobs: &dyn Blobs,
        (root, bytes): (&Descriptor, &[u8]),
        platform: Option<&Platform>,
    ) -> anyhow::Result<Self> {
        let image = Image::choose(blobs, root, bytes, platform).map_err(unchecked)?;
        Self::read(blobs, image)
    }

    /// Read the layers of an image.
    pub fn read(blobs: &dyn Blobs, image: Image) -> anyhow::Result<Self> {
        let tree = RootFs::read(blobs, image, &Limits::default()).map_err(unchecked)?;
        let inventory = Inventory::read(&tree, &[]).map_err(unreadable)?;
        Ok(Self { tree, inventory })
    }
}

/// What was read once and cannot be read again was not checked.
pub fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
    anyhow::Error::new(error)
        .context("a layer cannot be read again")
        .context(Unchecked)
}

/// What the network needs.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    verbatim_registry::runtime()
        .context("the network cannot be used")
        .map_err(|e| e.context(Unchecked))
}
