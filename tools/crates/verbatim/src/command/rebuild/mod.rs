//! `verbatim rebuild`: a published image made once more from what its provenance says.

mod bazel_options;
mod show;

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context};
use verbatim_attest::{attached, Known, Statement};
use verbatim_foreign::{counted, printable};
use verbatim_rebuild::konflux::{self, Given, Parameter, TaskVersion};
use verbatim_rebuild::{
    rebuild, Attestation, Author, Error, ErrorKind, Pin, Report, Request, Verdict,
};
use verbatim_signature::{documents, Document, PublicKey, Trust};
use verbatim_verify::Verdict as Judged;

use self::bazel_options::BazelOptions;
use self::show::{show, why};
use crate::files::write_files;
use crate::handed::handed;
use crate::opened::Opened;
use crate::outcome::{unchecked, Outcome, Unchecked};
use crate::place::Place;
use crate::printing::print_json;
use crate::registry_options::{tell_retries, RegistryOptions};
use crate::report_form::Format;

/// The largest key that is read.
const MAX_KEY: u64 = 1 << 20;

/// Build an image once more from its sources, as its provenance says, and compare.
///
/// ATTESTATION is provenance of Konflux or Tekton Chains (SLSA v0.2 or v1): an envelope (DSSE), lines of them, a
/// Sigstore bundle, or a statement alone; by default it is read from standard input. With --image it is what is
/// attached to that image, as referrers or under cosign's tag, and is about it. The sources are fetched by the
/// commit that it names, base images by digest, and the real `buildah` builds them in a storage of its
/// own. What the attestation does not tell is listed as missing, and can be given with --parameter and --base.
///
/// Of provenance of Bazel builds, which `attest provenance` writes, the commit is fetched, its tree and
/// MODULE.bazel.lock are checked, and the recorded Bazel builds the recorded targets with the recorded options, in
/// an empty output base. What it made is compared by its bytes with every subject of the attestation.
///
/// A build by Bazel runs code of the sources with your rights: actions run in Bazel's sandbox without a network,
/// but repository rules and module extensions run unsandboxed and may use the network. Run it as a user who
/// has nothing to lose, or in a virtual machine, unless you trust the sources. Caches of outputs are not used. Options
/// of the attestation and lines of the sources' .bazelrc that could run programs outside the sandbox, take
/// outputs from elsewhere or replace sources are refused by name (--allow); so is the sources' own launcher.
///
/// Without --against the image ID is printed, and nothing else, to standard output.
///
/// Who signed an attestation decides what is run here, for a build runs what its sources say: with --key only what
/// that key signed counts. Without it nothing is verified.
///
/// `git` and `buildah` or Bazel are needed. Steps of buildah run in chroot isolation: as root, or as a user with
/// subordinate IDs. Bazel needs no rights but user namespaces.
///
/// Exit codes: 0 built, or identical; 1 it differs, or is not what was attested; 2 the attestation is wrong or asks
/// for what is refused; 3 it could not be built, or what is not told may be why it differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  The image ID that the sources give:
    cosign verify-attestation --key cosign.pub --type slsaprovenance IMAGE | \\
      verbatim rebuild

  Is it the published image? If not, why not?
    verbatim rebuild attestation.json --key cosign.pub \\
      --against registry.example.com/acme/app@sha256:…

  All that is needed is with the image: does it come from its sources?
    verbatim rebuild --image registry.example.com/acme/app:v1 \\
      --key cosign.pub --against registry.example.com/acme/app:v1

  From a clone that is there already, with an SBOM that names the base images:
    verbatim rebuild attestation.json --source ~/src/app --sbom sbom.json \\
      --against app

  A release that Bazel built, with this machine's Bazel and settings:
    verbatim rebuild --image registry.example.com/acme/app:v1 \\
      --key release.pub --against registry.example.com/acme/app:v1 \\
      --bazel /usr/bin/bazel --bazelrc ~/machine.bazelrc

  Tell others that it is identical, as a rebuilder that their policy counts:
    verbatim rebuild --image IMAGE --key cosign.pub --against IMAGE \\
      --rebuilder https://example.com/us --summary vsa.json
    verbatim attest sign vsa.json --key us.key | verbatim attest attach IMAGE -

  Collect everything, and build without a network:
    verbatim rebuild attestation.json --fetch-only materials
    verbatim rebuild attestation.json --materials materials")]
pub struct Options {
    /// The attestation; `-` or nothing is standard input.
    #[arg(value_name = "ATTESTATION")]
    attestation: Option<PathBuf>,
    /// Take the attestations that are attached to this image: REGISTRY/NAME:TAG, REGISTRY/NAME@DIGEST, or an OCI
    /// layout. Of these, the provenance that is about the image counts.
    #[arg(long, value_name = "IMAGE", conflicts_with = "attestation")]
    image: Option<String>,
    /// The public key (PEM) that must have signed; of several, one of them.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
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
    /// Fetch all that is needed into this folder, and build nothing: the sources, base images and the SBOM, or what Bazel
    /// downloads and Bazel itself.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["materials", "against"])]
    fetch_only: Option<PathBuf>,
    /// Take all of them from this folder, and nothing from a network.
    #[arg(long, value_name = "DIR", conflicts_with = "source")]
    materials: Option<PathBuf>,
    /// Write the result, whatever it is, as an in-toto statement about the image that was compared, to be signed with
    /// attest sign.
    #[arg(
        long,
        value_name = "FILE",
        requires = "rebuilder",
        conflicts_with = "fetch_only"
    )]
    result: Option<PathBuf>,
    /// If the image is identical, write a verification summary (SLSA VSA v1) that says so, to be signed with attest
    /// sign: a policy's threshold of rebuilders counts it. It takes --key, and the sources that the attestation names.
    #[arg(long, value_name = "FILE", requires_all = ["rebuilder", "key"], conflicts_with = "fetch_only")]
    summary: Option<PathBuf>,
    /// Who says so, in --result and --summary.
    #[arg(long, value_name = "URI")]
    rebuilder: Option<String>,
    /// The URI of the image, in --result and --summary; by default oci://REGISTRY/NAME, as --against or --image say.
    #[arg(long, value_name = "URI", requires = "rebuilder")]
    resource: Option<String>,
    #[command(flatten)]
    bazel: BazelOptions,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let documents = Documents::read(&options)?;
    let file = documents.file.clone();
    let image = documents.about.as_ref().map(|image| image.sha256);
    let Some(attestations) = documents.provenance(&options.key)? else {
        return Ok(Outcome::Different);
    };
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
        attestations,
        file: &file,
        against: options.against.as_deref(),
        image,
        source: options.source.as_deref(),
        sbom: options.sbom.as_deref(),
        bases: options.base.clone(),
        given,
        fetch_only: options.fetch_only.as_deref(),
        materials: options.materials.as_deref(),
        machine: options.bazel.machine()?,
        client: &client,
        log: &|line| eprintln!("{line}"),
    };
    let resource = resource(&options)?;
    let report = rebuild(&request).map_err(failed)?;
    let stated = state(&options, resource.as_deref(), &report);
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text => show(&report, options.against.is_some())?,
    }
    let outcome = match report.verdict {
        Verdict::Compared(Judged::Identical) | Verdict::Unchecked => Ok(Outcome::Done),
        Verdict::Compared(_) => Ok(Outcome::Different),
        Verdict::Incomplete => Err(anyhow!(
            "the image is not proven to come from its sources: {}",
            why(&report)
        )
        .context(Unchecked)),
    };
    match (stated, outcome) {
        (Ok(()), outcome) => outcome,
        (Err(error), Ok(Outcome::Done)) => Err(error),
        // The verdict says more.
        (Err(error), outcome) => {
            eprintln!("verbatim: {}", printable(&format!("{error:#}")));
            outcome
        }
    }
}

/// The URI of the image, where a statement about it is asked for.
fn resource(options: &Options) -> anyhow::Result<Option<String>> {
    if options.rebuilder.is_none() || options.resource.is_some() {
        return Ok(options.resource.clone());
    }
    let name = options.against.as_ref().or(options.image.as_ref());
    match name.map(|name| Place::of(name)).transpose()? {
        Some(Place::Registry(target)) => Ok(Some(format!("oci://{}", target.repository()))),
        _ => bail!("nothing says where others find the image; give its URI with --resource"),
    }
}

/// Write what others may be told.
fn state(options: &Options, resource: Option<&str>, report: &Report) -> anyhow::Result<()> {
    let (Some(rebuilder), Some(resource)) = (&options.rebuilder, resource) else {
        return Ok(());
    };
    let given = given(options);
    let author = Author {
        rebuilder,
        version: env!("CARGO_PKG_VERSION"),
        resource,
        verified: !options.key.is_empty(),
        given: &given,
    };
    let mut files = Vec::new();
    if let Some(path) = &options.result {
        files.push((
            Some(path.as_path()),
            report.result(&author).map_err(failed)?,
        ));
    }
    if let Some(path) = &options.summary {
        match report.summary(&author).map_err(failed)? {
            Some(summary) => files.push((Some(path.as_path()), summary)),
            None => eprintln!("verbatim: no summary is written: it says that the image is identical, and the verdict is {}", report.verdict.as_str()),
        }
    }
    write_files(files)
}

/// The options that stand for something that the attestation says or should say. A place of this machine is nobody's
/// business.
fn given(options: &Options) -> Vec<String> {
    let parameters = options
        .parameter
        .iter()
        .map(|text| format!("--parameter={text}"));
    let mut given: Vec<String> = parameters.collect();
    given.extend(options.base.iter().map(|pin| format!("--base={pin}")));
    if let Some(version) = &options.task_version {
        given.push(format!("--task-version={version}"));
    }
    if options.source.is_some() {
        given.push("--source".to_owned());
    }
    if options.sbom.is_some() {
        given.push("--sbom".to_owned());
    }
    given.extend(options.bazel.given());
    given
}

/// What was handed over or is attached to an image, taken apart; nothing of it is believed.
struct Documents {
    all: Vec<Result<Document, verbatim_signature::Error>>,
    /// Where they are from, for messages.
    file: String,
    /// What each must be about.
    about: Option<Known>,
}

impl Documents {
    fn read(options: &Options) -> anyhow::Result<Self> {
        match &options.image {
            Some(image) => Self::attached(image, options),
            None => {
                let path = options.attestation.as_deref().unwrap_or(Path::new("-"));
                let (data, file) = handed(path, documents::MAX_DOCUMENT)?;
                Ok(Self {
                    all: documents::read(&data, &file)?,
                    file,
                    about: None,
                })
            }
        }
    }

    fn attached(image: &str, options: &Options) -> anyhow::Result<Self> {
        let client = options.registry.client(Some(tell_retries()))?;
        let runtime = verbatim_registry::runtime()
            .context("no threads can be started")
            .context(Unchecked)?;
        let opened = Opened::open(Place::of(image)?, &client, &runtime)?;
        let all = attached::documents(opened.from.attachments(), &opened.root.digest);
        Ok(Self {
            all: all.map_err(unchecked)?,
            file: printable(image).into_owned(),
            about: Some(Known::of(&opened.bytes)),
        })
    }

    /// Provenance, as far as its author is believed; with --key nobody else is.
    ///
    /// What does not hold is told, and is the outcome if nothing is left.
    fn provenance(self, keys: &[PathBuf]) -> anyhow::Result<Option<Vec<Attestation>>> {
        let Self { all, file, about } = self;
        let mut trusted = Vec::new();
        for path in keys {
            let (data, name) = handed(path, MAX_KEY)?;
            trusted.push(PublicKey::from_pem(&data, &name)?);
        }
        if trusted.is_empty() {
            eprintln!("verbatim: nothing was verified: without --key, anybody may have written this attestation");
        }
        let trust = Trust::Keys(trusted);
        let open = |document: Document| {
            let bytes = match &trust {
                Trust::Keys(keys) if keys.is_empty() => document.unverified().unwrap_or_default(),
                trust => document.verify(trust)?.payload,
            };
            let statement = Statement::parse(bytes.to_vec(), &document.name)?;
            if let Some(image) = &about {
                statement.is_about(image).map_err(|why| {
                    let file = document.name.clone();
                    verbatim_signature::Error::DoesNotHold { file, why }
                })?;
            }
            Ok(Attestation::from(statement))
        };
        let (mut statements, mut refused) = (Vec::new(), Vec::new());
        for document in all {
            match document.and_then(open) {
                Ok(statement) => statements.push(statement),
                Err(error) => refused.push(error),
            }
        }
        let others = statements.len();
        statements.retain(|statement| {
            konflux::PREDICATE_TYPES.contains(&statement.predicate_type.as_str())
        });
        if !statements.is_empty() || about.is_some() {
            for error in &refused {
                eprintln!("verbatim: {error}");
            }
        }
        if !statements.is_empty() {
            return Ok(Some(statements));
        }
        if about.is_some() {
            eprintln!("verbatim: {file}: no provenance that holds is attached to it; give what you have as ATTESTATION");
            return Ok(None);
        }
        match refused.pop() {
            Some(error @ verbatim_signature::Error::Malformed(_)) if others == 0 => {
                Err(error.into())
            }
            Some(error) if others == 0 => {
                eprintln!("verbatim: {error}");
                Ok(None)
            }
            _ => bail!(
                "{file}: none of its {} is provenance, which says how an image was built; give SLSA provenance v0.2 or v1",
                counted(others as u64, "statement")
            ),
        }
    }
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

fn failed(error: Error) -> anyhow::Error {
    let unchecked = error.kind() == ErrorKind::Unchecked;
    let error = anyhow::Error::new(error);
    if unchecked {
        error.context(Unchecked)
    } else {
        error
    }
}
