//! `verbatim sbom`: what something is made of, for others to read.

mod write;

use std::path::PathBuf;

use verbatim_packages::Moment;
use verbatim_sbom::Distribution;

use crate::outcome::Outcome;

/// The form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Type {
    /// SPDX 2.3.
    Spdx,
    /// CycloneDX 1.6.
    Cyclonedx,
}

/// Write an SBOM: which packages something is made of, with their digests.
///
/// An INPUT is a lock of packages (as `verbatim packages lock` writes it, or rpms.lock.yaml of
/// Konflux) or a Cargo.lock. Several become one document.
///
/// The document is the same, byte for byte, on every machine: all is sorted, its time is 1970-01-01
/// unless --created gives another, and what must be unique in it follows from its content.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Of the packages of an image, for scanners and customers:
    verbatim sbom image.lock.json --type spdx -o image.spdx.json

  Of a program written in Rust:
    verbatim sbom Cargo.lock --type cyclonedx --name server -o server.cdx.json")]
pub struct Options {
    /// What is described.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    /// The form of the document.
    #[arg(long, value_name = "TYPE")]
    r#type: Type,
    /// The document to write; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// What the document, and the only thing in it, is called; by default INPUT's name without its
    /// ending.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The time that the document says of itself.
    #[arg(long, value_name = "TIME", default_value = "1970-01-01T00:00:00Z")]
    created: Moment,
    /// Of a lock for several architectures, describe this one alone.
    #[arg(long, value_name = "ARCHITECTURE")]
    architecture: Option<String>,
    /// The distribution that the packages of a lock are of, in the words of its os-release: debian,
    /// debian-13, fedora-43. It is a part of their package URLs.
    #[arg(long, value_name = "ID[-VERSION]")]
    distribution: Option<Distribution>,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    write::run(&options)
}
