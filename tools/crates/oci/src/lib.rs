//! Container images as bytes: descriptors, configs, manifests, indexes and layouts.
//!
//! An image is a tree of documents that name each other by digest, with layers as leaves.
//! Everything in this crate follows from that: a digest is made from bytes and never copied
//! from somebody's claim, a document that is written has exactly one form
//! ([`json`]), and whatever is read may be wrong or hostile, so every statement is checked
//! against the bytes it is about and every error names the file and the JSON pointer.
//!
//! Documents of others are kept as they are. What this crate needs of them it reads through
//! small typed views that ignore what they do not know, so a base image's health check or a
//! field of tomorrow's specification survives; that is also why the types are not those of
//! `oci-spec`, which drop unknown members. Documents of this project ([`LayerMetadata`] and
//! the like) are the opposite: an unknown member is an error.

pub mod attached;
mod built_index;
mod descriptor;
mod document;
mod encoder;
pub mod gather;
pub mod graph;
mod identity;
mod image;
pub mod layer;
pub mod layout;
mod media_type;
mod metadata;
mod platform;
mod reference;
mod runtime;
mod settings;

pub use verbatim_document::{json, Error, ErrorKind, Result};

pub use built_index::{build_index, describe_index, BuiltIndex};
pub use descriptor::Descriptor;
pub use document::{Config, Document, Index, Manifest, RootFs};
pub use identity::Identity;
pub use image::{build, Base, Image};
pub use layer::{Encoder, LayerMetadata};
pub use media_type::{Family, MediaType};
pub use metadata::{ImageMetadata, IndexMetadata, Named};
pub use platform::Platform;
pub use reference::{Reference, ReferenceError};
pub use runtime::Runtime;
pub use settings::{Settings, DEFAULT_CREATED};

/// Shorthand for a path in messages, which escape what must be.
pub(crate) fn name(path: &std::path::Path) -> String {
    path.display().to_string()
}
