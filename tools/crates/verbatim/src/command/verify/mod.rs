//! `verbatim verify`: is what is served, what runs, or what lies on the disk what was released?

mod attested;
mod bases;
mod release;
mod show;
mod sides;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use verbatim_digest::Digest;
use verbatim_foreign::counted;
use verbatim_oci::Reference;
use verbatim_verify::signature;
use verbatim_verify::{Finding, Judgement, Report, Verdict};

use self::attested::Attestations;
use self::release::Release;
use self::show::show;
use crate::outcome::{Outcome, Unchecked};
use crate::pinned::read;
use crate::registry_options::RegistryOptions;
use crate::report_form::Format;

/// Which part of a list is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The images.
    Images,
    /// The files.
    Files,
}

/// Check what was published, what runs, or what lies on a disk against the sums of a release.
///
/// Without further options every image of SUMS is looked up in its registry, and its digest
/// is recomputed from the bytes that are served. Each image and each file of SUMS has one of
/// these verdicts:
///
///   identical       the bytes that were released
///   same-platforms  another index of the very images that were released: its
///                   attestations, annotations or order differ; what runs is equal
///   same-image-id   another manifest of the same config: compression, annotations
///                   or media types differ
///   same-content    another config with the same layers that runs the same way
///   different       something else, and in what
///   missing         it was released and is not there
///   extra           it is there and was not released
///   unchecked       it was not looked at, or could not be checked, and why
///
/// With `x.json` beside `x.sha256` (as `verbatim sums create` writes it) all of these can be
/// told apart; without it, what was released is fetched by its digest if the registry still
/// has it. The document also says which lines are of images and which of files; without it
/// their form decides, and with --files every line is of a file.
///
/// Exit codes: 0 all is identical (or has a verdict that --accept names); 1 something
/// differs, is missing or is extra; 2 the input is wrong; 3 something was not checked, and
/// nothing that was checked differs.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  Does the registry serve what was released?
    verbatim verify container_sums.sha256

  The same from a mirror, with the publisher's signature checked first:
    verbatim verify container_sums.sha256 --key cosign.pub \\
      --mirror registry.example.com=127.0.0.1:5000

  Does the cluster run it?
    kubectl get pods -A -o json | verbatim verify container_sums.sha256 \\
      --pods - --accept extra

  Are the files that an engine has unpacked still those that were released?
    verbatim verify container_sums.sha256 --storage podman
    verbatim verify container_sums.sha256 --storage containerd

  Are the layers there too, and every byte of them right?
    verbatim verify container_sums.sha256 --deep

  Are the downloaded files right, and those that are published?
    verbatim verify file_sums.sha256 --files dist
    verbatim verify file_sums.sha256 --files https://example.com/releases/v1

  The images of a list that holds files too, and then its files?
    verbatim verify release.sha256 --only images
    verbatim verify release.sha256 --only files --files dist

  Was each image built by our builder, from our sources?
    verbatim verify container_sums.sha256 --attested=policy.toml

  Is it still what is published, and does it stand on bases that have moved on?
    verbatim verify container_sums.sha256 --bases MODULE.bazel

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
    /// Look at this part of SUMS alone. Without it, what the other options do not look at is
    /// `unchecked`.
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Compare with another sums file: what differs there from SUMS.
    #[arg(long, value_name = "SUMS")]
    against: Option<PathBuf>,
    /// Read everything below what a registry serves, or of a --layout: size and digest of every
    /// blob, every diff_id, configs and platforms. Nothing is kept; of a registry --parallel blobs
    /// are read at a time.
    #[arg(long, conflicts_with_all = ["pods", "files", "against", "storage"])]
    deep: bool,
    /// Check an OCI layout, or an archive of one, in place of what a registry serves.
    #[arg(long, value_name = "REFERENCE=LAYOUT")]
    layout: Vec<String>,
    /// Check the files that a container engine has unpacked, and make the digest of each image again
    /// from them: `podman` or `containerd` for its store on this machine, the folder of a store of
    /// podman, buildah, CRI-O or containerd, or a folder with the unpacked files of the one image
    /// of SUMS. A file that was changed, added or removed since the image was pulled is named.
    #[arg(long, value_name = "podman|containerd|DIR")]
    storage: Option<PathBuf>,
    /// Check the signature of SUMS with this key before anything else: a file, or the key
    /// itself. Of cosign (PEM), minisign, or SSH (a public key or an allowed_signers file).
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The signature; by default SUMS with .sig, .minisig, .sign, .bundle or .sigstore.json
    /// after it.
    #[arg(long, value_name = "FILE", requires = "key")]
    signature: Option<PathBuf>,
    /// The namespace of an SSH signature.
    #[arg(long, value_name = "NAME", default_value = signature::SSH_NAMESPACE)]
    ssh_namespace: String,
    /// Ask in addition that each image and file was built as this policy allows
    /// (`verbatim.policy/1`): a statement about its digest must be signed by one of the policy's
    /// keys and fit an entry, else it is `different`.
    #[arg(long, value_name = "POLICY", group = "asked")]
    attested: Option<PathBuf>,
    /// Ask in addition that each image and file has a statement about its digest that this key (PEM)
    /// signed, whatever it says, else it is `different`; of several keys, one of them.
    #[arg(long, value_name = "KEY", group = "asked", conflicts_with = "attested")]
    attested_key: Vec<PathBuf>,
    /// Where the attestations are: envelopes, lines of them, or Sigstore bundles. Without it
    /// those are read that are attached to each image, where it is served.
    #[arg(long, value_name = "FILE", requires = "asked")]
    attestation: Vec<PathBuf>,
    /// Say as well which base images have moved on since they were pinned in this file (as `verbatim
    /// bases` reads it), and which images of SUMS stand on them. It changes no verdict: what was
    /// released is what it was.
    #[arg(long, value_name = "MODULE.bazel")]
    bases: Vec<PathBuf>,
    /// Let this verdict do no harm; can be given several times. What is `unchecked` cannot be
    /// accepted: see --only.
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
    if options.accept.contains(&Verdict::Unchecked) {
        bail!("--accept=unchecked: what was not looked at is never all right; name the part to look at with --only=images or --only=files");
    }
    contradictions(&options)?;
    // What is wrong with a file is told before anybody waits for registries.
    let pinned = read(&options.bases)?;
    let mut release = match Release::read(&options)? {
        Ok(release) => release,
        // Nothing of a list is believed that somebody else wrote.
        Err(forged) => {
            let report = Report::new(vec![forged], &[], Vec::new());
            show(&report, &options)?;
            return Ok(Outcome::Different);
        }
    };
    let attestations = Attestations::read(&options)?;
    let mut findings = look(&options, &mut release)?;
    if let Some(attestations) = attestations {
        attestations.judge(&release, options.only, &mut findings);
    }
    if !pinned.is_empty() {
        let told = bases::notes(&options, &pinned, &release)?;
        release.notes.extend(told);
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

/// Options that name one part of the list and look at the other one.
fn contradictions(options: &Options) -> anyhow::Result<()> {
    let of_images = [
        ("--pods", options.pods.is_some()),
        ("--layout", !options.layout.is_empty()),
        ("--storage", options.storage.is_some()),
        ("--deep", options.deep),
    ];
    let of_files = [("--files", options.files.is_some())];
    let (only, others) = match options.only {
        None => return Ok(()),
        Some(Part::Images) => ("images", &of_files[..]),
        Some(Part::Files) => ("files", &of_images[..]),
    };
    match others.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => {
            bail!("--only={only}: does not go with {option}; leave one of them out")
        }
    }
}

/// Look at what was asked for. Each subject of the list has a finding then, or was left out by
/// name: what nobody looked at is `unchecked`.
fn look(options: &Options, release: &mut Release) -> anyhow::Result<Vec<Finding>> {
    let (mut images, mut files) = release.split();
    let mut left_out = |part: &str, count: usize, what: &str| {
        if count > 0 {
            let what = counted(count, what);
            release
                .notes
                .push(format!("--only={part} leaves out {what}"));
        }
    };
    match options.only {
        None => {}
        Some(Part::Images) => {
            left_out("images", files.len(), "file");
            files.clear();
        }
        Some(Part::Files) => {
            left_out("files", images.len(), "image");
            images.clear();
        }
    }
    let name = &release.name;
    let asked = options.pods.is_some()
        || options.files.is_some()
        || options.against.is_some()
        || options.storage.is_some()
        || !options.layout.is_empty();
    let of_images = options.pods.is_some()
        || options.storage.is_some()
        || !options.layout.is_empty()
        || (!asked && options.only == Some(Part::Images));
    if images.is_empty() && of_images {
        bail!("{name} holds no sum of an image, and the options ask for images; name a list that has some, or leave out --pods, --layout, --storage and --only=images");
    }
    if files.is_empty() && options.files.is_some() {
        bail!("{name} holds no sum of a file, and --files asks for them; name a list that has some, or leave --files out");
    }
    // Where the list is signed, that is told, though nothing that it names was looked at.
    if !asked && images.is_empty() && release.signed.is_none() {
        if options.only == Some(Part::Files) {
            bail!("--only=files asks for the files of {name}; say where they are with --files=DIR");
        }
        bail!("{name} holds sums of files only; say where the files are with --files=DIR");
    }
    let mut findings: Vec<_> = release.signed.take().into_iter().collect();
    if let Some(path) = &options.against {
        findings.extend(sides::against(release, path, options.only)?);
    }
    if let Some(path) = &options.pods {
        let (found, notes) = sides::pods(options, &images, path)?;
        findings.extend(found);
        release.notes.extend(notes);
    }
    if let Some(place) = &options.storage {
        let (found, notes) = sides::storage(&images, place)?;
        findings.extend(found);
        release.notes.extend(notes);
    }
    let mut looked_at: Vec<Reference> = Vec::new();
    if !options.layout.is_empty() {
        let (found, note) = sides::layouts(options, &images)?;
        release.notes.push(note);
        for (reference, finding) in found {
            looked_at.push(reference);
            findings.push(finding);
        }
    }
    let looked_at: BTreeSet<_> = looked_at.iter().map(Reference::identity).collect();
    if let Some(place) = &options.files {
        findings.extend(sides::files(options, place, &files)?);
    }
    let unchecked_images = match (asked, &options.pods, &options.storage, &options.against) {
        (true, None, None, None) => {
            images.retain(|image| !looked_at.contains(&image.reference.identity()));
            std::mem::take(&mut images)
        }
        _ => Vec::new(),
    };
    if !asked && !images.is_empty() {
        let (found, note) = sides::registry(options, images)?;
        findings.extend(found);
        release.notes.extend(note);
    }
    let unchecked_files = match (&options.files, &options.against) {
        (None, None) => files,
        _ => Vec::new(),
    };
    findings.extend(unchecked_images.into_iter().map(|image| {
        let why = if options.layout.is_empty() {
            "it was not looked at: leave --files out to ask its registry, or name the part with --only=files"
        } else {
            "it was not looked at: name its layout too with --layout=REFERENCE=LAYOUT"
        };
        let name = image.reference.to_string();
        not_looked_at(name, image.digest, why)
    }));
    findings.extend(unchecked_files.into_iter().map(|(name, digest)| {
        let why = "it was not looked at: say where the files are with --files=DIR, or name the part with --only=images";
        not_looked_at(name.to_string(), digest, why)
    }));
    Ok(findings)
}

fn not_looked_at(name: String, digest: Digest, why: &str) -> Finding {
    Finding::new(
        name,
        Some(digest),
        None,
        Judgement::because(Verdict::Unchecked, why),
    )
}
