//! The packages that an SBOM names, and those that are there.

use std::collections::BTreeMap;

use verbatim_components::{Component, Inventory, Kind as Ecosystem};

use super::report::{Counts, Finding, Kind};
use crate::stated::{Stated, StatedPackage};
use crate::Purl;

/// What two descriptions of one package have in common, whatever the version.
type Key = (Ecosystem, String);

/// The kind of component that a type of package URLs is of, where it can be found here.
fn ecosystem(purl: &Purl) -> Option<Ecosystem> {
    Some(match purl.kind() {
        "deb" => Ecosystem::Deb,
        "rpm" => Ecosystem::Rpm,
        "apk" => Ecosystem::Apk,
        "pypi" => Ecosystem::Python,
        "npm" => Ecosystem::Npm,
        "cargo" => Ecosystem::Cargo,
        "golang" => Ecosystem::Go,
        _ => return None,
    })
}

fn key(ecosystem: Ecosystem, purl: &Purl) -> Key {
    let name = match ecosystem {
        // Who the vendor is, tools do not agree about.
        Ecosystem::Deb | Ecosystem::Rpm | Ecosystem::Apk | Ecosystem::Cargo => {
            purl.name().to_owned()
        }
        // Runs of `-`, `_` and `.` are one (PEP 503).
        Ecosystem::Python => purl.name().replace(['_', '.'], "-"),
        _ => match purl.namespace() {
            Some(namespace) => format!("{namespace}/{}", purl.name()),
            None => purl.name().to_owned(),
        },
    };
    (ecosystem, name)
}

/// The versions that an SBOM gives for a package: of the URL, with the epoch that RPM has beside
/// it, and of the entry itself.
fn versions(stated: &StatedPackage) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(purl) = &stated.purl {
        let epoch = purl.qualifier("epoch").filter(|epoch| *epoch != "0");
        if let Some(version) = purl.stated_version() {
            all.push(match epoch {
                Some(epoch) => format!("{epoch}:{version}"),
                None => version.to_owned(),
            });
        }
    }
    all.extend(stated.version.clone());
    all
}

/// Whether an entry gives the version that a component has. What gives none does not contradict.
fn has_version(stated: &StatedPackage, component: &Component) -> bool {
    let all = versions(stated);
    let plain = |version: &str| version.strip_prefix("0:").unwrap_or(version).to_owned();
    let own = plain(&component.version);
    // What Go builds from a checkout has no version, and tools write different words for that.
    let unknown = component.kind == Ecosystem::Go && matches!(&*own, "" | "(devel)");
    let no_epoch = all.iter().all(|version| !version.contains(':'));
    let without = own.split_once(':').map(|(_, rest)| rest);
    unknown
        || all.is_empty()
        || all.iter().any(|version| {
            plain(version) == own
                // Some tools leave out RPM's epoch.
                || (component.kind == Ecosystem::Rpm && no_epoch && Some(&**version) == without)
        })
}

fn has_architecture(stated: &StatedPackage, component: &Component) -> bool {
    let told = stated.purl.as_ref().and_then(|purl| purl.qualifier("arch"));
    match (told, &component.architecture) {
        (Some(told), Some(own)) => told == own,
        _ => true,
    }
}

/// What a component is called in findings.
fn shown(component: &Component) -> String {
    match &component.purl {
        Some(purl) => purl.clone(),
        None => format!("{} {}", component.name, component.version),
    }
}

pub(super) fn check(
    stated: &Stated,
    inventory: &Inventory,
    counts: &mut Counts,
    findings: &mut Vec<Finding>,
) {
    counts.packages_stated = stated.packages.len();
    counts.packages_found = inventory.components.len();
    let mut by_key: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    // Binary packages share the names and versions of what they were built from.
    let mut sources: BTreeMap<(Ecosystem, &str), Vec<&str>> = BTreeMap::new();
    for (at, component) in inventory.components.iter().enumerate() {
        by_name.entry(&component.name).or_default().push(at);
        let purl = component.purl.as_deref().and_then(|purl| purl.parse().ok());
        if let Some(purl) = &purl {
            by_key
                .entry(key(component.kind, purl))
                .or_default()
                .push(at);
        }
        if let Some(source) = &component.source {
            let versions = sources.entry((component.kind, &source.name)).or_default();
            versions.push(source.version.as_deref().unwrap_or(&component.version));
        }
    }
    let mut listed = vec![false; inventory.components.len()];
    let mut open: Vec<(&StatedPackage, Vec<usize>)> = Vec::new();
    for package in &stated.packages {
        let known = package.purl.as_ref().map(|purl| (ecosystem(purl), purl));
        let candidates = match known {
            Some((Some(ecosystem), purl)) => by_key.get(&key(ecosystem, purl)),
            Some((None, purl)) => {
                findings.push(
                    Finding::new(
                        Kind::UncheckedPackage,
                        purl.to_string(),
                        format!(
                            "packages of the type `{}` are not looked for here",
                            purl.kind()
                        ),
                    )
                    .at(&package.pointer),
                );
                continue;
            }
            None => by_name.get(&*package.name),
        };
        let candidates: Vec<usize> = candidates.into_iter().flatten().copied().collect();
        let fits = |at: &usize| {
            let component = &inventory.components[*at];
            has_version(package, component) && has_architecture(package, component)
        };
        let fitting: Vec<usize> = candidates.iter().copied().filter(fits).collect();
        if !fitting.is_empty() {
            for at in fitting {
                listed[at] = true;
            }
            continue;
        }
        let is_source = known.is_some_and(|(ecosystem, purl)| {
            let Some(ecosystem) = ecosystem else {
                return false;
            };
            let built = sources.get(&(ecosystem, purl.name()));
            built.is_some_and(|built| versions(package).iter().any(|v| built.contains(&&**v)))
        });
        if !is_source {
            open.push((package, candidates));
        }
    }
    for (package, candidates) in open {
        let subject = match &package.purl {
            Some(purl) => purl.to_string(),
            None => format!(
                "{} {}",
                package.name,
                package.version.as_deref().unwrap_or_default()
            ),
        };
        let other = candidates.into_iter().find(|at| !listed[*at]);
        let finding = match other {
            Some(at) => {
                listed[at] = true;
                let own = &inventory.components[at];
                let what = match &own.architecture {
                    Some(architecture) => format!("{} for {architecture}", own.version),
                    None => own.version.clone(),
                };
                Finding::new(Kind::OtherVersion, subject, format!("is there as {what}"))
            }
            None => Finding::new(Kind::MissingPackage, subject, "is not there"),
        };
        findings.push(finding.at(&package.pointer));
    }
    for (component, listed) in inventory.components.iter().zip(listed) {
        if !listed && !is_part(component, inventory) {
            findings.push(Finding::new(
                Kind::UnlistedPackage,
                shown(component),
                format!(
                    "is there, as {} says, and the SBOM does not name it",
                    verbatim_foreign::printable_bytes(&component.told_by)
                ),
            ));
        }
    }
}

/// Whether a component came with a package of the distribution, which is asked for instead: a
/// Python package in a package of Debian's.
fn is_part(component: &Component, inventory: &Inventory) -> bool {
    let owner = inventory.owner(&component.told_by);
    !component.kind.is_of_distribution()
        && owner.is_some_and(|owner| owner.kind.is_of_distribution())
}
