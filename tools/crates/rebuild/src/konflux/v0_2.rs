//! Predicate v0.2: the task runs stand in `buildConfig`.

use serde::Deserialize;
use serde_json::{Map, Value};
use verbatim_document::json;

use super::pipeline::{
    or_default, results, Material, NamedValue, Parameter, Parameters, Pipeline, Step,
    TaskReference, TaskRun,
};
use super::unknown_build_type;
use crate::error::Result;

/// What Chains writes since 2023, and what it wrote in 2022.
const BUILD_TYPES: [&str; 2] = [
    "tekton.dev/v1beta1/PipelineRun",
    "https://tekton.dev/attestations/chains/pipelinerun@v2",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    build_type: String,
    #[serde(default, deserialize_with = "or_default")]
    invocation: Invocation,
    #[serde(default, deserialize_with = "or_default")]
    build_config: BuildConfig,
    #[serde(default, deserialize_with = "or_default")]
    materials: Vec<Material>,
}

#[derive(Default, Deserialize)]
struct Invocation {
    #[serde(default, deserialize_with = "or_default")]
    parameters: Map<String, Value>,
}

#[derive(Default, Deserialize)]
struct BuildConfig {
    #[serde(default, deserialize_with = "or_default")]
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Task {
    name: String,
    #[serde(default, rename = "ref", deserialize_with = "or_default")]
    reference: TaskReference,
    #[serde(default, deserialize_with = "or_default")]
    invocation: Invocation,
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<NamedValue>,
    #[serde(default, deserialize_with = "or_default")]
    steps: Vec<TaskStep>,
}

#[derive(Deserialize)]
struct TaskStep {
    #[serde(default, deserialize_with = "or_default")]
    environment: Environment,
}

#[derive(Default, Deserialize)]
struct Environment {
    #[serde(default, deserialize_with = "or_default")]
    container: String,
    #[serde(default, deserialize_with = "or_default")]
    image: String,
}

pub(super) fn read(predicate: &Value, file: &str) -> Result<Pipeline> {
    let predicate: Predicate = json::from_value(predicate.clone(), file)?;
    if !BUILD_TYPES.contains(&predicate.build_type.as_str()) {
        return Err(unknown_build_type(file, &predicate.build_type));
    }
    Ok(Pipeline {
        parameters: given(predicate.invocation.parameters),
        tasks: Some(
            predicate
                .build_config
                .tasks
                .into_iter()
                .map(run)
                .collect::<Result<_>>()?,
        ),
        results: std::collections::BTreeMap::new(),
        materials: predicate.materials,
    })
}

fn run(task: Task) -> Result<TaskRun> {
    let (definition, bundle) = task.reference.resolve();
    let step = |step: TaskStep| Step {
        container: step.environment.container,
        image: step.environment.image,
    };
    Ok(TaskRun {
        name: task.name,
        task: definition,
        bundle,
        parameters: given(task.invocation.parameters),
        results: results(task.results)?,
        steps: task.steps.into_iter().map(step).collect(),
    })
}

fn given(parameters: Map<String, Value>) -> Parameters {
    parameters
        .into_iter()
        .filter_map(|(name, value)| Some((name, Parameter::of(&value)?)))
        .collect()
}
