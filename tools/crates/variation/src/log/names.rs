//! The second reading: what the few marks that matter stand for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::reader::{entry, text, variable, Entry, Messages};
use super::wire::{Fields, Value};
use super::{Error, Fault, Lenience, Mark};

/// Longer commands are cut: a report is read by people.
const MAX_COMMAND: usize = 64 << 10;

/// An action as a person knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The label of the target that it belongs to.
    pub target: String,
    /// Its kind, such as `CppCompile`.
    pub mnemonic: String,
    /// The command, if it is a process.
    pub command: Vec<String>,
    /// The environment, if it is a process.
    pub environment: BTreeMap<String, String>,
    /// How it was run, such as `linux-sandbox`.
    pub runner: String,
}

/// The names of paths and actions that were asked for.
#[derive(Debug, Default)]
pub struct Names {
    paths: HashMap<Mark, String>,
    actions: HashMap<usize, Details>,
}

impl Names {
    /// Look up these paths, and these actions by their index in [`Log::actions`](super::Log::actions).
    pub fn look_up(
        log: &Path,
        lenience: &Lenience,
        paths: &HashSet<Mark>,
        actions: &BTreeSet<usize>,
    ) -> Result<Self, Error> {
        let mut names = Self::default();
        let mut at = 0;
        Messages::open(log)?.each(|message| {
            let Some(Entry { kind, payload, .. }) = Entry::of(message)? else {
                return Ok(());
            };
            match kind {
                entry::FILE
                | entry::DIRECTORY
                | entry::UNRESOLVED_SYMLINK
                | entry::RUNFILES_TREE => names.path(payload, 1, paths, lenience)?,
                entry::SPAWN => {
                    for field in Fields::of(payload) {
                        if let (6, Value::Bytes(output)) = field? {
                            names.path(output, 4, paths, lenience)?;
                        }
                    }
                    if actions.contains(&at) {
                        names.actions.insert(at, spawn(payload)?);
                    }
                    at += 1;
                }
                entry::SYMLINK_ACTION => {
                    names.path(payload, 1, paths, lenience)?;
                    names.path(payload, 2, paths, lenience)?;
                    if actions.contains(&at) {
                        names.actions.insert(at, symlink(payload)?);
                    }
                    at += 1;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(names)
    }

    fn path(
        &mut self,
        message: &[u8],
        number: u64,
        wanted: &HashSet<Mark>,
        lenience: &Lenience,
    ) -> Result<(), Fault> {
        for field in Fields::of(message) {
            match field? {
                (n, Value::Bytes(path)) if n == number => {
                    let path = text(path);
                    let mark = Mark::of_path(&lenience.path(&path));
                    if wanted.contains(&mark) {
                        self.paths.entry(mark).or_insert_with(|| path.into_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The path with this mark.
    pub fn of_path(&self, mark: Mark) -> Option<&str> {
        self.paths.get(&mark).map(String::as_str)
    }

    /// The action with this index.
    pub(crate) fn of_action(&self, at: usize) -> Option<&Details> {
        self.actions.get(&at)
    }
}

fn spawn(payload: &[u8]) -> Result<Details, Fault> {
    let mut details = Details::default();
    let mut length = 0;
    for field in Fields::of(payload) {
        match field? {
            (1, Value::Bytes(argument)) => {
                length += argument.len();
                if length <= MAX_COMMAND {
                    details.command.push(text(argument).into_owned());
                } else if details.command.last().is_none_or(|last| last != "…") {
                    details.command.push("…".to_owned());
                }
            }
            (2, Value::Bytes(bytes)) => {
                let (name, value) = variable(bytes)?;
                details
                    .environment
                    .insert(text(name).into_owned(), text(value).into_owned());
            }
            (7, Value::Bytes(bytes)) => details.target = text(bytes).into_owned(),
            (8, Value::Bytes(bytes)) => details.mnemonic = text(bytes).into_owned(),
            (11, Value::Bytes(bytes)) => details.runner = text(bytes).into_owned(),
            _ => {}
        }
    }
    Ok(details)
}

fn symlink(payload: &[u8]) -> Result<Details, Fault> {
    let mut details = Details::default();
    for field in Fields::of(payload) {
        match field? {
            (3, Value::Bytes(bytes)) => details.target = text(bytes).into_owned(),
            (4, Value::Bytes(bytes)) => details.mnemonic = text(bytes).into_owned(),
            _ => {}
        }
    }
    Ok(details)
}
