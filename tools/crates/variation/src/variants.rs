//! One target, built under several configurations: are its files the same in all of them?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use verbatim_digest::Digest;

use crate::compare::{of_any, FileError, Verdict};

/// The outputs of a target under each configuration, as the rule `reproducible_test` writes them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variants {
    /// The label.
    pub target: String,
    /// Each configuration by its name: the names of its files, and where they are.
    pub variants: BTreeMap<String, BTreeMap<String, PathBuf>>,
}

/// A file under all configurations.
#[derive(Debug, Clone, Serialize)]
pub struct Output {
    /// Its name in each of them.
    pub path: String,
    /// Whether all have the same bytes.
    pub verdict: Verdict,
    /// The configurations that agree with each other, group by group; the largest group comes first.
    pub groups: Vec<Group>,
    /// The configurations that do not have the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// Configurations under which a file has the same bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// What they agree on.
    pub digest: Digest,
    /// Their names.
    pub variants: Vec<String>,
    /// The file under the first of them.
    pub file: PathBuf,
}

/// What was found out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What this is.
    pub schema: &'static str,
    /// Whether all files are the same under all configurations.
    pub verdict: Verdict,
    /// The target.
    pub target: String,
    /// Its configurations.
    pub variants: Vec<String>,
    /// Its files.
    pub results: Vec<Output>,
}

/// The name of the report's form.
pub const SCHEMA: &str = "verbatim.check-variants/1";

/// Compare; files are looked for in `folder`.
pub fn compare(variants: &Variants, folder: &Path) -> Result<Report, FileError> {
    let names: BTreeSet<_> = variants
        .variants
        .values()
        .flat_map(BTreeMap::keys)
        .collect();
    let mut results = Vec::new();
    for name in names {
        let mut groups: Vec<Group> = Vec::new();
        let mut missing = Vec::new();
        for (variant, files) in &variants.variants {
            let Some(file) = files.get(name) else {
                missing.push(variant.clone());
                continue;
            };
            let file = folder.join(file);
            let digest = of_any(&file)?;
            match groups.iter_mut().find(|g| g.digest == digest) {
                Some(group) => group.variants.push(variant.clone()),
                None => groups.push(Group {
                    digest,
                    variants: vec![variant.clone()],
                    file,
                }),
            }
        }
        // Equal ones stay in the order of names.
        groups.sort_by_key(|group| std::cmp::Reverse(group.variants.len()));
        results.push(Output {
            path: name.clone(),
            verdict: if groups.len() == 1 && missing.is_empty() {
                Verdict::Reproducible
            } else {
                Verdict::Different
            },
            groups,
            missing,
        });
    }
    Ok(Report {
        schema: SCHEMA,
        verdict: results
            .iter()
            .map(|output| output.verdict)
            .max()
            .unwrap_or(Verdict::Reproducible),
        target: variants.target.clone(),
        variants: variants.variants.keys().cloned().collect(),
        results,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_agree_stand_together() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a", "1"), ("b", "1"), ("c", "2")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let variants: Variants = serde_json::from_str(
            r#"{"target":"//x","variants":{"z":{"f":"c"},"y":{"f":"a"},"x":{"f":"b"}}}"#,
        )
        .unwrap();
        let report = compare(&variants, folder.path()).unwrap();
        assert_eq!(report.verdict, Verdict::Different);
        let groups: Vec<_> = report.results[0]
            .groups
            .iter()
            .map(|g| g.variants.join(" "))
            .collect();
        assert_eq!(groups, ["x y", "z"]);
    }

    #[test]
    fn a_file_that_one_does_not_have_is_a_difference() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "1").unwrap();
        let variants: Variants = serde_json::from_str(
            r#"{"target":"//x","variants":{"opt":{"f":"a","g":"a"},"dbg":{"f":"a"}}}"#,
        )
        .unwrap();
        let report = compare(&variants, folder.path()).unwrap();
        assert_eq!(report.verdict, Verdict::Different);
        assert_eq!(report.results[0].verdict, Verdict::Reproducible);
        assert_eq!(report.results[1].missing, ["dbg"]);
    }
}
