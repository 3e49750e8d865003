//! Running a case: our command and its peers in turn, each in a shell of its own, with the operating system's own account.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Result};

use crate::cases::{Case, Runner};

/// One finished run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// From start to end.
    pub wall: Duration,
    /// Peak resident memory of the largest process, in KiB.
    pub peak: i64,
}

/// What a runner did in each counted round; `None` where its program is not installed.
#[derive(Debug)]
pub struct Measured {
    /// Who ran.
    pub name: String,
    /// The counted runs, in order.
    pub runs: Option<Vec<Run>>,
    /// Bytes of the output, where the case writes one.
    pub size: Option<u64>,
}

/// All of a case.
#[derive(Debug)]
pub struct Measurements {
    /// The case's name.
    pub name: String,
    /// Ours first.
    pub all: Vec<Measured>,
}

impl Measured {
    /// Median time in seconds.
    pub fn seconds(&self) -> Option<f64> {
        Some(median(
            self.runs
                .as_ref()?
                .iter()
                .map(|r| r.wall.as_secs_f64())
                .collect(),
        ))
    }

    /// Largest peak memory of any run, in MiB.
    pub fn peak(&self) -> Option<f64> {
        let peak = self.runs.as_ref()?.iter().map(|r| r.peak).max()?;
        Some(peak as f64 / 1024.0)
    }

    /// Median over the rounds of this runner's time divided by ours: above 1, ours is faster.
    pub fn ratio(&self, ours: &Measured) -> Option<f64> {
        let (theirs, ours) = (self.runs.as_ref()?, ours.runs.as_ref()?);
        Some(median(
            theirs
                .iter()
                .zip(ours)
                .map(|(t, o)| t.wall.as_secs_f64() / o.wall.as_secs_f64())
                .collect(),
        ))
    }
}

/// The middle value; of an even number, the mean of the two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// Measure one case; `bench` is this program, for what must happen in a process of its own.
pub fn case(case: &Case, rounds: usize, work: &Path, bench: &Path) -> Result<Measurements> {
    let present: Vec<bool> = case
        .runners
        .iter()
        .map(|r| r.needs.iter().all(|n| installed(n)))
        .collect();
    ensure!(present[0], "our own program cannot be run");
    let mut all: Vec<Measured> = case
        .runners
        .iter()
        .zip(&present)
        .map(|(r, &there)| Measured {
            name: r.name.clone(),
            runs: there.then(Vec::new),
            size: None,
        })
        .collect();
    // Round 0 fills the page cache and is not counted.
    for round in 0..=rounds {
        for (runner, measured) in case.runners.iter().zip(&mut all) {
            let Some(runs) = &mut measured.runs else {
                continue;
            };
            crate::report::progress(&format!(
                "{}: {} ({round}/{rounds})",
                case.name, runner.name
            ));
            let out = work.join("out");
            if out.exists() {
                std::fs::remove_dir_all(&out)?;
            }
            std::fs::create_dir_all(&out)?;
            if let Some(before) = &runner.before {
                shell(before, work)?;
            }
            ensure!(
                Command::new(bench).arg("touch").status()?.success(),
                "the machine has too little free memory"
            );
            let run = shell(&runner.script, work)?;
            if round > 0 {
                runs.push(run);
            }
            measured.size = written(&out)?;
        }
    }
    Ok(Measurements {
        name: case.name.clone(),
        all,
    })
}

/// Bytes of the blob, or of all blobs of the layout; `None` if the command writes neither.
fn written(out: &Path) -> Result<Option<u64>> {
    if let Ok(blob) = std::fs::metadata(out.join("blob")) {
        return Ok(Some(blob.len()));
    }
    let blobs = out.join("oci/blobs/sha256");
    if !blobs.exists() {
        return Ok(None);
    }
    let mut size = 0;
    for blob in std::fs::read_dir(blobs)? {
        size += blob?.metadata()?.len();
    }
    Ok(Some(size))
}

fn installed(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

fn shell(script: &str, work: &Path) -> Result<Run> {
    let start = Instant::now();
    let child = Command::new("bash")
        .args(["-o", "pipefail", "-ec", script])
        .current_dir(work)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let pid = child.id() as libc::pid_t;
    let mut stderr = child.stderr;
    // Read what it says to the end first: that is when it and everything that it started has finished.
    let mut said = String::new();
    if let Some(stderr) = &mut stderr {
        use std::io::Read;
        stderr.read_to_string(&mut said)?;
    }
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `pid` is a child of ours that nobody else waits for; both pointers are to live local variables.
    let waited = unsafe { libc::wait4(pid, &mut status, 0, usage.as_mut_ptr()) };
    let wall = start.elapsed();
    ensure!(
        waited == pid,
        "cannot wait for the shell: {}",
        std::io::Error::last_os_error()
    );
    if !(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0) {
        bail!("this failed:\n{script}\n{said}");
    }
    // SAFETY: wait4 returned the child's account; all-zero is a valid value besides.
    let usage = unsafe { usage.assume_init() };
    Ok(Run {
        wall,
        peak: usage.ru_maxrss,
    })
}

/// A runner of a case, for the list of what it needs.
pub fn runner(name: &str, needs: &[&str], script: String) -> Runner {
    Runner {
        name: name.to_owned(),
        needs: needs.iter().map(|n| (*n).to_owned()).collect(),
        before: None,
        script,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn ours_first_and_an_absent_peer_is_said_to_be_absent() {
        let work = tempfile::tempdir().unwrap();
        let case_ = Case {
            name: "t".into(),
            tree: None,
            runners: vec![
                runner("ours", &["sh"], "head -c 10 /dev/zero >out/blob".into()),
                runner(
                    "absent",
                    &["no-such-program-here"],
                    "no-such-program-here".into(),
                ),
            ],
        };
        let result = case(&case_, 2, work.path(), Path::new("true")).unwrap();
        assert_eq!(result.all[0].runs.as_ref().unwrap().len(), 2);
        assert_eq!(result.all[0].size, Some(10));
        assert!(result.all[0].peak().unwrap() > 0.0);
        assert!(result.all[1].runs.is_none());
        assert!(crate::report::text(&result).contains("not installed"));
    }

    #[test]
    fn of_a_layout_all_blobs_are_counted() {
        let work = tempfile::tempdir().unwrap();
        assert_eq!(written(work.path()).unwrap(), None);
        let blobs = work.path().join("oci/blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join("a"), "123").unwrap();
        std::fs::write(blobs.join("b"), "45").unwrap();
        assert_eq!(written(work.path()).unwrap(), Some(5));
    }

    #[test]
    fn a_failing_command_stops_the_run_with_its_words() {
        let work = tempfile::tempdir().unwrap();
        let error = shell("echo because >&2; false", work.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("because"), "{error}");
    }
}
