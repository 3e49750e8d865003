//! What is in a root file system, and to which part of it each path belongs.
//!
//! Root file systems say themselves what they are made of: in the databases of dpkg, rpm and apk, in
//! the metadata of Python's and npm's packages, in what Go and `cargo auditable` write into programs.
//! [`Inventory::read`] reads them all out of a [`Tree`], which may be an archive's contents, a folder
//! or an unpacked image. It finds [`Component`]s, and of each path the [`Claim`]s on it: which
//! component says that the path is its own, and which digest it says the file has.
//!
//! A claim is a claim: nothing here compares it with the file. Nor is it believed that what is claimed
//! is there.
//!
//! All of it comes from whoever made the image. What is read is bounded; a database that makes no
//! sense is told in [`Inventory::unread`], and the rest is read all the same.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use verbatim_archive::{Builder, Defaults, Item, Wish};
//! use verbatim_components::{Inventory, Kind};
//!
//! let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
//! builder.create_parents(true);
//! let mut add = |path: &str, text: &str| {
//!     let item = Item::Bytes(text.as_bytes().to_vec());
//!     builder.item(path.as_bytes(), item, &Wish::default(), "the example")
//! };
//! add("usr/bin/hello", "#!/bin/sh\necho hello\n")?;
//! add(
//!     "var/lib/dpkg/status",
//!     "Package: hello\nStatus: install ok installed\nArchitecture: all\nVersion: 2.10-3\n",
//! )?;
//! add("var/lib/dpkg/info/hello.list", "/.\n/usr\n/usr/bin\n/usr/bin/hello\n")?;
//! let inventory = Inventory::read(&builder.contents()?, &[])?;
//! let hello = inventory.owner(b"usr/bin/hello").ok_or("nobody's")?;
//! assert_eq!((hello.kind, &*hello.version), (Kind::Deb, "2.10-3"));
//! assert_eq!(hello.purl.as_deref(), Some("pkg:deb/debian/hello@2.10-3?arch=all"));
//! # Ok(())
//! # }
//! ```

mod apk;
mod checksum;
mod collector;
mod component;
mod deb;
mod declared;
mod inventory;
mod needs;
mod npm;
mod program;
mod python;
mod root;
mod rpm;
mod system;
mod tree;

pub use checksum::{Algorithm, Checksum};
pub use component::{Component, Kind, Source};
pub use declared::Declared;
pub use inventory::{Claim, Inventory, Role, Unread};
pub use system::System;
pub use tree::{Folder, Node, Tree, What};

use std::io;

/// A tree could not be read. What a tree holds is never an error.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {source}")]
pub struct Error {
    path: String,
    source: io::Error,
}

impl Error {
    pub(crate) fn new(path: &[u8], source: io::Error) -> Self {
        Self {
            path: verbatim_foreign::printable_bytes(path).into_owned(),
            source,
        }
    }

    /// The reason that the operating system gave.
    pub fn io(&self) -> &io::Error {
        &self.source
    }
}

/// The result of reading a tree.
pub type Result<T, E = Error> = std::result::Result<T, E>;
