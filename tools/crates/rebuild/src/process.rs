//! Programs that are run: with an environment of their own, their words shown line by line, and an end.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use verbatim_foreign::printable_bytes;

use crate::error::{Error, Result};

/// Who is told what programs say, a line at a time, fit to be shown.
pub type Log<'a> = &'a dyn Fn(&str);

/// A longer line is shown in pieces.
const MAX_LINE: u64 = 8 << 10;
/// So much of what a program prints as its answer is kept.
const MAX_ANSWER: usize = 1 << 20;
/// So many of the last lines are part of an error.
const LAST_LINES: usize = 6;

/// A command with nothing of the caller's environment but where programs are, and `home` for a home.
///
/// What a build may see of this machine is decided by the build's parameters, which are others' words: no
/// password of a proxy is lying about.
pub fn command(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    pass_on(&mut command, &["PATH"]);
    command
}

/// Pass on what of the caller's environment a program needs.
pub(crate) fn pass_on(command: &mut Command, names: &[&str]) {
    for name in names {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// How a program ended, and what it said last.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, as far as that is kept.
    pub answer: String,
    last: Vec<String>,
}

impl Ended {
    /// What it said last, on one line.
    pub(crate) fn last_words(&self) -> String {
        if self.last.is_empty() {
            return format!("it ended with {}", self.status);
        }
        self.last.join(" | ")
    }
}

enum Piece {
    Answer(Vec<u8>),
    Word(Vec<u8>),
}

/// Run a program to its end, or until `patience` is over.
///
/// # Errors
/// Only where it could not be run or did not end: how it ended is for the caller to judge.
pub fn run(command: &mut Command, patience: Duration, log: Log<'_>) -> Result<Ended> {
    let name = command.get_program().to_string_lossy().into_owned();
    let cannot = |error: &io::Error| Error::io(format!("`{name}` cannot be run"), error);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::unchecked(format!(
                "`{name}` is not installed, and a rebuild needs it; install it"
            )),
            _ => cannot(&error),
        })?;
    let (send, pieces) = mpsc::sync_channel(64);
    for (stream, is_answer) in [
        (
            child
                .stdout
                .take()
                .map(|s| Box::new(s) as Box<dyn Read + Send>),
            true,
        ),
        (
            child
                .stderr
                .take()
                .map(|s| Box::new(s) as Box<dyn Read + Send>),
            false,
        ),
    ] {
        let (Some(stream), send) = (stream, send.clone()) else {
            continue;
        };
        std::thread::spawn(move || {
            let wrap = if is_answer {
                Piece::Answer
            } else {
                Piece::Word
            };
            lines(stream, |line| send.send(wrap(line)).is_ok());
        });
    }
    drop(send);
    let (answer, last, in_time) = listen(&pieces, Instant::now() + patience, log);
    if !in_time {
        let _ = child.kill();
        let _ = child.wait();
        return Err(Error::unchecked(format!(
            "`{name}` did not end within {} minutes and was ended; the last it said: {}",
            patience.as_secs() / 60,
            last.last().map_or("nothing", String::as_str)
        )));
    }
    Ok(Ended {
        status: child.wait().map_err(|error| cannot(&error))?,
        answer,
        last,
    })
}

/// Hand out lines until there are no more, or nobody wants them.
fn lines(stream: impl Read, mut take: impl FnMut(Vec<u8>) -> bool) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if take(line) => {}
            Ok(_) => return,
        }
    }
}

fn listen(pieces: &Receiver<Piece>, end: Instant, log: Log<'_>) -> (String, Vec<String>, bool) {
    let mut answer = Vec::new();
    let mut last: Vec<String> = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let line = match pieces.recv_timeout(left) {
            Ok(Piece::Answer(line)) => {
                if answer.len() + line.len() <= MAX_ANSWER {
                    answer.extend_from_slice(&line);
                }
                line
            }
            Ok(Piece::Word(line)) => line,
            Err(error) => {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                return (answer, last, error == RecvTimeoutError::Disconnected);
            }
        };
        let shown = printable_bytes(line.trim_ascii_end()).into_owned();
        log(&shown);
        if !shown.trim().is_empty() {
            if last.len() == LAST_LINES {
                last.remove(0);
            }
            last.push(shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn shell(script: &str) -> Command {
        let mut command = command("sh", Path::new("/"));
        command.args(["-c", script]);
        command
    }

    #[test]
    fn answers_are_kept_and_words_are_shown_without_what_is_hidden() {
        let seen = RefCell::new(Vec::new());
        let log = |line: &str| seen.borrow_mut().push(line.to_owned());
        let ended = run(
            &mut shell("printf 'answer\\n'; printf 'a\\033[2Jb\\n' >&2; exit 7"),
            Duration::from_secs(20),
            &log,
        )
        .unwrap();
        assert_eq!(ended.answer, "answer\n");
        assert_eq!(ended.status.code(), Some(7));
        assert!(seen.borrow().contains(&r"a\u{1b}[2Jb".to_owned()));
        assert!(ended.last_words().contains(r"\u{1b}"));
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let error = run(
            &mut shell("exec sleep 60"),
            Duration::from_millis(100),
            &|_| {},
        )
        .unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
    }

    #[test]
    fn nothing_of_the_environment_is_passed_on_by_chance() {
        let ended = run(&mut shell("env"), Duration::from_secs(20), &|_| {}).unwrap();
        assert!(!ended.answer.contains("CARGO"), "{}", ended.answer);
        assert!(ended.answer.contains("HOME=/\n"));
    }
}
