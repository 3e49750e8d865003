//! A layer as output of a command: its name, its compression, and what is recorded beside it.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{bail, Context};
use verbatim_archive::{Builder, Compression, Defaults, Encoding, Layer, Summary};
use verbatim_foreign::{counted, printable, printable_path};
use verbatim_oci::{Encoder, LayerMetadata, MediaType};
use verbatim_output::{promise, OutputFile, Promise};

use crate::files::{check_distinct, folder, real};
use crate::progress::LayerBar;
use crate::report_form::Format;
use crate::threads::threads;

/// What `layer` and `normalize` write.
#[derive(Debug, clap::Args)]
pub struct OutputOptions {
    /// How to compress. By default what the name of the output says (.tar, .tar.gz or .tgz, .tar.zst or
    /// .tzst), and not at all where it has no ending or is a device. A name with another ending needs this
    /// option, and with it any name goes.
    #[arg(long, value_name = "KIND")]
    compression: Option<CompressionName>,
    /// The level: gzip 1 to 9 (6 by default), zstd 1 to 19 (3 by default).
    #[arg(long, value_name = "N")]
    level: Option<i32>,
    /// How many threads to use; the bytes never depend on it. By default as many as there are cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Write what is to be known about the layer (digest, diff_id, sizes, encoder) to this file as JSON;
    /// of several layers one object a line.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    /// What to print: text on a terminal, or the metadata as JSON.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
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

impl From<CompressionName> for Compression {
    fn from(name: CompressionName) -> Self {
        match name {
            CompressionName::None => Self::None,
            CompressionName::Gzip => Self::Gzip,
            CompressionName::Zstd => Self::Zstd,
        }
    }
}

impl OutputOptions {
    /// The output's name; it is only missing where nothing is written.
    pub fn path(&self) -> anyhow::Result<&Path> {
        let path = self.output.as_deref().context("name the output with -o")?;
        if path.as_os_str() == "-" {
            bail!("-o -: an output appears whole or not at all, so it must be a file; name one");
        }
        Ok(path)
    }

    /// The file for what is to be known, if one is asked for.
    pub fn metadata_path(&self) -> Option<&Path> {
        self.metadata.as_deref()
    }

    /// Whether options are given that only matter where a layer is written.
    pub fn any_for_layers(&self) -> bool {
        self.output.is_some()
            || self.compression.is_some()
            || self.level.is_some()
            || self.metadata.is_some()
    }

    pub fn threads(&self) -> usize {
        threads(self.threads)
    }

    /// The compression that was asked for, or the one of the output's name.
    pub fn encoding(&self) -> anyhow::Result<Encoding> {
        let path = self.path()?;
        check_distinct([path].into_iter().chain(self.metadata.as_deref()))?;
        let compression = match self.compression {
            Some(name) => name.into(),
            None => match promise(path) {
                Promise::Gzip => Compression::Gzip,
                Promise::Zstd => Compression::Zstd,
                Promise::Tar | Promise::Nothing => Compression::None,
                Promise::Unknown(ending) => bail!(
                    "-o {}: what is to be in it {ending} does not say; name it .tar, .tar.gz or .tar.zst, or say it with --compression",
                    printable_path(path),
                    ending = printable(&ending)
                ),
                Promise::Other(ending) => bail!(
                    "-o {}: the name promises {ending}, which is not written here; name it .tar, .tar.gz or .tar.zst, or say with --compression what goes into it",
                    printable_path(path),
                    ending = printable(&ending)
                ),
            },
        };
        Ok(Encoding::new(compression, self.level)?)
    }

    /// The compression of layers in a folder, whose name promises nothing.
    pub fn encoding_in_folder(&self) -> anyhow::Result<Encoding> {
        let path = self.path()?;
        // A dot in the name of a folder is no ending.
        if !matches!(promise(path), Promise::Nothing | Promise::Unknown(_)) {
            bail!(
                "-o {}: with --layers it is a folder, and the name is that of a file; name a folder",
                printable_path(path)
            );
        }
        check_distinct([path].into_iter().chain(self.metadata.as_deref()))?;
        let compression = self.compression.map_or(Compression::Gzip, Into::into);
        Ok(Encoding::new(compression, self.level)?)
    }

    /// Where temporary files go: where the output goes.
    pub fn scratch(&self) -> PathBuf {
        match &self.output {
            Some(path) if path.is_file() || !path.exists() => folder(path).to_owned(),
            // There is no room beside a device.
            _ => std::env::temp_dir(),
        }
    }

    /// A builder whose temporary files go where the output goes, and which keeps that, and `more` that
    /// is written, out of the layer.
    pub fn builder<'a>(
        &'a self,
        defaults: Defaults,
        more: impl Iterator<Item = &'a Path>,
    ) -> Builder {
        let mut builder = Builder::new(defaults, self.scratch());
        let outputs = self
            .output
            .iter()
            .chain(&self.metadata)
            .map(PathBuf::as_path);
        builder.outputs(outputs.chain(more).filter_map(real).collect());
        builder.threads(self.threads());
        builder
    }

    /// Write the layer, and what is to be known about it.
    pub fn write(&self, layer: &Layer, encoding: Encoding) -> anyhow::Result<()> {
        let path = self.path()?;
        let mut out = OutputFile::create(path)?;
        let progress = LayerBar::new(layer.stream_size());
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

/// What the name of a layer's blob ends with.
pub fn media_ending(encoding: Encoding) -> &'static str {
    match encoding.compression() {
        Compression::None => ".tar",
        Compression::Gzip => ".tar.gz",
        Compression::Zstd => ".tar.zst",
    }
}

/// What is recorded about a layer, in the form that images are built from.
pub fn metadata(summary: &Summary) -> LayerMetadata {
    let encoder = &summary.encoder;
    let mut parameters = BTreeMap::new();
    if let Some(cut) = encoder.cut {
        parameters.insert("cut".to_owned(), cut.rule.into());
        parameters.insert("largest_block".to_owned(), cut.largest.into());
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
