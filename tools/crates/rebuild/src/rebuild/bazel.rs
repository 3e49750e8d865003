//! Releases that Bazel built, as far as they are checked here: their sources. Bazel itself is not run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use verbatim_attest::bazel::{Build, BUILD_TYPE};
use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::printable_path;

use super::named::commit_digest;
use super::{path_text, Attestation, Request};
use crate::checkout::Checkout;
use crate::error::{Error, Result};
use crate::git::{Git, Origin};
use crate::konflux::CheckoutOptions;
use crate::report::Report;

/// What the file that pins modules is called, in the sources and among what a build used.
const LOCK: &str = "MODULE.bazel.lock";
/// It has a line for each file of a registry, and more for what extensions make.
const MAX_LOCK: u64 = 64 << 20;

/// Whether a statement is about a build of this type.
pub(super) fn is_of_bazel(attestation: &Attestation) -> bool {
    ["/buildType", "/buildDefinition/buildType"]
        .iter()
        .filter_map(|pointer| attestation.predicate.pointer(pointer))
        .any(|build_type| build_type == BUILD_TYPE)
}

/// Fetch the commit, and check its tree and its lock.
///
/// # Errors
/// A statement that is malformed or contradicts its commit is wrong. The build stays unchecked in any case.
pub(super) fn check(
    request: &Request<'_>,
    attestation: &Attestation,
    published: Option<Digest>,
    scratch: &Path,
    report: &mut Report,
) -> Result<()> {
    let wrong = |what: String| Error::wrong(format!("{}: {what}", request.file));
    let Value::Object(predicate) = &attestation.predicate else {
        return Err(wrong("its predicate is no object".to_owned()));
    };
    let build = Build::of_predicate(&attestation.predicate_type, predicate).map_err(wrong)?;
    name(&build, report);
    if let Some(digest) = published.filter(|digest| !attestation.subjects.contains(digest)) {
        return Err(Error::does_not_hold(format!(
            "--against is {digest}, which is no subject of the attestation; it says nothing about this image"
        )));
    }
    let source = &build.source;
    let commit = source.commit.as_str();
    let work = folder(request, scratch)?;
    let git_folder = scratch.join("git");
    fs::create_dir(&git_folder).map_err(|e| Error::io(printable_path(&git_folder), &e))?;
    let git = Git::new(&git_folder, request.log)?;
    let origin = match (request.materials, request.source) {
        (Some(materials), _) => Origin::Given(path_text(&materials.join("source"))?),
        (None, Some(given)) => Origin::Given(given.to_owned()),
        (None, None) => Origin::Attested(source.uri.url().to_owned()),
    };
    let found = git.fetch(&origin, commit, &work)?;
    if found.tree != source.tree.as_str() {
        return Err(wrong(format!(
            "the commit {commit} has the tree {}, and not {} as the attestation says",
            found.tree, source.tree
        )));
    }
    let whole = CheckoutOptions {
        submodules: false,
        sparse: Vec::new(),
    };
    git.check_out(commit, &whole, &work)?;
    report.checked(source.uri.as_str(), commit_digest(commit));
    let checkout = Checkout::prepare(&work)?;
    let workspace = match &build.directory {
        None => checkout.root().to_owned(),
        Some(directory) => checkout
            .find(checkout.root(), directory.as_str(), "directory")?
            .filter(|path| path.is_dir())
            .ok_or_else(|| wrong(format!("`{directory}` is no folder of the sources")))?,
    };
    if let Some(told) = build.dependencies.lock {
        check_lock(&checkout, &workspace, told)?;
        report.checked(LOCK, told);
    }
    Err(Error::unchecked(format!(
        "Bazel {} built it, which is not run here; its sources are what the attestation says, and docs/build-type-bazel.md says how to build them",
        build.bazel_version
    )))
}

/// Where the sources go: to the other materials, or away with this run.
fn folder(request: &Request<'_>, scratch: &Path) -> Result<PathBuf> {
    let folder = match request.fetch_only {
        Some(materials) => materials.join("source"),
        None => scratch.join("sources"),
    };
    fs::create_dir_all(&folder).map_err(|e| Error::io(printable_path(&folder), &e))?;
    Ok(folder)
}

fn check_lock(checkout: &Checkout, workspace: &Path, told: Digest) -> Result<()> {
    let Some(path) = checkout.find(workspace, LOCK, "the lock")? else {
        return Err(Error::does_not_hold(format!(
            "the commit has no {LOCK}, and the attestation tells its digest"
        )));
    };
    let is = Digest::of(&json::read_file(&path, MAX_LOCK)?);
    if is == told {
        return Ok(());
    }
    Err(Error::does_not_hold(format!(
        "{LOCK} of the commit has the digest {is}, and that of the attestation is {told}"
    )))
}

/// Name all that the build is made of, before any of it is fetched.
fn name(build: &Build, report: &mut Report) {
    let source = &build.source;
    report.name_material(source.uri.as_str(), commit_digest(source.commit.as_str()));
    let known = &build.dependencies;
    let mut tell = |name: &str, digest: Option<Digest>| match digest {
        Some(digest) => report.name_material(name, digest),
        None => report.miss(name),
    };
    tell("bazel", known.bazel);
    tell(LOCK, known.lock);
    for (tool, digest) in &known.tools {
        tell(&format!("tool/{tool}"), Some(*digest));
    }
    let fetched = known.fetched().filter_map(|one| {
        let uri = one.uri.as_ref().or(one.name.as_ref());
        let digests = &one.digest;
        let sha256 = digests.get_key_value("sha256");
        let (algorithm, hex) = sha256.or_else(|| digests.iter().next())?;
        Some((
            uri.cloned().unwrap_or_default(),
            format!("{algorithm}:{hex}"),
        ))
    });
    report.name_all(fetched);
    if !known.complete() {
        report.miss("resolvedDependencies");
    }
}
