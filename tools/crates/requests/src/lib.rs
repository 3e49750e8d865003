//! What build rules say to the program, in one place: the forms of JSON that
//! `rules/private/requests.bzl` writes and this crate reads.
//!
//! - an [`Entry`] of a layer (`layer --entries`, `--entry`)
//! - [`ImageSpec`], what an image is to be (`image --spec`)
//! - [`LayerFiles`] and [`Documents`]: the files of a layer and of an image (`--layer`, `index --image`)
//! - [`ImageRequest`]: an image under the name it is published, for `sums create --record` and
//!   `push --request` alike
//! - [`FileRecord`]: a file under the name it is published (`sums create --file-record`)
//!
//! A member that is not known is an error, so that a rule and a program of different versions
//! find out. `tests/requests.jsonl` holds one of each; the tests of both sides stand on it.

mod entry;
mod files;
mod image;
mod push;
mod reference;
mod sums;

pub use entry::{mode, xattr_value, Entry, EntryError};
pub use files::{Documents, FileRecord, LayerFiles};
pub use image::{Blobs, CachedLayer, ImageRequest, Source};
pub use push::PushError;
pub use reference::{is_stable, ReferenceParts, Values};
/// What an image is to be: the settings of `verbatim image`, of which JSON is one spelling.
pub use verbatim_oci::Settings as ImageSpec;
