//! The build itself, with the options that the task gave it.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use verbatim_foreign::{excerpt, printable_path};

use super::{path_text, Found, Rebuild};
use crate::base::BaseImage;
use crate::buildah::{Build, Buildah};
use crate::checkout::Checkout;
use crate::error::{Error, Result};
use crate::images::Images;
use crate::konflux::{BuildahBuild, Flags};
use crate::{machine, process};

impl Rebuild<'_> {
    /// Build, and write what a push would publish into a layout.
    pub(super) fn build(
        &mut self,
        checkout: &Checkout,
        found: &Found,
        arguments: &[String],
        commit_time: Option<i64>,
        images: &[BaseImage],
    ) -> Result<PathBuf> {
        self.note_unsupported()?;
        let buildah = Buildah::new(&self.folder("buildah")?, self.request.log)?;
        self.report.buildah = Some(buildah.version()?);
        let store = Images::in_folder(&self.store()?.join("images"))?;
        for image in images {
            buildah.bring_in(&store.layout(image), &[image.name.local()])?;
        }
        // A copy: a name that ends in .in would be handed to the preprocessor of C.
        let containerfile = self.scratch.path().join("Containerfile");
        fs::write(&containerfile, &found.text)
            .map_err(|e| Error::io(printable_path(&containerfile), &e))?;
        let epoch = self
            .build
            .epoch()?
            .or(self.build.commit_time)
            .or(commit_time);
        let lines = self.lines_of(checkout, "ANNOTATIONS_FILE")?;
        let flags = Flags::of(&self.build, &machine::name(), &lines, epoch)?;
        let build = Build {
            options: options(
                &self.build,
                &flags,
                arguments,
                epoch,
                self.repositories(checkout)?.as_deref(),
            ),
            cut_off: self.build.parameters.flag("HERMETIC", false)
                || self.request.materials.is_some(),
            containerfile,
            context: found.context.clone(),
        };
        let image = buildah.build(&build)?;
        let layout = self.scratch.path().join("image");
        buildah.push(&image, &layout)?;
        Ok(layout)
    }

    /// What this build had and cannot be given here. With it the build may still come out the same; without, a
    /// difference is no proof of anything.
    fn note_unsupported(&mut self) -> Result<()> {
        if self.build.injects() {
            self.report.miss("labels.json");
            self.report.miss("content-sets.json");
        }
        if self.build.parameters.text("ADD_CAPABILITIES").is_some() {
            self.report.miss("ADD_CAPABILITIES");
        }
        if self.build.parameters.text("BUILDAH_FORMAT") == Some("docker") {
            self.report.miss("BUILDAH_FORMAT");
        }
        if self.build.prefetched() {
            self.report.miss("CACHI2_ARTIFACT");
            return Err(Error::unchecked(
                "the build used packages that were fetched before it (PREFETCH_INPUT), and those are not fetched here",
            ));
        }
        Ok(())
    }

    /// Package repositories that are kept in git are mounted over those of the images.
    fn repositories(&self, checkout: &Checkout) -> Result<Option<String>> {
        let parameters = &self.build.parameters;
        let Some(name) = parameters.text("YUM_REPOS_D_SRC") else {
            return Ok(None);
        };
        let Some(folder) = checkout.find(checkout.root(), name, "YUM_REPOS_D_SRC")? else {
            return Ok(None);
        };
        let target = parameters
            .text("YUM_REPOS_D_TARGET")
            .unwrap_or("/etc/yum.repos.d");
        if !folder.is_dir() || !target.starts_with('/') || target.contains([':', ',']) {
            return Err(Error::wrong(format!(
                "YUM_REPOS_D_TARGET `{}` is refused: it is no folder in a container",
                excerpt(target, 200)
            )));
        }
        let copy = self.scratch.path().join("repositories");
        let mut command = process::command("cp", self.scratch.path());
        command.args(["--recursive", "--"]).arg(&folder).arg(&copy);
        let ended = process::run(&mut command, Duration::from_secs(600), self.request.log)?;
        if !ended.status.success() {
            return Err(Error::unchecked(format!(
                "YUM_REPOS_D_SRC cannot be copied: {}",
                ended.last_words()
            )));
        }
        Ok(Some(format!("{}:{target}", path_text(&copy)?)))
    }
}

/// The options of `buildah build`, in the order in which the task has them.
fn options(
    build: &BuildahBuild,
    flags: &Flags,
    arguments: &[String],
    epoch: Option<i64>,
    repositories: Option<&str>,
) -> Vec<OsString> {
    let parameters = &build.parameters;
    let mut options: Vec<String> = Vec::new();
    let mut each = |option: &str, values: &[String]| {
        options.extend(values.iter().map(|value| format!("--{option}={value}")));
    };
    each(
        "volume",
        &repositories
            .map(str::to_owned)
            .into_iter()
            .collect::<Vec<_>>(),
    );
    each(
        "target",
        &parameters
            .text("TARGET_STAGE")
            .map(str::to_owned)
            .into_iter()
            .collect::<Vec<_>>(),
    );
    each("build-arg", arguments);
    each("env", parameters.list("ENV_VARS"));
    each(
        "source-date-epoch",
        &epoch
            .map(|epoch| epoch.to_string())
            .into_iter()
            .collect::<Vec<_>>(),
    );
    each("label", &flags.labels);
    each("annotation", &flags.annotations);
    for (option, is_set) in [
        ("--squash", parameters.flag("SQUASH", false)),
        ("--omit-history", parameters.flag("OMIT_HISTORY", false)),
        (
            "--rewrite-timestamp",
            parameters.flag("REWRITE_TIMESTAMP", !parameters.has("SOURCE_DATE_EPOCH")),
        ),
        (
            "--inherit-labels=false",
            !parameters.flag("INHERIT_BASE_IMAGE_LABELS", true),
        ),
        (
            "--skip-unused-stages=false",
            !parameters.flag("SKIP_UNUSED_STAGES", true),
        ),
    ] {
        if is_set {
            options.push(option.to_owned());
        }
    }
    options.into_iter().map(OsString::from).collect()
}
