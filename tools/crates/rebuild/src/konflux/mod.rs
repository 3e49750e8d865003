//! Builds of Konflux, as Tekton Chains attests them.
//!
//! A pipeline is a set of task runs; one of them ran `buildah`. [`Pipeline`] is what a statement
//! says of them, in whichever of three forms it says it; [`BuildahBuild`] is what has to be done
//! once more. `docs/konflux.md` has the map of fields.

mod flags;
mod pipeline;
mod plan;
mod source;
mod v0_2;
mod v1;

pub use flags::Flags;
pub use pipeline::{Bundle, Material, Parameter, Parameters, Pipeline, Step, TaskRun};
pub use plan::{
    builds, indexes, BuildahBuild, CheckoutOptions, Given, Produced, Source, TaskVersion,
};

use serde_json::Value;

use crate::error::{Error, Result};

/// SLSA provenance before 1.0.
pub(crate) const SLSA_0_2: &str = "https://slsa.dev/provenance/v0.2";
/// SLSA provenance 1.0.
pub(crate) const SLSA_1: &str = "https://slsa.dev/provenance/v1";

/// The types of predicates that tell how something was built.
pub const PREDICATE_TYPES: [&str; 2] = [SLSA_0_2, SLSA_1];

/// Pipelines have some twenty task runs; each that built is held against all others.
const MAX_TASKS: usize = 1000;

/// Read the predicate of a statement; `file` is its name in messages.
///
/// # Errors
/// Malformed documents are wrong; a type of predicate or build that is not known here leaves the build unchecked.
pub fn read(predicate_type: &str, predicate: &Value, file: &str) -> Result<Pipeline> {
    let pipeline = match predicate_type {
        SLSA_0_2 => v0_2::read(predicate, file)?,
        SLSA_1 => v1::read(predicate, file)?,
        other => return Err(Error::unchecked(format!(
            "{file}: the predicate type `{}` is none that tells how to build; give provenance, {SLSA_0_2} or {SLSA_1}",
            verbatim_foreign::excerpt(other, 200)
        ))),
    };
    match pipeline.tasks.as_ref().map(Vec::len) {
        Some(count) if count > MAX_TASKS => Err(Error::wrong(format!(
            "{file}: it tells of {count} task runs, and no pipeline has more than {MAX_TASKS}"
        ))),
        _ => Ok(pipeline),
    }
}

fn unknown_build_type(file: &str, found: &str) -> Error {
    Error::unchecked(format!(
        "{file}: unknown build type `{}`; pipelines of Tekton Chains are known",
        verbatim_foreign::excerpt(found, 200)
    ))
}
