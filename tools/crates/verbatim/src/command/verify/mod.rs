//! `verbatim verify`: is what is served, what runs, or what lies on the disk what was released?

mod release;
mod show;
mod sides;

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use verbatim_verify::signature;
use verbatim_verify::{Report, Verdict};

use self::release::Release;
use self::show::show;
use super::layout::Format;
use crate::outcome::{Outcome, Unchecked};
use crate::registry_options::RegistryOptions;

/// Check what was published, what runs, or what lies on a disk against the sums of a release.
///
/// Without further options every image of SUMS is looked up in its registry, and its digest is
/// recomputed from the bytes that are served. One line is printed for each image:
///
///   identical      the bytes that were released
///   same-image-id  another manifest of the same config: compression, annotations or media types differ
///   same-content   another config with the same layers that runs the same way
///   different      something else, and in what
///   missing        it was released and is not there
///   extra          it is there and was not released
///   unchecked      it could not be checked, and why
///
/// With `x.json` beside `x.sha256` (as `verbatim sums create` writes it) all of these can be told
/// apart; without it, what was released is fetched by its digest if the registry still has it.
///
/// Exit codes: 0 all is identical (or has a verdict that --accept names); 1 something differs,
/// is missing or is extra; 2 the input is wrong; 3 something could not be checked, and nothing
/// that was checked differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Does the registry serve what was released?
    verbatim verify container_sums.sha256

  The same from a mirror, with the publisher's signature checked first:
    verbatim verify container_sums.sha256 --key cosign.pub --mirror registry.example.com=127.0.0.1:5000

  Does the cluster run it?
    kubectl get pods -A -o json | verbatim verify container_sums.sha256 --pods - --accept extra

  Are the layers there too, and every byte of them right?
    verbatim verify container_sums.sha256 --deep

  Are the downloaded files right, and those that are published?
    verbatim verify file_sums.sha256 --files dist
    verbatim verify file_sums.sha256 --files https://example.com/releases/v1

  What changed from one release to the next?
    verbatim verify v1.sha256 --against v2.sha256")]
pub struct Options {
    /// The sums of the release; `-` is standard input.
    #[arg(value_name = "SUMS")]
    sums: PathBuf,
    /// Check what runs: the JSON of `kubectl get pods -A -o json`, `podman ps --format json`,
    /// `podman inspect` or `docker inspect`; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pods: Option<PathBuf>,
    /// Check files: those of SUMS, in this folder or below this address.
    #[arg(long, value_name = "DIR|URL")]
    files: Option<PathBuf>,
    /// Compare with another sums file: what differs there from SUMS.
    #[arg(long, value_name = "SUMS")]
    against: Option<PathBuf>,
    /// Read everything below what a registry serves: size and digest of every blob, every
    /// diff_id, configs and platforms. Nothing is kept; --parallel blobs are read at a time.
    #[arg(long, conflicts_with_all = ["pods", "files", "against", "layout"])]
    deep: bool,
    /// Check an OCI layout, or an archive of one, in place of what a registry serves.
    #[arg(long, value_name = "REFERENCE=LAYOUT")]
    layout: Vec<String>,
    /// Check the signature of SUMS with this key before anything else: a file, or the key
    /// itself. Of cosign (PEM), minisign, or SSH (a public key or an allowed_signers file).
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The signature; by default SUMS with .sig, .minisig or .sign after it.
    #[arg(long, value_name = "FILE", requires = "key")]
    signature: Option<PathBuf>,
    /// The namespace of an SSH signature.
    #[arg(long, value_name = "NAME", default_value = signature::SSH_NAMESPACE)]
    ssh_namespace: String,
    /// Let this verdict do no harm; can be given several times.
    #[arg(long, value_name = "VERDICT")]
    accept: Vec<Verdict>,
    /// How many files are hashed at a time; by default as many as there are cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    if [
        &options.sums,
        options.pods.as_ref().unwrap_or(&options.sums),
    ]
    .iter()
    .all(|path| path.as_os_str() == "-")
        && options.pods.is_some()
    {
        bail!("the sums and --pods cannot both be standard input; name a file for one of them");
    }
    let mut release = match Release::read(&options)? {
        Ok(release) => release,
        // Nothing of a list is believed that somebody else wrote.
        Err(forged) => {
            let report = Report::new(vec![forged], &[], Vec::new());
            show(&report, &options)?;
            return Ok(Outcome::Different);
        }
    };
    let (images, files) = release.split();
    let mut findings: Vec<_> = release.signed.take().into_iter().collect();
    let asked = options.pods.is_some()
        || options.files.is_some()
        || options.against.is_some()
        || !options.layout.is_empty();
    if let Some(path) = &options.against {
        findings.extend(sides::against(&release, path)?);
    }
    if let Some(path) = &options.pods {
        findings.extend(sides::pods(&options, &images, path)?);
    }
    if !options.layout.is_empty() {
        findings.extend(sides::layouts(&images, &options.layout)?);
    }
    if let Some(place) = &options.files {
        if files.is_empty() {
            bail!(
                "{} holds no sum of a file, and --files asks for them",
                release.name
            );
        }
        findings.extend(sides::files(&options, place, &files)?);
    }
    if !asked {
        // A good signature is an answer of its own, with or without the files.
        if images.is_empty() && findings.is_empty() {
            bail!(
                "{} holds sums of files only; say where the files are with --files=DIR",
                release.name
            );
        }
        if !images.is_empty() {
            let (found, note) = sides::registry(&options, images)?;
            findings.extend(found);
            release.notes.extend(note);
        }
        if !files.is_empty() {
            release.notes.push(format!(
                "{} sums of files were not looked at: say where the files are with --files=DIR",
                files.len()
            ));
        }
    }
    let report = Report::new(findings, &options.accept, release.notes);
    show(&report, &options)?;
    // A difference that was found is one, whatever could not be checked besides.
    match report.verdict {
        Verdict::Unchecked => {
            Err(anyhow!("the report above says what, and why").context(Unchecked))
        }
        Verdict::Identical => Ok(Outcome::Done),
        _ => Ok(Outcome::Different),
    }
}
