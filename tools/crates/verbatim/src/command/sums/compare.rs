//! `verbatim sums compare`: two sums files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use verbatim_foreign::printable;
use verbatim_sums::{compare, text, Change, Subject, Sums};

use crate::colours::colours;
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::report_form::Format;
use crate::sums_file::read_text;

/// Compare the sums that are expected with those that are there.
///
/// Exit code 0: they say the same; 1: something differs, is missing or is extra.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Do my sources give what was published?
    verbatim sums compare published.sha256 \\
      bazel-bin/release/container_sums.sha256")]
pub struct Compare {
    /// What should be there; `-` is standard input.
    #[arg(value_name = "EXPECTED")]
    expected: PathBuf,
    /// What is there.
    #[arg(value_name = "ACTUAL")]
    actual: PathBuf,
    /// What to run to accept a difference; printed with one.
    #[arg(long, value_name = "TEXT")]
    update_command: Option<String>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The report of a comparison for machines.
#[derive(Debug, Serialize)]
struct CompareReport {
    schema: &'static str,
    verdict: &'static str,
    results: Vec<CompareResult>,
}

#[derive(Debug, Serialize)]
struct CompareResult {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    verdict: &'static str,
}

pub(super) fn run(options: Compare) -> anyhow::Result<Outcome> {
    let read = |path: &Path| -> anyhow::Result<(Sums, String)> {
        let (data, name) = read_text(path)?;
        Ok((text::parse(&data, &name)?.sums, name))
    };
    let (expected, expected_name) = read(&options.expected)?;
    let (actual, actual_name) = read(&options.actual)?;
    let changes = compare(&expected, &actual);
    let outcome = if changes.is_empty() {
        Outcome::Done
    } else {
        Outcome::Different
    };
    match options.format {
        Format::Json => {
            let report = compare_report(&expected, &actual, &changes);
            print_json(&report)?;
        }
        Format::Text if changes.is_empty() => print(&match actual.len() {
            1 => format!("{actual_name}: the one sum is that of {expected_name}\n"),
            many => format!("{actual_name}: the {many} sums are those of {expected_name}\n"),
        })?,
        Format::Text => {
            let mut text = difference(&expected_name, &actual_name, &changes);
            if let Some(command) = &options.update_command {
                writeln!(text, "To accept what is there now, run: {command}")?;
            }
            print(&text)?;
        }
    }
    Ok(outcome)
}

fn compare_report(expected: &Sums, actual: &Sums, changes: &[Change]) -> CompareReport {
    let mut results: Vec<(&Subject, CompareResult)> = changes
        .iter()
        .map(|change| {
            let (expected, actual, verdict) = match change {
                Change::Missing { expected, .. } => (Some(expected), None, "missing"),
                Change::Extra { actual, .. } => (None, Some(actual), "extra"),
                Change::Different {
                    expected, actual, ..
                } => (Some(expected), Some(actual), "different"),
            };
            let result = CompareResult {
                reference: change.subject().to_string(),
                expected: expected.map(ToString::to_string),
                actual: actual.map(ToString::to_string),
                verdict,
            };
            (change.subject(), result)
        })
        .collect();
    for (subject, digest) in expected.iter() {
        if actual.get(subject) == Some(digest) {
            let result = CompareResult {
                reference: subject.to_string(),
                expected: Some(digest.to_string()),
                actual: Some(digest.to_string()),
                verdict: "identical",
            };
            results.push((subject, result));
        }
    }
    results.sort_by(|a, b| a.0.cmp(b.0));
    CompareReport {
        schema: "verbatim.sums-compare/1",
        verdict: if changes.is_empty() {
            "equal"
        } else {
            "different"
        },
        results: results.into_iter().map(|(_, result)| result).collect(),
    }
}

/// The lines that differ, as `diff -u` shows them, and how many there are of each kind.
fn difference(expected_name: &str, actual_name: &str, changes: &[Change]) -> String {
    let (good, bad) = colours();
    let mut text = format!("--- {expected_name}\n+++ {actual_name}\n");
    let mut counts = [0; 3];
    // Writing to a string cannot fail.
    for change in changes {
        let subject = change.subject().in_text();
        let subject = printable(&subject);
        let (kind, expected, actual) = match change {
            Change::Different {
                expected, actual, ..
            } => (0, Some(expected), Some(actual)),
            Change::Missing { expected, .. } => (1, Some(expected), None),
            Change::Extra { actual, .. } => (2, None, Some(actual)),
        };
        counts[kind] += 1;
        if let Some(digest) = expected {
            let _ = writeln!(text, "{bad}-{}  {}{bad:#}", digest.hex(), subject);
        }
        if let Some(digest) = actual {
            let _ = writeln!(text, "{good}+{}  {}{good:#}", digest.hex(), subject);
        }
    }
    let _ = writeln!(
        text,
        "{} different, {} missing, {} extra",
        counts[0], counts[1], counts[2]
    );
    text
}
