//! The way from an attestation to a verdict.

mod bazel;
mod bazel_inputs;
mod choose;
mod compare;
mod inject;
mod inputs;
mod make;
mod named;
mod released;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;
use verbatim_attest::{Known, Statement, Subject};
use verbatim_digest::Digest;
use verbatim_foreign::printable_path;
use verbatim_registry::Client;

use self::choose::choose;
use self::named::{name_any_materials, name_inputs, name_materials};
use crate::base::{BaseImage, Pin};
use crate::bazel::Machine;
use crate::containerfile::Containerfile;
use crate::error::{Error, ErrorKind, Result};
use crate::konflux::{self, BuildahBuild, Given};
use crate::process;
use crate::published::{Described, Published};
use crate::report::{Report, Verdict};

/// What a statement says, as far as a rebuild asks.
#[derive(Debug, Clone)]
pub struct Attestation {
    /// Of the statement's bytes.
    pub digest: Digest,
    /// The type of its predicate.
    pub predicate_type: String,
    /// The predicate.
    pub predicate: serde_json::Value,
    /// Its subjects.
    pub subjects: Vec<Subject>,
}

impl From<Statement> for Attestation {
    fn from(statement: Statement) -> Self {
        Self {
            digest: Digest::of(&statement.bytes),
            predicate_type: statement.predicate_type,
            predicate: serde_json::Value::Object(statement.predicate),
            subjects: statement.subjects,
        }
    }
}

impl Attestation {
    fn is_about(&self, known: &Known) -> bool {
        Subject::one_is(&self.subjects, known).is_ok()
    }

    /// Nothing is built to be compared with an image that the attestation says nothing of.
    fn must_be_about(&self, known: &Known) -> Result<()> {
        Subject::one_is(&self.subjects, known).map_err(|why| {
            Error::does_not_hold(format!(
                "--against is {}, which is no subject of the attestation, so it says nothing about this image: {why}",
                known.sha256
            ))
        })
    }
}

/// What is to be rebuilt, and with what.
pub struct Request<'a> {
    /// Provenance of one or several runs: the one about the published image counts, else the first.
    pub attestations: Vec<Attestation>,
    /// Where it is from, for messages.
    pub file: &'a str,
    /// The published image: a layout, or an image of a registry.
    pub against: Option<&'a str>,
    /// The image that the attestations were attached to, and are about.
    pub image: Option<Digest>,
    /// The sources, by the word of a person: an address or a folder.
    pub source: Option<&'a str>,
    /// The SBOM, where it is not fetched.
    pub sbom: Option<&'a Path>,
    /// Base images, by the word of a person.
    pub bases: Vec<Pin>,
    /// What the attestation does not tell, by the word of a person.
    pub given: Given,
    /// Fetch all that is needed into this folder, and do not build.
    pub fetch_only: Option<&'a Path>,
    /// Take all that is needed from this folder, and nothing from a network.
    pub materials: Option<&'a Path>,
    /// Which Bazel there is, and what it may do.
    pub machine: Machine<'a>,
    /// A client of registries, made when it is needed.
    pub client: &'a dyn Fn() -> Result<Client>,
    /// Who is told what programs say.
    pub log: process::Log<'a>,
}

/// Rebuild an image. What could not be found out is a report too: its verdict is `incomplete`.
///
/// # Errors
/// An attestation that is malformed or asks for what is refused; a failure of this machine.
pub fn rebuild(request: &Request<'_>) -> Result<Report> {
    let mut report = Report::new();
    match Rebuild::run(request, &mut report) {
        Ok(()) => Ok(report),
        Err(error) => match error.kind() {
            ErrorKind::Wrong => Err(error),
            ErrorKind::Unchecked => {
                report.verdict = Verdict::Incomplete;
                report.reasons.push(error.to_string());
                Ok(report)
            }
            ErrorKind::DoesNotHold => {
                report.verdict = Verdict::Compared(verbatim_verify::Verdict::Different);
                report.reasons.push(error.to_string());
                Ok(report)
            }
        },
    }
}

struct Rebuild<'a> {
    request: &'a Request<'a>,
    report: &'a mut Report,
    runtime: Runtime,
    build: BuildahBuild,
    scratch: tempfile::TempDir,
}

impl<'a> Rebuild<'a> {
    fn run(request: &'a Request<'a>, report: &'a mut Report) -> Result<()> {
        let runtime =
            verbatim_registry::runtime().map_err(|e| Error::io("no threads can be started", &e))?;
        let open = |name| Published::open(name, request.client, &runtime);
        let mut published = match (request.against, request.attestations.len()) {
            (Some(name), 2..) => Some(open(name)?),
            _ => None,
        };
        let about = published.as_ref().map(Published::known);
        let is_about = |attestation: &&Attestation| {
            about
                .as_ref()
                .is_some_and(|known| attestation.is_about(known))
        };
        let all = &request.attestations;
        let attestation = all
            .iter()
            .find(is_about)
            .or(all.first())
            .ok_or_else(|| Error::wrong(format!("{}: there is no provenance", request.file)))?;
        report.provenance = Some(attestation.digest);
        let scratch = tempfile::Builder::new()
            .prefix("verbatim-rebuild-")
            .tempdir()
            .map_err(|e| Error::io("no temporary folder can be made", &e))?;
        if bazel::is_of_bazel(attestation) {
            if let (Some(name), None) = (request.against, &published) {
                published = Some(open(name)?);
            }
            return bazel::run(
                request,
                attestation,
                published.as_ref(),
                scratch.path(),
                report,
            );
        }
        let (kind, predicate) = (&attestation.predicate_type, &attestation.predicate);
        let pipeline = konflux::read(kind, predicate, request.file)
            .inspect_err(|_| name_any_materials(predicate, report))?;
        name_materials(&pipeline, report);
        let builds = konflux::builds(&pipeline, &request.given, request.file)?;
        if let [only] = builds.as_slice() {
            // Before anything that could fail: a report names it all the same.
            name_inputs(only, report);
        }
        if let (Some(name), None) = (request.against, &published) {
            published = Some(open(name)?);
        }
        let (build, published) = choose(
            attestation,
            builds,
            (published, request.image),
            &konflux::indexes(&pipeline),
            pipeline.tasks.is_some(),
        )?;
        name_inputs(&build, report);
        Self {
            request,
            report,
            runtime,
            build,
            scratch,
        }
        .go(published)
    }

    fn go(mut self, published: Option<Described>) -> Result<()> {
        let (checkout, commit_time) = self.sources()?;
        let containerfile = self.containerfile(&checkout)?;
        let arguments = self.build_arguments(&checkout)?;
        let (names, stages) = self.base_names(&containerfile, &arguments)?;
        let images = self.base_images(&names)?;
        let packages = self.prefetched()?;
        if self.request.fetch_only.is_some() {
            self.report.verdict = Verdict::Unchecked;
            return Ok(());
        }
        let inputs = Inputs {
            images: &images,
            packages: packages.as_deref(),
            commit_time,
        };
        let layout = self.build(&checkout, &containerfile, &stages, &arguments, &inputs)?;
        self.compare(published, &layout, &stages, &images)
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.scratch.path().join(name);
        fs::create_dir(&path).map_err(|e| Error::io(printable_path(&path), &e))?;
        Ok(path)
    }

    /// Where materials are kept: where they are collected, where they were, or for this run alone.
    fn store(&self) -> Result<PathBuf> {
        match self.request.fetch_only.or(self.request.materials) {
            Some(folder) => {
                fs::create_dir_all(folder).map_err(|e| Error::io(printable_path(folder), &e))?;
                fs::canonicalize(folder).map_err(|e| Error::io(printable_path(folder), &e))
            }
            None => Ok(self.scratch.path().to_owned()),
        }
    }
}

/// What a build is given beside its sources.
struct Inputs<'a> {
    images: &'a [BaseImage],
    /// The archive of packages that were fetched before it.
    packages: Option<&'a Path>,
    commit_time: Option<i64>,
}

/// A Containerfile and its context.
struct Found {
    context: PathBuf,
    text: String,
}

/// The stages of a Containerfile, and the one that was built.
struct Stages {
    file: Containerfile,
    target: usize,
}

fn path_text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::wrong(format!(
            "{}: the path is no UTF-8; use another folder",
            printable_path(path)
        ))
    })
}
