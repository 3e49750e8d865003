//! `verbatim push`: images into registries.

mod attest;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail, Context};
use serde::Serialize;
use verbatim_cas::Caches;
use verbatim_digest::Digest;
use verbatim_foreign::{counted, printable};
use verbatim_oci::Reference;
use verbatim_registry::{runtime, Count, Image, Inputs, PushOptions, Pushed, Repository, Target};
use verbatim_requests::{ImageRequest, Values};
use verbatim_sums::{Subject, Sums};

use self::attest::{Attached, AttestOptions};
use crate::arguments::pair;
use crate::cache_options::CacheOptions;
use crate::colours::colours;
use crate::outcome::{Outcome, Unchecked};
use crate::printing::print;
use crate::printing::print_json;
use crate::progress::Bar;
use crate::registry_options::{failed, tell_retries, RegistryOptions};
use crate::report_form::Format;
use crate::sums_file;

/// Push images to registries, and read back what is served.
///
/// All images of a release go up together. A blob that several of them share is sent once to
/// a registry; what is there already is skipped, what another repository of the registry has
/// is mounted from there, and an upload that was cut is taken up where it ended. First go
/// the blobs, then the manifests, and the tags only when all of them are there. At the end
/// what every tag stands for is fetched, its digest is recomputed and compared.
///
/// Layers of a base image that are not at hand are mounted where the registry has them, and
/// else streamed from the repository that is known to have them.
///
/// With --attest and --key, statements about the images (how they were built) are signed before anything is sent, and
/// attached when all is served as it was built, as attest attach does it.
///
/// Exit code 0: pushed, and served as it was built; 1: a digest is not the one in --sums, or
/// something else is served; 2: the input or the usage is wrong; 3: the registry refuses, or
/// could not be reached.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  One image:
    verbatim push bazel-bin/server registry.example.com/acme/server:v1

  A release, compared with its sums:
    verbatim push --sums release.sha256 \\
      bazel-bin/server registry.example.com/acme/server:v1 \\
      bazel-bin/agent registry.example.com/acme/agent:v1

  A release with its provenance, signed and attached:
    verbatim push --sums release.sha256 bazel-bin/server \\
      registry.example.com/acme/server:v1 \\
      --attest provenance.json --key release.key

  What would be sent:
    verbatim push --dry-run bazel-bin/server registry.example.com/acme/server:v1")]
pub struct Options {
    /// What to push (an OCI layout or an archive of one), and under which reference; any
    /// number of such pairs. Without a tag it is `latest`; with `@sha256:…` and no tag it is
    /// pushed by digest alone.
    #[arg(value_name = "LAYOUT REFERENCE")]
    pairs: Vec<String>,
    /// The same as one argument.
    #[arg(long = "image", value_name = "REFERENCE=LAYOUT")]
    images: Vec<String>,
    /// An image as a JSON object, for build rules: see docs/push-and-load.md.
    #[arg(long = "request", value_name = "JSON")]
    requests: Vec<String>,
    /// Values for {KEY} in requests: lines `KEY value`, as Bazel's workspace status has them. Only
    /// stable keys count: STABLE_…, BUILD_EMBED_LABEL, BUILD_HOST, BUILD_USER.
    #[arg(long, value_name = "FILE")]
    status: Vec<PathBuf>,
    /// A value for {KEY}.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    define: Vec<(String, String)>,
    /// The sums that the images must have. Nothing is sent if one of them has another, or
    /// is not named there.
    #[arg(long, value_name = "SUMS")]
    sums: Option<PathBuf>,
    /// A repository that may have layers of the images: they are mounted from it, or fetched.
    #[arg(long, value_name = "REPOSITORY")]
    mount: Vec<Repository>,
    #[command(flatten)]
    attest: AttestOptions,
    /// Ask what is there, say what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Larger blobs are sent in pieces of so many MiB, so that a cut costs no more than one.
    #[arg(long, value_name = "MIB", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=4096))]
    chunk: u32,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    caches: CacheOptions,
    #[command(flatten)]
    registry: RegistryOptions,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let runtime = runtime()
        .context("cannot start threads")
        .context(Unchecked)?;
    let caches = options.caches.open(runtime.handle())?;
    let images = images(&options, caches.as_ref())?;
    if images.is_empty() {
        bail!("there is nothing to push; name a layout and a reference: verbatim push LAYOUT REGISTRY/NAME:TAG");
    }
    if let Some(path) = &options.sums {
        let wrong = against_sums(&images, path)?;
        if !wrong.is_empty() {
            return report_wrong(&wrong, options.format);
        }
    }
    let digests: BTreeSet<Digest> = images.iter().flat_map(Image::digests).collect();
    let statements = options.attest.signed(&digests)?;
    let client = options.registry.client(Some(tell_retries()))?;
    let bar = Bar::new("pushing");
    let push = PushOptions {
        dry_run: options.dry_run,
        chunk: u64::from(options.chunk) << 20,
        progress: Arc::clone(&bar) as Arc<_>,
    };
    let pushed = runtime.block_on(client.push(images, &push));
    bar.finish();
    let pushed = pushed.map_err(failed)?;
    let right = pushed.iter().all(Pushed::is_right);
    let attached = match right && !options.dry_run {
        true => statements.attach(&pushed, &client, &runtime)?,
        false => Vec::new(),
    };
    match options.format {
        Format::Text => print(&text_report(&pushed, &attached, options.dry_run))?,
        Format::Json => print_json_report(&pushed, &attached, options.dry_run)?,
    }
    let right = right && attached.iter().all(|one| one.verdict != "different");
    for wrong in pushed.iter().filter(|pushed| !pushed.is_right()) {
        eprintln!(
            "verbatim: {}: pushed {}, and the registry serves {}",
            wrong.reference,
            wrong.digest,
            wrong
                .served
                .map_or("nothing".into(), |served| served.to_string())
        );
    }
    Ok(if right {
        Outcome::Done
    } else {
        Outcome::Different
    })
}

fn images(options: &Options, caches: Option<&Caches>) -> anyhow::Result<Vec<Image>> {
    let mut images = Vec::new();
    let mut inputs = Inputs::default();
    for repository in &options.mount {
        inputs.add_anywhere(repository.clone());
    }
    if let Some(caches) = caches {
        inputs.take_from(Arc::new(caches.clone()));
    }
    let of = |layout: &str, reference: &str| -> anyhow::Result<Image> {
        let target: Target = reference.parse()?;
        image_of(target, Path::new(layout), inputs.clone())
    };
    for pair in options.pairs.chunks(2) {
        let [layout, reference] = pair else {
            bail!(
                "{}: has no reference after it; write LAYOUT REFERENCE, such as: verbatim push image registry.example.com/acme/server:v1",
                pair.concat()
            );
        };
        images.push(of(layout, reference)?);
    }
    for image in &options.images {
        let (reference, layout) = image
            .split_once('=')
            .filter(|(_, layout)| !layout.is_empty())
            .ok_or_else(|| anyhow!("--image={image}: write REFERENCE=LAYOUT, such as registry.example.com/app:v1=./layout"))?;
        images.push(of(layout, reference).context("--image")?);
    }
    let mut values = Values::default();
    for status in &options.status {
        values.add_status(status)?;
    }
    for (key, value) in &options.define {
        values.define(key, value);
    }
    for request in &options.requests {
        let request = ImageRequest::parse(request, "--request")?;
        images.push(request.push_image(&values, inputs.clone())?);
    }
    Ok(images)
}

fn image_of(target: Target, layout: &Path, inputs: Inputs) -> anyhow::Result<Image> {
    Ok(Image::of_layout(target, layout, None, inputs)?)
}

/// An image whose sum is not the one that is wanted.
#[derive(Debug, Serialize)]
struct Wrong {
    reference: String,
    expected: Option<Digest>,
    actual: Digest,
    verdict: &'static str,
}

/// What is not as the sums say. They may name more than is pushed.
fn against_sums(images: &[Image], path: &Path) -> anyhow::Result<Vec<Wrong>> {
    let sums: Sums = sums_file::load(path)?.parsed.sums;
    let expected = |reference: &Reference| sums.get(&Subject::Image(reference.clone()));
    Ok(images
        .iter()
        .filter_map(|image| {
            let expected = expected(image.reference());
            (expected != Some(image.digest())).then(|| Wrong {
                reference: image.target().to_string(),
                expected,
                actual: image.digest(),
                verdict: if expected.is_some() {
                    "different"
                } else {
                    "extra"
                },
            })
        })
        .collect())
}

fn report_wrong(wrong: &[Wrong], format: Format) -> anyhow::Result<Outcome> {
    if format == Format::Json {
        #[derive(Serialize)]
        struct Report<'a> {
            schema: &'static str,
            verdict: &'static str,
            images: &'a [Wrong],
        }
        print_json(&Report {
            schema: SCHEMA,
            verdict: "different",
            images: wrong,
        })?;
    }
    for image in wrong {
        match image.expected {
            Some(expected) => eprintln!(
                "verbatim: {}: is {}, and the sums say {expected}; nothing was sent",
                image.reference, image.actual
            ),
            None => eprintln!(
                "verbatim: {}: is not in the sums; nothing was sent",
                image.reference
            ),
        }
    }
    Ok(Outcome::Different)
}

/// The version of the report for machines.
const SCHEMA: &str = "verbatim.push/1";

/// What became of an image, in one word.
fn verdict(pushed: &Pushed, dry_run: bool) -> &'static str {
    match (pushed.is_right(), pushed.unchanged, dry_run) {
        (false, ..) => "different",
        (true, true, _) => "unchanged",
        (true, false, true) => "would-push",
        (true, false, false) => "pushed",
    }
}

fn print_json_report(
    images: &[Pushed],
    attached: &[Attached],
    dry_run: bool,
) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Counts {
        sent: u64,
        mounted: u64,
        skipped: u64,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct OneImage<'a> {
        reference: &'a str,
        digest: Digest,
        media_type: &'a str,
        served: Option<Digest>,
        verdict: &'static str,
        manifests: u64,
        blobs: Counts,
        bytes: Counts,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Report<'a> {
        schema: &'static str,
        verdict: &'static str,
        dry_run: bool,
        images: Vec<OneImage<'a>>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        attestations: &'a [Attached],
    }
    let counts = |of: fn(&Count) -> u64, image: &Pushed| Counts {
        sent: of(&image.sent),
        mounted: of(&image.mounted),
        skipped: of(&image.skipped),
    };
    let report = Report {
        schema: SCHEMA,
        verdict: match (images.iter().all(Pushed::is_right), dry_run) {
            (false, _) => "different",
            (true, true) => "would-push",
            (true, false) => "pushed",
        },
        dry_run,
        attestations: attached,
        images: images
            .iter()
            .map(|image| OneImage {
                reference: &image.reference,
                digest: image.digest,
                media_type: &image.media_type,
                served: image.served,
                verdict: verdict(image, dry_run),
                manifests: image.manifests,
                blobs: counts(|count| count.blobs, image),
                bytes: counts(|count| count.bytes, image),
            })
            .collect(),
    };
    print_json(&report)
}

fn text_report(images: &[Pushed], attached: &[Attached], dry_run: bool) -> String {
    let (good, bad) = colours();
    let mut text = String::new();
    let mut all = [Count::default(); 3];
    for image in images {
        let verdict = verdict(image, dry_run);
        let colour = if verdict == "different" { bad } else { good };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{colour}{verdict:10}{colour:#} {}@{}  {}, {}, {}",
            image.reference.split('@').next().unwrap_or_default(),
            image.digest,
            part("sent", image.sent),
            part("mounted", image.mounted),
            part("there", image.skipped),
        );
        for (sum, one) in all
            .iter_mut()
            .zip([image.sent, image.mounted, image.skipped])
        {
            sum.blobs += one.blobs;
            sum.bytes += one.bytes;
        }
    }
    for one in attached {
        let colour = if one.verdict == "different" {
            bad
        } else {
            good
        };
        let types = one.predicate_types.join(", ");
        let _ = writeln!(
            text,
            "{colour}{:10}{colour:#} {}  {}",
            one.verdict,
            one.reference,
            printable(&types)
        );
    }
    let what = if dry_run { "would be sent" } else { "sent" };
    let _ = writeln!(
        text,
        "{}: {}, {}, {}",
        counted(images.len(), "image"),
        part(what, all[0]),
        part("mounted", all[1]),
        part("there", all[2])
    );
    text
}

fn part(what: &str, count: Count) -> String {
    format!(
        "{} ({}) {what}",
        counted(count.blobs, "blob"),
        indicatif::DecimalBytes(count.bytes)
    )
}
