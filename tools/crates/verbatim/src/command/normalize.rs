//! `verbatim normalize`: any tar archive as a canonical one, and the varying bits inside files.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{anyhow, bail, Context};
use serde_json::json;
use verbatim_archive::{ArchiveOptions, Defaults, Devices, Filter, Glob, Mtime};
use verbatim_digest::Digest;
use verbatim_normalize::normalize_files;
use verbatim_scrub::{Done, Refusal, Rules, RULES};

use super::layer::{mode, owner, OutputOptions, SetOptions};
use crate::outcome::Outcome;
use crate::report_form::Format;

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
/// without meaning. --check reports what would change and writes nothing (exit code 1 if
/// anything would).
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
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")?;
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
        let text = match self.output.format {
            Format::Text => scrub_text(done, refused).into_bytes(),
            Format::Json => verbatim_oci::json::to_canonical_line(&scrub_json(done, refused))?,
        };
        std::io::stdout()
            .lock()
            .write_all(&text)
            .context("cannot write to standard output")
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
    // All files that can be normalised are, before the first that cannot is told.
    let mut reports = Vec::new();
    let mut failed = None;
    for answer in answers {
        match answer {
            Ok(report) => reports.push(report),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    let changed = reports.iter().any(verbatim_normalize::Report::changed);
    let mut text = Vec::new();
    match options.output.format {
        Format::Json => {
            let files: Vec<_> = reports
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
            let report = json!({
                "schema": "verbatim.normalize/1",
                "verdict": if changed { "different" } else { "equal" },
                "files": files,
            });
            serde_json::to_writer(&mut text, &report).context("cannot write the report")?;
            text.push(b'\n');
        }
        Format::Text => {
            for report in &reports {
                let path = report.path.display();
                for change in &report.changes {
                    writeln!(text, "{path}: {change}")?;
                }
                for note in &report.notes {
                    writeln!(text, "{path}: left alone: {note}")?;
                }
            }
        }
    }
    std::io::stdout()
        .lock()
        .write_all(&text)
        .context("cannot write to standard output")?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(if options.check && changed {
        Outcome::Different
    } else {
        Outcome::Done
    })
}
