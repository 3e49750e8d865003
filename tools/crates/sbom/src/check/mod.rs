//! Does an SBOM tell the truth about the files of an image?
//!
//! Two things are compared with the files: what the SBOM says is there, and what the databases in
//! the image say their packages' files are. And nothing may be there that neither accounts for.

mod files;
mod packages;
mod report;

use verbatim_components::Inventory;
use verbatim_rootfs::RootFs;

use crate::stated::Stated;

pub use report::{Counts, Finding, Kind, Report, Verdict};

/// Compare; `accepted` kinds of findings do no harm.
///
/// # Errors
/// A content that was read once cannot be read again.
pub fn check(
    stated: &Stated,
    tree: &RootFs,
    inventory: &Inventory,
    accepted: &[Kind],
) -> std::io::Result<Report> {
    let mut findings = Vec::new();
    let mut remarks = Vec::new();
    let mut counts = Counts::default();
    about(stated, tree, &mut findings);
    system(stated, inventory, &mut findings);
    packages::check(stated, inventory, &mut counts, &mut findings);
    files::check(
        stated,
        tree,
        inventory,
        &mut counts,
        &mut findings,
        &mut remarks,
    )?;
    for unread in &inventory.unread {
        findings.push(Finding::new(
            Kind::Unread,
            String::from_utf8_lossy(&unread.path),
            format!("tells of packages and cannot be read: {}", unread.why),
        ));
    }
    if stated.others > 0 {
        remarks.push(format!(
            "{} of the SBOM are no packages and no files (groups, images it was made of), and were not looked for",
            verbatim_foreign::counted(stated.others, "entry")
        ));
    }
    Ok(Report::new(findings, accepted, counts, remarks))
}

/// An SBOM that names the image by a digest must mean this one.
fn about(stated: &Stated, tree: &RootFs, findings: &mut Vec<Finding>) {
    let image = &tree.image;
    let own = [image.digest, image.id];
    if stated.about.is_empty() || stated.about.iter().any(|one| own.contains(one)) {
        return;
    }
    let told: Vec<String> = stated.about.iter().map(ToString::to_string).collect();
    findings.push(Finding::new(
        Kind::OtherImage,
        told.join(", "),
        format!(
            "is what the SBOM is about, and this is {} (image ID {})",
            image.digest, image.id
        ),
    ));
}

fn system(stated: &Stated, inventory: &Inventory, findings: &mut Vec<Finding>) {
    let Some((id, version)) = &stated.system else {
        return;
    };
    let told = match version {
        Some(version) => format!("{id} {version}"),
        None => id.clone(),
    };
    let Some(own) = &inventory.system else {
        findings.push(Finding::new(
            Kind::OtherSystem,
            told,
            "is what the SBOM says, and the image has no os-release",
        ));
        return;
    };
    // A point release is told by some tools, and os-release has the major version alone.
    let same_version = match (version, &own.version) {
        (Some(told), Some(own)) => {
            told == own
                || told
                    .strip_prefix(&**own)
                    .is_some_and(|rest| rest.starts_with('.'))
        }
        _ => true,
    };
    if !id.eq_ignore_ascii_case(&own.id) || !same_version {
        let own = format!("{} {}", own.id, own.version.as_deref().unwrap_or_default());
        findings.push(Finding::new(
            Kind::OtherSystem,
            told,
            format!(
                "is what the SBOM says, and the image's os-release says {}",
                own.trim_end()
            ),
        ));
    }
}
