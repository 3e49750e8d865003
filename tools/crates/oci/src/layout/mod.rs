//! OCI layouts: images as files.
//!
//! A layout is a folder, or a tar archive of one, with `oci-layout`, `index.json` and blobs
//! named by their digests. [`Layout`] reads both and believes neither: a document is given
//! out only after its size and digest were recomputed, and the path of a blob is made from a
//! parsed digest alone, so nothing outside the layout can be named.

mod additions;
mod archive;
mod check;
mod import;
mod listed;
mod plan;
mod published;
mod saved;
mod source;
mod tar;
mod whole;
mod write;

pub use crate::graph::{Blobs, Content};
pub use additions::Additions;
pub use archive::{ArchiveKind, ArchiveNames};
pub(crate) use check::in_parallel;
pub use check::{
    check, check_platform, check_roots, Checked, CheckedImage, Problem, Progress, Remark, Report,
    Root,
};
pub use import::{
    image_for, images, images_and_names, import, import_documents, platforms, Candidate,
};
pub use listed::{Listed, Tie};
pub use plan::{layer_names, Inputs, LayerInput, LayerNames, Plan};
pub use published::{Kind, Published};
pub use saved::{Part, Saved, SavedFiles, SavedImage};
pub use source::Layout;
pub use whole::{Moved, Whole};
pub use write::{write_root, Link};
