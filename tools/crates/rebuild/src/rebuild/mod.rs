//! The way from an attestation to a verdict.

mod choose;
mod compare;
mod inputs;
mod make;
mod named;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;
use verbatim_digest::Digest;
use verbatim_foreign::printable_path;
use verbatim_registry::Client;

use self::choose::choose;
use self::named::{name_any_materials, name_inputs, name_materials};
use crate::base::Pin;
use crate::containerfile::Containerfile;
use crate::error::{Error, ErrorKind, Result};
use crate::konflux::{self, BuildahBuild, Given};
use crate::process;
use crate::published::{Described, Published};
use crate::report::{Report, Verdict};

/// What is to be rebuilt, and with what.
pub struct Request<'a> {
    /// The type of the statement's predicate.
    pub predicate_type: &'a str,
    /// The predicate.
    pub predicate: &'a serde_json::Value,
    /// The sha256 digests of the statement's subjects.
    pub subjects: &'a [Digest],
    /// Where the statement is from, for messages.
    pub file: &'a str,
    /// The published image: a layout, or an image of a registry.
    pub against: Option<&'a str>,
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
        let pipeline = konflux::read(request.predicate_type, request.predicate, request.file)
            .inspect_err(|_| name_any_materials(request.predicate, report))?;
        name_materials(&pipeline, report);
        let builds = konflux::builds(&pipeline, &request.given, request.file)?;
        let runtime =
            verbatim_registry::runtime().map_err(|e| Error::io("no threads can be started", &e))?;
        let published = match request.against {
            Some(name) => Some(Published::open(name, request.client, &runtime)?),
            None => None,
        };
        let (build, published) = choose(request, builds, published, &konflux::indexes(&pipeline))?;
        name_inputs(&build, report);
        let scratch = tempfile::Builder::new()
            .prefix("verbatim-rebuild-")
            .tempdir()
            .map_err(|e| Error::io("no temporary folder can be made", &e))?;
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
        if self.request.fetch_only.is_some() {
            self.report.verdict = Verdict::Unchecked;
            return Ok(());
        }
        let layout = self.build(&checkout, &containerfile, &arguments, commit_time, &images)?;
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
