//! Names for marks, from a second reading of both logs: the first keeps none.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use super::{differing, Accused, Origin, Pair, Root, Suspect};
use crate::log::{Details, Error, Lenience, Names};

/// Names for marks, from a second reading of both logs.
pub(super) struct Lookup {
    first: Names,
    second: Names,
}

impl Lookup {
    pub(super) fn of(
        pair: &Pair,
        suspects: &[Vec<Suspect>],
        unsteady: &[usize],
        (first, second): (&Path, &Path),
        lenience: &Lenience,
    ) -> Result<Self, Error> {
        let (mut paths, mut other_paths) = (HashSet::new(), HashSet::new());
        let (mut actions, mut others) = (BTreeSet::new(), BTreeSet::new());
        for suspect in suspects.iter().flatten() {
            match *suspect {
                Suspect::File(path) => {
                    paths.insert(path);
                }
                Suspect::Action(at)
                | Suspect::Command(at)
                | Suspect::Inputs(at)
                | Suspect::Unmatched(at) => {
                    actions.insert(at);
                }
            }
            if let Suspect::Command(at) = suspect {
                others.extend(pair.by_key.get(&pair.first.actions()[*at].key));
            }
            if let Suspect::Inputs(at) = suspect {
                let (ours, theirs) = pair.inputs(*at);
                paths.extend(ours.iter().map(|a| a.path));
                other_paths.extend(theirs.iter().map(|a| a.path));
            }
        }
        actions.extend(unsteady);
        for at in &actions {
            let outputs = pair.first.actions()[*at].outputs.iter();
            paths.extend(outputs.clone().map(|a| a.path));
            if lenience.configurations {
                other_paths.extend(outputs.map(|a| a.path));
            }
        }
        Ok(Self {
            first: Names::look_up(first, lenience, &paths, &actions)?,
            second: if other_paths.is_empty() && others.is_empty() {
                Names::default()
            } else {
                Names::look_up(second, lenience, &other_paths, &others)?
            },
        })
    }

    pub(super) fn accused(&self, pair: &Pair, at: usize) -> Accused {
        let action = &pair.first.actions()[at];
        let details = self.first.of_action(at).cloned().unwrap_or_default();
        let mut outputs = match pair.partner(at) {
            Some(partner) => differing(action, partner),
            None => Vec::new(),
        };
        if outputs.is_empty() {
            outputs = action.outputs.iter().map(|a| a.path).collect();
        }
        Accused {
            target: details.target,
            mnemonic: details.mnemonic,
            elsewhere: outputs
                .first()
                .and_then(|mark| self.second.of_path(*mark).map(str::to_owned)),
            outputs: outputs
                .into_iter()
                .filter_map(|mark| self.first.of_path(mark).map(str::to_owned))
                .collect(),
            command: details.command,
        }
    }

    pub(super) fn root(&self, pair: &Pair, suspect: Suspect, asked: &str) -> Root {
        match suspect {
            Suspect::Action(at) => Root::Action(self.accused(pair, at)),
            Suspect::Unmatched(at) => Root::Unmatched(self.accused(pair, at)),
            Suspect::Command(at) => {
                let other = pair.by_key.get(&pair.first.actions()[at].key);
                Root::Command {
                    action: self.accused(pair, at),
                    differs: match (
                        self.first.of_action(at),
                        other.and_then(|other| self.second.of_action(*other)),
                    ) {
                        (Some(first), Some(second)) => commands(first, second),
                        _ => Vec::new(),
                    },
                }
            }
            Suspect::Inputs(at) => {
                let (ours, theirs) = pair.inputs(at);
                let mut differs = Vec::new();
                for (artifacts, names, which) in [
                    (ours, &self.first, "first"),
                    (theirs, &self.second, "second"),
                ] {
                    differs.extend(artifacts.iter().filter_map(|a| {
                        let path = names.of_path(a.path)?;
                        Some(format!("only the {which} build gave it {path}"))
                    }));
                }
                Root::Inputs {
                    action: self.accused(pair, at),
                    differs,
                }
            }
            Suspect::File(mark) => {
                let path = self.first.of_path(mark).unwrap_or(asked).to_owned();
                Root::File {
                    origin: origin(&path),
                    path,
                }
            }
        }
    }
}

fn origin(path: &str) -> Origin {
    match path.split_once('/') {
        Some(("bazel-out", rest)) if !rest.contains('/') => Origin::WorkspaceStatus,
        Some(("bazel-out", _)) => Origin::Bazel,
        Some(("external", _)) => Origin::Repository,
        _ => Origin::Source,
    }
}

/// What differs between two commands, one sentence each.
fn commands(first: &Details, second: &Details) -> Vec<String> {
    let mut differs = Vec::new();
    if first.command.len() != second.command.len() {
        differs.push(format!(
            "the command has {} arguments, and {} in the other build",
            first.command.len(),
            second.command.len()
        ));
    }
    let pairs = first.command.iter().zip(&second.command).enumerate();
    if let Some((at, (one, other))) = pairs.into_iter().find(|(_, (one, other))| one != other) {
        differs.push(format!(
            "argument {at} is {}, and {} in the other build",
            excerpt(one, other),
            excerpt(other, one)
        ));
    }
    let names: BTreeMap<_, _> = first
        .environment
        .iter()
        .chain(&second.environment)
        .collect();
    for name in names.keys() {
        let (one, other) = (first.environment.get(*name), second.environment.get(*name));
        if one != other {
            let say = |value: Option<&String>| value.map_or("not set".to_owned(), |v| v.clone());
            differs.push(format!(
                "{name} is {}, and {} in the other build",
                say(one),
                say(other)
            ));
        }
    }
    if differs.is_empty() {
        differs.push("the execution platform or the kind of action differs".to_owned());
    }
    differs
}

/// Of a long argument, the part in which it differs from the other.
fn excerpt(text: &str, other: &str) -> String {
    let characters: Vec<_> = text.chars().collect();
    if characters.len() <= 120 {
        return text.to_owned();
    }
    let same = text
        .chars()
        .zip(other.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let from = same.saturating_sub(20);
    let part: String = characters.iter().skip(from).take(100).collect();
    format!("…{part}…")
}
