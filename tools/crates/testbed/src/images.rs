//! Sample images, made by programs of other projects.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{run, tool};

/// What an image holds: one layer for each text or number of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<'a> {
    /// A layer with one small file.
    Text(&'a str),
    /// A layer with one file of so many bytes that do not compress, chosen by a seed.
    Random(u64, usize),
}

/// Write an OCI layout with one image of `umoci`, tagged `latest`.
pub fn layout(folder: &Path, layers: &[Content<'_>]) {
    let umoci = |arguments: &[&str]| {
        run(Command::new(tool("umoci"))
            .args(arguments)
            .env("SOURCE_DATE_EPOCH", "0"))
    };
    let path = folder.to_str().expect("a path of text");
    let image = format!("{path}:latest");
    umoci(&["init", "--layout", path]);
    umoci(&["new", "--image", &image]);
    for (number, layer) in layers.iter().enumerate() {
        let scratch = tempfile::tempdir().expect("a folder");
        let file = scratch.path().join("file");
        match layer {
            Content::Text(text) => fs::write(&file, text),
            Content::Random(seed, size) => fs::write(&file, random(*seed, *size)),
        }
        .expect("the file of a layer");
        umoci(&[
            "insert",
            "--rootless",
            "--image",
            &image,
            file.to_str().expect("a path of text"),
            &format!("/file-{number}"),
        ]);
    }
    umoci(&["gc", "--layout", path]);
}

fn document(file: &Path) -> Value {
    let data = fs::read(file).expect("a document");
    serde_json::from_slice(&data).expect("a document of JSON")
}

/// The digest of the first image of a layout.
pub fn digest_of(layout: &Path) -> String {
    let index = document(&layout.join("index.json"));
    let digest = &index["manifests"][0]["digest"];
    digest.as_str().expect("a digest").to_owned()
}

/// The digests of its layers.
pub fn layers_of(layout: &Path) -> Vec<String> {
    let digest = digest_of(layout);
    let blobs = layout.join("blobs/sha256");
    let manifest = document(&blobs.join(&digest["sha256:".len()..]));
    let layers = manifest["layers"].as_array().expect("layers").iter();
    layers
        .map(|layer| layer["digest"].as_str().expect("a digest").to_owned())
        .collect()
}

/// Bytes without a pattern, always the same for one seed (xorshift).
fn random(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut data = Vec::with_capacity(size + 8);
    while data.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(size);
    data
}
