//! The outputs of two builds beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use verbatim_digest::{of_reader, Digest, Hasher};

use crate::events::Events;
use crate::log::Lenience;

/// A file of a build cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl FileError {
    fn new(path: &Path, source: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            source,
        }
    }
}

/// What became of an output, or of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The same bytes in both builds.
    Reproducible,
    /// Other bytes.
    Different,
    /// Only the first build has it.
    OnlyFirst,
    /// Only the second build has it.
    OnlySecond,
}

/// A file of a target.
#[derive(Debug, Clone, Serialize)]
pub struct Output {
    /// Its path in the execution root; of the first build, where the two have different ones.
    pub path: String,
    /// The same bytes?
    pub verdict: Verdict,
    /// Its digest in the first build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Digest>,
    /// Its digest in the second build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Digest>,
    /// Why it differs: indices in [`Report::guilty`](crate::check::Report::guilty).
    pub because: Vec<usize>,
    /// Where the file of the first build lies.
    #[serde(skip)]
    pub first_file: PathBuf,
    /// Where the file of the second build lies.
    #[serde(skip)]
    pub second_file: PathBuf,
}

/// A target that was built twice.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// Its label.
    pub target: String,
    /// Whether all of its files are the same.
    pub verdict: Verdict,
    /// How many files it has.
    pub files: usize,
    /// Those that are not the same.
    pub outputs: Vec<Output>,
}

/// Compare the files of all targets byte for byte.
pub fn compare(
    first: &Events,
    second: &Events,
    lenience: &Lenience,
) -> Result<Vec<Target>, FileError> {
    let labels: BTreeSet<_> = first.targets.keys().chain(second.targets.keys()).collect();
    let mut targets = Vec::new();
    // Many targets have the same file.
    let mut known = BTreeMap::new();
    for label in labels {
        let files = |events: &Events| -> BTreeMap<String, String> {
            let paths = events.targets.get(label).into_iter().flatten();
            paths
                .map(|path| (lenience.path(path).into_owned(), path.clone()))
                .collect()
        };
        let (ours, theirs) = (files(first), files(second));
        let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        let count = names.len();
        let mut outputs = Vec::new();
        for name in names {
            let pair = (ours.get(name), theirs.get(name));
            let path = pair.0.or(pair.1).unwrap_or(name).clone();
            let mut digest = |events: &Events, path: Option<&String>| {
                let Some(path) = path else {
                    return Ok::<_, FileError>((None, PathBuf::new()));
                };
                let file = locate(&events.root, path);
                if let Some(digest) = known.get(&file) {
                    return Ok((*digest, file));
                }
                let digest = of_any(&file)?;
                known.insert(file.clone(), Some(digest));
                Ok((Some(digest), file))
            };
            let (first_digest, first_file) = digest(first, pair.0)?;
            let (second_digest, second_file) = digest(second, pair.1)?;
            let verdict = match pair {
                (Some(_), None) => Verdict::OnlyFirst,
                (None, Some(_)) => Verdict::OnlySecond,
                _ if first_digest == second_digest => continue,
                _ => Verdict::Different,
            };
            outputs.push(Output {
                path,
                verdict,
                first: first_digest,
                second: second_digest,
                because: Vec::new(),
                first_file,
                second_file,
            });
        }
        targets.push(Target {
            target: label.clone(),
            verdict: if outputs.is_empty() {
                Verdict::Reproducible
            } else {
                Verdict::Different
            },
            files: count,
            outputs,
        });
    }
    Ok(targets)
}

/// The digest of a file, of a link that leads nowhere, or of all that is in a folder.
pub(crate) fn of_any(path: &Path) -> Result<Digest, FileError> {
    let failed = |source| FileError::new(path, source);
    if path.is_dir() {
        let mut names: Vec<_> = std::fs::read_dir(path)
            .map_err(failed)?
            .map(|entry| entry.map(|e| e.file_name()))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        names.sort_unstable();
        let mut hasher = Hasher::new();
        for name in names {
            let inside = of_any(&path.join(&name))?;
            let name = name.as_encoded_bytes();
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(inside.hex().as_bytes());
        }
        return Ok(hasher.finish());
    }
    match std::fs::read_link(path) {
        Ok(target) if !path.exists() => Ok(Digest::of(target.as_os_str().as_encoded_bytes())),
        _ => Ok(of_reader(File::open(path).map_err(failed)?)
            .map_err(failed)?
            .0),
    }
}

/// A file of a build on the disk. Source files of other repositories are not always linked into the execution root.
pub(crate) fn locate(root: &Path, path: &str) -> PathBuf {
    let file = root.join(path);
    if !file.exists() && path.starts_with("external/") {
        if let Some(base) = root.parent().and_then(Path::parent) {
            return base.join(path);
        }
    }
    file
}
