//! What of a config decides how a container runs, apart from its layers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{json, Named};
use crate::{Error, ErrorKind, Result};

/// The run-time part of a config: every member but those that only tell of the build (`created`,
/// `author`, `history`) and `rootfs`, whose diff_ids are compared for themselves (OCI image
/// specification 1.1, "Image Configuration").
///
/// A member that this program does not know belongs to it, since it may mean something to whoever
/// runs the image. `null`, an empty list, an empty object and an absent member mean the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Runtime(BTreeMap<String, Value>);

/// The members that say nothing about how the image runs, or are compared elsewhere.
const NOT_RUNTIME: [&str; 4] = ["author", "created", "history", "rootfs"];

/// At most so many differences are told.
const MAX_DIFFERENCES: usize = 32;

impl Runtime {
    /// The run-time part of this config.
    pub fn of(config: Named<'_>) -> Result<Self> {
        if let Some(Told(members)) = json::parse_right(config.data) {
            let said = |(key, value)| Some((key, without_empty(value)?));
            return Ok(Self(members.into_iter().filter_map(said).collect()));
        }
        json::parse_value(config.data, config.file)?;
        Err(Error::new(
            ErrorKind::Malformed,
            config.file,
            "is not a JSON object; an image config must be one",
        ))
    }

    /// Where the two differ, as JSON pointers into the config; empty where they do not.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let keys: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        for key in keys {
            let mut pointer = String::new();
            json::push_token(&mut pointer, key);
            match (self.0.get(key), other.0.get(key)) {
                (a, b) if a == b => {}
                // One level down: `/config/Env` tells more than `/config`, and a further one would be noise.
                (Some(Value::Object(a)), Some(Value::Object(b))) => {
                    let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
                    for key in keys.into_iter().filter(|key| a.get(*key) != b.get(*key)) {
                        let mut pointer = pointer.clone();
                        json::push_token(&mut pointer, key);
                        found.push(pointer);
                    }
                }
                _ => found.push(pointer),
            }
        }
        found.truncate(MAX_DIFFERENCES);
        found
    }
}

/// The members of a config that belong to its run-time part; the others, which may be long, are passed over.
struct Told(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Told;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an image config")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Told, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = all.next_key::<String>()? {
                    if NOT_RUNTIME.contains(&key.as_str()) {
                        all.next_value::<IgnoredAny>()?;
                    } else {
                        members.push((key, all.next_value()?));
                    }
                }
                Ok(Told(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The value without members that say nothing; nothing where nothing is left.
fn without_empty(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(members) => {
            // Not deeper: `{"80/tcp": {}}` is a set of ports, and its empty objects are the point.
            let members: serde_json::Map<_, _> = members
                .into_iter()
                .filter(|(_, value)| !is_nothing(value))
                .collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        other => Some(other),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(set) => !set,
        Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(text: &str) -> Runtime {
        Runtime::of(Named::new(text.as_bytes(), "c")).unwrap()
    }

    #[test]
    fn what_only_tells_of_the_build_is_left_out() {
        let a = runtime(
            r#"{"os":"linux","created":"2020-01-01T00:00:00Z","author":"a","history":[{}],"rootfs":{"type":"layers"},"config":{"Env":["A=1"]}}"#,
        );
        let b = runtime(
            r#"{"os":"linux","variant":null,"config":{"Env":["A=1"],"Cmd":null,"Labels":{},"User":""}}"#,
        );
        assert_eq!(a, b);
        assert!(a.differences(&b).is_empty());
        assert_eq!(
            serde_json::to_string(&a).unwrap(),
            r#"{"config":{"Env":["A=1"]},"os":"linux"}"#
        );
    }

    #[test]
    fn what_decides_how_it_runs_is_named() {
        let a = runtime(
            r#"{"os":"linux","config":{"Entrypoint":["a"],"Env":["A=1"],"ExposedPorts":{"80/tcp":{}}}}"#,
        );
        let b = runtime(
            r#"{"os":"windows","config":{"Entrypoint":["b"],"Env":["A=1"],"User":"1"},"x":1}"#,
        );
        assert_eq!(
            a.differences(&b),
            [
                "/config/Entrypoint",
                "/config/ExposedPorts",
                "/config/User",
                "/os",
                "/x"
            ]
        );
        let error = Runtime::of(Named::new(b"[]", "c.json")).unwrap_err();
        assert!(error.to_string().contains("c.json"));
    }
}
