//! Python bytecode: a header that names the version and the source, and a code object.
//!
//! The header is that of PEP 552: magic number, flags, then the time and size of the source, or
//! its hash.

mod marshal;

use verbatim_formats::pyc::{Header, Stamp};

use self::marshal::{FieldValue, Id, Object, Value};
use super::seen::{shown, Seen};
use super::strings;
use crate::{Cause, Comparison};

const DEPTH: usize = 400;

/// Compare two bytecode files; `None` if one is none.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (Header::read(left).ok()?, Header::read(right).ok()?);
    let mut seen = Seen::default();
    if l.magic != r.magic {
        let evidence = format!(
            "magic number {} → {}: another version of Python compiled it",
            l.magic, r.magic
        );
        seen.add(Cause::ToolchainVersion, "header", evidence);
        return seen.finish("pyc");
    }
    let (code_left, code_right) = (&left[l.code as usize..], &right[r.code as usize..]);
    if code_left != code_right {
        let (a, b) = (
            marshal::read(l.magic, code_left)?,
            marshal::read(r.magic, code_right)?,
        );
        content(&mut seen, (&a, left), (&b, right));
    }
    header(&mut seen, &l, &r);
    seen.finish("pyc")
}

fn header(seen: &mut Seen, l: &Header, r: &Header) {
    let source = seen.has(Cause::SourceChange);
    match (l.stamp, r.stamp) {
        (
            Stamp::Hash { checked, value },
            Stamp::Hash {
                checked: c,
                value: v,
            },
        ) => {
            if checked != c {
                let evidence = format!("the source is checked: {checked} → {c}");
                seen.add(Cause::SourceChange, "header", evidence);
            } else if value != v {
                let evidence = format!("hash of the source {value:016x} → {v:016x}");
                seen.add(Cause::SourceChange, "header", evidence);
            }
        }
        (
            Stamp::Time { seconds, size, .. },
            Stamp::Time {
                seconds: t,
                size: s,
                ..
            },
        ) => {
            let bytes = |size: Option<u32>| size.unwrap_or(0);
            if size != s {
                let (a, b) = (bytes(size), bytes(s));
                let evidence = format!("size of the source {a} → {b} bytes");
                // A string of the source that is known to vary may be why.
                if seen.is_empty() || source {
                    seen.add(Cause::SourceChange, "header", evidence);
                }
            } else if seconds != t && !source {
                let evidence = format!("time of the source {seconds} → {t} (seconds since 1970)");
                seen.add(Cause::Timestamp, "header", evidence);
            }
        }
        (left, right) => {
            let kind = |stamp| match stamp {
                Stamp::Hash { .. } => "hash",
                Stamp::Time { .. } => "time",
            };
            let evidence = format!(
                "the header has the {} of the source on the left and its {} on the right side, which SOURCE_DATE_EPOCH chooses",
                kind(left),
                kind(right)
            );
            seen.add(Cause::Environment, "header", evidence);
        }
    }
}

fn content(seen: &mut Seen, (l, left): (&Object, &[u8]), (r, right): (&Object, &[u8])) {
    let (a, b) = (l.nodes.len() - 1, r.nodes.len() - 1);
    let (root_l, root_r) = (&l.nodes[a], &r.nodes[b]);
    if root_l.hash == root_r.hash {
        // An object is marked as shared if anything else holds it while it is written: other
        // modules that the same process compiled before.
        seen.add(
            Cause::Parallelism,
            "references",
            "equal objects are written once and referred to on one side, and marked or written again on the other: that depends on what else the process has compiled",
        );
        return;
    }
    let mut walk = Walk {
        l,
        r,
        seen,
        fuel: 4 * (left.len() + right.len()),
    };
    walk.objects(a, b, "module", 0);
}

struct Walk<'a, 's> {
    l: &'a Object,
    r: &'a Object,
    seen: &'s mut Seen,
    /// Bytes that may still be looked at: references may lead to one object many times.
    fuel: usize,
}

impl Walk<'_, '_> {
    fn objects(&mut self, a: Id, b: Id, at: &str, depth: usize) {
        let (left, right) = (&self.l.nodes[a], &self.r.nodes[b]);
        if left.hash == right.hash || depth > DEPTH {
            return;
        }
        let Some(fuel) = self
            .fuel
            .checked_sub(1 + left.value.len() + right.value.len())
        else {
            return;
        };
        self.fuel = fuel;
        match (&left.value, &right.value) {
            (Value::Text(x), Value::Text(y)) => {
                let pair = strings::explain(x, y);
                self.seen.add(pair.cause, at, pair.evidence());
            }
            (Value::Int(x), Value::Int(y)) => {
                let is_moment = |n: &i64| (1_262_304_000..2_147_483_647).contains(n);
                let cause = if is_moment(x) && is_moment(y) {
                    Cause::Timestamp
                } else {
                    Cause::SourceChange
                };
                self.seen.add(cause, at, format!("{x} → {y}"));
            }
            (Value::Number(x), Value::Number(y)) if x.len() == 8 && y.len() == 8 => {
                let number = |n: &[u8]| f64::from_le_bytes(n.try_into().unwrap_or_default());
                let (x, y) = (number(x), number(y));
                let is_moment = |n: f64| (1_262_304_000.0..2_147_483_647.0).contains(&n);
                let cause = if is_moment(x) && is_moment(y) {
                    Cause::Timestamp
                } else {
                    Cause::SourceChange
                };
                self.seen.add(cause, at, format!("{x} → {y}"));
            }
            (Value::Set(x), Value::Set(y)) => self.sets(left.unordered, right.unordered, x, y, at),
            (Value::Sequence(k, x), Value::Sequence(m, y)) if k == m && x.len() == y.len() => {
                for (&x, &y) in x.iter().zip(y) {
                    self.objects(x, y, at, depth + 1);
                }
            }
            (Value::Code(x), Value::Code(y)) => {
                let name = x
                    .iter()
                    .rev()
                    .find(|f| matches!(f.name, "qualname" | "name"))
                    .and_then(|f| match f.value {
                        FieldValue::Object(id) => Some(&self.l.nodes[id].value),
                        FieldValue::Number(_) => None,
                    });
                let name = match name {
                    Some(Value::Text(name)) => name.clone(),
                    _ => at.to_owned(),
                };
                for (x, y) in x.iter().zip(y) {
                    let at = format!("{name}, co_{}", x.name);
                    match (&x.value, &y.value) {
                        (FieldValue::Object(x_id), FieldValue::Object(y_id)) => match x.name {
                            "filename" => self.filename(*x_id, *y_id, &at),
                            _ => self.objects(*x_id, *y_id, &at, depth + 1),
                        },
                        (FieldValue::Number(x), FieldValue::Number(y)) if x != y => {
                            self.seen.add(Cause::SourceChange, at, format!("{x} → {y}"));
                        }
                        _ => {}
                    }
                }
            }
            (Value::Bytes(x), Value::Bytes(y)) => {
                let evidence = format!("{} → {} bytes that differ", x.len(), y.len());
                self.seen.add(Cause::SourceChange, at, evidence);
            }
            _ => self.seen.add(Cause::SourceChange, at, "other values"),
        }
    }

    /// The path that a module was compiled as, which every function of it repeats.
    fn filename(&mut self, a: Id, b: Id, at: &str) {
        let (Value::Text(x), Value::Text(y)) = (&self.l.nodes[a].value, &self.r.nodes[b].value)
        else {
            return;
        };
        if x != y && !self.seen.has(Cause::BuildPath) {
            let evidence = format!("{} → {}", shown(x), shown(y));
            self.seen.add(Cause::BuildPath, at, evidence);
        }
    }

    fn sets(&mut self, left: u64, right: u64, x: &[Id], y: &[Id], at: &str) {
        if left == right {
            let evidence = format!("the same {} elements of a set in another order", x.len());
            self.seen.add(Cause::HashOrder, at, evidence);
            return;
        }
        // What only one side has, in the order of writing.
        let only = |these: &[Id], of: &Object, those: &[Id], other: &Object| -> Vec<Id> {
            let known: std::collections::HashSet<u64> =
                those.iter().map(|&id| other.nodes[id].unordered).collect();
            let mut only = these.to_vec();
            only.retain(|&id| !known.contains(&of.nodes[id].unordered));
            only
        };
        let (a, b) = (only(x, self.l, y, self.r), only(y, self.r, x, self.l));
        if a.len() == 1 && b.len() == 1 {
            self.objects(a[0], b[0], at, DEPTH);
        } else {
            let evidence = format!("{} → {} elements of a set", x.len(), y.len());
            self.seen.add(Cause::SourceChange, at, evidence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pyc(flags: u32, time: u32, object: &[u8]) -> Vec<u8> {
        let mut data = 3627_u16.to_le_bytes().to_vec();
        data.extend_from_slice(b"\r\n");
        for word in [flags, time, 7] {
            data.extend(word.to_le_bytes());
        }
        data.extend_from_slice(object);
        data
    }

    fn causes(left: &[u8], right: &[u8]) -> Vec<Cause> {
        let found = compare(left, right).unwrap().findings;
        found.iter().map(|f| f.cause).collect()
    }

    #[test]
    fn headers() {
        assert_eq!(
            causes(&pyc(0, 1, b"N"), &pyc(0, 2, b"N")),
            [Cause::Timestamp]
        );
        assert_eq!(
            causes(&pyc(1, 1, b"N"), &pyc(1, 2, b"N")),
            [Cause::SourceChange]
        );
        assert_eq!(
            causes(&pyc(0, 1, b"N"), &pyc(3, 1, b"N")),
            [Cause::Environment]
        );
        let mut other = pyc(0, 1, b"T");
        other[0] = 0x50;
        assert_eq!(causes(&pyc(0, 1, b"N"), &other), [Cause::ToolchainVersion]);
    }

    #[test]
    fn sets_have_an_order_and_references_vary() {
        let set = |elements: &[&str]| {
            let mut data = vec![b'>'];
            data.extend((elements.len() as u32).to_le_bytes());
            for text in elements {
                data.push(b'z');
                data.push(text.len() as u8);
                data.extend_from_slice(text.as_bytes());
            }
            pyc(0, 1, &data)
        };
        assert_eq!(
            causes(&set(&["a", "b"]), &set(&["b", "a"])),
            [Cause::HashOrder]
        );
        assert_eq!(
            causes(&set(&["a", "b"]), &set(&["b", "c"])),
            [Cause::SourceChange]
        );
        // ("x", "x") with a reference, without one, and with a mark that nobody uses.
        let twice = pyc(0, 1, b")\x02\xfa\x01xr\0\0\0\0");
        let copy = pyc(0, 1, b")\x02z\x01xz\x01x");
        let marked = pyc(0, 1, b")\x02\xfa\x01xz\x01x");
        assert_eq!(causes(&twice, &copy), [Cause::Parallelism]);
        assert_eq!(causes(&copy, &marked), [Cause::Parallelism]);
    }

    #[test]
    fn damaged_objects_are_left_to_others() {
        let good = pyc(0, 1, b"N");
        for object in [
            &b"("[..],
            b"(\xff\xff\xff\x7f",
            b"r\0\0\0\0",
            b"NN",
            b"c",
            b"\xa9\x01r\0\0\0\0",
        ] {
            assert_eq!(compare(&good, &pyc(0, 1, object)), None);
        }
        let deep = [b')', 1].repeat(100_000);
        assert_eq!(compare(&good, &pyc(0, 1, &deep)), None);
    }
}
