//! For a terminal: the causes at a glance, then the tree.

use std::fmt::Write as _;

use super::{printable, relative, View};
use crate::report::{CauseReport, Difference, ExcerptReport, Kind, Report, Verdict};

/// Paths that are named beside a cause.
const PATHS: usize = 3;
/// Lines of an excerpt on each side.
const LINES: usize = 6;
/// Characters of a line of an excerpt.
const WIDTH: usize = 100;

struct Paint {
    on: bool,
}

impl Paint {
    fn wrap(&self, code: &str, text: &str) -> String {
        if self.on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn red(&self, text: &str) -> String {
        self.wrap("31", text)
    }

    fn green(&self, text: &str) -> String {
        self.wrap("32", text)
    }

    fn dim(&self, text: &str) -> String {
        self.wrap("2", text)
    }
}

/// The report as text. Whatever comes from the two sides is escaped.
pub fn text(report: &Report, view: &View) -> String {
    let paint = Paint { on: view.colour };
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, report, view, &paint);
    out
}

fn write(out: &mut String, report: &Report, view: &View, paint: &Paint) -> std::fmt::Result {
    let (left, right) = (printable(&report.left.name), printable(&report.right.name));
    if report.verdict == Verdict::Equal {
        writeln!(out, "{}: {left} and {right}", paint.green("equal"))?;
    } else {
        writeln!(
            out,
            "{}: {left} and {right}",
            paint.bold(&paint.red("different"))
        )?;
    }
    let causes: Vec<&CauseReport> = report
        .causes
        .iter()
        .filter(|cause| view.only.is_empty() || view.only.contains(&cause.id))
        .collect();
    for cause in &causes {
        writeln!(out)?;
        summary(out, cause, paint)?;
    }
    if !report.differences.is_empty() {
        writeln!(out)?;
        for difference in &report.differences {
            tree(out, difference, "", 0, view, paint)?;
        }
    }
    if let Some(left_out) = report.left_out {
        writeln!(
            out,
            "\nand {left_out} more differences, which are not listed"
        )?;
    }
    for note in &report.notes {
        writeln!(out, "note: {}", printable(note))?;
    }
    Ok(())
}

fn summary(out: &mut String, cause: &CauseReport, paint: &Paint) -> std::fmt::Result {
    let count = match cause.count {
        1 => "1 place".to_owned(),
        n => format!("{n} places"),
    };
    let ignored = if cause.ignored { ", ignored" } else { "" };
    write!(
        out,
        "{}  {}",
        paint.bold(cause.id.id()),
        paint.dim(&format!("({count}{ignored})"))
    )?;
    let some: Vec<String> = cause
        .paths
        .iter()
        .take(PATHS)
        .map(|path| printable(path))
        .collect();
    let more = cause.count.saturating_sub(some.len() as u64);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    writeln!(out, "  {}{more}", some.join(", "))?;
    if let Some(evidence) = cause.evidence.first() {
        writeln!(out, "    {}", printable(evidence))?;
    }
    writeln!(out, "    {} {}", paint.green("fix:"), cause.fix)
}

fn tree(
    out: &mut String,
    difference: &Difference,
    parent: &str,
    level: usize,
    view: &View,
    paint: &Paint,
) -> std::fmt::Result {
    if !view.shows(difference) || view.depth.is_some_and(|depth| level >= depth) {
        return Ok(());
    }
    let indent = "  ".repeat(level);
    let mark = match difference.kind {
        Kind::Changed => "~",
        Kind::Added => "+",
        Kind::Removed => "-",
        Kind::Moved => ">",
        Kind::NotExamined => "?",
    };
    let format = difference
        .format
        .map(|format| format!("  [{format}]"))
        .unwrap_or_default();
    writeln!(
        out,
        "{indent}{mark} {}{}",
        paint.bold(&printable(relative(&difference.path, parent))),
        paint.dim(&format)
    )?;
    let shown = |cause| view.only.is_empty() || view.only.contains(&cause);
    for finding in difference.findings.iter().filter(|f| shown(f.cause)) {
        let at = if finding.at.is_empty() {
            String::new()
        } else {
            format!(" at {}", printable(&finding.at))
        };
        writeln!(
            out,
            "{indent}    {}{at}: {}",
            finding.cause.id(),
            printable(&finding.evidence)
        )?;
    }
    for excerpt in difference.excerpts.iter().take(2) {
        sides(out, excerpt, &indent, paint)?;
    }
    if difference.more {
        writeln!(out, "{indent}    {}", paint.dim("… and more"))?;
    }
    for child in &difference.children {
        tree(out, child, &difference.path, level + 1, view, paint)?;
    }
    Ok(())
}

fn sides(
    out: &mut String,
    excerpt: &ExcerptReport,
    indent: &str,
    paint: &Paint,
) -> std::fmt::Result {
    writeln!(out, "{indent}    {}", paint.dim(&printable(&excerpt.at)))?;
    for (mark, side, red) in [("-", &excerpt.left, true), ("+", &excerpt.right, false)] {
        for line in lines(side, excerpt.encoding) {
            let line = format!("{mark} {line}");
            let line = if red {
                paint.red(&line)
            } else {
                paint.green(&line)
            };
            writeln!(out, "{indent}    {line}")?;
        }
    }
    Ok(())
}

fn lines(side: &str, encoding: &str) -> Vec<String> {
    let all: Vec<String> = if encoding == "hex" {
        side.as_bytes()
            .chunks(64)
            .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
            .collect()
    } else {
        side.lines().map(printable).collect()
    };
    let cut = all.len() > LINES;
    let mut lines: Vec<String> = all
        .into_iter()
        .take(LINES)
        .map(|line| match line.char_indices().nth(WIDTH) {
            Some((at, _)) => format!("{}…", &line[..at]),
            None => line,
        })
        .collect();
    if cut {
        lines.push("…".into());
    }
    lines
}
