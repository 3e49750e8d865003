//! Listing a directory on disk: names, kinds, sizes and executable bits, never owners or times.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use verbatim_foreign::{printable_bytes, printable_path};

use crate::path::{join, parent};
use crate::Error;

/// What is done about symlinks in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Every symlink is taken as it is: for a root file system.
    Keep,
    /// Relative symlinks that stay in the tree are kept, all others stand for what they
    /// point to. Build tools hand over trees as farms of absolute symlinks, and whether
    /// they do must make no difference.
    Resolve,
}

/// One thing in a tree.
#[derive(Debug)]
pub(crate) struct Found {
    /// Below the tree's root.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: FoundKind,
}

#[derive(Debug)]
pub(crate) enum FoundKind {
    File { size: u64, executable: bool },
    Directory,
    Symlink(Vec<u8>),
}

/// How many symlinks may lead to one file, as in the kernel.
const MAX_LINKS: usize = 40;

struct Walk<'a> {
    root: &'a Path,
    links: Links,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// Directories that nobody has listed yet.
    waiting: Vec<Vec<u8>>,
    /// Directories that somebody is listing.
    active: usize,
    failed: Option<(Vec<u8>, Error)>,
}

/// What a list of things holds at most. Long enough for memory of its own, which the system
/// gets back as soon as the list is used up.
const LIST: usize = 4096;

/// List all that is below `root`, in no particular order, in lists that can be used up one by one.
pub(crate) fn walk(root: &Path, links: Links, threads: usize) -> Result<Vec<Vec<Found>>, Error> {
    let walk = Walk {
        root,
        links,
        state: Mutex::new(State {
            waiting: vec![Vec::new()],
            ..State::default()
        }),
        wake: Condvar::new(),
    };
    let found = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(8))
            .map(|_| scope.spawn(|| walk.work()))
            .collect();
        let mut found = walk.work();
        for other in others {
            match other.join() {
                Ok(more) => found.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    });
    let state = walk
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    match state.failed {
        Some((_, error)) => Err(error),
        None => Ok(found),
    }
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> Vec<Vec<Found>> {
        let mut found = Vec::new();
        let mut state = self.lock();
        loop {
            if let Some(directory) = state.waiting.pop() {
                state.active += 1;
                drop(state);
                let mut inner = Vec::new();
                let result = self.list(&directory, &mut found, &mut inner);
                state = self.lock();
                state.active -= 1;
                state.waiting.append(&mut inner);
                if let Err((path, error)) = result.map_err(|e| *e) {
                    // Of several problems the first in order is told, whoever met it first.
                    if state.failed.as_ref().is_none_or(|(first, _)| path < *first) {
                        state.failed = Some((path, error));
                    }
                }
                self.wake.notify_all();
            } else if state.active == 0 {
                return found;
            } else {
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn list(
        &self,
        directory: &[u8],
        found: &mut Vec<Vec<Found>>,
        inner: &mut Vec<Vec<u8>>,
    ) -> Result<(), Box<(Vec<u8>, Error)>> {
        let on_disk = self.on_disk(directory);
        let read_error = |path: &[u8], on_disk: PathBuf| {
            let path = path.to_vec();
            move |source| {
                Box::new((
                    path,
                    Error::Read {
                        path: on_disk,
                        source,
                    },
                ))
            }
        };
        let entries = fs::read_dir(&on_disk).map_err(read_error(directory, on_disk.clone()))?;
        for entry in entries {
            let entry = entry.map_err(read_error(directory, on_disk.clone()))?;
            let path = join(directory, entry.file_name().as_bytes());
            let failed = || read_error(&path, entry.path());
            let kind = entry.file_type().map_err(failed())?;
            let kind = if kind.is_dir() {
                inner.push(path.clone());
                FoundKind::Directory
            } else if kind.is_file() {
                file(&entry.metadata().map_err(failed())?)
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).map_err(failed())?;
                let kind = match self.links {
                    Links::Keep => FoundKind::Symlink(target.into_os_string().into_vec()),
                    Links::Resolve => self
                        .resolve(&path, target)
                        .map_err(|error| Box::new((path.clone(), error)))?,
                };
                if matches!(kind, FoundKind::Directory) {
                    inner.push(path.clone());
                }
                kind
            } else {
                let error = Error::Unsupported {
                    path: printable_bytes(&path).into_owned(),
                    origin: printable_path(self.root).into_owned(),
                    what: "a device, a pipe or a socket",
                    fix: "leave it out of the tree",
                };
                return Err(Box::new((path, error)));
            };
            let thing = Found { path, kind };
            match found.last_mut() {
                Some(list) if list.len() < LIST => list.push(thing),
                _ => {
                    let mut list = Vec::with_capacity(LIST);
                    list.push(thing);
                    found.push(list);
                }
            }
        }
        Ok(())
    }

    fn on_disk(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() {
            return self.root.to_owned();
        }
        self.root.join(std::ffi::OsStr::from_bytes(path))
    }

    /// What the symlink at `path` stands for under [`Links::Resolve`].
    fn resolve(&self, path: &[u8], target: PathBuf) -> Result<FoundKind, Error> {
        let wrong = |problem: &str| {
            Error::Invalid(format!(
                "the symlink {} in the tree {} {problem}",
                printable_bytes(path),
                printable_path(self.root)
            ))
        };
        let mut target = target;
        for _ in 0..MAX_LINKS {
            let bytes = target.as_os_str().as_bytes();
            if target.is_relative() {
                if stays_inside(path, bytes) {
                    return Ok(FoundKind::Symlink(bytes.to_vec()));
                }
                break;
            }
            // A farm's link leads to the same path in the real tree, where the file may
            // itself be a symlink. Any other link just stands for what it points to.
            let same_place = bytes
                .strip_suffix(path)
                .is_some_and(|front| front.ends_with(b"/"));
            if !same_place {
                break;
            }
            match fs::read_link(&target) {
                Ok(next) => target = next,
                Err(_) => break,
            }
        }
        let on_disk = self.on_disk(path);
        let metadata = fs::metadata(&on_disk).map_err(|e| {
            wrong(&match e.kind() {
                io::ErrorKind::NotFound => format!(
                    "points to {}, which does not exist; make it relative to stay as it is",
                    printable_bytes(target.as_os_str().as_bytes())
                ),
                _ => format!("cannot be followed: {e}"),
            })
        })?;
        if metadata.is_file() {
            return Ok(file(&metadata));
        }
        if !metadata.is_dir() {
            return Err(wrong(
                "points to a device, a pipe or a socket; leave it out",
            ));
        }
        // A directory that is one of those above it would be listed without end.
        let mut above = HashSet::new();
        let mut at = Some(path);
        while let Some(directory) = at.map(|at| parent(at).unwrap_or_default()) {
            if let Ok(metadata) = fs::metadata(self.on_disk(directory)) {
                above.insert((metadata.dev(), metadata.ino()));
            }
            at = (!directory.is_empty()).then_some(directory);
        }
        if above.contains(&(metadata.dev(), metadata.ino())) {
            return Err(wrong("points to a directory above it; remove it"));
        }
        Ok(FoundKind::Directory)
    }
}

fn file(metadata: &fs::Metadata) -> FoundKind {
    FoundKind::File {
        size: metadata.len(),
        executable: metadata.mode() & 0o100 != 0,
    }
}

/// Whether a symlink at `path` with a relative target leads to something in the same tree.
fn stays_inside(path: &[u8], target: &[u8]) -> bool {
    let mut depth = path.iter().filter(|&&b| b == b'/').count();
    for part in target.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if depth == 0 => return false,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn listing(root: &Path, links: Links, threads: usize) -> Vec<String> {
        let mut list: Vec<_> = walk(root, links, threads)
            .unwrap()
            .into_iter()
            .flatten()
            .map(|found| {
                let path = String::from_utf8(found.path).unwrap();
                match found.kind {
                    FoundKind::Directory => format!("{path}/"),
                    FoundKind::File { size, executable } => {
                        format!("{path} {size}{}", if executable { " x" } else { "" })
                    }
                    FoundKind::Symlink(target) => {
                        format!("{path} -> {}", String::from_utf8(target).unwrap())
                    }
                }
            })
            .collect();
        list.sort();
        list
    }

    #[test]
    fn a_farm_of_links_is_the_same_as_the_tree() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        let farm = dir.path().join("farm");
        fs::create_dir_all(real.join("lib/deep")).unwrap();
        fs::create_dir_all(farm.join("lib")).unwrap();
        fs::write(real.join("lib/a"), "abc").unwrap();
        fs::write(real.join("lib/deep/b"), "").unwrap();
        symlink("a", real.join("lib/link")).unwrap();
        for name in ["lib/a", "lib/deep", "lib/link"] {
            symlink(real.join(name), farm.join(name)).unwrap();
        }
        let expected = [
            "lib/",
            "lib/a 3",
            "lib/deep/",
            "lib/deep/b 0",
            "lib/link -> a",
        ];
        for threads in [1, 4] {
            assert_eq!(listing(&real, Links::Resolve, threads), expected);
            assert_eq!(listing(&farm, Links::Resolve, threads), expected);
            assert_eq!(listing(&real, Links::Keep, threads), expected);
        }
    }

    #[test]
    fn links_that_lead_nowhere_or_round_are_named() {
        let dir = tempfile::tempdir().unwrap();
        symlink("/nonexistent/x", dir.path().join("gone")).unwrap();
        let error = walk(dir.path(), Links::Resolve, 1).unwrap_err().to_string();
        assert!(
            error.contains("gone") && error.contains("does not exist"),
            "{error}"
        );
        assert_eq!(
            listing(dir.path(), Links::Keep, 1),
            ["gone -> /nonexistent/x"]
        );

        fs::remove_file(dir.path().join("gone")).unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        symlink(dir.path(), dir.path().join("d/round")).unwrap();
        let error = walk(dir.path(), Links::Resolve, 2).unwrap_err().to_string();
        assert!(error.contains("above it"), "{error}");
    }

    #[test]
    fn inside_and_outside() {
        assert!(stays_inside(b"a/b", b"../c"));
        assert!(!stays_inside(b"a/b", b"../../c"));
        assert!(!stays_inside(b"a", b"x/../../c"));
        assert!(stays_inside(b"a", b"./c"));
    }
}
