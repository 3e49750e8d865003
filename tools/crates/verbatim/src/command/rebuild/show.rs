//! The report for people.

use std::fmt::Write as _;

use verbatim_foreign::printable;
use verbatim_rebuild::Report;
use verbatim_verify::Verdict as Judged;

use crate::colours::colours;
use crate::printing::print;

/// Without an image to compare with, standard output is the image ID alone, where there is one image.
pub(super) fn show(report: &Report, compared: bool) -> anyhow::Result<()> {
    if !compared {
        if let Some(id) = report.image_id {
            for reason in &report.reasons {
                eprintln!("verbatim: {}", printable(reason));
            }
            return print(&format!("{id}\n"));
        }
        if report.subjects.is_empty() {
            return Ok(());
        }
    }
    let (good, bad) = colours();
    let verdict = report.verdict.as_str();
    let colour = if verdict == Judged::Identical.as_str() {
        good
    } else {
        bad
    };
    let mut text = format!("{colour}{verdict}{colour:#}\n");
    if let Some(id) = &report.image_id {
        writeln!(text, "image ID  {id}")?;
    }
    let levels = report.levels;
    for (name, level) in [
        ("config", levels.config),
        ("diff_ids", levels.diff_ids),
        ("blobs", levels.blobs),
        ("manifest", levels.manifest),
    ] {
        writeln!(text, "{name:9} {}", level.as_str())?;
    }
    for subject in &report.subjects {
        let name = printable(&subject.reference);
        writeln!(text, "{:9} {name}", subject.verdict.as_str())?;
    }
    for name in &report.missing {
        writeln!(text, "missing   {}", printable(name))?;
    }
    for reason in &report.reasons {
        writeln!(text, "          {}", printable(reason))?;
    }
    for cause in &report.causes {
        writeln!(text, "{bad}{}{bad:#}", cause.id.id())?;
        for evidence in &cause.evidence {
            writeln!(text, "  {}", printable(evidence))?;
        }
        writeln!(text, "  → {}", cause.fix)?;
    }
    print(&text)
}

/// Why a rebuild is incomplete, in one sentence.
pub(super) fn why(report: &Report) -> String {
    let mut why = report.reasons.clone();
    if !report.missing.is_empty() {
        why.push(format!(
            "the attestation does not tell {}",
            report.missing.join(", ")
        ));
    }
    printable(&why.join("; ")).into_owned()
}
