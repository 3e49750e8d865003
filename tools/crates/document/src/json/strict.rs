//! Whether a document says everything once, found without making anything of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess};

/// Whether these bytes are one JSON value in which no object names a member twice.
///
/// What a type does not ask for is passed over by who reads that type, with anything in it; this looks
/// at all of it. It is a pass over the bytes, and a fraction of what a tree of the values takes.
pub fn is_strict(data: &[u8]) -> bool {
    let mut names = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(data);
    let looked = Look(&mut names).deserialize(&mut deserializer);
    looked.and_then(|()| deserializer.end()).is_ok()
}

/// Looks at one value; in the list are the names in all objects around it.
struct Look<'a, 'de>(&'a mut Vec<Cow<'de, str>>);

impl<'de> DeserializeSeed<'de> for Look<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Look<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Look(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let first = self.0.len();
        while let Some(name) = members.next_key_seed(Name)? {
            self.0.push(name);
            members.next_value_seed(Look(self.0))?;
        }
        let names = &mut self.0[first..];
        // In most documents they are in order.
        let is_once = names.is_sorted_by(|a, b| a < b) || {
            names.sort_unstable();
            names.is_sorted_by(|a, b| a < b)
        };
        self.0.truncate(first);
        match is_once {
            true => Ok(()),
            false => Err(de::Error::custom("a member stands twice in one object")),
        }
    }
}

/// The name of a member, without a copy where it stands there as it is.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> de::Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both readings of a document take and refuse the same.
    #[test]
    fn it_agrees_with_who_makes_a_tree_of_the_values() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let documents = [
            "{}",
            "[]",
            "null",
            r#""text""#,
            "-1.5e3",
            r#"{"a":1,"b":{"a":1}}"#,
            r#"{"b":1,"a":2,"b":3}"#,
            r#"{"a":1,"a":1}"#,
            // The same name, written in two ways.
            "{\"a\":1,\"\\u0061\":2}",
            r#"[{"x":[{"y":1,"y":2}]}]"#,
            r#"{"a":{"k":1},"b":{"k":1}}"#,
            "{} {}",
            "{",
            "",
            " \n",
            r#"{"a":"\ud800"}"#,
            "\"\u{7}\"",
            "1e999",
            "{1:2}",
            "01",
            &deep(100),
            &deep(200),
        ];
        for text in documents {
            let parsed = crate::json::parse_value(text.as_bytes(), "f");
            assert_eq!(is_strict(text.as_bytes()), parsed.is_ok(), "{text}");
        }
        assert!(!is_strict(b"\"\xff\""));
    }
}
