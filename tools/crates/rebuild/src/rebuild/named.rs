//! What a build is made of, named in the report before any of it is fetched.

use crate::konflux::{BuildahBuild, Material, Pipeline, Source};
use crate::report::Report;

pub(super) fn name_materials(pipeline: &Pipeline, report: &mut Report) {
    name(pipeline.materials.iter().cloned(), report);
}

/// The materials of a build whose type is not known: they stand in the same place for all.
pub(super) fn name_any_materials(predicate: &serde_json::Value, report: &mut Report) {
    for pointer in ["/materials", "/buildDefinition/resolvedDependencies"] {
        let list = predicate.pointer(pointer).and_then(|list| list.as_array());
        let all = list.into_iter().flatten();
        name(
            all.filter_map(|material| serde_json::from_value(material.clone()).ok()),
            report,
        );
    }
}

fn name(materials: impl Iterator<Item = Material>, report: &mut Report) {
    report.name_all(materials.filter_map(|material| {
        let digest = material.digest()?;
        Some((material.uri, digest))
    }));
}

/// Name what the chosen build is made of, before any of it is fetched.
pub(super) fn name_inputs(build: &BuildahBuild, report: &mut Report) {
    if let Some(source) = &build.source {
        report.name_material(&git_uri(source), commit_digest(&source.commit));
    }
    for pin in &build.pins {
        report.name_material(&pin.repository, pin.digest);
    }
    if let Some((repository, digest)) = &build.sbom {
        report.name_material(repository, digest);
    }
    for name in &build.missing {
        report.miss(name);
    }
}

pub(super) fn git_uri(source: &Source) -> String {
    format!("git+{}", source.url)
}

pub(super) fn commit_digest(commit: &str) -> String {
    let algorithm = if commit.len() == 64 { "sha256" } else { "sha1" };
    format!("{algorithm}:{commit}")
}
