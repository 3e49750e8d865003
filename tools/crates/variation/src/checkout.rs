//! A copy of a checkout, as another person would have it: elsewhere, and with other times and modes.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// 2001-02-03T04:05:06Z, in seconds.
const LONG_AGO: u64 = 981_173_106;

/// What a copy failed at.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be copied", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A checkout: the folder of the repository, and the workspace in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The folder that is copied: that of the git repository, or else the workspace.
    pub top: PathBuf,
    /// The folder with MODULE.bazel, relative to `top`.
    pub workspace: PathBuf,
    git: bool,
}

impl Checkout {
    /// The checkout that a workspace is in.
    pub fn of(workspace: &Path) -> io::Result<Self> {
        let workspace = workspace.canonicalize()?;
        let top = git(&workspace, &["rev-parse", "--show-toplevel"])
            .map(|out| PathBuf::from(OsStr::from_bytes(out.trim_ascii_end())))
            .and_then(|top| top.canonicalize().ok())
            .filter(|top| workspace.starts_with(top));
        let git = top.is_some();
        let top = top.unwrap_or_else(|| workspace.clone());
        let workspace = workspace
            .strip_prefix(&top)
            .unwrap_or(Path::new(""))
            .to_owned();
        Ok(Self {
            top,
            workspace,
            git,
        })
    }

    /// The folder with MODULE.bazel.
    pub fn workspace(&self) -> PathBuf {
        self.top.join(&self.workspace)
    }

    /// The same path in a copy, if it is one of the checkout.
    pub(crate) fn in_copy(&self, path: &Path, copy: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.top)
            .ok()
            .map(|rest| copy.join(rest))
    }

    /// Copy to a folder that does not exist, the last files first: of a git repository what git
    /// tracks or would track, as it is now; else all but Bazel's own links.
    ///
    /// Modes are 0600 and 0700, times are in 2001.
    pub(crate) fn copy_to(&self, to: &Path) -> Result<(), Error> {
        let mut files = self.files()?;
        files.sort_unstable_by(|a, b| b.cmp(a));
        make_folder(to).map_err(|e| failed(to, e))?;
        for file in &files {
            let from = self.top.join(file);
            copy(&from, &to.join(file), to).map_err(|e| failed(&from, e))?;
        }
        if self.git {
            self.link_git(to);
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<PathBuf>, Error> {
        if self.git {
            let list = [
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ];
            let listed = git(&self.top, &list)
                .ok_or_else(|| failed(&self.top, io::Error::other("git cannot list its files")))?;
            let mut files: Vec<_> = listed
                .split(|byte| *byte == 0)
                .filter(|name| !name.is_empty())
                .map(|name| PathBuf::from(OsStr::from_bytes(name)))
                .collect();
            // Nobody commits it, and the build may need it.
            files.push(self.workspace.join("user.bazelrc"));
            files.sort_unstable();
            files.dedup();
            // Deleted files are listed too.
            files.retain(|file| self.top.join(file).symlink_metadata().is_ok());
            // A folder is a repository of its own, which git does not look into.
            let is_folder = |file: &PathBuf| {
                self.top
                    .join(file)
                    .symlink_metadata()
                    .is_ok_and(|m| m.is_dir())
            };
            let (folders, mut files): (Vec<_>, Vec<_>) = files.into_iter().partition(is_folder);
            for folder in folders {
                files.extend(self.walk(&folder)?);
            }
            return Ok(files);
        }
        self.walk(Path::new(""))
    }

    /// All files below a folder, but what git and Bazel put there.
    fn walk(&self, below: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        let mut open = vec![below.to_owned()];
        while let Some(folder) = open.pop() {
            let from = self.top.join(&folder);
            for entry in fs::read_dir(&from).map_err(|e| failed(&from, e))? {
                let entry = entry.map_err(|e| failed(&from, e))?;
                let kind = entry.file_type().map_err(|e| failed(&entry.path(), e))?;
                let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
                let of_bazel = kind.is_symlink() && name.as_bytes().starts_with(b"bazel-");
                if kind.is_dir() && name != ".git" {
                    open.push(path);
                } else if !kind.is_dir() && !of_bazel && name != ".git" {
                    files.push(path);
                }
            }
        }
        Ok(files)
    }

    /// Let commands such as `git describe` work in the copy; without it, a workspace status could not be had.
    fn link_git(&self, to: &Path) {
        if let Some(folder) = git(&self.top, &["rev-parse", "--absolute-git-dir"]) {
            let mut text = b"gitdir: ".to_vec();
            text.extend_from_slice(&folder);
            // Where it fails, the copy is one without git.
            let _ = fs::write(to.join(".git"), text);
        }
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error {
        path: path.to_owned(),
        source,
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

fn copy(from: &Path, to: &Path, top: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(top);
    if !folder.exists() {
        // From the top down, each for its owner alone.
        let missing: Vec<_> = folder.ancestors().take_while(|f| !f.exists()).collect();
        for folder in missing.into_iter().rev() {
            make_folder(folder)?;
        }
    }
    let metadata = from.symlink_metadata()?;
    if metadata.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to)?;
    let executable = metadata.permissions().mode() & 0o111 != 0;
    let mode = if executable { 0o700 } else { 0o600 };
    fs::set_permissions(to, Permissions::from_mode(mode))?;
    File::options()
        .append(true)
        .open(to)?
        .set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(LONG_AGO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_copy_has_the_same_files_and_other_times_and_modes() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("checkout");
        fs::create_dir_all(top.join("sub/deep")).unwrap();
        fs::write(top.join("MODULE.bazel"), "").unwrap();
        fs::write(top.join("sub/deep/tool"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(top.join("sub/deep/tool"), Permissions::from_mode(0o755)).unwrap();
        symlink("deep/tool", top.join("sub/link")).unwrap();
        symlink("/elsewhere", top.join("bazel-out")).unwrap();

        let checkout = Checkout {
            top: top.canonicalize().unwrap(),
            workspace: PathBuf::new(),
            git: false,
        };
        let copy = folder.path().join("copy");
        checkout.copy_to(&copy).unwrap();
        let tool = fs::metadata(copy.join("sub/deep/tool")).unwrap();
        assert_eq!((tool.mode() & 0o777, tool.mtime()), (0o700, 981_173_106));
        let module = fs::metadata(copy.join("MODULE.bazel")).unwrap();
        assert_eq!(module.mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_link(copy.join("sub/link")).unwrap(),
            Path::new("deep/tool")
        );
        assert!(copy.join("bazel-out").symlink_metadata().is_err());
    }

    #[test]
    fn of_a_repository_what_git_ignores_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap().join("checkout");
        fs::create_dir_all(top.join("workspace")).unwrap();
        if git(folder.path(), &["init", "-q", top.to_str().unwrap()]).is_none() {
            // Without git there is nothing to tell apart.
            return;
        }
        for (name, text) in [
            (".gitignore", "*.log\n"),
            ("a.log", "x"),
            ("new", "x"),
            ("workspace/MODULE.bazel", ""),
            ("workspace/user.bazelrc", "build\n"),
        ] {
            fs::write(top.join(name), text).unwrap();
        }
        let checkout = Checkout::of(&top.join("workspace")).unwrap();
        assert_eq!(checkout.workspace, Path::new("workspace"));
        let copy = folder.path().join("copy");
        checkout.copy_to(&copy).unwrap();
        assert!(copy.join("new").exists() && !copy.join("a.log").exists());
        assert!(copy.join("workspace/user.bazelrc").exists());
    }
}
