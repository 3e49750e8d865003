//! The report, for people.

use std::fmt::Write as _;
use std::io::IsTerminal;

use clap::builder::styling::Style;
use indicatif::{ProgressBar, ProgressStyle};
use verbatim_foreign::printable;
use verbatim_verify::{Finding, Report, Verdict};

use super::Options;
use crate::colours::colours;
use crate::printing::print;
use crate::printing::print_json;
use crate::report_form::Format;

/// How many places of one finding are named.
const MAX_PLACES: usize = 3;

/// A bar that counts things.
pub(super) fn progress(count: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) = ProgressStyle::with_template("verifying {wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Print the report.
pub(super) fn show(report: &Report, options: &Options) -> anyhow::Result<()> {
    if let Format::Json = options.format {
        return print_json(report);
    }
    let (good, bad) = colours();
    let mut text = String::new();
    let verdicts = report
        .results
        .iter()
        .map(|f| f.verdict.as_str().len())
        .max()
        .unwrap_or(0);
    let names = report
        .results
        .iter()
        .map(|f| printable(&f.reference).chars().count())
        .max()
        .unwrap_or(0)
        .min(100);
    let is_harmless = |finding: &Finding| finding.is_harmless(&options.accept);
    // What has to be read stands at the end, where the eye and the terminal are.
    let (harmless, others): (Vec<_>, Vec<_>) = report.results.iter().partition(|f| is_harmless(f));
    for finding in harmless {
        let mut line = first_line(finding, good, verdicts, names);
        if !finding.reasons.is_empty() {
            write!(line, "  {}", printable(&finding.reasons.join("; ")))?;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for finding in others {
        text.push_str(first_line(finding, bad, verdicts, names).trim_end());
        text.push('\n');
        for reason in &finding.reasons {
            writeln!(text, "{:verdicts$}  {}", "", printable(reason))?;
        }
        if let (Some(expected), Some(actual)) = (finding.expected, finding.actual) {
            if expected != actual {
                writeln!(text, "{:verdicts$}  released {expected}", "")?;
                writeln!(text, "{:verdicts$}  found    {actual}", "")?;
            }
        }
        if !finding.places.is_empty() {
            let some: Vec<_> = finding
                .places
                .iter()
                .take(MAX_PLACES)
                .map(|place| printable(place))
                .collect();
            let more = finding.count.unwrap_or(0).saturating_sub(some.len());
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            writeln!(text, "{:verdicts$}  in {}{more}", "", some.join(", "))?;
        }
    }
    let counts: Vec<_> = report
        .counts()
        .into_iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    let colour = if report.verdict == Verdict::Identical {
        good
    } else {
        bad
    };
    writeln!(
        text,
        "{colour}{}{colour:#}",
        if counts.is_empty() {
            "nothing to compare".to_owned()
        } else {
            counts.join(", ")
        }
    )?;
    for note in &report.notes {
        writeln!(text, "note: {}", printable(note))?;
    }
    print(&text)
}

/// Verdict, name, the first digits of what was found, and how often.
fn first_line(finding: &Finding, colour: Style, verdicts: usize, names: usize) -> String {
    let digest = finding
        .actual
        .or(finding.expected)
        .map_or(String::new(), |d| d.hex()[..12].to_owned());
    let mut line = format!(
        "{colour}{:verdicts$}{colour:#}  {:names$}  {digest:12}",
        finding.verdict.as_str(),
        printable(&finding.reference),
    );
    if let Some(count) = finding.count {
        // Writing to a string cannot fail.
        let _ = write!(line, "  {count}×");
    }
    line
}
