//! Why an output differs, as reports say it.

use serde::Serialize;

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
