//! `verbatim attest verify`: does what others say about an artifact hold?

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use verbatim_attest::{
    artifact, Finding, Known, Policy, PredicateType, Report, Requirements, Signed, Verdict,
};
use verbatim_digest::Digest;
use verbatim_document::{file, ErrorKind};
use verbatim_foreign::{printable, printable_path};
use verbatim_oci::layout::Layout;
use verbatim_registry::Target;
use verbatim_signature::documents::{self, MAX_DOCUMENT};
use verbatim_signature::sigstore::TrustedRoot;
use verbatim_signature::{Error, PublicKey, Signer, Trust};

use crate::handed::{handed, unread};
use crate::outcome::{Outcome, Unchecked};
use crate::printing::{print_json, print_lines};
use crate::registry_options::{tell_retries, RegistryOptions};
use crate::report_form::Format;

/// The largest key or trusted root that is read.
const MAX_KEY: u64 = 1 << 20;

/// Check what others attest about files and images, and print the statements that hold.
///
/// A statement holds for an artifact where all of this is so: it is signed with the key that you
/// name; one of its subjects has the digest of the artifact, which is computed here from its
/// bytes; it is of the type that you ask for; the policy allows who built it, and from what. A
/// verification summary must say PASSED.
///
/// The statements that hold are printed as they were signed, one a line, each once. Those that
/// do not are named on standard error with the reason.
///
/// What can be named is a file; an OCI layout, a folder or an archive; or an image in a registry,
/// as REFERENCE, REFERENCE@DIGEST or docker://REFERENCE. Attestations are DSSE envelopes, one or
/// one a line, or Sigstore bundles.
///
/// Exit codes: 0 each artifact has a statement that holds; 1 one of them has none; 2 an
/// attestation, a key or the policy is malformed; 3 something could not be read.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  Did our builder sign the provenance of this file?
    verbatim attest verify app.tar.gz --attestation=app.intoto.jsonl --key=builder.pub

  Was this image built by whom, from what and as our policy says?
    verbatim attest verify registry.example.com/acme/app:v1 --attestation=provenance.jsonl --policy=policy.toml

  What cosign downloaded, straight from the pipe:
    cosign download attestation IMAGE | verbatim attest verify IMAGE --attestation=- --key=cosign.pub --type=slsaprovenance1

  A Sigstore bundle of a workflow, without the network:
    verbatim attest verify app --attestation=app.sigstore.json --trusted-root=trusted_root.json \\
      --identity=https://example.com/acme/app/.github/workflows/release.yml@refs/heads/main \\
      --issuer=https://token.actions.githubusercontent.com")]
pub struct Options {
    /// The files and images.
    #[arg(value_name = "IMAGE|FILE", required = true)]
    subjects: Vec<PathBuf>,
    /// The public key (PEM) that must have signed; of several, one of them.
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_root")]
    key: Vec<PathBuf>,
    /// Who may build what, from what: `verbatim.policy/1` in TOML. Without --key its own keys
    /// are those that must have signed.
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_root")]
    policy: Option<PathBuf>,
    /// The type of the statement: its URI, or one of cosign's words, such as slsaprovenance1.
    #[arg(long = "type", value_name = "TYPE")]
    predicate_type: Option<PredicateType>,
    /// The attestations; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    attestation: Vec<PathBuf>,
    /// Believe a certificate that this root of Sigstore's vouches for, in place of a key.
    #[arg(long, value_name = "FILE", requires_all = ["identity", "issuer"])]
    trusted_root: Option<PathBuf>,
    /// Whom the certificate must name: its subject alternative name, whole.
    #[arg(long, value_name = "ID", requires = "trusted_root")]
    identity: Option<String>,
    /// The URL of the provider that vouched for the identity, whole.
    #[arg(long, value_name = "URL", requires = "trusted_root")]
    issuer: Option<String>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// The documents of all files, each with the statement in it or why there is none.
type Documents = Vec<Result<Signed, Error>>;

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let requirements = requirements(&options)?;
    if options.attestation.is_empty() {
        bail!("say where the attestations are with --attestation=FILE, or - for standard input");
    }
    let documents = read(&options.attestation, &requirements)?;
    let mut findings = Vec::new();
    for subject in &options.subjects {
        findings.push(examine(subject, &documents, &requirements, &options)?);
    }
    let report = Report::new(findings);
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text => show(&report, &documents)?,
    }
    match report.verdict {
        Verdict::Holds => Ok(Outcome::Done),
        Verdict::DoesNotHold => Ok(Outcome::Different),
        Verdict::Malformed => Err(anyhow!("nothing in the attestations is a statement")),
        Verdict::Unchecked => Err(anyhow!("not everything could be read").context(Unchecked)),
    }
}

/// What a statement must be to hold.
fn requirements(options: &Options) -> anyhow::Result<Requirements> {
    let predicate_type = options.predicate_type.clone();
    if let (Some(root), Some(identity), Some(issuer)) =
        (&options.trusted_root, &options.identity, &options.issuer)
    {
        let (data, name) = handed(root, MAX_KEY)?;
        let signer = Signer {
            identity: identity.clone(),
            issuer: issuer.clone(),
        };
        let root = TrustedRoot::from_json(&data, &name)?;
        return Ok(Requirements::new(
            Trust::Root(Box::new(root), signer),
            predicate_type,
            None,
        ));
    }
    let policy = options.policy.as_deref().map(Policy::read);
    let policy = policy.transpose().map_err(unread)?;
    let mut keys = Vec::new();
    for path in &options.key {
        let (data, name) = handed(path, MAX_KEY)?;
        keys.push(PublicKey::from_pem(&data, &name)?);
    }
    match (keys.is_empty(), policy) {
        (true, None) => bail!("anybody can write a statement; say who must have signed with --key=FILE, --policy=FILE or --trusted-root=FILE"),
        (true, Some(policy)) => Ok(Requirements::of_policy(policy, predicate_type)),
        (false, policy) => Ok(Requirements::new(Trust::Keys(keys), predicate_type, policy)),
    }
}

fn read(files: &[PathBuf], requirements: &Requirements) -> anyhow::Result<Documents> {
    let mut documents = Vec::new();
    for file in files {
        let (data, name) = handed(file, MAX_DOCUMENT)?;
        for document in documents::read(&data, &name)? {
            documents.push(document.and_then(|document| requirements.open(&document)));
        }
    }
    Ok(documents)
}

/// What the documents mean for one artifact.
fn examine(
    subject: &Path,
    documents: &Documents,
    requirements: &Requirements,
    options: &Options,
) -> anyhow::Result<Finding> {
    let name = printable_path(subject).into_owned();
    let of = |known: &Known| Finding::of(name.clone(), known, documents, requirements);
    let found = match std::fs::metadata(subject) {
        Ok(metadata) if metadata.is_dir() => {
            Layout::open(subject).and_then(|layout| artifact::of_layout(&layout))
        }
        Ok(_) => {
            let asks_for_sha512 = |signed: &Signed| signed.statement.asks_for_sha512();
            let with_sha512 = documents.iter().flatten().any(asks_for_sha512);
            let file = artifact::of_file(subject, with_sha512);
            match file.as_ref().map(of) {
                // An archive of a layout stands for the image in it, where nothing is said about the archive.
                Ok(finding) if finding.verdict != Verdict::Holds && is_tar(subject) => {
                    match Layout::open(subject) {
                        Ok(layout) => artifact::of_layout(&layout),
                        Err(_) => return Ok(finding),
                    }
                }
                Ok(finding) => return Ok(finding),
                Err(_) => file,
            }
        }
        // What is no path may be the name of an image.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match subject.to_str().map(str::parse::<Target>) {
                Some(Ok(target)) => Ok(match served(&target, options)? {
                    Ok(known) => of(&known),
                    Err(error) => unserved(name, &error),
                }),
                _ => Ok(Finding::without(
                    name,
                    Verdict::Unchecked,
                    "there is no such file, and it is no reference of an image",
                )),
            };
        }
        Err(error) => Err(verbatim_oci::Error::io(
            subject.display(),
            "cannot be read",
            error,
        )),
    };
    Ok(match found {
        Ok(known) => of(&known),
        Err(error) => {
            let verdict = match error.kind() {
                ErrorKind::Mismatch => Verdict::DoesNotHold,
                ErrorKind::Missing => Verdict::Unchecked,
                kind if kind.is_unchecked() => Verdict::Unchecked,
                _ => Verdict::Malformed,
            };
            Finding::without(name, verdict, error.what())
        }
    })
}

/// Whether a file begins as a tar archive does (POSIX, ustar): no other file is searched for a layout.
fn is_tar(path: &Path) -> bool {
    let mut header = [0; 512];
    file::open(path).is_ok_and(|(mut file, _)| file.read_exact(&mut header).is_ok())
        && &header[257..262] == b"ustar"
}

/// The manifest or index that a registry serves.
fn served(
    target: &Target,
    options: &Options,
) -> anyhow::Result<Result<Known, verbatim_registry::Error>> {
    let client = options.registry.client(Some(tell_retries()))?;
    let runtime = verbatim_registry::runtime().map_err(|e| {
        anyhow::Error::from(e)
            .context("the network cannot be used")
            .context(Unchecked)
    })?;
    let (repository, which) = (target.repository(), target.which());
    let manifest = client.manifest(&repository, &which);
    Ok(runtime
        .block_on(manifest)
        .map(|manifest| Known::of(&manifest.bytes)))
}

fn unserved(name: String, error: &verbatim_registry::Error) -> Finding {
    use verbatim_registry::ErrorKind::{Broken, Usage};
    let verdict = match error.kind() {
        Broken => Verdict::DoesNotHold,
        Usage => Verdict::Malformed,
        _ => Verdict::Unchecked,
    };
    Finding::without(name, verdict, error.to_string())
}

/// Statements that hold on standard output, all else on standard error.
fn show(report: &Report, documents: &Documents) -> anyhow::Result<()> {
    let mut printed = BTreeSet::new();
    let mut lines = String::new();
    for (at, document) in documents.iter().enumerate() {
        let told = report
            .results
            .iter()
            .filter_map(|finding| finding.attestations.get(at));
        let holds = told.clone().any(|told| told.verdict == Verdict::Holds);
        match document {
            Ok(signed) if holds => {
                if printed.insert(Digest::of(&signed.statement.bytes)) {
                    lines.push_str(&signed.statement.line());
                }
            }
            // Said once, and not of each artifact.
            _ => {
                if let Some(told) = told.clone().next() {
                    let reason = told.reason.as_deref().unwrap_or_default();
                    eprintln!(
                        "verbatim: {}: {}",
                        printable(&told.document),
                        printable(reason)
                    );
                }
            }
        }
    }
    for finding in report
        .results
        .iter()
        .filter(|finding| finding.verdict != Verdict::Holds)
    {
        let digest = finding
            .digest
            .map_or(String::new(), |digest| format!(" ({digest})"));
        let reason = finding
            .reason
            .as_deref()
            .unwrap_or("no statement holds for it");
        eprintln!(
            "verbatim: {}{digest}: {}",
            printable(&finding.subject),
            printable(reason)
        );
    }
    print_lines(&lines)
}
