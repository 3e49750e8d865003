//! Releases that Bazel built: the sources checked, the real Bazel run as the statement says, and what comes out
//! compared by its bytes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use verbatim_attest::bazel::{Build, BUILD_TYPE};
use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::printable_path;
use verbatim_oci::Platform;
use verbatim_verify::{image::judge, Verdict as Judged};

use super::bazel_inputs::Inputs;
use super::compare::causes;
use super::named::commit_digest;
use super::released::{alone, of_platform, Made, Released};
use super::{path_text, Attestation, Request};
use crate::bazel::{followed, judge as judge_rc, Bazel, Recorded, Run, OTHER_BAZEL};
use crate::checkout::Checkout;
use crate::error::{Error, Result};
use crate::git::{Git, Origin};
use crate::konflux::CheckoutOptions;
use crate::machine;
use crate::published::{Levels, Published};
use crate::report::{Report, SubjectReport, Verdict};

/// What the file that pins modules is called, in the sources and among what a build used.
const LOCK: &str = "MODULE.bazel.lock";
/// It has a line for each file of a registry, and more for what extensions make.
const MAX_LOCK: u64 = 64 << 20;
/// So many subjects that differ are told in sentences; the report has all.
const MAX_TOLD: usize = 8;

/// Whether a statement is about a build of this type.
pub(super) fn is_of_bazel(attestation: &Attestation) -> bool {
    ["/buildType", "/buildDefinition/buildType"]
        .iter()
        .filter_map(|pointer| attestation.predicate.pointer(pointer))
        .any(|build_type| build_type == BUILD_TYPE)
}

/// Check the sources, build, and compare.
///
/// # Errors
/// A statement that is malformed, asks for what is refused or contradicts its commit is wrong.
pub(super) fn run(
    request: &Request<'_>,
    attestation: &Attestation,
    published: Option<&Published>,
    scratch: &Path,
    report: &mut Report,
) -> Result<()> {
    let wrong = |what: String| Error::wrong(format!("{}: {what}", request.file));
    let Value::Object(predicate) = &attestation.predicate else {
        return Err(wrong("its predicate is no object".to_owned()));
    };
    let build = Build::of_predicate(&attestation.predicate_type, predicate).map_err(wrong)?;
    name(&build, report);
    if let Some(published) = published {
        attestation.must_be_about(&published.known())?;
    }
    let flags = followed(&build.flags, &request.machine.allowed, request.file)?;
    let mut rebuild = Rebuild {
        request,
        attestation,
        build: &build,
        flags,
        scratch,
        report,
    };
    let (checkout, workspace) = rebuild.sources()?;
    judge_rc(
        &checkout,
        &workspace,
        &rebuild.flags,
        &request.machine.allowed,
    )?;
    let outputs = rebuild.build(&checkout, &workspace)?;
    if request.fetch_only.is_some() {
        rebuild.report.verdict = Verdict::Unchecked;
        return Ok(());
    }
    let released = Released::read(&outputs)?;
    rebuild.compare(&released, published)
}

struct Rebuild<'a> {
    request: &'a Request<'a>,
    attestation: &'a Attestation,
    build: &'a Build,
    flags: Vec<String>,
    scratch: &'a Path,
    report: &'a mut Report,
}

impl Rebuild<'_> {
    fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::wrong(format!("{}: {what}", self.request.file))
    }

    /// Fetch the commit, check its tree and its lock, and find the workspace in it.
    fn sources(&mut self) -> Result<(Checkout, PathBuf)> {
        let (request, source) = (self.request, &self.build.source);
        let commit = source.commit.as_str();
        let git = Git::new(&self.folder("git")?, request.log)?;
        let origin = match (request.materials, request.source) {
            (Some(materials), _) => Origin::Given(path_text(&materials.join("source"))?),
            (None, Some(given)) => Origin::Given(given.to_owned()),
            (None, None) => Origin::Attested(source.uri.url().to_owned()),
        };
        let work = match request.fetch_only {
            Some(materials) => materials.join("source"),
            None => self.scratch.join("sources"),
        };
        fs::create_dir_all(&work).map_err(|e| Error::io(printable_path(&work), &e))?;
        let found = git.fetch(&origin, commit, &work)?;
        if found.tree != source.tree.as_str() {
            return Err(self.wrong(format!(
                "the commit {commit} has the tree {}, and not {} as the attestation says",
                found.tree, source.tree
            )));
        }
        let whole = CheckoutOptions {
            submodules: false,
            sparse: Vec::new(),
        };
        git.check_out(commit, &whole, &work)?;
        self.report
            .checked(source.uri.as_str(), commit_digest(commit));
        self.report.has_attested_source = true;
        let checkout = Checkout::prepare(&work)?;
        let workspace = match &self.build.directory {
            None => checkout.root().to_owned(),
            Some(directory) => checkout
                .find(checkout.root(), directory.as_str(), "directory")?
                .filter(|path| path.is_dir())
                .ok_or_else(|| self.wrong(format!("`{directory}` is no folder of the sources")))?,
        };
        self.check_lock(&checkout, &workspace)?;
        Ok((checkout, workspace))
    }

    /// The lock is of the commit; what the attestation tells of it must be so.
    fn check_lock(&mut self, checkout: &Checkout, workspace: &Path) -> Result<()> {
        let told = self.build.dependencies.lock;
        let is = match checkout.find(workspace, LOCK, "the lock")? {
            Some(path) => Some(Digest::of(&json::read_file(&path, MAX_LOCK)?)),
            None => None,
        };
        match (told, is) {
            (Some(told), Some(is)) if is != told => Err(Error::does_not_hold(format!(
                "{LOCK} of the commit has the digest {is}, and that of the attestation is {told}"
            ))),
            (Some(_), None) => Err(Error::does_not_hold(format!(
                "the commit has no {LOCK}, and the attestation tells its digest"
            ))),
            (_, Some(is)) => {
                self.report.checked(LOCK, is);
                self.report.found(LOCK);
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// Run Bazel; what it made.
    fn build(&mut self, checkout: &Checkout, workspace: &Path) -> Result<Vec<PathBuf>> {
        let (request, machine) = (self.request, &self.request.machine);
        let recorded = Recorded {
            version: self.build.bazel_version.as_str(),
            digest: self.build.dependencies.bazel,
        };
        let inputs = Inputs::of(request, self.scratch)?;
        inputs.check(self.build, self.report)?;
        let program = match machine.wrapper {
            // Code of the sources, which a person asked for by name.
            Some(path) => checkout
                .find(checkout.root(), path, "--bazel-of-source")?
                .ok_or_else(|| {
                    Error::wrong(format!("--bazel-of-source: `{path}` is not in the sources"))
                })?,
            None => match (machine.bazel, inputs.program()) {
                (None, Some(kept)) => kept,
                _ => Bazel::find(machine)?,
            },
        };
        let mut bazel = Bazel::new(
            &program,
            &self.folder("bazel")?,
            recorded,
            machine,
            request.log,
        )?;
        self.report.bazel = Some(bazel.version().to_owned());
        bazel.check(recorded)?;
        bazel.check_launcher(workspace)?;
        let is_recorded = bazel.version() == recorded.version
            && recorded.digest.is_none_or(|told| told == bazel.digest());
        if !is_recorded {
            self.report.miss(OTHER_BAZEL);
        } else if let Some(told) = recorded.digest {
            self.report.checked(OTHER_BAZEL, told);
        }
        self.report.has_own_settings = !machine.settings.is_empty()
            || !machine.allowed.is_empty()
            || machine.wrapper.is_some();
        if request.materials.is_some() {
            bazel.cut_off();
        }
        (request.log)(&format!(
            "verbatim: building with Bazel {}; what the sources say is run: actions in a sandbox without a network, repository rules without a sandbox",
            bazel.version()
        ));
        let outputs = bazel.build(&Run {
            workspace,
            flags: &self.flags,
            targets: &self.build.targets,
            repository_cache: inputs.repository_cache(),
            only_fetch: request.fetch_only.is_some(),
        })?;
        inputs.look_at_fetched(self.build, self.report)?;
        inputs.keep(bazel.program(), bazel.digest())?;
        Ok(outputs)
    }

    fn compare(&mut self, released: &Released, published: Option<&Published>) -> Result<()> {
        let platform = self.platform();
        self.compare_subjects(released, platform.as_ref());
        if let Some(published) = published {
            return self.compare_image(released, published, platform.as_ref());
        }
        let about = match self.request.image {
            Some(digest) => {
                self.report.image = Some(digest);
                let subjects = &self.report.subjects;
                subjects
                    .iter()
                    .filter(|one| one.expected == digest)
                    .collect::<Vec<_>>()
            }
            None => self.report.subjects.iter().collect(),
        };
        // What is known by other digests alone was not compared.
        let is_all = !about.is_empty()
            && about.iter().all(|one| one.verdict == Judged::Identical)
            && (self.request.image.is_some() || about.len() == self.attestation.subjects.len());
        let ids = about
            .iter()
            .filter_map(|one| image_id(released, one.actual?))
            .collect::<Vec<_>>();
        if let [only] = ids.as_slice() {
            self.report.image_id = Some(*only);
        }
        if self.request.image.is_some() && is_all {
            self.report.levels = Levels::EQUAL;
        }
        self.conclude(match is_all {
            true => Judged::Identical,
            false => Judged::Different,
        });
        Ok(())
    }

    /// The platform that a statement is of, if it is of one.
    fn platform(&self) -> Option<Platform> {
        let places = [
            "/buildDefinition/internalParameters/platform",
            "/invocation/environment/platform",
        ];
        let predicate = &self.attestation.predicate;
        let told = places
            .iter()
            .find_map(|place| predicate.pointer(place)?.as_str());
        told?.parse().ok()
    }

    fn compare_subjects(&mut self, released: &Released, platform: Option<&Platform>) {
        for subject in &self.attestation.subjects {
            let Some(expected) = subject.digests.sha256 else {
                self.report.miss(&subject.name);
                self.report.reasons.push(format!(
                    "{}: the attestation tells no sha256 of it, so it was not compared",
                    subject.name
                ));
                continue;
            };
            let is_there = released.has(expected);
            let actual = match is_there {
                true => Some(expected),
                false => released.in_place_of(&subject.name, platform),
            };
            let verdict = match (is_there, actual) {
                (true, _) => Judged::Identical,
                (false, Some(_)) => Judged::Different,
                (false, None) => Judged::Missing,
            };
            self.report.subjects.push(SubjectReport {
                reference: subject.name.clone(),
                expected,
                actual,
                verdict,
            });
        }
        let differing = self.report.subjects.iter();
        let differing = differing.filter(|one| one.verdict != Judged::Identical);
        let told: Vec<String> = differing.take(MAX_TOLD).map(sentence).collect();
        self.report.reasons.extend(told);
    }

    fn compare_image(
        &mut self,
        released: &Released,
        published: &Published,
        platform: Option<&Platform>,
    ) -> Result<()> {
        self.report.image = Some(published.digest());
        let expected = published.entry()?;
        let Some(made) = self.counterpart(released, published, &expected, platform)? else {
            return Err(Error::does_not_hold(
                "the targets of the attestation make no image under the name that it has for this one",
            ));
        };
        self.report.image_id = made.image.image_id.or_else(|| {
            let here = of_platform(&made.image, &machine::platform())?;
            Some(here.config.digest)
        });
        self.report.levels = Levels::of_all(&expected, &made.image);
        let judgement = judge(&expected, &made.image);
        self.report.reasons.extend(judgement.reasons);
        if judgement.verdict != Judged::Identical {
            self.report.causes = causes(self.request, &published.name(), &made.layout)?;
        }
        self.conclude(judgement.verdict);
        Ok(())
    }

    /// What was made in place of a published image.
    fn counterpart(
        &self,
        released: &Released,
        published: &Published,
        expected: &verbatim_sums::record::Image,
        platform: Option<&Platform>,
    ) -> Result<Option<Made>> {
        let digest = published.digest();
        let subjects = self.attestation.subjects.iter();
        let named = subjects.filter(|subject| subject.digests.sha256 == Some(digest));
        let found = match released.image(digest) {
            Some(found) => Some(found),
            None => named
                .filter_map(|subject| released.in_place_of(&subject.name, platform))
                .find_map(|digest| released.image(digest))
                .or_else(|| Some((released.only_image()?, None))),
        };
        let Some((made, part)) = found else {
            return Ok(None);
        };
        // One platform of an index is held against one image.
        let part = match (part, expected.platforms.as_slice()) {
            (None, [one]) if !published.is_index() && made.image.media_type.is_index() => {
                of_platform(&made.image, &one.platform)
            }
            (part, _) => part,
        };
        match part {
            Some(image) => Ok(Some(alone(made, image, &self.scratch.join("alone"))?)),
            None => Ok(Some(Made {
                image: made.image.clone(),
                layout: made.layout.clone(),
            })),
        }
    }

    fn conclude(&mut self, verdict: Judged) {
        if verdict != Judged::Identical {
            let flags = match self.flags.is_empty() {
                true => "no options".to_owned(),
                false => format!("`{}`", self.flags.join("` `")),
            };
            self.report.reasons.push(format!(
                "Bazel was given {flags}, as the attestation says; what it was really built with may have been something else"
            ));
        }
        let is_proof = verdict == Judged::Identical || self.report.missing.is_empty();
        self.report.verdict = match is_proof {
            true => Verdict::Compared(verdict),
            false => Verdict::Incomplete,
        };
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.scratch.join(name);
        fs::create_dir(&path).map_err(|e| Error::io(printable_path(&path), &e))?;
        Ok(path)
    }
}

fn image_id(released: &Released, digest: Digest) -> Option<Digest> {
    let (made, part) = released.image(digest)?;
    let platform = || of_platform(&made.image, &machine::platform());
    match part {
        Some(part) => Some(part.config.digest),
        None => made
            .image
            .image_id
            .or_else(|| Some(platform()?.config.digest)),
    }
}

fn sentence(subject: &SubjectReport) -> String {
    let (name, expected) = (&subject.reference, subject.expected);
    match subject.actual {
        Some(actual) => {
            format!("{name}: the attestation says {expected}, and the sources give {actual}")
        }
        None => format!("{name}: the attestation says {expected}, and the targets do not make it"),
    }
}

/// Name all that the build is made of, before any of it is fetched.
fn name(build: &Build, report: &mut Report) {
    let source = &build.source;
    report.name_material(source.uri.as_str(), commit_digest(source.commit.as_str()));
    let known = &build.dependencies;
    match known.bazel {
        Some(digest) => report.name_material(OTHER_BAZEL, digest),
        None => report.miss(OTHER_BAZEL),
    }
    match known.lock {
        Some(digest) => report.name_material(LOCK, digest),
        // What was fetched is told, or pinned by the file.
        None if known.complete() => {}
        None => report.miss(LOCK),
    }
    for (tool, digest) in &known.tools {
        report.name_material(&format!("tool/{tool}"), *digest);
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
