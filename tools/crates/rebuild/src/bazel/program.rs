//! The program: which one it is, and how it is run.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use verbatim_attest::bazel::Target;
use verbatim_digest::Digest;
use verbatim_foreign::{excerpt, printable_path};

use super::events;
use super::flags::{Allowed, OTHER_BAZEL, WRAPPER};
use crate::error::{Error, Result};
use crate::process::{self, Log};

/// A build that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// To say its version; a launcher may have to fetch the program first.
const SHORT_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// So many of its errors are told in a sentence; the first ones are the cause of the others.
const TOLD_ERRORS: usize = 3;

/// The output group of `container_sums` and `file_sums` that holds what the digests are of.
const RELEASED: &str = "released";

/// What a network takes; an address with a password in it is nothing for the code of sources.
const NETWORK: [&str; 7] = [
    "SSL_CERT_FILE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Run in a new network namespace: nothing but a loopback that is up.
const SCRIPT: &str = "ip link set lo up 2>/dev/null\nexec \"$@\"";

/// What a person says of this machine.
#[derive(Debug, Clone, Default)]
pub struct Machine<'a> {
    /// Bazel: a path, or a name to be found on PATH.
    pub bazel: Option<&'a str>,
    /// A program in the sources that stands in for Bazel, by its path there.
    pub wrapper: Option<&'a str>,
    /// Files of settings, which come before all others.
    pub settings: Vec<PathBuf>,
    /// What is allowed that is refused by itself.
    pub allowed: Allowed,
}

/// What a statement says of the program.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// As `bazel --version` says it.
    pub version: &'a str,
    /// Of the program.
    pub digest: Option<Digest>,
}

/// One run.
pub struct Run<'a> {
    /// The folder of the workspace.
    pub workspace: &'a Path,
    /// Options after `build`.
    pub flags: &'a [String],
    /// What is built.
    pub targets: &'a [Target],
    /// Where what is downloaded is kept by its digest.
    pub repository_cache: &'a Path,
    /// Fetch what is needed, and build nothing.
    pub only_fetch: bool,
}

/// Bazel, with folders of its own that go with the rebuild.
pub struct Bazel<'a> {
    program: PathBuf,
    /// What it says itself.
    version: String,
    digest: Digest,
    folder: PathBuf,
    machine: &'a Machine<'a>,
    cut_off: bool,
    log: Log<'a>,
}

impl<'a> Bazel<'a> {
    /// Take a program, in a folder that is there and empty, and see which version it is.
    ///
    /// # Errors
    /// It is not there or does not say its version: unchecked.
    pub fn new(
        program: &Path,
        folder: &Path,
        recorded: Recorded<'_>,
        machine: &'a Machine<'a>,
        log: Log<'a>,
    ) -> Result<Self> {
        for name in ["home", "empty", "tmp"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(|e| Error::io(printable_path(&path), &e))?;
        }
        let mut bazel = Self {
            program: program.to_owned(),
            version: String::new(),
            digest: digest(program)?,
            folder: folder.to_owned(),
            machine,
            cut_off: false,
            log,
        };
        // In an empty folder: launchers follow what they find in a workspace.
        let mut command = process::command(&bazel.program, &bazel.at("home"));
        pass_network(&mut command);
        bazel.choose_version(&mut command, recorded.version);
        command.arg("--version").current_dir(bazel.at("empty"));
        let ended = process::run(&mut command, SHORT_PATIENCE, &|_| {})?;
        let version = ended.answer.trim().strip_prefix("bazel ");
        let version = version.filter(|_| ended.status.success()).ok_or_else(|| {
            Error::unchecked(format!(
                "{} does not say which Bazel it is: {}",
                printable_path(&bazel.program),
                ended.last_words()
            ))
        })?;
        bazel.version = version.trim().to_owned();
        if let Some(program) = fetched_by_launcher(&bazel.at("bazelisk")) {
            bazel.digest = digest(&program)?;
            bazel.program = program;
        }
        Ok(bazel)
    }

    /// The program that a person named, or the one of this machine.
    ///
    /// # Errors
    /// There is none.
    pub fn find(machine: &Machine<'_>) -> Result<PathBuf> {
        let names: &[&str] = match machine.bazel {
            Some(given) if given.contains('/') => {
                let path = Path::new(given);
                return fs::canonicalize(path)
                    .map_err(|e| Error::io(format!("--bazel {}", printable_path(path)), &e));
            }
            Some(ref given) => std::slice::from_ref(given),
            None => &["bazelisk", "bazel"],
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut found = names.iter().flat_map(|name| {
            let folders = std::env::split_paths(&path).collect::<Vec<_>>();
            folders.into_iter().map(move |folder| folder.join(name))
        });
        let is_program = |path: &PathBuf| {
            fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        };
        found.find(is_program).ok_or_else(|| {
            Error::unchecked(format!(
                "there is no `{}` on PATH; name the program with --bazel",
                names.join("` and no `")
            ))
        })
    }

    /// Its version, as it says it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The program's digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Where it lies.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// From now on there is no network at all.
    pub fn cut_off(&mut self) {
        self.cut_off = true;
    }

    /// Whether it is the recorded one.
    ///
    /// # Errors
    /// It has another version, which is unchecked, or another digest, which does not hold; unless it is allowed.
    pub fn check(&self, recorded: Recorded<'_>) -> Result<()> {
        if self.machine.allowed.has(OTHER_BAZEL) {
            return Ok(());
        }
        let program = printable_path(&self.program);
        if self.version != recorded.version {
            return Err(Error::unchecked(format!(
                "Bazel {} built it, and {program} is {}; name the right one with --bazel, or build with this one with --allow={OTHER_BAZEL}",
                recorded.version,
                excerpt(&self.version, 60)
            )));
        }
        match recorded.digest {
            Some(told) if told != self.digest => Err(Error::unchecked(format!(
                "the attestation tells the digest of Bazel, {told}, and {program} has {}; name the program itself with --bazel, or build with this one with --allow={OTHER_BAZEL}",
                self.digest
            ))),
            _ => Ok(()),
        }
    }

    /// Whether something in the workspace would be run in Bazel's place: a script that a package of Bazel installs
    /// looks for it.
    ///
    /// # Errors
    /// It would, and nobody allowed it.
    pub(crate) fn check_launcher(&self, workspace: &Path) -> Result<()> {
        let wrapper = workspace.join(WRAPPER);
        let named = self.machine.bazel.is_some() || self.machine.wrapper.is_some();
        if named
            || self.machine.allowed.has(WRAPPER)
            || !wrapper.exists()
            || !is_script(&self.program)
        {
            return Ok(());
        }
        Err(Error::wrong(format!(
            "the sources have {WRAPPER}, and {} may run it in Bazel's place; name Bazel itself with --bazel, or allow it with --allow={WRAPPER}",
            printable_path(&self.program)
        )))
    }

    /// Build, and say what was made: the files of the targets, and what their sums are of.
    ///
    /// # Errors
    /// It fails: unchecked, with the last words of Bazel and where the others are.
    pub fn build(&self, run: &Run<'_>) -> Result<Vec<PathBuf>> {
        let events = self.at("events.json");
        let mut words: Vec<OsString> = vec![
            "--nosystem_rc".into(),
            "--nohome_rc".into(),
            "--batch".into(),
            joined("--output_base=", &self.at("output")),
        ];
        words.extend(
            self.machine
                .settings
                .iter()
                .map(|file| joined("--bazelrc=", file)),
        );
        words.push("build".into());
        words.extend(run.flags.iter().map(OsString::from));
        words.extend(self.own_flags().iter().map(OsString::from));
        words.push(joined("--repository_cache=", run.repository_cache));
        words.push(joined("--build_event_json_file=", &events));
        words.push(format!("--output_groups=+{RELEASED}").into());
        if run.only_fetch {
            words.push("--nobuild".into());
        }
        words.push("--".into());
        words.extend(run.targets.iter().map(|target| target.as_str().into()));
        let mut command = self.command(words);
        command.current_dir(run.workspace);
        let kept = RefCell::new(kept_log()?);
        let errors = RefCell::new(Vec::new());
        let log = |line: &str| {
            // What is kept is a help; a disk that is full is told by Bazel, too.
            let _ = writeln!(kept.borrow_mut(), "{line}");
            if is_error(line) && errors.borrow().len() < TOLD_ERRORS {
                errors.borrow_mut().push(line.to_owned());
            }
            (self.log)(line);
        };
        let ended = process::run(&mut command, PATIENCE, &log)?;
        if !ended.status.success() {
            let kept = kept.into_inner().keep();
            let place = kept.map(|(_, path)| format!(" (all it said is in {})", path.display()));
            let errors = errors.into_inner();
            let why = match errors.is_empty() {
                true => ended.last_words(),
                false => errors.join(" | "),
            };
            return Err(Error::unchecked(format!(
                "Bazel does not build it: {why}{}",
                place.unwrap_or_default()
            )));
        }
        if run.only_fetch {
            return Ok(Vec::new());
        }
        events::files(&events)
    }

    /// What is asked of every build, whatever files of settings and the statement say. It comes last, for the last
    /// word counts.
    fn own_flags(&self) -> Vec<&'static str> {
        let mut flags = vec![
            "--sandbox_default_allow_network=false",
            "--remote_cache=",
            "--remote_executor=",
            "--disk_cache=",
            "--bes_backend=",
            "--symlink_prefix=/",
            "--color=no",
            "--curses=no",
            "--show_progress_rate_limit=10",
        ];
        for (name, flag) in [
            ("spawn_strategy", "--spawn_strategy=linux-sandbox"),
            ("workspace_status_command", "--workspace_status_command="),
        ] {
            if !self.machine.allowed.has(name) {
                flags.push(flag);
            }
        }
        flags
    }

    fn command(&self, words: Vec<OsString>) -> Command {
        let mut command = if self.cut_off {
            let mut command = process::command("unshare", &self.at("home"));
            if !rustix::process::geteuid().is_root() {
                command.args(["--user", "--map-root-user"]);
            }
            command.args(["--net", "--", "sh", "-c", SCRIPT, "sh"]);
            command.arg(&self.program);
            command
        } else {
            let mut command = process::command(&self.program, &self.at("home"));
            pass_network(&mut command);
            command
        };
        self.choose_version(&mut command, &self.version);
        command.args(words);
        command
    }

    /// Which Bazel a launcher fetches, and that it follows no program of the sources.
    fn choose_version(&self, command: &mut Command, version: &str) {
        command
            .env("USE_BAZEL_VERSION", version)
            .env("BAZELISK_SKIP_WRAPPER", "1")
            .env("BAZELISK_HOME", self.at("bazelisk"))
            .env("TMPDIR", self.at("tmp"));
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Bazel<'_> {
    /// Bazel takes the right to write from what it made; the folder has to go with the rebuild.
    fn drop(&mut self) {
        if rustix::process::geteuid().is_root() {
            return;
        }
        let mut waiting = vec![self.at("output")];
        while let Some(folder) = waiting.pop() {
            let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    waiting.push(entry.path());
                }
            }
        }
    }
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut word = OsString::from(option);
    word.push(path);
    word
}

fn digest(program: &Path) -> Result<Digest> {
    let (digest, _) = verbatim_digest::of_file(program)
        .map_err(|e| Error::io(printable_path(program), e.io()))?;
    Ok(digest)
}

/// What Bazelisk fetched, if it is Bazelisk that was run: from then on it is run itself.
fn fetched_by_launcher(home: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(home.join("downloads/sha256")).ok()?;
    let folders = folders.flatten().map(|entry| entry.path().join("bin"));
    let mut programs =
        folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    match (programs.next(), programs.next()) {
        (Some(only), None) => Some(only.path()),
        _ => None,
    }
}

fn is_script(program: &Path) -> bool {
    let mut begin = [0; 2];
    let read = fs::File::open(program).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && &begin == b"#!"
}

fn pass_network(command: &mut Command) {
    for name in NETWORK {
        let value = std::env::var_os(name);
        if value.is_some_and(|value| !value.to_string_lossy().contains('@')) {
            process::pass_on(command, &[name]);
        }
    }
}

/// Whether Bazel, or a rule of the sources, says what is wrong.
fn is_error(line: &str) -> bool {
    ["ERROR: ", "FATAL: ", "Error in ", "Error: "]
        .iter()
        .any(|word| line.starts_with(word))
}

/// Where what Bazel says is kept, if it fails.
fn kept_log() -> Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("verbatim-rebuild-").suffix(".log");
    builder
        .tempfile()
        .map_err(|e| Error::io("no temporary file can be made", &e))
}
