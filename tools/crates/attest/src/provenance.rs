//! What a SLSA provenance says of a build, whichever version and builder wrote it.
//!
//! Sources: SLSA, "Provenance" v0.2 and v1; Tekton Chains, `docs/slsa-provenance.md`: its v1 documents hold
//! the specification of the whole run in `externalParameters.runSpec`, of which the parameters are a list.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use verbatim_foreign::excerpt;

use crate::predicate_type::{PROVENANCE_V0_2, PROVENANCE_V1};
use crate::statement::Statement;

/// How something was built, as far as a policy asks. All of it is borrowed from a statement.
#[derive(Debug, PartialEq)]
pub struct Provenance<'a> {
    /// Who built: `builder.id`.
    pub builder: &'a str,
    /// In which manner: `buildType`.
    pub build_type: Option<&'a str>,
    /// The `git+` URIs among what the build used, in the order of the document, each once.
    pub sources: Vec<&'a str>,
    /// What the one who asked for the build could choose.
    pub parameters: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Provenance<'a> {
    /// Read a statement's predicate.
    ///
    /// # Errors
    /// It is no provenance of a known version, names no builder, or a field has another form than its
    /// specification says: one sentence that names the field.
    pub fn of(statement: &'a Statement) -> Result<Self, String> {
        let predicate = Object {
            members: &statement.predicate,
            path: "predicate".to_owned(),
        };
        match statement.predicate_type.as_str() {
            PROVENANCE_V0_2 => Self::v0_2(&predicate),
            PROVENANCE_V1 => Self::v1(&predicate),
            other => Err(format!(
                "its predicate type is `{}`, which tells no builder; a policy judges {PROVENANCE_V0_2} and {PROVENANCE_V1}",
                excerpt(other, 200)
            )),
        }
    }

    fn v0_2(predicate: &Object<'a>) -> Result<Self, String> {
        let invocation = predicate.object("invocation")?;
        let config = match &invocation {
            Some(invocation) => invocation.object("configSource")?,
            None => None,
        };
        let mut sources = Sources::default();
        if let Some(uri) = config
            .map(|config| config.string("uri"))
            .transpose()?
            .flatten()
        {
            sources.add(uri);
        }
        sources.add_all(predicate, "materials")?;
        let parameters = match invocation {
            Some(invocation) => invocation.object("parameters")?,
            None => None,
        };
        Ok(Self {
            builder: builder(predicate)?,
            build_type: predicate.string("buildType")?,
            sources: sources.0,
            parameters: members(parameters),
        })
    }

    fn v1(predicate: &Object<'a>) -> Result<Self, String> {
        let run = predicate.object("runDetails")?;
        let run = run.ok_or("its provenance names no builder: there is no `runDetails`")?;
        let builder = builder(&run)?;
        let Some(definition) = predicate.object("buildDefinition")? else {
            return Ok(Self {
                builder,
                build_type: None,
                sources: Vec::new(),
                parameters: BTreeMap::new(),
            });
        };
        let build_type = definition.string("buildType")?;
        let mut sources = Sources::default();
        sources.add_all(&definition, "resolvedDependencies")?;
        let external = definition.object("externalParameters")?;
        let parameters = match external {
            Some(external) if build_type.is_some_and(is_tekton) => tekton_parameters(external)?,
            external => members(external),
        };
        Ok(Self {
            builder,
            build_type,
            sources: sources.0,
            parameters,
        })
    }
}

fn is_tekton(build_type: &str) -> bool {
    let rest = build_type.strip_prefix("https://").unwrap_or(build_type);
    rest.starts_with("tekton.dev/")
}

/// The parameters of `runSpec` in place of the run's whole specification; what stands beside it is one too.
fn tekton_parameters<'a>(external: Object<'a>) -> Result<BTreeMap<&'a str, &'a Value>, String> {
    let Some(spec) = external.object("runSpec")? else {
        return Ok(members(Some(external)));
    };
    let list = spec.list("params")?;
    let mut parameters = members(Some(external));
    parameters.remove("runSpec");
    for parameter in list {
        let name = parameter.string("name")?;
        let value = parameter.members.get("value");
        let (Some(name), Some(value)) = (name, value) else {
            return Err(format!("`{}` has no name or no value", parameter.path));
        };
        if parameters.insert(name, value).is_some() {
            return Err(format!(
                "its parameter `{}` stands there twice",
                excerpt(name, 100)
            ));
        }
    }
    Ok(parameters)
}

fn builder<'a>(object: &Object<'a>) -> Result<&'a str, String> {
    let builder = match object.object("builder")? {
        Some(builder) => builder.string("id")?,
        None => None,
    };
    builder.ok_or_else(|| {
        format!(
            "its provenance names no builder: there is no `{}.builder.id`",
            object.path
        )
    })
}

fn members(object: Option<Object<'_>>) -> BTreeMap<&str, &Value> {
    let members = object.into_iter().flat_map(|object| object.members);
    members
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}

/// URIs of git repositories, each once.
#[derive(Default)]
struct Sources<'a>(Vec<&'a str>);

impl<'a> Sources<'a> {
    fn add(&mut self, uri: &'a str) {
        // Schemes are the same in any case (RFC 3986, 3.1): one that is written otherwise is no way around a policy.
        let is_git = uri
            .get(..4)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("git+"));
        if is_git && !self.0.contains(&uri) {
            self.0.push(uri);
        }
    }

    fn add_all(&mut self, object: &Object<'a>, list: &str) -> Result<(), String> {
        for item in object.list(list)? {
            if let Some(uri) = item.string("uri")? {
                self.add(uri);
            }
        }
        Ok(())
    }
}

/// An object of a document, with its path in messages. `null` is as good as absent: Go programs write it.
struct Object<'a> {
    members: &'a Map<String, Value>,
    path: String,
}

impl<'a> Object<'a> {
    fn member(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, form: &str) -> String {
        format!("`{}.{name}` is not {form}", self.path)
    }

    fn object(&self, name: &str) -> Result<Option<Self>, String> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self {
                members,
                path: format!("{}.{name}", self.path),
            })),
            Some(_) => Err(self.wrong(name, "an object")),
        }
    }

    fn string(&self, name: &str) -> Result<Option<&'a str>, String> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a string")),
        }
    }

    /// The objects of a list.
    fn list(&self, name: &str) -> Result<Vec<Self>, String> {
        let items = match self.member(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.wrong(name, "a list")),
        };
        let object = |(at, item): (usize, &'a Value)| {
            let path = format!("{}.{name}[{at}]", self.path);
            match item {
                Value::Object(members) => Ok(Self { members, path }),
                _ => Err(format!("`{path}` is not an object")),
            }
        };
        items.iter().enumerate().map(object).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn statement(predicate_type: &str, predicate: &Value) -> Statement {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": [],
            "predicateType": predicate_type, "predicate": predicate,
        });
        Statement::parse(statement.to_string().into_bytes(), "x").unwrap()
    }

    #[test]
    fn both_versions_are_one_view() {
        let v0_2 = statement(
            PROVENANCE_V0_2,
            &json!({
                "builder": {"id": "b"}, "buildType": "t",
                "invocation": {"configSource": {"uri": "git+https://example.com/a"}, "parameters": {"p": 1}},
                "materials": [{"uri": "git+https://example.com/a"}, {"uri": "pkg:docker/x"}, {"digest": {}}, {"uri": "GIT+https://example.com/b"}],
            }),
        );
        let v1 = statement(
            PROVENANCE_V1,
            &json!({
                "runDetails": {"builder": {"id": "b"}},
                "buildDefinition": {
                    "buildType": "t", "externalParameters": {"p": 1},
                    "resolvedDependencies": [{"uri": "git+https://example.com/a"}, {"uri": "GIT+https://example.com/b"}],
                },
            }),
        );
        let one = Provenance::of(&v0_2).unwrap();
        assert_eq!(one, Provenance::of(&v1).unwrap());
        assert_eq!(
            one.sources,
            ["git+https://example.com/a", "GIT+https://example.com/b"]
        );
        assert_eq!(one.parameters, BTreeMap::from([("p", &json!(1))]));
    }

    #[test]
    fn what_is_absent_or_null_is_empty() {
        let with = |predicate: Value| {
            Provenance::of(&statement(PROVENANCE_V0_2, &predicate)).map(|p| p.parameters.len())
        };
        assert_eq!(with(json!({"builder": {"id": "b"}})), Ok(0));
        assert_eq!(
            with(
                json!({"builder": {"id": "b"}, "materials": null, "invocation": {"parameters": null, "configSource": {}}})
            ),
            Ok(0)
        );
        let v1 = statement(
            PROVENANCE_V1,
            &json!({"runDetails": {"builder": {"id": "b"}}}),
        );
        assert!(Provenance::of(&v1).unwrap().sources.is_empty());
    }

    #[test]
    fn wrong_forms_are_named() {
        for (predicate, said) in [
            (json!({}), "`predicate.builder.id`"),
            (
                json!({"builder": {"id": 1}}),
                "`predicate.builder.id` is not a string",
            ),
            (
                json!({"builder": []}),
                "`predicate.builder` is not an object",
            ),
            (
                json!({"builder": {"id": "b"}, "materials": {}}),
                "`predicate.materials` is not a list",
            ),
            (
                json!({"builder": {"id": "b"}, "materials": ["git+x"]}),
                "`predicate.materials[0]` is not an object",
            ),
            (
                json!({"builder": {"id": "b"}, "materials": [{"uri": []}]}),
                "`predicate.materials[0].uri` is not a string",
            ),
            (
                json!({"builder": {"id": "b"}, "invocation": {"parameters": []}}),
                "`predicate.invocation.parameters`",
            ),
            // The other version's place.
            (
                json!({"runDetails": {"builder": {"id": "b"}}}),
                "`predicate.builder.id`",
            ),
        ] {
            let statement = statement(PROVENANCE_V0_2, &predicate);
            let error = Provenance::of(&statement).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        let v1 = statement(PROVENANCE_V1, &json!({"builder": {"id": "b"}}));
        assert!(Provenance::of(&v1).unwrap_err().contains("runDetails"));
        let other = statement(
            "https://spdx.dev/Document",
            &json!({"builder": {"id": "b"}}),
        );
        assert!(Provenance::of(&other)
            .unwrap_err()
            .contains("tells no builder"));
    }

    #[test]
    fn the_parameters_of_tekton_are_those_of_the_run() {
        let run = |build_type: &str, external: Value| {
            statement(
                PROVENANCE_V1,
                &json!({"runDetails": {"builder": {"id": "b"}}, "buildDefinition": {"buildType": build_type, "externalParameters": external}}),
            )
        };
        let external = json!({"runSpec": {"pipelineRef": {}, "params": [{"name": "a", "value": ["x"]}]}, "more": 1});
        let chains = run("https://tekton.dev/chains/v2/slsa", external.clone());
        let names: Vec<_> = Provenance::of(&chains)
            .unwrap()
            .parameters
            .into_keys()
            .collect();
        assert_eq!(names, ["a", "more"]);
        let other = run("https://example.com/tekton.dev/", external);
        let names: Vec<_> = Provenance::of(&other)
            .unwrap()
            .parameters
            .into_keys()
            .collect();
        assert_eq!(names, ["more", "runSpec"]);
        for params in [
            json!([{"name": "a", "value": 1}, {"name": "a", "value": 1}]),
            json!([{"name": "a"}]),
            json!([{"value": 1}]),
            json!({"a": 1}),
        ] {
            let wrong = run(
                "https://tekton.dev/chains/v2/slsa-tekton",
                json!({"runSpec": {"params": params}}),
            );
            assert!(Provenance::of(&wrong).is_err(), "{params}");
        }
    }
}
