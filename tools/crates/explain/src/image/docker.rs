//! Archives of `docker save` and `podman save`: `manifest.json` names configs and layers by the
//! paths of files in the archive.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use verbatim_oci::json::{self, MAX_DOCUMENT};
use verbatim_reader::{Archive, Kind};

use crate::blob::Blob;
use crate::error::{Error, Result};

const MAX_ENTRIES: usize = 1 << 20;

/// One image of the archive.
#[derive(Debug, Clone, Deserialize)]
struct Named {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// An image with its layers.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    pub(crate) tags: Vec<String>,
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Blob>,
}

/// An archive that was opened.
#[derive(Debug)]
pub(crate) struct Docker {
    pub(crate) images: Vec<Saved>,
}

impl Docker {
    /// Read the archive's headers and small files.
    pub(crate) fn open(path: &Path, name: &str) -> Result<Self> {
        let failed = |e| Error::reading(name, &e);
        let blob = Blob::open(path).map_err(failed)?;
        let mut files: HashMap<String, (u64, u64)> = HashMap::new();
        let mut links: HashMap<String, String> = HashMap::new();
        let mut archive = Archive::open_file(blob.reader().map_err(failed)?);
        while let Some(entry) = archive
            .next_entry()
            .map_err(|e| Error::input(format!("{name} is no archive of images: {e}")))?
        {
            if files.len() + links.len() > MAX_ENTRIES {
                return Err(Error::input(format!(
                    "{name} has more than {MAX_ENTRIES} entries"
                )));
            }
            let Ok(path) = String::from_utf8(entry.path.clone()) else {
                continue;
            };
            let path = path.trim_start_matches("./").to_owned();
            match &entry.kind {
                Kind::File => {
                    if let Some(at) = entry.content_offset() {
                        files.insert(path, (at, entry.size));
                    }
                }
                Kind::Symlink { target } => {
                    let target = String::from_utf8_lossy(target).into_owned();
                    let target = beside(&path, &target);
                    links.insert(path, target);
                }
                Kind::HardLink { target } => {
                    let target = String::from_utf8_lossy(target).into_owned();
                    links.insert(path, target);
                }
                _ => {}
            }
        }
        let part = |path: &str| -> Result<Blob> {
            let mut path = path.trim_start_matches("./").to_owned();
            // Old archives link a layer to the same one of another image.
            for _ in 0..8 {
                match links.get(&path) {
                    Some(target) => path.clone_from(target),
                    None => break,
                }
            }
            let &(at, size) = files
                .get(&path)
                .ok_or_else(|| Error::input(format!("{name}!{path} is missing")))?;
            blob.part(at, size).map_err(failed)
        };
        let small = |path: &str| -> Result<Vec<u8>> {
            let blob = part(path)?;
            if blob.size() > MAX_DOCUMENT {
                return Err(Error::input(format!(
                    "{name}!{path} has more than {MAX_DOCUMENT} bytes"
                )));
            }
            blob.load().map_err(failed)
        };
        let named: Vec<Named> =
            json::parse(&small("manifest.json")?, &format!("{name}!manifest.json"))?;
        let images = named
            .into_iter()
            .map(|image| {
                Ok(Saved {
                    config: small(&image.config)?,
                    layers: image
                        .layers
                        .iter()
                        .map(|layer| part(layer))
                        .collect::<Result<_>>()?,
                    tags: image.tags.unwrap_or_default(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { images })
    }
}

/// Where a link of the archive leads.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn links_of_old_archives() {
        assert_eq!(beside("a/layer.tar", "../b/layer.tar"), "b/layer.tar");
        assert_eq!(beside("a/layer.tar", "../../../x"), "x");
    }
}
