//! From a pipeline run to the builds in it: what `buildah` was told, and on what.

use std::fmt;
use std::str::FromStr;

use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_oci::Platform;

use super::flags::BUILD_CLI;
use super::pipeline::{digest_of, Material, Parameters, Pipeline, TaskRun};
use super::source;
use crate::base::{split_tag, Pin};
use crate::error::{Error, Result};
use crate::injected::{CONTENT_SETS, LABELS};
use crate::prefetch::Artifact;

/// One run of `buildah build` that made an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildahBuild {
    /// The name of the task run.
    pub task: String,
    /// Of the task's definition, which decides what it adds.
    pub version: Option<TaskVersion>,
    /// The machine that it ran on, where that is told.
    pub platform: Option<Platform>,
    /// What was built, where that is told.
    pub source: Option<Source>,
    /// Seconds since 1970, as the clone task reported it.
    pub commit_time: Option<i64>,
    /// The parameters of the task, in its own words.
    pub parameters: Parameters,
    /// The image whose `buildah` ran.
    pub buildah: Option<String>,
    /// What came out.
    pub produced: Option<Produced>,
    /// Base images with their digests, as far as the run reported them.
    pub pins: Vec<Pin>,
    /// The blob of the SBOM: a repository, and its digest.
    pub sbom: Option<(String, Digest)>,
    /// What the document does not tell, named as tasks name it.
    pub missing: Vec<String>,
}

/// A commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As the clone task reported it: not checked yet.
    pub url: String,
    /// The whole hash, in hexadecimal.
    pub commit: String,
    /// How it was cloned.
    pub checkout: CheckoutOptions,
}

/// What of a clone decides which files there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutOptions {
    /// Whether submodules were fetched too.
    pub submodules: bool,
    /// The folders that were checked out; all if there is none.
    pub sparse: Vec<String>,
}

/// An image that a task pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    /// Its manifest.
    pub digest: Digest,
    /// The name it was pushed to, with a tag.
    pub url: String,
}

/// `0.9`: the tag of a task's bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskVersion {
    /// Before the dot.
    pub major: u32,
    /// Behind it: 0.10 is later than 0.9.
    pub minor: u32,
}

impl TaskVersion {
    /// A version.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

impl FromStr for TaskVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(format!(
                "`{}` is no version of a task; write it as 0.9",
                excerpt(text, 60)
            )),
        }
    }
}

impl fmt::Display for TaskVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What tasks call the digest of the image that they pushed.
const IMAGE_DIGEST: &str = "IMAGE_DIGEST";

/// What a person adds to what the document tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Parameters of the build task; they replace those of the document.
    pub parameters: Vec<(String, super::Parameter)>,
    /// The version of the build task.
    pub version: Option<TaskVersion>,
}

/// The builds of a pipeline run: one for each platform.
///
/// # Errors
/// Commits or digests that contradict each other; a pipeline without a build by `buildah`.
pub fn builds(pipeline: &Pipeline, given: &Given, file: &str) -> Result<Vec<BuildahBuild>> {
    let mut builds = match &pipeline.tasks {
        Some(tasks) => {
            let runs: Vec<&TaskRun> = tasks.iter().filter(|run| is_buildah(run)).collect();
            if runs.is_empty() {
                return Err(Error::unchecked(format!(
                    "{file}: none of its {} pushed an image that `buildah` built, so this kind of build is not known here; a task of a bundle task-buildah… with the result {IMAGE_DIGEST} is looked for",
                    verbatim_foreign::counted(tasks.len() as u64, "task run")
                )));
            }
            runs.into_iter()
                .map(|run| of_run(pipeline, tasks, run, given, file))
                .collect::<Result<Vec<_>>>()?
        }
        None => vec![of_parameters(pipeline, given, file)?],
    };
    for build in &mut builds {
        // What is none is said before anything is fetched for it.
        build.epoch()?;
        build.build_timestamp()?;
        note_missing(build);
    }
    Ok(builds)
}

/// The digests of indexes: of the tasks that put images together.
pub fn indexes(pipeline: &Pipeline) -> Vec<Digest> {
    pipeline
        .tasks
        .iter()
        .flatten()
        .filter(|run| named(run, "build-image-index") || named(run, "build-image-manifest"))
        .filter_map(|run| run.results.get(IMAGE_DIGEST)?.parse().ok())
        .collect()
}

/// Whether the definition of a run, or its bundle, has a name that begins so.
fn named(run: &TaskRun, prefix: &str) -> bool {
    let bundle = run.bundle.as_ref().is_some_and(|bundle| {
        let last = bundle.repository.rsplit('/').next().unwrap_or_default();
        last.strip_prefix("task-")
            .is_some_and(|name| name.starts_with(prefix))
    });
    bundle
        || run
            .task
            .as_deref()
            .is_some_and(|task| task.starts_with(prefix))
}

fn is_buildah(run: &TaskRun) -> bool {
    named(run, "buildah") && run.results.contains_key(IMAGE_DIGEST)
}

fn of_run(
    pipeline: &Pipeline,
    tasks: &[TaskRun],
    run: &TaskRun,
    given: &Given,
    file: &str,
) -> Result<BuildahBuild> {
    let mut parameters = run.parameters.clone();
    for (name, value) in &given.parameters {
        parameters.set(name, value.clone());
    }
    let clone = source::clone_task(tasks, file)?;
    let source = match clone {
        Some(clone) => Some(source::of_clone(
            clone,
            &parameters,
            &pipeline.materials,
            file,
        )?),
        None => None,
    };
    let text = &run.results[IMAGE_DIGEST];
    let digest = text.parse().map_err(|e| {
        Error::wrong(format!(
            "{file}: the result {IMAGE_DIGEST} of the task `{}` is no digest: {e}",
            excerpt(&run.name, 100)
        ))
    })?;
    let tag = run.bundle.as_ref().and_then(|bundle| bundle.tag.as_deref());
    let step = run.steps.iter().find(|step| step.container == "build");
    Ok(BuildahBuild {
        task: run.name.clone(),
        version: given.version.or(tag.and_then(|tag| tag.parse().ok())),
        platform: platform(run),
        source,
        commit_time: clone
            .and_then(|clone| clone.results.get("commit-timestamp"))
            .and_then(|time| time.parse().ok()),
        parameters,
        buildah: step.map(|step| step.image.clone()),
        produced: Some(Produced {
            digest,
            url: run.results.get("IMAGE_URL").cloned().unwrap_or_default(),
        }),
        pins: run
            .results
            .get("BASE_IMAGES_DIGESTS")
            .map_or_else(Vec::new, |lines| base_images(lines)),
        sbom: run
            .results
            .get("SBOM_BLOB_URL")
            .and_then(|url| Some((repository_of(url), digest_of(url)?))),
        missing: Vec::new(),
    })
}

/// Build type `slsa`: nothing but what the pipeline itself was given.
fn of_parameters(pipeline: &Pipeline, given: &Given, file: &str) -> Result<BuildahBuild> {
    let mut parameters = Parameters::default();
    for (own, of_task) in [
        ("dockerfile", "DOCKERFILE"),
        ("path-context", "CONTEXT"),
        ("hermetic", "HERMETIC"),
        ("prefetch-input", "PREFETCH_INPUT"),
        ("image-expires-after", "IMAGE_EXPIRES_AFTER"),
        ("build-args", "BUILD_ARGS"),
        ("build-args-file", "BUILD_ARGS_FILE"),
        ("target-stage", "TARGET_STAGE"),
        ("labels", "LABELS"),
        ("annotations", "ANNOTATIONS"),
        ("source-date-epoch", "SOURCE_DATE_EPOCH"),
        ("rewrite-timestamp", "REWRITE_TIMESTAMP"),
    ] {
        if let Some(value) = pipeline.parameters.get(own) {
            parameters.set(of_task, value.clone());
        }
    }
    for (name, value) in &given.parameters {
        parameters.set(name, value.clone());
    }
    let missing = ["LABELS", "ANNOTATIONS", "TARGET_STAGE", "BUILD_ARGS"]
        .into_iter()
        .filter(|name| !parameters.has(name))
        .map(str::to_owned)
        .collect();
    let source = source::of_dependencies(pipeline, file)?;
    // The pipelines of Konflux hand the clone's pair on to the build task.
    if let Some(source) = &source {
        use super::Parameter::Text;
        parameters.set_default("COMMIT_SHA", Text(source.commit.clone()));
        parameters.set_default("SOURCE_URL", Text(source.url.clone()));
    }
    let result = |name: &str| pipeline.results.get(name);
    let produced = result(IMAGE_DIGEST).and_then(|digest| {
        Some(Produced {
            digest: digest.parse().ok()?,
            url: result("IMAGE_URL").cloned().unwrap_or_default(),
        })
    });
    Ok(BuildahBuild {
        task: "pipeline".into(),
        version: given.version,
        platform: None,
        source,
        commit_time: None,
        parameters,
        buildah: None,
        produced,
        pins: Vec::new(),
        sbom: None,
        missing,
    })
}

/// Name what is not told and decides about bytes.
fn note_missing(build: &mut BuildahBuild) {
    let mut missing = std::mem::take(&mut build.missing);
    if build.source.is_none() {
        missing.extend(["url".to_owned(), "commit".to_owned()]);
    }
    if build.version.is_none() {
        missing.push("bundle".to_owned());
    }
    if build.parameters.text("SOURCE_DATE_EPOCH").is_none() {
        missing.push("epoch".to_owned());
    }
    build.missing = missing;
}

/// The platform of a run: its parameter, else the end of its name.
fn platform(run: &TaskRun) -> Option<Platform> {
    if let Some(text) = run.parameters.text("PLATFORM") {
        // `linux-mlarge/arm64` is a machine for linux/arm64; `localhost` is the cluster's own.
        let (os, architecture) = text.split_once('/')?;
        let os = os.split('-').next().unwrap_or(os);
        return Some(Platform::new(os, architecture, None).normalized());
    }
    let end = run.name.rsplit('-').next()?;
    ["amd64", "x86_64", "arm64", "aarch64", "s390x", "ppc64le"]
        .contains(&end)
        .then(|| Platform::new("linux", end, None).normalized())
}

/// `NAME[:TAG]@DIGEST` a line; newer tasks write the name of `FROM` before it. What `buildah images` does not know
/// is `<none>`.
fn base_images(lines: &str) -> Vec<Pin> {
    lines
        .lines()
        .filter_map(|line| {
            let pin = line.split_whitespace().last()?;
            let (name, _) = pin.rsplit_once('@')?;
            let digest = digest_of(pin)?;
            let (repository, tag) = split_tag(name);
            Some(Pin {
                repository: repository.to_owned(),
                tag: tag.filter(|tag| *tag != "<none>").map(str::to_owned),
                digest,
            })
        })
        .collect()
}

/// The repository of `REPOSITORY[:TAG]@DIGEST`.
fn repository_of(reference: &str) -> String {
    let name = reference.split('@').next().unwrap_or_default();
    split_tag(name).0.to_owned()
}

impl BuildahBuild {
    /// The epoch that the task was told, in seconds.
    ///
    /// # Errors
    /// A text that is no number.
    pub fn epoch(&self) -> Result<Option<i64>> {
        seconds(&self.parameters, "SOURCE_DATE_EPOCH")
    }

    /// What was told for labels alone.
    pub(crate) fn build_timestamp(&self) -> Result<Option<i64>> {
        seconds(&self.parameters, "BUILD_TIMESTAMP")
    }

    /// The folder of the context, below the checkout.
    pub fn context(&self) -> &str {
        self.parameters.text("CONTEXT").unwrap_or(".")
    }

    /// The Containerfile, below the context or the checkout.
    pub fn containerfile(&self) -> &str {
        self.parameters.text("DOCKERFILE").unwrap_or("./Dockerfile")
    }

    /// The files that the task put into the image on its own.
    pub fn injections(&self) -> Vec<&'static str> {
        let Some(version) = self.version else {
            return Vec::new();
        };
        // A parameter since 0.6; what is not told there was not asked for.
        let since = TaskVersion::new(0, 6);
        let skipped = self.parameters.flag("SKIP_INJECTIONS", version >= since);
        // The program leaves it out where a stage is named.
        let has_stage = self.injects_sorted() && self.parameters.text("TARGET_STAGE").is_some();
        if version < TaskVersion::new(0, 2) || skipped || has_stage {
            return Vec::new();
        }
        let mut names = Vec::new();
        if version >= TaskVersion::new(0, 4) {
            names.push(LABELS);
        }
        // Made of the SBOM of what was fetched before.
        let fetched = ["CACHI2_ARTIFACT", "PREFETCH_INPUT"];
        if fetched
            .iter()
            .any(|name| self.parameters.text(name).is_some())
        {
            names.push(CONTENT_SETS);
        }
        names
    }

    /// Whether those files are in the form of `konflux-build-cli`.
    pub fn injects_sorted(&self) -> bool {
        self.version.is_some_and(|version| version >= BUILD_CLI)
    }

    /// The packages that were fetched before the build, where they are an artifact.
    ///
    /// # Errors
    /// A parameter that is none; packages that were handed on in another way.
    pub fn prefetched(&self) -> Result<Option<Artifact>> {
        const ARTIFACT: &str = "CACHI2_ARTIFACT";
        match self.parameters.text(ARTIFACT) {
            Some(text) => Artifact::parse(text, ARTIFACT).map(Some),
            None if self.parameters.text("PREFETCH_INPUT").is_none() => Ok(None),
            None => Err(Error::unchecked(
                "the build used packages that were fetched before it (PREFETCH_INPUT), and the attestation does not tell where they are (CACHI2_ARTIFACT)",
            )),
        }
    }
}

fn seconds(parameters: &Parameters, name: &str) -> Result<Option<i64>> {
    parameters
        .text(name)
        .map(|text| {
            // `buildah` takes whole seconds after 1970.
            text.parse::<i64>()
                .ok()
                .filter(|seconds| (0..=253_402_300_799).contains(seconds))
                .ok_or_else(|| {
                    Error::wrong(format!(
                        "{name} is `{}`, which is no number of seconds since 1970",
                        excerpt(text, 60)
                    ))
                })
        })
        .transpose()
}

/// The sources among materials: those that begin with `git+`.
pub(super) fn is_git(material: &Material) -> bool {
    material.uri.starts_with("git+")
}
