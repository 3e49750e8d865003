//! `verbatim normalize --in-place`: the varying bits inside files.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::json;
use verbatim_foreign::{printable, printable_path};
use verbatim_normalize::{normalize_files, Report};

use super::Options;
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::report_form::Format;

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
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
    let done = InPlace::of(answers);
    match options.output.format {
        Format::Json => print_json(&done.json())?,
        Format::Text => print(&done.text(options.check, options.verbose))?,
    }
    let different = options.check && done.changed() > 0;
    // All files that can be normalised are, before those that cannot are told.
    let mut failed = done.failed.into_iter();
    if let Some(first) = failed.next() {
        failed.for_each(|error| eprintln!("verbatim: {error}"));
        return Err(first.into());
    }
    Ok(match different {
        true => Outcome::Different,
        false => Outcome::Done,
    })
}

/// What became of the files that were named.
struct InPlace {
    reports: Vec<Report>,
    failed: Vec<verbatim_normalize::Error>,
}

/// So many files of no known kind are named in one line.
const NAMED: usize = 10;

impl InPlace {
    fn of(answers: Vec<Result<Report, verbatim_normalize::Error>>) -> Self {
        let mut done = Self {
            reports: Vec::new(),
            failed: Vec::new(),
        };
        for answer in answers {
            match answer {
                Ok(report) => done.reports.push(report),
                Err(error) => done.failed.push(error),
            }
        }
        done
    }

    fn changed(&self) -> usize {
        self.reports
            .iter()
            .filter(|report| report.changed())
            .count()
    }

    /// The files that no handler knows.
    fn unknown(&self) -> impl Iterator<Item = &Report> {
        self.reports
            .iter()
            .filter(|report| report.handler.is_none())
    }

    fn normal(&self) -> usize {
        self.reports.len() - self.changed() - self.unknown().count()
    }

    fn text(&self, check: bool, verbose: bool) -> String {
        let mut text = String::new();
        for report in &self.reports {
            let path = printable_path(&report.path);
            let changes = match verbose {
                true => report
                    .changes
                    .iter()
                    .map(|c| printable(c).into_owned())
                    .collect(),
                false => grouped(&report.changes),
            };
            for change in changes {
                text.push_str(&format!("{path}: {change}\n"));
            }
            for note in &report.notes {
                text.push_str(&format!("{path}: note: {}\n", printable(note)));
            }
        }
        let unknown: Vec<_> = self.unknown().map(|r| printable_path(&r.path)).collect();
        if verbose {
            for path in &unknown {
                text.push_str(&format!("{path}: no handler knows this kind of file\n"));
            }
        } else if !unknown.is_empty() {
            let named = &unknown[..unknown.len().min(NAMED)];
            text.push_str(&format!("no handler knows: {}", named.join(", ")));
            if unknown.len() > NAMED {
                text.push_str(&format!(
                    " and {} more (-v names all)",
                    unknown.len() - NAMED
                ));
            }
            text.push('\n');
        }
        let mut counts = vec![
            match check {
                true => format!("{} would change", self.changed()),
                false => format!("{} changed", self.changed()),
            },
            format!("{} normal already", self.normal()),
            format!("{} of no known kind", unknown.len()),
        ];
        if !self.failed.is_empty() {
            counts.push(format!("{} failed", self.failed.len()));
        }
        let files = match self.reports.len() + self.failed.len() {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        text.push_str(&format!("{files}: {}\n", counts.join(", ")));
        text
    }

    fn json(&self) -> serde_json::Value {
        let files: Vec<_> = self
            .reports
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
        json!({
            "schema": "verbatim.normalize/1",
            "verdict": match (self.changed(), self.failed.len()) {
                (0, 0) => "equal",
                (0, _) => "unchecked",
                _ => "different",
            },
            "counts": {
                "changed": self.changed(),
                "normal": self.normal(),
                "unknown": self.unknown().count(),
                "failed": self.failed.len(),
            },
            "files": files,
            "failed": self.failed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

/// All changes of a file in one line; those inside of an archive by their kinds, counted.
fn grouped(changes: &[String]) -> Vec<String> {
    let mut own = Vec::new();
    let mut inside: BTreeMap<&str, usize> = BTreeMap::new();
    for change in changes {
        match change.rsplit_once(": ") {
            Some((_, what)) => *inside.entry(what).or_default() += 1,
            None => own.push(printable(change).into_owned()),
        }
    }
    own.extend(inside.into_iter().map(|(what, count)| match count {
        1 => format!("{} in 1 entry", printable(what)),
        count => format!("{} in {count} entries", printable(what)),
    }));
    match own.is_empty() {
        true => own,
        false => vec![own.join(", ")],
    }
}
