//! TrueType and OpenType fonts: table by table.

use std::collections::HashMap;

use super::seen::Seen;
use super::strings;
use crate::{Cause, Comparison};

/// A table: four letters and its bytes.
type Table<'a> = ([u8; 4], &'a [u8]);

fn read(data: &[u8]) -> Option<Vec<Table<'_>>> {
    let magic = data.get(..4)?;
    [&[0, 1, 0, 0][..], b"OTTO", b"true"]
        .contains(&magic)
        .then_some(())?;
    let count = usize::from(u16::from_be_bytes([*data.get(4)?, *data.get(5)?]));
    let mut tables = Vec::new();
    let mut budget = data.len() * 2;
    for entry in data.get(12..12 + count * 16)?.chunks_exact(16) {
        let word = |at: usize| {
            let bytes = entry[at..at + 4].iter();
            bytes.fold(0, |n, &b| (n << 8) | usize::from(b))
        };
        let content = data.get(word(8)..word(8).checked_add(word(12))?)?;
        budget = budget.checked_sub(content.len())?;
        tables.push(([entry[0], entry[1], entry[2], entry[3]], content));
    }
    tables
        .iter()
        .any(|(name, _)| name == b"head")
        .then_some(tables)
}

/// Compare two fonts; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (read(left)?, read(right)?);
    let mut seen = Seen::default();
    let names =
        |tables: &[Table]| -> Vec<[u8; 4]> { tables.iter().map(|(name, _)| *name).collect() };
    let (mut a, mut b) = (names(&l), names(&r));
    if a != b {
        a.sort_unstable();
        b.sort_unstable();
        if a != b {
            let evidence = format!("{} → {} tables, not all of one name", a.len(), b.len());
            seen.add(Cause::SourceChange, "tables", evidence);
        }
    }
    // Of several tables of one name, the first counts.
    let on_right: HashMap<[u8; 4], &[u8]> = r.iter().rev().copied().collect();
    for (name, content) in &l {
        match on_right.get(name) {
            Some(other) if other != content => table(&mut seen, name, content, other),
            _ => {}
        }
    }
    if seen.is_empty() {
        let evidence = "the same tables, laid out in another way";
        seen.add(Cause::Unexplained, "tables", evidence);
    }
    seen.finish("font")
}

fn table(seen: &mut Seen, name: &[u8; 4], left: &[u8], right: &[u8]) {
    let at = format!("table {}", String::from_utf8_lossy(name));
    match name {
        b"head" if left.len() >= 54 && right.len() >= 54 => {
            // The sum of the whole font follows from the rest; then creation and change.
            let time = |data: &[u8], at: usize| {
                let bytes = data[at..at + 8].iter();
                bytes.fold(0_u64, |n, &b| (n << 8) | u64::from(b))
            };
            for (what, offset) in [("created", 20), ("modified", 28)] {
                let (a, b) = (time(left, offset), time(right, offset));
                if a != b {
                    let evidence = format!("{what} {a} → {b} seconds after 1904");
                    seen.add(Cause::Timestamp, at.clone(), evidence);
                }
            }
            let rest = |data: &[u8]| [&data[..8], &data[12..20], &data[36..]].concat();
            if rest(left) != rest(right) {
                seen.add(Cause::SourceChange, at, "more than its times differs");
            }
        }
        b"FFTM" => seen.add(Cause::Timestamp, at, "the times that FontForge writes"),
        b"DSIG" => seen.add(Cause::Signature, at, "the signature differs"),
        b"name" => {
            let (a, b) = (names(left), names(right));
            let (a, b): (Vec<&str>, Vec<&str>) = (
                a.iter().map(String::as_str).collect(),
                b.iter().map(String::as_str).collect(),
            );
            let difference = strings::compare(&a, &b);
            for pair in &difference.pairs {
                seen.add(pair.cause, at.clone(), pair.evidence());
            }
            if difference.pairs.is_empty() {
                seen.add(Cause::SourceChange, at, "other names");
            }
        }
        _ => {
            let evidence = format!("{} → {} bytes that differ", left.len(), right.len());
            seen.add(Cause::SourceChange, at, evidence);
        }
    }
}

/// All texts of the table of names.
fn names(data: &[u8]) -> Vec<String> {
    let word = |at: usize| -> Option<usize> {
        Some(usize::from(u16::from_be_bytes(
            data.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    let (count, start) = (word(2).unwrap_or(0), word(4).unwrap_or(0));
    let mut budget = data.len() * 4;
    (0..count)
        .map_while(|i| {
            let record = 6 + 12 * i;
            let (platform, length, offset) = (word(record)?, word(record + 8)?, word(record + 10)?);
            budget = budget.checked_sub(length)?;
            let bytes = data.get(start + offset..start + offset + length)?;
            Some(match platform {
                1 => String::from_utf8_lossy(bytes).into_owned(),
                _ => {
                    let units: Vec<u16> = bytes
                        .chunks_exact(2)
                        .map(|b| u16::from_be_bytes([b[0], b[1]]))
                        .collect();
                    String::from_utf16_lossy(&units)
                }
            })
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A font of two tables.
    pub(in crate::binary) fn font(modified: u8, glyph: u8) -> Vec<u8> {
        let mut head = vec![0; 54];
        head[35] = modified;
        head[11] = modified;
        let glyphs = [glyph; 12];
        let mut data = vec![0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0];
        for (name, at, size) in [(b"glyf", 44_u32, 12_u32), (b"head", 56, 54)] {
            data.extend_from_slice(name);
            data.extend([0; 4]);
            data.extend(at.to_be_bytes());
            data.extend(size.to_be_bytes());
        }
        [&data[..], &glyphs, &head].concat()
    }

    #[test]
    fn times_of_the_head() {
        let causes = |l: &[u8], r: &[u8]| -> Vec<Cause> {
            let found = compare(l, r).unwrap().findings;
            found.iter().map(|f| f.cause).collect()
        };
        assert_eq!(causes(&font(1, 7), &font(2, 7)), [Cause::Timestamp]);
        assert_eq!(causes(&font(1, 7), &font(1, 8)), [Cause::SourceChange]);
        assert_eq!(compare(&font(1, 7), &font(2, 7)[..60]), None);
    }
}
