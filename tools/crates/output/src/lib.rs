//! Outputs that appear whole or not at all.
//!
//! Whatever the program makes is written under a temporary name beside its
//! final one, synced, and renamed into place when it is complete. A run that
//! fails, is killed or fills the disk leaves nothing under the final name, and
//! a reader never sees half a file.

mod promise;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};
use verbatim_foreign::printable_path;

pub use promise::{promise, Promise};

/// An output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", printable_path(path))]
pub struct Error {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Error {
    /// The reason that the operating system gave.
    pub fn io(&self) -> &io::Error {
        &self.source
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Say it in plain words where there is no folder to write in.
fn need_parent(path: &Path) -> Result<(), Error> {
    let parent = parent(path);
    if parent.is_dir() {
        return Ok(());
    }
    Err(failed("create", path)(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "there is no folder {}; make it first",
            printable_path(parent)
        ),
    )))
}

/// The folder that holds `path`; `.` for a bare name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// One file that is being written.
///
/// Dropped without [`OutputFile::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct OutputFile {
    file: BufWriter<Target>,
    path: PathBuf,
    /// Whether the disk has all that was written.
    is_synced: bool,
}

/// Where the bytes go until the file is complete.
#[derive(Debug)]
enum Target {
    /// A file beside the final one.
    Beside(NamedTempFile),
    /// A device, a pipe or a socket, which cannot be replaced by a rename and must not be: `-o /dev/null`.
    Special(File),
}

impl Write for Target {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Target::Beside(file) => file.write(data),
            Target::Special(file) => file.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Beside(file) => file.flush(),
            Target::Special(file) => file.flush(),
        }
    }
}

impl OutputFile {
    /// Begin to write the file that will be at `path`.
    ///
    /// The folder must exist; an older file at `path` stays until `commit`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if let Ok(metadata) = fs::metadata(path) {
            if metadata.is_dir() {
                return Err(failed("create", path)(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    "it is a folder; name a file in it",
                )));
            }
            // `/dev/stdout` leads to a regular file where a shell redirects it, and is a
            // place to write to all the same.
            if !metadata.is_file() || path.starts_with("/dev") || path.starts_with("/proc") {
                let file = File::options()
                    .write(true)
                    .open(path)
                    .map_err(failed("open", path))?;
                return Ok(Self::to(Target::Special(file), path));
            }
        }
        need_parent(path)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".verbatim-").suffix(".partial");
        #[cfg(unix)]
        {
            // tempfile's own default is private to the user; outputs are not secret.
            // The umask still applies: it belongs to the user, and no digest depends on it.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder
            .tempfile_in(parent(path))
            .map_err(failed("create", path))?;
        Ok(Self::to(Target::Beside(file), path))
    }

    fn to(target: Target, path: &Path) -> Self {
        Self {
            file: BufWriter::with_capacity(1 << 18, target),
            path: path.to_owned(),
            is_synced: false,
        }
    }

    /// The final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Wait until the disk has all that was written so far. [`OutputFile::commit`] does so itself;
    /// this is for whoever writes several files and lets them go to the disk at the same time.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.file
            .flush()
            .and_then(|()| match self.file.get_ref() {
                Target::Beside(file) => file.as_file().sync_all(),
                Target::Special(_) => Ok(()),
            })
            .map_err(failed("write", &self.path))?;
        self.is_synced = true;
        Ok(())
    }

    /// Put the complete file in place.
    pub fn commit(mut self) -> Result<(), Error> {
        if !self.is_synced {
            self.sync()?;
        }
        let path = self.path;
        let target = self
            .file
            .into_inner()
            .map_err(|e| failed("write", &path)(e.into_error()))?;
        let Target::Beside(file) = target else {
            return Ok(());
        };
        file.persist(&path)
            .map_err(|e| failed("create", &path)(e.error))?;
        sync_dir(parent(&path));
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.is_synced = false;
        self.file.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Write a small file at once.
pub fn write(path: impl AsRef<Path>, data: &[u8]) -> Result<(), Error> {
    let mut file = OutputFile::create(&path)?;
    file.write_all(data)
        .map_err(failed("write", path.as_ref()))?;
    file.commit()
}

/// One folder that is being filled, an OCI layout for example.
///
/// Dropped without [`OutputDir::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct OutputDir {
    partial: TempDir,
    path: PathBuf,
}

impl OutputDir {
    /// Begin to fill the folder that will be at `path`.
    ///
    /// Only a folder that is missing or empty is replaced: a build tool may have made
    /// it beforehand, and nobody's files are ever deleted.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        match fs::read_dir(path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(failed("create", path)(io::Error::new(
                        io::ErrorKind::AlreadyExists,
                        "the folder exists and is not empty; remove it or name another one",
                    )));
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => need_parent(path)?,
            Err(e) => return Err(failed("create", path)(e)),
        }
        let partial = tempfile::Builder::new()
            .prefix(".verbatim-")
            .suffix(".partial")
            .tempdir_in(parent(path))
            .map_err(failed("create", path))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(partial.path(), fs::Permissions::from_mode(0o755))
                .map_err(failed("create", path))?;
        }
        Ok(Self {
            partial,
            path: path.to_owned(),
        })
    }

    /// Where to write until `commit`: a folder beside the final one, so that relative
    /// links from here hold there too.
    pub fn partial(&self) -> &Path {
        self.partial.path()
    }

    /// Put the complete folder in place.
    pub fn commit(self) -> Result<(), Error> {
        sync_tree(self.partial.path()).map_err(failed("write", &self.path))?;
        if fs::remove_dir(&self.path).is_err() && self.path.exists() {
            return Err(failed("replace", &self.path)(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it exists and is not an empty folder",
            )));
        }
        let partial = self.partial.keep();
        fs::rename(&partial, &self.path).map_err(|e| {
            let _ = fs::remove_dir_all(&partial);
            failed("create", &self.path)(e)
        })?;
        sync_dir(parent(&self.path));
        Ok(())
    }
}

/// Sync every regular file below `dir`. Links are left alone: what they point to is not ours.
fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    Ok(())
}

/// Best effort: not every file system lets a folder be synced, and the rename itself is atomic.
fn sync_dir(dir: &Path) {
    if let Ok(dir) = File::open(dir) {
        let _ = dir.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_committed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut file = OutputFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert!(names(dir.path()).is_empty());

        write(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(dir.path()), ["out"]);
    }

    #[test]
    fn an_older_file_stays_until_the_new_one_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        write(&path, b"old").unwrap();
        let mut file = OutputFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_folder_appears_whole_and_never_replaces_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("layout");
        let out = OutputDir::create(&path).unwrap();
        fs::write(out.partial().join("a"), b"1").unwrap();
        drop(out);
        assert!(names(dir.path()).is_empty());

        fs::create_dir(&path).unwrap();
        let out = OutputDir::create(&path).unwrap();
        fs::write(out.partial().join("a"), b"1").unwrap();
        out.commit().unwrap();
        assert_eq!(names(&path), ["a"]);

        let error = OutputDir::create(&path).unwrap_err().to_string();
        assert!(error.contains("not empty"), "{error}");
        assert_eq!(names(dir.path()), ["layout"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_never_replaced() {
        use std::os::unix::fs::FileTypeExt;
        write("/dev/null", b"gone").unwrap();
        assert!(fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device());
    }

    #[test]
    fn a_folder_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(dir.path(), b"").unwrap_err().to_string();
        assert!(error.contains("it is a folder"), "{error}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write("/nonexistent/out", b"").unwrap_err().to_string();
        assert!(
            error.starts_with("cannot create /nonexistent/out: there is no folder /nonexistent"),
            "{error}"
        );
    }
}
