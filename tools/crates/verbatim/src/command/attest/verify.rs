//! `verbatim attest verify`: does what others say about an artifact hold?

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{anyhow, bail};
use verbatim_attest::{
    artifact, attached, Finding, Known, Policy, PredicateType, Report, Requirements, Signed,
    Verdict,
};
use verbatim_digest::Digest;
use verbatim_document::{file, ErrorKind};
use verbatim_foreign::{printable, printable_path};
use verbatim_oci::gather::Attachments;
use verbatim_oci::layout::Layout;
use verbatim_registry::{Remote, Target};
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
/// one a line, or Sigstore bundles. Without --attestation those are read that are attached to
/// the image: as referrers, or under the tag that cosign gives them.
///
/// Exit codes: 0 each artifact has a statement that holds; 1 one of them has none; 2 an
/// attestation, a key or the policy is malformed; 3 something could not be read.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  Did our builder sign the provenance of this file?
    verbatim attest verify app.tar.gz --attestation=app.intoto.jsonl \\
      --key=builder.pub

  Was this image built by whom, from what and as our policy says?
    verbatim attest verify registry.example.com/acme/app:v1 --policy=policy.toml

  What cosign downloaded, straight from the pipe:
    cosign download attestation IMAGE | verbatim attest verify IMAGE \\
      --attestation=- --key=cosign.pub --type=slsaprovenance1

  A Sigstore bundle of a workflow, without the network:
    verbatim attest verify app --attestation=app.sigstore.json \\
      --trusted-root=trusted_root.json \\
      --identity=https://example.com/app/.github/workflows/ci.yml@refs/tags/v1 \\
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
    /// The attestations; `-` is standard input. By default what is attached to an image.
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

/// Documents, each with the statement in it or why there is none.
type Documents = Vec<Result<Signed, Error>>;

/// What was found about an artifact, and the documents that this is about, in the same order.
struct Examined {
    finding: Finding,
    documents: Rc<Documents>,
}

/// What is asked, of every artifact.
struct Question<'a> {
    requirements: Requirements,
    /// Those that were handed over; without them an image is asked for its own.
    documents: Option<Rc<Documents>>,
    registry: &'a RegistryOptions,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let requirements = requirements(&options)?;
    let documents = match options.attestation.is_empty() {
        true => None,
        false => Some(Rc::new(read(&options.attestation, &requirements)?)),
    };
    let question = Question {
        requirements,
        documents,
        registry: &options.registry,
    };
    let examined = options
        .subjects
        .iter()
        .map(|subject| question.examine(subject));
    let examined = examined.collect::<anyhow::Result<Vec<_>>>()?;
    if let Format::Text = options.format {
        show(&examined)?;
    }
    let report = Report::new(
        examined
            .into_iter()
            .map(|examined| examined.finding)
            .collect(),
    );
    if let Format::Json = options.format {
        print_json(&report)?;
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

impl Question<'_> {
    /// What is said about one artifact, and whether it holds.
    fn examine(&self, subject: &Path) -> anyhow::Result<Examined> {
        let name = printable_path(subject).into_owned();
        match std::fs::metadata(subject) {
            Ok(metadata) if metadata.is_dir() => Ok(match Layout::open(subject) {
                Ok(layout) => self.layout(name, &layout),
                Err(error) => unread_artifact(name, &error),
            }),
            Ok(_) => self.file(name, subject),
            // What is no path may be the name of an image.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                match subject.to_str().map(str::parse::<Target>) {
                    Some(Ok(target)) => self.served(name, &target),
                    _ => {
                        let why = "there is no such file, and it is no reference of an image";
                        Ok(Examined::without(name, Verdict::Unchecked, why))
                    }
                }
            }
            Err(error) => Ok(Examined::without(
                name,
                Verdict::Unchecked,
                error.to_string(),
            )),
        }
    }

    fn file(&self, name: String, path: &Path) -> anyhow::Result<Examined> {
        let mut of_file = None;
        if let Some(documents) = &self.documents {
            let asks_for_sha512 = |signed: &Signed| signed.statement.asks_for_sha512();
            let with_sha512 = documents.iter().flatten().any(asks_for_sha512);
            match artifact::of_file(path, with_sha512) {
                Ok(known) => of_file = Some(self.judge(name.clone(), &known, documents)),
                Err(error) => return Ok(unread_artifact(name, &error)),
            }
        }
        match of_file {
            Some(examined) if examined.finding.verdict == Verdict::Holds => Ok(examined),
            // An archive of a layout stands for the image in it, where nothing is said about the archive.
            of_file => match (is_tar(path).then(|| Layout::open(path)), of_file) {
                (Some(Ok(layout)), _) => Ok(self.layout(name, &layout)),
                (_, Some(examined)) => Ok(examined),
                (_, None) => bail!("{name} is a file, to which nothing is attached; say where its attestations are with --attestation=FILE"),
            },
        }
    }

    fn layout(&self, name: String, layout: &Layout) -> Examined {
        match artifact::of_layout(layout) {
            Ok(known) => self.image(name, &known, layout),
            Err(error) => unread_artifact(name, &error),
        }
    }

    /// The manifest or index that a registry serves.
    fn served(&self, name: String, target: &Target) -> anyhow::Result<Examined> {
        let client = self.registry.client(Some(tell_retries()))?;
        let runtime = verbatim_registry::runtime().map_err(|e| {
            let error = anyhow::Error::from(e).context("the network cannot be used");
            error.context(Unchecked)
        })?;
        let (repository, which) = (target.repository(), target.which());
        Ok(
            match runtime.block_on(client.manifest(&repository, &which)) {
                Ok(manifest) => {
                    let remote = Remote::new(client, repository, runtime.handle().clone());
                    self.image(name, &Known::of(&manifest.bytes), &remote)
                }
                Err(error) => unserved(name, &error),
            },
        )
    }

    /// An image, by what was handed over or else by what is attached to it.
    fn image(&self, name: String, known: &Known, place: &dyn Attachments) -> Examined {
        let documents = match &self.documents {
            Some(documents) => Rc::clone(documents),
            None => match attached::documents(place, &known.sha256) {
                Ok(found) => {
                    let open = |document: attached::Found| self.requirements.open(&document?);
                    Rc::new(found.into_iter().map(open).collect())
                }
                Err(error) => return unread_artifact(name, &error),
            },
        };
        self.judge(name, known, &documents)
    }

    fn judge(&self, name: String, known: &Known, documents: &Rc<Documents>) -> Examined {
        Examined {
            finding: Finding::of(name, known, documents, &self.requirements),
            documents: Rc::clone(documents),
        }
    }
}

impl Examined {
    fn without(name: String, verdict: Verdict, why: impl Into<String>) -> Self {
        Self {
            finding: Finding::without(name, verdict, why),
            documents: Rc::default(),
        }
    }
}

/// An artifact, or what is attached to it, that could not be read or is not what it must be.
fn unread_artifact(name: String, error: &verbatim_oci::Error) -> Examined {
    let verdict = match error.kind() {
        ErrorKind::Mismatch => Verdict::DoesNotHold,
        ErrorKind::Missing => Verdict::Unchecked,
        kind if kind.is_unchecked() => Verdict::Unchecked,
        _ => Verdict::Malformed,
    };
    Examined::without(name, verdict, error.to_string())
}

/// Whether a file begins as a tar archive does (POSIX, ustar): no other file is searched for a layout.
fn is_tar(path: &Path) -> bool {
    let mut header = [0; 512];
    file::open(path).is_ok_and(|(mut file, _)| file.read_exact(&mut header).is_ok())
        && &header[257..262] == b"ustar"
}

fn unserved(name: String, error: &verbatim_registry::Error) -> Examined {
    use verbatim_registry::ErrorKind::{Broken, Usage};
    let verdict = match error.kind() {
        Broken => Verdict::DoesNotHold,
        Usage => Verdict::Malformed,
        _ => Verdict::Unchecked,
    };
    Examined::without(name, verdict, error.to_string())
}

/// Statements that hold on standard output, all else on standard error; each of them once.
fn show(examined: &[Examined]) -> anyhow::Result<()> {
    let told = || {
        examined
            .iter()
            .flat_map(|one| one.finding.attestations.iter().zip(one.documents.iter()))
    };
    let (mut lines, mut printed, mut said) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for (told, document) in told() {
        match document {
            Ok(signed) if told.verdict == Verdict::Holds => {
                if printed.insert(Digest::of(&signed.statement.bytes)) {
                    lines.push_str(&signed.statement.line());
                }
                said.insert(&told.document);
            }
            _ => {}
        }
    }
    // A document that holds for one artifact need not hold for the others.
    for (told, _) in told() {
        if said.insert(&told.document) {
            let reason = told.reason.as_deref().unwrap_or_default();
            eprintln!(
                "verbatim: {}: {}",
                printable(&told.document),
                printable(reason)
            );
        }
    }
    let findings = examined.iter().map(|examined| &examined.finding);
    for finding in findings.filter(|finding| finding.verdict != Verdict::Holds) {
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
