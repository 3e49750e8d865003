//! Which parts share a layer.
//!
//! What a layer costs a release is its size, times how likely any of its parts changes. Two layers that
//! become one cost more by what each now loads because of the other. So the cheapest pair is merged,
//! again and again, until there are no more layers than there may be, and until a further merge would
//! cost more than a layer of its own does.
//!
//! Layers of the release before of which no part changed, went or came stay as they are: taking one
//! apart, or adding to it, costs all of it at once.

use std::collections::BTreeMap;

use verbatim_oci::LayerMetadata;

use crate::part::Parts;
use crate::plan::{Plan, PlannedComponent};
use crate::rate::{History, Temper, WHOLE};

/// What a layer costs beside its bytes: a request, and its lines in manifest and config.
const OVERHEAD: u64 = 32 << 10;
/// So many groups are compared each with each; of more, the smallest are put together first.
const COMPARED: usize = 600;

/// How many layers there may be, and how large they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Layers at most; one at least.
    pub layers: usize,
    /// Bytes in the tar archive of a layer that others are not to be put into; a part that is larger by
    /// itself, or a number of layers that leaves no choice, goes beyond.
    pub largest: u64,
}

/// The parts of each layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Positions of parts in order; the lowest layer first, which changes least.
    pub layers: Vec<Vec<usize>>,
    /// By part.
    histories: Vec<History>,
}

impl Grouping {
    /// The plan of layers that were made of this, in the same order.
    pub fn plan(&self, parts: &Parts, budget: Budget, metadata: Vec<LayerMetadata>) -> Plan {
        let mut layer_of = vec![0; parts.len()];
        for (number, layer) in self.layers.iter().enumerate() {
            for &part in layer {
                layer_of[part] = number;
            }
        }
        let components = parts.iter().zip(&self.histories).zip(layer_of);
        let components = components.map(|((part, history), layer)| PlannedComponent {
            key: part.key.clone(),
            version: part.version.clone(),
            layer,
            size: part.size,
            fingerprint: part.fingerprint,
            seen: history.seen,
            changed: history.changed,
        });
        Plan::new(budget.layers, metadata, components.collect())
    }
}

/// A layer in the making.
#[derive(Debug, Clone)]
struct Group {
    parts: Vec<usize>,
    size: u64,
    /// How likely the next release leaves it as it is.
    survival: u64,
    /// It was a layer of the release before, and is the same.
    kept: bool,
    /// It has to lie below all others, since it removes what has the same paths.
    lowest: bool,
}

/// What a merge costs: first whether it is one that should not be, then bytes, in parts of [`WHOLE`].
type Cost = (u8, u128);

impl Group {
    fn of(parts: &Parts, histories: &[History], members: Vec<usize>, kept: bool) -> Self {
        // What changes together counts once, by the part that changes most.
        let mut together: BTreeMap<&str, u64> = BTreeMap::new();
        let (mut size, mut lowest) = (0_u64, false);
        for &at in &members {
            let part = &parts[at];
            let survival = histories[at].survival(part.temper);
            let least = together.entry(&part.together).or_insert(survival);
            *least = survival.min(*least);
            size = size.saturating_add(part.size);
            lowest |= part.temper == Temper::Whiteouts;
        }
        Self {
            parts: members,
            size,
            survival: together.into_values().fold(WHOLE, both),
            kept,
            lowest,
        }
    }

    /// The bytes that the next release is expected to cost.
    fn cost(&self) -> u128 {
        u128::from(self.size) * u128::from(WHOLE - self.survival)
    }

    fn merged(&self, other: &Self) -> Self {
        let mut parts = [&self.parts[..], &other.parts].concat();
        parts.sort_unstable();
        Self {
            parts,
            size: self.size.saturating_add(other.size),
            survival: both(self.survival, other.survival),
            kept: false,
            lowest: self.lowest || other.lowest,
        }
    }

    /// What it costs that two are one from now on.
    fn merging(&self, other: &Self, largest: u64) -> Cost {
        let size = self.size.saturating_add(other.size);
        let survival = both(self.survival, other.survival);
        let merged = u128::from(size) * u128::from(WHOLE - survival);
        let mut cost = merged.saturating_sub(self.cost() + other.cost());
        for one in [self, other] {
            if one.kept {
                cost += u128::from(one.size) * u128::from(WHOLE);
            }
        }
        let forced = match () {
            () if self.lowest != other.lowest => 2,
            () if size > largest => 1,
            () => 0,
        };
        (forced, cost)
    }
}

/// How likely two things that do not depend on each other both stay.
fn both(one: u64, other: u64) -> u64 {
    one * other / WHOLE
}

/// Put parts into layers. With the plan of the release before, its layers stay where they can.
pub fn layers(parts: &Parts, previous: Option<&Plan>, budget: Budget) -> Grouping {
    let known: BTreeMap<&str, &PlannedComponent> = previous
        .into_iter()
        .flat_map(|plan| &plan.components)
        .map(|component| (&*component.key, component))
        .collect();
    let mut histories = Vec::with_capacity(parts.len());
    // By layer of the release before, its parts; `None` once something of it changed.
    let mut kept: Vec<Option<Vec<usize>>> = Vec::new();
    kept.resize(
        previous.map_or(0, |plan| plan.layers().len()),
        Some(Vec::new()),
    );
    let mut still_there = 0;
    for (at, part) in parts.iter().enumerate() {
        let Some(old) = known.get(&*part.key) else {
            histories.push(History::default());
            continue;
        };
        still_there += 1;
        let is_same = old.fingerprint == part.fingerprint;
        let history = History {
            seen: old.seen,
            changed: old.changed,
        };
        histories.push(history.and(!is_same));
        if let Some(layer) = kept.get_mut(old.layer) {
            match layer {
                Some(layer) if is_same => layer.push(at),
                _ => *layer = None,
            }
        }
    }
    if still_there < known.len() {
        let is_there = |key: &str| parts.binary_search_by(|part| (*part.key).cmp(key)).is_ok();
        for gone in known.values().filter(|old| !is_there(&old.key)) {
            if let Some(layer) = kept.get_mut(gone.layer) {
                *layer = None;
            }
        }
    }
    let kept: Vec<Vec<usize>> = kept
        .into_iter()
        .flatten()
        .filter(|l| !l.is_empty())
        .collect();
    let mut free = vec![true; parts.len()];
    for &at in kept.iter().flatten() {
        free[at] = false;
    }
    let mut units: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for at in (0..parts.len()).filter(|&at| free[at]) {
        units.entry(&parts[at].together).or_default().push(at);
    }
    let group = |members, kept| Group::of(parts, &histories, members, kept);
    let kept = kept.into_iter().map(|members| group(members, true));
    let new = units.into_values().map(|members| group(members, false));
    let groups: Vec<Group> = kept.chain(new).collect();
    let mut groups = merge(prepared(groups, budget), budget);
    groups.sort_by(|a, b| {
        let key = |group: &Group| (!group.lowest, WHOLE - group.survival);
        key(a).cmp(&key(b)).then_with(|| a.parts.cmp(&b.parts))
    });
    Grouping {
        layers: groups.into_iter().map(|group| group.parts).collect(),
        histories,
    }
}

/// Put the smallest groups together in pairs of like ones, until all can be compared.
fn prepared(mut groups: Vec<Group>, budget: Budget) -> Vec<Group> {
    let most = COMPARED.max(budget.layers);
    while groups.len() > most {
        groups.sort_by(|a, b| {
            let key = |group: &Group| (group.kept || group.lowest, group.size);
            key(a).cmp(&key(b)).then_with(|| a.parts.cmp(&b.parts))
        });
        let free = groups.iter().filter(|g| !g.kept && !g.lowest).count();
        let paired = free.min(2 * (groups.len() - most)).min(free / 2 + 1) / 2 * 2;
        if paired == 0 {
            break;
        }
        let mut small: Vec<Group> = groups.drain(..paired).collect();
        small.sort_by(|a, b| (a.survival, &a.parts).cmp(&(b.survival, &b.parts)));
        groups.extend(small.chunks_exact(2).map(|pair| pair[0].merged(&pair[1])));
    }
    groups.sort_by(|a, b| a.parts.cmp(&b.parts));
    groups
}

/// Merge the cheapest pair until there are few enough.
fn merge(groups: Vec<Group>, budget: Budget) -> Vec<Group> {
    let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    let mut count = groups.len();
    // Of each the cheapest partner behind it.
    let partner = |groups: &[Option<Group>], at: usize| -> Option<(Cost, usize)> {
        let group = groups[at].as_ref()?;
        let behind = groups.iter().enumerate().skip(at + 1);
        let costs = behind.filter_map(|(other, candidate)| {
            Some((group.merging(candidate.as_ref()?, budget.largest), other))
        });
        costs.min()
    };
    let mut best: Vec<Option<(Cost, usize)>> =
        (0..groups.len()).map(|at| partner(&groups, at)).collect();
    loop {
        let cheapest = best.iter().enumerate();
        let cheapest =
            cheapest.filter_map(|(at, best)| best.map(|(cost, other)| (cost, at, other)));
        let Some((cost, at, other)) = cheapest.min() else {
            break;
        };
        let pays = cost.0 == 0 && cost.1 < u128::from(OVERHEAD) * u128::from(WHOLE);
        if count <= budget.layers.max(1) && !pays {
            break;
        }
        let (Some(one), Some(two)) = (groups[at].take(), groups[other].take()) else {
            break;
        };
        groups[at] = Some(one.merged(&two));
        count -= 1;
        best[other] = None;
        best[at] = partner(&groups, at);
        for before in 0..other {
            match best[before] {
                Some((_, to)) if to == at || to == other => {
                    best[before] = partner(&groups, before);
                }
                Some(known) if before < at => {
                    if let (Some(a), Some(b)) = (&groups[before], &groups[at]) {
                        best[before] = Some(known.min((a.merging(b, budget.largest), at)));
                    }
                }
                _ => {}
            }
        }
    }
    groups.into_iter().flatten().collect()
}
