//! The files of a checkout: nothing leads out of it, and modes are those of a clone by the build task.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use verbatim_foreign::{excerpt, printable_path};

use crate::error::{Error, Result};

/// More than any checkout has, and few enough to be walked in a minute.
const MAX_FILES: usize = 4_000_000;

/// A checkout, by its whole path.
#[derive(Debug, Clone)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// Take a folder for a checkout: give files the modes that a clone has under the umask of the
    /// build task, 022, for they end in the image; refuse links that lead out of it, as the task does.
    ///
    /// # Errors
    /// A link that leads out.
    pub fn prepare(folder: &Path) -> Result<Self> {
        let root = fs::canonicalize(folder).map_err(|e| Error::io(printable_path(folder), &e))?;
        let mut waiting = vec![root.clone()];
        let mut count = 0;
        while let Some(folder) = waiting.pop() {
            let failed = |e: std::io::Error| Error::io(printable_path(&folder), &e);
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
                count += 1;
                if count > MAX_FILES {
                    return Err(Error::wrong(format!(
                        "the sources have more than {MAX_FILES} files, the limit of what is rebuilt"
                    )));
                }
                if kind.is_symlink() {
                    let target = fs::read_link(&path).map_err(failed)?;
                    if !stays(&root, &path, &target) {
                        return Err(Error::wrong(format!(
                            "the sources are refused: the link {} leads out of them, to {}",
                            printable_path(path.strip_prefix(&root).unwrap_or(&path)),
                            printable_path(&target)
                        )));
                    }
                    continue;
                }
                let mode = entry.metadata().map_err(failed)?.permissions().mode();
                let wanted = if kind.is_dir() || mode & 0o111 != 0 {
                    0o755
                } else {
                    0o644
                };
                if mode & 0o7777 != wanted {
                    fs::set_permissions(&path, fs::Permissions::from_mode(wanted))
                        .map_err(failed)?;
                }
                if kind.is_dir() && entry.file_name() != ".git" {
                    waiting.push(path);
                }
            }
        }
        Ok(Self { root })
    }

    /// Take a copy of a folder for a checkout; the folder stays as it is.
    ///
    /// # Errors
    /// As [`Checkout::prepare`]; a pipe or a device among the files.
    pub fn copy(from: &Path, to: &Path) -> Result<Self> {
        copy_tree(from, to)?;
        Self::prepare(to)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path that an attestation names, `what` it is, below a folder of the checkout; `None` where nothing is there.
    ///
    /// # Errors
    /// A path that leads out of the checkout, itself or by links.
    pub fn find(&self, below: &Path, path: &str, what: &str) -> Result<Option<PathBuf>> {
        let leads_out = || {
            Error::wrong(format!(
                "{what} `{}` is refused: it leads out of the sources",
                excerpt(path, 200)
            ))
        };
        if path.contains('\0') || path.contains("://") {
            return Err(Error::wrong(format!(
                "{what} `{}` is refused: it is no path in the sources",
                excerpt(path, 200)
            )));
        }
        let wanted = below.join(path);
        if Path::new(path).is_absolute()
            || lexical(&wanted).is_none_or(|p| !p.starts_with(&self.root))
        {
            return Err(leads_out());
        }
        match fs::canonicalize(&wanted) {
            Ok(whole) if whole.starts_with(&self.root) => Ok(Some(whole)),
            Ok(_) => Err(leads_out()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::wrong(format!(
                "{what} `{}` cannot be read: {e}",
                excerpt(path, 200)
            ))),
        }
    }
}

/// Copy files, folders and links with their modes into a folder that may be there.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let mut waiting = vec![(from.to_owned(), to.to_owned())];
    let mut count = 0;
    while let Some((from, to)) = waiting.pop() {
        let failed = |e: std::io::Error| {
            Error::io(format!("{} cannot be copied", printable_path(&from)), &e)
        };
        fs::create_dir_all(&to).map_err(failed)?;
        for entry in fs::read_dir(&from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type().map_err(failed)?;
            count += 1;
            if count > MAX_FILES {
                return Err(Error::wrong(format!(
                    "{}: has more than {MAX_FILES} files, the limit of what is rebuilt",
                    printable_path(&from)
                )));
            }
            if kind.is_dir() {
                waiting.push((source, target));
            } else if kind.is_symlink() {
                let to = fs::read_link(&source).map_err(failed)?;
                std::os::unix::fs::symlink(to, &target).map_err(failed)?;
            } else if kind.is_file() {
                fs::copy(&source, &target).map_err(failed)?;
            } else {
                return Err(Error::wrong(format!(
                    "{}: is a pipe, a socket or a device, and sources are files",
                    printable_path(&source)
                )));
            }
        }
    }
    Ok(())
}

/// Whether a link stays below the root. Where it leads by other links is seen when those are looked at.
fn stays(root: &Path, link: &Path, target: &Path) -> bool {
    if target.is_absolute() {
        return false;
    }
    let whole = link.parent().unwrap_or(root).join(target);
    lexical(&whole).is_some_and(|whole| whole.starts_with(root))
}

/// A path without `.` and `..`; `None` where that leads above the top.
fn lexical(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn modes_are_those_of_a_clone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o660)).unwrap();
        fs::create_dir(folder.path().join("d")).unwrap();
        let program = folder.path().join("d/b");
        fs::write(&program, "x").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        Checkout::prepare(folder.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&file), mode(&program)), (0o644, 0o755));
    }

    #[test]
    fn links_out_of_the_sources_are_refused() {
        for target in ["/etc/passwd", "../..", "d/../../x"] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("d")).unwrap();
            symlink(target, folder.path().join("link")).unwrap();
            let error = Checkout::prepare(folder.path()).unwrap_err();
            assert!(
                error.to_string().contains("the link link leads out"),
                "{error}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("d")).unwrap();
        symlink("../d", folder.path().join("d/link")).unwrap();
        Checkout::prepare(folder.path()).unwrap();
    }

    #[test]
    fn paths_stay_inside() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("Containerfile"), "").unwrap();
        fs::write(outer.path().join("secret"), "").unwrap();
        let checkout = Checkout::prepare(&root).unwrap();
        let find = |below: &str, path: &str| {
            checkout.find(&checkout.root().join(below), path, "DOCKERFILE")
        };
        assert!(find("", "Containerfile").unwrap().is_some());
        assert!(find("sub", "../Containerfile").unwrap().is_some());
        assert!(find("", "absent").unwrap().is_none());
        symlink("../../secret", root.join("sub/late")).unwrap();
        for path in [
            "../secret",
            "/etc/passwd",
            "sub/late",
            "sub/../../secret",
            "https://example.com/x",
            "a\0b",
        ] {
            assert!(find("", path).is_err(), "{path}");
        }
    }
}
