//! The documents of an image as single files.

use std::path::PathBuf;

use verbatim_oci::{json, Image};

use crate::files::write_files;

/// Where they are written.
#[derive(Debug, clap::Args)]
pub struct ImageFiles {
    /// Write the manifest here.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Write the config here.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the digest of the manifest here, without a line feed.
    #[arg(long, value_name = "FILE")]
    digest: Option<PathBuf>,
    /// Write the descriptor of the manifest, with its platform, here.
    #[arg(long, value_name = "FILE")]
    descriptor: Option<PathBuf>,
    /// Write all that is known of the image here, as JSON.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
}

impl ImageFiles {
    /// Whether none is asked for.
    pub fn is_empty(&self) -> bool {
        let all = [
            &self.manifest,
            &self.config,
            &self.digest,
            &self.descriptor,
            &self.metadata,
        ];
        all.iter().all(|file| file.is_none())
    }

    /// Write those that are asked for; none of them appears unless all could be written.
    pub fn write(&self, image: Image) -> anyhow::Result<()> {
        let described = &image.metadata.manifest;
        write_files(vec![
            (
                self.digest.as_deref(),
                described.digest.to_string().into_bytes(),
            ),
            (self.descriptor.as_deref(), json::to_canonical(described)?),
            (self.metadata.as_deref(), image.metadata.to_json()?),
            (self.manifest.as_deref(), image.manifest),
            (self.config.as_deref(), image.config),
        ])
    }
}
