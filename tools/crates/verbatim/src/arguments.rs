//! Forms of arguments that several commands take.

use std::path::{Path, PathBuf};

use anyhow::Context;
use verbatim_oci::LayerMetadata;
use verbatim_requests::LayerFiles;

/// NAME=VALUE, as it stands on the command line.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form NAME=VALUE")),
    }
}

/// What is known of a layer, and where its blob is if that was said.
pub fn layer_input(text: &str) -> anyhow::Result<(LayerMetadata, Option<PathBuf>)> {
    if text.starts_with('{') {
        let layer = LayerFiles::parse(text, "--layer")?;
        return Ok((layer.read()?, Some(layer.blob)));
    }
    let path = Path::new(text);
    let mut start = [0; 1];
    let is_document = verbatim_document::file::open(path)
        .and_then(|(mut file, _)| std::io::Read::read(&mut file, &mut start))
        .with_context(|| format!("{text}: cannot be read"))?
        == 1
        && start == *b"{";
    if is_document {
        return Ok((LayerMetadata::read(path)?, None));
    }
    Ok((LayerMetadata::of_blob(path)?, Some(path.to_owned())))
}
