//! `verbatim index`: one name for the images of several platforms.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{bail, Context};
use verbatim_oci::layout::{check, images, Inputs, Layout};
use verbatim_oci::{build_index, json, Descriptor, ImageMetadata, Manifest, Named};
use verbatim_requests::Documents;

use crate::arguments::pair;
use crate::files::write_files;
use crate::layout_output::write_layout;
use crate::layout_output::FamilyName;
use crate::layout_output::LayoutOutput;
use crate::outcome::Outcome;
use crate::printing::print;
use crate::threads::threads;

/// Make the index of several images, one a platform.
///
/// The images are ordered by platform (operating system, architecture, variant) whatever
/// the order in which they are given, so the digest depends on the images alone. Two images
/// for one platform are an error.
///
/// People give OCI layouts; every image in them becomes part of the index, after every byte
/// was checked. Build rules give the documents of each image:
///
///   --image={"manifest":"m.json","config":"c.json","metadata":"image.json"}
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  One layout from two:
    verbatim index -o app app-amd64 app-arm64

  An archive for `podman load`, with a name:
    verbatim index -o app.tar --tag=registry.example.com/app:1 app-amd64 \\
      app-arm64")]
pub struct Options {
    /// An image by its documents, as a JSON object; give it once for each.
    #[arg(long = "image", value_name = "JSON")]
    images: Vec<String>,
    /// An annotation of the index.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    annotation: Vec<(String, String)>,
    /// Whose media types to write.
    #[arg(long, value_name = "FAMILY", default_value = "oci")]
    media_types: FamilyName,
    /// Write the index here.
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
    /// Write the digest of the index here, without a line feed.
    #[arg(long, value_name = "FILE")]
    digest: Option<PathBuf>,
    /// Write the descriptor of the index here.
    #[arg(long, value_name = "FILE")]
    descriptor: Option<PathBuf>,
    /// Write all that is known of the index and its images here, as JSON.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    #[command(flatten)]
    layout: LayoutOutput,
    /// OCI layouts, folders or tar archives.
    #[arg(value_name = "LAYOUT")]
    layouts: Vec<PathBuf>,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let outputs = [
        &options.index,
        &options.digest,
        &options.descriptor,
        &options.metadata,
        &options.layout.output,
    ];
    if outputs.iter().all(|output| output.is_none()) {
        bail!(
            "there is nothing to write; name a layout with -o, or files with --index and --digest"
        );
    }
    let mut inputs = Inputs::default();
    let mut all = Vec::new();
    for image in &options.images {
        let read = Documents::parse(image, "--image")?.read()?;
        all.push(read.image);
        inputs.add_document(read.manifest);
        inputs.add_document(read.config);
    }
    for path in &options.layouts {
        let layout = Layout::open(path)?;
        let report = check(&layout, threads(None), Arc::new(()))?;
        if let Some(problem) = report.problems.first() {
            bail!(
                "{}{}: {}",
                problem.file,
                problem
                    .pointer
                    .as_deref()
                    .map(|p| format!(" at {p}"))
                    .unwrap_or_default(),
                problem.problem
            );
        }
        let found = images(&layout)?;
        if found.is_empty() {
            bail!(
                "{}: holds no image that can run, for which a config says os and architecture; attestations and other artifacts are none; leave it out, or build the image with --platform",
                path.display()
            );
        }
        for image in found {
            let manifest_name = layout.blob_name(&image.descriptor.digest);
            let manifest = Manifest::parse(&image.manifest, &manifest_name)?;
            let metadata = ImageMetadata::describe(
                Named::new(&image.manifest, &manifest_name),
                Named::new(&image.config, &layout.blob_name(&manifest.config.digest)),
                None,
            )?;
            let platform = image.descriptor.platform.as_ref();
            all.push(match platform.filter(|platform| platform.is_runnable()) {
                Some(platform) => metadata.named_for(platform),
                None => metadata,
            });
        }
        inputs.add_open_layout(layout);
    }
    let index = build_index(
        all,
        options.annotation.iter().cloned().collect(),
        options.media_types.into(),
    )
    .context("no index can be made")?;
    let descriptor: &Descriptor = &index.metadata.index;
    let digest = descriptor.digest;
    let files = vec![
        (options.index.as_deref(), index.index.clone()),
        (options.digest.as_deref(), digest.to_string().into_bytes()),
        (
            options.descriptor.as_deref(),
            json::to_canonical(descriptor)?,
        ),
        (options.metadata.as_deref(), index.metadata.to_json()?),
    ];
    write_layout(
        &options.layout,
        Named::new(&index.index, "the index"),
        inputs,
    )?;
    write_files(files)?;
    if options.layout.output.is_some() {
        print(&format!("{digest}\n"))?;
    }
    Ok(Outcome::Done)
}
