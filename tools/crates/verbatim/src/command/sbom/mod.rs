//! `verbatim sbom`: what something is made of, for others to read; and whether what others say is true.

mod check;
mod write;

use anyhow::bail;
use verbatim_oci::Platform;
use verbatim_packages::Moment;
use verbatim_sbom::check::Kind;
use verbatim_sbom::Distribution;

use crate::outcome::Outcome;
use crate::registry_options::RegistryOptions;
use crate::report_form::Format;

/// The form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Type {
    /// SPDX 2.3.
    Spdx,
    /// CycloneDX 1.6.
    Cyclonedx,
}

/// Write an SBOM, or check one against the files of an image.
///
/// An INPUT is a lock of packages (as `verbatim packages lock` writes it, rpms.lock.yaml of Konflux
/// or packages.manifest.yaml of dnf), a Cargo.lock, a program of Go or of `cargo auditable`, or an
/// image: a layout, an archive of one or of `docker save`, or a reference of a registry. Several become
/// one document. Of an image the databases in it tell: of dpkg, rpm and apk, the metadata of Python's
/// and npm's packages, what programs of Go and Cargo say.
///
/// The document is the same, byte for byte, on every machine: all is sorted, its time is 1970-01-01
/// unless --created gives another, and what must be unique in it follows from its content.
///
/// With --check, INPUT is an image and an SBOM that anybody wrote (SPDX 2.2 or 2.3, CycloneDX, in
/// JSON). What is not true of the files is told, a line each:
///
///   other-image        the SBOM is about an image with another digest
///   other-system       the image is of another distribution
///   missing-package    the SBOM names a package that is not there
///   other-version      ... or that is there in another version
///   unlisted-package   a package is there that the SBOM does not name
///   absent-file        the SBOM names a file that is not there
///   wrong-file         ... or gives it a digest that it does not have
///   changed-file       a file has not the digest that its package says
///   missing-file       a file of a package is not there
///   unaccounted-file   a file is there that no package accounts for, nor the SBOM
///   unchecked-package  the SBOM names a package of a kind not looked for here
///   unread             a database in the image could not be read
///
/// Exit codes: 0 done, or all of it is true (or --accept names it); 1 something is not; 2 the input
/// is wrong; 3 something could not be told, and nothing is known to be wrong.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  Of the packages of an image, for scanners and customers:
    verbatim sbom image.lock.json --type spdx -o image.spdx.json

  Of a program written in Rust:
    verbatim sbom Cargo.lock --type cyclonedx --name server -o server.cdx.json

  Of an image, with all of its files:
    verbatim sbom registry.example.com/acme/app:v1 --type spdx --files \\
      -o app.spdx.json

  Does the SBOM that came with an image tell the truth?
    verbatim sbom --check registry.example.com/acme/app:v1 app.spdx.json
    verbatim sbom --check bazel-bin/app app.cdx.json --accept missing-file \\
      --format json")]
pub struct Options {
    /// What is described; with --check an image and an SBOM (`-` is standard input).
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<String>,
    /// Compare an SBOM with the files of an image.
    #[arg(long, conflicts_with_all = ["type", "output", "name", "created", "architecture", "distribution", "files"])]
    check: bool,
    /// The form of the document.
    #[arg(long, value_name = "TYPE", required_unless_present = "check")]
    r#type: Option<Type>,
    /// The document to write; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: std::path::PathBuf,
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
    /// Name all files of an image too, with their digests.
    #[arg(long)]
    files: bool,
    /// Of an image for several platforms, take this one.
    #[arg(long, value_name = "OS/ARCHITECTURE[/VARIANT]")]
    platform: Option<Platform>,
    /// Let findings of this kind do no harm; can be given several times.
    #[arg(long, value_name = "FINDING", requires = "check")]
    accept: Vec<Kind>,
    /// The form of the report of --check.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        requires = "check"
    )]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    match (options.check, options.r#type, &options.inputs[..]) {
        (true, _, [image, sbom]) => check::run(&options, image, sbom),
        (true, ..) => bail!("--check takes an image and an SBOM; name these two"),
        (false, Some(form), _) => write::run(&options, form),
        (false, None, _) => bail!("--type is missing; say spdx or cyclonedx"),
    }
}
