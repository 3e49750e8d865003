//! `verbatim rebuild`: a published image made once more from what its provenance says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use serde_json::Value;
use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::printable;
use verbatim_rebuild::konflux::{Given, Parameter, TaskVersion};
use verbatim_rebuild::{rebuild, Error, ErrorKind, Pin, Report, Request, Verdict};
use verbatim_verify::Verdict as Judged;

use crate::colours::colours;
use crate::outcome::{Outcome, Unchecked};
use crate::printing::{print, print_json};
use crate::registry_options::{tell_retries, RegistryOptions};
use crate::report_form::Format;

/// Build an image once more from its sources, as its provenance says, and compare.
///
/// ATTESTATION is provenance of Konflux or Tekton Chains (SLSA v0.2 or v1), an in-toto statement; by default it is
/// read from standard input. The sources are fetched by the commit that it names, base images by digest, and the real `buildah` builds them in a storage of its
/// own. What the attestation does not tell is listed as missing, and can be given with --parameter and --base.
///
/// Without --against the image ID is printed, and nothing else, to standard output.
///
/// Who signed an attestation decides what is run here, for a build runs what its sources say: verify it before.
///
/// `git` and `buildah` are needed. Steps run in chroot isolation: as root, or as a user with subordinate IDs.
///
/// Exit codes: 0 built, or identical; 1 it differs, or is not what was attested; 2 the attestation is wrong or asks
/// for what is refused; 3 it could not be built, or what is not told may be why it differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  The image ID that the sources give:
    cosign verify-attestation --key cosign.pub --type slsaprovenance IMAGE | jq -r .payload | base64 -d | verbatim rebuild

  Is it the published image? If not, why not?
    verbatim rebuild attestation.json --against registry.example.com/acme/app@sha256:…

  From a clone that is there already, with an SBOM that names the base images:
    verbatim rebuild attestation.json --source ~/src/app --sbom sbom.json --against app

  Collect everything, and build without a network:
    verbatim rebuild attestation.json --fetch-only materials
    verbatim rebuild attestation.json --materials materials")]
pub struct Options {
    /// The attestation; `-` or nothing is standard input.
    #[arg(value_name = "ATTESTATION")]
    attestation: Option<PathBuf>,
    /// The published image to compare with: REGISTRY/NAME:TAG, REGISTRY/NAME@DIGEST, or an OCI layout. It must be a
    /// subject of the attestation.
    #[arg(long, value_name = "IMAGE")]
    against: Option<String>,
    /// Where the sources are: a repository or a folder, in place of the address in the attestation.
    #[arg(long, value_name = "GIT|DIR")]
    source: Option<String>,
    /// The SBOM that names the base images, in place of the one that the attestation names.
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,
    /// A base image by its digest, NAME[:TAG]@DIGEST, for a name in FROM; can be given several times.
    #[arg(long, value_name = "IMAGE", value_parser = |text: &str| text.parse::<Pin>())]
    base: Vec<Pin>,
    /// A parameter of the build task, such as SOURCE_DATE_EPOCH=1767352500, in place of what the attestation
    /// tells; given several times for one name, a list.
    #[arg(long, value_name = "NAME=VALUE")]
    parameter: Vec<String>,
    /// The version of the build task, such as 0.9, where the attestation does not tell it.
    #[arg(long, value_name = "VERSION", value_parser = |text: &str| text.parse::<TaskVersion>())]
    task_version: Option<TaskVersion>,
    /// Fetch the sources, the base images and the SBOM into this folder, and build nothing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["materials", "against"])]
    fetch_only: Option<PathBuf>,
    /// Take all of them from this folder, and nothing from a network.
    #[arg(long, value_name = "DIR", conflicts_with = "source")]
    materials: Option<PathBuf>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let (statement, file) = statement(&options)?;
    let given = Given {
        parameters: parameters(&options.parameter)?,
        version: options.task_version,
    };
    let client = || {
        options
            .registry
            .client(Some(tell_retries()))
            .map_err(|e| Error::wrong(format!("{e:#}")))
    };
    let request = Request {
        predicate_type: statement.predicate_type.as_str(),
        predicate: &statement.predicate,
        subjects: &statement.subjects,
        file: &file,
        against: options.against.as_deref(),
        source: options.source.as_deref(),
        sbom: options.sbom.as_deref(),
        bases: options.base.clone(),
        given,
        fetch_only: options.fetch_only.as_deref(),
        materials: options.materials.as_deref(),
        client: &client,
        log: &|line| eprintln!("{line}"),
    };
    let report = rebuild(&request).map_err(failed)?;
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text => show(&report, options.against.is_some())?,
    }
    match report.verdict {
        Verdict::Compared(Judged::Identical) | Verdict::Unchecked => Ok(Outcome::Done),
        Verdict::Compared(_) => Ok(Outcome::Different),
        Verdict::Incomplete => Err(anyhow!(
            "the image is not proven to come from its sources: {}",
            why(&report)
        )
        .context(Unchecked)),
    }
}

/// What a statement says, as far as a rebuild asks.
struct Statement {
    predicate_type: String,
    predicate: Value,
    subjects: Vec<Digest>,
}

/// The largest statement that is read.
const MAX_STATEMENT: u64 = 16 << 20;

fn statement(options: &Options) -> anyhow::Result<(Statement, String)> {
    let path = options
        .attestation
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let (data, file) = match path {
        Some(path) => (
            json::read_handed(path, MAX_STATEMENT)?,
            path.display().to_string(),
        ),
        None => {
            let file = "standard input".to_owned();
            (
                json::read_limited(std::io::stdin().lock(), MAX_STATEMENT, &file)?,
                file,
            )
        }
    };
    let mut value = json::parse_value(&data, &file)?;
    let text = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let predicate_type = text("/predicateType");
    let subjects = value["subject"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|subject| Digest::from_hex(subject["digest"]["sha256"].as_str()?).ok())
        .collect();
    let predicate = value["predicate"].take();
    Ok((
        Statement {
            predicate_type,
            predicate,
            subjects,
        },
        file,
    ))
}

/// `NAME=VALUE`: one that is given several times is a list.
fn parameters(given: &[String]) -> anyhow::Result<Vec<(String, Parameter)>> {
    let mut all: Vec<(String, Parameter)> = Vec::new();
    for text in given {
        let Some((name, value)) = text.split_once('=') else {
            bail!("--parameter {}: write NAME=VALUE", printable(text));
        };
        match all.iter_mut().find(|(known, _)| known == name) {
            None => all.push((name.to_owned(), Parameter::Text(value.to_owned()))),
            Some((_, known)) => {
                let mut values = match known {
                    Parameter::Text(first) => vec![std::mem::take(first)],
                    Parameter::List(values) => std::mem::take(values),
                };
                values.push(value.to_owned());
                *known = Parameter::List(values);
            }
        }
    }
    Ok(all)
}

/// For people. Without an image to compare with, standard output is the image ID alone.
fn show(report: &Report, compared: bool) -> anyhow::Result<()> {
    if !compared {
        return match report.image_id {
            Some(id) => print(&format!("{id}\n")),
            None => Ok(()),
        };
    }
    let (good, bad) = colours();
    let verdict = report.verdict.as_str();
    let colour = if verdict == Judged::Identical.as_str() {
        good
    } else {
        bad
    };
    let mut text = format!("{colour}{verdict}{colour:#}\n");
    if let Some(id) = &report.image_id {
        writeln!(text, "image ID  {id}")?;
    }
    let levels = report.levels;
    for (name, level) in [
        ("config", levels.config),
        ("diff_ids", levels.diff_ids),
        ("blobs", levels.blobs),
        ("manifest", levels.manifest),
    ] {
        writeln!(text, "{name:9} {}", level.as_str())?;
    }
    for name in &report.missing {
        writeln!(text, "missing   {}", printable(name))?;
    }
    for reason in &report.reasons {
        writeln!(text, "          {}", printable(reason))?;
    }
    for cause in &report.causes {
        writeln!(text, "{bad}{}{bad:#}", cause.id.id())?;
        for evidence in &cause.evidence {
            writeln!(text, "  {}", printable(evidence))?;
        }
        writeln!(text, "  → {}", cause.fix)?;
    }
    print(&text)
}

/// Why a rebuild is incomplete, in one sentence.
fn why(report: &Report) -> String {
    let mut why = report.reasons.clone();
    if !report.missing.is_empty() {
        why.push(format!(
            "the attestation does not tell {}",
            report.missing.join(", ")
        ));
    }
    printable(&why.join("; ")).into_owned()
}

fn failed(error: Error) -> anyhow::Error {
    let unchecked = error.kind() == ErrorKind::Unchecked;
    let error = anyhow::Error::new(error);
    if unchecked {
        error.context(Unchecked)
    } else {
        error
    }
}
