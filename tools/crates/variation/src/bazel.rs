//! Bazel: which one, and how it is run so that two runs have nothing to share.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::circumstances::Circumstances;
use crate::events::{self, Events};
use crate::process::{self, Interrupt};

/// Why there is no build to look at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No program was named, and none was found.
    #[error("there is no bazelw, bazelisk or bazel, neither in {} or above nor on PATH; name one with --bazel=PROGRAM", workspace.display())]
    NotFound {
        /// Where was looked.
        workspace: PathBuf,
    },
    /// The program does not start.
    #[error("{} cannot be run; name another program with --bazel", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The build failed.
    #[error("the {which} build failed ({status}){}", last.as_ref().map(|l| format!(": {l}")).unwrap_or_default())]
    Failed {
        /// `first` or `second`.
        which: &'static str,
        /// How Bazel ended.
        status: ExitStatus,
        /// The error that Bazel reported, unless it has been seen on the terminal.
        last: Option<String>,
    },
    /// Somebody asked to end.
    #[error("interrupted; the builds are removed, and their servers have ended")]
    Interrupted,
    /// A file of the build cannot be written or read.
    #[error("{} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The build events are not what they should be.
    #[error(transparent)]
    Events(#[from] events::Error),
}

/// Names under which Bazel is looked for: a repository's own wrapper first.
const NAMES: [&str; 3] = ["bazelw", "bazelisk", "bazel"];

/// The program to run: in the workspace or above it, up to the top of the checkout; then on PATH.
pub fn find(workspace: &Path, top: &Path) -> Result<PathBuf, Error> {
    let above = workspace
        .ancestors()
        .take_while(|folder| folder.starts_with(top));
    for folder in above {
        let wrapper = folder.join(NAMES[0]);
        if is_program(&wrapper) {
            return Ok(wrapper);
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| is_program(program))
        .ok_or_else(|| Error::NotFound {
            workspace: workspace.to_owned(),
        })
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// A build to be made.
#[derive(Debug)]
pub struct Request<'a> {
    /// `first` or `second`.
    pub which: &'static str,
    /// The program.
    pub program: &'a Path,
    /// The folder with MODULE.bazel that is built in.
    pub workspace: &'a Path,
    /// What this build is told.
    pub circumstances: &'a Circumstances,
    /// Where Bazel keeps what both builds may share: downloads and its own installation.
    pub user_root: Option<&'a Path>,
    /// Options for both builds.
    pub options: &'a [String],
    /// What is built.
    pub targets: &'a [String],
    /// Let Bazel draw on the terminal.
    pub terminal: bool,
    /// Somebody may wish to end.
    pub interrupt: &'a Interrupt,
}

/// A build that was made.
#[derive(Debug)]
pub struct Build {
    /// What it says of itself.
    pub events: Events,
    /// Its compact execution log.
    pub log: PathBuf,
    output_base: PathBuf,
}

impl Request<'_> {
    fn command(&self, output_base: &Path) -> Command {
        let mut command = Command::new(self.program);
        command
            .current_dir(self.workspace)
            .stdin(Stdio::null())
            // Looking at the repository is not to change it.
            .env("GIT_OPTIONAL_LOCKS", "0")
            .envs(self.circumstances.environment.iter().cloned());
        if let Some(root) = self.user_root {
            command.arg(format!("--output_user_root={}", root.display()));
        }
        command.arg(format!("--output_base={}", output_base.display()));
        // Nobody talks to this server for long.
        command.arg("--max_idle_secs=60");
        self.circumstances.kernel.surround(&mut command);
        command
    }

    /// Build from nothing, without a cache.
    pub fn run(&self) -> Result<Build, Error> {
        let folder = &self.circumstances.folder;
        let made = |path: &Path| {
            fs::create_dir_all(path).map_err(|source| Error::Io {
                path: path.to_owned(),
                source,
            })
        };
        made(folder)?;
        if let Some(sandboxes) = &self.circumstances.sandboxes {
            made(sandboxes)?;
        }
        let output_base = folder.join("base");
        let (log, events, said) = (
            folder.join("execution.zst"),
            folder.join("events.json"),
            folder.join("stderr"),
        );
        let mut command = self.command(&output_base);
        command.arg("build");
        command.args([
            "--disk_cache=",
            "--remote_cache=",
            "--noremote_accept_cached",
            "--noremote_upload_local_results",
            "--remote_download_outputs=all",
            "--bes_backend=",
            "--experimental_convenience_symlinks=ignore",
        ]);
        command.arg(format!("--execution_log_compact_file={}", log.display()));
        command.arg(format!("--build_event_json_file={}", events.display()));
        for (name, value) in &self.circumstances.actions {
            command.arg(format!("--action_env={name}={value}"));
            command.arg(format!("--host_action_env={name}={value}"));
        }
        if !self.terminal {
            command.args(["--color=no", "--curses=no", "--show_progress_rate_limit=60"]);
            let file = File::create(&said).map_err(|source| Error::Io {
                path: said.clone(),
                source,
            })?;
            command.stderr(file);
        }
        command.stdout(Stdio::null());
        command.args(&self.circumstances.options);
        command.args(self.options);
        command.arg("--").args(self.targets);
        let status = process::run(&mut command, self.interrupt).map_err(|source| Error::Start {
            program: self.program.to_owned(),
            source,
        })?;
        let build = Build {
            events: Events::default(),
            log,
            output_base,
        };
        if self.interrupt.is_raised() {
            self.shut_down(&build);
            return Err(Error::Interrupted);
        }
        if !status.success() {
            self.shut_down(&build);
            return Err(Error::Failed {
                which: self.which,
                status,
                last: (!self.terminal).then(|| complaint(&said)).flatten(),
            });
        }
        Ok(Build {
            events: Events::read(&events)?,
            ..build
        })
    }

    /// Where Bazel keeps what both builds may share.
    pub fn shared(&self, build: &Build) -> Option<PathBuf> {
        let output = self
            .command(&build.output_base)
            .args(["info", "install_base"])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
        let install = path.parent()?;
        (install.file_name()? == "install").then(|| install.parent().map(Path::to_owned))?
    }

    /// End the server, and give its memory back.
    pub(crate) fn shut_down(&self, build: &Build) {
        let mut command = self.command(&build.output_base);
        command
            .arg("shutdown")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _ = process::run_briefly(&mut command);
        // One that does not listen would write to folders that are being removed.
        if let Some(server) = server(&build.output_base) {
            let _ = rustix::process::kill_process(server, rustix::process::Signal::KILL);
        }
    }
}

/// The process of the server that works in this output base, if it runs.
fn server(output_base: &Path) -> Option<rustix::process::Pid> {
    let number = fs::read_to_string(output_base.join("server").join("server.pid.txt")).ok()?;
    let number: i32 = number.trim().parse().ok()?;
    // Another process may have the number by now.
    let command = fs::read(format!("/proc/{number}/cmdline")).ok()?;
    let ours = output_base.as_os_str().as_encoded_bytes();
    command
        .windows(ours.len())
        .any(|window| window == ours)
        .then(|| rustix::process::Pid::from_raw(number))?
}

/// The error that Bazel reported: the last lines that say so.
fn complaint(said: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(said).ok()?).into_owned();
    let errors: Vec<_> = text
        .lines()
        .filter(|l| l.starts_with("ERROR:") || l.starts_with("FATAL:"))
        .take(3)
        .collect();
    if errors.is_empty() {
        return text.lines().last().map(str::to_owned);
    }
    Some(errors.join("; "))
}

/// Remove a folder, those that were made read-only included.
pub fn remove(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
        return;
    }
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    let _ = fs::remove_dir_all(folder);
}
