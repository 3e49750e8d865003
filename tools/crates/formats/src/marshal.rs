//! The objects in Python bytecode, as `marshal` writes them (version 4), read as they are.

use std::ops::Range;

/// How a version of Python writes code: the fields of a code object in the order of writing. The
/// line on which it begins stands behind `objects`.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// Numbers.
    pub numbers: &'static [&'static str],
    /// Objects.
    pub objects: &'static [&'static str],
    /// Objects behind the line.
    pub tables: &'static [&'static str],
}

impl Form {
    /// By the magic number of a version; none if the form of its code is not known.
    pub fn of(magic: u16) -> Option<&'static Self> {
        match magic {
            // 3.4, 3.5 twice, 3.6, 3.7
            3310 | 3350 | 3351 | 3379 | 3394 => Some(&UNTIL_3_7),
            3400..=3449 => Some(&UNTIL_3_10),
            3450..=3999 => Some(&SINCE_3_11),
            _ => None,
        }
    }
}

const UNTIL_3_7: Form = Form {
    numbers: &[
        "argcount",
        "kwonlyargcount",
        "nlocals",
        "stacksize",
        "flags",
    ],
    objects: UNTIL_3_10.objects,
    tables: &["lnotab"],
};
const UNTIL_3_10: Form = Form {
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
const SINCE_3_11: Form = Form {
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

/// The bit on an object that can be referred to.
pub const MARK: u8 = 0x80;

/// How deep objects may be in each other; Python goes twice as deep and no further.
pub const DEEPEST: u32 = 1000;

/// The number of an object, counted from 0 in the order in which they end.
pub type Id = u32;

/// One object of a file.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    /// The letter of its type, without a mark.
    pub kind: u8,
    /// Its own content: a text without its length, the digits of a number, the numbers in
    /// front of code.
    pub bytes: &'a [u8],
    /// The line on which code begins, which stands between its objects.
    pub line: u32,
    parts: Range<u32>,
}

/// All objects of a file; each stands behind those that it holds, so the last holds all.
#[derive(Debug, Default)]
pub struct Objects<'a> {
    all: Vec<Object<'a>>,
    parts: Vec<Id>,
}

impl<'a> Objects<'a> {
    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Object<'a>> {
        self.all.iter()
    }

    /// The objects that one holds; keys and values of a dictionary in turn.
    pub fn parts(&self, object: &Object) -> &[Id] {
        &self.parts[object.parts.start as usize..object.parts.end as usize]
    }

    fn add(&mut self, kind: u8, bytes: &'a [u8], line: u32, parts: &[Id]) -> Option<Id> {
        let start = u32::try_from(self.parts.len()).ok()?;
        self.parts.extend_from_slice(parts);
        let parts = start..u32::try_from(self.parts.len()).ok()?;
        self.all.push(Object {
            kind,
            bytes,
            line,
            parts,
        });
        u32::try_from(self.all.len() - 1).ok()
    }
}

/// All objects; none if the bytes are no objects, if more follows, or if an object holds itself.
pub fn read<'a>(data: &'a [u8], form: &'static Form) -> Option<Objects<'a>> {
    let mut reader = Reader {
        rest: data,
        form,
        marked: Vec::new(),
        lone: [None; 5],
        objects: Objects::default(),
    };
    reader.object(0)??;
    reader.rest.is_empty().then_some(reader.objects)
}

/// What Python has one of each of: no mark on it counts, as it needs no number.
pub const LONE: [u8; 5] = *b"NFTS.";

struct Reader<'a> {
    rest: &'a [u8],
    form: &'static Form,
    /// The objects with marks, once they are complete.
    marked: Vec<Option<Id>>,
    /// Those of [`LONE`] that were seen.
    lone: [Option<Id>; 5],
    objects: Objects<'a>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// So many objects.
    fn parts(&mut self, count: usize, depth: u32, parts: &mut Vec<Id>) -> Option<()> {
        // Each has a byte at least, so a false count ends with the data.
        for _ in 0..count {
            parts.push(self.object(depth + 1)??);
        }
        Some(())
    }

    /// One object. The outer answer is none if there is none, the inner one at the end of a dictionary.
    fn object(&mut self, depth: u32) -> Option<Option<Id>> {
        if depth > DEEPEST {
            return None;
        }
        let letter = self.byte()?;
        let kind = letter & !MARK;
        match kind {
            b'0' => return Some(None),
            b'r' => {
                let number = self.number()? as usize;
                return Some(Some((*self.marked.get(number)?)?));
            }
            _ => {}
        }
        if let Some(at) = LONE.iter().position(|lone| *lone == kind) {
            if self.lone[at].is_none() {
                self.lone[at] = Some(self.objects.add(kind, b"", 0, &[])?);
            }
            return Some(self.lone[at]);
        }
        // The number is that of the beginning, also where the object ends later than others.
        let number = (letter & MARK != 0).then_some(self.marked.len());
        if number.is_some() {
            self.marked.push(None);
        }
        let mut parts = Vec::new();
        let mut bytes = &b""[..];
        let mut line = 0;
        match kind {
            b'i' => bytes = self.take(4)?,
            b'I' | b'g' => bytes = self.take(8)?,
            b'y' => bytes = self.take(16)?,
            b'l' => {
                let start = self.rest;
                let digits = (self.number()? as i32).unsigned_abs() as usize;
                let length = digits.checked_mul(2)?;
                self.take(length)?;
                bytes = &start[..4 + length];
            }
            b'z' | b'Z' => {
                let length = self.byte()?;
                bytes = self.take(length.into())?;
            }
            b's' | b't' | b'u' | b'a' | b'A' => {
                let length = self.number()?;
                bytes = self.take(length as usize)?;
            }
            b')' => {
                let count = self.byte()?;
                self.parts(count.into(), depth, &mut parts)?;
            }
            b'(' | b'[' | b'<' | b'>' => {
                let count = self.number()?;
                self.parts(count as usize, depth, &mut parts)?;
            }
            b'{' => {
                while let Some(key) = self.object(depth + 1)? {
                    parts.push(key);
                    self.parts(1, depth, &mut parts)?;
                }
            }
            b':' => self.parts(3, depth, &mut parts)?,
            b'c' => {
                bytes = self.take(4 * self.form.numbers.len())?;
                self.parts(self.form.objects.len(), depth, &mut parts)?;
                line = self.number()?;
                self.parts(self.form.tables.len(), depth, &mut parts)?;
            }
            _ => return None,
        }
        let id = self.objects.add(kind, bytes, line, &parts)?;
        if let Some(number) = number {
            self.marked[number] = Some(id);
        }
        Some(Some(id))
    }
}
