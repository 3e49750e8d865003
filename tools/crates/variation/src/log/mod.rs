//! Bazel's compact execution log (`--execution_log_compact_file`), read as a stream.
//!
//! The log is a zstd stream of `ExecLogEntry` messages (`src/main/protobuf/spawn.proto` in Bazel's
//! sources), each with its length in front. Files, folders and sets of inputs have numbers, and
//! what refers to them comes after them. A log of hundreds of megabytes names a million files, so
//! nothing that is text is kept: a path is 128 bits of its hash, and so is a content, a command
//! and an environment; a set of inputs is the numbers of its members, never expanded. That is
//! enough to find the action; its names are then looked up in a second reading ([`Names`]).
//!
//! Two layouts exist. Bazel 7.1 to 7.3 wrote sets and outputs with one field for each kind of
//! member; later ones have one field for all kinds, and runfiles trees and symlink actions besides.
//! Both are read.

mod names;
mod reader;
mod wire;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use verbatim_digest::Digest;

pub use names::{Details, Names};

/// The longest message that is read, in bytes. A tree artifact of a million files is one message.
pub const MAX_ENTRY: u64 = 512 << 20;

/// How many times its size a log may unpack to. Real ones unpack to five or twenty times theirs;
/// a stream of nothing to tens of thousands, and each empty entry takes memory.
pub(crate) const MAX_RATIO: u64 = 500;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}, after {entry} entries: {fault}; build again to have a whole log", path.display())]
pub struct Error {
    /// The log.
    pub path: PathBuf,
    /// How many entries were read before.
    pub entry: u64,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read, or is not a zstd stream.
    #[error("it cannot be read as a compact execution log")]
    Read(#[source] std::io::Error),
    /// The end comes in the middle of an entry, or of the zstd frame.
    #[error("the log is cut off, as that of an interrupted build is")]
    Truncated,
    /// More than [`MAX_ENTRY`].
    #[error("an entry claims {0} bytes")]
    TooLong(u64),
    /// More than [`MAX_RATIO`].
    #[error("it unpacks to more than {MAX_RATIO} times its size, which no real log does")]
    Bomb,
    /// A number of more than 64 bits.
    #[error("a number has too many bytes")]
    Number,
    /// None of the four wire types in use.
    #[error("there is no wire type {0}, so it is no compact execution log")]
    WireType(u64),
    /// A reference to something that did not come before.
    #[error("entry {0} is referred to before it comes, or is of another kind")]
    Reference(u64),
    /// More entries than numbers.
    #[error("there are more than 2^32 entries")]
    Full,
}

/// 128 bits of a sha256, in place of what was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(u128);

impl Mark {
    /// The mark of these parts, each with its length.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = verbatim_digest::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self::from(hasher.finish())
    }

    /// The mark of a path in the execution root.
    pub fn of_path(path: &str) -> Self {
        Self::of([path.as_bytes()])
    }
}

impl From<Digest> for Mark {
    fn from(digest: Digest) -> Self {
        // Half of the digits are more than enough where nobody has a reason to look for a collision.
        Self(u128::from_str_radix(&digest.hex()[..32], 16).unwrap_or_default())
    }
}

/// What is no difference between two builds, because the builds were meant to differ in it.
#[derive(Debug, Clone, Default)]
pub struct Lenience {
    /// Environment variables that were set to other values on purpose.
    pub environment: Vec<String>,
    /// The configurations have different names: `bazel-out/k8-fastbuild` here, `bazel-out/k8-opt` there.
    pub configurations: bool,
}

impl Lenience {
    /// A path, or an argument with paths in it, without the names of configurations if these may differ.
    pub fn path<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        if !self.configurations || !text.contains("bazel-out/") {
            return text.into();
        }
        let mut parts = text.split("bazel-out/");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_at(part.find('/').unwrap_or(part.len()));
            out.push_str("bazel-out/");
            out.push_str(&mode_free(name));
            out.push_str(rest);
        }
        out.into()
    }
}

/// `k8-fastbuild-ST-0123` as `k8-*`; tools are in a configuration of their own, which does not vary.
fn mode_free(name: &str) -> String {
    if name.contains("-exec") {
        return name.to_owned();
    }
    let name = name.split("-ST-").next().unwrap_or(name);
    for mode in ["-fastbuild", "-dbg", "-opt"] {
        if let Some(platform) = name.strip_suffix(mode) {
            return format!("{platform}-*");
        }
    }
    name.to_owned()
}

/// A file, folder or link: where it is and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// Of its path in the execution root.
    pub path: Mark,
    /// Of its contents.
    pub content: Mark,
}

/// A set of inputs: members and sets of members, by index.
#[derive(Debug, Clone, Copy)]
struct Set {
    start: usize,
    artifacts: u32,
    sets: u32,
}

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A process.
    Spawn {
        /// Of the arguments and the platform.
        command: Mark,
        /// Of the environment but for the variables that were varied on purpose.
        environment: Mark,
        /// The set of its inputs.
        inputs: Option<u32>,
    },
    /// A link to this path.
    Symlink {
        /// Where it points.
        target: Mark,
    },
}

/// An action that was carried out.
#[derive(Debug, Clone)]
pub struct Action {
    /// Of target, mnemonic and first output: the same in both builds.
    pub key: Mark,
    /// What it does.
    pub work: Work,
    /// What it made.
    pub outputs: Vec<Artifact>,
}

/// A log after the first reading.
#[derive(Debug, Default)]
pub struct Log {
    artifacts: Vec<Artifact>,
    sets: Vec<Set>,
    members: Vec<u32>,
    actions: Vec<Action>,
}

impl Log {
    /// Read a log.
    pub fn read(path: &Path, lenience: &Lenience) -> Result<Self, Error> {
        reader::read(path, lenience)
    }

    /// The actions, each after those that made its inputs.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The content of each path.
    pub fn contents(&self) -> HashMap<Mark, Mark> {
        let mut contents = HashMap::with_capacity(self.artifacts.len());
        for artifact in &self.artifacts {
            contents.insert(artifact.path, artifact.content);
        }
        contents
    }

    fn members_of(&self, set: Set) -> (&[u32], &[u32]) {
        let middle = set.start + set.artifacts as usize;
        let end = middle + set.sets as usize;
        (&self.members[set.start..middle], &self.members[middle..end])
    }

    /// Which artifacts these are, by index, and which sets have one of them somewhere inside.
    pub fn select(&self, mut wanted: impl FnMut(Artifact) -> bool) -> Selection {
        let artifacts: Vec<bool> = self.artifacts.iter().map(|a| wanted(*a)).collect();
        let mut sets = Vec::with_capacity(self.sets.len());
        // A set comes after those that it is made of.
        for set in &self.sets {
            let (own, inner) = self.members_of(*set);
            let has = own.iter().any(|i| artifacts[*i as usize])
                || inner.iter().any(|i| sets[*i as usize]);
            sets.push(has);
        }
        Selection { artifacts, sets }
    }

    /// The members of a set that are selected, each path once, in the order of marks.
    pub(crate) fn selected(&self, set: Option<u32>, selection: &Selection) -> Vec<Artifact> {
        let mut found = Vec::new();
        self.walk(
            set,
            |at| selection.sets[at],
            |at| {
                if selection.artifacts[at] {
                    found.push(self.artifacts[at]);
                }
            },
        );
        found.sort_unstable();
        found.dedup_by_key(|a| a.path);
        found
    }

    /// All members of a set.
    pub fn expand(&self, set: Option<u32>) -> Vec<Artifact> {
        let mut found = Vec::new();
        self.walk(set, |_| true, |at| found.push(self.artifacts[at]));
        found.sort_unstable();
        found.dedup();
        found
    }

    fn walk(&self, set: Option<u32>, enter: impl Fn(usize) -> bool, mut each: impl FnMut(usize)) {
        let mut seen = std::collections::HashSet::new();
        let mut open: Vec<u32> = set.into_iter().collect();
        while let Some(at) = open.pop() {
            if !enter(at as usize) || !seen.insert(at) {
                continue;
            }
            let (own, inner) = self.members_of(self.sets[at as usize]);
            own.iter().for_each(|i| each(*i as usize));
            open.extend(inner);
        }
    }
}

/// What [`Log::select`] found.
#[derive(Debug)]
pub struct Selection {
    artifacts: Vec<bool>,
    sets: Vec<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_configuration_is_passed_over_where_asked() {
        let strict = Lenience::default();
        assert_eq!(
            strict.path("bazel-out/k8-opt/bin/x"),
            "bazel-out/k8-opt/bin/x"
        );
        let lenient = Lenience {
            configurations: true,
            ..Lenience::default()
        };
        for (from, to) in [
            ("bazel-out/k8-opt/bin/x", "bazel-out/k8-*/bin/x"),
            (
                "cp bazel-out/k8-fastbuild-ST-01ab/bin/x bazel-out/k8-dbg/y",
                "cp bazel-out/k8-*/bin/x bazel-out/k8-*/y",
            ),
            (
                "bazel-out/k8-opt-exec-ST-01ab/bin/x",
                "bazel-out/k8-opt-exec-ST-01ab/bin/x",
            ),
            ("external/x", "external/x"),
        ] {
            assert_eq!(lenient.path(from), to);
        }
    }
}
