//! `verbatim sums`: the sums of a release.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context};
use serde::Serialize;
use verbatim_foreign::{counted, printable, printable_path};
use verbatim_oci::layout::Kind;
use verbatim_oci::Reference;
use verbatim_requests::{FileRecord, ImageRequest, Values};
use verbatim_sums::collect::{self, Collection, Place, Wanted};
use verbatim_sums::record::Image;
use verbatim_sums::{compare, text, Change, Reading, Record, Subject, Sums};

use crate::arguments::pair;
use crate::colours::colours;
use crate::files::{write_all, write_files, Writing};
use crate::outcome::{unchecked, Outcome};
use crate::printing::{print, print_json, print_with};
use crate::report_form::Format;
use crate::sums_file::{beside, load, read_record, read_text};
use crate::threads::threads;
use crate::workspace::workspace_file;

/// Fewer records than this are not worth a thread.
const MIN_RECORDS: usize = 16;

/// The sums of a release: one sha256 per image and per file, in a text that anyone can check.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  The sums of two images, written to release.sha256 and release.json:
    verbatim sums create -o release.sha256 \\
      --image=registry.example.com/acme/server:v1=bazel-bin/server \\
      --image=registry.example.com/acme/agent:v1=bazel-bin/agent

  What changed between two releases:
    verbatim sums compare v1.sha256 v2.sha256")]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Create(Box<Create>),
    Merge(Merge),
    Check(Check),
    Compare(Compare),
    Update(Update),
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    match options.command {
        Command::Create(options) => run_create(*options),
        Command::Merge(options) => run_merge(options),
        Command::Check(options) => run_check(options),
        Command::Compare(options) => run_compare(options),
        Command::Update(options) => run_update(options),
    }
}

/// Write the sums of images and files.
///
/// The sum of an image is the digest that a registry serves under its name: that of the
/// manifest, or of the index of an image for several platforms. It is made from the bytes of
/// these documents; layers are not read. A layout that names one thing stands for that
/// thing, one that names several for its index.json; --kind=REFERENCE=image|index says
/// otherwise.
///
/// Beside the text stands a JSON document that says of each image how its digest comes
/// about: `x.json` beside `x.sha256`.
///
/// Build rules describe images with --record instead, one JSON object each:
///
///   {"reference":{"registry":"registry.example.com","prefix":"acme","name":"server","tag":"{STABLE_TAG}"},
///    "kind":"image","manifest":"m.json","config":"c.json","metadata":"image.json","origin":"//server"}
///
/// Further kinds: "index" (index, images), "layout" (layout), "output_groups" (digest,
/// descriptor), "file" (file). Parts of a reference are texts or {"file":FILE}; {KEY} in them
/// comes from --define, and from the stable keys of --status.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  Images, printed:
    verbatim sums create --image=registry.example.com/acme/server:v1=./server

  The files of a release, as `sha256sum -c` takes them:
    verbatim sums create --files=dist -o dist/release.sha256")]
struct Create {
    /// An image: under which name it is published, and where it is (an OCI layout, an archive
    /// of one, a manifest or an index).
    #[arg(long = "image", value_name = "REFERENCE=LAYOUT")]
    images: Vec<String>,
    /// What the layout of an image stands for.
    #[arg(long = "kind", value_name = "REFERENCE=image|index")]
    kinds: Vec<String>,
    /// A file, or all files below a folder.
    #[arg(long, value_name = "DIR|FILE")]
    files: Vec<PathBuf>,
    /// An image as a JSON object.
    #[arg(long = "record", value_name = "JSON")]
    records: Vec<String>,
    /// A file as a JSON object: {"name":"tool-linux-amd64","file":"out/tool","origin":"//tool"}.
    #[arg(long = "file-record", value_name = "JSON")]
    file_records: Vec<String>,
    /// Values for {KEY}: lines `KEY value`, as Bazel's workspace status has them. Only stable
    /// keys count: STABLE_…, BUILD_EMBED_LABEL, BUILD_HOST, BUILD_USER.
    #[arg(long, value_name = "FILE")]
    status: Vec<PathBuf>,
    /// A value for {KEY}.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    define: Vec<(String, String)>,
    /// How many files are hashed at a time; by default as many as there are cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    output: Output,
}

/// Where sums go.
#[derive(Debug, clap::Args)]
struct Output {
    /// Write the JSON document here.
    #[arg(long, value_name = "OUT.json", conflicts_with = "no_json")]
    json: Option<PathBuf>,
    /// Write no JSON document.
    #[arg(long)]
    no_json: bool,
    /// What to print where no output is named: the text, or the JSON document.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write the text here, and the JSON document beside it; without it, print.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

impl Output {
    /// Where the JSON document goes.
    fn json(&self) -> Option<PathBuf> {
        if self.no_json {
            return None;
        }
        self.json.clone().or_else(|| {
            self.output
                .as_deref()
                .filter(|path| is_plain(path))
                .map(beside)
        })
    }

    /// Whether the document goes anywhere.
    fn wants_json(&self) -> bool {
        self.json().is_some() || (self.output.is_none() && self.format == Format::Json)
    }

    /// Write them as they are made: there may be millions.
    fn write(&self, sums: Sums, record: Option<Record>) -> anyhow::Result<()> {
        if self.output.is_none() {
            match (self.format, &record) {
                (Format::Text, _) => print_with(|out| text::write(&sums, out))?,
                (Format::Json, Some(record)) => print_with(|out| record.write(out))?,
                (Format::Json, None) => {
                    bail!("there is no JSON document to print; leave out --no-json")
                }
            }
        }
        let mut files: Vec<(&Path, Writing<'_>)> = Vec::new();
        if let Some(path) = &self.output {
            files.push((path, Box::new(move |out| text::write(&sums, out))));
        }
        let path = self.json();
        if let (Some(path), Some(record)) = (&path, record) {
            files.push((path, Box::new(move |out| record.write(out))));
        }
        write_all(files)
    }
}

/// A name beside which another file makes sense; not a device.
fn is_plain(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |metadata| metadata.is_file())
}

/// What records describe, in their order. Each is three small files to read and to hash, so
/// for a thousand of them all cores are used.
fn described(
    records: &[String],
    values: &Values,
    threads: usize,
) -> Vec<anyhow::Result<(Image, String)>> {
    let one = |record: &String| {
        let request = ImageRequest::parse(record, "--record")?;
        let entry = request.sums_entry(values).map_err(unchecked)?;
        Ok((entry, request.origin))
    };
    let size = records.len().div_ceil(threads).max(MIN_RECORDS);
    std::thread::scope(|scope| {
        let parts: Vec<_> = records
            .chunks(size)
            .map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| match part.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

fn run_create(options: Create) -> anyhow::Result<Outcome> {
    let mut collection = Collection::new();
    let mut images: Vec<(Image, String)> = Vec::new();
    let mut kinds = kinds(&options.kinds)?;
    for image in &options.images {
        let (reference, layout) = image
            .split_once('=')
            .filter(|(_, layout)| !layout.is_empty())
            .ok_or_else(|| anyhow!("--image={image}: write REFERENCE=LAYOUT, such as registry.example.com/app:v1=./layout"))?;
        let reference: Reference = reference.parse().context("--image")?;
        let kind = kinds.get_mut(&reference).map(|(kind, used)| {
            *used = true;
            *kind
        });
        let entry = collect::of_path(reference, Path::new(layout), kind).map_err(unchecked)?;
        images.push((entry, layout.to_owned()));
    }
    if let Some((reference, _)) = kinds.iter().find(|(_, (_, used))| !used) {
        bail!("--kind={reference}: no --image has this reference; name the image with --image, or leave --kind out");
    }
    let mut values = Values::default();
    for status in &options.status {
        values.add_status(status)?;
    }
    for (key, value) in &options.define {
        values.define(key, value);
    }
    for described in described(&options.records, &values, threads(options.threads)) {
        images.push(described?);
    }
    collection.add_images(images)?;
    let mut outputs: Vec<PathBuf> = options.output.output.iter().cloned().collect();
    outputs.extend(options.output.json());
    // There may be very many files, so what is said of each is short.
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut origins: Vec<(usize, String)> = Vec::new();
    let threads = threads(options.threads);
    for path in &options.files {
        let found = collect::files_at(path, &outputs, threads).map_err(unchecked)?;
        origins.push((found.len(), printable_path(path).into_owned()));
        wanted.extend(found);
    }
    for record in &options.file_records {
        let record = FileRecord::parse(record, "--file-record")?;
        let origin = record.origin();
        let name = collect::published_name(&record.name).map_err(|e| anyhow!("{origin}: {e}"))?;
        let place = Place::At(record.file);
        wanted.push(Wanted { name, place });
        origins.push((1, origin));
    }
    let mut files = collect::hash_files(wanted, threads)
        .map_err(unchecked)?
        .into_iter();
    for (count, origin) in origins {
        collection.add_files(files.by_ref().take(count).collect(), &origin)?;
    }
    let (sums, record) = collection.finish();
    if sums.is_empty() {
        bail!("there is nothing to sum; name images with --image and files with --files");
    }
    let record = options.output.wants_json().then_some(record);
    options.output.write(sums, record)?;
    Ok(Outcome::Done)
}

/// What was said of references, and whether it was of use.
fn kinds(options: &[String]) -> anyhow::Result<BTreeMap<Reference, (Kind, bool)>> {
    options
        .iter()
        .map(|option| {
            let (reference, kind) = option.rsplit_once('=').ok_or_else(|| {
                anyhow!("--kind={option}: write REFERENCE=image or REFERENCE=index")
            })?;
            let kind = match kind {
                "image" => Kind::Image,
                "index" => Kind::Index,
                other => bail!("--kind={option}: `{other}` is no kind; write `image` or `index`"),
            };
            Ok((reference.parse().context("--kind")?, (kind, false)))
        })
        .collect()
}

/// Put several sums files together into one.
///
/// Equal lines become one; one name with two digests is an error that names both files. The
/// JSON document is merged too, if every input has one beside it that agrees with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  verbatim sums merge containers.sha256 files.sha256 -o release.sha256")]
struct Merge {
    /// Sums files; `-` is standard input.
    #[arg(value_name = "SUMS", required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

fn run_merge(options: Merge) -> anyhow::Result<Outcome> {
    let mut sums = Sums::new();
    let mut documents = Vec::new();
    let mut without = None;
    for input in &options.inputs {
        let loaded = load(input)?;
        match loaded.record {
            Some((record, json_name)) => {
                record.check_against(&loaded.parsed.sums, &json_name, &loaded.name)?;
                if without.is_none() {
                    documents.push(record);
                }
            }
            None => {
                // They may be large, and none will be written.
                documents.clear();
                without = without.or(Some(loaded.name));
            }
        }
        sums.merge(loaded.parsed.sums)?;
    }
    let record = match without {
        // Each says what its text says, so they conflict in nothing that the texts do not.
        None => Some(Record::merge(documents)),
        Some(name) => {
            if options.output.json.is_some() || options.output.format == Format::Json {
                bail!("{name}: has no JSON document beside it, so there is none to merge; leave out --json");
            }
            None
        }
    };
    // A document from an earlier time would contradict the new text.
    if let (None, Some(stale)) = (&record, options.output.json()) {
        if stale.exists() {
            bail!(
                "{}: would not belong to the new text; remove it, or give every input its JSON document",
                printable_path(&stale)
            );
        }
    }
    options.output.write(sums, record)?;
    Ok(Outcome::Done)
}

/// Is a sums file well formed, to the byte?
///
/// Every line must be 64 lower-case hexadecimal digits, two spaces, a reference or the name
/// of a file, and a line feed; in order, every name once. A JSON document beside it must say
/// the same.
///
/// Exit code 0: well formed; 1: the JSON document says something else; 2: malformed.
#[derive(Debug, clap::Args)]
struct Check {
    /// The sums file; `-` is standard input.
    #[arg(value_name = "SUMS")]
    sums: PathBuf,
    /// Accept what `sha256sum -c` accepts too: another order, equal lines, `*` before a name,
    /// no line feed at the end.
    #[arg(long)]
    lenient: bool,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The report of a check for machines.
#[derive(Debug, Serialize)]
struct CheckReport {
    schema: &'static str,
    verdict: &'static str,
    sums: String,
    json: Option<String>,
    images: usize,
    files: usize,
    problems: Vec<LineProblem>,
}

#[derive(Debug, Serialize)]
struct LineProblem {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    problem: String,
}

fn run_check(options: Check) -> anyhow::Result<Outcome> {
    // First the document, which knows what each line is of.
    let record = read_record(&options.sums);
    let (data, name) = read_text(&options.sums)?;
    let mut report = CheckReport {
        schema: "verbatim.sums-check/1",
        verdict: "well-formed",
        sums: name.clone(),
        json: None,
        images: 0,
        files: 0,
        problems: Vec::new(),
    };
    let mut sentence = None;
    let reading = match &record {
        Ok(Some((record, _))) => Reading::Document(record),
        _ => Reading::Form,
    };
    match text::parse_as(&data, &name, reading) {
        Ok(parsed) => {
            report.images = count_images(&parsed.sums);
            report.files = parsed.sums.len() - report.images;
            for deviation in &parsed.deviations {
                report.problems.push(LineProblem {
                    line: Some(deviation.line),
                    column: None,
                    problem: deviation.what.to_owned(),
                });
            }
            if let (Some(first), false) = (parsed.deviations.first(), options.lenient) {
                report.verdict = "malformed";
                let more = match parsed.deviations.len() - 1 {
                    0 => String::new(),
                    more => format!(" (and {more} more)"),
                };
                sentence = Some(format!(
                    "{name}, {first}{more}; write it again with `verbatim sums merge`"
                ));
            } else {
                match &record {
                    Ok(None) => {}
                    Ok(Some((record, json_name))) => {
                        report.json = Some(json_name.clone());
                        if let Err(e) = record.check_against(&parsed.sums, json_name, &name) {
                            report.verdict = "disagrees";
                            report.problems.push(LineProblem {
                                line: None,
                                column: None,
                                problem: e.to_string(),
                            });
                        }
                    }
                    Err(e) => {
                        report.verdict = "malformed";
                        report.problems.push(LineProblem {
                            line: None,
                            column: None,
                            problem: format!("{e:#}"),
                        });
                        sentence = Some(format!("{e:#}"));
                    }
                }
            }
        }
        Err(error) => {
            report.verdict = "malformed";
            let (line, column) = match &error {
                text::Error::Line { line, column, .. } => (Some(*line), Some(*column)),
                _ => (None, None),
            };
            report.problems.push(LineProblem {
                line,
                column,
                problem: error.to_string(),
            });
            sentence = Some(error.to_string());
        }
    }
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text if sentence.is_none() => {
            let (good, bad) = colours();
            let colour = if report.verdict == "well-formed" {
                good
            } else {
                bad
            };
            let mut text = format!(
                "{name}: {colour}{}{colour:#}, {}, {}\n",
                report.verdict,
                counted(report.images, "image"),
                counted(report.files, "file")
            );
            for problem in &report.problems {
                match problem.line {
                    Some(line) => writeln!(text, "  line {line}: {}", problem.problem)?,
                    None => writeln!(text, "  {}", problem.problem)?,
                }
            }
            print(&text)?;
        }
        Format::Text => {}
    }
    match (sentence, report.verdict) {
        (Some(sentence), _) => Err(anyhow!(sentence)),
        (None, "disagrees") => Ok(Outcome::Different),
        _ => Ok(Outcome::Done),
    }
}

fn count_images(sums: &Sums) -> usize {
    sums.iter()
        .filter(|(subject, _)| matches!(subject, Subject::Image(_)))
        .count()
}

/// Compare the sums that are expected with those that are there.
///
/// Exit code 0: they say the same; 1: something differs, is missing or is extra.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Do my sources give what was published?
    verbatim sums compare published.sha256 bazel-bin/release/container_sums.sha256")]
struct Compare {
    /// What should be there; `-` is standard input.
    #[arg(value_name = "EXPECTED")]
    expected: PathBuf,
    /// What is there.
    #[arg(value_name = "ACTUAL")]
    actual: PathBuf,
    /// What to run to accept a difference; printed with one.
    #[arg(long, value_name = "TEXT")]
    update_command: Option<String>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The report of a comparison for machines.
#[derive(Debug, Serialize)]
struct CompareReport {
    schema: &'static str,
    verdict: &'static str,
    results: Vec<CompareResult>,
}

#[derive(Debug, Serialize)]
struct CompareResult {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    verdict: &'static str,
}

fn run_compare(options: Compare) -> anyhow::Result<Outcome> {
    let read = |path: &Path| -> anyhow::Result<(Sums, String)> {
        let (data, name) = read_text(path)?;
        Ok((text::parse(&data, &name)?.sums, name))
    };
    let (expected, expected_name) = read(&options.expected)?;
    let (actual, actual_name) = read(&options.actual)?;
    let changes = compare(&expected, &actual);
    let outcome = if changes.is_empty() {
        Outcome::Done
    } else {
        Outcome::Different
    };
    match options.format {
        Format::Json => {
            let report = compare_report(&expected, &actual, &changes);
            print_json(&report)?;
        }
        Format::Text if changes.is_empty() => print(&match actual.len() {
            1 => format!("{actual_name}: the one sum is that of {expected_name}\n"),
            many => format!("{actual_name}: the {many} sums are those of {expected_name}\n"),
        })?,
        Format::Text => {
            let mut text = difference(&expected_name, &actual_name, &changes);
            if let Some(command) = &options.update_command {
                writeln!(text, "To accept what is there now, run: {command}")?;
            }
            print(&text)?;
        }
    }
    Ok(outcome)
}

fn compare_report(expected: &Sums, actual: &Sums, changes: &[Change]) -> CompareReport {
    let mut results: Vec<(&Subject, CompareResult)> = changes
        .iter()
        .map(|change| {
            let (expected, actual, verdict) = match change {
                Change::Missing { expected, .. } => (Some(expected), None, "missing"),
                Change::Extra { actual, .. } => (None, Some(actual), "extra"),
                Change::Different {
                    expected, actual, ..
                } => (Some(expected), Some(actual), "different"),
            };
            let result = CompareResult {
                reference: change.subject().to_string(),
                expected: expected.map(ToString::to_string),
                actual: actual.map(ToString::to_string),
                verdict,
            };
            (change.subject(), result)
        })
        .collect();
    for (subject, digest) in expected.iter() {
        if actual.get(subject) == Some(digest) {
            let result = CompareResult {
                reference: subject.to_string(),
                expected: Some(digest.to_string()),
                actual: Some(digest.to_string()),
                verdict: "identical",
            };
            results.push((subject, result));
        }
    }
    results.sort_by(|a, b| a.0.cmp(b.0));
    CompareReport {
        schema: "verbatim.sums-compare/1",
        verdict: if changes.is_empty() {
            "equal"
        } else {
            "different"
        },
        results: results.into_iter().map(|(_, result)| result).collect(),
    }
}

/// The lines that differ, as `diff -u` shows them, and how many there are of each kind.
fn difference(expected_name: &str, actual_name: &str, changes: &[Change]) -> String {
    let (good, bad) = colours();
    let mut text = format!("--- {expected_name}\n+++ {actual_name}\n");
    let mut counts = [0; 3];
    // Writing to a string cannot fail.
    for change in changes {
        let subject = change.subject().in_text();
        let subject = printable(&subject);
        let (kind, expected, actual) = match change {
            Change::Different {
                expected, actual, ..
            } => (0, Some(expected), Some(actual)),
            Change::Missing { expected, .. } => (1, Some(expected), None),
            Change::Extra { actual, .. } => (2, None, Some(actual)),
        };
        counts[kind] += 1;
        if let Some(digest) = expected {
            let _ = writeln!(text, "{bad}-{}  {}{bad:#}", digest.hex(), subject);
        }
        if let Some(digest) = actual {
            let _ = writeln!(text, "{good}+{}  {}{good:#}", digest.hex(), subject);
        }
    }
    let _ = writeln!(
        text,
        "{} different, {} missing, {} extra",
        counts[0], counts[1], counts[2]
    );
    text
}

/// Take new sums over into a checked-in file.
///
/// Meant for `bazel run`, which says where the workspace is (in BUILD_WORKSPACE_DIRECTORY):
/// only there does a program write into the sources. The file is written whole, or not at all.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Accept changed sums of a `sums_test`:
    bazel run //release:sums_test.update")]
struct Update {
    /// The checked-in file, relative to the workspace.
    #[arg(value_name = "DEST")]
    destination: PathBuf,
    /// The sums that it shall hold.
    #[arg(value_name = "ACTUAL")]
    actual: PathBuf,
}

fn run_update(options: Update) -> anyhow::Result<Outcome> {
    let path = workspace_file(&options.destination)?;
    let (data, name) = read_text(&options.actual)?;
    let count = counted(text::parse(&data, &name)?.sums.len(), "sum");
    let shown = printable_path(&options.destination);
    if std::fs::read(&path).is_ok_and(|old| old == data) {
        print(&format!("{shown}: holds {count} already\n"))?;
        return Ok(Outcome::Done);
    }
    write_files(vec![(Some(path.as_path()), data)])?;
    print(&format!("{shown}: holds {count} now\n"))?;
    Ok(Outcome::Done)
}
