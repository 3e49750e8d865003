//! JSON in the one form that this project writes, and read so that nobody can disagree about it.
//!
//! # Writing
//!
//! A digest is made over the bytes of a document, so there must be one way to write it.
//! Ours is close to RFC 8785 and differs in two points, named here:
//!
//! - no white space at all between tokens;
//! - members of an object sorted by the bytes of their names in UTF-8 (RFC 8785 sorts by
//!   UTF-16 code units; the two differ only for characters beyond U+FFFF);
//! - strings in UTF-8, with `\"` and `\\`, the short forms `\b` `\t` `\n` `\f` `\r`, and
//!   `\u00xx` in lower case for the other characters below U+0020; everything else, `/`,
//!   U+007F and U+2028 included, stands for itself;
//! - numbers only where they are integers from −2⁶³ to 2⁶⁴−1, in decimal without exponent
//!   or sign of plus (RFC 8785 also knows doubles, and no integer beyond 2⁵³): anything
//!   else is refused, for no field of an image is a fraction;
//! - `true`, `false`, `null`.
//!
//! # Reading
//!
//! An object that names a member twice is refused, because two readers may see two
//! different documents in it. Errors name the file and the place: line and column while
//! the text is no JSON, the JSON pointer after that.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess};
use serde_json::{Map, Number, Value};

use verbatim_digest::{Digest, ParseError};

use crate::error::{Error, ErrorKind, Result};

mod canonical;
mod strict;

pub use canonical::{to_canonical, to_canonical_line};
pub use strict::is_strict_json;

/// The largest manifest, index or config that is read: what registries commonly accept.
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// Add one reference token to a JSON pointer (RFC 6901).
pub fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// Any JSON value, no member named twice.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(Strict)?;
            if object.contains_key(&key) {
                return Err(de::Error::custom(format_args!(
                    "the member {key:?} stands twice in one object; remove one of them"
                )));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Parse a document whose form is not known yet; `file` is its name in messages.
pub fn parse_value(data: &[u8], file: &str) -> Result<Value> {
    let malformed = |what: String| Error::new(ErrorKind::Malformed, file, what);
    if data.iter().all(u8::is_ascii_whitespace) {
        return Err(malformed("is empty where a JSON document must be".into()));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(data);
    Strict
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|e| malformed(format!("is not valid JSON: {e}")))
}

/// Give a parsed document its type; errors name the JSON pointer.
pub fn from_value<T: DeserializeOwned>(value: Value, file: &str) -> Result<T> {
    serde_path_to_error::deserialize(&value).map_err(|e| {
        let mut pointer = String::new();
        for segment in e.path().iter() {
            match segment {
                serde_path_to_error::Segment::Seq { index } => {
                    push_token(&mut pointer, &index.to_string());
                }
                serde_path_to_error::Segment::Map { key } => push_token(&mut pointer, key),
                serde_path_to_error::Segment::Enum { .. }
                | serde_path_to_error::Segment::Unknown => {}
            }
        }
        let kind = if is_unknown_digest(&value, &pointer) {
            ErrorKind::Unknowable
        } else {
            ErrorKind::Malformed
        };
        Error::new(kind, file, e.into_inner().to_string()).at(pointer)
    })
}

/// Whether what stands at this place is a digest that may well be right, of an algorithm that
/// is not known here.
fn is_unknown_digest(value: &Value, pointer: &str) -> bool {
    let text = value.pointer(pointer).and_then(Value::as_str);
    let Some((algorithm, encoded)) = text.and_then(|text| text.split_once(':')) else {
        return false;
    };
    let is_unknown = matches!(
        text.map(str::parse::<Digest>),
        Some(Err(ParseError::Algorithm(_)))
    );
    let is_hex = |length| {
        let digit = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        encoded.len() == length && encoded.bytes().all(digit)
    };
    // The forms that the OCI image specification registers, and its grammar for the rest.
    is_unknown
        && match algorithm {
            "sha384" => is_hex(96),
            "sha512" => is_hex(128),
            "blake3" => is_hex(64),
            _ => {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-');
                !encoded.is_empty() && encoded.bytes().all(allowed)
            }
        }
}

/// What stands in a document as a text, read without a copy of it: there may be very many.
pub fn of_text<'de, T, E: fmt::Display, D: Deserializer<'de>>(
    deserializer: D,
    expecting: &'static str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    struct Text<F>(&'static str, F);

    impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> de::Visitor<'_> for Text<F> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<G: de::Error>(self, text: &str) -> Result<T, G> {
            (self.1)(text).map_err(G::custom)
        }
    }

    deserializer.deserialize_str(Text(expecting, read))
}

/// Parse a document of a known form; `file` is its name in messages.
pub fn parse<T: DeserializeOwned>(data: &[u8], file: &str) -> Result<T> {
    match parse_right(data) {
        Some(right) => Ok(right),
        // The tree of values knows the place of what is wrong.
        None => from_value(parse_value(data, file)?, file),
    }
}

/// The same for a document in which nothing is wrong; who wants to know what it is asks [`parse`].
pub fn parse_right<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    let right = serde_json::from_slice(data).ok()?;
    is_strict_json(data).then_some(right)
}

/// All that a reader gives, or an error when that is more than `limit` bytes.
pub fn read_limited(reader: impl Read, limit: u64, file: &str) -> Result<Vec<u8>> {
    read_into(Vec::new(), reader, limit, file)
}

fn read_into(mut data: Vec<u8>, reader: impl Read, limit: u64, file: &str) -> Result<Vec<u8>> {
    reader
        .take(limit + 1)
        .read_to_end(&mut data)
        .map_err(|e| Error::io(file, "cannot be read", e))?;
    if data.len() as u64 > limit {
        return Err(Error::new(
            ErrorKind::Limit,
            file,
            format!("is larger than {limit} bytes, the limit for such a document"),
        ));
    }
    Ok(data)
}

/// The content of a small file that is a document: a regular one, for anything else might
/// be waited for without end.
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let (file, size) = crate::file::open(path).map_err(|e| unreadable(path, e))?;
    // There may be thousands: each is read at once, and not in pieces that grow.
    let whole = Vec::with_capacity(size.min(limit) as usize + 1);
    read_into(whole, file, limit, &path.display().to_string())
}

/// The content of a small file that a person hands over, which may come out of a pipe: a
/// shell's `<(command)`.
pub fn read_handed(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path)
        .and_then(|file| {
            if file.metadata()?.is_dir() {
                return Err(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    "it is a folder and must be a file",
                ));
            }
            Ok(file)
        })
        .map_err(|e| unreadable(path, e))?;
    read_limited(file, limit, &path.display().to_string())
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::io(path.display(), "cannot be read", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canonical(value: &Value) -> String {
        String::from_utf8(to_canonical(value).unwrap()).unwrap()
    }

    #[test]
    fn one_form_only() {
        assert_eq!(
            canonical(&json!({"b": [1, -2, true, null], "a": {"z": "", "é": 1, "A": 2}})),
            r#"{"a":{"A":2,"z":"","é":1},"b":[1,-2,true,null]}"#
        );
        assert_eq!(
            canonical(&json!("\u{8}\t\n\u{c}\r\u{1}\u{1f}\"\\/\u{7f}\u{2028}é😀")),
            "\"\\b\\t\\n\\f\\r\\u0001\\u001f\\\"\\\\/\u{7f}\u{2028}é😀\""
        );
        assert_eq!(canonical(&json!(u64::MAX)), "18446744073709551615");
        assert_eq!(canonical(&json!(i64::MIN)), "-9223372036854775808");
    }

    #[test]
    fn names_sort_by_their_bytes() {
        // U+FF61 comes before U+1F600 in UTF-8, and after it in UTF-16.
        assert_eq!(
            canonical(&json!({"\u{1f600}": 1, "\u{ff61}": 2})),
            "{\"\u{ff61}\":2,\"\u{1f600}\":1}"
        );
    }

    #[test]
    fn fractions_have_no_canonical_form() {
        let error = to_canonical(&json!({"a/b": [0, 1.5]})).unwrap_err();
        assert_eq!(error.pointer(), Some("/a~1b/1"));
        let huge: Value = serde_json::from_str("18446744073709551616").unwrap();
        assert!(to_canonical(&huge).is_err());
    }

    #[test]
    fn reading_is_strict() {
        let error = |text: &str| {
            parse_value(text.as_bytes(), "f.json")
                .unwrap_err()
                .to_string()
        };
        assert!(
            error(r#"{"a":1,"a":1}"#).contains("the member \"a\" stands twice"),
            "{}",
            error(r#"{"a":1,"a":1}"#)
        );
        assert!(error(r#"[{"x":{"b":1,"b":2}}]"#).contains("stands twice"));
        assert_eq!(
            error(" \n"),
            "f.json: is empty where a JSON document must be"
        );
        assert!(error("{} {}").contains("trailing characters"));
        assert!(error(r#"{"a":"#).contains("EOF"));
        assert!(error(&"[".repeat(100_000)).contains("recursion limit"));
        assert!(parse_value(b"\"\xff\"", "f.json").is_err());
    }

    #[test]
    fn types_are_checked_with_their_place() {
        #[derive(Debug, serde::Deserialize)]
        struct Inner {
            #[allow(dead_code)]
            size: u64,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[allow(dead_code)]
            list: Vec<Inner>,
        }
        let error = parse::<Outer>(br#"{"list":[{"size":1},{"size":-1}]}"#, "f.json").unwrap_err();
        assert_eq!(error.pointer(), Some("/list/1/size"));
        assert!(
            error.to_string().starts_with("f.json at /list/1/size: "),
            "{error}"
        );
    }

    #[test]
    fn a_digest_of_another_algorithm_is_not_wrong() {
        #[derive(Debug, serde::Deserialize)]
        struct Named {
            #[allow(dead_code)]
            digest: Digest,
        }
        let kind = |digest: &str| {
            parse::<Named>(json!({"digest": digest}).to_string().as_bytes(), "f.json")
                .unwrap_err()
                .kind()
        };
        assert_eq!(
            kind(&format!("sha512:{}", "0".repeat(128))),
            ErrorKind::Unknowable
        );
        assert_eq!(
            kind(&format!("blake3:{}", "0".repeat(64))),
            ErrorKind::Unknowable
        );
        assert_eq!(
            kind("multihash+base58:QmRZxt2b1FVZPNqd8"),
            ErrorKind::Unknowable
        );
        for wrong in [
            "sha512:00",
            "blake3:",
            "x:a/b",
            "sha256:00",
            "SHA512:00",
            "sha512",
            "",
            "../x",
            "sha 512:00",
        ] {
            assert_eq!(kind(wrong), ErrorKind::Malformed, "{wrong}");
        }
    }

    #[test]
    fn large_documents_are_refused_without_reading_them() {
        let error = read_limited(io::repeat(b' '), 100, "endless").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert_eq!(read_limited(&b"12345"[..], 5, "x").unwrap(), b"12345");
    }
}
