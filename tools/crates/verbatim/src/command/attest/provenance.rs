//! `verbatim attest provenance`: what was built by Bazel, from what and how, as a statement.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{anyhow, bail, Context};
use verbatim_attest::bazel::{Build, Dependencies, Directory, Facts, Form, Run, Source, Subjects};
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_oci::Platform;
use verbatim_rebuild::{checked_out, CheckedOut, ErrorKind};
use verbatim_requests::Values;
use verbatim_signature::documents::MAX_DOCUMENT;
use verbatim_sums::{Record, Sums};

use crate::arguments::pair;
use crate::files::write_files;
use crate::handed::{handed, unread};
use crate::outcome::{Outcome, Unchecked};
use crate::printing::print;
use crate::sums_file::{load, name};

/// The largest MODULE.bazel.lock and the largest file of facts that is read.
const MAX_FACTS: u64 = 64 << 20;

/// Write the provenance of a release that Bazel built: an in-toto statement with SLSA provenance,
/// to be signed with `attest sign`.
///
/// Its subjects are the images and files of SUMS, which `container_sums` and `file_sums` made;
/// with --platform there is one more statement about the images of that platform, which the JSON
/// beside the sums names. It says which commit of which repository was built, with which Bazel,
/// for which targets and with which flags, and what was fetched. The page "build-type-bazel" of the
/// documentation says field by field what stands where, and how to rebuild from it.
///
/// The statement is canonical JSON: the same options and files give the same bytes. No clock,
/// no host and no environment is asked. What names one run (--invocation-id, --started-on,
/// --finished-on) is in it only if it is given.
///
/// Values may hold {KEY}, which comes from --define and from the stable keys of --status, so that a
/// build rule can name the commit that the workspace status tells.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  What was built from this checkout, in which nothing was changed:
    verbatim attest provenance bazel-bin/release/container_sums.sha256 \\
      --source=. \\
      --builder=https://example.com/ci/release \\
      --target=//release:container_sums \\
      --bazel-version=7.7.1 --lock=MODULE.bazel.lock -o provenance.json

  One statement for what is released under names, and one for each platform:
    verbatim attest provenance release.sha256 \\
      --uri=https://example.com/acme/app.git --commit=… --tree=… \\
      --builder=https://example.com/ci/release \\
      --target=//release:container_sums --flag=--config=release \\
      --bazel-version=7.7.1 --platform=linux/amd64=amd64.json \\
      --platform=linux/arm64=arm64.json -o provenance.json")]
pub struct Options {
    /// Sums files. The JSON beside them (`x.json` beside `x.sha256`) is read where there is one.
    #[arg(value_name = "SUMS", required = true)]
    sums: Vec<PathBuf>,
    /// Who built: the URI that policies compare.
    #[arg(long, value_name = "URI")]
    builder: String,
    /// The folder of the workspace, in a clone: commit, tree and folder are those that are checked out,
    /// and the address is that of the remote `origin`. Files that were changed or added are an error.
    #[arg(long, value_name = "GIT-FOLDER", conflicts_with_all = ["commit", "tree", "directory"])]
    source: Option<PathBuf>,
    /// The address of the git repository: https://HOST/PATH, or http or ssh.
    #[arg(long, value_name = "URL", required_unless_present = "source")]
    uri: Option<String>,
    /// The commit, by its whole hash.
    #[arg(long, value_name = "HASH", required_unless_present = "source")]
    commit: Option<String>,
    /// The tree of the commit, by its whole hash: `git rev-parse HEAD^{tree}`.
    #[arg(long, value_name = "HASH", required_unless_present = "source")]
    tree: Option<String>,
    /// The tag or branch that the build was asked for: refs/tags/v1.
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// The folder of the workspace in the checkout, where it is not the checkout itself.
    #[arg(long, value_name = "DIR")]
    directory: Option<String>,
    /// A target that was built, by its full label: one whose files are the sums.
    #[arg(long = "target", value_name = "LABEL", required = true)]
    targets: Vec<String>,
    /// An option that Bazel was given after `build`, in their order: --flag=--config=release.
    #[arg(long = "flag", value_name = "FLAG", allow_hyphen_values = true)]
    flags: Vec<String>,
    /// Bazel's version, as `bazel --version` says it.
    #[arg(long, value_name = "VERSION")]
    bazel_version: String,
    /// The program that is Bazel, to be named by its digest.
    #[arg(long, value_name = "FILE", conflicts_with = "bazel_digest")]
    bazel: Option<PathBuf>,
    /// Its digest, where the program is not at hand.
    #[arg(long, value_name = "DIGEST")]
    bazel_digest: Option<String>,
    /// MODULE.bazel.lock: its digest, and what it pins by digest.
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
    /// What was fetched, and whether that is all: `verbatim.facts/1` in JSON.
    #[arg(long, value_name = "FILE")]
    facts: Vec<PathBuf>,
    /// The folder that Bazel was given with --repository_cache: what it downloaded, by digest. Where it was
    /// empty before the build, that is all that its downloader fetched.
    #[arg(long, value_name = "DIR")]
    repository_cache: Option<PathBuf>,
    /// A program that made the release, to be named by its digest.
    #[arg(long = "tool", value_name = "NAME=FILE", value_parser = pair)]
    tools: Vec<(String, String)>,
    /// The builder's name for this run.
    #[arg(long, value_name = "ID")]
    invocation_id: Option<String>,
    /// When the run began: 2026-01-02T03:04:05Z.
    #[arg(long, value_name = "TIME")]
    started_on: Option<String>,
    /// When the run ended.
    #[arg(long, value_name = "TIME")]
    finished_on: Option<String>,
    /// Values for {KEY}: lines `KEY value`, as Bazel's workspace status has them. Only stable keys count.
    #[arg(long, value_name = "FILE")]
    status: Vec<PathBuf>,
    /// A value for {KEY}.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    define: Vec<(String, String)>,
    /// The version of SLSA's provenance: v1, or v0.2 for readers that know nothing newer.
    #[arg(long, value_name = "VERSION", default_value = "v1")]
    slsa: Form,
    /// A statement about the images of one platform, and the file to write it to.
    #[arg(long = "platform", value_name = "PLATFORM=FILE", value_parser = platform)]
    platforms: Vec<(Platform, PathBuf)>,
    /// The file to write; standard output by default.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What is released, of all sums files together.
struct Released {
    sums: Sums,
    /// Those that had a document beside them.
    record: Record,
    /// The first that had none.
    without: Option<String>,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let mut values = Values::default();
    for status in &options.status {
        values.add_status(status)?;
    }
    for (key, value) in &options.define {
        values.define(key, value);
    }
    let build = build(&options, &values)?;
    let run = Run {
        builder: word("--builder", &options.builder, &values)?,
        invocation_id: optional("--invocation-id", &options.invocation_id, &values)?,
        started_on: optional("--started-on", &options.started_on, &values)?,
        finished_on: optional("--finished-on", &options.finished_on, &values)?,
    };
    let released = released(&options.sums)?;
    let mut statements = Vec::new();
    let mut add = |output: Option<&'_ Path>, subjects: &Subjects| {
        let statement = build.statement(subjects, &run, options.slsa)?;
        if statement.len() as u64 > MAX_DOCUMENT {
            bail!("the statement is larger than {MAX_DOCUMENT} bytes, the limit for one that is signed; leave --lock or --facts out");
        }
        statements.push((output.map(Path::to_owned), statement));
        Ok(())
    };
    let all = Subjects::released(&released.sums, Some(&released.record));
    add(options.output.as_deref(), &all.map_err(|e| anyhow!(e))?)?;
    for (platform, output) in &options.platforms {
        if let Some(name) = &released.without {
            bail!("--platform={platform}: {name} has no JSON document beside it, which says what there is for each platform; `verbatim sums create` and the rules write one");
        }
        let subjects = Subjects::of_platform(&released.record, platform);
        let subjects = subjects.map_err(|e| anyhow!("--platform={platform}: {e}"))?;
        add(Some(output), &subjects)?;
    }
    let printed = match &options.output {
        None => Some(String::from_utf8(statements.remove(0).1)?),
        Some(_) => None,
    };
    let files = statements.iter_mut();
    write_files(
        files
            .map(|(path, data)| (path.as_deref(), std::mem::take(data)))
            .collect(),
    )?;
    if let Some(text) = printed {
        print(&text)?;
    }
    Ok(Outcome::Done)
}

fn build(options: &Options, values: &Values) -> anyhow::Result<Build> {
    let checked_out = options.source.as_deref().map(checked_out).transpose();
    let checked_out = checked_out.map_err(|error| match error.kind() {
        ErrorKind::Unchecked => anyhow::Error::new(error).context(Unchecked),
        _ => error.into(),
    })?;
    Ok(Build {
        source: source(options, values, checked_out.as_ref())?,
        directory: match &checked_out {
            Some(CheckedOut {
                directory: Some(directory),
                ..
            }) => Some(parse("--source", directory)?),
            Some(_) => None,
            None => optional::<Directory>("--directory", &options.directory, values)?,
        },
        targets: options
            .targets
            .iter()
            .map(|target| parse("--target", target))
            .collect::<Result<_, _>>()?,
        flags: options
            .flags
            .iter()
            .map(|flag| parse("--flag", flag))
            .collect::<Result<_, _>>()?,
        bazel_version: word("--bazel-version", &options.bazel_version, values)?,
        dependencies: dependencies(options, values)?,
    })
}

fn source(
    options: &Options,
    values: &Values,
    checked_out: Option<&CheckedOut>,
) -> anyhow::Result<Source> {
    let reference = optional("--ref", &options.reference, values)?;
    let given = |name: &str, value: &Option<String>| {
        let value = value.as_ref().ok_or_else(|| anyhow!("{name} is missing"))?;
        values.expand(value, name).map_err(anyhow::Error::from)
    };
    let uri = match (&options.uri, checked_out.map(|source| &source.origin)) {
        (None, Some(Some(origin))) => parse("--source: the remote `origin`", origin)
            .context("give the address that others can reach with --uri=URL")?,
        (None, Some(None)) => {
            bail!("--source: the clone has no remote `origin`; give the repository's address with --uri=URL")
        }
        (uri, _) => parse("--uri", &given("--uri", uri)?)?,
    };
    let (commit, tree) = match checked_out {
        Some(source) => (source.commit.clone(), source.tree.clone()),
        None => (
            given("--commit", &options.commit)?,
            given("--tree", &options.tree)?,
        ),
    };
    Ok(Source {
        uri,
        commit: parse("--commit", &commit)?,
        tree: parse("--tree", &tree)?,
        reference,
    })
}

fn dependencies(options: &Options, values: &Values) -> anyhow::Result<Dependencies> {
    let mut known = Dependencies::default();
    known.bazel = match (&options.bazel, &options.bazel_digest) {
        (Some(file), _) => Some(digest_of(file)?),
        (None, Some(digest)) => Some(word("--bazel-digest", digest, values)?),
        (None, None) => None,
    };
    for (name, file) in &options.tools {
        let digest = digest_of(Path::new(file))?;
        if known.tools.insert(name.clone(), digest).is_some() {
            bail!(
                "--tool={}: two tools have this name; give each one of its own",
                excerpt(name, 100)
            );
        }
    }
    if let Some(lock) = &options.lock {
        let (data, name) = handed(lock, MAX_FACTS)?;
        known.read_lock(&data, &name)?;
    }
    for facts in &options.facts {
        let (data, name) = handed(facts, MAX_FACTS)?;
        let facts = Facts::parse(&data, &name)?;
        facts.tell(&mut known).map_err(|e| anyhow!("{name}: {e}"))?;
    }
    // Last: what the others know as well is known with its address.
    if let Some(cache) = &options.repository_cache {
        known.read_cache(cache).map_err(unread)?;
    }
    Ok(known)
}

/// The digest of a program.
fn digest_of(file: &Path) -> anyhow::Result<Digest> {
    let known = verbatim_attest::artifact::of_file(file, false).map_err(unread)?;
    Ok(known.sha256)
}

fn released(files: &[PathBuf]) -> anyhow::Result<Released> {
    let (mut sums, mut records, mut without) = (Sums::new(), Vec::new(), None);
    for file in files {
        let (more, document) = load(file)?.agreed()?;
        match document {
            Some(document) => records.push(document),
            None => {
                without.get_or_insert_with(|| name(file));
            }
        }
        sums.merge(more)?;
    }
    Ok(Released {
        sums,
        record: Record::merge(records),
        without,
    })
}

/// A word in its form, `{KEY}` replaced; `option` is whose it is.
fn word<T>(option: &str, text: &str, values: &Values) -> anyhow::Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    parse(option, &values.expand(text, option)?)
}

fn optional<T>(option: &str, text: &Option<String>, values: &Values) -> anyhow::Result<Option<T>>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text = text.as_deref();
    text.map(|text| word(option, text, values)).transpose()
}

fn parse<T>(option: &str, text: &str) -> anyhow::Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| anyhow!("{option}: {error}"))
}

/// PLATFORM=FILE.
fn platform(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or_else(|| format!("`{}` is not of the form PLATFORM=FILE", excerpt(text, 200)))?;
    let platform = platform.parse().map_err(|error| format!("{error}"))?;
    Ok((platform, file.into()))
}
