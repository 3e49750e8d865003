//! The object that a bytecode file holds, with what tells its parts from others.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use verbatim_formats::marshal::{self, Form};

/// An index into [`Object::nodes`].
pub(super) type Id = usize;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// None, True, False, …: the type says all.
    Constant(u8),
    Int(i64),
    /// Numbers that are too long, or no integers.
    Number(Vec<u8>),
    Bytes(Vec<u8>),
    Text(String),
    /// Tuples, lists, dictionaries (keys and values by turns) and slices.
    Sequence(u8, Vec<Id>),
    Set(Vec<Id>),
    Code(Vec<Field>),
}

impl Value {
    /// Bytes or elements, as a measure of what comparing takes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Constant(_) | Self::Int(_) | Self::Code(_) => 0,
            Self::Number(bytes) | Self::Bytes(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
            Self::Sequence(_, ids) | Self::Set(ids) => ids.len(),
        }
    }
}

/// A field of a code object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) value: FieldValue,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum FieldValue {
    Number(i32),
    Object(Id),
}

/// A value, and what tells it from others whatever refers to it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    /// Equal for equal values.
    pub(super) hash: u64,
    /// The same, for any order of the elements of sets.
    pub(super) unordered: u64,
}

/// All values of a file; the last is the outermost.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) nodes: Vec<Node>,
}

/// The object behind the header of a file with this magic number; `None` if the version is not
/// known or the object is damaged.
pub(super) fn read(magic: u16, data: &[u8]) -> Option<Object> {
    let form = Form::of(magic)?;
    let objects = marshal::read(data, form)?;
    let mut known = Object { nodes: Vec::new() };
    for object in objects.iter() {
        let parts = objects.parts(object).iter().map(|part| *part as Id);
        let value = value(form, object, parts.collect())?;
        let node = known.node(value);
        known.nodes.push(node);
    }
    Some(known)
}

/// What an object says, whose parts have these numbers.
fn value(form: &Form, object: &marshal::Object, parts: Vec<Id>) -> Option<Value> {
    let bytes = object.bytes;
    Some(match object.kind {
        b'i' => Value::Int(i32::from_le_bytes(bytes.try_into().ok()?).into()),
        b'I' => Value::Int(i64::from_le_bytes(bytes.try_into().ok()?)),
        b'g' | b'y' => Value::Number(bytes.to_vec()),
        b'l' => long(bytes)?,
        b's' => Value::Bytes(bytes.to_vec()),
        b't' | b'u' | b'a' | b'A' | b'z' | b'Z' => {
            Value::Text(String::from_utf8_lossy(bytes).into_owned())
        }
        b'(' | b')' => Value::Sequence(b'(', parts),
        kind @ (b'[' | b'{' | b':') => Value::Sequence(kind, parts),
        b'<' | b'>' => Value::Set(parts),
        b'c' => Value::Code(code(form, object, &parts)),
        kind => Value::Constant(kind),
    })
}

/// Digits of 15 bits behind their number, which has the sign.
fn long(bytes: &[u8]) -> Option<Value> {
    let (count, digits) = bytes.split_first_chunk::<4>()?;
    let negative = i32::from_le_bytes(*count) < 0;
    if digits.len() > 8 {
        let sign = if negative { b'-' } else { b'+' };
        return Some(Value::Number([&[sign], digits].concat()));
    }
    let value = digits.chunks(2).rev().fold(0_i64, |value, digit| {
        (value << 15) | i64::from(u16::from_le_bytes([digit[0], digit[1]]) & 0x7fff)
    });
    Some(Value::Int(if negative { -value } else { value }))
}

fn code(form: &Form, object: &marshal::Object, parts: &[Id]) -> Vec<Field> {
    let number = |bytes: &[u8]| {
        FieldValue::Number(
            bytes
                .iter()
                .rev()
                .fold(0, |n, byte| n << 8 | i32::from(*byte)),
        )
    };
    let numbers = object.bytes.chunks_exact(4).map(number);
    let (objects, tables) = parts.split_at(form.objects.len());
    let held =
        |ids: &[Id]| -> Vec<FieldValue> { ids.iter().copied().map(FieldValue::Object).collect() };
    let named = form.numbers.iter().copied().zip(numbers);
    let named = named.chain(form.objects.iter().copied().zip(held(objects)));
    let line = FieldValue::Number(object.line as i32);
    let named = named.chain([("firstlineno", line)]);
    let named = named.chain(form.tables.iter().copied().zip(held(tables)));
    named.map(|(name, value)| Field { name, value }).collect()
}

impl Object {
    fn node(&self, value: Value) -> Node {
        let hash_of = |unordered: bool| {
            let part = |id: &Id| match unordered {
                true => self.nodes[*id].unordered,
                false => self.nodes[*id].hash,
            };
            let mut hasher = DefaultHasher::new();
            match &value {
                Value::Constant(kind) => (0, kind).hash(&mut hasher),
                Value::Int(n) => (1, n).hash(&mut hasher),
                Value::Number(n) => (2, n).hash(&mut hasher),
                Value::Bytes(bytes) => (3, bytes).hash(&mut hasher),
                Value::Text(text) => (4, text).hash(&mut hasher),
                Value::Sequence(kind, ids) => {
                    (5, kind, ids.iter().map(part).collect::<Vec<_>>()).hash(&mut hasher);
                }
                Value::Set(ids) => {
                    let mut parts: Vec<u64> = ids.iter().map(part).collect();
                    if unordered {
                        parts.sort_unstable();
                    }
                    (6, parts).hash(&mut hasher);
                }
                Value::Code(fields) => {
                    for field in fields {
                        match &field.value {
                            FieldValue::Number(n) => n.hash(&mut hasher),
                            FieldValue::Object(id) => part(id).hash(&mut hasher),
                        }
                    }
                }
            }
            hasher.finish()
        };
        Node {
            hash: hash_of(false),
            unordered: hash_of(true),
            value,
        }
    }
}
