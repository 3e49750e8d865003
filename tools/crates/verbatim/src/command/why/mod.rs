//! `verbatim why`: why something is in an image, and what changed from one release to the next.

mod paths;
mod release;

use std::path::{Path, PathBuf};

use anyhow::bail;
use verbatim_oci::Platform;

use crate::outcome::Outcome;
use crate::registry_options::RegistryOptions;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For people, as a page: of two releases.
    Markdown,
    /// For machines: one object with a `schema`.
    Json,
}

/// Say why a path is in an image, or what changed from one release to the next.
///
/// Of an image and paths: for each path the layer that it comes from, what other layers did to it
/// (also that one took it away), whose it is by the databases in the image, whether it has the digest
/// that its package says, and with --lock the entry that brought the package.
///
/// Of two lists of sums: for each image the packages and files that differ, each file under what
/// accounts for it: a package in another version, or what the bytes of a file of nobody show (in the
/// words of `verbatim diff`). What has one digest in both lists did not change, to the byte.
///
/// Exit codes: 0 each path is there, or nothing changed; 1 a path is not there, or something changed;
/// 2 the input is wrong; 3 something could not be looked at.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Where does this file come from?
    verbatim why registry.example.com/acme/app:v1 /usr/bin/openssl
    verbatim why bazel-bin/app usr/lib/libz.so.1 --lock image.lock.json

  What changed since the last release?
    verbatim why v1/container_sums.sha256 v2/container_sums.sha256
    verbatim why v1.sha256 v2.sha256 --layout v1/app --layout bazel-bin/app \\
      --format markdown")]
pub struct Options {
    /// An image (a layout, an archive of one, or a reference), or the sums of the older release.
    #[arg(value_name = "IMAGE|OLD.sha256")]
    first: String,
    /// Paths in the image, or the sums of the newer release.
    #[arg(value_name = "PATH|NEW.sha256", required = true)]
    rest: Vec<String>,
    /// A lock that the image was made from; can be given several times.
    #[arg(long, value_name = "LOCK")]
    lock: Vec<PathBuf>,
    /// Take images of the lists from this layout, or archive of one, where it has them by their
    /// digest; can be given several times. Others are asked of their registries.
    #[arg(long, value_name = "LAYOUT")]
    layout: Vec<PathBuf>,
    /// Of images for several platforms, look at this one alone.
    #[arg(long, value_name = "OS/ARCHITECTURE[/VARIANT]")]
    platform: Option<Platform>,
    /// The form of the answer.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Form,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let is_list = |name: &str| {
        Path::new(name)
            .extension()
            .is_some_and(|ending| ending == "sha256")
    };
    if !is_list(&options.first) {
        return paths::run(&options);
    }
    match &options.rest[..] {
        [new] if is_list(new) => release::run(&options, new),
        _ => bail!(
            "{} is a list of sums; name the list of the newer release after it",
            options.first
        ),
    }
}
