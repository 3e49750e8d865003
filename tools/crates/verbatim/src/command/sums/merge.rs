//! `verbatim sums merge`: several sums files as one.

use std::path::PathBuf;

use anyhow::bail;
use verbatim_foreign::printable_path;
use verbatim_sums::{Record, Sums};

use super::Output;
use crate::outcome::Outcome;
use crate::report_form::Format;
use crate::sums_file::{load, name};

/// Put several sums files together into one.
///
/// Equal lines become one; one name with two digests is an error that names both files. The
/// JSON document is merged too, if every input has one beside it that agrees with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  verbatim sums merge containers.sha256 files.sha256 -o release.sha256")]
pub struct Merge {
    /// Sums files; `-` is standard input.
    #[arg(value_name = "SUMS", required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(options: Merge) -> anyhow::Result<Outcome> {
    let mut sums = Sums::new();
    let mut documents = Vec::new();
    let mut without = None;
    for input in &options.inputs {
        let (more, document) = load(input)?.agreed()?;
        match document {
            Some(document) if without.is_none() => documents.push(document),
            Some(_) => {}
            None => {
                // They may be large, and none will be written.
                documents.clear();
                without.get_or_insert_with(|| name(input));
            }
        }
        sums.merge(more)?;
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
