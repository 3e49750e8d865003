//! `verbatim sbom --check`: whether an SBOM is true of the files of an image.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use verbatim_digest::Digest;
use verbatim_foreign::{counted, printable};
use verbatim_sbom::check::{self, Report, Verdict};
use verbatim_sbom::{Stated, LARGEST};

use super::Options;
use crate::colours::colours;
use crate::handed::handed;
use crate::outcome::{Outcome, Unchecked};
use crate::printing::{print, print_json};
use crate::report_form::Format;
use crate::rootfs::{unreadable, Files};

/// Findings of one kind that are told to people; machines are told all.
const MOST_LINES: usize = 50;

/// The report, and what it is about.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    report: &'a Report,
    image: ImageFacts<'a>,
    sbom: SbomFacts<'a>,
}

#[derive(Debug, Serialize)]
struct ImageFacts<'a> {
    name: &'a str,
    digest: Digest,
    image_id: Digest,
    platform: String,
}

#[derive(Debug, Serialize)]
struct SbomFacts<'a> {
    name: &'a str,
    form: &'a str,
    sha256: Digest,
}

pub(super) fn run(options: &Options, image: &str, sbom: &str) -> anyhow::Result<Outcome> {
    let (data, name) = handed(Path::new(sbom), LARGEST)?;
    let stated = Stated::parse(&data, &name)?;
    let sha256 = Digest::of(&data);
    drop(data);
    let files = Files::open(image, options.platform.as_ref(), &options.registry)?;
    let report = check::check(&stated, &files.tree, &files.inventory, &options.accept);
    let report = report.map_err(unreadable)?;
    match options.format {
        Format::Json => print_json(&Whole {
            report: &report,
            image: ImageFacts {
                name: image,
                digest: files.tree.image.digest,
                image_id: files.tree.image.id,
                platform: files.tree.image.platform.to_string(),
            },
            sbom: SbomFacts {
                name: &name,
                form: &stated.form,
                sha256,
            },
        })?,
        Format::Text => print(&text(&report, &stated))?,
    }
    match report.verdict {
        Verdict::Equal => Ok(Outcome::Done),
        Verdict::Different => Ok(Outcome::Different),
        Verdict::Unchecked => Err(anyhow::anyhow!(
            "some of what {name} says could not be told, see above"
        )
        .context(Unchecked)),
    }
}

fn text(report: &Report, stated: &Stated) -> String {
    let (good, bad) = colours();
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut rest = &report.findings[..];
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|one| one.id == first.id).count();
        let (group, after) = rest.split_at(count);
        rest = after;
        for finding in group.iter().take(MOST_LINES) {
            let (style, accepted) = match finding.accepted {
                true => (good, " (accepted)"),
                false => (bad, ""),
            };
            let at = finding.at.as_deref().map(|at| format!(" [{at}]"));
            let _ = writeln!(
                text,
                "{style}{:<17}{style:#} {} {}{}{accepted}",
                finding.id.word(),
                printable(&finding.subject),
                printable(&finding.detail),
                printable(&at.unwrap_or_default()),
            );
        }
        if count > MOST_LINES {
            let _ = writeln!(
                text,
                "{:<17} and {} more, which --format json names",
                first.id.word(),
                count - MOST_LINES
            );
        }
    }
    for remark in &report.remarks {
        let _ = writeln!(text, "note: {}", printable(remark));
    }
    let counts = &report.counts;
    let harmful = report.findings.iter().filter(|one| !one.accepted).count();
    let _ = writeln!(
        text,
        "{}: {} of the SBOM ({}), {} of the image; {}, of which {} proved by digest; {}",
        match report.verdict {
            Verdict::Equal => format!("{good}equal{good:#}"),
            Verdict::Unchecked => format!("{bad}unchecked{bad:#}"),
            Verdict::Different => format!("{bad}different{bad:#}"),
        },
        counted(counts.packages_stated, "package"),
        stated.form,
        counted(counts.packages_found, "package"),
        counted(counts.files_found, "file"),
        counts.files_proved,
        counted(harmful, "finding"),
    );
    text
}
