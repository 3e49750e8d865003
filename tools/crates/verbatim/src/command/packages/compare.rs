//! `verbatim packages compare`: what differs between two locks.

use std::path::PathBuf;

use serde::Serialize;
use verbatim_foreign::counted;
use verbatim_packages::Lock;

use super::{shown, Changed};
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::report_form::Format;

/// Tell what differs between two locks.
///
/// Exit code 0: they name the same packages; 1: they do not. + added, - removed, ~ another version,
/// ! other bytes under one version.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  What an update brings:
    verbatim packages compare published.lock.json image.lock.json")]
pub struct Options {
    /// The older lock.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The newer lock.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    schema: &'static str,
    verdict: &'static str,
    changes: Vec<Changed<'a>>,
}

pub(super) fn run(options: Options) -> anyhow::Result<Outcome> {
    let (old, new) = (Lock::read(&options.old)?, Lock::read(&options.new)?);
    let changes = old.changes(&new);
    match options.format {
        Format::Json => print_json(&Report {
            schema: "verbatim.packages-compare/1",
            verdict: if changes.is_empty() {
                "equal"
            } else {
                "different"
            },
            changes: changes.iter().map(Changed::from).collect(),
        })?,
        Format::Text => {
            let mut text: String = changes.iter().map(shown).collect();
            text.push_str(&match changes.len() {
                0 => format!("the same {}\n", counted(new.packages.len(), "package")),
                count => format!("{}\n", counted(count, "change")),
            });
            print(&text)?;
        }
    }
    Ok(if changes.is_empty() {
        Outcome::Done
    } else {
        Outcome::Different
    })
}
