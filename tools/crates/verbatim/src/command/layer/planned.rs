//! Several layers, by component.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail, Context};
use verbatim_archive::{Contents, Encoding, Glob};
use verbatim_components::{Declared, Inventory};
use verbatim_foreign::{counted, printable, printable_bytes, printable_path};
use verbatim_layering::{layers, picture, Budget, Parts, Plan, Report};
use verbatim_oci::layout::layer_names;
use verbatim_oci::{json, LayerMetadata};
use verbatim_output::{OutputDir, OutputFile};

use crate::layer_output::{media_ending, metadata, OutputOptions};
use crate::printing::print;
use crate::progress::LayerBar;
use crate::report_form::Format;

/// More layers than this no engine takes.
const MOST_LAYERS: i64 = 127;

/// Several layers, so that a release costs only what changed.
#[derive(Debug, clap::Args)]
pub struct PlanOptions {
    /// Make at most N layers instead of one, by component: packages of Debian, RPM and Alpine, of Python
    /// and npm, programs of Go and Cargo. OUT is a folder then, with a blob and its metadata for each.
    #[arg(long, value_name = "N", requires = "plan", value_parser = clap::value_parser!(u16).range(1..=MOST_LAYERS))]
    layers: Option<u16>,
    /// Write down which component went into which layer, for the next release.
    #[arg(long, value_name = "PLAN", requires = "layers")]
    plan: Option<PathBuf>,
    /// The plan of the release before: what did not change keeps its layer to the last byte.
    #[arg(long, value_name = "PLAN", requires = "layers")]
    previous: Option<PathBuf>,
    /// Paths that belong together, with all below them; may be given many times, and of several that
    /// name a path the first counts. They count for more than any database.
    #[arg(long = "component", value_name = "NAME=GLOB", requires = "layers")]
    components: Vec<String>,
    /// Put nothing more into a layer that would have more bytes than this, uncompressed, as long as N
    /// allows it.
    #[arg(
        long,
        value_name = "BYTES",
        requires = "layers",
        default_value_t = 1 << 30
    )]
    largest_layer: u64,
    /// Draw the layers, and what of the release before they keep, as a picture.
    #[arg(long, value_name = "FILE", requires = "layers")]
    svg: Option<PathBuf>,
}

impl PlanOptions {
    /// Whether there are to be several layers.
    pub fn is_asked(&self) -> bool {
        self.layers.is_some()
    }

    /// The files that are written beside the layers.
    pub fn outputs(&self) -> impl Iterator<Item = &Path> {
        self.plan.iter().chain(&self.svg).map(PathBuf::as_path)
    }

    fn declared(&self) -> anyhow::Result<Vec<Declared>> {
        let mut declared: Vec<Declared> = Vec::new();
        for text in &self.components {
            let Some((name, glob)) = text.rsplit_once('=').filter(|(name, _)| !name.is_empty())
            else {
                bail!("--component={text} is not of the form NAME=GLOB; write for example model=/opt/model");
            };
            declared.push(Declared {
                name: name.to_owned(),
                version: None,
                paths: vec![Glob::new(glob, "--component")?],
            });
        }
        Ok(declared)
    }

    /// Make the layers, and write down what went where.
    pub fn run(
        &self,
        output: &OutputOptions,
        contents: Contents,
        encoding: Encoding,
    ) -> anyhow::Result<()> {
        let previous = self.previous.as_deref().map(Plan::read).transpose()?;
        let inventory = Inventory::read(&contents, &self.declared()?)?;
        for unread in &inventory.unread {
            let path = printable_bytes(&unread.path);
            tell(&format!(
                "{path}: {}; what it accounts for is grouped by its folder\n",
                printable(&unread.why)
            ))?;
        }
        let contents = Arc::new(contents);
        let parts = Parts::of(&contents, &inventory)?;
        if parts.is_empty() {
            bail!("there is nothing to make layers of; name a directory or an archive that holds something");
        }
        let budget = Budget {
            layers: self.layers.map_or(1, usize::from),
            largest: self.largest_layer,
        };
        let grouping = layers(&parts, previous.as_ref(), budget);
        let folder = OutputDir::create(output.path()?)?;
        let mut all: Vec<LayerMetadata> = Vec::new();
        for (number, members) in grouping.layers.iter().enumerate() {
            let layer = parts.layer(&contents, members);
            let names = layer_names(number, media_ending(encoding));
            let path = folder.partial().join(&names.blob);
            let failed = || format!("cannot write {}", printable_path(&path));
            let mut out = BufWriter::new(File::create(&path).with_context(failed)?);
            let progress = LayerBar::new(layer.stream_size());
            let summary = layer
                .write(encoding, output.threads(), &mut out, &|n| progress.add(n))
                .with_context(|| {
                    format!(
                        "cannot make layer {} of {}",
                        number + 1,
                        output.path().map_or("".into(), printable_path)
                    )
                })?;
            drop(progress);
            out.flush().with_context(failed)?;
            let metadata = metadata(&summary);
            verbatim_output::write(folder.partial().join(&names.metadata), &metadata.to_json()?)?;
            all.push(metadata);
        }
        let lines: Vec<Vec<u8>> = all
            .iter()
            .map(LayerMetadata::to_json)
            .collect::<Result<_, _>>()?;
        let plan = grouping.plan(&parts, budget, all);
        let report = Report::of(&plan, previous.as_ref());
        // All is written before anything is put in place.
        let beside = [
            beside(output.metadata_path(), || Ok(lines.concat()))?,
            beside(self.plan.as_deref(), || Ok(plan.to_json()?))?,
            beside(self.svg.as_deref(), || {
                Ok(picture(&plan, previous.as_ref()).into_bytes())
            })?,
        ];
        folder.commit()?;
        for file in beside.into_iter().flatten() {
            file.commit()?;
        }
        match output.format {
            Format::Json => {
                let json = json::to_canonical_line(&report)?;
                print(&String::from_utf8(json).map_err(|_| anyhow!("JSON is text"))?)
            }
            // It is for people: in a build nobody asked for it.
            Format::Text if !std::io::stderr().is_terminal() => Ok(()),
            Format::Text => tell(&format!(
                "{}, {}\n{}",
                counted(parts.len(), "component"),
                counted(grouping.layers.len(), "layer"),
                report.to_text()
            )),
        }
    }
}

/// A file that is asked for, written and not yet in place.
fn beside(
    path: Option<&Path>,
    content: impl FnOnce() -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Option<OutputFile>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let mut file = OutputFile::create(path)?;
    file.write_all(&content()?)
        .with_context(|| format!("cannot write {}", printable_path(path)))?;
    Ok(Some(file))
}

fn tell(text: &str) -> anyhow::Result<()> {
    std::io::stderr()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write to standard error")
}
