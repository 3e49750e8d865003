//! What a statement says of a build by Bazel. It is a stranger's word: each of its words has to have its form.

use serde::Deserialize as _;
use serde_json::{Map, Value};
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;

use super::dependencies::{is_bazel, BAZEL, COMMIT, LOCK, SOURCE, TOOL};
use super::{Build, Dependencies, Dependency, GitUri, Source, BUILD_TYPE};
use crate::predicate_type::{PROVENANCE_V0_2, PROVENANCE_V1};
use crate::statement::Statement;

/// More than one build has; a list of these is compared in memory.
const MAX_WORDS: usize = 10_000;

/// What a build consists of, as either version of provenance holds it.
struct Parts<'a> {
    parameters: &'a Map<String, Value>,
    internal: &'a Map<String, Value>,
    resolved: &'a [Value],
    complete: bool,
    /// Whether a dependency has a name (v1); else its address stands for it.
    named: bool,
}

impl Build {
    /// Read provenance of this [type](BUILD_TYPE), in either version.
    ///
    /// # Errors
    /// It is another type's, or does not say what it must, or in another form: one sentence.
    pub fn of(statement: &Statement) -> Result<Self, String> {
        Self::of_predicate(&statement.predicate_type, &statement.predicate)
    }

    /// The same of a predicate alone.
    ///
    /// # Errors
    /// As [`Build::of`].
    pub fn of_predicate(
        predicate_type: &str,
        predicate: &Map<String, Value>,
    ) -> Result<Self, String> {
        let (build_type, parts) = match predicate_type {
            PROVENANCE_V1 => {
                let definition = object(predicate, "buildDefinition")?;
                let internal = object(definition, "internalParameters")?;
                let parts = Parts {
                    parameters: object(definition, "externalParameters")?,
                    internal,
                    resolved: list(definition, "resolvedDependencies")?,
                    complete: is_true(internal, "resolvedDependenciesComplete"),
                    named: true,
                };
                (text(definition, "buildType")?, parts)
            }
            PROVENANCE_V0_2 => {
                let invocation = object(predicate, "invocation")?;
                let completeness = object(object(predicate, "metadata")?, "completeness")?;
                let parts = Parts {
                    parameters: object(invocation, "parameters")?,
                    internal: object(invocation, "environment")?,
                    resolved: list(predicate, "materials")?,
                    complete: is_true(completeness, "materials"),
                    named: false,
                };
                (text(predicate, "buildType")?, parts)
            }
            other => return Err(format!("`{}` is no provenance", excerpt(other, 200))),
        };
        if build_type != BUILD_TYPE {
            return Err(format!(
                "its build type is `{}`, and not {BUILD_TYPE}",
                excerpt(build_type, 200)
            ));
        }
        Self::of_parts(&parts)
    }

    fn of_parts(parts: &Parts<'_>) -> Result<Self, String> {
        let parameters = parts.parameters;
        let known = ["source", "ref", "directory", "targets", "flags"];
        if let Some(other) = parameters
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        {
            return Err(format!(
                "it has the parameter `{}`, which this build type does not know",
                excerpt(other, 100)
            ));
        }
        let bazel = object(parts.internal, "bazel")?;
        let mut dependencies = Dependencies::default();
        if parts.complete {
            dependencies.are_complete();
        }
        let uri: GitUri = text(parameters, "source")?.parse()?;
        let (mut commit, mut tree, mut fetched) = (None, None, Vec::new());
        for dependency in parts.resolved {
            let dependency = dependency.as_object().ok_or("a dependency is no object")?;
            let address = optional(dependency, "uri")?;
            let name = match parts.named {
                true => optional(dependency, "name")?,
                // The source is the first of its address: a build may use another commit of it, too.
                false if address == Some(uri.as_str()) && commit.is_none() => Some(SOURCE),
                false if address.is_some_and(is_bazel) => Some(BAZEL),
                false => address,
            };
            let sha256 = || digest(dependency);
            match name.unwrap_or_default() {
                LOCK => once(&mut dependencies.lock, sha256()?, LOCK)?,
                BAZEL => {
                    if dependency.contains_key("digest") {
                        once(&mut dependencies.bazel, sha256()?, BAZEL)?;
                    }
                }
                SOURCE => {
                    if address != Some(uri.as_str()) {
                        return Err(
                            "its source and that of its dependencies are not the same".to_owned()
                        );
                    }
                    let digests = object(dependency, "digest")?;
                    let names = [COMMIT, "sha1", "sha256"];
                    let hash = names.iter().find_map(|name| digests.get(*name)?.as_str());
                    once(
                        &mut commit,
                        hash.ok_or("its source has no commit")?.parse()?,
                        SOURCE,
                    )?;
                    once(&mut tree, text(digests, "gitTree")?.parse()?, SOURCE)?;
                }
                name => match name.strip_prefix(TOOL) {
                    Some(tool) => {
                        dependencies.tools.insert(tool.to_owned(), sha256()?);
                    }
                    None => fetched.push(
                        Dependency::deserialize(Value::from(dependency.clone()))
                            .map_err(|error| format!("a dependency is malformed: {error}"))?,
                    ),
                },
            }
        }
        dependencies.fetch(fetched)?;
        let reference = optional(parameters, "ref")?;
        let directory = optional(parameters, "directory")?;
        let build = Self {
            source: Source {
                uri,
                commit: commit.ok_or("it names no commit")?,
                tree: tree.ok_or("it names no tree")?,
                reference: reference.map(str::parse).transpose()?,
            },
            directory: directory.map(str::parse).transpose()?,
            targets: words(parameters, "targets")?,
            flags: words(parameters, "flags")?,
            bazel_version: text(bazel, "version")?.parse()?,
            dependencies,
        };
        match build.targets.is_empty() {
            true => Err("it names no target".to_owned()),
            false => Ok(build),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T, name: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("it names `{name}` twice")),
    }
}

fn wrong(name: &str, form: &str) -> String {
    format!("its `{name}` is not {form}")
}

fn object<'a>(of: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>, String> {
    let member = of.get(name).and_then(Value::as_object);
    member.ok_or_else(|| wrong(name, "an object"))
}

fn list<'a>(of: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], String> {
    let member = of.get(name).and_then(Value::as_array);
    Ok(member.ok_or_else(|| wrong(name, "a list"))?)
}

fn text<'a>(of: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    optional(of, name)?.ok_or_else(|| wrong(name, "there"))
}

fn optional<'a>(of: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, String> {
    match of.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(name, "a string")),
    }
}

fn is_true(of: &Map<String, Value>, name: &str) -> bool {
    of.get(name) == Some(&Value::Bool(true))
}

fn words<T>(of: &Map<String, Value>, name: &str) -> Result<Vec<T>, String>
where
    T: std::str::FromStr<Err = String>,
{
    let list = list(of, name)?;
    if list.len() > MAX_WORDS {
        return Err(wrong(name, "a list of at most 10000 words"));
    }
    let word = |word: &Value| {
        word.as_str()
            .ok_or_else(|| wrong(name, "a list of strings"))?
            .parse()
    };
    list.iter().map(word).collect()
}

fn digest(of: &Map<String, Value>) -> Result<Digest, String> {
    let hex = text(object(of, "digest")?, "sha256")?;
    Digest::from_hex(hex).map_err(|error| format!("a sha256 of its dependencies {error}"))
}
