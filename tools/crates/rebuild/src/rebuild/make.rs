//! The build itself, with the options that the task gave it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use verbatim_foreign::{excerpt, printable_path};

use super::{path_text, Found, Inputs, Rebuild, Stages};
use crate::buildah::{Build, Buildah, ImageFormat};
use crate::checkout::{copy_tree, Checkout};
use crate::error::{Error, Result};
use crate::images::Images;
use crate::konflux::{BuildahBuild, Flags};
use crate::{injected, machine, prefetch};

impl Rebuild<'_> {
    /// Build, and write what a push would publish into a layout.
    pub(super) fn build(
        &mut self,
        checkout: &Checkout,
        found: &Found,
        stages: &Stages,
        arguments: &[String],
        inputs: &Inputs<'_>,
    ) -> Result<PathBuf> {
        self.note_unsupported();
        let buildah = Buildah::new(&self.folder("buildah")?, self.request.log)?;
        self.report.buildah = Some(buildah.version()?);
        let store = Images::in_folder(&self.store()?.join("images"))?;
        for image in inputs.images {
            buildah.bring_in(&store.layout(image), &image.name.local())?;
        }
        let packages = match inputs.packages {
            Some(archive) => Some(self.unpacked(archive)?),
            None => None,
        };
        let with_environment = packages
            .as_ref()
            .filter(|folder| folder.join("cachi2.env").is_file());
        let mut text = match with_environment {
            Some(_) => prefetch::source_environment(&found.text),
            None => found.text.clone(),
        };
        let told = self.build.epoch()?.or(self.build.commit_time);
        let epoch = told.or(inputs.commit_time);
        let lines = self.lines_of(checkout, "ANNOTATIONS_FILE")?;
        let flags = Flags::of(&self.build, &machine::name(), &lines, epoch)?;
        let own_files = self.inject(stages, &flags, inputs, packages.as_deref())?;
        if own_files.is_some() {
            let parameters = &self.build.parameters;
            let has_second = parameters.flag("ICM_KEEP_COMPAT_LOCATION", true);
            text = injected::appended(&text, has_second);
        }
        // A copy: a name that ends in .in would be handed to the preprocessor of C.
        let containerfile = self.scratch.path().join("Containerfile");
        fs::write(&containerfile, text)
            .map_err(|e| Error::io(printable_path(&containerfile), &e))?;
        let mut volumes = Vec::new();
        if let Some(folder) = with_environment {
            volumes.push(format!("{}:/cachi2", path_text(folder)?));
        }
        volumes.extend(self.repositories(checkout, packages.as_deref())?);
        let mut options = options(&self.build, &flags, arguments, epoch, &volumes);
        if let Some(folder) = own_files {
            let folder = path_text(&folder)?;
            options.push(format!("--build-context={}={folder}", injected::CONTEXT).into());
        }
        let build = Build {
            options,
            cut_off: self.build.parameters.flag("HERMETIC", false)
                || self.request.materials.is_some(),
            containerfile,
            context: found.context.clone(),
        };
        let image = buildah.build(&build)?;
        let layout = self.scratch.path().join("image");
        let format = match self.build.parameters.text("BUILDAH_FORMAT") {
            Some("docker") => ImageFormat::Docker,
            _ => ImageFormat::Oci,
        };
        buildah.push(&image, format, &layout)?;
        Ok(layout)
    }

    /// The folder in an archive of packages: the environment lies at its top.
    fn unpacked(&self, archive: &Path) -> Result<PathBuf> {
        let folder = self.folder("cachi2")?;
        prefetch::unpack(archive, &folder)?;
        Ok(folder)
    }

    /// What this build had and cannot be given here. With it the build may still come out the same; without, a
    /// difference is no proof of anything.
    fn note_unsupported(&mut self) {
        if self.build.parameters.text("ADD_CAPABILITIES").is_some() {
            self.report.miss("ADD_CAPABILITIES");
        }
    }

    /// Package repositories, of the packages that were fetched and of those that are kept in git, are mounted over
    /// those of the images.
    fn repositories(&self, checkout: &Checkout, packages: Option<&Path>) -> Result<Option<String>> {
        let parameters = &self.build.parameters;
        let folder = self.scratch.path().join("repositories");
        let own = format!("output/deps/rpm/{}/repos.d/cachi2.repo", machine::name());
        if let Some(file) = packages.and_then(|packages| prefetch::own_file(packages, &own)) {
            let failed = |e: std::io::Error| Error::io(printable_path(&folder), &e);
            fs::create_dir_all(&folder).map_err(failed)?;
            fs::copy(file, folder.join("cachi2.repo")).map_err(failed)?;
        }
        if let Some(name) = parameters.text("YUM_REPOS_D_SRC") {
            let kept = checkout.find(checkout.root(), name, "YUM_REPOS_D_SRC")?;
            if let Some(kept) = kept.filter(|kept| kept.is_dir()) {
                copy_tree(&kept, &folder)?;
            }
        }
        if !folder.exists() {
            return Ok(None);
        }
        let target = parameters
            .text("YUM_REPOS_D_TARGET")
            .unwrap_or("/etc/yum.repos.d");
        if !target.starts_with('/') || target.contains([':', ',']) {
            return Err(Error::wrong(format!(
                "YUM_REPOS_D_TARGET `{}` is refused: it is no folder in a container",
                excerpt(target, 200)
            )));
        }
        Ok(Some(format!("{}:{target}", path_text(&folder)?)))
    }
}

/// The options of `buildah build`, in the order in which the task has them.
fn options(
    build: &BuildahBuild,
    flags: &Flags,
    arguments: &[String],
    epoch: Option<i64>,
    volumes: &[String],
) -> Vec<OsString> {
    let parameters = &build.parameters;
    let mut options: Vec<String> = Vec::new();
    let mut each = |option: &str, values: &[String]| {
        options.extend(values.iter().map(|value| format!("--{option}={value}")));
    };
    each("volume", volumes);
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
