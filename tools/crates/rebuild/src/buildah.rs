//! The real `buildah`, with a storage of its own that goes with the rebuild.
//!
//! Nothing of the machine's configuration of containers decides about bytes: storage, registries, policy,
//! and defaults are files written here. Images are brought in from layouts whose digests were checked, so
//! nothing is pulled while it builds. Steps run in `chroot` isolation, as the build task runs them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{getrlimit, Resource};
use verbatim_foreign::printable_path;

use crate::error::{Error, Result};
use crate::process::{self, Log};

/// A build that takes longer is ended.
const BUILD_PATIENCE: Duration = Duration::from_secs(12 * 60 * 60);
/// Moving an image between folders.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// What is given to containers at most, whatever this process may have.
const MOST_FILES: u64 = 1 << 20;

/// `buildah` and its folder.
pub struct Buildah<'a> {
    folder: PathBuf,
    log: Log<'a>,
}

/// What `buildah build` is told.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// The file with the instructions.
    pub containerfile: PathBuf,
    /// The folder of the context.
    pub context: PathBuf,
    /// Options in their order, each one word.
    pub options: Vec<OsString>,
    /// Whether steps have no network.
    pub cut_off: bool,
}

impl<'a> Buildah<'a> {
    /// Prepare it in a folder that is there and empty.
    pub fn new(folder: &Path, log: Log<'a>) -> Result<Self> {
        let buildah = Self {
            folder: folder.to_owned(),
            log,
        };
        for name in ["storage", "run", "tmp", "home"] {
            let path = buildah.at(name);
            fs::create_dir(&path).map_err(|e| Error::io(printable_path(&path), &e))?;
        }
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/storage\"\nrunroot = \"{0}/run\"\n",
            folder.display()
        );
        for (name, content) in [
            ("storage.conf", storage.as_str()),
            ("containers.conf", ""),
            ("mounts.conf", ""),
            // Short names are those of Docker's own images, as they are where they are pinned.
            (
                "registries.conf",
                "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode = \"disabled\"\n",
            ),
            (
                "policy.json",
                "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}",
            ),
        ] {
            let path = buildah.at(name);
            fs::write(&path, content).map_err(|e| Error::io(printable_path(&path), &e))?;
        }
        Ok(buildah)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Arguments that come before the subcommand.
    fn arguments(&self) -> Vec<OsString> {
        vec![
            "--root".into(),
            self.at("storage").into(),
            "--runroot".into(),
            self.at("run").into(),
            "--storage-driver".into(),
            "vfs".into(),
            "--registries-conf".into(),
            self.at("registries.conf").into(),
            "--default-mounts-file".into(),
            self.at("mounts.conf").into(),
        ]
    }

    fn set_environment(&self, command: &mut Command) {
        command
            .env("TMPDIR", self.at("tmp"))
            .env("XDG_RUNTIME_DIR", self.at("run"))
            .env("CONTAINERS_CONF", self.at("containers.conf"))
            .env("CONTAINERS_STORAGE_CONF", self.at("storage.conf"))
            .env("CONTAINERS_REGISTRIES_CONF", self.at("registries.conf"));
    }

    fn command(&self) -> Command {
        let mut command = process::command("buildah", &self.at("home"));
        self.set_environment(&mut command);
        command.args(self.arguments());
        command
    }

    fn must(&self, command: &mut Command, patience: Duration, doing: &str) -> Result<String> {
        let ended = process::run(command, patience, self.log)?;
        if ended.status.success() {
            return Ok(ended.answer.trim().to_owned());
        }
        Err(Error::unchecked(format!(
            "{doing}: buildah: {}",
            ended.last_words()
        )))
    }

    /// Its version.
    pub fn version(&self) -> Result<String> {
        let mut command = process::command("buildah", &self.at("home"));
        command.arg("--version");
        let answer = self.must(&mut command, PATIENCE, "the version cannot be had")?;
        // buildah version 1.43.2 (image-spec 1.1.1, runtime-spec 1.3.0)
        Ok(answer
            .split_whitespace()
            .nth(2)
            .unwrap_or_default()
            .trim_end_matches(',')
            .to_owned())
    }

    /// Bring in the image of a layout, under these names.
    pub fn bring_in(&self, layout: &Path, names: &[String]) -> Result<()> {
        let mut pull = self.command();
        pull.args(["pull", "--quiet", "--signature-policy"])
            .arg(self.at("policy.json"))
            .arg(transport("oci:", layout));
        let image = self.must(&mut pull, PATIENCE, "a base image cannot be brought in")?;
        let mut tag = self.command();
        tag.args(["tag", "--"]).arg(&image).args(names);
        self.must(&mut tag, PATIENCE, "a base image cannot be named")?;
        Ok(())
    }

    /// Build; the image's name in the storage.
    pub fn build(&self, build: &Build) -> Result<String> {
        let answer = self.at("image-id");
        let mut words = self.arguments();
        words.extend([
            "build".into(),
            "--isolation".into(),
            "chroot".into(),
            "--no-cache".into(),
            "--pull=never".into(),
            "--layers=false".into(),
            "--http-proxy=false".into(),
            "--format=oci".into(),
            "--signature-policy".into(),
            self.at("policy.json").into(),
            "--iidfile".into(),
            answer.clone().into(),
        ]);
        words.extend(limits());
        words.extend(build.options.iter().cloned());
        words.extend([
            "--file".into(),
            build.containerfile.clone().into(),
            "--".into(),
            build.context.clone().into(),
        ]);
        let cut_off = build.cut_off && self.can_cut_off()?;
        if build.cut_off && !cut_off {
            (self.log)("verbatim: the network cannot be cut off here (that takes the right to make a network namespace); the build goes on with it");
        }
        let mut command = if cut_off {
            // As the build task does: nothing but a loopback that is up.
            let mut command = process::command("unshare", &self.at("home"));
            command
                .args(["--net", "--", "sh", "-c"])
                .arg("ip link set lo up 2>/dev/null; exec buildah \"$@\"")
                .arg("buildah");
            command
        } else {
            process::command("buildah", &self.at("home"))
        };
        self.set_environment(&mut command);
        command.args(words).current_dir(&build.context);
        self.must(&mut command, BUILD_PATIENCE, "the build failed")?;
        let id = fs::read_to_string(&answer).map_err(|e| Error::io(printable_path(&answer), &e))?;
        Ok(id.trim().trim_start_matches("sha256:").to_owned())
    }

    fn can_cut_off(&self) -> Result<bool> {
        let mut command = process::command("unshare", &self.at("home"));
        command.args(["--net", "--", "true"]);
        match process::run(&mut command, PATIENCE, &|_| {}) {
            Ok(ended) => Ok(ended.status.success()),
            Err(_) => Ok(false),
        }
    }

    /// Write an image as a push would, into a layout.
    pub fn push(&self, image: &str, layout: &Path) -> Result<()> {
        let mut push = self.command();
        push.args(["push", "--quiet", "--format=oci", "--signature-policy"])
            .arg(self.at("policy.json"))
            .arg("--")
            .arg(image)
            .arg(transport("oci:", layout));
        self.must(&mut push, PATIENCE, "the image cannot be written")?;
        Ok(())
    }
}

fn transport(name: &str, path: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push(path);
    text
}

/// The limits that this process has itself: to raise them takes a right that it may not have.
fn limits() -> Vec<OsString> {
    [("nofile", Resource::Nofile), ("nproc", Resource::Nproc)]
        .into_iter()
        .map(|(name, resource)| {
            let most = getrlimit(resource)
                .maximum
                .unwrap_or(MOST_FILES)
                .min(MOST_FILES);
            format!("--ulimit={name}={most}:{most}").into()
        })
        .collect()
}
