//! `verbatim normalize`: any tar archive as a canonical one, and the varying bits inside files.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{anyhow, bail, Context};
use serde_json::json;
use verbatim_archive::{ArchiveOptions, Defaults, Devices, Filter, Glob, Mtime};
use verbatim_digest::Digest;
use verbatim_foreign::{printable, printable_path};
use verbatim_normalize::{normalize_files, Report};
use verbatim_scrub::{Done, Refusal, Rules, RULES};

use crate::layer_output::OutputOptions;
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::report_form::Format;
use crate::set_options::{owner, SetOptions};
use verbatim_requests::mode;

/// Make a canonical archive of any tar archive, or remove what varies inside files.
///
/// IN is a tar archive in any dialect (V7, ustar, GNU, PAX, star) and any compression
/// (gzip, zstd, xz, bzip2), or `-` for standard input. Several are merged; where two say
/// different things about one path, that is an error that names both.
///
/// Kept are paths, contents, permissions, owners as numbers, extended attributes, links
/// and whiteouts. Names of owners and times of access go; entries are sorted; all times
/// become --mtime, or with --clamp-mtime none is later than that. Normalising twice is
/// the same as normalising once.
///
/// With --scrub the archive is a root file system, and what it says of the machine where it
/// was made goes: machine-id, logs, caches, backups of password files, the days of password
/// changes. Private keys and host keys are an error. What was done is listed on standard
/// error, by rule and path; --scrub-rules lists the rules. With --check it is only listed.
///
/// With --in-place files are changed where they are: the bits inside gzip files, zip and
/// jar files, static libraries, Python bytecode and others that vary from build to build
/// without meaning. There is one line for each file that changed, one for all files whose kind
/// nobody knows, and the counts at the end; -v tells each change. --check reports what would
/// change and writes nothing (exit code 1 if anything would).
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  A tarball from elsewhere as a layer:
    verbatim normalize --metadata=base.json -o base.tar.gz base.tar.xz

  Only one folder of it, somewhere else:
    verbatim normalize --include=usr/share/doc --strip-prefix=usr/share --prefix=srv -o doc.tar in.tar

  A root file system without traces of its making, but with its log folder:
    verbatim normalize --scrub=-logs --devices=keep -o root.tar.gz root.tar

  The bits inside files, in place:
    verbatim normalize --in-place --mtime=0 lib/*.a docs/*.gz")]
pub struct Options {
    #[command(flatten)]
    output: OutputOptions,
    /// The time of all entries, in seconds since 1970.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        conflicts_with = "clamp_mtime",
        allow_negative_numbers = true
    )]
    mtime: i64,
    /// Keep times that are earlier than this, and set all others to it.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    clamp_mtime: Option<i64>,
    /// Give everything this owner and group, as numbers.
    #[arg(long, value_name = "UID:GID", value_parser = owner)]
    owner: Option<(u64, u64)>,
    /// Give all files these permissions.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    file_mode: Option<u32>,
    /// Give all directories these permissions.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    dir_mode: Option<u32>,
    /// Keep only what a glob matches, with all below it and the directories above it.
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave out what a glob matches, with all below it.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Drop so many parts from the front of every path; shorter paths are left out.
    #[arg(long, value_name = "N", default_value_t = 0)]
    strip_components: usize,
    /// Drop this from the front of the paths below it; other paths stay.
    #[arg(long, value_name = "PATH")]
    strip_prefix: Option<String>,
    /// Give a path, and all below it, another name.
    #[arg(long, value_name = "FROM=TO")]
    rename: Vec<String>,
    /// Put this in front of every path.
    #[arg(long, value_name = "PATH")]
    prefix: Option<String>,
    /// What IN must be, by the sha256 of the file as it is stored (exit code 1 if it is another one). An
    /// archive of which that is known may lack its closing blocks.
    #[arg(long, value_name = "sha256:…", conflicts_with = "in_place")]
    digest: Option<Digest>,
    /// What becomes of devices and named pipes.
    #[arg(long, value_name = "WHAT", default_value = "reject")]
    devices: DevicesName,
    #[command(flatten)]
    set: SetOptions,
    /// Add missing directories above entries, as 0755 and 0:0.
    #[arg(long)]
    create_parents: bool,
    /// Scrub a root file system: all usual rules, or those named; +NAME and -NAME change the usual ones.
    #[arg(
        long,
        value_name = "RULE,…",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "default",
        conflicts_with = "in_place"
    )]
    scrub: Option<String>,
    /// With --scrub: leave this path, and all below it, alone.
    #[arg(long, value_name = "PATH", requires = "scrub")]
    scrub_keep: Vec<String>,
    /// With --scrub: write what was done to this file, as JSON.
    #[arg(long, value_name = "FILE", requires = "scrub")]
    scrub_report: Option<PathBuf>,
    /// List the rules of --scrub, and stop.
    #[arg(long, exclusive = true)]
    scrub_rules: bool,
    /// Change what varies inside the files themselves, whatever their format.
    #[arg(long, id = "in_place")]
    in_place: bool,
    /// With --in-place: one line for each change, and all files that no handler knows.
    #[arg(short, long, requires = "in_place")]
    verbose: bool,
    /// With --in-place or --scrub: report what would change, and write nothing.
    #[arg(long)]
    check: bool,
    /// Tar archives, or with --in-place files of any kind.
    #[arg(value_name = "IN", required_unless_present = "scrub_rules")]
    inputs: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DevicesName {
    Reject,
    Keep,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    if options.scrub_rules {
        return scrub_rules();
    }
    if options.in_place {
        return in_place(&options);
    }
    if options.check {
        if options.scrub.is_none() {
            bail!("--check tells what --in-place or --scrub would change; add one of them");
        }
        if options.output.any_for_layers() || options.scrub_report.is_some() {
            bail!("--check writes nothing; leave out -o, --metadata, --compression, --level and --scrub-report");
        }
    }
    let mtime = match options.clamp_mtime {
        Some(limit) => Mtime::Clamp(limit),
        None => Mtime::Set(options.mtime),
    };
    let encoding = match options.check {
        true => None,
        false => Some(options.output.encoding()?),
    };
    let mut builder = options.output.builder(Defaults {
        mtime,
        ..Defaults::default()
    });
    builder.overrides(options.set.overrides()?);
    builder.create_parents(options.create_parents);
    if let Some(rules) = options.scrub_rules_wanted()? {
        builder.scrub(rules);
    }
    let archive = ArchiveOptions {
        filter: options.filter()?,
        devices: match options.devices {
            DevicesName::Reject => Devices::Reject,
            DevicesName::Keep => Devices::Keep,
        },
        owner: options.owner,
        file_mode: options.file_mode,
        dir_mode: options.dir_mode,
        mtime: None,
        digest: options.digest,
    };
    if options.digest.is_some() && options.inputs.len() != 1 {
        bail!("--digest is that of one archive; name one");
    }
    for input in &options.inputs {
        let origin = match input.as_os_str() {
            name if name == "-" => "standard input".into(),
            name => name.to_string_lossy(),
        };
        match builder.archive(b"", input, &archive, &origin) {
            // An archive that is not what it must be is no wrong usage.
            Err(error @ verbatim_archive::Error::Digest { .. }) => {
                eprintln!("verbatim: {error}");
                return Ok(Outcome::Different);
            }
            other => other?,
        }
    }
    archive.filter.check_used()?;
    let layer = builder.finish();
    let Some(encoding) = encoding else {
        return match layer {
            Ok(layer) => {
                options.print_check(layer.scrubbed(), &[])?;
                Ok(match layer.scrubbed() {
                    [] => Outcome::Done,
                    _ => Outcome::Different,
                })
            }
            Err(verbatim_archive::Error::Scrub(refused)) => {
                options.print_check(&refused.done, &refused.refusals)?;
                Err(refused.into())
            }
            Err(error) => Err(error.into()),
        };
    };
    let layer = layer?;
    options.output.write(&layer, encoding)?;
    if options.scrub.is_some() {
        options.report_scrubbed(layer.scrubbed())?;
    }
    Ok(Outcome::Done)
}

/// The rules by name, whether they are on by default, and what they do.
fn scrub_rules() -> anyhow::Result<Outcome> {
    let mut text = String::new();
    for rule in RULES {
        let state = if rule.on_by_default() { "on " } else { "off" };
        text.push_str(&format!("{rule:20} {state}  {}\n", rule.about()));
    }
    print(&text)?;
    Ok(Outcome::Done)
}

/// One line for each thing that was done, and for each that was refused.
fn scrub_text(done: &[Done], refused: &[Refusal]) -> String {
    let done = done.iter().map(|done| format!("{done}\n"));
    let refused = refused.iter().map(|refusal| {
        let path = verbatim_foreign::printable_bytes(&refusal.path);
        format!("refused   {path} ({})\n", refusal.rule)
    });
    done.chain(refused).collect()
}

fn scrub_json(done: &[Done], refused: &[Refusal]) -> serde_json::Value {
    let path = |path: &[u8]| path.escape_ascii().to_string();
    let verdict = match (done, refused) {
        ([], []) => "equal",
        _ => "different",
    };
    let done: Vec<_> = done
        .iter()
        .map(|done| {
            json!({
                "rule": done.rule.name(),
                "path": path(&done.path),
                "change": done.change.as_str(),
            })
        })
        .collect();
    let mut report = json!({
        "schema": "verbatim.scrub/1",
        "verdict": verdict,
        "done": done,
    });
    if !refused.is_empty() {
        let refused = refused.iter().map(|refusal| {
            json!({
                "rule": refusal.rule.name(),
                "path": path(&refusal.path),
                "what": refusal.what,
                "fix": refusal.fix,
            })
        });
        report["refused"] = refused.collect();
    }
    report
}

impl Options {
    fn scrub_rules_wanted(&self) -> anyhow::Result<Option<Rules>> {
        let Some(list) = &self.scrub else {
            return Ok(None);
        };
        let mut rules = Rules::parse(list).map_err(|e| anyhow!("--scrub={list}: {e}"))?;
        for path in &self.scrub_keep {
            rules = rules.exempt(path);
        }
        let time = self.clamp_mtime.unwrap_or(self.mtime);
        Ok(Some(rules.password_time(u64::try_from(time).unwrap_or(0))))
    }

    fn report_scrubbed(&self, done: &[Done]) -> anyhow::Result<()> {
        std::io::stderr()
            .lock()
            .write_all(scrub_text(done, &[]).as_bytes())
            .context("cannot write to standard error")?;
        if let Some(path) = &self.scrub_report {
            let report = verbatim_oci::json::to_canonical_line(&scrub_json(done, &[]))?;
            verbatim_output::write(path, &report)?;
        }
        Ok(())
    }

    /// What would be done, which is the answer here and goes to standard output.
    fn print_check(&self, done: &[Done], refused: &[Refusal]) -> anyhow::Result<()> {
        match self.output.format {
            Format::Text => print(&scrub_text(done, refused)),
            Format::Json => print_json(&scrub_json(done, refused)),
        }
    }

    fn filter(&self) -> anyhow::Result<Filter> {
        let mut filter = Filter::default();
        for glob in &self.include {
            filter.include(Glob::new(glob, "--include")?);
        }
        for glob in &self.exclude {
            filter.exclude(Glob::new(glob, "--exclude")?);
        }
        filter.strip_components(self.strip_components);
        if let Some(path) = &self.strip_prefix {
            filter.strip_prefix(path)?;
        }
        for rename in &self.rename {
            let (from, to) = rename.split_once('=').ok_or_else(|| {
                anyhow!("--rename={rename}: write the old path, `=` and the new one")
            })?;
            filter.rename(from, to)?;
        }
        if let Some(path) = &self.prefix {
            filter.prefix(path)?;
        }
        Ok(filter)
    }
}

fn in_place(options: &Options) -> anyhow::Result<Outcome> {
    if options.output.any_for_layers() {
        bail!("--in-place changes files where they are; leave out -o, --metadata, --compression and --level");
    }
    let answers = normalize_files(
        &options.inputs,
        &verbatim_normalize::Options {
            mtime: options.clamp_mtime.unwrap_or(options.mtime),
            clamp: options.clamp_mtime.is_some(),
            check: options.check,
            threads: std::num::NonZeroUsize::new(options.output.threads()),
        },
    );
    let done = InPlace::of(answers);
    match options.output.format {
        Format::Json => print_json(&done.json())?,
        Format::Text => print(&done.text(options.check, options.verbose))?,
    }
    let different = options.check && done.changed() > 0;
    // All files that can be normalised are, before those that cannot are told.
    let mut failed = done.failed.into_iter();
    if let Some(first) = failed.next() {
        failed.for_each(|error| eprintln!("verbatim: {error}"));
        return Err(first.into());
    }
    Ok(match different {
        true => Outcome::Different,
        false => Outcome::Done,
    })
}

/// What became of the files that were named.
struct InPlace {
    reports: Vec<Report>,
    failed: Vec<verbatim_normalize::Error>,
}

/// So many files of no known kind are named in one line.
const NAMED: usize = 10;

impl InPlace {
    fn of(answers: Vec<Result<Report, verbatim_normalize::Error>>) -> Self {
        let mut done = Self {
            reports: Vec::new(),
            failed: Vec::new(),
        };
        for answer in answers {
            match answer {
                Ok(report) => done.reports.push(report),
                Err(error) => done.failed.push(error),
            }
        }
        done
    }

    fn changed(&self) -> usize {
        self.reports
            .iter()
            .filter(|report| report.changed())
            .count()
    }

    /// The files that no handler knows.
    fn unknown(&self) -> impl Iterator<Item = &Report> {
        self.reports
            .iter()
            .filter(|report| report.handler.is_none())
    }

    fn normal(&self) -> usize {
        self.reports.len() - self.changed() - self.unknown().count()
    }

    fn text(&self, check: bool, verbose: bool) -> String {
        let mut text = String::new();
        for report in &self.reports {
            let path = printable_path(&report.path);
            let changes = match verbose {
                true => report
                    .changes
                    .iter()
                    .map(|c| printable(c).into_owned())
                    .collect(),
                false => grouped(&report.changes),
            };
            for change in changes {
                text.push_str(&format!("{path}: {change}\n"));
            }
            for note in &report.notes {
                text.push_str(&format!("{path}: note: {}\n", printable(note)));
            }
        }
        let unknown: Vec<_> = self.unknown().map(|r| printable_path(&r.path)).collect();
        if verbose {
            for path in &unknown {
                text.push_str(&format!("{path}: no handler knows this kind of file\n"));
            }
        } else if !unknown.is_empty() {
            let named = &unknown[..unknown.len().min(NAMED)];
            text.push_str(&format!("no handler knows: {}", named.join(", ")));
            if unknown.len() > NAMED {
                text.push_str(&format!(
                    " and {} more (-v names all)",
                    unknown.len() - NAMED
                ));
            }
            text.push('\n');
        }
        let mut counts = vec![
            match check {
                true => format!("{} would change", self.changed()),
                false => format!("{} changed", self.changed()),
            },
            format!("{} normal already", self.normal()),
            format!("{} of no known kind", unknown.len()),
        ];
        if !self.failed.is_empty() {
            counts.push(format!("{} failed", self.failed.len()));
        }
        let files = match self.reports.len() + self.failed.len() {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        text.push_str(&format!("{files}: {}\n", counts.join(", ")));
        text
    }

    fn json(&self) -> serde_json::Value {
        let files: Vec<_> = self
            .reports
            .iter()
            .map(|report| {
                json!({
                    "path": report.path.to_string_lossy(),
                    "format": report.handler,
                    "changes": report.changes,
                    "notes": report.notes,
                })
            })
            .collect();
        json!({
            "schema": "verbatim.normalize/1",
            "verdict": match (self.changed(), self.failed.len()) {
                (0, 0) => "equal",
                (0, _) => "unchecked",
                _ => "different",
            },
            "counts": {
                "changed": self.changed(),
                "normal": self.normal(),
                "unknown": self.unknown().count(),
                "failed": self.failed.len(),
            },
            "files": files,
            "failed": self.failed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

/// All changes of a file in one line; those inside of an archive by their kinds, counted.
fn grouped(changes: &[String]) -> Vec<String> {
    let mut own = Vec::new();
    let mut inside: BTreeMap<&str, usize> = BTreeMap::new();
    for change in changes {
        match change.rsplit_once(": ") {
            Some((_, what)) => *inside.entry(what).or_default() += 1,
            None => own.push(printable(change).into_owned()),
        }
    }
    own.extend(inside.into_iter().map(|(what, count)| match count {
        1 => format!("{} in 1 entry", printable(what)),
        count => format!("{} in {count} entries", printable(what)),
    }));
    match own.is_empty() {
        true => own,
        false => vec![own.join(", ")],
    }
}
