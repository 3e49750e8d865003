//! A build as an in-toto statement with SLSA provenance.
//!
//! Sources: in-toto attestation framework, Statement v1 and v0.1; SLSA, "Provenance" v1 and v0.2.

use std::str::FromStr;

use serde_json::{json, Map, Value};
use verbatim_digest::Digest;
use verbatim_document::{json as canonical, Result};
use verbatim_foreign::excerpt;

use super::dependencies::{BAZEL, COMMIT, LOCK, SOURCE, TOOL};
use super::{Build, Run, Source, Subjects, BUILD_TYPE};
use crate::predicate_type::{PROVENANCE_V0_2, PROVENANCE_V1};
use crate::statement::{TYPE_V0_1, TYPE_V1};

/// The version of SLSA's provenance that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// In a statement v1.
    #[default]
    V1,
    /// In a statement v0.1, for readers that know nothing newer.
    V0_2,
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "v1" => Ok(Self::V1),
            "v0.2" => Ok(Self::V0_2),
            _ => Err(format!(
                "`{}` is no version of provenance that is written here; write v1 or v0.2",
                excerpt(text, 60)
            )),
        }
    }
}

impl Build {
    /// The statement that says so of these subjects: canonical JSON and a line feed.
    ///
    /// # Errors
    /// An encoder has a parameter without a canonical form.
    pub fn statement(&self, subjects: &Subjects, run: &Run, form: Form) -> Result<Vec<u8>> {
        let named = subjects
            .iter()
            .map(|(name, digest)| json!({"name": name, "digest": sha256(digest)}));
        let (kind, predicate_type, predicate) = match form {
            Form::V1 => (TYPE_V1, PROVENANCE_V1, self.v1(subjects, run)),
            Form::V0_2 => (TYPE_V0_1, PROVENANCE_V0_2, self.v0_2(subjects, run)),
        };
        canonical::to_canonical_line(&json!({
            "_type": kind,
            "subject": named.collect::<Vec<_>>(),
            "predicateType": predicate_type,
            "predicate": predicate,
        }))
    }

    fn v1(&self, subjects: &Subjects, run: &Run) -> Value {
        let mut internal = Value::from(self.internal(subjects));
        internal["resolvedDependenciesComplete"] = self.dependencies.complete().into();
        let mut details = json!({"builder": {"id": run.builder.as_str()}});
        let metadata = run.metadata(["invocationId", "startedOn", "finishedOn"]);
        if !metadata.is_empty() {
            details["metadata"] = metadata.into();
        }
        json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": self.parameters(),
                "internalParameters": internal,
                "resolvedDependencies": self.resolved(&self.source.digest(COMMIT)),
            },
            "runDetails": details,
        })
    }

    fn v0_2(&self, subjects: &Subjects, run: &Run) -> Value {
        let mut metadata = run.metadata(["buildInvocationId", "buildStartedOn", "buildFinishedOn"]);
        let complete = self.dependencies.complete();
        metadata.insert(
            "completeness".to_owned(),
            json!({"parameters": true, "environment": false, "materials": complete}),
        );
        // Who builds does not know whether others come to the same bytes.
        metadata.insert("reproducible".to_owned(), false.into());
        // The names that git's hashes have there.
        let source = self.source.digest(match self.source.commit.as_str().len() {
            64 => "sha256",
            _ => "sha1",
        });
        let mut materials = self.resolved(&source);
        for material in &mut materials {
            // There are no names: what is known here by its name alone has it for an address.
            let name = material.as_object_mut().and_then(|one| one.remove("name"));
            let name = name.as_ref().and_then(Value::as_str);
            if let Some(name) = name.filter(|name| *name == LOCK || name.starts_with(TOOL)) {
                material["uri"] = name.into();
            }
        }
        json!({
            "builder": {"id": run.builder.as_str()},
            "buildType": BUILD_TYPE,
            "invocation": {
                "configSource": {"uri": self.source.uri.as_str(), "digest": source},
                "parameters": self.parameters(),
                "environment": self.internal(subjects),
            },
            "metadata": metadata,
            "materials": materials,
        })
    }

    /// What the one who asked for the build chose. A policy compares each of them.
    fn parameters(&self) -> Map<String, Value> {
        let mut parameters = Map::new();
        let mut add = |name: &str, value: Value| parameters.insert(name.to_owned(), value);
        add("source", self.source.uri.as_str().into());
        if let Some(reference) = &self.source.reference {
            add("ref", reference.as_str().into());
        }
        if let Some(directory) = &self.directory {
            add("directory", directory.as_str().into());
        }
        let targets = self.targets.iter().map(|target| target.as_str());
        add("targets", targets.collect::<Vec<_>>().into());
        let flags = self.flags.iter().map(|flag| flag.as_str());
        add("flags", flags.collect::<Vec<_>>().into());
        parameters
    }

    /// What the builder brought along.
    fn internal(&self, subjects: &Subjects) -> Map<String, Value> {
        let mut internal = Map::new();
        let mut add = |name: &str, value: Value| internal.insert(name.to_owned(), value);
        add("bazel", json!({"version": self.bazel_version.as_str()}));
        add("encoders", json!(subjects.encoders()));
        if let Some(platform) = subjects.platform() {
            add("platform", platform.to_string().into());
        }
        internal
    }

    /// The source first, then the tools, then what was fetched.
    fn resolved(&self, source: &Value) -> Vec<Value> {
        let known = &self.dependencies;
        let mut resolved =
            vec![json!({"name": SOURCE, "uri": self.source.uri.as_str(), "digest": source})];
        let uri = format!("pkg:generic/bazel@{}", self.bazel_version);
        let mut bazel = json!({"name": BAZEL, "uri": uri});
        if let Some(digest) = known.bazel {
            bazel["digest"] = sha256(digest);
        }
        resolved.push(bazel);
        let lock = known.lock.map(|digest| (LOCK.to_owned(), digest));
        let tools = known.tools.iter();
        let tools = tools.map(|(name, digest)| (format!("{TOOL}{name}"), *digest));
        for (name, digest) in lock.into_iter().chain(tools) {
            resolved.push(json!({"name": name, "digest": sha256(digest)}));
        }
        resolved.extend(known.fetched().map(|one| json!(one)));
        resolved
    }
}

impl Source {
    /// Commit and tree; what the commit's hash is called is a matter of the version.
    fn digest(&self, commit: &str) -> Value {
        json!({commit: self.commit.as_str(), "gitTree": self.tree.as_str()})
    }
}

impl Run {
    fn metadata(&self, [id, started, finished]: [&str; 3]) -> Map<String, Value> {
        let mut metadata = Map::new();
        let mut add = |name: &str, text: Option<&str>| {
            if let Some(text) = text {
                metadata.insert(name.to_owned(), text.into());
            }
        };
        add(id, self.invocation_id.as_ref().map(|id| id.as_str()));
        add(started, self.started_on.as_ref().map(|at| at.as_str()));
        add(finished, self.finished_on.as_ref().map(|at| at.as_str()));
        metadata
    }
}

fn sha256(digest: Digest) -> Value {
    json!({"sha256": digest.hex()})
}
