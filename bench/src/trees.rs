//! The trees that are measured: real files of the Debian packages installed on this machine, in an order that
//! depends on their names alone.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tree {
    /// A root file system of about 500 MB.
    Root,
    /// 127,000 files of at most 4 KiB.
    Small,
    /// 200,000 entries of a few bytes each: what the entries themselves cost.
    Many,
    /// 2 GB in eight files.
    Big,
    /// 200 gzip files, 20 zip files, 20 jars, 40 static libraries.
    InFile,
}

impl Tree {
    /// The folder's name below the work folder.
    pub fn name(self) -> &'static str {
        match self {
            Tree::Root => "root",
            Tree::Small => "small",
            Tree::Many => "many",
            Tree::Big => "big",
            Tree::InFile => "in-file",
        }
    }
}

const MIB: u64 = 1 << 20;

/// Make the tree below `work`, unless it is there.
pub fn make(tree: Tree, work: &Path) -> Result<()> {
    let path = work.join(tree.name());
    if path.exists() {
        return Ok(());
    }
    crate::report::progress(&format!("making the tree {}", tree.name()));
    let partial = work.join(format!("{}.partial", tree.name()));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    match tree {
        Tree::Root => root(&partial)?,
        Tree::Small => small(&partial)?,
        Tree::Many => many(&partial)?,
        Tree::Big => big(&partial)?,
        Tree::InFile => in_file(&partial)?,
    }
    fs::rename(partial, path)?;
    Ok(())
}

/// The regular files of all installed packages, sorted.
fn installed() -> Result<Vec<PathBuf>> {
    let info = Path::new("/var/lib/dpkg/info");
    let mut files = Vec::new();
    for entry in fs::read_dir(info)
        .context("the trees are made from installed Debian packages, and there is no /var/lib/dpkg/info here")?
    {
        let list = entry?.path();
        if list.extension().is_some_and(|e| e == "list") {
            for line in fs::read_to_string(&list)?.lines() {
                let path = Path::new(line);
                if line.starts_with("/usr/") && fs::symlink_metadata(path).is_ok_and(|m| m.is_file()) {
                    files.push(path.to_owned());
                }
            }
        }
    }
    files.sort();
    files.dedup();
    ensure!(
        !files.is_empty(),
        "no installed package has files below /usr"
    );
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<u64> {
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))
}

fn root(out: &Path) -> Result<()> {
    let mut left = 500 * MIB;
    // A sample of all packages and kinds of files, and the same one each time: by the digest of the path.
    let mut files = installed()?;
    files.sort_by_cached_key(|file| verbatim_digest::Digest::of(file.as_os_str().as_bytes()));
    for file in files {
        let size = fs::metadata(&file)?.len();
        // A single library must not be the tree.
        if size > left.min(64 * MIB) {
            continue;
        }
        left -= copy(&file, &out.join(file.strip_prefix("/")?))?;
    }
    ensure!(
        left < 100 * MIB,
        "the installed packages hold too little: only {} MiB",
        500 - left / MIB
    );
    Ok(())
}

fn small(out: &Path) -> Result<()> {
    let files: Vec<_> = installed()?
        .into_iter()
        .filter(|f| fs::metadata(f).is_ok_and(|m| m.len() <= 4096))
        .collect();
    ensure!(!files.is_empty(), "no installed package has a small file");
    for (number, file) in files.iter().cycle().take(127_000).enumerate() {
        copy(file, &out.join(format!("{:03}/{number:06}", number / 500)))?;
    }
    Ok(())
}

fn many(out: &Path) -> Result<()> {
    for folder in 0..400 {
        let folder_path = out.join(format!("{folder:03}"));
        fs::create_dir_all(&folder_path)?;
        for file in 0..499 {
            fs::write(
                folder_path.join(format!("{file:03}")),
                format!("{folder} {file}\n"),
            )?;
        }
    }
    Ok(())
}

fn big(out: &Path) -> Result<()> {
    let files = installed()?;
    let mut sources = files.iter().cycle();
    for number in 0..8 {
        let mut to = io::BufWriter::new(File::create(out.join(format!("{number}.bin")))?);
        let mut left = 256 * MIB;
        while left > 0 {
            let from = File::open(sources.next().context("there are files")?)?;
            left -= io::copy(&mut from.take(left), &mut to)?;
        }
        to.flush()?;
    }
    Ok(())
}

fn in_file(out: &Path) -> Result<()> {
    // Made by the very tools whose outputs vary: gzip with name and time, zip and jar with times, ar with owners.
    let script = r#"
set -eu
i=0
find /usr/lib /usr/share -xdev -type f -size -64k -size +4k | LC_ALL=C sort | while IFS= read -r f; do
  i=$((i + 1)); [ "$i" -le 600 ] || break
  cp "$f" "src-$i"
done
for i in $(seq 1 200); do gzip -c "src-$i" >"file-$i.gz" <"src-$i"; gzip -kf "src-$i"; mv "src-$i.gz" "file-$i.gz"; done
if command -v zip >/dev/null; then for i in $(seq 1 20); do
  files=; for k in $(seq 1 20); do files="$files src-$((i * 20 + k))"; done
  zip -q "file-$i.zip" $files; done; fi
if command -v jar >/dev/null; then for i in $(seq 1 20); do
  files=; for k in $(seq 1 25); do files="$files src-$((i * 25 + k))"; done
  jar --create --file "archive-$i.jar" $files; done; fi
for i in $(seq 1 40); do
  files=; for k in $(seq 1 10); do files="$files src-$((i * 10 + k))"; done
  ar rcU "lib-$i.a" $files; done
rm -f src-*
"#;
    let status = std::process::Command::new("bash")
        .args(["-c", script])
        .current_dir(out)
        .status()?;
    ensure!(
        status.success(),
        "the tree of gzip, zip and ar files could not be made (are gzip, zip and ar installed?)"
    );
    Ok(())
}
