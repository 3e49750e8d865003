//! What people read: lines while it runs, a Markdown table and a plot at the end.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use crate::measure::Measurements;

/// Print a line of the result.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Say what is being done, for somebody who watches.
pub fn progress(line: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K{line}");
        let _ = stderr.flush();
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"))
}

/// One case for the terminal.
pub fn text(result: &Measurements) -> String {
    let mut text = format!("{}\n", result.name);
    let ours = &result.all[0];
    for measured in &result.all {
        if measured.runs.is_none() {
            let _ = writeln!(text, "  {:<40} not installed", measured.name);
            continue;
        }
        let _ = write!(
            text,
            "  {:<40} {:>8} s  {:>7} MiB",
            measured.name,
            number(measured.seconds(), 3),
            number(measured.peak(), 1)
        );
        if !std::ptr::eq(measured, ours) {
            let _ = write!(text, "  {:>6} x ours", number(measured.ratio(ours), 2));
        }
        if let Some(size) = measured.size.filter(|&s| s > 0) {
            let _ = write!(text, "  {size} bytes");
        }
        text.push('\n');
    }
    text
}

/// All cases as a Markdown document.
pub fn markdown(machine: &str, rounds: usize, results: &[Measurements]) -> String {
    let mut text = format!(
        "<!-- written by verbatim-bench -->\n\n{machine}\n\nMedians of {rounds} rounds, taken in turn. \"× ours\" is the median of the ratios of each \
         round: above 1, ours is faster. Memory is the peak of the largest process.\n\n\
         | case | tool | time, s | × ours | memory, MiB | output, bytes |\n| --- | --- | ---: | ---: | ---: | ---: |\n"
    );
    for result in results {
        let ours = &result.all[0];
        for (i, measured) in result.all.iter().enumerate() {
            let case = if i == 0 { result.name.as_str() } else { "" };
            let name = measured.name.replace('|', "\\|");
            if measured.runs.is_none() {
                let _ = writeln!(text, "| {case} | {name} | not installed | | | |");
                continue;
            }
            let _ = writeln!(
                text,
                "| {case} | {name} | {} | {} | {} | {} |",
                number(measured.seconds(), 3),
                if i == 0 {
                    String::new()
                } else {
                    number(measured.ratio(ours), 2)
                },
                number(measured.peak(), 0),
                measured
                    .size
                    .filter(|&s| s > 0)
                    .map_or_else(String::new, |s| s.to_string()),
            );
        }
    }
    text
}

/// A bar for each peer: how many times as long as ours it takes.
pub fn svg(results: &[Measurements]) -> String {
    const BAR: usize = 18;
    const LEFT: usize = 330;
    const WIDTH: usize = 900;
    let mut body = String::new();
    let mut y = 24;
    let longest = results
        .iter()
        .flat_map(|r| r.all.iter().filter_map(|m| m.ratio(&r.all[0])))
        .fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - 60) as f64 / longest;
    for result in results {
        let _ = writeln!(
            body,
            r#"<text x="8" y="{}" class="case">{}</text>"#,
            y + 13,
            escape(&result.name)
        );
        y += BAR + 6;
        for measured in &result.all {
            let Some(ratio) = measured.ratio(&result.all[0]) else {
                continue;
            };
            let ours = std::ptr::eq(measured, &result.all[0]);
            let _ = writeln!(
                body,
                r#"<text x="{}" y="{}" text-anchor="end">{}</text><rect x="{LEFT}" y="{y}" width="{:.1}" height="{}" class="{}"/><text x="{:.1}" y="{}">{ratio:.2}</text>"#,
                LEFT - 8,
                y + 13,
                escape(&measured.name),
                ratio * scale,
                BAR - 4,
                if ours { "ours" } else { "peer" },
                LEFT as f64 + ratio * scale + 6.0,
                y + 13,
            );
            y += BAR;
        }
        y += 10;
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="12">
<title>Time as a multiple of ours, in one run</title>
<style>.case{{font-weight:bold}}.ours{{fill:#1b7f4d}}.peer{{fill:#8a99a8}}</style>
<rect width="100%" height="100%" fill="#fff"/>
{body}</svg>
"##
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The machine, as far as figures depend on it.
pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |key: &str| {
        cpu.lines()
            .find(|l| l.starts_with(key))
            .and_then(|l| l.split(':').nth(1))
            .map(|v| v.trim().to_owned())
            .unwrap_or_default()
    };
    let flags = field("flags");
    let has: Vec<_> = ["sha_ni", "avx2", "avx512f"]
        .into_iter()
        .filter(|f| flags.split(' ').any(|g| g == *f))
        .collect();
    let memory = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|m| m.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |kib| kib / 1024 / 1024);
    format!(
        "Machine: {} ({}), {} cores, {memory} GiB.",
        field("model name"),
        has.join(", "),
        std::thread::available_parallelism().map_or(1, usize::from)
    )
}
