//! Whether a document says everything once, found without making anything of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess};

/// Whether these bytes are one JSON value in which no object names a member twice.
///
/// What a type does not ask for is passed over by who reads that type, with anything in it; this looks
/// at all of it. It is a pass over the bytes, and a fraction of what a tree of the values takes.
fn is_strict(data: &[u8]) -> bool {
    let mut names = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(data);
    let looked = Look(&mut names).deserialize(&mut deserializer);
    looked.and_then(|()| deserializer.end()).is_ok()
}

/// [`is_strict`] of bytes that somebody has read as JSON already, passing over what he did not ask for.
///
/// Of nearly all texts and numbers it can be seen that they are right without reading them again. Where it
/// cannot be seen, everything is looked at.
pub fn is_strict_json(json: &[u8]) -> bool {
    std::str::from_utf8(json).is_ok() && is_once(json).unwrap_or_else(|| is_strict(json))
}

/// Nothing deeper is looked at in the fast way: readers go no deeper than 127.
const MAX_DEPTH: usize = 100;

/// A number of more characters may be one that does not fit.
const MAX_NUMBER: usize = 100;

/// Whether no object in this JSON names a member twice; nothing where it has to be read closely.
fn is_once(json: &[u8]) -> Option<bool> {
    // Of each object and list that is not over: the number of names before its own, if it is an object.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut names: Vec<&[u8]> = Vec::new();
    // Whether a text that comes now is a name.
    let mut is_name = false;
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let text = &json[at..at + text_length(&json[at..], is_name)?];
                if is_name {
                    names.push(text);
                }
                at += text.len() + 1;
            }
            b'{' | b'[' => {
                is_name = byte == b'{';
                open.push(is_name.then_some(names.len()));
                if open.len() > MAX_DEPTH {
                    return None;
                }
            }
            b'}' | b']' => {
                if let Some(first) = open.pop()? {
                    if !are_different(&mut names[first..]) {
                        return Some(false);
                    }
                    names.truncate(first);
                }
                is_name = false;
            }
            b':' => is_name = false,
            b',' => is_name = open.last()?.is_some(),
            b'-' | b'0'..=b'9' => {
                let rest = json[at..].iter();
                let of_number =
                    |b: &&u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                let number = &json[at..at + rest.take_while(of_number).count()];
                if number.len() > MAX_NUMBER || number.contains(&b'e') || number.contains(&b'E') {
                    return None;
                }
                at += number.len();
            }
            _ => {}
        }
    }
    Some(true)
}

/// How long a text is, up to the quotation mark at its end; nothing where it has to be read closely.
fn text_length(rest: &[u8], is_name: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', rest.get(at..)?)?;
        match (rest[at], rest.get(at + 1)) {
            (b'"', _) => return Some(at),
            // A name can be written in several ways, and not every number is a character.
            (_, Some(b'u') | None) => return None,
            _ if is_name => return None,
            _ => at += 2,
        }
    }
}

fn are_different<T: Ord>(names: &mut [T]) -> bool {
    // In most documents they are in order.
    names.is_sorted_by(|a, b| a < b) || {
        names.sort_unstable();
        names.is_sorted_by(|a, b| a < b)
    }
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
        let is_once = are_different(&mut self.0[first..]);
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
            assert_agrees(text.as_bytes());
        }
        assert!(!is_strict(b"\"\xff\""));
        assert_agrees(b"\"\xff\"");
    }

    /// Of JSON that somebody has read, the fast way says what the whole one says.
    fn assert_agrees(text: &[u8]) {
        if serde_json::from_slice::<de::IgnoredAny>(text).is_ok() {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(is_strict_json(text), is_strict(text), "{shown}");
        } else {
            // Nobody asks, and nothing happens.
            is_strict_json(text);
        }
    }

    #[test]
    fn the_fast_way_agrees_on_what_is_put_together_of_parts() {
        // All sequences of a few parts, of which many are JSON.
        let parts = [
            r#"{"a":"#,
            r#","a":"#,
            r#","b":"#,
            r#","\u0061":"#,
            r#"{"\"":"#,
            "[",
            "]",
            "}",
            "1",
            "-0.5",
            "1e999",
            "\"\"",
            r#""\\""#,
            r#""\ud800""#,
            r#""{,:""#,
            ",",
            "{}",
            "[]",
            "true",
            " ",
        ];
        let mut texts = vec![String::new()];
        let mut told = 0;
        for _ in 0..4 {
            texts = texts
                .iter()
                .flat_map(|text| parts.iter().map(move |part| text.clone() + part))
                .collect();
            for text in &texts {
                assert_agrees(text.as_bytes());
                assert_agrees((text.clone() + "}").as_bytes());
                told += usize::from(is_once(text.as_bytes()).is_some());
            }
        }
        assert!(told > 1000, "{told}");
        // Longer, by a sequence that is the same every time.
        let mut state = 1_u32;
        for _ in 0..100_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text += parts[(state >> 16) as usize % parts.len()];
            }
            assert_agrees(text.as_bytes());
        }
        for n in [99, 100, 101, 126, 127, 128, 129] {
            assert_agrees(format!("{}{}", "[".repeat(n), "]".repeat(n)).as_bytes());
            assert_agrees(format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n)).as_bytes());
            assert_agrees("9".repeat(n * 3).as_bytes());
        }
    }
}
