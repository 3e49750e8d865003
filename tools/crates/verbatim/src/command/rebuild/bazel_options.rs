//! Which Bazel there is, and what it may do.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use verbatim_foreign::printable_path;
use verbatim_rebuild::{Allowed, Machine};

use crate::outcome::Unchecked;

/// For releases that Bazel built.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Bazel builds")]
pub(super) struct BazelOptions {
    /// Bazel: a path, or a name on PATH; by default `bazelisk`, else `bazel`. Its version must be the recorded one, and
    /// its digest where one is recorded. Bazelisk fetches the version that is recorded.
    #[arg(long, value_name = "PROGRAM")]
    bazel: Option<String>,
    /// Run this program of the sources in Bazel's place, such as bazelw. It is code of the sources, and runs with your
    /// rights.
    #[arg(long, value_name = "PATH", conflicts_with = "bazel")]
    bazel_of_source: Option<String>,
    /// Settings of this machine for Bazel, such as a registry's mirror; can be given several times. What the sources and
    /// the attestation say comes after them.
    #[arg(long, value_name = "FILE")]
    bazelrc: Vec<PathBuf>,
    /// Allow what is refused by itself: an option by its name, such as action_env; `bazel` for another Bazel than the
    /// recorded one; `tools/bazel` for the launcher of the sources. Can be given several times.
    #[arg(long, value_name = "NAME")]
    allow: Vec<String>,
}

impl BazelOptions {
    pub(super) fn machine(&self) -> anyhow::Result<Machine<'_>> {
        Ok(Machine {
            bazel: self.bazel.as_deref(),
            wrapper: self.bazel_of_source.as_deref(),
            settings: self
                .bazelrc
                .iter()
                .map(|path| whole(path))
                .collect::<anyhow::Result<_>>()?,
            allowed: Allowed::new(&self.allow),
        })
    }

    /// The options that stand for something that the attestation does not say; a place is nobody's business.
    pub(super) fn given(&self) -> Vec<String> {
        let mut given = Vec::new();
        if let Some(path) = &self.bazel_of_source {
            given.push(format!("--bazel-of-source={path}"));
        }
        if !self.bazelrc.is_empty() {
            given.push("--bazelrc".to_owned());
        }
        given.extend(self.allow.iter().map(|name| format!("--allow={name}")));
        given
    }
}

/// Bazel runs in another folder.
fn whole(path: &Path) -> anyhow::Result<PathBuf> {
    std::fs::canonicalize(path)
        .with_context(|| format!("--bazelrc {}", printable_path(path)))
        .context(Unchecked)
}
