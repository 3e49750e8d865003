//! `verbatim attest attach`: attestations, put where others look for them.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{bail, Context};
use serde::Serialize;
use verbatim_attest::attach::{Attachment, Attestation, Form};
use verbatim_attest::Known;
use verbatim_digest::Digest;
use verbatim_foreign::printable;
use verbatim_oci::layout::{Layout, Published};
use verbatim_oci::Document;
use verbatim_registry::runtime;
use verbatim_signature::documents::{self, MAX_DOCUMENT};
use verbatim_signature::Error;

use crate::attaching::{push, Done};
use crate::colours::colours;
use crate::handed::handed;
use crate::opened::{From, Opened};
use crate::outcome::{unchecked, Outcome, Unchecked};
use crate::place::Place;
use crate::printing::{print, print_json};
use crate::registry_options::{tell_retries, RegistryOptions};
use crate::report_form::Format;

/// Attach attestations to an image, where cosign and others find them.
///
/// Each is attached as a Sigstore bundle in a manifest that refers to the image, as cosign 3 does
/// it. A registry that does not list what refers to an image gets the index under the tag sha256-…
/// that stands for the list. An envelope (DSSE) becomes a bundle that holds it; a bundle stays as
/// it is, to the byte. With --form=att they go under the tag sha256-….att in their place, where
/// older programs look.
///
/// The image is one in a registry or in an OCI layout. Each attestation must be about it: one of
/// the subjects of its statement has the digest that is computed here from the bytes of the image's
/// manifest or index. If one of them is about something else, or nobody signed it, nothing is
/// attached. Who signed is not asked; that is for attest verify to say.
///
/// What is there stays, whoever attached it: there may be any number of attestations, also of the
/// same kind. Attaching one twice changes nothing.
///
/// Exit codes: 0 all of them are attached; 1 one is not about the image or not signed, or the
/// registry serves something else; 2 one is malformed or the usage is wrong; 3 something could not
/// be read or written.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  To an image in a registry, found by cosign verify-attestation from then on:
    verbatim attest attach registry.example.com/acme/app:v1 \\
      provenance.intoto.jsonl

  For programs that know cosign's older form alone:
    verbatim attest attach registry.example.com/acme/app:v1 \\
      provenance.intoto.jsonl --form=att

  To a layout, signed just now:
    verbatim attest sign provenance.json --key=release.pem | \\
      verbatim attest attach ./app -")]
pub struct Options {
    /// The image: NAME:TAG or NAME@DIGEST with the registry in front, or an OCI layout (a folder
    /// or a .tar), which is changed.
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The attestations: envelopes, one or one a line, or Sigstore bundles; `-` is standard input.
    #[arg(value_name = "ENVELOPE", required = true)]
    attestations: Vec<PathBuf>,
    /// Where they go.
    #[arg(long, value_name = "FORM", default_value = "bundle")]
    form: FormName,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// How attestations are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FormName {
    /// As Sigstore bundles that refer to the image (OCI 1.1)
    Bundle,
    /// As envelopes under cosign's tag sha256-….att
    Att,
}

impl FormName {
    fn form(self) -> Form {
        match self {
            Self::Bundle => Form::Bundle,
            Self::Att => Form::Tag,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    schema: &'static str,
    verdict: &'static str,
    image: &'a str,
    digest: Digest,
    attestations: Vec<Told<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    document: &'a str,
    predicate_type: &'a str,
    /// The manifest of a bundle, or the layer under the tag.
    digest: Digest,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let documents = read(&options.attestations)?;
    let client = options.registry.client(Some(tell_retries()))?;
    let runtime = runtime()
        .context("no threads can be started")
        .context(Unchecked)?;
    let image = Opened::open(Place::of(&options.image)?, &client, &runtime)?;
    let Some(attestations) = about(documents, &Known::of(&image.bytes))? else {
        return Ok(Outcome::Different);
    };
    let attachment = Attachment::new(&attestations, &image.root, options.form.form())?;
    let digests: Vec<Digest> = match &attachment {
        Attachment::Referrers(all) => all.iter().map(|one| Digest::of(&one.manifest)).collect(),
        Attachment::Tagged(layers) => layers.iter().map(|(layer, _)| layer.digest).collect(),
    };
    let done = match &image.from {
        From::Registry(target, _) => {
            let push = push(&client, target, &image.root, attachment);
            runtime.block_on(push)?
        }
        From::Layout(layout) => add(layout, &image, attachment)?,
    };
    let told = attestations.iter().zip(digests);
    let report = Report {
        schema: "verbatim.attach/1",
        verdict: done.verdict(),
        image: &options.image,
        digest: image.root.digest,
        attestations: told
            .map(|(one, digest)| Told {
                document: one.name(),
                predicate_type: one.predicate_type(),
                digest,
            })
            .collect(),
    };
    match options.format {
        Format::Text => print(&text_report(&report))?,
        Format::Json => print_json(&report)?,
    }
    match done {
        Done::Attached | Done::Unchanged => Ok(Outcome::Done),
        Done::Wrong(sentences) => {
            for sentence in sentences {
                eprintln!("verbatim: {}", printable(&sentence));
            }
            Ok(Outcome::Different)
        }
    }
}

fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Result<documents::Document, Error>>> {
    let mut documents = Vec::new();
    for file in files {
        let (data, name) = handed(file, MAX_DOCUMENT)?;
        documents.extend(documents::read(&data, &name)?);
    }
    Ok(documents)
}

/// The attestations, if all of them are about the image; else each that is not was told.
fn about(
    documents: Vec<Result<documents::Document, Error>>,
    image: &Known,
) -> anyhow::Result<Option<Vec<Attestation>>> {
    let (mut attestations, mut refused) = (Vec::new(), Vec::new());
    for document in documents {
        match document.and_then(|document| Attestation::about(document, image)) {
            Ok(attestation) => attestations.push(attestation),
            Err(error) => refused.push(error),
        }
    }
    if refused.is_empty() {
        return Ok(Some(attestations));
    }
    for error in &refused {
        eprintln!("verbatim: {error}");
    }
    let is_malformed = |error: &Error| matches!(error, Error::Malformed(_));
    if refused.iter().any(is_malformed) {
        bail!("nothing was attached, for not everything that was given is an attestation");
    }
    eprintln!("verbatim: nothing was attached");
    Ok(None)
}

fn add(layout: &Layout, image: &Opened, attachment: Attachment) -> anyhow::Result<Done> {
    // `index.json` itself has no place for what is attached to it, and of what is attached to
    // something nobody could tell any more whether it is what the layout is of.
    let published = Published::of(layout, None).map_err(unchecked)?;
    let own = Document::parse(&image.bytes, &published.file).map_err(unchecked)?;
    if published.listed.is_none() || own.subject().is_some() {
        bail!(
            "{}: nothing can be attached to it in a layout: {}; push it, and attach it there",
            published.file,
            match published.listed {
                None => "index.json itself is what is published",
                Some(_) => "it is itself attached to something",
            }
        );
    }
    let additions = attachment.to_layout(&image.root).map_err(unchecked)?;
    Ok(match additions.write(layout).map_err(unchecked)? {
        true => Done::Attached,
        false => Done::Unchanged,
    })
}

fn text_report(report: &Report<'_>) -> String {
    let (good, bad) = colours();
    let colour = match report.verdict {
        "different" => bad,
        _ => good,
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{colour}{}{colour:#} {} ({})",
        report.verdict,
        printable(report.image),
        report.digest
    );
    for told in &report.attestations {
        let _ = writeln!(
            text,
            "  {}  {}",
            told.digest,
            printable(told.predicate_type)
        );
    }
    text
}
