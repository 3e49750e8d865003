//! All packages of the indexes, as the solver sees them: rpm's dependencies, those with operators
//! included, become lists of packages.

use std::collections::{HashMap, HashSet};

use super::evr::Dependency;
use super::repository::{Candidate, Need as Text};
use super::rich::Rich;
use crate::solve::{self, Group, Groups, Need, Package, Relations};
use crate::{Error, Result};

/// A dependency with operators becomes at most so many needs; real ones become one or two.
const MOST_CLAUSES: usize = 64;

/// Packages for images of one architecture, from all sources.
#[derive(Debug)]
pub(super) struct Catalog<'a> {
    packages: Vec<(&'a Candidate, u32)>,
    recommends: bool,
    groups: Groups,
    /// The packages of a name, the best first.
    named: HashMap<&'a str, Vec<Package>>,
    /// Who provides a name, and how.
    provided: HashMap<&'a str, Vec<(Package, &'a Dependency)>>,
    files: HashMap<&'a str, Vec<Package>>,
    /// Packages that others take the place of, and which.
    obsoleted: HashMap<Package, Vec<Package>>,
}

/// A [`Catalog`] that is being filled.
#[derive(Debug)]
pub(super) struct Collector<'a> {
    architecture: &'a str,
    exclude: HashSet<&'a str>,
    packages: Vec<(&'a Candidate, u32)>,
}

impl<'a> Collector<'a> {
    /// For images of this architecture, without packages of these names.
    pub(super) fn new(architecture: &'a str, exclude: &'a [String]) -> Self {
        Self {
            architecture,
            exclude: exclude.iter().map(String::as_str).collect(),
            packages: Vec::new(),
        }
    }

    /// Add a package of source number `source`, if it can be in the image.
    pub(super) fn add(&mut self, candidate: &'a Candidate, source: u32) {
        let runs =
            candidate.architecture == "noarch" || candidate.architecture == self.architecture;
        if runs && !self.exclude.contains(&candidate.name[..]) {
            self.packages.push((candidate, source));
        }
    }

    /// Sort what was collected.
    pub(super) fn finish(self, recommends: bool) -> Catalog<'a> {
        let mut packages = self.packages;
        // The newest of a name first; of equal ones, the one for this architecture alone, and that
        // of the source that was named first.
        packages.sort_by(|(a, one), (b, two)| {
            let is_general = |c: &Candidate| c.architecture == "noarch";
            a.name
                .cmp(&b.name)
                .then_with(|| b.evr.compare(&a.evr))
                .then_with(|| is_general(a).cmp(&is_general(b)))
                .then_with(|| one.cmp(two))
        });
        packages.dedup_by(|(b, _), (a, _)| {
            a.name == b.name && a.architecture == b.architecture && a.evr == b.evr
        });
        let mut catalog = Catalog {
            groups: Groups::by_key(packages.len(), |one| &packages[one as usize].0.name[..]),
            named: HashMap::new(),
            provided: HashMap::new(),
            files: HashMap::new(),
            obsoleted: HashMap::new(),
            packages,
            recommends,
        };
        catalog.arrange();
        catalog
    }
}

impl<'a> Catalog<'a> {
    fn arrange(&mut self) {
        for (number, &(candidate, _)) in (0..).zip(&self.packages) {
            self.named.entry(&candidate.name).or_default().push(number);
            for provided in &candidate.provides {
                let list = self.provided.entry(&provided.name).or_default();
                list.push((number, provided));
            }
            for file in &candidate.files {
                self.files.entry(file).or_default().push(number);
            }
        }
        for (number, &(candidate, _)) in (0..).zip(&self.packages) {
            // Of several versions the newest decides.
            if self.named[&candidate.name[..]].first() != Some(&number) {
                continue;
            }
            for old in self.obsoleted_by(candidate) {
                if self.groups.of(old) != self.groups.of(number) {
                    self.obsoleted.entry(old).or_default().push(number);
                }
            }
        }
    }

    /// Packages by name that this one takes the place of.
    fn obsoleted_by(&self, candidate: &Candidate) -> Vec<Package> {
        let mut old = Vec::new();
        for text in &candidate.obsoletes {
            let Text::Plain(wanted) = text else { continue };
            for &package in self.named.get(&wanted.name[..]).into_iter().flatten() {
                if wanted.is_met_by(&self.itself(package)) {
                    old.push(package);
                }
            }
        }
        old
    }

    /// The name and version of a package, as something that it provides.
    fn itself(&self, package: Package) -> Dependency {
        let (candidate, _) = self.packages[package as usize];
        Dependency {
            name: candidate.name.clone(),
            range: Some((super::evr::Relation::Equal, candidate.evr.clone())),
        }
    }

    /// The package with this number, and the number of its source.
    pub(super) fn package(&self, package: Package) -> (&'a Candidate, u32) {
        self.packages[package as usize]
    }

    /// Who meets a dependency, the best first: those of the name itself, and those that nobody takes
    /// the place of.
    fn providers(&self, wanted: &Dependency) -> Vec<Package> {
        let mut found: Vec<Package> = Vec::new();
        for &package in self.named.get(&wanted.name[..]).into_iter().flatten() {
            if wanted.is_met_by(&self.itself(package)) {
                found.push(package);
            }
        }
        for (package, provided) in self.provided.get(&wanted.name[..]).into_iter().flatten() {
            if wanted.is_met_by(provided) && !found.contains(package) {
                found.push(*package);
            }
        }
        if wanted.name.starts_with('/') {
            for &package in self.files.get(&wanted.name[..]).into_iter().flatten() {
                if !found.contains(&package) {
                    found.push(package);
                }
            }
        }
        found.sort_by_key(|package| self.obsoleted.contains_key(package));
        found
    }

    /// What must be there for a dependency: of each of the lists one, or not even that under
    /// conditions.
    fn clauses(&self, rich: &Rich) -> Result<Vec<Clause>, &'static str> {
        let mut clauses = match rich {
            Rich::One(wanted) => vec![Clause::any(self.providers(wanted))],
            Rich::And(all) => {
                let mut clauses = Vec::new();
                for one in all {
                    clauses.extend(self.clauses(one)?);
                }
                clauses
            }
            Rich::Or(any) => {
                let mut clauses = vec![Clause::any(Vec::new())];
                for one in any {
                    let more = self.clauses(one)?;
                    if clauses.len() * more.len() > MOST_CLAUSES {
                        return Err("has too many parts");
                    }
                    let pairs = clauses
                        .iter()
                        .flat_map(|a| more.iter().map(move |b| a.or(b)));
                    clauses = pairs.collect();
                }
                clauses
            }
            Rich::With(all) => {
                let mut lists = Vec::new();
                for one in all {
                    lists.push(self.list(one)?);
                }
                let mut lists = lists.into_iter();
                let mut both = lists.next().unwrap_or_default();
                for list in lists {
                    both.retain(|package| list.contains(package));
                }
                vec![Clause::any(both)]
            }
            Rich::Without(with, without) => {
                let without = self.list(without)?;
                let mut with = self.list(with)?;
                with.retain(|package| !without.contains(package));
                vec![Clause::any(with)]
            }
            Rich::If {
                then,
                condition,
                otherwise,
            } => {
                let condition = self.condition(condition)?;
                let mut clauses = self.clauses(then)?;
                for clause in &mut clauses {
                    clause.only_if.extend(condition.iter().cloned());
                }
                if let Some(otherwise) = otherwise {
                    // The condition holds, or this is there.
                    for clause in self.clauses(otherwise)? {
                        let either = |list: &Vec<Package>| clause.or(&Clause::any(list.clone()));
                        clauses.extend(condition.iter().map(either));
                    }
                }
                clauses
            }
            Rich::Unless { .. } => return Err("has `unless`, which no package may need"),
        };
        if clauses.len() > MOST_CLAUSES {
            return Err("has too many parts");
        }
        clauses.iter_mut().for_each(Clause::tidy);
        Ok(clauses)
    }

    /// The packages that a part without conditions means.
    fn list(&self, rich: &Rich) -> Result<Vec<Package>, &'static str> {
        match &self.clauses(rich)?[..] {
            [one] if one.only_if.is_empty() => Ok(one.any_of.clone()),
            _ => Err("has `with` or `without` between more than names"),
        }
    }

    /// The lists of which each must have one for a condition to hold.
    fn condition(&self, rich: &Rich) -> Result<Vec<Vec<Package>>, &'static str> {
        let clauses = self.clauses(rich)?;
        if clauses.iter().any(|clause| !clause.only_if.is_empty()) {
            return Err("has a condition in its condition");
        }
        Ok(clauses.into_iter().map(|clause| clause.any_of).collect())
    }

    fn needs(&self, text: &Text, optional: bool) -> Result<Vec<Need>> {
        let (words, clauses) = match text {
            // What rpm itself must be able to do: unpacking here does it, or says that it cannot.
            Text::Plain(wanted) if wanted.name.starts_with("rpmlib(") => return Ok(Vec::new()),
            Text::Plain(wanted) => (
                wanted.to_string(),
                vec![Clause::any(self.providers(wanted))],
            ),
            Text::Rich(text) => (text.clone(), self.rich(text)?),
        };
        let need = |clause: Clause| Need {
            words: words.clone(),
            any_of: clause.any_of,
            only_if: clause.only_if,
            optional,
        };
        Ok(clauses.into_iter().map(need).collect())
    }

    fn rich(&self, text: &str) -> Result<Vec<Clause>> {
        let parsed = Rich::parse(text).and_then(|rich| self.clauses(&rich));
        parsed.map_err(|why| not_understood(text, why))
    }

    /// What is asked for: names with ranges, what packages provide, paths of files, and
    /// dependencies with operators.
    pub(super) fn wanted(&self, requests: &[String]) -> Result<Relations> {
        let mut relations = Relations::default();
        for request in requests {
            let wrong = |why: &str| {
                Error::wrong(format!(
                    "`{}` {why}; write a name, `name >= 1.2`, a path, or `(one or other)`",
                    verbatim_foreign::excerpt(request, 100)
                ))
            };
            let rich = Rich::parse(request.trim()).map_err(wrong)?;
            let clauses = match &rich {
                Rich::One(wanted) => vec![Clause::any(self.asked(wanted))],
                rich => self.clauses(rich).map_err(wrong)?,
            };
            for clause in clauses {
                relations.needs.push(Need {
                    words: request.clone(),
                    any_of: clause.any_of,
                    only_if: clause.only_if,
                    optional: false,
                });
            }
        }
        if self.recommends {
            relations.needs.extend(self.supplements());
        }
        Ok(relations)
    }

    /// A name means the packages that take the place of the old ones of that name.
    fn asked(&self, wanted: &Dependency) -> Vec<Package> {
        let found = self.providers(wanted);
        let all_old = found
            .iter()
            .all(|package| self.obsoleted.contains_key(package));
        match found
            .first()
            .and_then(|package| self.obsoleted.get(package))
        {
            Some(new) if all_old => new.iter().chain(&found).copied().collect(),
            _ => found,
        }
    }

    /// What comes by itself where others are.
    fn supplements(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        for (number, &(candidate, _)) in (0..).zip(&self.packages) {
            for text in &candidate.supplements {
                let condition = match text {
                    Text::Plain(wanted) => Ok(vec![self.providers(wanted)]),
                    Text::Rich(text) => Rich::parse(text).and_then(|rich| self.condition(&rich)),
                };
                // A supplement that is not understood supplements nothing.
                let Ok(only_if) = condition else { continue };
                needs.push(Need {
                    words: candidate.name.clone(),
                    any_of: vec![number],
                    only_if,
                    optional: true,
                });
            }
        }
        needs
    }

    fn conflicts(&self, package: Package, text: &Text, relations: &mut Relations) -> Result<()> {
        match text {
            Text::Plain(wanted) => relations.conflicts.extend(self.providers(wanted)),
            Text::Rich(text) => {
                let rich = Rich::parse(text).map_err(|why| not_understood(text, why))?;
                if let Rich::Unless {
                    then,
                    condition,
                    otherwise: None,
                } = &rich
                {
                    // Where the one is, the other must be too.
                    let named = |why| not_understood(text, why);
                    let only_if = self.condition(then).map_err(named)?;
                    for mut clause in self.clauses(condition).map_err(named)? {
                        clause.only_if.extend(only_if.iter().cloned());
                        relations.needs.push(Need {
                            words: text.clone(),
                            any_of: clause.any_of,
                            only_if: clause.only_if,
                            optional: false,
                        });
                    }
                } else {
                    let list = self.list(&rich).map_err(|why| not_understood(text, why))?;
                    relations.conflicts.extend(list);
                }
            }
        }
        relations.conflicts.retain(|&other| other != package);
        Ok(())
    }
}

fn not_understood(text: &str, why: &str) -> Error {
    let text = verbatim_foreign::excerpt(text, 100);
    Error::refused(format!("the dependency `{text}` {why}"))
}

/// Of one list one must be there, if of each of the others one is.
#[derive(Debug, Clone)]
struct Clause {
    any_of: Vec<Package>,
    only_if: Vec<Vec<Package>>,
}

impl Clause {
    fn any(any_of: Vec<Package>) -> Self {
        Self {
            any_of,
            only_if: Vec::new(),
        }
    }

    fn or(&self, other: &Self) -> Self {
        let both = |a: &[Package], b: &[Package]| a.iter().chain(b).copied().collect();
        Self {
            any_of: both(&self.any_of, &other.any_of),
            only_if: self.only_if.iter().chain(&other.only_if).cloned().collect(),
        }
    }

    /// Each package once, in the first of its places.
    fn tidy(&mut self) {
        let mut seen = HashSet::new();
        self.any_of.retain(|package| seen.insert(*package));
    }
}

impl solve::Catalog for Catalog<'_> {
    fn groups(&self) -> &Groups {
        &self.groups
    }

    fn relations(&self, package: Package) -> Result<Relations> {
        let (candidate, _) = self.packages[package as usize];
        let mut relations = Relations::default();
        for text in &candidate.requires {
            let needs = self.needs(text, false)?;
            // What a package provides itself needs nobody else.
            let own = |need: &Need| need.only_if.is_empty() && need.any_of.contains(&package);
            relations
                .needs
                .extend(needs.into_iter().filter(|need| !own(need)));
        }
        if self.recommends {
            for text in &candidate.recommends {
                // One that is not understood recommends nothing.
                relations
                    .needs
                    .extend(self.needs(text, true).unwrap_or_default());
            }
        }
        for text in &candidate.conflicts {
            self.conflicts(package, text, &mut relations)?;
        }
        let old = self.obsoleted_by(candidate);
        relations
            .conflicts
            .extend(old.into_iter().filter(|&other| other != package));
        Ok(relations)
    }

    fn show(&self, package: Package) -> String {
        let (candidate, _) = self.packages[package as usize];
        format!("{} {}", candidate.name, candidate.evr)
    }

    fn show_group(&self, group: Group) -> String {
        let first = self.groups.members(group).first();
        first.map_or(String::new(), |&one| {
            self.packages[one as usize].0.name.clone()
        })
    }
}
