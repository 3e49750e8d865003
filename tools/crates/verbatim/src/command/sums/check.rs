//! `verbatim sums check`: is a sums file well formed?

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::anyhow;
use serde::Serialize;
use verbatim_foreign::counted;
use verbatim_sums::{text, Reading, Subject, Sums};

use crate::colours::colours;
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::report_form::Format;
use crate::sums_file::{name, parse_text, read_record};

/// Is a sums file well formed, to the byte?
///
/// Every line must be 64 lower-case hexadecimal digits, two spaces, a reference or the name
/// of a file, and a line feed; in order, every name once. A JSON document beside it must say
/// the same.
///
/// Exit code 0: well formed; 1: the JSON document says something else; 2: malformed.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The sums file; `-` is standard input.
    #[arg(value_name = "SUMS")]
    sums: PathBuf,
    /// Accept what `sha256sum -c` accepts too: another order, equal lines, `*` before a name,
    /// no line feed at the end.
    #[arg(long)]
    lenient: bool,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The report of a check for machines.
#[derive(Debug, Serialize)]
struct CheckReport {
    schema: &'static str,
    verdict: &'static str,
    sums: String,
    json: Option<String>,
    images: usize,
    files: usize,
    problems: Vec<LineProblem>,
}

#[derive(Debug, Serialize)]
struct LineProblem {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    problem: String,
}

pub(super) fn run(options: Check) -> anyhow::Result<Outcome> {
    // First the document, which knows what each line is of.
    let record = read_record(&options.sums);
    let name = name(&options.sums);
    let mut report = CheckReport {
        schema: "verbatim.sums-check/1",
        verdict: "well-formed",
        sums: name.clone(),
        json: None,
        images: 0,
        files: 0,
        problems: Vec::new(),
    };
    let mut sentence = None;
    let reading = match &record {
        Ok(Some((record, _))) => Reading::Document(record),
        _ => Reading::Form,
    };
    let parsed = match parse_text(&options.sums, reading) {
        Ok(parsed) => Ok(parsed),
        // What could not be read is not malformed.
        Err(error) => Err(error.downcast::<text::Error>()?),
    };
    match parsed {
        Ok(parsed) => {
            report.images = count_images(&parsed.sums);
            report.files = parsed.sums.len() - report.images;
            for deviation in &parsed.deviations {
                report.problems.push(LineProblem {
                    line: Some(deviation.line),
                    column: None,
                    problem: deviation.what.to_owned(),
                });
            }
            if let (Some(first), false) = (parsed.deviations.first(), options.lenient) {
                report.verdict = "malformed";
                let more = match parsed.deviations.len() - 1 {
                    0 => String::new(),
                    more => format!(" (and {more} more)"),
                };
                sentence = Some(format!(
                    "{name}, {first}{more}; write it again with `verbatim sums merge`"
                ));
            } else {
                match &record {
                    Ok(None) => {}
                    Ok(Some((record, json_name))) => {
                        report.json = Some(json_name.clone());
                        if let Err(e) = record.check_against(&parsed.sums, json_name, &name) {
                            report.verdict = "disagrees";
                            report.problems.push(LineProblem {
                                line: None,
                                column: None,
                                problem: e.to_string(),
                            });
                        }
                    }
                    Err(e) => {
                        report.verdict = "malformed";
                        report.problems.push(LineProblem {
                            line: None,
                            column: None,
                            problem: format!("{e:#}"),
                        });
                        sentence = Some(format!("{e:#}"));
                    }
                }
            }
        }
        Err(error) => {
            report.verdict = "malformed";
            let (line, column) = match &error {
                text::Error::Line { line, column, .. } => (Some(*line), Some(*column)),
                _ => (None, None),
            };
            report.problems.push(LineProblem {
                line,
                column,
                problem: error.to_string(),
            });
            sentence = Some(error.to_string());
        }
    }
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text if sentence.is_none() => {
            let (good, bad) = colours();
            let colour = if report.verdict == "well-formed" {
                good
            } else {
                bad
            };
            let mut text = format!(
                "{name}: {colour}{}{colour:#}, {}, {}\n",
                report.verdict,
                counted(report.images, "image"),
                counted(report.files, "file")
            );
            for problem in &report.problems {
                match problem.line {
                    Some(line) => writeln!(text, "  line {line}: {}", problem.problem)?,
                    None => writeln!(text, "  {}", problem.problem)?,
                }
            }
            print(&text)?;
        }
        Format::Text => {}
    }
    match (sentence, report.verdict) {
        (Some(sentence), _) => Err(anyhow!(sentence)),
        (None, "disagrees") => Ok(Outcome::Different),
        _ => Ok(Outcome::Done),
    }
}

fn count_images(sums: &Sums) -> usize {
    sums.iter()
        .filter(|(subject, _)| matches!(subject, Subject::Image(_)))
        .count()
}
