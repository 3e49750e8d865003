//! `verbatim normalize`: any tar archive as a canonical one, and the varying bits inside files.

mod in_place;
mod scrubbed;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{anyhow, bail, Context};
use verbatim_archive::{ArchiveOptions, Defaults, Devices, Filter, Glob, Mtime};
use verbatim_digest::Digest;
use verbatim_requests::mode;
use verbatim_scrub::{Done, Refusal, Rules};

use crate::layer_output::OutputOptions;
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::report_form::Format;
use crate::set_options::{owner, SetOptions};

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
    verbatim normalize --include=usr/share/doc --strip-prefix=usr/share \\
      --prefix=srv -o doc.tar in.tar

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
        return scrubbed::list_rules();
    }
    if options.in_place {
        return in_place::run(&options);
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
    let defaults = Defaults {
        mtime,
        ..Defaults::default()
    };
    let mut builder = options.output.builder(defaults, std::iter::empty());
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
            .write_all(scrubbed::text(done, &[]).as_bytes())
            .context("cannot write to standard error")?;
        if let Some(path) = &self.scrub_report {
            let report = verbatim_oci::json::to_canonical_line(&scrubbed::json(done, &[]))?;
            verbatim_output::write(path, &report)?;
        }
        Ok(())
    }

    /// What would be done, which is the answer here and goes to standard output.
    fn print_check(&self, done: &[Done], refused: &[Refusal]) -> anyhow::Result<()> {
        match self.output.format {
            Format::Text => print(&scrubbed::text(done, refused)),
            Format::Json => print_json(&scrubbed::json(done, refused)),
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
