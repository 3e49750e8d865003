//! `verbatim pull`: images and blobs from a registry, every byte checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, Context};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use verbatim_digest::Digest;
use verbatim_foreign::printable_path;
use verbatim_oci::layout::Progress;
use verbatim_oci::Platform;
use verbatim_registry::{runtime, Pull, Repository, Target};

use crate::files::write_files;
use crate::layout_output::{layout_form, Form};
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::registry_options::{failed, tell_retries, RegistryOptions};
use crate::report_form::Format;
use crate::workspace::workspace_file;

/// Pull an image from a registry into an OCI layout, checking every byte on the way.
///
/// The digest is recomputed from the bytes that are served, whatever the registry says. The
/// layout appears whole or not at all, and `index.json` has exactly one descriptor. A layout
/// of the same image that is there already is completed: blobs that are right are kept.
///
/// Without --platform everything that the reference names is pulled. One platform gives the
/// image of that platform; several give a smaller index of those, with a digest of its own.
///
/// Credentials are read where Docker and Podman keep them, from credential helpers, the
/// environment and netrc; see docs/registries.md.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  An image, and what its digest is:
    verbatim pull registry.example.com/acme/app:v1 -o app

  One platform, from a mirror, by digest:
    verbatim pull --mirror registry.example.com=127.0.0.1:5000 \\
      --platform linux/arm64 \\
      registry.example.com/acme/app@sha256:… -o app

  What a tag stands for now:
    verbatim pull --pin registry.example.com/acme/app:v1

  One layer:
    verbatim pull --blob registry.example.com/acme/app@sha256:… -o layer.tar.gz")]
pub struct Options {
    /// What to pull: NAME:TAG, NAME@DIGEST or NAME:TAG@DIGEST, with the registry in front.
    #[arg(value_name = "REFERENCE", required = true)]
    references: Vec<String>,
    /// Only this platform, os/architecture or os/architecture/variant; give it once for each.
    #[arg(long, value_name = "PLATFORM", conflicts_with_all = ["pin", "blob"])]
    platform: Vec<Platform>,
    /// Leave the layers out: only indexes, manifests and configs.
    #[arg(long, alias = "manifests", conflicts_with_all = ["pin", "blob"])]
    shallow: bool,
    /// The name of the image in the layout, by default none.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["pin", "blob"])]
    tag: Option<String>,
    /// Print the digest that each reference stands for now, and fetch nothing else.
    #[arg(long, conflicts_with_all = ["blob", "output"])]
    pin: bool,
    /// Put the digest that NAME:TAG@DIGEST stands for now in the place of DIGEST in this file, relative to the
    /// workspace. For `bazel run`, which says where that is.
    #[arg(long, value_name = "FILE", requires = "pin")]
    update: Option<PathBuf>,
    /// Fetch one blob, REPOSITORY@DIGEST, into a file.
    #[arg(long)]
    blob: bool,
    /// How many bytes the blob has.
    #[arg(long, value_name = "BYTES", requires = "blob")]
    size: Option<u64>,
    /// Further repositories that may have the blob.
    #[arg(long, value_name = "REPOSITORY", requires = "blob")]
    source: Vec<Repository>,
    /// The layout or the file to write.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Without --size a blob may be so large: a server could send without end.
const MAX_BLOB: u64 = 64 << 30;

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let targets: Vec<Target> = options
        .references
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if options.pin {
        return pin(&options, targets);
    }
    let [target] = targets.as_slice() else {
        bail!("one reference is pulled at a time; --pin takes several");
    };
    let Some(output) = &options.output else {
        bail!("there is nothing to write; name it with -o, or print the digest alone with --pin");
    };
    if !options.blob && layout_form(output)? == Form::Archive {
        bail!(
            "-o {}: a folder is written here, and the name promises an archive; name a folder, or use --blob for one layer",
            printable_path(output)
        );
    }
    if options.blob {
        blob(&options, target, output)
    } else {
        image(&options, target, output)
    }
}

#[derive(Serialize)]
struct PinReport {
    schema: &'static str,
    verdict: &'static str,
    pins: Vec<Pin>,
}

#[derive(Serialize)]
struct Pin {
    reference: String,
    digest: Digest,
    #[serde(rename = "mediaType")]
    media_type: String,
    size: u64,
}

fn pin(options: &Options, targets: Vec<Target>) -> anyhow::Result<Outcome> {
    let pinned: Vec<Option<Digest>> = targets.iter().map(|target| target.digest).collect();
    let targets: Vec<Target> = targets
        .into_iter()
        .map(|target| match (&options.update, target.digest) {
            // The digest is what is to be replaced: the tag alone is asked for.
            (Some(_), Some(_)) => Ok(Target {
                digest: None,
                ..target
            }),
            (Some(_), None) => {
                bail!("--update: `{target}` has no digest that could be replaced; write NAME:TAG@sha256:…")
            }
            (None, _) => Ok(target),
        })
        .collect::<anyhow::Result<_>>()?;
    let client = options.registry.client(Some(tell_retries()))?;
    let pins = runtime()
        .context("no threads can be started")?
        .block_on(async {
            let tasks: Vec<_> = targets
                .into_iter()
                .map(|target| {
                    let client = client.clone();
                    tokio::spawn(async move {
                        let manifest = client
                            .manifest(&target.repository(), &target.which())
                            .await?;
                        Ok::<_, verbatim_registry::Error>(Pin {
                            reference: target.reference.to_string(),
                            digest: manifest.digest,
                            size: manifest.bytes.len() as u64,
                            media_type: manifest.media_type,
                        })
                    })
                })
                .collect();
            let mut pins = Vec::new();
            for task in tasks {
                pins.push(
                    task.await
                        .context("a request was given up")?
                        .map_err(failed)?,
                );
            }
            anyhow::Ok(pins)
        })?;
    if let Some(file) = &options.update {
        update_pins(file, &pins, &pinned)?;
    }
    match options.format {
        Format::Json => print_json(&PinReport {
            schema: "verbatim.pin/1",
            verdict: "done",
            pins,
        })?,
        Format::Text => {
            let lines: String = pins
                .iter()
                .map(|pin| format!("{}@{}\n", pin.reference, pin.digest))
                .collect();
            print(&lines)?;
        }
    }
    Ok(Outcome::Done)
}

/// Put new digests in the place of old ones, wherever these are named in the file.
fn update_pins(
    file: &std::path::Path,
    pins: &[Pin],
    pinned: &[Option<Digest>],
) -> anyhow::Result<()> {
    let path = workspace_file(file)?;
    let shown = file.display();
    let old = std::fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
    let mut new = old.clone();
    for (pin, from) in pins.iter().zip(pinned) {
        let Some(from) = from else { continue };
        if !new.contains(&from.to_string()) {
            bail!(
                "{shown}: does not name {from}, the digest of {} that is to be replaced; change it by hand to {}",
                pin.reference,
                pin.digest
            );
        }
        new = new.replace(&from.to_string(), &pin.digest.to_string());
        let what = if *from == pin.digest {
            "is up to date".to_owned()
        } else {
            format!("{from} became {}", pin.digest)
        };
        eprintln!("{shown}: {}: {what}", pin.reference);
    }
    if new != old {
        write_files(vec![(Some(path.as_path()), new.into_bytes())])?;
    }
    Ok(())
}

#[derive(Serialize)]
struct BlobReport {
    schema: &'static str,
    verdict: &'static str,
    digest: Digest,
    size: u64,
}

fn blob(options: &Options, target: &Target, output: &std::path::Path) -> anyhow::Result<Outcome> {
    let Some(digest) = target.digest else {
        bail!("--blob: `{target}` names no digest; write REPOSITORY@sha256:…");
    };
    let client = options.registry.client(Some(tell_retries()))?;
    let mut repositories = vec![target.repository()];
    repositories.extend(options.source.iter().cloned());
    let bar = Bar::new();
    let size = runtime()
        .context("no threads can be started")?
        .block_on(client.pull_blob(
            &repositories,
            digest,
            options.size,
            options.size.unwrap_or(MAX_BLOB),
            output,
            bar.clone(),
        ));
    bar.0.finish_and_clear();
    let size = size.map_err(failed)?;
    if options.format == Format::Json {
        print_json(&BlobReport {
            schema: "verbatim.blob/1",
            verdict: "done",
            digest,
            size,
        })?;
    }
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct PullReport {
    schema: &'static str,
    verdict: &'static str,
    reference: String,
    digest: Digest,
    root: verbatim_oci::Descriptor,
    images: Vec<ImageReport>,
    fetched: Count,
    kept: Count,
}

#[derive(Serialize)]
struct ImageReport {
    manifest: Digest,
    image_id: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
}

#[derive(Serialize)]
struct Count {
    blobs: u64,
    bytes: u64,
}

impl From<(u64, u64)> for Count {
    fn from((blobs, bytes): (u64, u64)) -> Self {
        Self { blobs, bytes }
    }
}

fn image(options: &Options, target: &Target, output: &std::path::Path) -> anyhow::Result<Outcome> {
    let client = options.registry.client(Some(tell_retries()))?;
    let pull = Pull {
        target: target.clone(),
        platforms: options.platform.clone(),
        shallow: options.shallow,
        tag: options.tag.clone(),
    };
    let bar = Bar::new();
    let pulled = runtime()
        .context("no threads can be started")?
        .block_on(client.pull(&pull, output, bar.clone()));
    bar.0.finish_and_clear();
    let pulled = pulled.map_err(failed)?;
    match options.format {
        // What the layout is of: with --platform that is not what the reference stands for.
        Format::Text => print(&format!("{}\n", pulled.root.digest))?,
        Format::Json => print_json(&PullReport {
            schema: "verbatim.pull/1",
            verdict: "done",
            reference: target.reference.to_string(),
            digest: pulled.digest,
            root: pulled.root,
            images: pulled
                .images
                .into_iter()
                .map(|image| ImageReport {
                    manifest: image.manifest,
                    image_id: image.config,
                    platform: image.platform,
                })
                .collect(),
            fetched: pulled.fetched.into(),
            kept: pulled.kept.into(),
        })?,
    }
    Ok(Outcome::Done)
}

/// A progress bar on standard error, if that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Arc<Self> {
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template(
            "pulling {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
        ) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Arc::new(Self(bar))
    }
}

impl Progress for Bar {
    fn total(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}
