//! What a build rule asks to push: one JSON object for each image.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, Context};
use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_oci::layout::Layout;
use verbatim_oci::{json, LayerMetadata, Named};
use verbatim_registry::{Image, Inputs, Repository, Target};
use verbatim_sums::collect::Kind;
use verbatim_sums::request::{ReferenceParts, Values};

/// One image, under the name it is published, as a build tool knows it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    reference: ReferenceParts,
    kind: RequestKind,
    #[serde(default)]
    manifest: Option<PathBuf>,
    #[serde(default)]
    config: Option<PathBuf>,
    /// Known to `sums create`; the documents say all that a push needs.
    #[serde(default, rename = "metadata")]
    _metadata: Option<PathBuf>,
    #[serde(default)]
    index: Option<PathBuf>,
    #[serde(default)]
    images: Vec<Documents>,
    #[serde(default)]
    layers: Vec<Layer>,
    #[serde(default)]
    layout: Option<PathBuf>,
    #[serde(default)]
    layout_kind: Option<Kind>,
    #[serde(default)]
    layouts: Vec<PathBuf>,
    #[serde(default)]
    mount: Vec<Mount>,
    #[serde(default)]
    origin: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RequestKind {
    /// Manifest and config.
    Image,
    /// Index, and the images in it.
    Index,
    /// An OCI layout.
    Layout,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Documents {
    manifest: PathBuf,
    config: PathBuf,
    #[serde(default, rename = "metadata")]
    _metadata: Option<PathBuf>,
}

/// A layer, and what was written beside it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    blob: PathBuf,
    metadata: PathBuf,
}

/// Repositories that have a blob.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mount {
    digest: Digest,
    repositories: Vec<String>,
}

impl PushRequest {
    /// Parse a request; `name` is the option that it came by.
    pub fn parse(text: &str, name: &str) -> anyhow::Result<Self> {
        Ok(json::parse(text.as_bytes(), name)?)
    }

    fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or("--request")
    }

    fn need<'a>(&self, path: &'a Option<PathBuf>, member: &str) -> anyhow::Result<&'a Path> {
        path.as_deref().ok_or_else(|| {
            anyhow!(
                "{}: the request needs the member `{member}` for its kind",
                self.origin()
            )
        })
    }

    /// The image. Only small documents are read. `anywhere` may have any of its blobs.
    pub fn image(&self, values: &Values, anywhere: &[Repository]) -> anyhow::Result<Image> {
        let origin = self.origin();
        let target = Target {
            reference: self.reference.resolve(values, origin)?,
            digest: None,
        };
        let mut inputs = Inputs::default();
        for repository in anywhere {
            inputs.add_anywhere(repository.clone());
        }
        for layer in &self.layers {
            let metadata = LayerMetadata::read(&layer.metadata)?;
            inputs.add_file(metadata.digest, layer.blob.clone());
        }
        for path in &self.layouts {
            add_layout(&mut inputs, path)?;
        }
        for mount in &self.mount {
            let repositories = mount
                .repositories
                .iter()
                .map(|name| name.parse())
                .collect::<Result<Vec<Repository>, _>>()
                .with_context(|| format!("{origin}: /mount"))?;
            inputs.add_elsewhere(mount.digest, repositories);
        }
        let read = |path: &Path| json::read_file(path, json::MAX_DOCUMENT);
        let root = match self.kind {
            RequestKind::Layout => {
                let path = self.need(&self.layout, "layout")?;
                return Ok(Image::of_layout(target, path, self.layout_kind, inputs)?);
            }
            RequestKind::Image => {
                inputs.add_document(read(self.need(&self.config, "config")?)?);
                self.need(&self.manifest, "manifest")?
            }
            RequestKind::Index => {
                for image in &self.images {
                    inputs.add_document(read(&image.manifest)?);
                    inputs.add_document(read(&image.config)?);
                }
                self.need(&self.index, "index")?
            }
        };
        let data = read(root)?;
        let file = root.display().to_string();
        Ok(Image::new(
            target,
            Named::new(&data, &file),
            &inputs,
            origin,
        )?)
    }
}

/// A layout, or one blob of it: a file whose name is the digest.
fn add_layout(inputs: &mut Inputs, path: &Path) -> anyhow::Result<()> {
    let digest = path
        .file_name()
        .and_then(|file| file.to_str())
        .and_then(|file| Digest::from_hex(file).ok());
    match digest {
        Some(digest) if !path.is_dir() => inputs.add_file(digest, path.to_owned()),
        _ => inputs.add_layout(Arc::new(Layout::open(path)?)),
    }
    Ok(())
}
