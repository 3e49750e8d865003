//! The object that a bytecode file holds, as CPython's `marshal` writes it (versions 3.8 to 3.14).

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// How deep objects nest; CPython stops at 2000, and no compiler gets near.
const DEPTH: usize = 200;
/// The bit that says that an object may be referred to later on.
const FLAG_REF: u8 = 0x80;

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

/// The numbers and objects of a code object, in the order of writing.
struct Layout {
    numbers: &'static [&'static str],
    objects: &'static [&'static str],
    tables: &'static [&'static str],
}

const UNTIL_3_10: Layout = Layout {
    numbers: &[
        "argcount",
        "posonlyargcount",
        "kwonlyargcount",
        "nlocals",
        "stacksize",
        "flags",
    ],
    objects: &[
        "code", "consts", "names", "varnames", "freevars", "cellvars", "filename", "name",
    ],
    tables: &["linetable"],
};
const SINCE_3_11: Layout = Layout {
    numbers: &[
        "argcount",
        "posonlyargcount",
        "kwonlyargcount",
        "stacksize",
        "flags",
    ],
    objects: &[
        "code", "consts", "names", "varnames", "kinds", "filename", "name", "qualname",
    ],
    tables: &["linetable", "exceptiontable"],
};

/// Read the object behind the header of a file with this magic number; `None` if the version is
/// not known or the object is damaged.
pub(super) fn read(magic: u16, data: &[u8]) -> Option<Object> {
    let layout = match magic {
        3400..=3449 => &UNTIL_3_10,
        3450..=3999 => &SINCE_3_11,
        _ => return None,
    };
    let mut reader = Reader {
        data,
        layout,
        nodes: Vec::new(),
        references: Vec::new(),
    };
    let outermost = reader.object(0)?;
    let whole = reader.data.is_empty() && outermost + 1 == reader.nodes.len();
    whole.then_some(Object {
        nodes: reader.nodes,
    })
}

struct Reader<'a> {
    data: &'a [u8],
    layout: &'static Layout,
    nodes: Vec<Node>,
    /// `None` while the object is not complete.
    references: Vec<Option<Id>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.data.split_at_checked(n)?;
        self.data = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn number(&mut self) -> Option<i32> {
        Some(i32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn object(&mut self, depth: usize) -> Option<Id> {
        if depth > DEPTH {
            return None;
        }
        let kind = self.byte()?;
        let (flag, kind) = (kind & FLAG_REF != 0, kind & !FLAG_REF);
        if kind == b'r' {
            let index = self.length()?;
            return *self.references.get(index)?;
        }
        let slot = flag.then(|| {
            self.references.push(None);
            self.references.len() - 1
        });
        let value = self.value(kind, depth)?;
        let node = self.node(value);
        self.nodes.push(node);
        let id = self.nodes.len() - 1;
        if let Some(slot) = slot {
            self.references[slot] = Some(id);
        }
        Some(id)
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<Value> {
        Some(match kind {
            b'N' | b'F' | b'T' | b'S' | b'.' | b'0' => Value::Constant(kind),
            b'i' => Value::Int(self.number()?.into()),
            b'I' => Value::Int(i64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            b'g' => Value::Number(self.take(8)?.to_vec()),
            b'y' => Value::Number(self.take(16)?.to_vec()),
            b'f' => {
                let n = self.byte()?;
                Value::Number(self.take(n.into())?.to_vec())
            }
            b'l' => self.long()?,
            b's' => {
                let n = self.length()?;
                Value::Bytes(self.take(n)?.to_vec())
            }
            b't' | b'u' | b'a' | b'A' => {
                let n = self.length()?;
                Value::Text(String::from_utf8_lossy(self.take(n)?).into_owned())
            }
            b'z' | b'Z' => {
                let n = self.byte()?;
                Value::Text(String::from_utf8_lossy(self.take(n.into())?).into_owned())
            }
            b'(' | b'[' => {
                let n = self.length()?;
                Value::Sequence(kind, self.list(n, depth)?)
            }
            b')' => {
                let n = self.byte()?;
                Value::Sequence(b'(', self.list(n.into(), depth)?)
            }
            b':' => Value::Sequence(kind, self.list(3, depth)?),
            b'<' | b'>' => {
                let n = self.length()?;
                Value::Set(self.list(n, depth)?)
            }
            b'{' => {
                let mut items = Vec::new();
                loop {
                    if self.data.first()? == &b'0' {
                        self.byte()?;
                        break Value::Sequence(kind, items);
                    }
                    items.push(self.object(depth + 1)?);
                    items.push(self.object(depth + 1)?);
                }
            }
            b'c' => self.code(depth)?,
            _ => return None,
        })
    }

    fn list(&mut self, n: usize, depth: usize) -> Option<Vec<Id>> {
        // Each element takes a byte, so that a count cannot claim more than there is.
        (n <= self.data.len()).then_some(())?;
        (0..n).map(|_| self.object(depth + 1)).collect()
    }

    /// Digits of 15 bits, with the sign in their number.
    fn long(&mut self) -> Option<Value> {
        let n = self.number()?;
        let digits = self.take((n.unsigned_abs() as usize).checked_mul(2)?)?;
        if digits.len() > 8 {
            let sign = if n < 0 { b'-' } else { b'+' };
            return Some(Value::Number([&[sign], digits].concat()));
        }
        let value = digits.chunks(2).rev().fold(0_i64, |value, digit| {
            (value << 15) | i64::from(u16::from_le_bytes([digit[0], digit[1]]) & 0x7fff)
        });
        Some(Value::Int(if n < 0 { -value } else { value }))
    }

    fn code(&mut self, depth: usize) -> Option<Value> {
        let mut fields = Vec::new();
        let layout = self.layout;
        for name in layout.numbers {
            let value = FieldValue::Number(self.number()?);
            fields.push(Field { name, value });
        }
        for name in layout.objects {
            let value = FieldValue::Object(self.object(depth + 1)?);
            fields.push(Field { name, value });
        }
        let value = FieldValue::Number(self.number()?);
        fields.push(Field {
            name: "firstlineno",
            value,
        });
        for name in layout.tables {
            let value = FieldValue::Object(self.object(depth + 1)?);
            fields.push(Field { name, value });
        }
        Some(Value::Code(fields))
    }

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
