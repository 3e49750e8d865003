//! A sandbox around a program: bubblewrap.
//!
//! There is no network. Of the machine the program sees the root file system with the tools, which it
//! cannot write to, the packages, which it cannot write to either, and a folder of its own. It may
//! change owners and permissions there, and change its root into it, as package managers do, and has
//! no privileges beyond that: what it cannot do is mount, load, trace, or reach another process.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use verbatim_foreign::{excerpt, printable_path};
use verbatim_packages::{Error, Result};

use crate::manager::{ARCHIVE, PACKAGES, WORK};

/// What package managers need to do in the root that they fill.
const PRIVILEGES: [&str; 11] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];
/// All of the environment.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", WORK),
    ("TMPDIR", WORK),
    ("LC_ALL", "C.UTF-8"),
    ("SOURCE_DATE_EPOCH", "0"),
    ("DEBIAN_FRONTEND", "noninteractive"),
];
const LOG: &str = "log";
const SCRIPT: &str = "script";
/// What is told of a log, at its end.
const TOLD: u64 = 2048;

/// A sandbox that can be made.
#[derive(Debug)]
pub(crate) struct Sandbox {
    bubblewrap: PathBuf,
    /// What gives a user without privileges other users to be, where that is needed.
    users: Option<PathBuf>,
    tools: PathBuf,
}

fn absent(message: String) -> Error {
    Error::unreachable(message)
}

impl Sandbox {
    /// Look for all that is needed, and try it.
    pub(crate) fn find(tools: &Path, programs: &[&str]) -> Result<Self> {
        let bubblewrap = on_path("bwrap").ok_or_else(|| {
            absent("scripts are run only apart from the machine, and bubblewrap (`bwrap`) is not here; install it".to_owned())
        })?;
        let folders = ["usr/bin", "usr/sbin", "bin", "sbin"];
        for program in programs {
            let is_there = |folder: &&str| tools.join(folder).join(program).exists();
            if !folders.iter().any(is_there) {
                return Err(absent(format!(
                    "{} has no {program}; install it there, or name with --tools a root file system that has it",
                    printable_path(tools)
                )));
            }
        }
        let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let users = match is_root {
            true => None,
            false => Some(on_path("unshare").ok_or_else(|| {
                absent(
                    "`unshare` (util-linux) is not here; install it, or run this as root"
                        .to_owned(),
                )
            })?),
        };
        let sandbox = Self {
            bubblewrap,
            users,
            tools: tools.to_owned(),
        };
        sandbox.attempt()?;
        Ok(sandbox)
    }

    /// Whether a sandbox can be made at all.
    fn attempt(&self) -> Result<()> {
        let mut command = self.command();
        command.args([
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
            "true",
        ]);
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|e| absent(format!("the sandbox cannot be made: {e}")))?;
        if output.status.success() {
            return Ok(());
        }
        let said = excerpt(String::from_utf8_lossy(&output.stderr).trim(), 300);
        let fix = match self.users {
            Some(_) => "run this as root, or allow user namespaces and give this user a range in /etc/subuid and /etc/subgid (with the programs of the package uidmap)",
            None => "a container must allow its root to make namespaces (CAP_SYS_ADMIN)",
        };
        Err(absent(format!(
            "a sandbox cannot be made here ({said}); {fix}"
        )))
    }

    /// The beginning of every command: what is cut off.
    fn command(&self) -> Command {
        let mut command = match &self.users {
            None => Command::new(&self.bubblewrap),
            Some(unshare) => {
                let mut command = Command::new(unshare);
                command.args(["--user", "--map-root-user", "--map-auto", "--"]);
                command.arg(&self.bubblewrap);
                command
            }
        };
        command.args([
            "--unshare-net",
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--new-session",
            "--die-with-parent",
            "--clearenv",
        ]);
        command
    }

    /// Run a script with packages that lie in `given`, in the folder `work`, on a machine of this
    /// name; the archive that it makes.
    pub(crate) fn run(
        &self,
        script: &str,
        given: &Path,
        work: &Path,
        name: &str,
    ) -> Result<PathBuf> {
        let failed =
            |e: std::io::Error| absent(format!("cannot write {}: {e}", printable_path(work)));
        fs::write(work.join(SCRIPT), script).map_err(failed)?;
        let log = File::create_new(work.join(LOG)).map_err(failed)?;
        let mut command = self.command();
        for (name, value) in ENVIRONMENT {
            command.args(["--setenv", name, value]);
        }
        command.args(["--hostname", name]);
        command.arg("--ro-bind").arg(&self.tools).arg("/");
        command.args(["--dev", "/dev", "--proc", "/proc"]);
        command.args("--tmpfs /tmp --tmpfs /var/tmp --tmpfs /run".split(' '));
        command.arg("--bind").arg(work).arg(WORK);
        // Programs in the root that is filled need these two, and nothing else of a machine.
        let root = format!("{WORK}/root");
        for (kind, below) in [("--dev", "dev"), ("--proc", "proc")] {
            fs::create_dir_all(work.join("root").join(below)).map_err(failed)?;
            command.args([kind, &format!("{root}/{below}")]);
        }
        command.arg("--ro-bind").arg(given).arg(PACKAGES);
        command.args(["--cap-drop", "ALL"]);
        for privilege in PRIVILEGES {
            command.args(["--cap-add", privilege]);
        }
        command.args(["--", "sh", &format!("{WORK}/{SCRIPT}")]);
        let both = log.try_clone().map_err(failed)?;
        let status = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(both)
            .status()
            .map_err(|e| absent(format!("the sandbox cannot be made: {e}")))?;
        let archive = work.join(ARCHIVE);
        if status.success() && archive.is_file() {
            return Ok(archive);
        }
        Err(Error::refused(format!(
            "the package manager failed ({status}):\n{}",
            end(&work.join(LOG))
        )))
    }
}

/// The end of a log.
fn end(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(TOLD)))?;
        let mut text = Vec::new();
        file.take(TOLD).read_to_end(&mut text)?;
        Ok(text)
    };
    let text = read().unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Where a program of the machine is.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|file| file.is_file())
}
