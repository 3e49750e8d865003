//! What can go wrong, as sentences that name the thing and the fix.

use std::io;
use std::path::PathBuf;

use verbatim_digest::Digest;
use verbatim_foreign::printable_path;

/// A layer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that cannot stand in a layer.
    #[error("the path `{path}` from {origin} {problem}")]
    Path {
        /// The path as it was given.
        path: String,
        /// What is wrong with it and what to do.
        problem: &'static str,
        /// Who asked for it.
        origin: String,
    },
    /// Two sources want different things at one path.
    #[error("two different contents for {path}: from {first} and from {second} ({difference}); keep one of them")]
    Conflict {
        /// The path in the layer.
        path: String,
        /// Who came first.
        first: String,
        /// Who came second.
        second: String,
        /// In what they differ.
        difference: String,
    },
    /// Something stands below a path that is no directory.
    #[error("{path} from {origin} stands below {parent}, which is a {kind} from {parent_origin}; rename one of them")]
    Below {
        /// The path in the layer.
        path: String,
        /// Who asked for it.
        origin: String,
        /// The path above it.
        parent: String,
        /// What that is.
        kind: &'static str,
        /// Who asked for that.
        parent_origin: String,
    },
    /// A hard link that leads nowhere.
    #[error("the hard link {path} from {origin} points to {target}, {problem}")]
    HardLink {
        /// The path in the layer.
        path: String,
        /// Who asked for it.
        origin: String,
        /// What it points to.
        target: String,
        /// What is wrong with that and what to do.
        problem: &'static str,
    },
    /// What a scrubbed root file system must not hold.
    #[error(transparent)]
    Scrub(#[from] verbatim_scrub::Refused),
    /// Something that a layer does not take.
    #[error("{path} from {origin} is {what}; {fix}")]
    Unsupported {
        /// The path in the layer or on the disk.
        path: String,
        /// Who asked for it.
        origin: String,
        /// What it is.
        what: &'static str,
        /// What to do.
        fix: &'static str,
    },
    /// An attribute, a rule or a list that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A file that could not be read.
    #[error("cannot read {}: {source}", printable_path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file that is not what it was when the run began.
    #[error(
        "{} {how} while it was read; run again when nothing writes to it",
        printable_path(path)
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// What happened to it.
        how: &'static str,
    },
    /// A tar archive that is damaged, hostile or of an unknown kind.
    #[error("{}: {source}", printable_path(path))]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: verbatim_reader::Error,
    },
    /// An archive that is another one than was asked for.
    #[error("{} has the digest {found}, and {digest} was asked for; fetch it again, or correct the digest", printable_path(path))]
    Digest {
        /// The file.
        path: PathBuf,
        /// The digest of its bytes.
        found: Digest,
        /// What was asked for.
        digest: Digest,
    },
    /// The output or a temporary file beside it could not be written.
    #[error("cannot write {what}: {source}")]
    Write {
        /// Which of them.
        what: String,
        /// The reason.
        source: io::Error,
    },
    /// The encoder gave up, which only a lack of memory explains.
    #[error("{encoder} could not compress a block: {problem}")]
    Encode {
        /// Which encoder.
        encoder: &'static str,
        /// Its own words.
        problem: String,
    },
}
