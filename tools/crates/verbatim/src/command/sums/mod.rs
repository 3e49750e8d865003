//! `verbatim sums`: the sums of a release.

mod check;
mod compare;
mod create;
mod merge;
mod update;

use std::path::{Path, PathBuf};

use anyhow::bail;
use verbatim_sums::{text, Record, Sums};

use crate::files::{write_all, Writing};
use crate::outcome::Outcome;
use crate::printing::print_with;
use crate::report_form::Format;
use crate::sums_file::beside;

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
    Create(Box<create::Create>),
    Merge(merge::Merge),
    Check(check::Check),
    Compare(compare::Compare),
    Update(update::Update),
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    match options.command {
        Command::Create(options) => create::run(*options),
        Command::Merge(options) => merge::run(options),
        Command::Check(options) => check::run(options),
        Command::Compare(options) => compare::run(options),
        Command::Update(options) => update::run(options),
    }
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
