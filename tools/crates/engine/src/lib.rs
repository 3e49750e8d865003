//! Images into container engines of this machine, as a stream and without a copy.
//!
//! An engine names an image by what it made of it. That name is compared with ours: what
//! runs later is what was built, or the load has failed. What the engine has already is not
//! sent again, as far as it lets us leave it out.

mod containerd;
mod docker;
mod endpoint;
mod error;
mod http;

pub use endpoint::{find, Endpoint, Engine};
pub use error::Error;

use verbatim_digest::Digest;
use verbatim_oci::layout::Plan;

/// An image that is to be loaded.
#[derive(Debug)]
pub struct Load<'a> {
    /// All of it, as an archive that is written on demand.
    pub plan: &'a Plan,
    /// The digest of the config of its one image; `None` for an index.
    pub image_id: Option<Digest>,
    /// The layers of its one image, by what is inside, and by their blobs; bottom first.
    pub layers: Vec<(Digest, Digest)>,
    /// The name that it shall have, and the tag in it.
    pub name: Option<(String, Option<String>)>,
}

impl Load<'_> {
    fn reference(&self) -> Option<(&str, Option<&str>)> {
        self.name
            .as_ref()
            .map(|(full, tag)| (full.as_str(), tag.as_deref()))
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What the engine calls it.
    pub id: Digest,
    /// It was there, so nothing was sent.
    pub unchanged: bool,
    /// Layers that the engine had, and that were left out.
    pub left_out: usize,
}

/// Load an image.
pub fn load(endpoint: &Endpoint, image: &Load<'_>) -> Result<Loaded, Error> {
    match endpoint.engine {
        Engine::Docker | Engine::Podman => docker::load(endpoint, image),
        Engine::Containerd => containerd::load(endpoint, image),
    }
}

/// The operating system and architecture that the engine runs, as `os/architecture`.
pub fn platform(endpoint: &Endpoint) -> Result<Option<String>, Error> {
    match endpoint.engine {
        Engine::Docker | Engine::Podman => docker::platform(endpoint).map(Some),
        Engine::Containerd => Ok(None),
    }
}
