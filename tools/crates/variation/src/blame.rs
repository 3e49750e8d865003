//! Which action is to blame for an output that differs.
//!
//! From the output back: the action that made it, the inputs of that action that differ, the
//! actions that made those, until there is one whose inputs are equal. What it made nevertheless
//! is the root of the difference, and everything after it is innocent. Log and order of completion
//! are not needed for that, so the answer does not depend on which action was faster.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use serde::Serialize;

use crate::log::{Action, Artifact, Details, Error, Lenience, Log, Mark, Names, Selection, Work};

/// Enough inputs are named for a person to see what is the matter.
const MAX_INPUTS: usize = 20;

/// Why an output differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Root {
    /// The inputs, the command and the environment of this action were equal, and it made something else.
    Action(Accused),
    /// This action was given another command or another environment, while its input files were equal.
    Command {
        /// The action.
        #[serde(flatten)]
        action: Accused,
        /// What differs, one sentence each.
        differs: Vec<String>,
    },
    /// This action was given other input files, which the other build does not have in their place.
    Inputs {
        /// The action.
        #[serde(flatten)]
        action: Accused,
        /// The files that only one of the builds gave it.
        differs: Vec<String>,
    },
    /// Only the first build has this action.
    Unmatched(Accused),
    /// An input that no process has made: a source file, a file of an external repository, or one
    /// that Bazel writes by itself.
    File {
        /// Its path in the execution root.
        path: String,
        /// Where such a file comes from.
        origin: Origin,
    },
}

/// Where a file comes from that no process has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The checkout.
    Source,
    /// A repository rule or a module extension.
    Repository,
    /// Bazel's workspace status, which stamps are made of.
    WorkspaceStatus,
    /// An action that Bazel carries out itself (a file that is written, a template, a link), or one that is not in the log.
    Bazel,
}

/// An action, as a report names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Accused {
    /// The label of its target.
    pub target: String,
    /// Its mnemonic.
    pub mnemonic: String,
    /// Its outputs that differ; the first one is what it is known by.
    pub outputs: Vec<String>,
    /// Its command.
    pub command: Vec<String>,
    /// The path that the second build has in place of the first of its outputs, where it is another.
    #[serde(skip)]
    pub elsewhere: Option<String>,
}

impl Accused {
    /// Whether the file is one of its outputs, or lies in one that is a folder.
    pub fn made(&self, path: &str) -> bool {
        let inside = |output: &String| {
            path.strip_prefix(output.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.outputs.iter().any(inside)
    }
}

impl Root {
    /// The action, unless it is a file.
    pub fn action(&self) -> Option<&Accused> {
        match self {
            Root::Action(action)
            | Root::Command { action, .. }
            | Root::Inputs { action, .. }
            | Root::Unmatched(action) => Some(action),
            Root::File { .. } => None,
        }
    }

    /// The first file that differs because of it: its path in the first build and in the second.
    pub fn first_file(&self) -> Option<(&str, &str)> {
        match self {
            Root::File { path, .. } => Some((path, path)),
            other => {
                let action = other.action()?;
                let path = action.outputs.first()?;
                Some((path, action.elsewhere.as_ref().unwrap_or(path)))
            }
        }
    }
}

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

/// Names for marks, from a second reading of both logs.
struct Lookup {
    first: Names,
    second: Names,
}

impl Lookup {
    fn of(
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

    fn accused(&self, pair: &Pair, at: usize) -> Accused {
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

    fn root(&self, pair: &Pair, suspect: Suspect, asked: &str) -> Root {
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
