//! `verbatim layout`: OCI layouts, written, read and checked.

mod check;

use std::path::PathBuf;

use anyhow::bail;
use verbatim_foreign::printable_path;
use verbatim_oci::layout::{import, import_documents, Inputs, LayerInput, Layout, Plan};
use verbatim_oci::{json, Named, Platform};

use crate::arguments::layer_inputs;
use crate::image_files::ImageFiles;
use crate::layout_output::{archive_name, layout_form, Form, LinkName};
use crate::outcome::{unchecked, Outcome};
use crate::printing::print;
use crate::progress::Bar;
use crate::threads::threads;

/// Write, read and check OCI layouts: images as folders or tar archives.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Is every byte of an image what its documents say?
    verbatim layout check bazel-bin/image
    verbatim layout check docker://registry.example.com/acme/app:v1

  One image out of a layout of several platforms:
    verbatim layout import app --platform=linux/arm64 \\
      --manifest=manifest.json --config=config.json")]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Create(Create),
    Archive(Archive),
    Import(Import),
    Check(Box<check::Check>),
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    match options.command {
        Command::Create(options) => run_create(options),
        Command::Archive(options) => run_archive(options),
        Command::Import(options) => run_import(options),
        Command::Check(options) => check::run(*options),
    }
}

/// What a layout is made from.
#[derive(Debug, clap::Args)]
struct Parts {
    /// The manifest or index that the layout is of.
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// A manifest or config that the root names; give it once for each.
    #[arg(long = "object", value_name = "FILE")]
    objects: Vec<PathBuf>,
    /// A layer: its blob, or {"blob":FILE,"metadata":FILE}; give it once for each.
    #[arg(long = "layer", value_name = "LAYER")]
    layers: Vec<String>,
    /// Where further blobs are: an OCI layout, or a file in blobs/sha256 of one.
    #[arg(long = "layout", value_name = "LAYOUT")]
    layouts: Vec<PathBuf>,
}

impl Parts {
    fn plan(&self, mut inputs: Inputs) -> anyhow::Result<Plan> {
        for object in &self.objects {
            inputs.add_document_file(object)?;
        }
        for layer in &self.layers {
            for input in layer_inputs(layer)? {
                match input {
                    (metadata, Some(blob)) => inputs.add_layer(LayerInput { blob, metadata }),
                    (_, None) => bail!(
                        "{layer} is the metadata of a layer, and a layout needs the blob; write --layer={{\"blob\":…,\"metadata\":…}}"
                    ),
                }
            }
        }
        for layout in &self.layouts {
            inputs.add_layout(layout)?;
        }
        let root = json::read_file(&self.root, json::MAX_DOCUMENT)?;
        Ok(Plan::new(
            Named::new(&root, &self.root.display().to_string()),
            inputs,
        )?)
    }
}

/// Write an OCI layout with everything that one manifest or index names, and nothing else.
///
/// `index.json` has exactly one descriptor, so every tool takes the layout. The folder must
/// not exist, or be empty. Digests are recomputed while blobs are copied; of a blob that is
/// linked only the size is checked, and `verbatim layout check` checks the rest.
#[derive(Debug, clap::Args)]
struct Create {
    #[command(flatten)]
    parts: Parts,
    /// The name of the root in the layout.
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Leave out the layers that are not given: for whoever has them from elsewhere, as load and push do with --cache.
    #[arg(long)]
    without_layers: bool,
    /// How layers come into the folder. Symbolic links are relative and hold from its final place.
    #[arg(long, value_name = "HOW", default_value = "copy")]
    link: LinkName,
    /// The folder to write.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

fn run_create(options: Create) -> anyhow::Result<Outcome> {
    if layout_form(&options.output)? == Form::Archive {
        bail!(
            "-o {}: a folder is written here, and the name promises an archive; use `verbatim layout archive`, or name a folder",
            printable_path(&options.output)
        );
    }
    let mut inputs = Inputs::default();
    if options.without_layers {
        inputs.leave_layers_out();
    }
    options.parts.plan(inputs)?.write_folder(
        &options.output,
        options.link.into(),
        options.tag.as_deref(),
    )?;
    Ok(Outcome::Done)
}

/// Write an OCI layout as a tar archive that Docker and Podman load too.
///
/// The archive is canonical (sorted, owner 0:0, time 0) and holds Docker's `manifest.json`
/// beside the OCI layout. Of an index it lists every image; the name is then in the OCI
/// part only, for Docker's list would give it to the last image.
#[derive(Debug, clap::Args)]
struct Archive {
    #[command(flatten)]
    parts: Parts,
    /// The name of the image when it is loaded, registry.example.com/name:tag or name:tag.
    #[arg(long, value_name = "NAME:TAG")]
    reference: Option<String>,
    /// The archive to write.
    #[arg(short, long, value_name = "OUT.tar")]
    output: PathBuf,
}

fn run_archive(options: Archive) -> anyhow::Result<Outcome> {
    // Whatever else the name is, this command writes an archive.
    layout_form(&options.output)?;
    let reference = options
        .reference
        .as_deref()
        .map(|text| archive_name(text, "--reference"))
        .transpose()?;
    options.parts.plan(Inputs::default())?.write_archive(
        &options.output,
        reference
            .as_ref()
            .map(|(full, tag)| (full.as_str(), tag.as_deref())),
    )?;
    Ok(Outcome::Done)
}

/// Take one image out of a layout, after checking every byte of it.
///
/// The layout may have several descriptors and nested indexes; attestations, signatures and
/// other artifacts are passed over. Where it holds several images, --platform chooses.
#[derive(Debug, clap::Args)]
struct Import {
    /// The layout, a folder or a tar archive.
    #[arg(value_name = "LAYOUT")]
    layout: PathBuf,
    /// Which image, os/architecture or os/architecture/variant.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Check and read the documents only: layers need not be there, and what they hold is not compared with the config.
    #[arg(long)]
    shallow: bool,
    #[command(flatten)]
    files: ImageFiles,
    /// How many layers are read at a time; by default as many as there are cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

fn run_import(options: Import) -> anyhow::Result<Outcome> {
    let layout = Layout::open(&options.layout).map_err(unchecked)?;
    let image = if options.shallow {
        import_documents(&layout, options.platform.as_ref())
    } else {
        let bar = Bar::new("checking");
        let image = import(
            &layout,
            options.platform.as_ref(),
            threads(options.threads),
            bar.clone(),
        );
        bar.finish();
        image
    };
    let image = image.map_err(unchecked)?;
    let digest = image.metadata.manifest.digest;
    options.files.write(image)?;
    if options.files.is_empty() {
        print(&format!("{digest}\n"))?;
    }
    Ok(Outcome::Done)
}
