//! For a terminal: the causes at a glance, then the tree.

use std::fmt::Write as _;

use verbatim_causes::Side;
use verbatim_foreign::printable;

use super::{blocks, relative, View};
use crate::report::{CauseReport, Difference, ExcerptReport, Kind, Report, Verdict, OPEN};

/// Paths that are named beside a cause.
const PATHS: usize = 3;
/// Lines of a value or of bytes, on each side, and of a unified diff.
const LINES: usize = 6;
const UNIFIED: usize = 20;
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

    fn side(&self, side: Side, text: &str) -> String {
        match side {
            Side::Both => text.to_owned(),
            Side::Left => self.red(text),
            Side::Right => self.green(text),
        }
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
    let some: Vec<_> = cause
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
    if !difference.follows_from.is_empty() {
        writeln!(
            out,
            "{indent}    {} {}",
            paint.dim("follows from"),
            follows_from(difference)
        )?;
    }
    for excerpt in difference.excerpts.iter().take(2) {
        if excerpt.unified.is_empty() {
            sides(out, excerpt, &indent, paint)?;
        } else {
            unified(out, excerpt, &indent, paint)?;
        }
    }
    if difference.more {
        writeln!(out, "{indent}    {}", paint.dim("… and more"))?;
    }
    for child in &difference.children {
        tree(out, child, &difference.path, level + 1, view, paint)?;
    }
    Ok(())
}

/// What a difference follows from, in one line.
fn follows_from(difference: &Difference) -> String {
    let from = &difference.follows_from;
    let some: Vec<_> = from
        .iter()
        .take(PATHS)
        .map(|path| printable(path))
        .collect();
    match from.len().saturating_sub(some.len()) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

/// Lines of both sides, one below the other.
fn unified(
    out: &mut String,
    excerpt: &ExcerptReport,
    indent: &str,
    paint: &Paint,
) -> std::fmt::Result {
    writeln!(out, "{indent}    {}", paint.dim(&printable(&excerpt.at)))?;
    let shown = &excerpt.unified[..excerpt.unified.len().min(UNIFIED)];
    for block in blocks(shown) {
        let sides = [
            (block.both, &[][..]),
            (block.left, block.right),
            (block.right, block.left),
        ];
        for (own, other) in sides {
            for (n, line) in own.iter().enumerate() {
                let other = other.get(n).map(|line| line.text.as_str());
                let text = format!("{}{}", line.side.mark(), near(&line.text, other));
                writeln!(out, "{indent}    {}", paint.side(line.side, &text))?;
                if line.open {
                    writeln!(out, "{indent}    {}", paint.dim(OPEN))?;
                }
            }
        }
    }
    if excerpt.unified.len() > UNIFIED {
        writeln!(out, "{indent}    {}", paint.dim("…"))?;
    }
    Ok(())
}

/// Values or bytes of both sides.
fn sides(
    out: &mut String,
    excerpt: &ExcerptReport,
    indent: &str,
    paint: &Paint,
) -> std::fmt::Result {
    writeln!(out, "{indent}    {}", paint.dim(&printable(&excerpt.at)))?;
    let left = lines(&excerpt.left, excerpt.encoding);
    let right = lines(&excerpt.right, excerpt.encoding);
    for (side, own, other) in [(Side::Left, &left, &right), (Side::Right, &right, &left)] {
        let mark = side.mark();
        for (n, line) in own.iter().take(LINES).enumerate() {
            let text = format!("{mark}{}", near(line, other.get(n).copied()));
            writeln!(out, "{indent}    {}", paint.side(side, &text))?;
        }
        if own.len() > LINES {
            writeln!(out, "{indent}    {}", paint.side(side, &format!("{mark}…")))?;
        }
    }
    Ok(())
}

fn lines<'a>(side: &'a str, encoding: &str) -> Vec<&'a str> {
    if encoding != "hex" {
        return side.lines().collect();
    }
    let mut lines = Vec::new();
    let mut rest = side;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        lines.push(line);
        rest = after;
    }
    lines
}

/// A line, escaped, no wider than fits: around the first character that its counterpart has not.
fn near(line: &str, counterpart: Option<&str>) -> String {
    let line = printable(line).into_owned();
    let length = line.chars().count();
    if length <= WIDTH {
        return line;
    }
    let same = counterpart.map_or(0, |other| {
        let other = printable(other);
        let pairs = line.chars().zip(other.chars());
        pairs.take_while(|(a, b)| a == b).count()
    });
    let from = if same < WIDTH * 3 / 4 {
        0
    } else {
        (same - WIDTH / 4).min(length - WIDTH)
    };
    let before = if from > 0 { "…" } else { "" };
    let after = if from + WIDTH < length { "…" } else { "" };
    let shown: String = line.chars().skip(from).take(WIDTH).collect();
    format!("{before}{shown}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_shown_where_they_differ() {
        let (left, right) = (
            format!("{}left", "x".repeat(500)),
            format!("{}right", "x".repeat(500)),
        );
        let shown = near(&left, Some(&right));
        assert!(shown.starts_with('…') && shown.ends_with("left"), "{shown}");
        assert_eq!(shown.chars().count(), WIDTH + 1);
        assert_eq!(near(&left, None), format!("{}…", "x".repeat(WIDTH)));
        // What is escaped is as wide as it is shown.
        assert_eq!(near("a\x1b", None), "a\\u{1b}");
    }
}
