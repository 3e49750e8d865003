//! From a list of entries to the bytes of a layer: always the same bytes.
//!
//! A tar archive leaves much to chance: the order of its entries, who owned the files and
//! when they were last touched, which of several dialects it is written in, how it is
//! padded, and by which release of which program it was compressed. Here each of these has
//! one answer, so a layer is a function of its contents.
//!
//! It is made in three steps. A [`Builder`] collects entries from files, directories, tar
//! archives of any kind, and lists; it sorts and merges them, and where two sources want
//! different things it names both. The [`Contents`] that come out know of each entry its size,
//! its origin and the component it belongs to. A [`Layer`] is all of them, or a part that
//! somebody selects ([`Contents::select`]): several layers may be made of what was collected
//! once. It knows its tar stream down to the byte, so [`Layer::write`] can cut the stream into
//! blocks that any number of threads make, hash and compress, in one pass and in bounded memory. Blocks
//! end where the content says, so that after a change the others keep their bytes.
//!
//! ```
//! # fn main() -> Result<(), verbatim_archive::Error> {
//! use verbatim_archive::{Builder, Compression, Defaults, Encoding, Item, Wish};
//!
//! let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
//! builder.item(b"etc/motd", Item::Bytes(b"hello\n".to_vec()), &Wish::default(), "the example")?;
//! let layer = builder.finish()?;
//! let mut blob = Vec::new();
//! let summary = layer.write(Encoding::new(Compression::Gzip, None)?, 2, &mut blob, &|_| {})?;
//! assert_eq!(summary.digest, verbatim_digest::Digest::of(&blob));
//! # Ok(())
//! # }
//! ```

mod block_kind;
mod builder;
mod content;
mod contents;
mod cut;
mod encode;
mod entry;
mod error;
mod header;
mod import;
mod keeper;
mod layer;
mod links;
mod mtree;
mod path;
mod replaced;
mod rules;
mod scrubbing;
mod settle;
mod stream;
mod tree;
mod whiteout;
mod write;

pub use builder::{Builder, Defaults, Item, Mtime, Wish};
pub use contents::{Contents, Listed, Origin, What};
pub use encode::{Compression, Cut, Encoder, Encoding, Settings};
pub use entry::Xattrs;
pub use error::Error;
pub use import::{ArchiveOptions, Devices};
pub use keeper::{Keeper, Kept};
pub use layer::Layer;
pub use rules::{Filter, Glob, Overrides, Set};
pub use tree::Links;
pub use write::Summary;
