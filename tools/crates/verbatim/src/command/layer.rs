//! `verbatim layer`: a layer from files, directories, archives and lists.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, Context};
use verbatim_archive::{
    ArchiveOptions, Builder, Compression, Defaults, Encoding, Glob, Layer, Mtime, Overrides, Set,
    Summary,
};
use verbatim_foreign::{counted, printable_path};
use verbatim_oci::{Encoder, LayerMetadata, MediaType};
use verbatim_output::{promise, OutputFile, Promise};
pub(super) use verbatim_requests::mode;
use verbatim_requests::{xattr_value, Entry};
use verbatim_scrub::Rules;

use crate::outcome::Outcome;
use crate::report_form::Format;

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
    verbatim layer --mtree=layer.mtree -o layer.tar")]
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

/// What `layer` and `normalize` write.
#[derive(Debug, clap::Args)]
pub(super) struct OutputOptions {
    /// How to compress. By default what the name of the output says (.tar, .tar.gz or .tgz, .tar.zst or
    /// .tzst); a name that promises what is not written here needs this option, and with it any name goes.
    #[arg(long, value_name = "KIND")]
    compression: Option<CompressionName>,
    /// The level: gzip 1 to 9 (6 by default), zstd 1 to 19 (3 by default).
    #[arg(long, value_name = "N")]
    level: Option<i32>,
    /// How many threads to use; the bytes never depend on it. By default as many as there are cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Write what is to be known about the layer (digest, diff_id, sizes, encoder) to this file as JSON.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    /// What to print: text on a terminal, or the metadata as JSON.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// The layer to write.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum CompressionName {
    None,
    Gzip,
    Zstd,
}

/// Attributes by path.
#[derive(Debug, clap::Args)]
pub(super) struct SetOptions {
    /// Set the permissions of all paths that a glob matches (`*` within a part, `**` across parts).
    #[arg(long, value_name = "GLOB=MODE")]
    set_mode: Vec<String>,
    /// Set owner and group of all paths that a glob matches.
    #[arg(long, value_name = "GLOB=UID:GID")]
    set_owner: Vec<String>,
    /// Set an extended attribute on all paths that a glob matches; the value is text, or `base64:` and bytes.
    #[arg(long, value_name = "GLOB=NAME=VALUE")]
    set_xattr: Vec<String>,
    /// Set the time of all paths that a glob matches, in seconds since 1970.
    #[arg(long, value_name = "GLOB=SECONDS")]
    set_mtime: Vec<String>,
}

/// `UID:GID` as numbers.
pub(super) fn owner(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<u64>().ok())
            .flatten()
    };
    text.split_once(':')
        .and_then(|(uid, gid)| Some((number(uid)?, number(gid)?)))
        .ok_or_else(|| "give owner and group as numbers, 1000:1000 for example".into())
}

impl SetOptions {
    /// The rules in the order mode, owner, xattr, time; within each in the order given.
    pub(super) fn overrides(&self) -> anyhow::Result<Overrides> {
        let mut overrides = Overrides::default();
        let mut add = |flag: &str, text: &str, glob: &str, set: Result<Set, String>| {
            let set = set.map_err(|problem| anyhow!("{flag}={text}: {problem}"))?;
            overrides.push(Glob::new(glob, flag)?, set);
            anyhow::Ok(())
        };
        let split = |flag: &str, text: &str| {
            text.rsplit_once('=')
                .map(|(glob, value)| (glob.to_owned(), value.to_owned()))
                .ok_or_else(|| anyhow!("{flag}={text}: write a glob, `=` and a value"))
        };
        for text in &self.set_mode {
            let (glob, value) = split("--set-mode", text)?;
            add("--set-mode", text, &glob, mode(&value).map(Set::Mode))?;
        }
        for text in &self.set_owner {
            let (glob, value) = split("--set-owner", text)?;
            let set = owner(&value).map(|(uid, gid)| Set::Owner(uid, gid));
            add("--set-owner", text, &glob, set)?;
        }
        for text in &self.set_xattr {
            let flag = "--set-xattr";
            let (glob, name, value) = text
                .split_once('=')
                .and_then(|(glob, rest)| {
                    let (name, value) = rest.split_once('=')?;
                    Some((glob, name, value))
                })
                .ok_or_else(|| {
                    anyhow!("{flag}={text}: write a glob, `=`, a name, `=` and a value")
                })?;
            let set = xattr_value(value).map(|value| Set::Xattr(name.as_bytes().to_vec(), value));
            add(flag, text, glob, set)?;
        }
        for text in &self.set_mtime {
            let (glob, value) = split("--set-mtime", text)?;
            let set = value
                .parse()
                .map(Set::Mtime)
                .map_err(|_| "give seconds since 1970".to_owned());
            add("--set-mtime", text, &glob, set)?;
        }
        Ok(overrides)
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
    let encoding = options.output.encoding()?;
    let mut builder = options.output.builder(defaults);
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
    let layer = builder.finish()?;
    options.output.write(&layer, encoding)?;
    let done: String = layer
        .scrubbed()
        .iter()
        .map(|done| format!("{done}\n"))
        .collect();
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

impl OutputOptions {
    /// The output's name; it is only missing where nothing is written.
    fn path(&self) -> anyhow::Result<&Path> {
        let path = self.output.as_deref().context("name the output with -o")?;
        if path.as_os_str() == "-" {
            bail!("-o -: an output appears whole or not at all, so it must be a file; name one");
        }
        Ok(path)
    }

    /// Whether options are given that only matter where a layer is written.
    pub(super) fn any_for_layers(&self) -> bool {
        self.output.is_some()
            || self.compression.is_some()
            || self.level.is_some()
            || self.metadata.is_some()
    }

    pub(super) fn threads(&self) -> usize {
        match self.threads {
            Some(threads) => threads.into(),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// The compression that was asked for, or the one of the output's name.
    pub(super) fn encoding(&self) -> anyhow::Result<Encoding> {
        let path = self.path()?;
        let compression = match self.compression {
            Some(CompressionName::None) => Compression::None,
            Some(CompressionName::Gzip) => Compression::Gzip,
            Some(CompressionName::Zstd) => Compression::Zstd,
            None => match promise(path) {
                Promise::Gzip => Compression::Gzip,
                Promise::Zstd => Compression::Zstd,
                Promise::Tar | Promise::Nothing => Compression::None,
                Promise::Other(ending) => bail!(
                    "-o {}: the name promises {ending}, which is not written here; name it .tar, .tar.gz or .tar.zst, or say with --compression what goes into it",
                    printable_path(path)
                ),
            },
        };
        Ok(Encoding::new(compression, self.level)?)
    }

    /// A builder whose temporary files go where the output goes.
    pub(super) fn builder(&self, defaults: Defaults) -> Builder {
        let scratch = match &self.output {
            // There is no room beside a device.
            Some(path) if path.exists() && !path.is_file() => std::env::temp_dir(),
            Some(path) => match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            },
            None => std::env::temp_dir(),
        };
        let mut builder = Builder::new(defaults, scratch);
        builder.threads(self.threads());
        builder
    }

    /// Write the layer, and what is to be known about it.
    pub(super) fn write(&self, layer: &Layer, encoding: Encoding) -> anyhow::Result<()> {
        let path = self.path()?;
        let mut out = OutputFile::create(path)?;
        let progress = Bar::new(layer.stream_size());
        let summary = layer
            .write(encoding, self.threads(), &mut out, &|n| progress.add(n))
            .with_context(|| format!("cannot make {}", path.display()))?;
        drop(progress);
        let json = metadata(&summary).to_json()?;
        let beside = match &self.metadata {
            None => None,
            Some(path) => {
                let mut file = OutputFile::create(path)?;
                file.write_all(&json)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Some(file)
            }
        };
        out.commit()?;
        if let Some(file) = beside {
            file.commit()?;
        }
        let mut stdout = std::io::stdout().lock();
        match self.format {
            Format::Json => stdout.write_all(&json),
            Format::Text if stdout.is_terminal() => writeln!(
                stdout,
                "{}\n  digest   {}\n  diff_id  {}\n  {}, {} of them uncompressed, {}",
                printable_path(path),
                summary.digest,
                summary.diff_id,
                counted(summary.size, "byte"),
                summary.uncompressed_size,
                counted(layer.len(), "entry"),
            ),
            Format::Text => Ok(()),
        }
        .context("cannot write to standard output")
    }
}

/// What is recorded about a layer, in the form that images are built from.
fn metadata(summary: &Summary) -> LayerMetadata {
    let encoder = &summary.encoder;
    let mut parameters = BTreeMap::new();
    if let Some(block) = encoder.block {
        parameters.insert("block".to_owned(), block.into());
    }
    if let Some(settings) = encoder.settings {
        parameters.insert("setting".to_owned(), settings.data.into());
        parameters.insert("text_setting".to_owned(), settings.text.into());
        parameters.insert("packed_setting".to_owned(), settings.packed.into());
    }
    LayerMetadata::new(
        match summary.encoding.compression() {
            Compression::None => MediaType::OCI_LAYER,
            Compression::Gzip => MediaType::OCI_LAYER_GZIP,
            Compression::Zstd => MediaType::OCI_LAYER_ZSTD,
        },
        summary.digest,
        summary.size,
        summary.diff_id,
        Some(summary.uncompressed_size),
        Some(Encoder {
            name: encoder.name.to_owned(),
            version: encoder.version.map(str::to_owned),
            level: encoder.level.map(i64::from),
            parameters,
        }),
    )
}

/// A progress bar for people, once something takes longer than a second.
struct Bar {
    total: u64,
    done: Cell<u64>,
    begun: Instant,
    bar: RefCell<Option<indicatif::ProgressBar>>,
}

impl Bar {
    fn new(total: u64) -> Self {
        Self {
            total,
            done: Cell::new(0),
            begun: Instant::now(),
            bar: RefCell::new(None),
        }
    }

    fn add(&self, n: u64) {
        self.done.set(self.done.get() + n);
        if self.begun.elapsed() < Duration::from_secs(1) {
            return;
        }
        // Where standard error is no terminal, it draws nothing.
        let mut bar = self.bar.borrow_mut();
        bar.get_or_insert_with(|| {
            let style = indicatif::ProgressStyle::with_template(
                "{bytes:>11} of {total_bytes} {wide_bar} {bytes_per_sec}, {eta} left",
            )
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
            indicatif::ProgressBar::new(self.total).with_style(style)
        })
        .set_position(self.done.get());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get_mut() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners() {
        assert_eq!(owner("1:2").unwrap(), (1, 2));
        for bad in ["", "1", "a:b", "1:", "-1:0", "1:2:3", "+1:2"] {
            assert!(owner(bad).is_err(), "{bad}");
        }
    }
}
