//! The templates for CI systems are of the right shape, and a shell and its linter understand the scripts in them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../ci-templates")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    serde_yaml_ng::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Hand the script to the shell and to shellcheck.
fn lint(shell: &str, script: &str) {
    for (program, arguments) in [
        (shell, &["-n"][..]),
        ("shellcheck", &["--shell", shell, "-"]),
    ] {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}\n{script}");
    }
}

/// All `$(…)` in all texts of a value.
fn substitutions(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.extend(
            text.split("$(")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())),
        ),
        Value::Array(values) => values.iter().for_each(|v| substitutions(v, into)),
        Value::Object(values) => values.values().for_each(|v| substitutions(v, into)),
        _ => {}
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

#[test]
fn the_tekton_task_names_only_what_it_declares() {
    let task = read("tekton/reproducible.yaml");
    assert_eq!(task["apiVersion"], "tekton.dev/v1");
    assert_eq!(task["kind"], "Task");
    assert_eq!(task["metadata"]["name"], "verbatim-check");
    let spec = &task["spec"];
    let mut known: Vec<String> = Vec::new();
    known.extend(names(&spec["params"]).iter().map(|n| format!("params.{n}")));
    known.extend(
        names(&spec["params"])
            .iter()
            .map(|n| format!("params.{n}[*]")),
    );
    known.extend(
        names(&spec["results"])
            .iter()
            .map(|n| format!("results.{n}.path")),
    );
    known.extend(
        names(&spec["workspaces"])
            .iter()
            .map(|n| format!("workspaces.{n}.path")),
    );
    let steps = spec["steps"].as_array().unwrap();
    assert!(!steps.is_empty());
    for step in steps {
        let script = step["script"].as_str().unwrap();
        assert!(script.starts_with("#!/usr/bin/env bash\n") && script.contains("verbatim check"));
        // What a person may set never becomes part of a script.
        assert!(!script.contains("$(params"), "{script}");
        lint("bash", script);
        let mut used = Vec::new();
        substitutions(&step["args"], &mut used);
        substitutions(&step["env"], &mut used);
        substitutions(&step["image"], &mut used);
        substitutions(&step["workingDir"], &mut used);
        for name in used {
            assert!(known.contains(&name), "$({name}) is not declared");
        }
        for variable in names(&step["env"]) {
            assert!(
                script.contains(&format!("${variable}")),
                "{variable} is not used"
            );
        }
    }
}

#[test]
fn the_github_workflow_has_jobs_with_steps_that_a_shell_understands() {
    let workflow = read("github/reproducible.yml");
    // `on` is a text here, as GitHub takes it, whatever YAML 1.1 says.
    assert!(workflow["on"].get("pull_request").is_some());
    assert_eq!(workflow["permissions"]["contents"], "read");
    let variables: Vec<_> = workflow["env"].as_object().unwrap().keys().collect();
    let jobs = workflow["jobs"].as_object().unwrap();
    let mut scripts = String::new();
    for job in jobs.values() {
        assert!(job["runs-on"].is_string());
        for step in job["steps"].as_array().unwrap() {
            assert!(step["name"].is_string());
            match (&step["uses"], &step["run"]) {
                (Value::String(action), Value::Null) => {
                    assert!(action.split_once('@').is_some_and(|(_, v)| !v.is_empty()));
                }
                (Value::Null, Value::String(script)) => {
                    // Expressions in a script would be code of whoever named the branch.
                    assert!(!script.contains("${{"), "{script}");
                    lint("bash", script);
                    scripts.push_str(script);
                }
                _ => panic!("a step either uses an action or runs a script: {step}"),
            }
        }
    }
    for variable in variables {
        assert!(
            scripts.contains(&format!("${variable}")),
            "{variable} is not used"
        );
    }
    assert!(scripts.contains("verbatim\" check"));
}

#[test]
fn every_template_is_looked_at() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../ci-templates");
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![top.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "yml" || e == "yaml") {
                found.push(path.strip_prefix(&top).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    assert_eq!(
        found,
        ["github/reproducible.yml", "tekton/reproducible.yaml"]
    );
}
