//! An image where it is: its outermost document, and the place that has the rest of it and knows
//! what is attached to it.

use std::sync::Arc;

use tokio::runtime::Runtime;
use verbatim_oci::gather::Attachments;
use verbatim_oci::layout::{Blobs, Layout, Published};
use verbatim_oci::{Descriptor, MediaType};
use verbatim_registry::{Client, Remote, Target};

use crate::outcome::{unchecked, Unchecked};
use crate::place::Place;
use crate::registry_options::failed;

/// An image whose manifest or index was read.
pub struct Opened {
    pub from: From,
    /// The manifest or index, by its bytes: a tag is resolved once.
    pub root: Descriptor,
    pub bytes: Vec<u8>,
    /// The name that it has there.
    pub tag: Option<String>,
}

/// Where an image is.
pub enum From {
    Registry(Target, Remote),
    Layout(Arc<Layout>),
}

impl From {
    /// The blobs that are there.
    pub fn blobs(&self) -> &dyn Blobs {
        match self {
            Self::Registry(_, remote) => remote,
            Self::Layout(layout) => &**layout,
        }
    }

    pub fn attachments(&self) -> &dyn Attachments {
        match self {
            Self::Registry(_, remote) => remote,
            Self::Layout(layout) => &**layout,
        }
    }
}

impl Opened {
    pub fn open(place: Place, client: &Client, runtime: &Runtime) -> anyhow::Result<Self> {
        match place {
            Place::Registry(target) => {
                let repository = target.repository();
                let which = target.which();
                let manifest = runtime
                    .block_on(client.manifest(&repository, &which))
                    .map_err(failed)?;
                let media_type = MediaType::new(manifest.media_type);
                let handle = runtime.handle().clone();
                Ok(Self {
                    root: Descriptor::of(media_type, &manifest.bytes),
                    bytes: manifest.bytes,
                    tag: target.reference.tag().map(str::to_owned),
                    from: From::Registry(target, Remote::new(client.clone(), repository, handle)),
                })
            }
            Place::Layout(path) => {
                let layout = Layout::open(&path).map_err(|e| match path.exists() {
                    true => unchecked(e),
                    // What is not there was not looked at.
                    false => anyhow::Error::from(e).context(Unchecked),
                })?;
                let published = Published::of(&layout, None).map_err(unchecked)?;
                Ok(Self {
                    tag: published.name().map(str::to_owned),
                    root: published.descriptor,
                    bytes: published.bytes,
                    from: From::Layout(Arc::new(layout)),
                })
            }
        }
    }
}
