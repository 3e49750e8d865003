//! `verbatim copy`: an image with everything that refers to it, from anywhere to anywhere.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use tokio::runtime::Runtime;
use verbatim_digest::Digest;
use verbatim_foreign::{counted, printable};
use verbatim_oci::gather::{gather, By, Gathered};
use verbatim_oci::layout::{Moved, Whole};
use verbatim_oci::Document;
use verbatim_registry::{runtime, Client, Count, Image, Inputs, PushOptions, Tagged, Target};

use crate::colours::colours;
use crate::layout_output::{layout_form, Form};
use crate::opened::{From, Opened};
use crate::outcome::{unchecked, Outcome, Unchecked};
use crate::place::Place;
use crate::printing::{print, print_json};
use crate::progress::Bar;
use crate::registry_options::{failed, tell_retries, RegistryOptions};
use crate::report_form::Format;

/// Copy an image with everything that refers to it: signatures, attestations, SBOMs.
///
/// From a registry or an OCI layout to a registry, an OCI layout or an archive of one (a name
/// that ends with .tar): what crosses into a closed network in one file. An index comes with
/// the images of all its platforms. What refers to any of them comes too, and what refers to
/// that: the referrers that a registry lists or has under the tag sha256-…, and what cosign
/// keeps under sha256-….sig, .att and .sbom.
///
/// Digests stay as they are, and every byte is checked on the way. What the destination has
/// already is not moved; a registry mounts what it has in another repository. Blobs come first,
/// then manifests, and tags last. At the destination nothing of others is dropped: lists of
/// referrers and cosign's manifests there get what they lack.
///
/// What a list names as a referrer and is about something else is left out, and told.
///
/// Exit code 0: all of it is there; 1: a registry serves something else than was copied; 2: the
/// input or the usage is wrong; 3: something could not be read or written.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  From one registry to another:
    verbatim copy registry.example.com/acme/app:v1 \\
      mirror.example.com/acme/app:v1

  Into a closed network: one file here, …
    verbatim copy registry.example.com/acme/app:v1 app.tar
  … and from it, inside:
    verbatim copy app.tar registry.internal:5000/acme/app:v1

  A layout as a folder, for `attest verify` and cosign verify --local-image:
    verbatim copy registry.example.com/acme/app:v1 ./app")]
pub struct Options {
    /// The image: NAME:TAG or NAME@DIGEST with the registry in front, or an OCI layout (a
    /// folder or a .tar).
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Where it goes: NAME:TAG with the registry in front, a folder, or a file that ends with
    /// .tar. A folder that has the same image gets what it lacks.
    #[arg(value_name = "DESTINATION")]
    destination: String,
    /// Copy the image alone, without what refers to it.
    #[arg(long)]
    no_referrers: bool,
    /// The name of the image in a layout; by default the tag that it had.
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// What is needed to move things.
struct Copier<'a> {
    options: &'a Options,
    client: Client,
    runtime: Runtime,
    bar: Arc<Bar>,
}

/// How many blobs and bytes went which way.
#[derive(Debug, Default, Serialize)]
struct Counts {
    sent: u64,
    mounted: u64,
    skipped: u64,
}

#[derive(Debug, Default, Serialize)]
struct Ways {
    blobs: Counts,
    bytes: Counts,
    manifests: u64,
    /// Whether the registry serves what was sent.
    #[serde(skip)]
    wrong: Vec<String>,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let copier = Copier {
        client: options.registry.client(Some(tell_retries()))?,
        runtime: runtime()
            .context("no threads can be started")
            .context(Unchecked)?,
        bar: Bar::new("copying"),
        options: &options,
    };
    let destination = Place::of(&options.destination)?;
    let source = Opened::open(Place::of(&options.source)?, &copier.client, &copier.runtime)?;
    let gathered = gather(
        source.from.attachments(),
        source.root.clone(),
        source.bytes.clone(),
        !options.no_referrers,
        options.registry.parallel(),
    )
    .map_err(unchecked)?;
    let ways = match destination {
        Place::Registry(target) => copier.push(&source, &gathered, target),
        Place::Layout(path) => copier.write(&source, &gathered, path),
    };
    copier.bar.finish();
    let ways = ways?;
    for left_out in &gathered.left_out {
        let line = format!("{} was left out: it {}", left_out.digest, left_out.why);
        eprintln!("verbatim: {}", printable(&line));
    }
    for wrong in &ways.wrong {
        eprintln!("verbatim: {wrong}");
    }
    let done = ways.wrong.is_empty();
    match options.format {
        Format::Text => print(&text_report(&options, &source, &gathered, &ways))?,
        Format::Json => print_json(&report(&options, &source, &gathered, ways))?,
    }
    Ok(if done {
        Outcome::Done
    } else {
        Outcome::Different
    })
}

impl Copier<'_> {
    fn push(&self, source: &Opened, gathered: &Gathered, target: Target) -> anyhow::Result<Ways> {
        let mut inputs = Inputs::default();
        match &source.from {
            From::Registry(from, _) => inputs.add_anywhere(from.repository()),
            From::Layout(layout) => inputs.add_layout(Arc::clone(layout)),
        }
        for stored in gathered.documents.values() {
            inputs.add_document(stored.bytes.clone());
        }
        let (mut images, mut tagged) = (Vec::new(), Vec::new());
        for tree in &gathered.trees {
            let digest = tree.root.digest;
            let stored = gathered
                .documents
                .get(&digest)
                .context("a document was lost")?;
            let target = match tree.tie {
                Some((subject, By::Tag(tag))) => {
                    tagged.push(Tagged {
                        subject,
                        tag,
                        manifest: stored.bytes.clone(),
                    });
                    continue;
                }
                Some((_, By::List)) => target.sibling(digest)?,
                None => target.clone(),
            };
            let name = format!("the manifest {digest}");
            let root = verbatim_oci::Named::new(&stored.bytes, &name);
            images.push(Image::new(target, root, &inputs, &name)?);
        }
        let push = PushOptions {
            progress: Arc::clone(&self.bar) as Arc<_>,
            ..PushOptions::default()
        };
        let pushed = self
            .runtime
            .block_on(
                self.client
                    .push_with_tagged(images, &target, &tagged, &inputs, &push),
            )
            .map_err(failed)?;
        let mut ways = Ways::default();
        for pushed in &pushed {
            let sum = |count: &Count, blobs: &mut u64, bytes: &mut u64| {
                *blobs += count.blobs;
                *bytes += count.bytes;
            };
            sum(&pushed.sent, &mut ways.blobs.sent, &mut ways.bytes.sent);
            sum(
                &pushed.mounted,
                &mut ways.blobs.mounted,
                &mut ways.bytes.mounted,
            );
            sum(
                &pushed.skipped,
                &mut ways.blobs.skipped,
                &mut ways.bytes.skipped,
            );
            ways.manifests += pushed.manifests;
            if !pushed.is_right() {
                ways.wrong.push(format!(
                    "{}: {} was copied, and the registry serves something else",
                    pushed.reference, pushed.digest
                ));
            }
        }
        Ok(ways)
    }

    fn write(&self, source: &Opened, gathered: &Gathered, path: PathBuf) -> anyhow::Result<Ways> {
        let whole = Whole {
            gathered,
            blobs: source.from.attachments(),
            tag: self.options.tag.as_deref().or(source.tag.as_deref()),
            parallel: self.options.registry.parallel(),
            progress: &*self.bar,
        };
        let Moved { written, kept } = match layout_form(&path)? {
            Form::Folder => whole.write_folder(&path),
            Form::Archive => whole.write_archive(&path),
        }
        .map_err(unchecked)?;
        Ok(Ways {
            blobs: Counts {
                sent: written.0,
                skipped: kept.0,
                mounted: 0,
            },
            bytes: Counts {
                sent: written.1,
                skipped: kept.1,
                mounted: 0,
            },
            ..Ways::default()
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    schema: &'static str,
    verdict: &'static str,
    source: &'a str,
    destination: &'a str,
    digest: Digest,
    media_type: &'a str,
    referrers: Vec<Referrer>,
    left_out: Vec<LeftOut<'a>>,
    #[serde(flatten)]
    ways: Ways,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    digest: Digest,
    subject: Digest,
    /// `referrer`, or what cosign's tag ends with.
    by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
}

#[derive(Serialize)]
struct LeftOut<'a> {
    digest: Digest,
    why: &'a str,
}

fn report<'a>(
    options: &'a Options,
    source: &'a Opened,
    gathered: &'a Gathered,
    ways: Ways,
) -> Report<'a> {
    Report {
        schema: "verbatim.copy/1",
        verdict: if ways.wrong.is_empty() {
            "copied"
        } else {
            "different"
        },
        source: &options.source,
        destination: &options.destination,
        digest: source.root.digest,
        media_type: source.root.media_type.as_str(),
        referrers: referrers(gathered),
        left_out: gathered
            .left_out
            .iter()
            .map(|left_out| LeftOut {
                digest: left_out.digest,
                why: &left_out.why,
            })
            .collect(),
        ways,
    }
}

fn referrers(gathered: &Gathered) -> Vec<Referrer> {
    let mut all = Vec::new();
    for tree in &gathered.trees {
        let Some((subject, by)) = tree.tie else {
            continue;
        };
        let stored = gathered.documents.get(&tree.root.digest);
        let artifact_type = stored.and_then(|stored| {
            let document = Document::parse(&stored.bytes, "").ok()?;
            document.as_referrer(&stored.bytes).artifact_type
        });
        all.push(Referrer {
            digest: tree.root.digest,
            subject,
            by: match by {
                By::List => "referrer",
                By::Tag(tag) => tag.suffix(),
            },
            artifact_type,
        });
    }
    all.sort_by_key(|referrer| (referrer.subject, referrer.by, referrer.digest));
    all
}

fn text_report(options: &Options, source: &Opened, gathered: &Gathered, ways: &Ways) -> String {
    let (good, bad) = colours();
    let (colour, word) = match ways.wrong.is_empty() {
        true => (good, "copied"),
        false => (bad, "different"),
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{colour}{word}{colour:#} {} to {}",
        source.root.digest,
        printable(&options.destination)
    );
    for referrer in referrers(gathered) {
        let kind = referrer.artifact_type.unwrap_or_default();
        let _ = writeln!(
            text,
            "  {:8} {}  {}",
            referrer.by,
            referrer.digest,
            printable(&kind)
        );
    }
    let part = |what, blobs, bytes| {
        format!(
            "{} ({}) {what}",
            counted(blobs, "blob"),
            indicatif::DecimalBytes(bytes)
        )
    };
    let (blobs, bytes) = (&ways.blobs, &ways.bytes);
    let _ = writeln!(
        text,
        "{}, {}, {}",
        part("moved", blobs.sent, bytes.sent),
        part("mounted", blobs.mounted, bytes.mounted),
        part("there", blobs.skipped, bytes.skipped)
    );
    text
}
