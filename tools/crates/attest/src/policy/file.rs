//! The file of a policy: TOML, of which nothing is passed over.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Number, Value};
use verbatim_document::json;
use verbatim_document::{Error, ErrorKind, Result};
use verbatim_foreign::{excerpt, printable};
use verbatim_signature::PublicKey;

use super::{Allow, Policy, Rebuilders, Wanted};

const SCHEMA: &str = "verbatim.policy/1";

/// The largest policy or key that is read.
const MAX_FILE: u64 = 1 << 20;

/// Stands for any value of a parameter.
const ANY: &str = "*";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    #[serde(default)]
    allow: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    builder: String,
    keys: Vec<String>,
    build_types: Option<Vec<String>>,
    sources: Option<Vec<String>>,
    rebuilders: Option<Vec<String>>,
    threshold: Option<usize>,
    parameters: Option<toml::Table>,
}

impl Policy {
    /// Read a policy, and the keys that it names.
    ///
    /// # Errors
    /// A file is not there or cannot be read; it is no TOML, another schema, has a field that is not
    /// known, allows nothing, or names a key that is none.
    pub fn read(path: &Path) -> Result<Self> {
        let data = json::read_file(path, MAX_FILE)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let key = |name: &str| {
            let path = folder.join(name);
            let data = json::read_file(&path, MAX_FILE)?;
            let file = path.display().to_string();
            PublicKey::from_pem(&data, &file).map_err(|e| match e {
                verbatim_signature::Error::Malformed(e) => e,
                e => Error::new(ErrorKind::Malformed, file, e.to_string()),
            })
        };
        Self::parse(&data, &path.display().to_string(), key)
    }

    /// Parse a policy; `file` is its name in messages, and `key` reads a key by the name it has there.
    ///
    /// # Errors
    /// As [`Policy::read`].
    pub fn parse(data: &[u8], file: &str, key: impl Fn(&str) -> Result<PublicKey>) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Malformed, file, what);
        let text = std::str::from_utf8(data).map_err(|_| wrong("is not UTF-8 text".into()))?;
        let parsed: File = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| {
                let before = text.as_bytes().get(..span.start).unwrap_or_default();
                1 + before.iter().filter(|b| **b == b'\n').count()
            });
            wrong(format!("line {line}: {}", e.message()))
        })?;
        if parsed.schema != SCHEMA {
            return Err(wrong(format!(
                "has the schema `{}`, and only `{SCHEMA}` is known",
                excerpt(&parsed.schema, 60)
            )));
        }
        if parsed.allow.is_empty() {
            return Err(wrong(
                "allows nothing; write an [[allow]] with `builder` and `keys`".into(),
            ));
        }
        let entries = parsed.allow.into_iter().enumerate();
        let allow = entries.map(|(at, entry)| {
            let wrong = |what: String| wrong(format!("allow entry {}: {what}", at + 1));
            if entry.keys.is_empty() {
                return Err(wrong(
                    "`keys` is empty, so it allows nothing; name a PEM file".into(),
                ));
            }
            let read = |names: &[String]| {
                names
                    .iter()
                    .map(|name| key(name))
                    .collect::<Result<Vec<_>>>()
            };
            let keys = read(&entry.keys)?;
            let rebuilders = match (&entry.rebuilders, entry.threshold) {
                (None, None) => None,
                (Some(names), Some(threshold)) => {
                    Some(rebuilders(read(names)?, threshold, &keys).map_err(wrong)?)
                }
                _ => {
                    return Err(wrong(
                        "`rebuilders` and `threshold` go together; write both or none".into(),
                    ))
                }
            };
            let wanted = |table: toml::Table| {
                let wanted = |(name, value): (String, toml::Value)| {
                    let value = json_value(value)
                        .map_err(|e| wrong(format!("parameter `{}`: {e}", printable(&name))))?;
                    let wanted = if value == ANY {
                        Wanted::Any
                    } else {
                        Wanted::Value(value)
                    };
                    Ok((name, wanted))
                };
                table.into_iter().map(wanted).collect::<Result<_>>()
            };
            Ok(Allow {
                builder: entry.builder,
                keys,
                build_types: entry.build_types,
                sources: entry.sources,
                rebuilders,
                parameters: entry.parameters.map(wanted).transpose()?,
            })
        });
        Ok(Self {
            allow: allow.collect::<Result<_>>()?,
        })
    }
}

/// So many of these keys, which are those of different people: none twice, and none of the builder's.
fn rebuilders(
    keys: Vec<PublicKey>,
    threshold: usize,
    builders: &[PublicKey],
) -> std::result::Result<Rebuilders, String> {
    if threshold == 0 || threshold > keys.len() {
        return Err(format!(
            "`threshold` is {threshold}, and must be from 1 to the {} keys in `rebuilders`",
            keys.len()
        ));
    }
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].contains(key) {
            return Err("a key stands twice in `rebuilders`, and nobody has two votes".into());
        }
        if builders.contains(key) {
            return Err("a key of `keys` stands in `rebuilders`, and the builder's own word is not an independent one".into());
        }
    }
    Ok(Rebuilders { keys, threshold })
}

/// The JSON that a value of TOML stands for.
fn json_value(value: toml::Value) -> std::result::Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Number::from_f64(number)
            .map(Value::Number)
            .ok_or("JSON has no such number; write a finite one")?,
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(_) => {
            return Err("JSON has no dates; write it as a string, in quotes".into());
        }
        toml::Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(json_value)
                .collect::<std::result::Result<_, _>>()?,
        ),
        toml::Value::Table(members) => {
            let member = |(name, value)| Ok::<_, String>((name, json_value(value)?));
            Value::Object(
                members
                    .into_iter()
                    .map(member)
                    .collect::<std::result::Result<_, _>>()?,
            )
        }
    })
}
