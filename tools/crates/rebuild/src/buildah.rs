//! The real `buildah`, with a storage of its own that goes with the rebuild.
//!
//! Nothing of the machine's configuration of containers decides about bytes: storage, registries, policy,
//! and defaults are files written here. Images are brought in from layouts whose digests were checked, so
//! nothing is pulled while it builds. Steps run in `chroot` isolation, as the build task runs them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{getrlimit, Resource};
use verbatim_digest::Digest;
use verbatim_foreign::printable_path;
use verbatim_oci::layout::write_root;
use verbatim_oci::{Descriptor, Family, MediaType};

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
    /// What makes namespaces in which it may do what it has to; empty for root, who may.
    namespaces: Vec<&'static str>,
    log: Log<'a>,
}

/// Run in new namespaces before `buildah`: what it would make or look for in root's places is out of its sight, and
/// a network has nothing but a loopback that is up, as the build task has it.
const SCRIPT: &str = "[ \"$1\" = root ] || { mount -t tmpfs tmpfs /run; [ ! -d /root ] || mount -t tmpfs tmpfs /root; }
ip link set lo up 2>/dev/null
shift
exec buildah \"$@\"";

/// A user namespace with the caller as root and the subordinate IDs as the others. Files of a base image may belong
/// to any user, and `RUN` sets groups: both takes more than one ID.
const WITH_IDS: [&str; 4] = ["--user", "--map-root-user", "--map-auto", "--mount"];
/// Without subordinate IDs: enough for images whose files are all root's, and that run nothing.
const ALONE: [&str; 3] = ["--user", "--map-root-user", "--mount"];

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
        let mut buildah = Self {
            folder: folder.to_owned(),
            namespaces: Vec::new(),
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
        if !rustix::process::geteuid().is_root() {
            buildah.namespaces = buildah.of_a_user()?;
        }
        Ok(buildah)
    }

    fn of_a_user(&self) -> Result<Vec<&'static str>> {
        if self.can(&WITH_IDS) {
            return Ok(WITH_IDS.to_vec());
        }
        if self.can(&ALONE) {
            (self.log)("verbatim: this user has no subordinate IDs (newuidmap, /etc/subuid): RUN, and files that are not root's, will fail");
            return Ok(ALONE.to_vec());
        }
        Err(Error::unchecked(
            "buildah has to be root, at least in a user namespace, and this machine lets no user make one; run it as root, or allow user namespaces",
        ))
    }

    /// Whether such namespaces can be made here.
    fn can(&self, namespaces: &[&str]) -> bool {
        let mut command = process::command("unshare", &self.at("home"));
        command.args(namespaces).args(["--", "true"]);
        process::run(&mut command, PATIENCE, &|_| {}).is_ok_and(|ended| ended.status.success())
    }

    /// `buildah` with these words, in the namespaces that it needs.
    fn in_namespaces(&self, words: Vec<OsString>, cut_off: bool) -> Command {
        let mut namespaces = self.namespaces.clone();
        namespaces.extend(cut_off.then_some("--net"));
        let mut command = if namespaces.is_empty() {
            process::command("buildah", &self.at("home"))
        } else {
            let mut command = process::command("unshare", &self.at("home"));
            let who = if self.namespaces.is_empty() {
                "root"
            } else {
                "user"
            };
            command
                .args(namespaces)
                .args(["--", "sh", "-c", SCRIPT, "sh", who]);
            command
        };
        command
            .args(words)
            .env("TMPDIR", self.at("tmp"))
            .env("XDG_RUNTIME_DIR", self.at("run"))
            .env("CONTAINERS_CONF", self.at("containers.conf"))
            .env("CONTAINERS_STORAGE_CONF", self.at("storage.conf"))
            .env("CONTAINERS_REGISTRIES_CONF", self.at("registries.conf"));
        command
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

    /// `buildah` with these words after those about its storage.
    fn command(&self, words: &[&OsStr]) -> Command {
        let mut all = self.arguments();
        all.extend(words.iter().map(|word| (*word).to_owned()));
        self.in_namespaces(all, false)
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
        let ended = process::run(&mut command, PATIENCE, &|_| {})?;
        let answer = ended.answer;
        // buildah version 1.43.2 (image-spec 1.1.1, runtime-spec 1.3.0)
        Ok(answer
            .split_whitespace()
            .nth(2)
            .unwrap_or_default()
            .trim_end_matches(',')
            .to_owned())
    }

    /// Bring in the image of a layout, under this name.
    pub(crate) fn bring_in(&self, layout: &Path, name: &str) -> Result<()> {
        let (policy, from) = (self.at("policy.json"), transport("oci:", layout));
        let mut pull = self.command(&[
            "pull".as_ref(),
            "--quiet".as_ref(),
            "--signature-policy".as_ref(),
            policy.as_ref(),
            &from,
        ]);
        let image = self.must(&mut pull, PATIENCE, "a base image cannot be brought in")?;
        let mut tag = self.command(&["tag".as_ref(), "--".as_ref(), image.as_ref(), name.as_ref()]);
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
        let with_net: Vec<&str> = self.namespaces.iter().copied().chain(["--net"]).collect();
        let cut_off = build.cut_off && self.can(&with_net);
        if build.cut_off && !cut_off {
            (self.log)("verbatim: the network cannot be cut off here, for no network namespace can be made; the build goes on with it");
        }
        let mut command = self.in_namespaces(words, cut_off);
        command.current_dir(&build.context);
        self.must(&mut command, BUILD_PATIENCE, "the build failed")?;
        let id = fs::read_to_string(&answer).map_err(|e| Error::io(printable_path(&answer), &e))?;
        Ok(id.trim().trim_start_matches("sha256:").to_owned())
    }

    /// Write an image as a push would, into a layout.
    pub fn push(&self, image: &str, format: ImageFormat, layout: &Path) -> Result<()> {
        let (name, to, target) = match format {
            ImageFormat::Oci => ("oci", "oci:", layout.to_owned()),
            // No layout takes Docker's media types from it: a plain folder does.
            ImageFormat::Docker => ("v2s2", "dir:", self.at("pushed")),
        };
        let (policy, target_name) = (self.at("policy.json"), transport(to, &target));
        let mut push = self.command(&[
            "push".as_ref(),
            "--quiet".as_ref(),
            "--signature-policy".as_ref(),
            policy.as_ref(),
            "--format".as_ref(),
            name.as_ref(),
            "--".as_ref(),
            image.as_ref(),
            &target_name,
        ]);
        self.must(&mut push, PATIENCE, "the image cannot be written")?;
        match format {
            ImageFormat::Oci => Ok(()),
            ImageFormat::Docker => layout_of(&target, layout),
        }
    }
}

impl Drop for Buildah<'_> {
    /// Files that belong to subordinate IDs are removed by who has these.
    fn drop(&mut self) {
        if !self.namespaces.is_empty() {
            let mut remove = process::command("unshare", &self.at("home"));
            remove
                .args(&self.namespaces)
                .args(["--", "rm", "-rf", "--"])
                .arg(self.at("storage"));
            let _ = process::run(&mut remove, PATIENCE, &|_| {});
        }
    }
}

/// In which format an image is pushed; the config is converted on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// OCI's.
    Oci,
    /// Docker's, schema 2.
    Docker,
}

/// Make a layout of the folder that `dir:` is: a manifest, and blobs named by their digests.
fn layout_of(folder: &Path, layout: &Path) -> Result<()> {
    let failed = |e: std::io::Error| {
        Error::io(
            format!("{} cannot become a layout", printable_path(folder)),
            &e,
        )
    };
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name
            .to_str()
            .is_some_and(|name| Digest::from_hex(name).is_ok())
        {
            fs::rename(entry.path(), blobs.join(name)).map_err(failed)?;
        }
    }
    let manifest = fs::read(folder.join("manifest.json")).map_err(failed)?;
    let root = Descriptor::of(MediaType::manifest(Family::Docker), &manifest);
    fs::write(blobs.join(root.digest.hex()), &manifest).map_err(failed)?;
    Ok(write_root(layout, &root, None)?)
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
