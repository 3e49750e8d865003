//! A process that somebody may interrupt, and what it started with it.
//!
//! Bazel runs in a process group of its own, so that a Ctrl-C at the terminal reaches this program
//! alone. It passes the signal on, waits until Bazel has put its work down, ends the server, and
//! removes the folders of the builds: none of that would happen if the signal ended both.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{kill_process_group, Pid, Signal};

/// How long Bazel may take to put its work down before it is killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A wish to end, which several threads know of.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Ask all that runs to end.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Run a command to its end; where somebody interrupts, interrupt it, and kill it if it does not heed that.
pub fn run(command: &mut Command, interrupt: &Interrupt) -> io::Result<ExitStatus> {
    let mut child = start(command)?;
    loop {
        if let Some(status) = wait(&mut child, Duration::from_millis(50))? {
            return Ok(status);
        }
        if interrupt.is_raised() {
            signal(&child, Signal::INT);
            return within(child, PATIENCE);
        }
    }
}

/// Run a command that has to end soon, and kill it if it does not.
pub(crate) fn run_briefly(command: &mut Command) -> io::Result<ExitStatus> {
    let child = start(command)?;
    within(child, PATIENCE)
}

fn start(command: &mut Command) -> io::Result<Child> {
    command.process_group(0).spawn()
}

fn within(mut child: Child, patience: Duration) -> io::Result<ExitStatus> {
    match wait(&mut child, patience)? {
        Some(status) => Ok(status),
        None => {
            signal(&child, Signal::KILL);
            child.wait()
        }
    }
}

fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        let ended = child.try_wait()?;
        if ended.is_some() || began.elapsed() >= patience {
            return Ok(ended);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(child: &Child, signal: Signal) {
    // The child is not yet waited for, so the number is still its own.
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_interrupted_ends_with_all_that_it_started() {
        let interrupt = Interrupt::default();
        let asker = interrupt.clone();
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("ended");
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            asker.raise();
        });
        let mut command = Command::new("sh");
        // The shell itself puts its work down in an orderly way.
        command
            .arg("-c")
            .arg("trap 'touch \"$0\"; exit 8' INT; sleep 60 & wait")
            .arg(&mark);
        let began = Instant::now();
        let status = run(&mut command, &interrupt).unwrap();
        thread.join().unwrap();
        assert_eq!(status.code(), Some(8));
        assert!(mark.exists());
        assert!(began.elapsed() < PATIENCE);
    }

    #[test]
    fn what_does_not_listen_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' INT; while :; do sleep 1; done"]);
        let child = start(&mut command).unwrap();
        signal(&child, Signal::INT);
        let status = within(child, Duration::from_millis(300)).unwrap();
        assert_eq!(status.code(), None);
    }
}
