//! A published image made once more from what its provenance says, and compared.
//!
//! An attestation says which commit was built, with what and how; [`konflux`] reads that from what Tekton
//! Chains signs, and the crate `attest` what this program wrote of a build by Bazel. [`rebuild`] fetches the sources
//! by their commit and the base images by their digests, runs the real `buildah` as the build task ran it, or the
//! real Bazel, and compares what comes out on four levels. What is not told, or is not to be had, stands in the
//! [`Report`]: a rebuild never claims more than it showed.
//!
//! Everything in an attestation is the word of a stranger until its signature was checked, and a build runs
//! what it names. So addresses, hashes and paths are judged before anything is started (`git`, `checkout`), and
//! programs get an environment of their own (`process`).

mod base;
mod bazel;
mod buildah;
mod checkout;
mod containerfile;
mod error;
mod git;
mod history;
mod images;
mod injected;
pub mod konflux;
mod machine;
mod prefetch;
mod process;
mod published;
mod rebuild;
mod report;
mod result;
pub mod sbom;

pub use base::Pin;
pub use bazel::{Allowed, Machine};
pub use error::{Error, ErrorKind, Result};
pub use git::{checked_out, CheckedOut};
pub use published::{Level, Levels};
pub use rebuild::{rebuild, Attestation, Request};
pub use report::{Material, Report, SubjectReport, Verdict};
pub use result::Author;
