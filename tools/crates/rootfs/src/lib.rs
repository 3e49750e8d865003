//! The files of an image as its containers see them, and what each layer did to them.
//!
//! Layers are applied one over the other: a file replaces what was at its path, a white-out takes
//! it away. [`RootFs::read`] does this without unpacking anything: it keeps where each content
//! lies. For every path that ever was there it knows the [`Event`]s, so it can say which layer a
//! file comes from and which took it away.
//!
//! Nothing of a layer is interpreted before its digest, its size and its diff_id were recomputed.

mod image;
mod inventory;
mod layer;
mod links;
mod stack;
mod tree;

#[cfg(test)]
mod tests;

pub use image::{Image, LayerFacts};
pub use tree::{Event, Found, Node, Place, RootFs, What};

/// Bounds on what is read, whatever a layer claims.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes that may come out of all layers together; they go to a temporary folder.
    pub unpacked: u64,
    /// Entries of all layers together.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked: 64 << 30,
            entries: 2 << 20,
        }
    }
}
