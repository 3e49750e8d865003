//! What a statement may be about: a file, or the manifest or index of an image, by its bytes.

use std::path::Path;

use verbatim_document::file;
use verbatim_oci::layout::{Layout, Published};
use verbatim_oci::{Error, Result};

use crate::known::Known;

/// The digests of a regular file.
///
/// # Errors
/// It is not there, is no regular file, or cannot be read.
pub fn of_file(path: &Path, with_sha512: bool) -> Result<Known> {
    let (file, _) = file::open(path).map_err(|e| unreadable(path, e))?;
    Known::of_reader(file, with_sha512).map_err(|e| unreadable(path, e))
}

/// The digests of the image in a layout: of the manifest or index that would be
/// [published](Published) of it. What is attached to the image is not.
///
/// # Errors
/// It holds no image, or several of which none is meant, or a document is not what its digest says.
pub fn of_layout(layout: &Layout) -> Result<Known> {
    Ok(Known::of(&Published::of(layout, None)?.bytes))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::io(path.display(), "cannot be read", error)
}
