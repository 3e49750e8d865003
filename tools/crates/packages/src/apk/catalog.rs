//! All packages of the indexes, as the solver sees them: apk's dependencies become lists of packages
//! (apk-package(5), apk-world(5)).
//!
//! A name is what a package is called or provides. With a version, only one package can have it;
//! without one, several can, and apk chooses none of them by itself unless their priority says so.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::index::Listed;
use super::relation::{self, Dependency};
use super::version;
use crate::choice;
use crate::solve::{self, Group, Groups, Need, Package, Relations, Solution};
use crate::{Error, Result};

/// Packages for images of one architecture, from all sources.
#[derive(Debug)]
pub(super) struct Catalog<'a> {
    packages: Vec<&'a (Listed, u32)>,
    groups: Groups,
    /// Who has a name, the best first.
    named: HashMap<&'a str, Vec<Provider<'a>>>,
}

/// A package that has a name, its own or one that it provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Provider<'a> {
    package: Package,
    version: Option<&'a str>,
}

impl<'a> Catalog<'a> {
    /// Of what the indexes list, each with the number of its source, without packages of these names.
    pub(super) fn new(listed: &'a [(Listed, u32)], exclude: &[String]) -> Self {
        let exclude: HashSet<&str> = exclude.iter().map(String::as_str).collect();
        let mut packages: Vec<&(Listed, u32)> = listed
            .iter()
            .filter(|(listed, _)| !exclude.contains(&*listed.name))
            .collect();
        // The newest of a name first; of equal ones, that of the source that was named first.
        packages.sort_by(|(a, one), (b, two)| {
            a.name
                .cmp(&b.name)
                .then_with(|| version::compare(&b.version, &a.version))
                .then_with(|| b.version.cmp(&a.version))
                .then_with(|| one.cmp(two))
        });
        packages.dedup_by(|(b, _), (a, _)| a.name == b.name && a.version == b.version);
        let mut named: HashMap<&str, Vec<Provider<'_>>> = HashMap::new();
        for (package, (listed, _)) in (0..).zip(packages.iter().copied()) {
            let own = Provider {
                package,
                version: Some(&listed.version),
            };
            named.entry(&listed.name).or_default().push(own);
            for provided in relation::provided(&listed.provides) {
                let provider = Provider {
                    package,
                    version: provided.version,
                };
                let list = named.entry(provided.name).or_default();
                if !list.iter().rev().take(2).any(|one| one == &provider) {
                    list.push(provider);
                }
            }
        }
        let catalog = Self {
            groups: Groups::by_key(packages.len(), |one| &*packages[one as usize].0.name),
            named: HashMap::new(),
            packages,
        };
        for list in named.values_mut() {
            catalog.arrange(list);
        }
        Self { named, ..catalog }
    }

    /// As apk chooses: the newest version of the name, then the highest priority, then the source that
    /// was named first.
    fn arrange(&self, list: &mut [Provider<'_>]) {
        list.sort_by(|a, b| match (a.version, b.version) {
            (Some(one), Some(two)) => version::compare(two, one),
            (one, two) => one.is_none().cmp(&two.is_none()),
        });
        list.sort_by_key(|one| one.version.is_none());
        let same = |a: &Provider<'_>, b: &Provider<'_>| match (a.version, b.version) {
            (Some(one), Some(two)) => version::compare(one, two).is_eq(),
            (one, two) => one == two,
        };
        for equal in list.chunk_by_mut(same) {
            equal.sort_by_key(|one| {
                let (listed, source) = self.packages[one.package as usize];
                // Packages are numbered by name, and from the newest on.
                (Reverse(listed.priority), *source, one.package)
            });
        }
    }

    /// A package, and the number of its source.
    pub(super) fn package(&self, package: Package) -> &'a (Listed, u32) {
        self.packages[package as usize]
    }

    fn having(&self, name: &str) -> &[Provider<'a>] {
        self.named.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Who meets a dependency, the best first.
    fn meeting(&self, wanted: &Dependency<'_>) -> Vec<Package> {
        let mut seen = HashSet::new();
        self.having(wanted.name)
            .iter()
            .filter(|one| wanted.admits(one.version) && seen.insert(one.package))
            .map(|one| one.package)
            .collect()
    }

    /// Whether a dependency holds where these packages are.
    fn holds(&self, wanted: &Dependency<'_>, there: &HashSet<Package>) -> bool {
        let mut providers = self.having(wanted.name).iter();
        let is = |one: &Provider<'_>| wanted.admits(one.version) && there.contains(&one.package);
        providers.any(is) != wanted.conflicts
    }

    fn add(&self, wanted: &Dependency<'_>, of: Option<Package>, relations: &mut Relations) {
        let any_of = self.meeting(wanted);
        if wanted.conflicts {
            let others = any_of.into_iter().filter(|one| Some(*one) != of);
            relations.conflicts.extend(others);
            return;
        }
        // What a package provides itself is there with it.
        if of.is_some_and(|package| any_of.contains(&package)) {
            return;
        }
        relations.needs.push(Need {
            words: wanted.to_string(),
            any_of,
            ..Need::default()
        });
    }

    /// What is asked for, in the words of `etc/apk/world`: `busybox`, `python3>=3.11`, `!openrc`.
    pub(super) fn wanted(&self, requests: &[String]) -> Result<Relations> {
        let mut relations = Relations::default();
        for request in requests {
            let text = request.replace(' ', "");
            let wrong = |why: &str| {
                Error::wrong(format!(
                    "`{}` {why}",
                    verbatim_foreign::excerpt(request, 100)
                ))
            };
            let dependency = relation::dependency(&text)
                .map_err(|_| wrong("is no package in apk's words; write `name` or `name>=1.2`"))?;
            if !dependency.conflicts && self.meeting(&dependency).is_empty() {
                let there: Vec<String> = self
                    .having(dependency.name)
                    .iter()
                    .take(5)
                    .map(|one| solve::Catalog::show(self, one.package))
                    .collect();
                return Err(wrong(&match there.is_empty() {
                    true => "is in no source; correct `packages` or add a source".to_owned(),
                    false => format!(
                        "is in no source, but there is {}; correct `packages` or add a source",
                        there.join(", ")
                    ),
                }));
            }
            self.add(&dependency, None, &mut relations);
        }
        Ok(relations)
    }

    /// Choose packages: what is asked for, what it needs, and what comes by itself where others are.
    pub(super) fn solve(&self, architecture: &str, requests: &[String]) -> Result<Solution> {
        let mut wanted = self.wanted(requests)?;
        let mut added: BTreeSet<Group> = BTreeSet::new();
        loop {
            let solution = choice::solve(architecture, self, &wanted)?;
            let there: HashSet<Package> = solution.iter().map(|(package, _)| *package).collect();
            let more: Vec<Need> = self
                .coming(&there)
                .into_iter()
                .filter(|(group, _)| added.insert(*group))
                .map(|(_, need)| need)
                .collect();
            if more.is_empty() {
                self.check_choices(&wanted, &solution, &there)?;
                return Ok(solution);
            }
            wanted.needs.extend(more);
        }
    }

    /// Packages that come by themselves where these are (`install_if`), by their groups.
    fn coming(&self, there: &HashSet<Package>) -> Vec<(Group, Need)> {
        let mut found: Vec<(Group, Need)> = Vec::new();
        let groups: HashSet<Group> = there.iter().map(|one| self.groups.of(*one)).collect();
        for (package, (listed, _)) in (0..).zip(self.packages.iter().copied()) {
            let group = self.groups.of(package);
            if listed.install_if.is_empty() || groups.contains(&group) {
                continue;
            }
            // One that is not understood comes nowhere.
            let Ok(conditions) = relation::dependencies(&listed.install_if) else {
                continue;
            };
            if !conditions.iter().all(|one| self.holds(one, there)) {
                continue;
            }
            match found.last_mut() {
                Some((last, need)) if *last == group => need.any_of.push(package),
                _ => found.push((
                    group,
                    Need {
                        words: format!("{} where {}", listed.name, listed.install_if),
                        any_of: vec![package],
                        optional: true,
                        ..Need::default()
                    },
                )),
            }
        }
        found
    }

    /// Of several packages that have a name without a version apk chooses none by itself: one of them
    /// must be asked for by a name of its own, or have a priority.
    fn check_choices(
        &self,
        wanted: &Relations,
        solution: &Solution,
        there: &HashSet<Package>,
    ) -> Result<()> {
        let mut needs = Vec::new();
        for (package, _) in solution {
            needs.extend(solve::Catalog::relations(self, *package)?.needs);
        }
        needs.extend(wanted.needs.iter().cloned());
        // Asked for in a way that only one package of one name can meet.
        let only: HashSet<Group> = needs
            .iter()
            .filter_map(|need| {
                let first = self.groups.of(*need.any_of.first()?);
                let all = need.any_of.iter().all(|one| self.groups.of(*one) == first);
                all.then_some(first)
            })
            .collect();
        for need in needs.iter().filter(|need| !need.optional) {
            let met: Vec<Package> = need
                .any_of
                .iter()
                .copied()
                .filter(|one| there.contains(one))
                .collect();
            let name = relation::dependency(&need.words)?.name;
            let by_itself = |package: Package| {
                let (listed, _) = self.packages[package as usize];
                listed.priority > 0
                    || only.contains(&self.groups.of(package))
                    || self
                        .having(name)
                        .iter()
                        .any(|one| one.package == package && one.version.is_some())
            };
            if !met.is_empty() && !met.iter().any(|one| by_itself(*one)) {
                let choices: Vec<String> = need
                    .any_of
                    .iter()
                    .map(|one| solve::Catalog::show_group(self, self.groups.of(*one)))
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .take(10)
                    .collect();
                return Err(Error::wrong(format!(
                    "`{name}` is needed, and any of {} provides it; name the one that you want in `packages`",
                    choices.join(", ")
                )));
            }
        }
        Ok(())
    }
}

impl solve::Catalog for Catalog<'_> {
    fn groups(&self) -> &Groups {
        &self.groups
    }

    fn relations(&self, package: Package) -> Result<Relations> {
        let (listed, _) = self.packages[package as usize];
        let mut relations = Relations::default();
        for dependency in relation::dependencies(&listed.depends)? {
            self.add(&dependency, Some(package), &mut relations);
        }
        // A name with a version is that of one package alone.
        let own = (&*listed.name, true);
        let provided = relation::provided(&listed.provides);
        let names = provided.map(|one| (one.name, one.version.is_some()));
        for (name, versioned) in std::iter::once(own).chain(names) {
            for other in self.having(name) {
                let is_own = self.groups.of(other.package) == self.groups.of(package);
                if !is_own && (versioned || other.version.is_some()) {
                    relations.conflicts.push(other.package);
                }
            }
        }
        relations.conflicts.sort_unstable();
        relations.conflicts.dedup();
        Ok(relations)
    }

    fn show(&self, package: Package) -> String {
        let (listed, _) = self.packages[package as usize];
        format!("{}-{}", listed.name, listed.version)
    }

    fn show_group(&self, group: Group) -> String {
        let first = self.groups.members(group).first();
        first.map_or(String::new(), |one| {
            self.packages[*one as usize].0.name.to_string()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::Checksum;
    use super::*;

    /// Packages by name, version, and fields: `D` depends, `p` provides, `i` install_if, `k` priority.
    fn listed(packages: &[&str]) -> Vec<(Listed, u32)> {
        let one = |text: &&str| {
            let mut words = text.split(' ');
            let (name, version) = (words.next().unwrap(), words.next().unwrap());
            let mut lists: HashMap<&str, Vec<&str>> = HashMap::new();
            for word in words {
                let (field, value) = word.split_once(':').unwrap();
                lists.entry(field).or_default().push(value);
            }
            let list = |field: &str| lists.get(field).map_or(String::new(), |l| l.join(" "));
            let listed = Listed {
                checksum: Checksum::of(text.as_bytes()),
                name: name.into(),
                version: version.into(),
                size: 1,
                depends: list("D").into(),
                provides: list("p").into(),
                install_if: list("i").into(),
                priority: list("k").parse().unwrap_or(0),
            };
            (listed, 0)
        };
        packages.iter().map(one).collect()
    }

    fn choose(packages: &[&str], requests: &[&str]) -> Result<Vec<String>> {
        let listed = listed(packages);
        let catalog = Catalog::new(&listed, &["banned".to_owned()]);
        let requests: Vec<_> = requests.iter().map(|one| one.to_string()).collect();
        let solution = catalog.solve("x86_64", &requests)?;
        let mut names: Vec<_> = solution
            .iter()
            .map(|(one, _)| solve::Catalog::show(&catalog, *one))
            .collect();
        names.sort();
        Ok(names)
    }

    fn refused(packages: &[&str], requests: &[&str]) -> String {
        choose(packages, requests).unwrap_err().to_string()
    }

    #[test]
    fn versions_and_what_is_provided() {
        let packages = [
            "app 1-r0 D:so:x.so.1 D:cmd:sh D:lib>=2",
            "lib 1-r0",
            "lib 2-r0 p:so:x.so.1=1.0",
            "lib 3-r0 p:so:x.so.1=1.1",
            "busybox 1-r0 p:cmd:sh=1-r0",
        ];
        assert_eq!(
            choose(&packages, &["app"]).unwrap(),
            ["app-1-r0", "busybox-1-r0", "lib-3-r0"]
        );
        assert_eq!(
            choose(&packages, &["app", "lib < 3"]).unwrap(),
            ["app-1-r0", "busybox-1-r0", "lib-2-r0"]
        );
        assert_eq!(choose(&packages, &["lib~1"]).unwrap(), ["lib-1-r0"]);
        assert!(refused(&packages, &["app", "lib=1-r0"]).contains("lib>=2"));
        assert!(refused(&packages, &["lib>9"]).contains("but there is lib-3-r0"));
        assert!(refused(&packages, &["no"]).contains("is in no source;"));
    }

    #[test]
    fn conflicts() {
        let packages = ["a 1 D:!b", "b 1", "c 1 D:!b>1", "d 1 p:b=2", "e 1 D:!v p:v"];
        assert!(choose(&packages, &["a", "b"]).is_err());
        assert_eq!(choose(&packages, &["c", "b"]).unwrap(), ["b-1", "c-1"]);
        assert!(choose(&packages, &["c", "d"]).is_err());
        // What has a name with a version is alone with it.
        assert_eq!(choose(&packages, &["b", "d"]).unwrap(), ["d-1"]);
        assert!(choose(&packages, &["b<2", "d"]).is_err());
        assert_eq!(choose(&packages, &["e"]).unwrap(), ["e-1"]);
        assert!(choose(&packages, &["a", "!a"]).is_err());
    }

    #[test]
    fn names_without_a_version() {
        let packages = [
            "app 1 D:mta",
            "one 1 p:mta",
            "two 1 p:mta",
            "ruled 1 D:init",
            "low 1 p:init k:10",
            "high 1 p:init k:20",
            "alone 1 D:single",
            "only 1 p:single",
        ];
        let error = refused(&packages, &["app"]);
        assert!(error.contains("any of one, two provides it"), "{error}");
        assert_eq!(
            choose(&packages, &["app", "two"]).unwrap(),
            ["app-1", "two-1"]
        );
        assert_eq!(
            choose(&packages, &["one", "two"]).unwrap(),
            ["one-1", "two-1"]
        );
        assert_eq!(
            choose(&packages, &["ruled"]).unwrap(),
            ["high-1", "ruled-1"]
        );
        assert_eq!(
            choose(&packages, &["alone"]).unwrap(),
            ["alone-1", "only-1"]
        );
    }

    #[test]
    fn what_comes_by_itself() {
        let packages = [
            "app 2",
            "app 1",
            "docs 1",
            "app-doc 2 i:docs i:app=2",
            "app-doc 1 i:docs i:app=1",
            "more 1 i:app-doc D:lib",
            "lib 1",
            "never 1 i:docs i:!app",
            "bad 1 i:app D:nothing-has-it",
            "banned 1 i:app",
        ];
        assert_eq!(
            choose(&packages, &["app", "docs"]).unwrap(),
            ["app-2", "app-doc-2", "docs-1", "lib-1", "more-1"]
        );
        assert_eq!(
            choose(&packages, &["app<2", "docs"]).unwrap(),
            ["app-1", "app-doc-1", "docs-1", "lib-1", "more-1"]
        );
        assert_eq!(choose(&packages, &["app"]).unwrap(), ["app-2"]);
    }
}
