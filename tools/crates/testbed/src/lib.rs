//! Real registries, caches and clients for tests, on loopback, gone when they are dropped.
//!
//! A protocol is what its implementations do. Tests that prove something about registries
//! start those that people run, with what people protect them by, and let programs of other
//! projects read what ours wrote. All of these come with `./bazelw --in-root`; a test that
//! does not find one fails with a sentence that says so.
//!
//! Everything here panics when something is not as it should be: it is called by tests.

mod cache;
mod containerd;
mod images;
mod process;
mod registry;
mod token;

pub use cache::BuildCache;
pub use containerd::Containerd;
pub use images::{digest_of, layers_of, layout, Content};
pub use process::{crane, oras, output, run, skopeo, stranger, told, tool};
pub use registry::{Kind, Login, Registry};
pub use token::TokenServer;
