//! Published files on a disk.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use verbatim_digest::{Digest, HashingReader};
use verbatim_sums::FileName;

use crate::{Finding, Judgement, Verdict};

/// Check files below `folder` against their sums, several at once. The findings come in the order of `expected`.
///
/// Only regular files that lie in the folder are read: a link that leads out of it is not what was published.
pub fn check(
    folder: &Path,
    expected: &[(FileName, Digest)],
    threads: usize,
) -> std::io::Result<Vec<Finding>> {
    let folder = folder.canonicalize()?;
    if !folder.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    let next = AtomicUsize::new(0);
    let findings: Mutex<Vec<Option<Finding>>> = Mutex::new(vec![None; expected.len()]);
    let work = || {
        while let Some((number, (name, digest))) = {
            let number = next.fetch_add(1, Ordering::Relaxed);
            expected.get(number).map(|e| (number, e))
        } {
            let finding = check_one(&folder, name, *digest);
            findings.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(finding);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, expected.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    let findings = findings
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(findings.into_iter().flatten().collect())
}

fn check_one(folder: &Path, name: &FileName, expected: Digest) -> Finding {
    let finding =
        |actual, judgement| Finding::new(name.as_str(), Some(expected), actual, judgement);
    match open(folder, name).and_then(hash) {
        Ok(actual) if actual == expected => finding(Some(actual), Judgement::identical()),
        Ok(actual) => finding(
            Some(actual),
            Judgement::because(Verdict::Different, "the file has other contents"),
        ),
        Err(Trouble::Missing) => finding(
            None,
            Judgement::because(Verdict::Missing, "there is no file of this name"),
        ),
        Err(Trouble::Unreadable(why)) => finding(None, Judgement::because(Verdict::Unchecked, why)),
    }
}

enum Trouble {
    Missing,
    Unreadable(String),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreadable(format!("it cannot be read: {error}")),
        }
    }
}

fn open(folder: &Path, name: &FileName) -> Result<std::fs::File, Trouble> {
    let path: PathBuf = folder.join(name.as_str()).canonicalize()?;
    if !path.starts_with(folder) {
        return Err(Trouble::Unreadable(
            "it is a link that leads out of the folder".to_owned(),
        ));
    }
    // A pipe would wait for ever.
    if !path.metadata()?.is_file() {
        return Err(Trouble::Unreadable("it is no regular file".to_owned()));
    }
    Ok(std::fs::File::open(path)?)
}

fn hash(file: impl Read) -> Result<Digest, Trouble> {
    let mut reader = HashingReader::new(file);
    reader.drain()?;
    Ok(reader.finish().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_verdict() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("dist");
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::write(root.join("bin/a"), "a").unwrap();
        std::fs::write(root.join("b"), "changed").unwrap();
        std::fs::write(dir.path().join("outside"), "x").unwrap();
        std::os::unix::fs::symlink("../outside", root.join("out")).unwrap();
        std::os::unix::fs::symlink("bin/a", root.join("in")).unwrap();
        let expected: Vec<(FileName, Digest)> = [
            ("bin/a", "a"),
            ("b", "b"),
            ("gone", "g"),
            ("bin/a/below", "g"),
            ("out", "x"),
            ("in", "a"),
            ("bin", "a"),
        ]
        .map(|(name, content)| (name.parse().unwrap(), Digest::of(content.as_bytes())))
        .into();
        let verdicts: Vec<_> = check(&root, &expected, 3)
            .unwrap()
            .into_iter()
            .map(|f| f.verdict)
            .collect();
        use Verdict::{Different, Identical, Missing, Unchecked};
        assert_eq!(
            verdicts,
            [Identical, Different, Missing, Missing, Unchecked, Identical, Unchecked]
        );
        // In a file nothing is missing.
        for place in ["no", "outside"] {
            assert!(check(&dir.path().join(place), &expected, 1).is_err());
        }
    }
}
