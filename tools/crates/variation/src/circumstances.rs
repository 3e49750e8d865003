//! How each condition is made other for the second build, on this machine.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::condition::Condition;
use crate::kernel::{self, Kernel};

/// Under which the sandboxes of a build may lie in memory, in bytes: outputs lie there until their action is done.
const SPACE_FOR_SANDBOXES: u64 = 2 << 30;
/// For everything of a build.
const SPACE_FOR_A_BUILD: u64 = 8 << 30;
const ANOTHER_HOST: &str = "another-machine";
const ANOTHER_USER: &str = "somebody";

/// A condition that differs between the two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Varied {
    /// Which.
    pub condition: Condition,
    /// How it is in the first build.
    pub first: String,
    /// How it is in the second.
    pub second: String,
    /// What an output that depends on it would have in it: of the first build, and of the second.
    #[serde(skip)]
    pub traces: Vec<[String; 2]>,
}

/// A condition that was asked for and is the same in both builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unvaried {
    /// Which.
    pub condition: Condition,
    /// Why it cannot be varied here.
    pub why: String,
}

/// What a build is told, beyond what all builds are.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// Variables of Bazel's own environment.
    pub environment: Vec<(String, String)>,
    /// Variables of every action's environment.
    pub actions: Vec<(String, String)>,
    /// Options of Bazel.
    pub options: Vec<String>,
    /// What the kernel says.
    pub kernel: Kernel,
    /// Work on a copy of the checkout.
    pub copy: bool,
    /// Where everything of this build lies.
    pub folder: PathBuf,
    /// Where its sandboxes lie, if they lie elsewhere.
    pub sandboxes: Option<PathBuf>,
}

/// Two builds and what differs between their circumstances.
#[derive(Debug)]
pub struct Plan {
    /// Of the build as anybody would make it.
    pub first: Circumstances,
    /// Of the other one.
    pub second: Circumstances,
    /// What differs.
    pub varied: Vec<Varied>,
    /// What does not, although it should.
    pub unvaried: Vec<Unvaried>,
}

impl Plan {
    /// Vary these conditions; both builds lie in `scratch`.
    pub fn of(conditions: &BTreeSet<Condition>, scratch: &Path) -> io::Result<Self> {
        let mut plan = Self {
            first: Circumstances {
                folder: scratch.join("first"),
                ..Circumstances::default()
            },
            second: Circumstances {
                folder: scratch.join("second"),
                ..Circumstances::default()
            },
            varied: Vec::new(),
            unvaried: Vec::new(),
        };
        // First, because others lie in the folder that it chooses.
        if conditions.contains(&Condition::FileSystem) {
            let done = plan.file_system(scratch);
            plan.note(Condition::FileSystem, done);
        }
        for condition in conditions {
            if *condition != Condition::FileSystem {
                let done = plan.vary(*condition, scratch)?;
                plan.note(*condition, done);
            }
        }
        plan.varied.sort_by_key(|v| v.condition);
        for varied in &mut plan.varied {
            varied.traces = traces(varied.condition, &plan.first, &plan.second);
        }
        Ok(plan)
    }

    /// Leave alone the variables that the workspace itself gives every action: they cannot vary from one machine to the next.
    pub(crate) fn heed(&mut self, pinned: &BTreeSet<String>) {
        self.second
            .actions
            .retain(|(name, _)| !pinned.contains(name));
        for (condition, name) in [
            (Condition::TimeZone, "TZ"),
            (Condition::Locale, "LC_ALL"),
            (Condition::User, "HOME"),
        ] {
            if let Some(varied) = self.varied.iter_mut().find(|v| v.condition == condition) {
                if pinned.contains(name) {
                    varied.second.push_str(&format!(
                        ", but in actions, where the workspace sets {name}"
                    ));
                }
            }
        }
    }

    fn note(&mut self, condition: Condition, done: Result<(String, String), String>) {
        match done {
            Ok((first, second)) => self.varied.push(Varied {
                condition,
                first,
                second,
                traces: Vec::new(),
            }),
            Err(why) => self.unvaried.push(Unvaried { condition, why }),
        }
    }

    /// How the condition is in both builds, or why it is the same.
    fn vary(
        &mut self,
        condition: Condition,
        scratch: &Path,
    ) -> io::Result<Result<(String, String), String>> {
        let second = &mut self.second;
        let done = match condition {
            Condition::OutputBase => {
                // Of another length, and not a prefix of the other.
                second
                    .folder
                    .push("at/another/place/of/quite/another/length");
                (
                    self.first.folder.display().to_string(),
                    second.folder.display().to_string(),
                )
            }
            Condition::Checkout => {
                second.copy = true;
                (
                    "as it is".to_owned(),
                    "a copy at a longer path, its files dated 2001 and for their owner alone"
                        .to_owned(),
                )
            }
            Condition::Time => ("earlier".to_owned(), "later".to_owned()),
            Condition::TimeZone => {
                let zone = another_zone();
                second.set("TZ", zone);
                (of_now("TZ"), format!("TZ={zone}"))
            }
            Condition::Locale => {
                second.set("LC_ALL", "tr_TR.UTF-8");
                second.set("LANG", "tr_TR.UTF-8");
                (of_now("LC_ALL"), "LC_ALL=tr_TR.UTF-8".to_owned())
            }
            Condition::Umask => {
                let now = kernel::umask().unwrap_or(0o022);
                let other = if now == 0o077 { 0o022 } else { 0o077 };
                let kernel = Kernel {
                    umask: Some(other),
                    ..Kernel::default()
                };
                if let Err(e) = kernel.works() {
                    return Ok(Err(e.to_string()));
                }
                second.kernel.umask = Some(other);
                // Bazel's sandbox and its process wrapper set their own.
                (
                    format!("{now:04o}"),
                    format!("{other:04o} for Bazel and repository rules; actions have what Bazel gives them"),
                )
            }
            Condition::User => {
                // The same files under another name, so that what is configured there still is.
                let home = scratch.join("home").join(ANOTHER_USER);
                fs::create_dir_all(home.parent().unwrap_or(scratch))?;
                let now = std::env::var_os("HOME").unwrap_or_default();
                if now.is_empty() {
                    fs::create_dir_all(&home)?;
                } else if home.symlink_metadata().is_err() {
                    link(Path::new(&now), &home)?;
                }
                second.set("HOME", &home.display().to_string());
                second.set("USER", ANOTHER_USER);
                second.set("LOGNAME", ANOTHER_USER);
                // Bazelisk and others keep what they downloaded there.
                if !now.is_empty() && std::env::var_os("XDG_CACHE_HOME").is_none() {
                    let cache = Path::new(&now).join(".cache");
                    second
                        .environment
                        .push(("XDG_CACHE_HOME".to_owned(), cache.display().to_string()));
                }
                (
                    format!("{}, {}", of_now("USER"), of_now("HOME")),
                    format!("USER={ANOTHER_USER}, HOME={}", home.display()),
                )
            }
            Condition::Host => {
                let kernel = Kernel {
                    host: Some(ANOTHER_HOST.to_owned()),
                    ..Kernel::default()
                };
                if let Err(e) = kernel.works() {
                    return Ok(Err(format!(
                        "this machine lets no process have a host name of its own: {e}"
                    )));
                }
                second.kernel.host = kernel.host;
                (
                    kernel::host().unwrap_or_else(|| "of this machine".to_owned()),
                    ANOTHER_HOST.to_owned(),
                )
            }
            Condition::Cores => {
                let all = kernel::cores();
                if all.len() < 2 {
                    return Ok(Err("there is only one core".to_owned()));
                }
                let fewer = all[..all.len() - 1].to_vec();
                let text = |cores: &[usize]| format!("{} of {}", cores.len(), all.len());
                let done = (text(&all), text(&fewer));
                let kernel = Kernel {
                    cores: Some(fewer),
                    ..Kernel::default()
                };
                if let Err(e) = kernel.works() {
                    return Ok(Err(e.to_string()));
                }
                second.kernel.cores = kernel.cores;
                done
            }
            Condition::Jobs => {
                let jobs = kernel::cores().len() + 1;
                second.options.push(format!("--jobs={jobs}"));
                ("as configured".to_owned(), format!("--jobs={jobs}"))
            }
            Condition::DirectoryOrder => return Ok(self.directory_order()),
            Condition::FileSystem => unreachable!("it is varied before all others"),
            Condition::Mode => {
                self.first
                    .options
                    .push("--compilation_mode=fastbuild".to_owned());
                second.options.push("--compilation_mode=opt".to_owned());
                ("-c fastbuild".to_owned(), "-c opt".to_owned())
            }
        };
        Ok(Ok(done))
    }

    /// A file system in memory lists the newest file first; those on disks sort by a hash, or not at all.
    fn directory_order(&mut self) -> Result<(String, String), String> {
        let disk = kind_of_file_system(&self.first.folder);
        let memory = Path::new("/dev/shm");
        if disk.as_deref() == Some("tmpfs") {
            return Err(format!(
                "{} is a file system in memory already; choose another folder for the builds with --scratch=DIR",
                self.first.folder.display()
            ));
        }
        if kind_of_file_system(memory).as_deref() != Some("tmpfs") {
            return Err("there is no file system in memory at /dev/shm".to_owned());
        }
        enough(memory, SPACE_FOR_SANDBOXES)?;
        let folder = memory.join(format!("verbatim-sandboxes.{}", std::process::id()));
        self.second
            .options
            .push(format!("--sandbox_base={}", folder.display()));
        self.second.sandboxes = Some(folder);
        Ok((
            format!(
                "sandboxes on {}",
                disk.unwrap_or_else(|| "a disk".to_owned())
            ),
            "sandboxes in memory, where the newest file is listed first".to_owned(),
        ))
    }

    fn file_system(&mut self, scratch: &Path) -> Result<(String, String), String> {
        let ours = kind_of_file_system(scratch).ok_or("the file system here has no known kind")?;
        let mut why =
            "there is no file system of another kind in /dev/shm, /tmp or /var/tmp".to_owned();
        for candidate in ["/dev/shm", "/tmp", "/var/tmp"] {
            let candidate = Path::new(candidate);
            match kind_of_file_system(candidate) {
                Some(kind) if kind != ours => match enough(candidate, SPACE_FOR_A_BUILD) {
                    Ok(()) => {
                        self.second.folder =
                            candidate.join(format!("verbatim-check.{}", std::process::id()));
                        return Ok((ours, kind));
                    }
                    Err(reason) => why = reason,
                },
                _ => {}
            }
        }
        Err(why)
    }
}

impl Circumstances {
    fn set(&mut self, name: &str, value: &str) {
        let variable = (name.to_owned(), value.to_owned());
        self.environment.push(variable.clone());
        self.actions.push(variable);
    }
}

fn traces(condition: Condition, first: &Circumstances, second: &Circumstances) -> Vec<[String; 2]> {
    let path = |path: &Path| path.display().to_string();
    let variable = |name: &str| {
        let other = second.environment.iter().find(|(n, _)| n == name);
        [
            std::env::var(name).unwrap_or_default(),
            other.map(|(_, value)| value.clone()).unwrap_or_default(),
        ]
    };
    match condition {
        Condition::OutputBase => vec![[path(&first.folder), path(&second.folder)]],
        Condition::Cores => {
            let all = kernel::cores().len();
            let other = second.kernel.cores.as_ref().map_or(all, Vec::len);
            vec![[all.to_string(), other.to_string()]]
        }
        Condition::Host => vec![[
            kernel::host().unwrap_or_default(),
            second.kernel.host.clone().unwrap_or_default(),
        ]],
        Condition::User => vec![variable("HOME"), variable("USER")],
        Condition::TimeZone => vec![variable("TZ")],
        Condition::Locale => vec![variable("LC_ALL"), variable("LANG")],
        _ => Vec::new(),
    }
}

fn of_now(name: &str) -> String {
    match std::env::var(name) {
        Ok(value) => format!("{name}={value}"),
        Err(_) => format!("{name} not set"),
    }
}

/// A time zone in which it is another day now, so that a date without a time of day is found too.
///
/// The two are 25 hours apart: in one of them it is always another day than here.
fn another_zone() -> &'static str {
    let today = |zone: Option<&str>| {
        let mut command = std::process::Command::new("date");
        command.arg("+%F").stdin(std::process::Stdio::null());
        if let Some(zone) = zone {
            command.env("TZ", zone);
        }
        command.output().ok().map(|output| output.stdout)
    };
    let here = today(None);
    let [east, west] = ["Pacific/Kiritimati", "Pacific/Pago_Pago"];
    if today(Some(east)) != here {
        east
    } else {
        west
    }
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// The kind of the file system that a folder, or the next one above that exists, lies on: the
/// longest mount point in front of it says so.
fn kind_of_file_system(folder: &Path) -> Option<String> {
    let folder = folder.ancestors().find_map(|f| f.canonicalize().ok())?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mut found: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?.replace("\\040", " "), fields.next()?);
        let length = Path::new(&point).components().count();
        // A later mount at the same place hides the earlier one.
        if folder.starts_with(&point) && found.is_none_or(|(longest, _)| length >= longest) {
            found = Some((length, kind));
        }
    }
    found.map(|(_, kind)| kind.to_owned())
}

fn enough(folder: &Path, needed: u64) -> Result<(), String> {
    let free = match rustix::fs::statvfs(folder) {
        Ok(state) => state.f_bavail.saturating_mul(state.f_frsize),
        Err(e) => return Err(format!("{} cannot be used: {e}", folder.display())),
    };
    if free < needed {
        return Err(format!(
            "{} has {} MiB free, and it takes {} MiB",
            folder.display(),
            free >> 20,
            needed >> 20
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_asked_for_is_either_varied_or_said_not_to_be() {
        let scratch = tempfile::tempdir().unwrap();
        let all: BTreeSet<_> = Condition::ALL.iter().copied().collect();
        let plan = Plan::of(&all, scratch.path()).unwrap();
        let mut named: Vec<_> = plan.varied.iter().map(|v| v.condition).collect();
        named.extend(plan.unvaried.iter().map(|u| u.condition));
        named.sort();
        assert_eq!(named, Condition::ALL);
        for varied in &plan.varied {
            assert_ne!(varied.first, varied.second, "{varied:?}");
        }
    }

    /// Whatever the hour is at which this test runs.
    #[test]
    fn in_the_other_time_zone_it_is_another_day() {
        let today = |zone: &str| {
            let mut command = std::process::Command::new("date");
            command.arg("+%F");
            if !zone.is_empty() {
                command.env("TZ", zone);
            }
            command.output().unwrap().stdout
        };
        assert_ne!(today(""), today(another_zone()));
    }

    #[test]
    fn nothing_else_is_varied() {
        let scratch = tempfile::tempdir().unwrap();
        let plan = Plan::of(&BTreeSet::from([Condition::TimeZone]), scratch.path()).unwrap();
        assert_eq!(plan.second.kernel, Kernel::default());
        assert_eq!(plan.second.options, Vec::<String>::new());
        assert_eq!(plan.second.actions.len(), 1);
        let (name, zone) = &plan.second.actions[0];
        assert!(name == "TZ" && zone.starts_with("Pacific/"), "{zone}");
        assert!(!plan.second.copy);
    }
}
