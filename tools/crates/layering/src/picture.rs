//! The layers of two releases as a picture.

use std::fmt::Write as _;

use verbatim_foreign::markup;

use crate::plan::Plan;
use crate::report::Report;

const WIDTH: u64 = 900;
const COLUMN: u64 = 300;
const TOP: u64 = 60;
const HEIGHT: u64 = 640;
/// A layer that is less high has no words.
const WORDS: u64 = 12;

const KEPT: &str = "#2a9d8f";
const NEW: &str = "#e76f51";
const OLD: &str = "#8d99ae";

/// A picture in SVG: a column for the release before, where there is one, and a column for this one.
/// Layers are as high as their blobs are large; those that both have are green.
pub fn picture(plan: &Plan, previous: Option<&Plan>) -> String {
    let report = Report::of(plan, previous);
    let before = previous.map(|previous| Report::of(previous, Some(plan)));
    let all = before.as_ref().map_or(0, |report| report.total_bytes);
    let scale = all.max(report.total_bytes).max(1);
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{}\" viewBox=\"0 0 {WIDTH} {}\" font-family=\"sans-serif\" font-size=\"11\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        TOP + HEIGHT + 20,
        TOP + HEIGHT + 20,
        title(&report),
    );
    let _ = writeln!(
        svg,
        "<text x=\"20\" y=\"24\" font-size=\"15\" fill=\"#22223b\">{}</text>",
        title(&report)
    );
    let mut at = 20;
    if let Some(before) = &before {
        column(&mut svg, at, "the release before", before, scale, OLD);
        at += COLUMN + 120;
    }
    column(&mut svg, at, "this release", &report, scale, NEW);
    svg.push_str("</svg>\n");
    svg
}

fn title(report: &Report) -> String {
    let layers = report.layers.len();
    match report.changes.is_empty() && report.kept_bytes == 0 {
        true => format!("{layers} layers, {}", size(report.total_bytes)),
        false => format!(
            "{} of {} to fetch, {} of {layers} layers kept",
            size(report.new_bytes),
            size(report.total_bytes),
            report.layers.iter().filter(|layer| layer.kept).count()
        ),
    }
}

/// A column of layers, the lowest at the bottom.
fn column(svg: &mut String, x: u64, name: &str, report: &Report, scale: u64, other: &str) {
    let bottom = TOP + HEIGHT;
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{}\" fill=\"#22223b\">{name}: {}</text>",
        TOP - 12,
        size(report.total_bytes)
    );
    let place = |bytes: u64| (u128::from(bytes) * u128::from(HEIGHT) / u128::from(scale)) as u64;
    let mut below = 0;
    for (number, layer) in report.layers.iter().enumerate() {
        let (from, to) = (place(below), place(below + layer.size));
        below += layer.size;
        let height = (to - from).max(1);
        let color = if layer.kept { KEPT } else { other };
        let names: Vec<&str> = layer.components.iter().map(String::as_str).collect();
        let _ = writeln!(
            svg,
            "<g><title>layer {}: {}, {}</title><rect x=\"{x}\" y=\"{}\" width=\"{COLUMN}\" height=\"{height}\" fill=\"{color}\" stroke=\"#ffffff\" stroke-width=\"0.5\"/>",
            number + 1,
            size(layer.size),
            markup(&names.join(", ")),
            bottom - from - height,
        );
        if height >= WORDS {
            let first: String = names.iter().take(2).copied().collect::<Vec<_>>().join(", ");
            let words: String = format!("{}  {first}", size(layer.size))
                .chars()
                .take(52)
                .collect();
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" fill=\"#ffffff\">{}</text>",
                x + 6,
                bottom - from - height / 2 + 4,
                markup(&words)
            );
        }
        svg.push_str("</g>\n");
    }
}

/// Bytes as people say them, in tenths.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..=999 => return format!("{bytes} B"),
        1_000..=999_999 => (1_000, "kB"),
        1_000_000..=999_999_999 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    let tenths = bytes / (unit / 10);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}
