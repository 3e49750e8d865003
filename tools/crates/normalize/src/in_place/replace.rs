//! Put new content under an old name, whole or not at all.
//!
//! The permissions, the owner and the times of the file stay: a normalised file is the
//! same file, and no clock may leave its trace. (The crate for outputs begins new files
//! under the user's umask, hence this one beside it.)

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes, Metadata};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::{failed, Error, Piece, Source};

/// New content that is written beside its file, and not yet synced.
#[derive(Debug)]
pub(super) struct Written {
    file: NamedTempFile,
    path: PathBuf,
}

/// New content that is synced, and waits for the other names of its file.
#[derive(Debug)]
pub(super) struct Synced {
    file: TempPath,
    path: PathBuf,
}

/// Where the content of `path` is: a link stays a link, and what it points to is replaced.
pub(super) fn place(path: &Path, is_link: bool) -> Result<PathBuf, Error> {
    match is_link {
        true => fs::canonicalize(path).map_err(failed("follow", path)),
        false => Ok(path.to_owned()),
    }
}

impl Written {
    /// Write the pieces beside `path`, which is no link.
    pub(super) fn beside(
        path: PathBuf,
        metadata: &Metadata,
        source: &Source,
        pieces: &[Piece],
    ) -> Result<Self, Error> {
        let mut builder = tempfile::Builder::new();
        // Usually this is the mode that it is to have; what the umask took is given back later.
        builder
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(first_permissions(metadata));
        let mut file = builder
            .tempfile_in(parent(&path))
            .map_err(failed("write beside", &path))?;
        write(file.as_file_mut(), source, pieces).map_err(failed("write beside", &path))?;
        keep(file.as_file(), metadata).map_err(failed("keep the owner and the mode of", &path))?;
        Ok(Self { file, path })
    }

    /// Sync it; the name is yet to be given.
    pub(super) fn sync(self) -> Result<Synced, Error> {
        let Self { file, path } = self;
        file.as_file()
            .sync_all()
            .map_err(failed("write beside", &path))?;
        Ok(Synced {
            file: file.into_temp_path(),
            path,
        })
    }
}

impl Synced {
    /// Give it the name; the folder is yet to be synced.
    pub(super) fn put_in_place(self, folders: &mut Folders) -> Result<PathBuf, Error> {
        let Self { file, path } = self;
        file.persist(&path)
            .map_err(|error| failed("replace", &path)(error.error))?;
        folders.add(&path);
        Ok(path)
    }

    /// Let the file's name be another name of `first`, which holds the same content.
    pub(super) fn link_in_place(self, first: &Path, folders: &mut Folders) -> Result<(), Error> {
        let path = self.path;
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        let link = builder
            .make_in(parent(&path), |beside| fs::hard_link(first, beside))
            .map_err(failed("write beside", &path))?;
        link.into_temp_path()
            .persist(&path)
            .map_err(|error| failed("replace", &path)(error.error))?;
        folders.add(&path);
        Ok(())
    }
}

/// The folders in which names changed, each to be synced once.
#[derive(Debug, Default)]
pub(super) struct Folders(BTreeSet<PathBuf>);

impl Folders {
    fn add(&mut self, path: &Path) {
        let folder = parent(path);
        if !self.0.contains(folder) {
            self.0.insert(folder.to_owned());
        }
    }

    /// Best effort: not every file system lets a folder be synced, and the rename itself is atomic.
    pub(super) fn sync(self) {
        for folder in self.0 {
            if let Ok(folder) = File::open(folder) {
                let _ = folder.sync_all();
            }
        }
    }
}

/// Those of the old file, if all may read it: its new content is no secret while it is written.
fn first_permissions(metadata: &Metadata) -> fs::Permissions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        let for_all = mode & 0o644 == 0o644;
        fs::Permissions::from_mode(if for_all { mode } else { 0o600 })
    }
    #[cfg(not(unix))]
    metadata.permissions()
}

const PREFIX: &str = ".verbatim-";
const SUFFIX: &str = ".partial";

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// How many pieces are handed to the system at once.
const SLICES: usize = 256;

fn write(file: &mut File, source: &Source, pieces: &[Piece]) -> io::Result<()> {
    let mut original = match source.whole() {
        Err(file) => file,
        Ok(data) => {
            let mut slices: Vec<_> = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Copy(range) => &data[range.start as usize..range.end as usize],
                    Piece::Bytes(bytes) => bytes,
                })
                .filter(|slice| !slice.is_empty())
                .map(IoSlice::new)
                .collect();
            let mut rest = &mut slices[..];
            while !rest.is_empty() {
                let written = match file.write_vectored(&rest[..rest.len().min(SLICES)]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    written => written?,
                };
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                IoSlice::advance_slices(&mut rest, written);
            }
            return Ok(());
        }
    };
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => file.write_all(bytes)?,
            Piece::Copy(range) => {
                // Between two files the kernel copies by itself, or shares the blocks.
                original.seek(SeekFrom::Start(range.start))?;
                let length = range.end - range.start;
                let mut stretch = io::Read::take(&mut original, length);
                if io::copy(&mut stretch, file)? != length {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the file became shorter while it was read",
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Give the new file what the old one had.
fn keep(file: &File, metadata: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
            std::os::unix::fs::fchown(file, Some(metadata.uid()), Some(metadata.gid()))?;
            // Another owner may have taken bits of the mode with it.
            file.set_permissions(metadata.permissions())?;
        }
    }
    if own.permissions() != metadata.permissions() {
        file.set_permissions(metadata.permissions())?;
    }
    let times = FileTimes::new().set_modified(metadata.modified()?);
    file.set_times(times)
}
