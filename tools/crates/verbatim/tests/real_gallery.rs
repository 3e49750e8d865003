//! Pairs of artifacts that differ in one known way, made by the tools that people use: the cause
//! has to come first, and nothing else may be said but what follows from it. Twice the same report.

mod gallery;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use gallery::{cases, Case};

fn program() -> std::path::PathBuf {
    std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).unwrap()
}

/// Build one side. Both are built in the same folder, one after the other, so that only what the case varies varies.
fn build(case: &Case, home: &Path, side: &str) -> Result<(), String> {
    let work = home.join("work");
    std::fs::create_dir(&work).unwrap();
    let output = Command::new("bash")
        .args(["-euc", case.build])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .envs([("HOME", &work), ("TMPDIR", &work)])
        .envs([("TZ", "UTC"), ("LC_ALL", "C.UTF-8"), ("N", side)])
        .env("OUT", home.join("out"))
        .env("VERBATIM", program())
        .current_dir(&work)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    std::fs::remove_dir_all(&work).unwrap();
    if !output.status.success() || !home.join("out").exists() {
        return Err(format!(
            "the build of side {side} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    std::fs::rename(home.join("out"), home.join(side)).unwrap();
    Ok(())
}

fn diff(home: &Path) -> Vec<u8> {
    let output = Command::new(program())
        .args(["diff", "--format", "json", "0", "1"])
        .current_dir(home)
        .output()
        .unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn judge(case: &Case) -> Result<(), String> {
    let home = tempfile::tempdir().unwrap();
    build(case, home.path(), "0")?;
    build(case, home.path(), "1")?;
    let report = diff(home.path());
    if report != diff(home.path()) {
        return Err("the second report is another one".into());
    }
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let causes: Vec<&str> = report["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| cause["id"].as_str().unwrap())
        .collect();
    let right = causes.first() == Some(&case.cause)
        && causes[1..].iter().all(|id| case.follows.contains(id));
    if right {
        return Ok(());
    }
    Err(format!(
        "{} is expected, and found: {}",
        case.cause,
        report["causes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cause| format!("{} ({})", cause["id"], cause["evidence"]))
            .collect::<Vec<_>>()
            .join("; ")
    ))
}

#[test]
fn the_right_cause_comes_first_and_nothing_false() {
    let only = std::env::var("CASE").ok();
    let all: Vec<&Case> = cases()
        .filter(|case| only.as_ref().is_none_or(|part| case.name.contains(part)))
        .collect();
    assert!(only.is_some() || all.len() >= 40);
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = judge(case) {
                        wrong.lock().unwrap().push(format!("{}: {why}", case.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {} are right\n{}",
        all.len() - wrong.len(),
        all.len(),
        wrong.join("\n")
    );
}
