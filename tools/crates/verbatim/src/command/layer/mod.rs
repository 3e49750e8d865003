//! `verbatim layer`: a layer from files, directories, archives and lists, or several by component.

mod planned;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context};
use verbatim_archive::{ArchiveOptions, Builder, Defaults, Mtime};
use verbatim_requests::{mode, Entry};
use verbatim_scrub::{Done, Rules};

use self::planned::PlanOptions;
use crate::layer_output::OutputOptions;
use crate::outcome::Outcome;
use crate::set_options::{owner, SetOptions};

/// Make a layer: one canonical tar archive from files, directories and archives.
///
/// The same contents give the same bytes on every machine: entries are sorted by path,
/// owners are 0:0, times are 0, files are 0644 or 0755 and directories 0755 unless an
/// option says otherwise, and the compressed bytes never depend on the number of
/// threads. Nothing is taken from the disk but contents and executable bits.
///
/// IN is a directory (its contents become the root of the layer), a tar archive of any
/// kind and compression (its entries are merged in, with their own permissions, owners
/// and attributes), or DEST=PATH, a file or a directory that goes to DEST. What two
/// inputs say about one path must be the same.
///
/// Build rules describe entries with --entries=FILE or --entry instead, one JSON object each:
///
///   {"type":"file","path":"usr/bin/app","source":"out/app","mode":"0755"}
///   {"type":"directory","path":"var/lib/app","mode":"0700","uid":10,"gid":10}
///   {"type":"symlink","path":"usr/bin/a","target":"app"}
///   {"type":"hardlink","path":"usr/bin/b","target":"usr/bin/app"}
///   {"type":"tree","path":"srv","source":"out/site","executable":"keep"}
///   {"type":"archive","path":"","source":"base.tar.zst"}
///
/// A file's source is followed where it is a symlink; with "relative_links":"keep" a relative
/// symlink is taken as it is.
///
/// All may have "uid", "gid", "mtime", and "origin", a name for messages; all but
/// archives "mode"; files and directories "xattrs" ({"user.a":"text or base64:…"}).
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  A directory as a gzip layer, with what is to be known about it beside it:
    verbatim layer --metadata=app.json -o app.tar.gz ./rootfs

  One program and its configuration, the latter readable by one user only:
    verbatim layer -o app.tar.zst usr/bin/app=build/app etc/app.conf=app.conf \\
      --set-owner=etc/app.conf=65532:65532 --set-mode=etc/app.conf=0600

  From a list that can be reviewed (mtree):
    verbatim layer --mtree=layer.mtree -o layer.tar

  A root file system as forty layers, of which the next release keeps most:
    verbatim layer --layers=40 --plan=1.json -o layers-1 root-1.tar
    verbatim layer --layers=40 --plan=2.json --previous=1.json \\
      -o layers-2 root-2.tar
    verbatim image -o image --layer=layers-2 --platform=linux/amd64")]
pub struct Options {
    #[command(flatten)]
    output: OutputOptions,
    /// An entry as a JSON object; may be given many times.
    #[arg(long = "entry", value_name = "JSON")]
    entries: Vec<String>,
    /// A file with one entry as a JSON object on each line; best where there are very many.
    #[arg(long = "entries", value_name = "FILE")]
    entry_files: Vec<PathBuf>,
    /// A list of entries in the form of mtree(5); content paths are relative to the current directory.
    #[arg(long, value_name = "FILE")]
    mtree: Vec<PathBuf>,
    /// Owner and group of everything that says nothing else, as numbers.
    #[arg(long, value_name = "UID:GID", value_parser = owner, default_value = "0:0")]
    owner: (u64, u64),
    /// Permissions of files that say nothing else.
    #[arg(long, value_name = "MODE", value_parser = mode, default_value = "0644")]
    file_mode: u32,
    /// Permissions of directories that say nothing else.
    #[arg(long, value_name = "MODE", value_parser = mode, default_value = "0755")]
    dir_mode: u32,
    /// The time of everything that says nothing else, in seconds since 1970.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    mtime: i64,
    #[command(flatten)]
    set: SetOptions,
    /// Add missing directories above entries, as 0755 and 0:0. Leave it off on top of a
    /// base where such a directory may be a symlink.
    #[arg(long)]
    create_parents: bool,
    #[command(flatten)]
    scrub: ScrubOptions,
    #[command(flatten)]
    plan: PlanOptions,
    /// Directories, tar archives, or DEST=PATH.
    #[arg(value_name = "IN")]
    inputs: Vec<PathBuf>,
}

/// A root file system without traces of the machine on which it was made.
#[derive(Debug, clap::Args)]
struct ScrubOptions {
    /// Scrub a root file system: all usual rules, or those named; +NAME and -NAME change the usual ones.
    /// `verbatim normalize --scrub-rules` lists them. What was done is listed on standard error.
    #[arg(
        long,
        value_name = "RULE,…",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "default"
    )]
    scrub: Option<String>,
    /// With --scrub: leave this path, and all below it, alone.
    #[arg(long, value_name = "PATH", requires = "scrub")]
    scrub_keep: Vec<String>,
}

impl ScrubOptions {
    fn rules(&self, mtime: i64) -> anyhow::Result<Option<Rules>> {
        let Some(list) = &self.scrub else {
            return Ok(None);
        };
        let mut rules = Rules::parse(list).map_err(|e| anyhow!("--scrub={list}: {e}"))?;
        for path in &self.scrub_keep {
            rules = rules.exempt(path);
        }
        Ok(Some(rules.password_time(u64::try_from(mtime).unwrap_or(0))))
    }
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let (uid, gid) = options.owner;
    let defaults = Defaults {
        uid,
        gid,
        file_mode: options.file_mode,
        dir_mode: options.dir_mode,
        mtime: Mtime::Set(options.mtime),
    };
    let encoding = match options.plan.is_asked() {
        true => options.output.encoding_in_folder()?,
        false => options.output.encoding()?,
    };
    let mut builder = options.output.builder(defaults, options.plan.outputs());
    builder.overrides(options.set.overrides()?);
    builder.create_parents(options.create_parents);
    for text in options.entries {
        Entry::parse(&text)?.add_to(&mut builder)?;
    }
    for file in &options.entry_files {
        add_entries(&mut builder, file)?;
    }
    for list in &options.mtree {
        builder.mtree(list)?;
    }
    for input in &options.inputs {
        add_input(&mut builder, input)?;
    }
    if let Some(rules) = options.scrub.rules(options.mtime)? {
        builder.scrub(rules);
    }
    let told = |done: &[Done]| -> String { done.iter().map(|done| format!("{done}\n")).collect() };
    let done = if options.plan.is_asked() {
        let contents = builder.contents()?;
        let done = told(contents.scrubbed());
        options.plan.run(&options.output, contents, encoding)?;
        done
    } else {
        let layer = builder.finish()?;
        options.output.write(&layer, encoding)?;
        told(layer.scrubbed())
    };
    std::io::stderr()
        .lock()
        .write_all(done.as_bytes())
        .context("cannot write to standard error")?;
    Ok(Outcome::Done)
}

/// A line of a list of entries that is longer than this is none.
const MAX_LINE: u64 = 1 << 20;

/// The entries of a file, one a line. A line may also be the argument that it would be on the
/// command line: that is what a build tool's param file holds.
fn add_entries(builder: &mut Builder, file: &Path) -> anyhow::Result<()> {
    let name = file.display();
    let opened = File::open(file).with_context(|| format!("cannot read {name}"))?;
    let mut reader = BufReader::new(opened);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let read = (&mut reader)
            .take(MAX_LINE)
            .read_line(&mut line)
            .with_context(|| format!("cannot read {name} line {number}"))?;
        if read as u64 == MAX_LINE {
            bail!(
                "{name} line {number} is too long for an entry; write one JSON object on each line"
            );
        }
        if read == 0 {
            break;
        }
        let text = line.trim();
        let text = text.strip_prefix("--entry=").unwrap_or(text);
        if !text.is_empty() {
            Entry::parse(text)
                .and_then(|entry| entry.add_to(builder))
                .with_context(|| format!("{name} line {number}"))?;
        }
    }
    Ok(())
}

/// An input as people name it.
fn add_input(builder: &mut Builder, input: &Path) -> anyhow::Result<()> {
    let name = input.display().to_string();
    if input.as_os_str() == "-" {
        return Ok(builder.archive(b"", input, &ArchiveOptions::default(), "standard input")?);
    }
    // A file of this very name is meant before an `=` in it.
    if let Ok(metadata) = std::fs::metadata(input) {
        return Ok(if metadata.is_dir() {
            builder.disk(b"", input, &name)
        } else {
            builder.archive(b"", input, &ArchiveOptions::default(), &name)
        }?);
    }
    let bytes = input.as_os_str().as_bytes();
    let Some(at) = bytes.iter().position(|&b| b == b'=') else {
        bail!("there is no {name}; name a directory, a tar archive, or write DEST=PATH");
    };
    let source = PathBuf::from(std::ffi::OsString::from_vec(bytes[at + 1..].to_vec()));
    Ok(builder.disk(&bytes[..at], &source, &name)?)
}
