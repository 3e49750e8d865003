//! How much of a layer is new after a small change, to a cache that finds equal stretches by content.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};

use crate::report::say;

#[path = "../../tools/crates/archive/tests/support/mod.rs"]
mod support;

/// The size of a chunk on average.
const CHUNK: usize = 512 << 10;
/// The size of the file that comes, goes or changes.
const SMALL: usize = 10_000;
/// The size of the large file.
const LARGE: usize = 200_000_000;

/// Where something happens.
const PLACES: [(&str, usize); 3] = [("front", 0), ("middle", 1), ("end", 2)];

/// Run all changes, and print a line for each.
pub fn run(
    tree: &Path,
    verbatim: &Path,
    work: &Path,
    compressions: &[String],
    only: &[String],
) -> Result<()> {
    let verbatim = verbatim
        .canonicalize()
        .context("no program: name it with --verbatim")?;
    if work.exists() {
        fs::remove_dir_all(work)?;
    }
    fs::create_dir_all(work)?;
    let mut compressions: Vec<&str> = compressions.iter().map(String::as_str).collect();
    if compressions.is_empty() {
        compressions = vec!["gzip", "zstd"];
    }
    let files = files(tree)?;
    ensure!(files.len() > 100, "a tree of more files is needed");
    let bench = Bench {
        verbatim,
        work,
        only,
    };
    say("| change | compression | layer, bytes | new, bytes | share |");
    say("| --- | --- | ---: | ---: | ---: |");
    for compression in &compressions {
        bench.small(tree, &files, compression)?;
    }
    let large = large(tree, &files)?;
    for compression in &compressions {
        bench.inside(&large, compression)?;
    }
    fs::remove_dir_all(work)?;
    Ok(())
}

/// The regular files of a tree, in the order of a layer.
fn files(tree: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(tree.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    files.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    Ok(files)
}

/// The tree's largest files one after another, up to the size of the large file.
fn large(tree: &Path, files: &[PathBuf]) -> Result<Vec<u8>> {
    let mut by_size = Vec::new();
    for file in files {
        by_size.push((fs::metadata(tree.join(file))?.len(), file));
    }
    by_size.sort_by(|a, b| b.cmp(a));
    let mut bytes = Vec::with_capacity(LARGE);
    for (_, file) in by_size {
        let left = (LARGE - bytes.len()) as u64;
        File::open(tree.join(file))?
            .take(left)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Bytes that nothing compresses.
fn noise(size: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(next).collect()
}

struct Bench<'a> {
    verbatim: PathBuf,
    work: &'a Path,
    only: &'a [String],
}

impl Bench<'_> {
    fn asked(&self, change: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| change.contains(text.as_str()))
    }

    fn layer(&self, tree: &Path, compression: &str) -> Result<Vec<u8>> {
        let out = self.work.join("layer");
        let status = Command::new(&self.verbatim)
            .args(["layer", "--compression", compression, "-o"])
            .args([&out, tree])
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "no layer of {}", tree.display());
        Ok(fs::read(out)?)
    }

    /// A small file comes, goes and changes.
    fn small(&self, tree: &Path, files: &[PathBuf], compression: &str) -> Result<()> {
        let mut old = None;
        for what in ["inserted", "removed", "changed"] {
            for (place, at) in PLACES {
                let change = format!("10 kB {what}, {place}");
                if !self.asked(&change) {
                    continue;
                }
                let old = match &old {
                    Some(old) => old,
                    None => old.insert(self.layer(tree, compression)?),
                };
                // The fourth file of the first, middle and last eight, or the next small one.
                let first = [0, files.len() / 2, files.len() - 8][at];
                let file = files[first + 3..]
                    .iter()
                    .find(|file| fs::metadata(tree.join(file)).is_ok_and(|m| m.len() < 100_000))
                    .unwrap_or(&files[first + 3]);
                let copy = self.work.join("tree");
                let status = Command::new("cp").arg("-al").args([tree, &copy]).status()?;
                ensure!(status.success(), "no copy of {}", tree.display());
                let path = copy.join(file);
                match what {
                    "inserted" => {
                        let mut name = path.into_os_string();
                        name.push(".inserted");
                        fs::write(name, noise(SMALL))?;
                    }
                    // A link to the tree's own file: it goes, and is never written to.
                    _ => fs::remove_file(&path)?,
                }
                if what == "changed" {
                    fs::write(copy.join(file), noise(SMALL))?;
                }
                let new = self.layer(&copy, compression)?;
                fs::remove_dir_all(copy)?;
                self.tell(&change, compression, old, &new);
            }
        }
        Ok(())
    }

    /// Ten bytes are inserted.
    fn inside(&self, content: &[u8], compression: &str) -> Result<()> {
        let folder = self.work.join("large");
        fs::create_dir_all(&folder)?;
        let file = folder.join("large");
        fs::write(&file, content)?;
        let old = self.layer(&folder, compression)?;
        for (place, at) in PLACES {
            let change = format!("10 bytes inserted into 200 MB, {place}");
            if !self.asked(&change) {
                continue;
            }
            let at = [1_000_000, content.len() / 2, content.len() - 1_000_000][at];
            let mut out = File::create(&file)?;
            out.write_all(&content[..at])?;
            out.write_all(b"0123456789")?;
            out.write_all(&content[at..])?;
            drop(out);
            let new = self.layer(&folder, compression)?;
            self.tell(&change, compression, &old, &new);
        }
        fs::remove_dir_all(folder)?;
        Ok(())
    }

    fn tell(&self, what: &str, compression: &str, old: &[u8], new: &[u8]) {
        let fresh = support::Chunker::new(CHUNK).new_bytes(old, new);
        let share = 100.0 * fresh as f64 / new.len() as f64;
        say(&format!(
            "| {what} | {compression} | {} | {fresh} | {share:.2} % |",
            new.len()
        ));
    }
}
