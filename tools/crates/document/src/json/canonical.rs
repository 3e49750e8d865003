//! Writing in the one form that the [module's page](super) fixes.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::ops::Range;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::Value;

use super::push_token;
use crate::error::{Error, ErrorKind, Result};

/// The value as canonical JSON, see the [module's page](super).
pub fn to_canonical(value: &impl Serialize) -> Result<Vec<u8>> {
    let written = RefCell::default();
    let canonical = Canonical(&written);
    match value.serialize(&mut Serializer::with_formatter(canonical, canonical)) {
        Ok(()) => Ok(written.into_inner().out),
        Err(error) => Err(refused(value, &error)),
    }
}

/// Canonical JSON with a line feed at its end, for files that people look at.
pub fn to_canonical_line(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut out = to_canonical(value)?;
    out.push(b'\n');
    Ok(out)
}

/// What was written so far.
#[derive(Default)]
struct Written {
    out: Vec<u8>,
    /// Of all objects that are open, the inner ones last.
    members: Vec<Member>,
    /// Where in that list the members of each open object begin.
    objects: Vec<usize>,
}

/// One member of an object, by where it stands in what was written.
struct Member {
    key: Range<usize>,
    end: usize,
}

/// Both ends of serde_json's serializer: what it writes, and the places where an object begins and ends,
/// at which its members are put into order. A tree of the whole document would take many times its size.
#[derive(Clone, Copy)]
struct Canonical<'a>(&'a RefCell<Written>);

impl io::Write for Canonical<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Formatter for Canonical<'_> {
    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"{")?;
        let mut written = self.0.borrow_mut();
        let first = written.members.len();
        written.objects.push(first);
        Ok(())
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        let mut written = self.0.borrow_mut();
        let start = written.out.len();
        written.members.push(Member {
            key: start..start,
            end: start,
        });
        Ok(())
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.0.borrow_mut().ends(|member, end| member.key.end = end);
        Ok(())
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.0.borrow_mut().ends(|member, end| member.end = end);
        Ok(())
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.borrow_mut().sort_object();
        writer.write_all(b"}")
    }

    fn write_f32<W: ?Sized + io::Write>(&mut self, _: &mut W, _: f32) -> io::Result<()> {
        Err(no_form())
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, _: &mut W, _: f64) -> io::Result<()> {
        Err(no_form())
    }

    fn write_i128<W: ?Sized + io::Write>(&mut self, writer: &mut W, n: i128) -> io::Result<()> {
        match (u64::try_from(n), i64::try_from(n)) {
            (Err(_), Err(_)) => Err(no_form()),
            _ => write!(writer, "{n}"),
        }
    }

    fn write_u128<W: ?Sized + io::Write>(&mut self, writer: &mut W, n: u128) -> io::Result<()> {
        match u64::try_from(n) {
            Ok(n) => self.write_u64(writer, n),
            Err(_) => Err(no_form()),
        }
    }
}

fn no_form() -> io::Error {
    io::Error::other("a number that is no 64-bit integer has no canonical form")
}

impl Written {
    /// Note of the member that is being written where a part of it ends.
    fn ends(&mut self, note: impl FnOnce(&mut Member, usize)) {
        if let Some(member) = self.members.last_mut() {
            note(member, self.out.len());
        }
    }

    /// Put the members of the innermost object into order, if they are not.
    fn sort_object(&mut self) {
        let first = self.objects.pop().unwrap_or_default();
        let members = &mut self.members[first..];
        let key = |member: &Member| key(&self.out[member.key.clone()]);
        if !members.is_sorted_by(|a, b| key(a) < key(b)) {
            let from = members.first().map_or(self.out.len(), |m| m.key.start);
            // Of members of one name, which a type can be written with, the last one stands, as in a map.
            members.sort_by(|a, b| key(a).cmp(&key(b)));
            let mut sorted = Vec::with_capacity(self.out.len() - from);
            for (at, member) in members.iter().enumerate() {
                if members
                    .get(at + 1)
                    .is_some_and(|next| key(next) == key(member))
                {
                    continue;
                }
                if !sorted.is_empty() {
                    sorted.push(b',');
                }
                sorted.extend_from_slice(&self.out[member.key.start..member.end]);
            }
            self.out.truncate(from);
            self.out.append(&mut sorted);
        }
        self.members.truncate(first);
    }
}

/// The bytes by which a name is sorted: its own, and not those that it is written with.
fn key(written: &[u8]) -> Cow<'_, [u8]> {
    if written.contains(&b'\\') {
        if let Ok(name) = serde_json::from_slice::<String>(written) {
            return Cow::Owned(name.into_bytes());
        }
    }
    // Without the quotes: the closing one is larger than what may follow.
    Cow::Borrowed(written.get(1..written.len() - 1).unwrap_or_default())
}

/// Why a value cannot be written, with the place if there is one.
fn refused(value: &impl Serialize, error: &serde_json::Error) -> Error {
    let tree = serde_json::to_value(value);
    let place = tree.as_ref().ok().and_then(fraction);
    match place {
        Some((pointer, number)) => Error::new(
            ErrorKind::Unsupported,
            "JSON",
            format!("the number {number} is no 64-bit integer and has no canonical form; write it as a string"),
        )
        .at(pointer),
        None => Error::new(ErrorKind::Malformed, "JSON", error.to_string()),
    }
}

/// The first number in a document that is no integer, and its JSON pointer.
fn fraction(value: &Value) -> Option<(String, String)> {
    let mut pointer = String::new();
    let number = find_fraction(value, &mut pointer)?;
    Some((pointer, number))
}

fn find_fraction(value: &Value, pointer: &mut String) -> Option<String> {
    let mut inside = |token: &str, value| {
        let length = pointer.len();
        push_token(pointer, token);
        let found = find_fraction(value, pointer);
        if found.is_none() {
            pointer.truncate(length);
        }
        found
    };
    match value {
        Value::Number(number) if number.is_f64() => Some(number.to_string()),
        Value::Array(items) => {
            (items.iter().enumerate()).find_map(|(at, item)| inside(&at.to_string(), item))
        }
        Value::Object(members) => members.iter().find_map(|(key, member)| inside(key, member)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::ser::SerializeMap;
    use serde::Serializer;

    use super::*;

    fn canonical(value: &impl Serialize) -> String {
        String::from_utf8(to_canonical(value).unwrap()).unwrap()
    }

    #[test]
    fn members_are_sorted_however_they_come() {
        #[derive(Serialize)]
        struct Inner {
            z: u8,
            a: Option<u8>,
            #[serde(flatten)]
            rest: BTreeMap<String, Value>,
        }
        #[derive(Serialize)]
        struct Outer {
            b: Vec<Inner>,
            a: &'static str,
            empty: BTreeMap<String, Value>,
        }
        let inner = |key: &str| Inner {
            z: 1,
            a: None,
            rest: BTreeMap::from([(key.to_owned(), Value::Null)]),
        };
        let value = Outer {
            b: vec![inner("m"), inner("zz")],
            a: "x,\"{",
            empty: BTreeMap::new(),
        };
        assert_eq!(
            canonical(&value),
            r#"{"a":"x,\"{","b":[{"a":null,"m":null,"z":1},{"a":null,"z":1,"zz":null}],"empty":{}}"#
        );
    }

    /// Members as they are, in their order.
    struct Members<'a>(&'a [(&'a str, u8)]);

    impl Serialize for Members<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut members = serializer.serialize_map(None)?;
            for (key, value) in self.0 {
                members.serialize_entry(key, value)?;
            }
            members.end()
        }
    }

    #[test]
    fn names_are_sorted_by_what_they_are_and_not_by_how_they_are_written() {
        // Written `\n`, which begins with a backslash; the name itself is smaller than any letter.
        let members = Members(&[
            ("a!", 1),
            ("a", 2),
            ("A\\", 3),
            ("A]", 4),
            ("\n", 5),
            ("", 6),
        ]);
        assert_eq!(
            canonical(&members),
            r#"{"":6,"\n":5,"A\\":3,"A]":4,"a":2,"a!":1}"#
        );
    }

    #[test]
    fn of_members_of_one_name_the_last_stands() {
        let members = Members(&[("b", 1), ("a", 2), ("b", 3), ("a", 4)]);
        assert_eq!(canonical(&members), r#"{"a":4,"b":3}"#);
        assert_eq!(canonical(&Members(&[("a", 1), ("a", 2)])), r#"{"a":2}"#);
    }

    #[test]
    fn large_integers_have_a_form_as_long_as_64_bits_hold_them() {
        assert_eq!(canonical(&i128::from(i64::MIN)), "-9223372036854775808");
        assert_eq!(canonical(&u128::from(u64::MAX)), "18446744073709551615");
        assert!(to_canonical(&(u128::from(u64::MAX) + 1)).is_err());
        assert!(to_canonical(&(i128::from(i64::MIN) - 1)).is_err());
        assert!(to_canonical(&0.5f32).is_err());
    }
}
