//! Bazel's build events as JSON, one a line: which targets were built, and the files that they consist of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why the events cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is no build event.
    #[error("{}, line {line} is no build event", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The build ended before it had begun.
    #[error("{} does not say where the execution root is; was the build interrupted?", path.display())]
    NoRoot {
        /// The file.
        path: PathBuf,
    },
}

/// What a build says of itself.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// The execution root, which paths of outputs are relative to.
    pub root: PathBuf,
    /// The paths of the outputs of each target that was asked for.
    pub targets: BTreeMap<String, BTreeSet<String>>,
    /// All options that were in force, those of configuration files included.
    pub options: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    id: Id,
    completed: Option<Completed>,
    named_set_of_files: Option<NamedSet>,
    workspace_info: Option<WorkspaceInfo>,
    options_parsed: Option<OptionsParsed>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Id {
    target_completed: Option<TargetId>,
    named_set: Option<SetId>,
}

#[derive(Deserialize)]
struct TargetId {
    label: String,
    /// Files of an aspect are not the target's.
    aspect: Option<String>,
}

#[derive(Deserialize)]
struct SetId {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Completed {
    #[serde(default)]
    output_group: Vec<OutputGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputGroup {
    #[serde(default)]
    name: String,
    #[serde(default)]
    file_sets: Vec<SetId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedSet {
    #[serde(default)]
    files: Vec<Output>,
    #[serde(default)]
    file_sets: Vec<SetId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    name: String,
    #[serde(default)]
    path_prefix: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkspaceInfo {
    #[serde(default)]
    local_exec_root: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OptionsParsed {
    #[serde(default)]
    cmd_line: Vec<String>,
}

impl Events {
    /// Read the file that `--build_event_json_file` wrote.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let reader = BufReader::new(File::open(path).map_err(failed)?);
        let mut events = Self::default();
        let mut sets: HashMap<String, NamedSet> = HashMap::new();
        for (at, line) in reader.lines().enumerate() {
            let line = line.map_err(failed)?;
            if line.is_empty() {
                continue;
            }
            let event: Event = serde_json::from_str(&line).map_err(|source| Error::Parse {
                path: path.to_owned(),
                line: at + 1,
                source,
            })?;
            if let Some(info) = event.workspace_info {
                events.root = info.local_exec_root;
            }
            if let Some(parsed) = event.options_parsed {
                events.options = parsed.cmd_line;
            }
            if let (Some(set), Some(id)) = (event.named_set_of_files, event.id.named_set) {
                sets.insert(id.id, set);
            }
            // The sets of a target come before it.
            if let (Some(completed), Some(id)) = (event.completed, event.id.target_completed) {
                if id.aspect.is_none() {
                    let files = events.targets.entry(id.label).or_default();
                    for group in completed.output_group {
                        // Results of checks, which nobody publishes.
                        if !group.name.starts_with('_') {
                            collect(&sets, &group.file_sets, files);
                        }
                    }
                }
            }
        }
        if events.root.as_os_str().is_empty() {
            return Err(Error::NoRoot {
                path: path.to_owned(),
            });
        }
        Ok(events)
    }

    /// The variables that configuration files or the command line set to a value for every action.
    pub fn pinned(&self) -> BTreeSet<String> {
        self.options
            .iter()
            .filter_map(|option| {
                let value = option
                    .strip_prefix("--action_env=")
                    .or_else(|| option.strip_prefix("--host_action_env="))?;
                Some(value.split_once('=')?.0.to_owned())
            })
            .collect()
    }
}

fn collect(sets: &HashMap<String, NamedSet>, ids: &[SetId], into: &mut BTreeSet<String>) {
    let mut open: Vec<&str> = ids.iter().map(|id| id.id.as_str()).collect();
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        let (true, Some(set)) = (seen.insert(id), sets.get(id)) else {
            continue;
        };
        open.extend(set.file_sets.iter().map(|id| id.id.as_str()));
        for file in &set.files {
            let mut path = file.path_prefix.join("/");
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&file.name);
            into.insert(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Events, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        Events::read(file.path())
    }

    const ROOT: &str =
        r#"{"id":{"workspace":{}},"workspaceInfo":{"localExecRoot":"/o/execroot/_main"}}"#;

    #[test]
    fn the_files_of_a_target_are_gathered_from_sets_of_sets() {
        let events = read(&[
            ROOT,
            r#"{"id":{"optionsParsed":{}},"optionsParsed":{"cmdLine":["--action_env=TZ=UTC","--action_env=HOME"]}}"#,
            r#"{"id":{"namedSet":{"id":"0"}},"namedSetOfFiles":{"files":[{"name":"a/x","pathPrefix":["bazel-out","k8-fastbuild","bin"]}]}}"#,
            r#"{"id":{"namedSet":{"id":"1"}},"namedSetOfFiles":{"files":[{"name":"a/y"}],"fileSets":[{"id":"0"},{"id":"1"}]}}"#,
            r#"{"id":{"namedSet":{"id":"2"}},"namedSetOfFiles":{"files":[{"name":"a/check"}]}}"#,
            r#"{"id":{"targetCompleted":{"label":"//a:a"}},"completed":{"success":true,"outputGroup":[{"name":"default","fileSets":[{"id":"1"}]},{"name":"_validation","fileSets":[{"id":"2"}]}]}}"#,
            r#"{"id":{"targetCompleted":{"label":"//a:a","aspect":"x"}},"completed":{"outputGroup":[{"name":"default","fileSets":[{"id":"2"}]}]}}"#,
        ])
        .unwrap();
        assert_eq!(events.root, Path::new("/o/execroot/_main"));
        let files: Vec<_> = events.targets["//a:a"].iter().collect();
        assert_eq!(files, ["a/y", "bazel-out/k8-fastbuild/bin/a/x"]);
        // A name without a value is inherited, and so varies.
        assert_eq!(events.pinned(), BTreeSet::from(["TZ".to_owned()]));
    }

    #[test]
    fn what_is_no_event_is_named_by_its_line() {
        let error = read(&[ROOT, "{"]).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(matches!(read(&["{}"]), Err(Error::NoRoot { .. })));
    }
}
