//! Which action is to blame for an output that differs.
//!
//! From the output back: the action that made it, the inputs of that action that differ, the
//! actions that made those, until there is one whose inputs are equal. What it made nevertheless
//! is the root of the difference, and everything after it is innocent. Log and order of completion
//! are not needed for that, so the answer does not depend on which action was faster.

mod lookup;
mod root;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use self::lookup::Lookup;
pub use self::root::{Accused, Origin, Root};
use crate::log::{Action, Artifact, Error, Lenience, Log, Mark, Selection, Work};

/// Enough inputs are named for a person to see what is the matter.
const MAX_INPUTS: usize = 20;

/// What the logs of two builds say.
#[derive(Debug, Default)]
pub struct Blame {
    /// For each path that was asked about, in the order in which they were: the roots of its difference.
    pub roots: Vec<Vec<Root>>,
    /// Actions with equal inputs and different outputs that none of the paths was affected by.
    pub unsteady: Vec<Accused>,
    /// How many actions the first log holds.
    pub actions: usize,
}

/// A root, as long as it has no name yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Suspect {
    Action(usize),
    Command(usize),
    Inputs(usize),
    Unmatched(usize),
    File(Mark),
}

/// Both logs, and what differs between them.
struct Pair {
    first: Log,
    second: Log,
    /// The actions of the second build by their key.
    by_key: HashMap<Mark, usize>,
    /// The actions of the first build by the paths that they made.
    makers: HashMap<Mark, usize>,
    /// The artifacts of the first build that the second has otherwise, or not at all.
    differing: Selection,
}

/// Find what made `paths` differ, which are paths of files in the execution root of the first build.
pub fn blame(
    first: &Path,
    second: &Path,
    paths: &[String],
    lenience: &Lenience,
) -> Result<Blame, Error> {
    let pair = Pair::new(Log::read(first, lenience)?, Log::read(second, lenience)?);
    let suspects: Vec<_> = paths
        .iter()
        .map(|path| pair.trace(&lenience.path(path)))
        .collect();
    let known: HashSet<_> = suspects.iter().flatten().copied().collect();
    let unsteady: Vec<_> = (0..pair.first.actions().len())
        .filter(|at| !known.contains(&Suspect::Action(*at)) && pair.is_unsteady(*at))
        .collect();
    let names = Lookup::of(&pair, &suspects, &unsteady, (first, second), lenience)?;
    let mut roots: Vec<Vec<Root>> = Vec::new();
    for (suspects, path) in suspects.iter().zip(paths) {
        let mut found: Vec<_> = suspects
            .iter()
            .map(|suspect| names.root(&pair, *suspect, path))
            .collect();
        found.sort();
        found.dedup();
        roots.push(found);
    }
    let mut unsteady: Vec<_> = unsteady
        .into_iter()
        .map(|at| names.accused(&pair, at))
        .collect();
    unsteady.sort();
    Ok(Blame {
        roots,
        unsteady,
        actions: pair.first.actions().len(),
    })
}

impl Pair {
    fn new(first: Log, second: Log) -> Self {
        let contents = second.contents();
        let differing = first.select(|a| contents.get(&a.path) != Some(&a.content));
        let by_key = index(second.actions(), |action| vec![action.key]);
        let makers = index(first.actions(), |action| {
            action.outputs.iter().map(|o| o.path).collect()
        });
        Self {
            first,
            second,
            by_key,
            makers,
            differing,
        }
    }

    /// The action that made this, or the folder that it is in.
    fn maker(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(at) = self.makers.get(&Mark::of_path(path)) {
                return Some(*at);
            }
            path = path.rsplit_once('/')?.0;
        }
    }

    fn trace(&self, path: &str) -> Vec<Suspect> {
        let Some(start) = self.maker(path) else {
            return vec![Suspect::File(Mark::of_path(path))];
        };
        let mut roots = Vec::new();
        let mut seen = HashSet::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if !seen.insert(at) {
                continue;
            }
            let causes = match self.first.actions()[at].work {
                Work::Symlink { target } => vec![target],
                Work::Spawn { inputs, .. } => self
                    .first
                    .selected(inputs, &self.differing)
                    .into_iter()
                    .map(|a| a.path)
                    .collect(),
            };
            if causes.is_empty() {
                roots.push(self.judge(at));
            }
            for path in causes {
                match self.makers.get(&path) {
                    Some(maker) => open.push(*maker),
                    None => roots.push(Suspect::File(path)),
                }
            }
        }
        roots
    }

    /// The other build's action.
    fn partner(&self, at: usize) -> Option<&Action> {
        let action = &self.first.actions()[at];
        self.by_key
            .get(&action.key)
            .map(|other| &self.second.actions()[*other])
    }

    /// An action none of whose input files differs.
    fn judge(&self, at: usize) -> Suspect {
        let Some(partner) = self.partner(at) else {
            return Suspect::Unmatched(at);
        };
        match (self.first.actions()[at].work, partner.work) {
            (
                Work::Spawn {
                    command,
                    environment,
                    inputs,
                },
                Work::Spawn {
                    command: other_command,
                    environment: other_environment,
                    inputs: other_inputs,
                },
            ) => {
                if command != other_command || environment != other_environment {
                    Suspect::Command(at)
                } else if self.first.expand(inputs) != self.second.expand(other_inputs) {
                    Suspect::Inputs(at)
                } else {
                    Suspect::Action(at)
                }
            }
            _ => Suspect::Command(at),
        }
    }

    fn is_unsteady(&self, at: usize) -> bool {
        let action = &self.first.actions()[at];
        let Work::Spawn { inputs, .. } = action.work else {
            return false;
        };
        // From the cheapest question to the dearest.
        self.partner(at)
            .is_some_and(|partner| !differing(action, partner).is_empty())
            && self.first.selected(inputs, &self.differing).is_empty()
            && matches!(self.judge(at), Suspect::Action(_))
    }

    /// What both actions were given that the other was not: of the first, and of the second.
    fn inputs(&self, at: usize) -> (Vec<Artifact>, Vec<Artifact>) {
        let inputs = |work| match work {
            Work::Spawn { inputs, .. } => inputs,
            Work::Symlink { .. } => None,
        };
        let ours: BTreeSet<_> = self
            .first
            .expand(inputs(self.first.actions()[at].work))
            .into_iter()
            .collect();
        let theirs: BTreeSet<_> = self
            .partner(at)
            .map(|p| self.second.expand(inputs(p.work)))
            .unwrap_or_default()
            .into_iter()
            .collect();
        let only =
            |a: &BTreeSet<_>, b: &BTreeSet<_>| a.difference(b).take(MAX_INPUTS).copied().collect();
        (only(&ours, &theirs), only(&theirs, &ours))
    }
}

fn index(actions: &[Action], keys: impl Fn(&Action) -> Vec<Mark>) -> HashMap<Mark, usize> {
    let mut index = HashMap::with_capacity(actions.len());
    for (at, action) in actions.iter().enumerate() {
        // A second attempt of the same action comes later, and is the one that counts.
        for key in keys(action) {
            index.insert(key, at);
        }
    }
    index
}

/// The outputs of the first action that the second has otherwise.
fn differing(action: &Action, other: &Action) -> Vec<Mark> {
    let theirs: HashMap<_, _> = other.outputs.iter().map(|a| (a.path, a.content)).collect();
    action
        .outputs
        .iter()
        .filter(|a| theirs.get(&a.path) != Some(&a.content))
        .map(|a| a.path)
        .collect()
}
