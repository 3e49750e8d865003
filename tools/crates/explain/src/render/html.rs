//! One file for a browser: no network, no script from anywhere, all data escaped.
//!
//! Everything is there without JavaScript: the tree folds with `<details>`, and the filter by
//! cause is a radio button per cause with a rule of the style sheet each. So the page forbids
//! scripts altogether, and a name that became markup in spite of the escaping could do nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use verbatim_causes::{Cause, Line};
use verbatim_foreign::markup;

use super::{blocks, relative};
use crate::report::{CauseReport, Difference, ExcerptReport, Kind, Report, Verdict, OPEN};

/// Nothing is loaded, run, sent or framed; only the style in the page itself is allowed.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--left:#d33;--right:#183;--soft:#8881}
@media (prefers-color-scheme:dark){:root{--left:#f77;--right:#6c8}}
body{font:15px/1.5 system-ui,sans-serif;max-width:78rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
code,pre,.path{font-family:ui-monospace,monospace;font-size:.88em;overflow-wrap:anywhere}
.different{color:var(--left)}.equal{color:var(--right)}
.cause{border-left:4px solid var(--line);padding:.2rem 1rem;margin:.8rem 0}
.cause p{margin:.3rem 0}.fix::before{content:'fix: ';color:var(--right);font-weight:bold}
.ignored{opacity:.6}
details{margin-left:1rem;border-left:1px solid var(--line);padding-left:.6rem}
summary{cursor:pointer}summary .kind{color:#888}
.tag{border:1px solid var(--line);border-radius:.6rem;padding:0 .5rem;font-size:.8em}
ul{margin:.2rem 0}table{border-collapse:collapse;margin:.3rem 0}
td,th{border:1px solid var(--line);padding:.1rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
.both{display:grid;grid-template-columns:1fr 1fr;gap:.5rem;margin:.3rem 0}
.both pre{margin:0;padding:.5rem;background:var(--soft);overflow:auto;max-height:24rem;white-space:pre}
.both pre:first-child{border-top:2px solid var(--left)}.both pre:last-child{border-top:2px solid var(--right)}
.both mark{background:#fc06;color:inherit}
.filter label{border:1px solid var(--line);border-radius:.6rem;padding:.1rem .6rem;margin-right:.3rem;cursor:pointer}
.filter{position:absolute;opacity:0}
nav{margin:.6rem 0;line-height:2.2}
nav label{border:1px solid var(--line);border-radius:.6rem;padding:.1rem .6rem;cursor:pointer;white-space:nowrap}
.filter:focus-visible ~ nav{outline:2px solid}
";

/// The report as one HTML document.
pub fn html(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = page(&mut out, report);
    out
}

/// Paths that a difference is said to follow from.
const PATHS: usize = 10;

/// Text of several lines.
fn escaped_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(markup).collect();
    lines.join("\n")
}

fn page(out: &mut String, report: &Report) -> std::fmt::Result {
    let (left, right) = (markup(&report.left.name), markup(&report.right.name));
    let verdict = match report.verdict {
        Verdict::Equal => "equal",
        Verdict::Different => "different",
    };
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{left} and {right}: {verdict}</title>\n<style>{STYLE}"
    )?;
    let causes: Vec<Cause> = report.causes.iter().map(|cause| cause.id).collect();
    for cause in &causes {
        let id = cause.id();
        // What does not have the cause, in itself or below, goes.
        writeln!(
            out,
            "#only-{id}:checked~main .node:not(.has-{id}),#only-{id}:checked~main .cause:not(#cause-{id}),#only-{id}:checked~main li.found:not(.is-{id}){{display:none}}\n\
             #only-{id}:checked~nav label[for=only-{id}]{{background:#fc06}}"
        )?;
    }
    write!(
        out,
        "#only-all:checked~nav label[for=only-all]{{background:#fc06}}\n</style>\n</head>\n<body>\n\
         <h1><span class=\"{verdict}\">{verdict}</span>: <code>{left}</code> and <code>{right}</code></h1>\n"
    )?;
    sides_of(out, report)?;
    if !causes.is_empty() {
        writeln!(
            out,
            "<input class=\"filter\" type=\"radio\" name=\"only\" id=\"only-all\" checked>"
        )?;
        for cause in &causes {
            writeln!(
                out,
                "<input class=\"filter\" type=\"radio\" name=\"only\" id=\"only-{0}\">",
                cause.id()
            )?;
        }
        write!(out, "<nav><label for=\"only-all\">all causes</label> ")?;
        for cause in &report.causes {
            write!(
                out,
                "<label for=\"only-{0}\">{0} ({1})</label> ",
                cause.id.id(),
                cause.count
            )?;
        }
        writeln!(out, "</nav>")?;
    }
    writeln!(out, "<main>\n<h2>Causes</h2>")?;
    if report.causes.is_empty() {
        writeln!(out, "<p>None: both are the same.</p>")?;
    }
    for cause in &report.causes {
        summary(out, cause)?;
    }
    writeln!(out, "<h2>Differences</h2>")?;
    for difference in &report.differences {
        node(out, difference, "", 0)?;
    }
    if let Some(left_out) = report.left_out {
        writeln!(out, "<p>And {left_out} more, which are not listed.</p>")?;
    }
    for note in &report.notes {
        writeln!(out, "<p>Note: {}</p>", markup(note))?;
    }
    writeln!(out, "</main>\n</body>\n</html>")
}

fn sides_of(out: &mut String, report: &Report) -> std::fmt::Result {
    write!(
        out,
        "<table><tr><th></th><th>name</th><th>opened as</th><th>digest</th></tr>"
    )?;
    for (what, side) in [("left", &report.left), ("right", &report.right)] {
        write!(
            out,
            "<tr><th>{what}</th><td><code>{}</code></td><td>{}</td><td><code>{}</code></td></tr>",
            markup(&side.name),
            side.kind,
            markup(side.digest.as_deref().unwrap_or(""))
        )?;
    }
    writeln!(out, "</table>")
}

fn summary(out: &mut String, cause: &CauseReport) -> std::fmt::Result {
    let ignored = if cause.ignored { " ignored" } else { "" };
    write!(
        out,
        "<section class=\"cause{ignored}\" id=\"cause-{0}\"><h3>{0} <span class=\"tag\">{1}{2}</span></h3>\n<p class=\"fix\">{3}</p>\n<ul>",
        cause.id.id(),
        cause.count,
        if cause.ignored { ", ignored" } else { "" },
        markup(cause.fix)
    )?;
    for evidence in &cause.evidence {
        write!(out, "<li>{}</li>", markup(evidence))?;
    }
    writeln!(out, "</ul>")?;
    write!(out, "<details><summary>paths</summary><ul>")?;
    for path in &cause.paths {
        write!(out, "<li class=\"path\">{}</li>", markup(path))?;
    }
    let more = cause.count.saturating_sub(cause.paths.len() as u64);
    if more > 0 {
        write!(out, "<li>and {more} more</li>")?;
    }
    writeln!(out, "</ul></details></section>")
}

fn causes_of(difference: &Difference, causes: &mut BTreeSet<Cause>) {
    causes.extend(difference.findings.iter().map(|finding| finding.cause));
    for child in &difference.children {
        causes_of(child, causes);
    }
}

fn node(out: &mut String, difference: &Difference, parent: &str, level: usize) -> std::fmt::Result {
    let mut causes = BTreeSet::new();
    causes_of(difference, &mut causes);
    let classes: String = causes
        .iter()
        .map(|cause| format!(" has-{}", cause.id()))
        .collect();
    let kind = match difference.kind {
        Kind::Changed => "changed",
        Kind::Added => "added",
        Kind::Removed => "removed",
        Kind::Moved => "moved",
        Kind::NotExamined => "not examined",
    };
    let open = if level < 2 { " open" } else { "" };
    let format = difference
        .format
        .map(|format| format!(" <span class=\"tag\">{format}</span>"))
        .unwrap_or_default();
    writeln!(
        out,
        "<details class=\"node{classes}\"{open}><summary><span class=\"path\">{}</span> <span class=\"kind\">{kind}</span>{format}</summary>",
        markup(relative(&difference.path, parent))
    )?;
    if !difference.findings.is_empty() {
        write!(out, "<ul>")?;
        for finding in &difference.findings {
            let at = if finding.at.is_empty() {
                String::new()
            } else {
                format!(" at <code>{}</code>", markup(&finding.at))
            };
            write!(
                out,
                "<li class=\"found is-{0}\"><b>{0}</b>{at}: {1}</li>",
                finding.cause.id(),
                markup(&finding.evidence)
            )?;
        }
        writeln!(out, "</ul>")?;
    }
    if !difference.follows_from.is_empty() {
        let paths = difference.follows_from.iter().take(PATHS);
        let paths: Vec<String> = paths
            .map(|path| format!("<span class=\"path\">{}</span>", markup(path)))
            .collect();
        let more = difference.follows_from.len() - paths.len();
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        writeln!(out, "<p>follows from {}{more}</p>", paths.join(", "))?;
    }
    if !difference.fields.is_empty() {
        write!(
            out,
            "<table><tr><th>field</th><th>left</th><th>right</th></tr>"
        )?;
        for field in &difference.fields {
            write!(
                out,
                "<tr><td>{}</td><td><code>{}</code></td><td><code>{}</code></td></tr>",
                markup(&field.name),
                markup(&field.left),
                markup(&field.right)
            )?;
        }
        writeln!(out, "</table>")?;
    }
    for excerpt in &difference.excerpts {
        both(out, excerpt)?;
    }
    if difference.more {
        writeln!(out, "<p>… and more</p>")?;
    }
    for child in &difference.children {
        node(out, child, &difference.path, level + 1)?;
    }
    writeln!(out, "</details>")
}

fn both(out: &mut String, excerpt: &ExcerptReport) -> std::fmt::Result {
    let (left, right) = if excerpt.encoding == "hex" {
        (
            dump(&excerpt.left, &excerpt.right),
            dump(&excerpt.right, &excerpt.left),
        )
    } else if !excerpt.unified.is_empty() {
        beside(&excerpt.unified)
    } else {
        (
            marked_lines(&excerpt.left, &excerpt.right),
            marked_lines(&excerpt.right, &excerpt.left),
        )
    };
    writeln!(
        out,
        "<div><code>{}</code><div class=\"both\"><pre>{left}</pre><pre>{right}</pre></div></div>",
        markup(&excerpt.at)
    )
}

/// Lines side by side: a line stands beside the one that stands in its place on the other side.
fn beside(lines: &[Line]) -> (String, String) {
    let (mut left, mut right) = (String::new(), String::new());
    let plain = |out: &mut String, lines: &[Line]| {
        for line in lines {
            out.push_str(&markup(&line.text));
            out.push('\n');
        }
    };
    for block in blocks(lines) {
        plain(&mut left, block.both);
        plain(&mut right, block.both);
        let longest = block.left.len().max(block.right.len());
        for (out, own) in [(&mut left, block.left), (&mut right, block.right)] {
            for line in own {
                let _ = writeln!(out, "<mark>{}</mark>", markup(&line.text));
                if line.open {
                    out.truncate(out.len() - 1);
                    let _ = writeln!(out, " <i>{OPEN}</i>");
                }
            }
            out.push_str(&"\n".repeat(longest - own.len()));
        }
    }
    (left, right)
}

/// Lines that the other side does not have are marked.
fn marked_lines(own: &str, other: &str) -> String {
    let others: BTreeSet<&str> = other.split('\n').collect();
    let lines: Vec<String> = own
        .split('\n')
        .map(|line| {
            if line.is_empty() || others.contains(line) {
                escaped_lines(line)
            } else {
                format!("<mark>{}</mark>", escaped_lines(line))
            }
        })
        .collect();
    lines.join("\n")
}

/// Sixteen bytes a line with their characters; bytes that differ are marked.
fn dump(own: &str, other: &str) -> String {
    let bytes = |hex: &str| -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect()
    };
    let (own, other) = (bytes(own), bytes(other));
    let mut out = String::new();
    for (line, chunk) in own.chunks(16).enumerate() {
        let _ = write!(out, "{:04x}  ", line * 16);
        for (i, byte) in chunk.iter().enumerate() {
            if other.get(line * 16 + i) == Some(byte) {
                let _ = write!(out, "{byte:02x} ");
            } else {
                let _ = write!(out, "<mark>{byte:02x}</mark> ");
            }
        }
        out.push_str(&"   ".repeat(16 - chunk.len()));
        out.push(' ');
        for &byte in chunk {
            let c = if (0x20..0x7f).contains(&byte) {
                char::from(byte)
            } else {
                '.'
            };
            out.push_str(&markup(&c.to_string()));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_others_is_text() {
        assert_eq!(
            markup("<script>\"'&\x1b"),
            "&lt;script&gt;&quot;&#39;&amp;\\u{1b}"
        );
        assert_eq!(escaped_lines("a\n<b>"), "a\n&lt;b&gt;");
        assert!(dump("3c41", "3c42").contains("3c <mark>41</mark>"));
        assert!(dump("3c41", "3c42").ends_with(" &lt;A\n"));
    }
}
