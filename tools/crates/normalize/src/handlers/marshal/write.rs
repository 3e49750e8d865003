//! Objects written in the one way that does not depend on the process that made them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;

use verbatim_formats::marshal::{Form, Id, Objects, DEEPEST, LONE, MARK};

/// An object as it is written. Two are equal if no program can tell them apart.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Object<'a> {
    kind: u8,
    bytes: &'a [u8],
    line: u32,
    parts: Box<[Id]>,
    /// Which one it is, where a program can tell two of the same content apart.
    identity: Option<Id>,
    /// How deep the objects in it are.
    depth: u32,
}

/// Comparing elements of sets takes so many steps in all; no real code needs a hundredth.
const STEPS: u64 = 1 << 26;

/// Write the objects; none if their content contradicts their kind.
pub(super) fn write(objects: &Objects, form: &'static Form) -> Option<Vec<u8>> {
    let all = settle(objects)?;
    let mut uses = vec![0u32; all.len()];
    for part in all.iter().flat_map(|object| &object.parts) {
        uses[*part as usize] += 1;
    }
    let mut writer = Writer {
        all: &all,
        form,
        uses,
        numbers: vec![None; all.len()],
        next: 0,
        out: Vec::new(),
    };
    // What holds all others was read last, and equals none of them.
    writer.object(Id::try_from(all.len().checked_sub(1)?).ok()?);
    Some(writer.out)
}

/// Each object once, behind those that it holds.
fn settle<'a>(objects: &Objects<'a>) -> Option<Vec<Rc<Object<'a>>>> {
    let mut all: Vec<Rc<Object>> = Vec::new();
    let mut known: HashMap<Rc<Object>, Id> = HashMap::new();
    let mut settled: Vec<Id> = Vec::new();
    let mut steps = STEPS;
    for (at, object) in objects.iter().enumerate() {
        let mut parts: Box<[Id]> = objects
            .parts(object)
            .iter()
            .map(|part| settled[*part as usize])
            .collect();
        let deepest = parts.iter().map(|part| all[*part as usize].depth).max();
        let depth = deepest.map_or(0, |depth| depth + 1);
        // References may nest what was not nested where it was read.
        if depth > DEEPEST {
            return None;
        }
        if matches!(object.kind, b'<' | b'>') {
            parts.sort_by(|a, b| order(&all, *a, *b, &mut steps));
            if steps == 0 {
                return None;
            }
        }
        let object = Rc::new(Object {
            kind: kind(object.kind, object.bytes, parts.len())?,
            bytes: object.bytes,
            line: object.line,
            identity: has_identity(object.kind, object.bytes).then_some(at as Id),
            parts,
            depth,
        });
        let id = *known.entry(object.clone()).or_insert_with(|| {
            all.push(object);
            all.len() as Id - 1
        });
        settled.push(id);
    }
    Some(all)
}

/// The letter that Python would write; none if the content is not of the kind.
fn kind(kind: u8, bytes: &[u8], parts: usize) -> Option<u8> {
    let short = bytes.len() < 256;
    Some(match kind {
        b'a' | b'A' | b'z' | b'Z' if !bytes.is_ascii() => return None,
        b'a' | b'A' | b'z' | b'Z' | b'u' | b't' => {
            if !bytes.is_ascii() {
                b'u'
            } else if could_be_name(bytes) {
                if short {
                    b'Z'
                } else {
                    b'A'
                }
            } else if short {
                b'z'
            } else {
                b'a'
            }
        }
        b')' | b'(' if parts < 256 => b')',
        b')' | b'(' => b'(',
        kind => kind,
    })
}

/// What Python interns by itself when it loads code.
fn could_be_name(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Whether a program can tell two of the same content apart: what can be changed, code, which
/// tools watch one by one, and what is not even equal to itself.
fn has_identity(kind: u8, bytes: &[u8]) -> bool {
    match kind {
        b'[' | b'{' | b'<' | b'c' => true,
        b'g' | b'y' => bytes.chunks_exact(8).any(|number| {
            let number: [u8; 8] = number.try_into().unwrap_or_default();
            f64::from_le_bytes(number).is_nan()
        }),
        _ => false,
    }
}

/// How many bytes the length of a text, or the count of parts, is written in.
fn length(kind: u8) -> usize {
    match kind {
        b'z' | b'Z' | b')' => 1,
        b's' | b'u' | b'a' | b'A' | b'(' | b'[' | b'<' | b'>' => 4,
        _ => 0,
    }
}

impl Object<'_> {
    fn length(&self) -> [u8; 4] {
        ((self.bytes.len() + self.parts.len()) as u32).to_le_bytes()
    }
}

/// The order of two objects as they are written, each in full.
fn order(all: &[Rc<Object>], a: Id, b: Id, steps: &mut u64) -> Ordering {
    if a == b || *steps == 0 {
        return Ordering::Equal;
    }
    let (a, b) = (&all[a as usize], &all[b as usize]);
    let shorter = a.bytes.len().min(b.bytes.len()) as u64;
    *steps = steps.saturating_sub(1 + shorter / 16);
    let own = (a.kind, a.length(), a.bytes, a.line).cmp(&(b.kind, b.length(), b.bytes, b.line));
    own.then_with(|| {
        let parts = a.parts.iter().zip(&b.parts);
        parts
            .map(|(a, b)| {
                *steps = steps.saturating_sub(1);
                order(all, *a, *b, steps)
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    })
}

struct Writer<'a> {
    all: &'a [Rc<Object<'a>>],
    form: &'static Form,
    /// How often each is written, or referred to.
    uses: Vec<u32>,
    /// The number of each that was written and is referred to.
    numbers: Vec<Option<u32>>,
    next: u32,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn object(&mut self, id: Id) {
        let all = self.all;
        let object = &all[id as usize];
        let at = id as usize;
        if let Some(number) = self.numbers[at] {
            self.out.push(b'r');
            self.out.extend_from_slice(&number.to_le_bytes());
            return;
        }
        let mut letter = object.kind;
        if self.uses[at] > 1 && !LONE.contains(&letter) {
            letter |= MARK;
            self.numbers[at] = Some(self.next);
            self.next += 1;
        }
        self.out.push(letter);
        let length = &object.length()[..length(object.kind)];
        self.out.extend_from_slice(length);
        self.out.extend_from_slice(object.bytes);
        for (index, part) in object.parts.iter().enumerate() {
            if object.kind == b'c' && index == self.form.objects.len() {
                self.out.extend_from_slice(&object.line.to_le_bytes());
            }
            self.object(*part);
        }
        if object.kind == b'{' {
            self.out.push(b'0');
        }
    }
}
