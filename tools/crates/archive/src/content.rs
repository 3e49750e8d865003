//! The bytes of files, read where they are when they are needed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::entry::Content;
use crate::Error;

/// The number of the temporary file among the files that slices refer to.
const SPOOL: u32 = 0;

/// What contents refer to.
#[derive(Debug)]
pub(crate) struct Files {
    roots: Vec<PathBuf>,
    slices: Vec<Option<(File, PathBuf)>>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            // The place of the temporary file.
            slices: vec![None],
        }
    }
}

impl Files {
    pub(crate) fn add_root(&mut self, root: PathBuf) -> u32 {
        self.roots.push(root);
        (self.roots.len() - 1) as u32
    }

    pub(crate) fn add_archive(&mut self, file: File, path: PathBuf) -> u32 {
        self.slices.push(Some((file, path)));
        (self.slices.len() - 1) as u32
    }

    /// The number that the next archive gets.
    pub(crate) fn next_number(&self) -> u32 {
        self.slices.len() as u32
    }

    pub(crate) fn spool_number(&self) -> u32 {
        SPOOL
    }

    pub(crate) fn set_spool(&mut self, file: File) {
        self.slices[SPOOL as usize] = Some((file, "the temporary file beside the output".into()));
    }

    /// The same content, for an entry of any path.
    pub(crate) fn anchored(&self, path: &[u8], content: &Content) -> Content {
        match content {
            Content::Below { root, skip } => {
                Content::File(self.below(path, *root, *skip).into_boxed_path())
            }
            other => other.clone(),
        }
    }

    fn below(&self, path: &[u8], root: u32, skip: u32) -> PathBuf {
        self.roots[root as usize].join(OsStr::from_bytes(&path[skip as usize..]))
    }

    /// Fill `buffer` from `offset` of a content of `size` bytes. `spare` bytes behind the
    /// content may be overwritten: reading into them shows whether the file has grown.
    pub(crate) fn read(
        &self,
        path: &[u8],
        content: &Content,
        size: u64,
        offset: u64,
        buffer: &mut [u8],
        spare: usize,
    ) -> Result<(), Error> {
        let want = buffer.len() - spare;
        match content {
            Content::Bytes(bytes) => {
                let from = offset as usize;
                buffer[..want].copy_from_slice(&bytes[from..from + want]);
                Ok(())
            }
            Content::Slice { file, offset: base } => {
                let Some((file, path)) = &self.slices[*file as usize] else {
                    unreachable!("contents are only sliced out of open files");
                };
                file.read_exact_at(&mut buffer[..want], base + offset)
                    .map_err(|e| failed(path, e))
            }
            Content::File(path) => read_file(path, size, offset, buffer, spare),
            Content::Below { root, skip } => {
                read_file(&self.below(path, *root, *skip), size, offset, buffer, spare)
            }
        }
    }

    /// Whether two contents of one size are the same.
    pub(crate) fn equal(
        &self,
        path_a: &[u8],
        a: &Content,
        path_b: &[u8],
        b: &Content,
        size: u64,
    ) -> Result<bool, Error> {
        const STEP: usize = 128 << 10;
        let mut buffers = (vec![0; STEP], vec![0; STEP]);
        let mut offset = 0;
        while offset < size {
            let n = usize::try_from(size - offset).map_or(STEP, |left| left.min(STEP));
            let (x, y) = (&mut buffers.0[..n], &mut buffers.1[..n]);
            self.read(path_a, a, size, offset, x, 0)?;
            self.read(path_b, b, size, offset, y, 0)?;
            if x != y {
                return Ok(false);
            }
            offset += n as u64;
        }
        Ok(true)
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::UnexpectedEof {
        return Error::Changed {
            path: path.to_owned(),
            how: "became shorter",
        };
    }
    Error::Read {
        path: path.to_owned(),
        source,
    }
}

/// Read a stretch of a file on disk. At its end, see to it that it is still as long as it
/// was when the layer was planned: its size is in the header already.
fn read_file(
    path: &Path,
    size: u64,
    offset: u64,
    buffer: &mut [u8],
    spare: usize,
) -> Result<(), Error> {
    let mut file = File::open(path).map_err(|e| failed(path, e))?;
    let want = buffer.len() - spare;
    let ends_here = offset + want as u64 == size;
    if offset > 0 {
        file.read_exact_at(&mut buffer[..want], offset)
            .map_err(|e| failed(path, e))?;
        if ends_here && file.metadata().map_err(|e| failed(path, e))?.len() != size {
            return Err(grown(path));
        }
        return Ok(());
    }
    let mut extra = [0; 1];
    let mut filled = 0;
    // One byte more than there should be; mostly there is room for it in the padding.
    let limit = want + usize::from(spare > 0 && ends_here);
    while filled < limit {
        match file.read(&mut buffer[filled..limit]) {
            Ok(0) if filled < want => {
                return Err(failed(path, io::ErrorKind::UnexpectedEof.into()))
            }
            Ok(0) => break,
            Ok(n) => {
                filled += n;
                // A short read of a regular file has met its end.
                if filled == want && n < limit {
                    break;
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(path, e)),
        }
    }
    if filled > want {
        return Err(grown(path));
    }
    if ends_here && limit == want {
        let more = loop {
            match file.read(&mut extra) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(|e| failed(path, e))?,
            }
        };
        if more > 0 {
            return Err(grown(path));
        }
    }
    Ok(())
}

fn grown(path: &Path) -> Error {
    Error::Changed {
        path: path.to_owned(),
        how: "became longer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_change_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, [7; 1000]).unwrap();
        let files = Files::default();
        let content = Content::File(path.clone().into_boxed_path());
        let read = |size: u64, offset: u64, n: usize, spare: usize| {
            let mut buffer = vec![0; n + spare];
            files
                .read(b"f", &content, size, offset, &mut buffer, spare)
                .map(|()| buffer[..n].to_vec())
                .map_err(|e| e.to_string())
        };
        assert_eq!(read(1000, 0, 1000, 24).unwrap(), [7; 1000]);
        assert_eq!(read(1000, 0, 1000, 0).unwrap(), [7; 1000]);
        assert_eq!(read(1000, 0, 300, 0).unwrap(), [7; 300]);
        assert_eq!(read(1000, 300, 700, 24).unwrap(), [7; 700]);
        for (size, offset, n, spare, how) in [
            (999, 0, 999, 25, "longer"),
            (999, 0, 999, 0, "longer"),
            (999, 300, 699, 0, "longer"),
            (1001, 0, 1001, 23, "shorter"),
            (1001, 300, 701, 23, "shorter"),
        ] {
            let error = read(size, offset, n, spare).unwrap_err();
            assert!(error.contains(how) && error.contains("/f "), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(read(1000, 0, 1, 0).unwrap_err().starts_with("cannot read "));
    }

    #[test]
    fn contents_are_compared_wherever_they_are() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), vec![1; 300_000]).unwrap();
        let mut files = Files::default();
        let root = files.add_root(dir.path().to_owned());
        let tree = Content::Below { root, skip: 2 };
        let mut bytes = vec![1; 300_000];
        let equal = |bytes: &[u8]| {
            let other = Content::Bytes(bytes.into());
            files
                .equal(b"d/f", &tree, b"x", &other, bytes.len() as u64)
                .unwrap()
        };
        assert!(equal(&bytes));
        bytes[299_999] = 0;
        assert!(!equal(&bytes));
    }
}
