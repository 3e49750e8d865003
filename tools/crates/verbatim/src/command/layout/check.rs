//! `verbatim layout check`: the deep check, of a layout or of an image where it is served.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{anyhow, bail, Context};
use serde::Serialize;
use verbatim_foreign::{counted, printable};
use verbatim_oci::layout::{check, check_platform, check_roots, Layout, Report, Root};
use verbatim_oci::{Descriptor, MediaType, Platform};
use verbatim_registry::{Remote, Target};

use crate::colours::colours;
use crate::outcome::{unchecked, Outcome, Unchecked};
use crate::printing::print;
use crate::printing::print_json;
use crate::progress::Bar;
use crate::registry_options::{failed, tell_retries, RegistryOptions};
use crate::report_form::Format;
use crate::threads::threads;

/// Check every byte of a layout, or of an image where it is served, against its documents.
///
/// All digests and sizes are recomputed, layers are unpacked and their content compared with
/// the diff_ids of the config, platforms in indexes with those in configs, media types with
/// the compression that is there, content that is embedded in descriptors with what they
/// describe. Layers are read in parallel and never held in memory. A history that tells of
/// another number of layers is remarked upon and wrong in nothing: nothing depends on it.
///
/// docker://REFERENCE is checked in its registry. Blobs are streamed, and nothing is kept of
/// them. To check all images of a release there is `verbatim verify SUMS --deep`.
///
/// Exit code 0: all is as the documents say; 1: something is wrong or missing; 2: it is no
/// layout at all; 3: something could not be read, the registry does not give it, or this
/// program cannot tell (a digest of another algorithm than sha256, an encrypted layer).
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  verbatim layout check bazel-bin/image
  verbatim layout check docker://registry.example.com/acme/app:v1
  verbatim layout check --platform=linux/amd64 saved.tar
  verbatim layout check --format=json app.tar | jq .problems")]
pub(super) struct Check {
    /// The layout, a folder or a tar archive; or docker://REFERENCE.
    #[arg(value_name = "LAYOUT")]
    layout: PathBuf,
    /// Check the image for this platform alone: a layout may hold a part of its index, as
    /// `docker save` writes it.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// How many blobs are read at a time; by default as many as there are cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// The report for machines.
#[derive(Serialize)]
struct CheckReport<'a> {
    schema: &'static str,
    verdict: &'static str,
    layout: String,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn run(options: Check) -> anyhow::Result<Outcome> {
    let served = options.layout.to_str().filter(|t| t.starts_with(REMOTE));
    let report = match served {
        Some(text) => remote(text, &options)?,
        None => {
            let layout = Layout::open(&options.layout).map_err(unchecked)?;
            let bar = Bar::new("checking");
            let threads = threads(options.threads);
            let report = match &options.platform {
                Some(platform) => check_platform(&layout, platform, threads, bar.clone()),
                None => check(&layout, threads, bar.clone()),
            };
            bar.finish();
            report.map_err(unchecked)?
        }
    };
    let unreadable = report
        .problems
        .iter()
        .find(|problem| problem.kind.is_unchecked());
    let verdict = match (report.problems.is_empty(), unreadable) {
        (true, _) => "valid",
        (false, None) => "invalid",
        (false, Some(_)) => "unchecked",
    };
    let name = options.layout.display().to_string();
    match options.format {
        Format::Json => print_json(&CheckReport {
            schema: "verbatim.layout/1",
            verdict,
            layout: name,
            report: &report,
        })?,
        Format::Text => print(&text_report(&name, verdict, &report))?,
    }
    if let Some(problem) = unreadable {
        let line = format!("{}: {}", problem.file, problem.problem);
        return Err(anyhow!("{}", printable(&line)).context(Unchecked));
    }
    Ok(match verdict {
        "valid" => Outcome::Done,
        _ => Outcome::Different,
    })
}

/// What skopeo and podman write before a reference.
const REMOTE: &str = "docker://";

/// An image where it is served.
fn remote(text: &str, options: &Check) -> anyhow::Result<Report> {
    let target: Target = text.parse()?;
    if options.platform.is_some() {
        bail!("--platform: chooses an image of a layout; name the one that is served by its own digest, {REMOTE}NAME@sha256:…");
    }
    let client = options.registry.client(Some(tell_retries()))?;
    let runtime = verbatim_registry::runtime()
        .context("the network cannot be used")
        .map_err(|e| e.context(Unchecked))?;
    let repository = target.repository();
    let manifest = runtime
        .block_on(client.manifest(&repository, &target.which()))
        .map_err(failed)?;
    let published = Descriptor::of(MediaType::new(manifest.media_type), &manifest.bytes);
    let blobs = Remote::new(client, repository, runtime.handle().clone());
    let root = Root {
        blobs: &blobs,
        descriptor: &published,
    };
    let bar = Bar::new("checking");
    // The network is waited for, not the processor.
    let at_a_time = options
        .threads
        .map_or(options.registry.parallel(), usize::from);
    let checked = check_roots(&[root], at_a_time, bar.clone()).pop();
    bar.finish();
    Ok(Report::of(
        published,
        checked.context("nothing was checked")?,
    ))
}

fn text_report(name: &str, verdict: &str, report: &Report) -> String {
    let (good, bad) = colours();
    let colour = if verdict == "valid" { good } else { bad };
    let mut text = format!("{name}: {colour}{verdict}{colour:#}\n");
    // Writing to a string cannot fail.
    let _ = match &report.published {
        Some(published) => writeln!(
            text,
            "  published  {}  {}",
            published.digest,
            printable(published.media_type.as_str())
        ),
        None => writeln!(
            text,
            "  published  nothing: it is of different images, and one would have to be chosen"
        ),
    };
    let width = report
        .images
        .iter()
        .map(|image| image.platform.to_string().len())
        .max()
        .unwrap_or(0);
    for image in &report.images {
        let _ = writeln!(
            text,
            "  image      {}  {:width$}  {}, {}",
            image.manifest,
            printable(&image.platform.to_string()),
            counted(image.layers, "layer"),
            counted(image.size, "byte")
        );
    }
    let _ = writeln!(
        text,
        "  read       {}, {}",
        counted(report.blobs, "blob"),
        counted(report.bytes, "byte")
    );
    for file in &report.unreferenced {
        let _ = writeln!(text, "  not named by any document: {}", printable(file));
    }
    for remark in &report.remarks {
        let line = format!("{} at {}: {}", remark.file, remark.pointer, remark.remark);
        let _ = writeln!(text, "  remark     {}", printable(&line));
    }
    for problem in &report.problems {
        let place = match &problem.pointer {
            Some(pointer) => format!("{} at {pointer}", problem.file),
            None => problem.file.clone(),
        };
        let line = format!("{place}: {}", problem.problem);
        let _ = writeln!(
            text,
            "{bad}{}{bad:#} {}",
            problem.kind.name(),
            printable(&line)
        );
    }
    text
}
