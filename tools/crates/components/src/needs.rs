//! What packages of a distribution need of each other, by the words of their database.
//!
//! Which version it must be is not looked at: whoever installed the packages saw to that, and the
//! database names what is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::component::{Component, Kind};

/// What a package says of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stated {
    /// What it needs: of each list the first name that is there.
    pub(crate) needs: Vec<Vec<String>>,
    /// What it is beside its own name.
    pub(crate) provides: Vec<String>,
}

/// For each component the positions of those that it needs. `owner` is whose a path is, for names
/// that are paths.
pub(crate) fn resolve(
    stated: &BTreeMap<usize, Stated>,
    components: &[Component],
    owner: impl Fn(&[u8]) -> Option<usize>,
) -> Vec<BTreeSet<usize>> {
    let mut named: HashMap<(Kind, &str), Vec<usize>> = HashMap::new();
    for (&at, says) in stated {
        let component = &components[at];
        let names = says.provides.iter().chain([&component.name]);
        for name in names.map(String::as_str) {
            named.entry((component.kind, name)).or_default().push(at);
        }
    }
    let mut needs = vec![BTreeSet::new(); components.len()];
    for (&at, says) in stated {
        let component = &components[at];
        for any_of in &says.needs {
            let there = any_of.iter().find_map(|name| {
                let having = named.get(&(component.kind, &**name));
                match having {
                    Some(having) => Some(alike(component, having, components)),
                    None => Some(vec![name
                        .strip_prefix('/')
                        .and_then(|p| owner(p.as_bytes()))?]),
                }
            });
            // What is its own it does not need of others.
            match there {
                Some(there) if !there.contains(&at) => needs[at].extend(there),
                _ => {}
            }
        }
    }
    needs
}

/// Of several that have a name those of one's own architecture, if there are any.
fn alike(component: &Component, having: &[usize], components: &[Component]) -> Vec<usize> {
    let is_alike = |at: &&usize| {
        let architecture = &components[**at].architecture;
        let everywhere = matches!(architecture.as_deref(), Some("all" | "noarch"));
        everywhere || *architecture == component.architecture
    };
    let alike: Vec<usize> = having.iter().filter(is_alike).copied().collect();
    match alike.is_empty() {
        true => having.to_vec(),
        false => alike,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str, architecture: &str) -> Component {
        Component {
            kind: Kind::Deb,
            name: name.to_owned(),
            version: "1".to_owned(),
            architecture: Some(architecture.to_owned()),
            source: None,
            license: None,
            purl: None,
            told_by: Vec::new(),
        }
    }

    fn says(needs: &[&[&str]], provides: &[&str]) -> Stated {
        let owned = |names: &&[&str]| names.iter().map(|name| name.to_string()).collect();
        Stated {
            needs: needs.iter().map(owned).collect(),
            provides: owned(&provides),
        }
    }

    #[test]
    fn by_name_alternative_architecture_and_path() {
        let components = [
            component("app", "amd64"),
            component("lib", "amd64"),
            component("lib", "i386"),
            component("postfix", "all"),
            component("old", "i386"),
        ];
        let stated = BTreeMap::from([
            (
                0,
                says(
                    &[
                        &["lib"],
                        &["exim", "mta"],
                        &["nowhere"],
                        &["/bin/sh"],
                        &["app"],
                    ],
                    &[],
                ),
            ),
            (1, says(&[], &[])),
            (2, says(&[], &[])),
            (3, says(&[&["mta"]], &["mta"])),
            (4, says(&[&["lib"]], &[])),
        ]);
        let owner = |path: &[u8]| (path == b"bin/sh").then_some(4);
        let needs = resolve(&stated, &components, owner);
        let lists: Vec<Vec<usize>> = needs.iter().map(|n| n.iter().copied().collect()).collect();
        assert_eq!(lists, [vec![1, 3, 4], vec![], vec![], vec![], vec![2]]);
    }
}
