//! Programs of other projects.

use std::ffi::OsStr;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Where a program is. Tests that need one do not pass without it.
pub fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("{name} is not on the PATH: run the tests with ./bazelw --in-root cargo test")
        })
}

/// Run a command; what it printed, whether it succeeded or not.
pub fn output(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// All that a command said.
pub fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A program that does not see the user's own credentials.
pub fn stranger(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_remove("DOCKER_CONFIG");
    command
}

/// Run a command that must succeed; its standard output.
pub fn run(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        told(&output)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn client(name: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    run(Command::new(tool(name)).args(arguments))
}

/// Run skopeo; its standard output.
pub fn skopeo(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    client("skopeo", arguments)
}

/// Run crane; its standard output.
pub fn crane(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    client("crane", arguments)
}

/// Run oras; its standard output.
pub fn oras(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    client("oras", arguments)
}

/// A program that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    what: String,
}

impl Service {
    /// Start a program, and wait until `ready`.
    pub(crate) fn start(command: &mut Command, mut ready: impl FnMut() -> bool) -> Option<Self> {
        let what = format!("{command:?}");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        let mut service = Self { child, what };
        let began = Instant::now();
        loop {
            if ready() {
                // Whoever answers may be another program that took the port first.
                return service.runs().then_some(service);
            }
            if !service.runs() {
                let mut text = String::new();
                if let Some(stderr) = &mut service.child.stderr {
                    let _ = stderr.read_to_string(&mut text);
                }
                assert!(
                    text.contains("address already in use"),
                    "{} ended at once: {text}",
                    service.what
                );
                return None;
            }
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{} does not answer",
                service.what
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Read what it says, so that its pipe never fills.
    pub(crate) fn drain(&mut self) {
        if let Some(mut stderr) = self.child.stderr.take() {
            std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
