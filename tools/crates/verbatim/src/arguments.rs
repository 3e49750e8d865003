//! Forms of arguments that several commands take.

use std::path::{Path, PathBuf};

use anyhow::Context;
use verbatim_oci::layout::LayerInput;
use verbatim_oci::LayerMetadata;
use verbatim_requests::LayerFiles;

/// NAME=VALUE, as it stands on the command line.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form NAME=VALUE")),
    }
}

/// What is known of layers, the lowest first, and where their blobs are if that was said: one layer for
/// each argument, or those of a folder that `verbatim layer --layers` filled.
pub fn layer_inputs(text: &str) -> anyhow::Result<Vec<(LayerMetadata, Option<PathBuf>)>> {
    let with_blob = |layer: LayerInput| (layer.metadata, Some(layer.blob));
    if text.starts_with('{') {
        let layers = LayerFiles::parse(text, "--layer")?.read()?;
        return Ok(layers.into_iter().map(with_blob).collect());
    }
    let path = Path::new(text);
    if path.is_dir() {
        let layers = LayerInput::in_folder(path)?;
        return Ok(layers.into_iter().map(with_blob).collect());
    }
    let mut start = [0; 1];
    let is_document = verbatim_document::file::open(path)
        .and_then(|(mut file, _)| std::io::Read::read(&mut file, &mut start))
        .with_context(|| format!("{text}: cannot be read"))?
        == 1
        && start == *b"{";
    if is_document {
        let layers = LayerMetadata::read_all(path)?;
        return Ok(layers
            .into_iter()
            .map(|metadata| (metadata, None))
            .collect());
    }
    Ok(vec![(LayerMetadata::of_blob(path)?, Some(path.to_owned()))])
}
