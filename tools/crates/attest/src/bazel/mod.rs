//! Builds by Bazel: what provenance says of them, written here, and read by whoever builds them again.
//!
//! `docs/build-type-bazel.md` says field by field what stands where, and how to rebuild from it. Nothing in a
//! statement comes from a clock, a host or an environment: the same build and subjects give the same bytes.
//! What names one run ([`Run`]) is only there where it was given.

mod cache;
mod dependencies;
mod facts;
mod lock;
mod read;
mod subjects;
mod words;
mod write;

pub use cache::downloads;
pub use dependencies::{Dependencies, Dependency};
pub use facts::Facts;
pub use subjects::Subjects;
pub use words::{
    BazelVersion, BuilderId, Directory, Flag, GitHash, GitRef, GitUri, InvocationId, Moment, Target,
};
pub use write::Form;

/// The type of these builds, as provenance names it; `docs/build-type-bazel.md` is its page.
pub const BUILD_TYPE: &str = "https://example.com/rules_verbatim/docs/build-type-bazel@v1";

/// One build: from which sources, with what and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// What was checked out.
    pub source: Source,
    /// The folder of the workspace in the checkout, where it is not the checkout itself.
    pub directory: Option<Directory>,
    /// What was built: the targets whose files are the sums.
    pub targets: Vec<Target>,
    /// The options after `bazel build`, in their order.
    pub flags: Vec<Flag>,
    /// Bazel's own word for its version.
    pub bazel_version: BazelVersion,
    /// What else the build used.
    pub dependencies: Dependencies,
}

/// A commit of a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where the repository is.
    pub uri: GitUri,
    /// The commit.
    pub commit: GitHash,
    /// Its tree: the same for every way to the same files.
    pub tree: GitHash,
    /// The tag or branch that the build was asked for; the commit decides.
    pub reference: Option<GitRef>,
}

/// Who built, and which run of the builder it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Whom the statement stands for.
    pub builder: BuilderId,
    /// The builder's own name for the run.
    pub invocation_id: Option<InvocationId>,
    /// When the run began.
    pub started_on: Option<Moment>,
    /// When it ended.
    pub finished_on: Option<Moment>,
}
