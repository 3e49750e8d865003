//! Which packages make a whole: what is asked for, all that it needs, and nothing that
//! contradicts it.
//!
//! A distribution's words end where this begins: each of its relations comes as the list of the
//! packages that would do, the best one first. So versions, alternatives, virtual packages,
//! architectures and rich dependencies are one thing here.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;

use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, DenseIndex, Dependencies,
    DependencyProvider, HintDependenciesAvailable, Interner, KnownDependencies, LogicalOperator,
    NameId, Problem, Requirement, SolvableId, Solver, SolverCache, StringId, UnsolvableOrCancelled,
    VersionSetId, VersionSetUnionId,
};

use crate::{Error, Result};

/// A package, by its number in a [`Catalog`].
pub type Package = u32;
/// Packages of which only one can be there, by their number in a [`Catalog`].
pub type Group = u32;

/// An explanation has at most so many lines.
const LONGEST_EXPLANATION: usize = 40;

/// Packages by group.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    /// Of each group its packages, the best one first.
    members: Vec<Vec<Package>>,
    of: Vec<Group>,
}

impl Groups {
    /// Packages `0..count`, of which those with equal keys are a group, the one with the
    /// lowest number first.
    pub fn by_key<K: Eq + Hash>(count: usize, key: impl Fn(Package) -> K) -> Self {
        let mut groups = Self::default();
        let mut known: HashMap<K, Group> = HashMap::new();
        for package in 0..count as Package {
            let next = groups.members.len() as Group;
            let group = *known.entry(key(package)).or_insert(next);
            if group == next {
                groups.members.push(Vec::new());
            }
            groups.members[group as usize].push(package);
            groups.of.push(group);
        }
        groups
    }

    /// Put the packages of each group into an order.
    pub fn sort(&mut self, mut order: impl FnMut(&Package, &Package) -> Ordering) {
        for members in &mut self.members {
            members.sort_by(&mut order);
        }
    }

    /// How many packages there are.
    pub fn packages(&self) -> usize {
        self.of.len()
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The group of a package.
    pub fn of(&self, package: Package) -> Group {
        self.of[package as usize]
    }

    /// The packages of a group, the best one first.
    pub fn members(&self, group: Group) -> &[Package] {
        &self.members[group as usize]
    }
}

/// All packages that there are.
pub trait Catalog {
    /// Which packages there are.
    fn groups(&self) -> &Groups;
    /// What a package needs, and what it cannot be with. A package whose relations make no sense
    /// is never chosen.
    fn relations(&self, package: Package) -> Result<Relations>;
    /// A package in words.
    fn show(&self, package: Package) -> String;
    /// A group in words.
    fn show_group(&self, group: Group) -> String;
}

/// What must be there, and what must not.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    /// All of these must be met.
    pub needs: Vec<Need>,
    /// None of these may be there.
    pub conflicts: Vec<Package>,
}

/// One thing that must be met.
#[derive(Debug, Clone, Default)]
pub struct Need {
    /// In the distribution's words.
    pub words: String,
    /// The packages of which one does, the best one first.
    pub any_of: Vec<Package>,
    /// It only counts if of each of these lists one is there.
    pub only_if: Vec<Vec<Package>>,
    /// It is only met where that contradicts nothing.
    pub optional: bool,
}

/// The packages that were chosen, with those that need each.
pub type Solution = Vec<(Package, BTreeSet<Package>)>;

/// Choose packages, or explain in a few lines why there is no choice.
pub fn solve(catalog: &dyn Catalog, wanted: &Relations) -> Result<Solution> {
    let provider = Provider {
        catalog,
        state: RefCell::default(),
    };
    let known = provider.known(wanted);
    let mut solver = Solver::new(provider);
    let problem = Problem::new()
        .requirements(known.requirements)
        .constraints(known.constrains);
    let chosen = match solver.solve(problem) {
        Ok(chosen) => chosen,
        Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
            let explanation = conflict.display_user_friendly(&solver).to_string();
            return Err(Error::wrong(format!(
                "these packages cannot be together:\n{}",
                shortened(&explanation)
            )));
        }
        Err(UnsolvableOrCancelled::Cancelled(_)) => {
            return Err(Error::wrong("choosing packages was cancelled"))
        }
    };
    let mut chosen: Vec<Package> = chosen
        .into_iter()
        .map(|solvable| solvable.to_index() as Package)
        .filter(|package| (*package as usize) < catalog.groups().packages())
        .collect();
    chosen.sort_unstable();
    needed_by(catalog, chosen)
}

fn shortened(explanation: &str) -> String {
    let lines: Vec<_> = explanation
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let mut shown = lines[..lines.len().min(LONGEST_EXPLANATION)].join("\n");
    if lines.len() > LONGEST_EXPLANATION {
        shown.push_str("\n…");
    }
    shown
}

fn needed_by(catalog: &dyn Catalog, chosen: Vec<Package>) -> Result<Solution> {
    let there: HashSet<Package> = chosen.iter().copied().collect();
    let mut needed: HashMap<Package, BTreeSet<Package>> = HashMap::new();
    for &package in &chosen {
        for need in catalog.relations(package)?.needs {
            let counts = need
                .only_if
                .iter()
                .all(|list| list.iter().any(|one| there.contains(one)));
            let met = need.any_of.iter().find(|one| there.contains(one));
            if let (true, Some(&one)) = (counts, met) {
                if one != package {
                    needed.entry(one).or_default().insert(package);
                }
            }
        }
    }
    Ok(chosen
        .into_iter()
        .map(|package| (package, needed.remove(&package).unwrap_or_default()))
        .collect())
}

/// A catalog in the words of the solver. Whatever its kind, the solver is compiled once: it is large.
struct Provider<'a> {
    catalog: &'a dyn Catalog,
    state: RefCell<State>,
}

/// What was said to the solver so far.
#[derive(Default)]
struct State {
    sets: Vec<Set>,
    unions: Vec<Vec<VersionSetId>>,
    conditions: Vec<Condition>,
    strings: Vec<String>,
    /// Names beyond those of the catalog: what nobody provides, and nothing at all.
    more: Vec<More>,
}

/// Packages of one group.
struct Set {
    group: Group,
    /// In the order of their numbers.
    packages: Vec<Package>,
    words: String,
}

/// A group that the catalog does not have.
enum More {
    /// Without a package, for what nobody provides.
    Missing(String),
    /// With one that is no package, chosen in place of an optional one.
    Nothing,
}

impl Provider<'_> {
    fn known(&self, relations: &Relations) -> KnownDependencies {
        let mut known = KnownDependencies::default();
        for need in &relations.needs {
            if let Some(requirement) = self.requirement(need) {
                known.requirements.push(requirement);
            }
        }
        let mut refused: HashMap<Group, Vec<Package>> = HashMap::new();
        for &package in &relations.conflicts {
            let list = refused
                .entry(self.catalog.groups().of(package))
                .or_default();
            list.push(package);
        }
        let mut refused: Vec<_> = refused.into_iter().collect();
        refused.sort_unstable();
        for (group, refused) in refused {
            let members = self.catalog.groups().members(group).iter().copied();
            let allowed = members.filter(|one| !refused.contains(one)).collect();
            let words = format!("not {}", self.shown(&refused));
            known.constrains.push(self.set(group, allowed, words));
        }
        known
    }

    fn shown(&self, packages: &[Package]) -> String {
        let words: Vec<_> = packages.iter().map(|p| self.catalog.show(*p)).collect();
        words.join(" or ")
    }

    fn requirement(&self, need: &Need) -> Option<ConditionalRequirement> {
        let mut sets = self.sets(&need.any_of, &need.words);
        if need.optional {
            if sets.is_empty() {
                return None;
            }
            sets.push(self.more(More::Nothing, need.words.clone()));
        } else if sets.is_empty() {
            sets.push(self.more(More::Missing(need.words.clone()), String::new()));
        }
        let mut condition = None;
        for list in &need.only_if {
            let sets = self.sets(list, &need.words);
            let any = sets
                .into_iter()
                .map(|set| self.condition(Condition::Requirement(set)))
                .reduce(|a, b| self.condition(Condition::Binary(LogicalOperator::Or, a, b)))?;
            condition = Some(match condition {
                None => any,
                Some(all) => self.condition(Condition::Binary(LogicalOperator::And, all, any)),
            });
        }
        let requirement = match &sets[..] {
            [only] => Requirement::Single(*only),
            _ => {
                let unions = &mut self.state.borrow_mut().unions;
                unions.push(sets);
                Requirement::Union(VersionSetUnionId::from_index(unions.len() - 1))
            }
        };
        Some(ConditionalRequirement {
            condition,
            requirement,
        })
    }

    /// The packages by group, in the order in which the groups come first.
    fn sets(&self, packages: &[Package], words: &str) -> Vec<VersionSetId> {
        let mut groups: Vec<(Group, Vec<Package>)> = Vec::new();
        let mut at: HashMap<Group, usize> = HashMap::new();
        for &package in packages {
            let group = self.catalog.groups().of(package);
            let place = *at.entry(group).or_insert_with(|| {
                groups.push((group, Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push(package);
        }
        groups
            .into_iter()
            .map(|(group, packages)| self.set(group, packages, words.to_owned()))
            .collect()
    }

    fn set(&self, group: Group, mut packages: Vec<Package>, words: String) -> VersionSetId {
        packages.sort_unstable();
        let sets = &mut self.state.borrow_mut().sets;
        sets.push(Set {
            group,
            packages,
            words,
        });
        VersionSetId::from_index(sets.len() - 1)
    }

    fn more(&self, more: More, words: String) -> VersionSetId {
        let number = {
            let list = &mut self.state.borrow_mut().more;
            list.push(more);
            list.len() - 1
        };
        let group = (self.catalog.groups().len() + number) as Group;
        self.set(
            group,
            vec![(self.catalog.groups().packages() + number) as Package],
            words,
        )
    }

    fn condition(&self, condition: Condition) -> ConditionId {
        let conditions = &mut self.state.borrow_mut().conditions;
        conditions.push(condition);
        ConditionId::from_index(conditions.len() - 1)
    }

    fn string(&self, text: String) -> StringId {
        let strings = &mut self.state.borrow_mut().strings;
        strings.push(text);
        StringId::from_index(strings.len() - 1)
    }
}

impl Interner for Provider<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        let package = solvable.to_index();
        if package < self.catalog.groups().packages() {
            self.catalog.show(package as Package)
        } else {
            "nothing".to_owned()
        }
    }

    fn display_merged_solvables(&self, solvables: &[SolvableId]) -> impl Display + '_ {
        let mut words: Vec<_> = solvables
            .iter()
            .map(|solvable| self.display_solvable(*solvable).to_string())
            .collect();
        words.sort();
        words.dedup();
        words.join(" or ")
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        let group = name.to_index();
        match group.checked_sub(self.catalog.groups().len()) {
            None => self.catalog.show_group(group as Group),
            Some(number) => match &self.state.borrow().more[number] {
                More::Missing(words) => words.clone(),
                More::Nothing => "nothing".to_owned(),
            },
        }
    }

    fn display_version_set(&self, set: VersionSetId) -> impl Display + '_ {
        self.state.borrow().sets[set.to_index()].words.clone()
    }

    fn display_string(&self, string: StringId) -> impl Display + '_ {
        self.state.borrow().strings[string.to_index()].clone()
    }

    fn version_set_name(&self, set: VersionSetId) -> NameId {
        NameId::from_index(self.state.borrow().sets[set.to_index()].group as usize)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        let package = solvable.to_index();
        NameId::from_index(
            match package.checked_sub(self.catalog.groups().packages()) {
                None => self.catalog.groups().of(package as Package) as usize,
                Some(number) => self.catalog.groups().len() + number,
            },
        )
    }

    fn version_sets_in_union(
        &self,
        union: VersionSetUnionId,
    ) -> impl Iterator<Item = VersionSetId> {
        self.state.borrow().unions[union.to_index()]
            .clone()
            .into_iter()
    }

    fn resolve_condition(&self, condition: ConditionId) -> Condition {
        self.state.borrow().conditions[condition.to_index()].clone()
    }
}

impl DependencyProvider for Provider<'_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let state = self.state.borrow();
        let set = &state.sets[set.to_index()].packages;
        let is_in = |one: &SolvableId| set.binary_search(&(one.to_index() as Package)).is_ok();
        let candidates = candidates.iter().copied();
        candidates.filter(|one| is_in(one) != inverse).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let group = name.to_index();
        let packages = match group.checked_sub(self.catalog.groups().len()) {
            None => self.catalog.groups().members(group as Group).to_vec(),
            Some(number) => match self.state.borrow().more[number] {
                More::Missing(_) => return None,
                More::Nothing => vec![(self.catalog.groups().packages() + number) as Package],
            },
        };
        Some(Candidates {
            candidates: packages
                .into_iter()
                .map(|package| SolvableId::from_index(package as usize))
                .collect(),
            hint_dependencies_available: HintDependenciesAvailable::None,
            ..Candidates::default()
        })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        // All of one group, whose order is the catalog's.
        let Some(first) = solvables.first() else {
            return;
        };
        let package = first.to_index();
        if package >= self.catalog.groups().packages() {
            return;
        }
        let members = self
            .catalog
            .groups()
            .members(self.catalog.groups().of(package as Package));
        let rank: HashMap<_, _> = members.iter().zip(0..).collect();
        solvables.sort_by_key(|one| rank.get(&(one.to_index() as Package)).copied());
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        let package = solvable.to_index();
        if package >= self.catalog.groups().packages() {
            return Dependencies::Known(KnownDependencies::default());
        }
        match self.catalog.relations(package as Package) {
            Ok(relations) => Dependencies::Known(self.known(&relations)),
            Err(error) => Dependencies::Unknown(self.string(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with a version each, by number: needs and conflicts by number as well.
    struct Toy(Vec<(&'static str, Relations)>, Groups);

    impl Toy {
        fn new(packages: Vec<(&'static str, Relations)>) -> Self {
            let groups = Groups::by_key(packages.len(), |one| packages[one as usize].0);
            Self(packages, groups)
        }

        fn solve(&self, wanted: &[&[Package]]) -> Result<Vec<Package>> {
            let wanted = Relations {
                needs: wanted.iter().map(|any| need(any)).collect(),
                conflicts: Vec::new(),
            };
            Ok(solve(self, &wanted)?.into_iter().map(|(p, _)| p).collect())
        }
    }

    impl Catalog for Toy {
        fn groups(&self) -> &Groups {
            &self.1
        }
        fn relations(&self, package: Package) -> Result<Relations> {
            Ok(self.0[package as usize].1.clone())
        }
        fn show(&self, package: Package) -> String {
            format!("{}-{package}", self.0[package as usize].0)
        }
        fn show_group(&self, group: Group) -> String {
            self.0[self.1.members(group)[0] as usize].0.to_owned()
        }
    }

    fn need(any_of: &[Package]) -> Need {
        Need {
            words: format!("one of {any_of:?}"),
            any_of: any_of.to_vec(),
            ..Need::default()
        }
    }

    fn needs(lists: &[&[Package]]) -> Relations {
        Relations {
            needs: lists.iter().map(|any| need(any)).collect(),
            conflicts: Vec::new(),
        }
    }

    fn against(conflicts: &[Package]) -> Relations {
        Relations {
            needs: Vec::new(),
            conflicts: conflicts.to_vec(),
        }
    }

    #[test]
    fn the_first_that_does_is_taken() {
        let toy = Toy::new(vec![
            ("app", needs(&[&[1, 2]])),
            ("a", Relations::default()),
            ("b", Relations::default()),
        ]);
        assert_eq!(toy.solve(&[&[0]]).unwrap(), [0, 1]);
    }

    #[test]
    fn what_contradicts_is_avoided_and_older_versions_do() {
        // The newest `lib` (1) cannot be with `app`.
        let toy = Toy::new(vec![
            (
                "app",
                Relations {
                    conflicts: vec![1],
                    ..needs(&[&[1, 2]])
                },
            ),
            ("lib", Relations::default()),
            ("lib", Relations::default()),
        ]);
        assert_eq!(toy.solve(&[&[0]]).unwrap(), [0, 2]);
    }

    #[test]
    fn why_there_is_no_choice_is_said() {
        let toy = Toy::new(vec![("x", against(&[1])), ("y", Relations::default())]);
        let error = toy.solve(&[&[0], &[1]]).unwrap_err().to_string();
        assert!(error.contains("x-0") && error.contains("y-1"), "{error}");
        let toy = Toy::new(vec![("x", needs(&[&[]]))]);
        let error = toy.solve(&[&[0]]).unwrap_err().to_string();
        assert!(error.contains("one of []"), "{error}");
    }

    #[test]
    fn what_is_optional_comes_where_it_can() {
        let optional = |any: &[Package]| Relations {
            needs: vec![Need {
                optional: true,
                ..need(any)
            }],
            conflicts: Vec::new(),
        };
        let toy = Toy::new(vec![("x", optional(&[1])), ("y", Relations::default())]);
        assert_eq!(toy.solve(&[&[0]]).unwrap(), [0, 1]);
        let toy = Toy::new(vec![("x", optional(&[1])), ("y", against(&[0]))]);
        assert_eq!(toy.solve(&[&[0]]).unwrap(), [0]);
    }

    #[test]
    fn conditions() {
        let only_if = Relations {
            needs: vec![Need {
                only_if: vec![vec![2]],
                ..need(&[1])
            }],
            conflicts: Vec::new(),
        };
        let toy = Toy::new(vec![
            ("x", only_if),
            ("y", Relations::default()),
            ("z", Relations::default()),
        ]);
        assert_eq!(toy.solve(&[&[0]]).unwrap(), [0]);
        assert_eq!(toy.solve(&[&[0], &[2]]).unwrap(), [0, 1, 2]);
    }
}
