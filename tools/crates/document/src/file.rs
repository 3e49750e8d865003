//! Files whose content is named by others: opened only if they are regular ones.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Open a file that must be a regular one, and say how many bytes it has. Links are followed.
///
/// A pipe would wait for a writer, a device could give bytes without end or act on being
/// opened. So it is looked at before it is opened, and again after: it is opened such that a
/// pipe that took its place meanwhile does not wait.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    regular(&std::fs::metadata(path)?)?;
    open_listed(path)
}

/// Open a file that the listing of its folder has just called a regular one, and say how many bytes it
/// has: it is looked at only once it is open.
pub fn open_listed(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    }
    sized(options.open(path)?)
}

fn sized(file: File) -> io::Result<(File, u64)> {
    let metadata = file.metadata()?;
    regular(&metadata)?;
    Ok((file, metadata.len()))
}

/// A folder in which many files are opened: the way to it is walked once, and not for each of them.
#[derive(Debug)]
pub struct Folder {
    #[cfg(unix)]
    open: std::os::fd::OwnedFd,
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

impl Folder {
    /// The folder at this path. Links are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use rustix::fs::{Mode, OFlags};
            // To be passed through, and not listed: that takes no right to read it, where the system knows of it.
            #[cfg(target_os = "linux")]
            let purpose = OFlags::PATH;
            #[cfg(not(target_os = "linux"))]
            let purpose = OFlags::RDONLY;
            let flags = purpose | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let open = rustix::fs::open(path, flags, Mode::empty())?;
            Ok(Self { open })
        }
        #[cfg(not(unix))]
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Open a file that the listing of this folder has just called a regular one, and say how many bytes
    /// it has: it is looked at only once it is open. For very many files that is a sixth of the time.
    pub fn open_listed(&self, name: &str) -> io::Result<(File, u64)> {
        #[cfg(unix)]
        {
            use rustix::fs::{Mode, OFlags};
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&self.open, name, flags, Mode::empty())?;
            sized(file.into())
        }
        #[cfg(not(unix))]
        open_listed(&self.path.join(name))
    }
}

fn regular(metadata: &std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = metadata.file_type();
    let what = if kind.is_dir() {
        "a folder"
    } else {
        special(kind)
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("it is not a regular file but {what}"),
    ))
}

#[cfg(unix)]
fn special(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: std::fs::FileType) -> &'static str {
    "something else"
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_none_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "abc").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        assert_eq!(open(&at("file")).unwrap().1, 3);
        assert_eq!(open(&at("link")).unwrap().1, 3);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        std::os::unix::fs::symlink("pipe", at("to-pipe")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, what) in [
            (at("pipe"), "a pipe"),
            (at("to-pipe"), "a pipe"),
            (at("socket"), "a socket"),
            ("/dev/zero".into(), "a device"),
            (dir.path().to_owned(), "a folder"),
        ] {
            let error = open(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
            assert!(error.to_string().contains(what), "{error}");
        }
        assert_eq!(
            open(&at("absent")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        // By a folder that is open, what was listed as a file and is none any more.
        let folder = Folder::open(dir.path()).unwrap();
        assert_eq!(folder.open_listed("file").unwrap().1, 3);
        assert_eq!(folder.open_listed("link").unwrap().1, 3);
        for name in ["pipe", "to-pipe"] {
            let error = folder.open_listed(name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
        for name in ["socket", "absent"] {
            assert!(folder.open_listed(name).is_err(), "{name}");
        }
        assert!(Folder::open(&at("file")).is_err());
    }
}
