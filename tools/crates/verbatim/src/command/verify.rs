//! `verbatim verify`: is what is served, what runs, or what lies on the disk what was released?

use std::fmt::Write as _;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context};
use indicatif::{ProgressBar, ProgressStyle};
use verbatim_digest::Digest;
use verbatim_oci::json;
use verbatim_sums::collect;
use verbatim_sums::record::Image;
use verbatim_sums::{text, FileName, Record, Reference, Subject, Sums};
use verbatim_verify::served::Expected;
use verbatim_verify::signature::{self, Input, Signed};
use verbatim_verify::{
    container, files, image, running, served, Finding, Judgement, Report, Verdict,
};

use super::image::print;
use super::layout::{colours, threads, Format};
use crate::outcome::{unchecked, Outcome, Unchecked};
use crate::registry_options::{tell_retries, RegistryOptions};
use crate::sums_file::{self, read_record, read_text};

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

  Are the downloaded files right?
    verbatim verify file_sums.sha256 --files dist

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
    /// Check files: those of SUMS, in this folder.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Compare with another sums file: what differs there from SUMS.
    #[arg(long, value_name = "SUMS")]
    against: Option<PathBuf>,
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

/// What was released.
struct Release {
    name: String,
    sums: Sums,
    record: Option<Record>,
    /// That the list was signed, where a key was given.
    signed: Option<Finding>,
    notes: Vec<String>,
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
        findings.extend(against(&release, path)?);
    }
    if let Some(path) = &options.pods {
        let containers = read_containers(path)?;
        findings.extend(running::compare(
            &images,
            containers,
            options.registry.mirrors(),
        ));
    }
    if !options.layout.is_empty() {
        findings.extend(layouts(&images, &options.layout)?);
    }
    if let Some(folder) = &options.files {
        if files.is_empty() {
            bail!(
                "{} holds no sum of a file, and --files asks for them",
                release.name
            );
        }
        findings.extend(
            files::check(folder, &files, threads(options.threads))
                .with_context(|| format!("--files={} cannot be read", folder.display()))
                .map_err(|e| e.context(Unchecked))?,
        );
    }
    if !asked {
        // A good signature is an answer of its own, with or without the files.
        if images.is_empty() && findings.is_empty() {
            bail!(
                "{} holds sums of files only; say where the files are with --files=DIR",
                release.name
            );
        }
        let count = images.len();
        if count > 0 {
            findings.extend(registry(&options, images, count)?);
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

impl Release {
    /// The release, or what is wrong with its signature.
    fn read(options: &Options) -> anyhow::Result<Result<Self, Finding>> {
        let (data, name) = read_text(&options.sums)?;
        let mut notes = Vec::new();
        let mut signed = None;
        if let Some(key) = &options.key {
            match check_signature(options, key, &data, &name)? {
                Ok(good) => signed = Some(good),
                Err(why) => {
                    let judgement = Judgement::because(Verdict::Different, why);
                    return Ok(Err(Finding::new(
                        name,
                        None,
                        Some(Digest::of(&data)),
                        judgement,
                    )));
                }
            }
        }
        let parsed = text::parse(&data, &name)?;
        for deviation in parsed.deviations.iter().take(3) {
            notes.push(format!("{name}, {deviation}"));
        }
        if parsed.deviations.len() > 3 {
            notes.push(format!(
                "{name}: and {} more lines like these",
                parsed.deviations.len() - 3
            ));
        }
        let mut record = None;
        if let Some((found, json)) = read_record(&options.sums)? {
            match (found.check_against(&parsed.sums, &json, &name), &signed) {
                // It names digests that the text does not, and nobody signed them.
                (Ok(()), Some(_)) => notes.push(format!(
                    "{json} is not used: the signature does not cover it"
                )),
                (Ok(()), None) => record = Some(found),
                (Err(disagreement), _) => notes.push(format!("it is not used: {disagreement}")),
            }
        }
        let signed = signed.map(|signed| {
            let what = match signed.subject {
                None => format!("signed ({})", signed.by),
                Some(_) => format!("the file that it names is signed ({})", signed.by),
            };
            let own = Some(Digest::of(&data));
            Finding::new(
                name.clone(),
                own,
                own,
                Judgement::because(Verdict::Identical, what),
            )
        });
        Ok(Ok(Self {
            name,
            sums: parsed.sums,
            record,
            signed,
            notes,
        }))
    }

    fn split(&self) -> (Vec<Expected>, Vec<(FileName, Digest)>) {
        let (mut images, mut files) = (Vec::new(), Vec::new());
        for (subject, digest) in self.sums.iter() {
            match subject {
                Subject::Image(reference) => images.push(Expected {
                    reference: reference.clone(),
                    digest,
                    image: image_of(self.record.as_ref(), reference),
                }),
                Subject::File(name) => files.push((name.clone(), digest)),
            }
        }
        (images, files)
    }
}

fn image_of(record: Option<&Record>, reference: &Reference) -> Option<Image> {
    let images = &record?.images;
    // In the order of references.
    let at = images
        .binary_search_by(|image| image.reference.cmp(reference))
        .ok()?;
    Some(images[at].clone()).filter(|image| !image.platforms.is_empty())
}

/// The digest of the only line, before anything else of the text is believed.
fn single_digest(data: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(data).ok()?.trim_end_matches('\n');
    let hex = text.get(..64).filter(|_| !text.contains('\n'))?;
    Digest::from_hex(hex).ok()
}

/// Who signed the sums, or why nobody that is trusted did.
fn check_signature(
    options: &Options,
    key: &str,
    data: &[u8],
    name: &str,
) -> anyhow::Result<Result<Signed, String>> {
    let path = match &options.signature {
        Some(path) => path.clone(),
        None => beside_signature(&options.sums)?,
    };
    let signature_data = json::read_file(&path, signature::MAX_FILE).map_err(unchecked)?;
    let key_path = Path::new(key);
    let inline = !key_path.exists()
        && (key.starts_with("RW") || key.starts_with("ssh-") || key.starts_with("ecdsa-"));
    let (key_data, key_name) = if inline {
        (key.as_bytes().to_vec(), "on the command line".to_owned())
    } else {
        (
            json::read_file(key_path, signature::MAX_FILE).map_err(unchecked)?,
            key.to_owned(),
        )
    };
    let signed = signature::check(
        Input { data, file: name },
        single_digest(data),
        Input {
            data: &key_data,
            file: &key_name,
        },
        Input {
            data: &signature_data,
            file: &path.display().to_string(),
        },
        &options.ssh_namespace,
    );
    match signed {
        Ok(signed) => Ok(Ok(signed)),
        Err(error @ signature::Error::Bad { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn beside_signature(sums: &Path) -> anyhow::Result<PathBuf> {
    if sums != Path::new("-") {
        for ending in [".sig", ".minisig", ".sign"] {
            let mut name = sums.as_os_str().to_owned();
            name.push(ending);
            let path = PathBuf::from(name);
            if path.exists() {
                return Ok(path);
            }
        }
    }
    Err(anyhow!(
        "there is no signature beside {}; name it with --signature=FILE",
        sums.display()
    )
    .context(Unchecked))
}

fn read_containers(path: &Path) -> anyhow::Result<Vec<container::Container>> {
    if path == Path::new("-") {
        return Ok(container::read(std::io::stdin().lock(), "standard input")?);
    }
    let file = std::fs::File::open(path)
        .with_context(|| format!("{} cannot be read", path.display()))
        .map_err(|e| e.context(Unchecked))?;
    let limited = file.take(4 << 30);
    Ok(container::read(limited, &path.display().to_string())?)
}

fn against(release: &Release, path: &Path) -> anyhow::Result<Vec<Finding>> {
    let loaded = sums_file::load(path)?;
    if let Some((record, json)) = &loaded.record {
        record.check_against(&loaded.parsed.sums, json, &loaded.name)?;
    }
    let other = loaded.parsed.sums;
    let record = loaded.record.map(|(record, _)| record);
    let mut findings = Vec::new();
    for (subject, digest) in release.sums.iter() {
        let actual = other.get(subject);
        let judgement = match actual {
            None => Judgement::because(
                Verdict::Missing,
                format!("{} does not have it", loaded.name),
            ),
            Some(actual) if actual == digest => Judgement::identical(),
            Some(_) => match subject {
                Subject::File(_) => {
                    Judgement::because(Verdict::Different, "the file has other contents")
                }
                Subject::Image(reference) => {
                    match (image_of(release.record.as_ref(), reference), image_of(record.as_ref(), reference)) {
                        (Some(expected), Some(actual)) => image::judge(&expected, &actual),
                        _ => Judgement::because(
                            Verdict::Different,
                            "only the digests are known: keep the .json files beside the sums to learn more",
                        ),
                    }
                }
            },
        };
        findings.push(Finding::new(
            subject.to_string(),
            Some(digest),
            actual,
            judgement,
        ));
    }
    for (subject, digest) in other.iter() {
        if release.sums.get(subject).is_none() {
            let judgement =
                Judgement::because(Verdict::Extra, format!("{} does not have it", release.name));
            findings.push(Finding::new(
                subject.to_string(),
                None,
                Some(digest),
                judgement,
            ));
        }
    }
    Ok(findings)
}

fn layouts(images: &[Expected], options: &[String]) -> anyhow::Result<Vec<Finding>> {
    options
        .iter()
        .map(|option| {
            let (reference, layout) = option
                .split_once('=')
                .ok_or_else(|| anyhow!("--layout={option}: write REFERENCE=LAYOUT"))?;
            let reference: Reference = reference.parse().context("--layout")?;
            let found = collect::of_path(reference.clone(), Path::new(layout), None).map_err(unchecked)?;
            let name = reference.to_string();
            Ok(match images.iter().find(|e| e.reference == reference) {
                None => Finding::new(
                    name,
                    None,
                    Some(found.digest),
                    Judgement::because(Verdict::Extra, "it is no part of the release"),
                ),
                Some(expected) => {
                    let judgement = match &expected.image {
                        Some(known) => image::judge(known, &found),
                        None if expected.digest == found.digest => Judgement::identical(),
                        None => Judgement::because(
                            Verdict::Different,
                            "only the digest of what was released is known: keep the .json file beside the sums to learn more",
                        ),
                    };
                    Finding::new(name, Some(expected.digest), Some(found.digest), judgement)
                }
            })
        })
        .collect()
}

fn registry(
    options: &Options,
    images: Vec<Expected>,
    count: usize,
) -> anyhow::Result<Vec<Finding>> {
    let client = options.registry.client(Some(tell_retries()))?;
    let bar = progress(count);
    let runtime = verbatim_registry::runtime().map_err(|e| {
        anyhow::Error::from(e)
            .context("the network cannot be used")
            .context(Unchecked)
    })?;
    let findings = runtime.block_on(served::check(&client, images, |_| bar.inc(1)));
    bar.finish_and_clear();
    Ok(findings)
}

fn progress(count: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) = ProgressStyle::with_template("verifying {wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn show(report: &Report, options: &Options) -> anyhow::Result<()> {
    if let Format::Json = options.format {
        return print(&String::from_utf8(json::to_canonical_line(report)?)?);
    }
    let (good, bad) = colours();
    let mut text = String::new();
    let verdicts = report
        .results
        .iter()
        .map(|f| f.verdict.as_str().len())
        .max()
        .unwrap_or(0);
    let names = report
        .results
        .iter()
        .map(|f| printable(&f.reference).chars().count())
        .max()
        .unwrap_or(0)
        .min(100);
    for finding in &report.results {
        let harmless =
            finding.verdict == Verdict::Identical || options.accept.contains(&finding.verdict);
        let colour = if harmless { good } else { bad };
        let digest = finding
            .actual
            .or(finding.expected)
            .map_or(String::new(), |d| d.hex()[..12].to_owned());
        let mut line = format!(
            "{colour}{:verdicts$}{colour:#}  {:names$}  {digest:12}",
            finding.verdict.as_str(),
            printable(&finding.reference),
        );
        if let Some(count) = finding.count {
            write!(line, "  {count}×")?;
        }
        if !finding.reasons.is_empty() {
            write!(line, "  {}", printable(&finding.reasons.join("; ")))?;
        }
        text.push_str(line.trim_end());
        text.push('\n');
        if !harmless && !finding.places.is_empty() {
            let some: Vec<_> = finding
                .places
                .iter()
                .take(3)
                .map(|p| printable(p))
                .collect();
            let more = finding.count.unwrap_or(0).saturating_sub(some.len());
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            writeln!(text, "{:verdicts$}  in {}{more}", "", some.join(", "))?;
        }
    }
    let counts: Vec<_> = report
        .counts()
        .into_iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    let colour = if report.verdict == Verdict::Identical {
        good
    } else {
        bad
    };
    writeln!(
        text,
        "{colour}{}{colour:#}",
        if counts.is_empty() {
            "nothing to compare".to_owned()
        } else {
            counts.join(", ")
        }
    )?;
    for note in &report.notes {
        writeln!(text, "note: {}", printable(note))?;
    }
    print(&text)
}

/// Text of others, fit for a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control()
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c)
            {
                c.escape_unicode().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}
