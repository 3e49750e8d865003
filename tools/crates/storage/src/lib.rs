//! What a container engine has on its disk: images whose layers are unpacked.
//!
//! An engine unpacks the layers of an image and throws the archives away. What containers run is
//! then a folder of files that anybody with enough rights may have changed since, and the engine
//! still tells the digest of the image that it once pulled. Here the digest is made again from the
//! files.
//!
//! A layer's archive is its headers and the contents of its files. The contents, and all that a
//! header says of a file, are on the disk; how the headers were written (and which folders have one)
//! is not. There are three ways to know that:
//!
//! - The engine keeps a record of it, [tar-split](https://github.com/vbatts/tar-split), which is
//!   everything of an archive but the contents. The archive is put together from the record and the
//!   files ([`Podman`]). Nothing of the record is believed: if the sha256 of what was put together is
//!   the diff_id that the image's config names, then the record was right, and each file is
//!   compared with what it says. This holds for layers of any program.
//! - The engine keeps the archive itself ([`Containerd`]). If it has the digest that the image's manifest names, each
//!   file is compared with what it says.
//! - A layer that this program made has headers that follow from its entries. Where an engine kept neither,
//!   and in a folder that is of no engine, the archive is made as this program makes it ([`remake`]).
//!
//! The folder is an attacker's: links in it are never followed, only regular files are opened, paths are
//! made of names that were checked, and memory depends on the number of files and never on their
//! sizes or on what a record claims.

mod canonical;
mod change;
mod compare;
mod containerd;
mod disk;
mod folder;
mod node;
mod podman;
mod reassembled;
mod stack;
mod store;
#[cfg(test)]
mod tests;
mod wanted;

pub use canonical::{remake, Remade};
pub use change::{Change, How};
pub use containerd::Containerd;
pub use podman::Podman;
pub use store::{LayerCheck, Store, Stored, Unpacked};
