//! Predicate v1: `slsa-tekton` carries whole TaskRuns in its dependencies, `slsa` the pipeline's
//! parameters alone.

use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde::Deserialize;
use serde_json::Value;
use verbatim_document::{json, Error as Wrong, ErrorKind};

use super::pipeline::{
    once, or_default, parameters, results, Material, NamedValue, Parameter, Pipeline, Step,
    TaskReference, TaskRun,
};
use super::unknown_build_type;
use crate::error::Result;

const SLSA: &str = "https://tekton.dev/chains/v2/slsa";
const SLSA_TEKTON: &str = "https://tekton.dev/chains/v2/slsa-tekton";

/// What Chains calls a dependency that is the definition or the run of a task.
const PIPELINE_TASK: &str = "pipelineTask";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    build_definition: BuildDefinition,
    #[serde(default, deserialize_with = "or_default")]
    run_details: RunDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    build_type: String,
    #[serde(default, deserialize_with = "or_default")]
    external_parameters: ExternalParameters,
    #[serde(default, deserialize_with = "or_default")]
    resolved_dependencies: Vec<Dependency>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalParameters {
    #[serde(default, deserialize_with = "or_default")]
    run_spec: RunSpec,
}

#[derive(Default, Deserialize)]
struct RunSpec {
    #[serde(default, deserialize_with = "or_default")]
    params: Vec<NamedValue>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(flatten)]
    material: Material,
    #[serde(default)]
    content: Option<String>,
}

#[derive(Default, Deserialize)]
struct RunDetails {
    #[serde(default, deserialize_with = "or_default")]
    byproducts: Vec<Byproduct>,
}

#[derive(Deserialize)]
struct Byproduct {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct TektonRun {
    #[serde(default, deserialize_with = "or_default")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default, deserialize_with = "or_default")]
    params: Vec<NamedValue>,
    #[serde(default, deserialize_with = "or_default")]
    task_ref: TaskReference,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default, deserialize_with = "or_default")]
    task_spec: TaskSpec,
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<NamedValue>,
    /// The name of `results` before Tekton's API v1.
    #[serde(default, deserialize_with = "or_default")]
    task_results: Vec<NamedValue>,
    #[serde(default, deserialize_with = "or_default")]
    steps: Vec<StatusStep>,
}

#[derive(Default, Deserialize)]
struct TaskSpec {
    #[serde(default, deserialize_with = "or_default")]
    params: Vec<Declared>,
}

#[derive(Deserialize)]
struct Declared {
    name: String,
    #[serde(default)]
    default: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusStep {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, rename = "imageID", deserialize_with = "or_default")]
    image_id: String,
}

pub(super) fn read(predicate: &Value, file: &str) -> Result<Pipeline> {
    let predicate: Predicate = json::from_value(predicate.clone(), file)?;
    let definition = predicate.build_definition;
    let with_runs = match definition.build_type.as_str() {
        SLSA_TEKTON => true,
        SLSA => false,
        other => return Err(unknown_build_type(file, other)),
    };
    let mut tasks = Vec::new();
    let mut materials = Vec::new();
    for (i, dependency) in definition.resolved_dependencies.into_iter().enumerate() {
        let is_run = dependency.material.name.as_deref() == Some(PIPELINE_TASK);
        if let (true, true, Some(content)) = (with_runs, is_run, &dependency.content) {
            let pointer = format!("/predicate/buildDefinition/resolvedDependencies/{i}/content");
            let run: TektonRun = json::parse(
                &decode(content, file, &pointer)?,
                &format!("{file} at {pointer}"),
            )?;
            tasks.push(task_run(run)?);
        }
        // A run that was defined in place has no address of its own.
        if !dependency.material.uri.is_empty() {
            materials.push(dependency.material);
        }
    }
    Ok(Pipeline {
        parameters: parameters(definition.external_parameters.run_spec.params)?,
        tasks: with_runs.then_some(tasks),
        results: pipeline_results(predicate.run_details.byproducts)?,
        materials,
    })
}

fn decode(content: &str, file: &str, pointer: &str) -> Result<Vec<u8>> {
    Ok(STANDARD.decode(content).map_err(|e| {
        Wrong::new(ErrorKind::Malformed, file, format!("is no base64: {e}")).at(pointer)
    })?)
}

/// The pipeline's results are JSON strings in base64; what is none is no name or digest.
fn pipeline_results(byproducts: Vec<Byproduct>) -> Result<BTreeMap<String, String>> {
    let texts = byproducts.into_iter().filter_map(|byproduct| {
        let name = byproduct.name.strip_prefix("pipelineRunResults/")?;
        let content = STANDARD.decode(byproduct.content?).ok()?;
        let value: String = serde_json::from_slice(&content).ok()?;
        Some((name.to_owned(), value.trim_end().to_owned()))
    });
    once(texts, "result")
}

fn task_run(run: TektonRun) -> Result<TaskRun> {
    let (definition, bundle) = run.spec.task_ref.resolve();
    let name = run.metadata.labels.get("tekton.dev/pipelineTask").cloned();
    let mut given = parameters(run.spec.params)?;
    for declared in run.status.task_spec.params {
        if let Some(default) = Parameter::of(&declared.default) {
            given.set_default(declared.name, default);
        }
    }
    let mut reported = results(run.status.task_results)?;
    reported.extend(results(run.status.results)?);
    let step = |step: StatusStep| Step {
        container: step.name,
        image: step.image_id,
    };
    Ok(TaskRun {
        name: name.unwrap_or(run.metadata.name),
        task: definition,
        bundle,
        parameters: given,
        results: reported,
        steps: run.status.steps.into_iter().map(step).collect(),
    })
}
