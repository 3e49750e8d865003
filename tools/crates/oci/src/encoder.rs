//! How an [`Encoder`] is written and read: one object, in which its parameters stand beside the rest.
//!
//! A release names an encoder for each of its layers, which may be a hundred thousand times; what
//! `#[serde(flatten)]` makes of that holds every value twice before it is known where it belongs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use serde::de::{self, MapAccess};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{json, Encoder};

impl Serialize for Encoder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        if let Some(level) = self.level {
            members.serialize_entry("level", &level)?;
        }
        members.serialize_entry("name", &self.name)?;
        for (key, value) in &self.parameters {
            members.serialize_entry(key, value)?;
        }
        if let Some(version) = &self.version {
            members.serialize_entry("version", version)?;
        }
        members.end()
    }
}

impl<'de> Deserialize<'de> for Encoder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> de::Visitor<'de> for Members {
    type Value = Encoder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an encoder: an object with a `name`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Encoder, A::Error> {
        let (mut name, mut version, mut level) = (None, None, None);
        let mut parameters = BTreeMap::new();
        while let Some(key) = members.next_key()? {
            match key {
                Key::Name => name = Some(members.next_value()?),
                Key::Version => version = members.next_value()?,
                Key::Level => level = members.next_value()?,
                Key::Parameter(key) => {
                    parameters.insert(key, members.next_value()?);
                }
            }
        }
        Ok(Encoder {
            name: name.ok_or_else(|| de::Error::missing_field("name"))?,
            version,
            level,
            parameters,
        })
    }
}

enum Key {
    Name,
    Version,
    Level,
    Parameter(String),
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::of_text(deserializer, "the name of a member", |text| {
            Ok::<_, Infallible>(match text {
                "name" => Self::Name,
                "version" => Self::Version,
                "level" => Self::Level,
                _ => Self::Parameter(text.to_owned()),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in [
            r#"{"name":"none"}"#,
            r#"{"level":6,"name":"libdeflate","version":"1.26.1"}"#,
            r#"{"a":[1],"level":-1,"name":"x","z":{"name":"y"}}"#,
        ] {
            let encoder: Encoder = json::parse(text.as_bytes(), "f").unwrap();
            let written = json::to_canonical(&encoder).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), text);
        }
        for wrong in ["{}", r#"{"name":1}"#, r#"{"name":"a","level":"6"}"#, "[]"] {
            assert!(
                json::parse::<Encoder>(wrong.as_bytes(), "f").is_err(),
                "{wrong}"
            );
        }
        let nothing: Encoder = json::parse(br#"{"level":null,"name":"a"}"#, "f").unwrap();
        assert_eq!(nothing.level, None);
    }
}
