//! Java classes: the version of the compiler's target, and the constant pool.

use super::seen::Seen;
use super::strings;
use crate::{Cause, Comparison};

struct Class<'a> {
    major: u16,
    texts: Vec<&'a str>,
    numbers: Vec<i64>,
    /// What each entry of the pool is.
    kinds: Vec<u8>,
    rest: &'a [u8],
}

impl<'a> Class<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let rest = data.strip_prefix(&[0xca, 0xfe, 0xba, 0xbe])?;
        let word = |data: &[u8], at: usize| -> Option<u16> {
            Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?))
        };
        let (major, count) = (word(rest, 2)?, usize::from(word(rest, 4)?));
        // Java 1.1 is 45; a program for several processors has a small number here.
        (major >= 45).then_some(())?;
        let mut rest = &rest[6..];
        let (mut texts, mut numbers, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        let mut index = 1;
        while index < count {
            let (&kind, behind) = rest.split_first()?;
            let size = match kind {
                1 => {
                    let size = usize::from(word(behind, 0)?);
                    // Characters beyond the first plane are written otherwise than in UTF-8.
                    texts.push(std::str::from_utf8(behind.get(2..2 + size)?).unwrap_or(""));
                    2 + size
                }
                7 | 8 | 16 | 19 | 20 => 2,
                15 => 3,
                3 | 4 | 9 | 10 | 11 | 12 | 17 | 18 => 4,
                5 | 6 => 8,
                _ => return None,
            };
            let (entry, behind) = behind.split_at_checked(size)?;
            if matches!(kind, 3 | 5) {
                let first = if entry[0] & 0x80 != 0 { -1 } else { 0 };
                numbers.push(entry.iter().fold(first, |n, &b| (n << 8) | i64::from(b)));
            }
            kinds.push(kind);
            rest = behind;
            index += if matches!(kind, 5 | 6) { 2 } else { 1 };
        }
        // Flags, this class, its parent, and four counts: less is no class.
        (rest.len() >= 14).then_some(Self {
            major,
            texts,
            numbers,
            kinds,
            rest,
        })
    }
}

/// Compare two classes; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (Class::read(left)?, Class::read(right)?);
    let mut seen = Seen::default();
    if l.major != r.major {
        let evidence = format!(
            "class version {} → {}: for Java {} → {}",
            l.major,
            r.major,
            l.major - 44,
            r.major - 44
        );
        seen.add(Cause::ToolchainVersion, "header", evidence);
        return seen.finish("class");
    }
    let difference = strings::compare(&l.texts, &r.texts);
    for pair in &difference.pairs {
        seen.add(pair.cause, "constant pool", pair.evidence());
    }
    let alone = difference.removed.len() + difference.added.len();
    if l.numbers.len() == r.numbers.len() {
        for (a, b) in l.numbers.iter().zip(&r.numbers).filter(|(a, b)| a != b) {
            let is_moment = |n: i64| {
                let seconds = 1_262_304_000..2_147_483_648_i64;
                seconds.contains(&n) || (n > seconds.end && seconds.contains(&(n / 1000)))
            };
            let cause = if is_moment(*a) && is_moment(*b) {
                Cause::Timestamp
            } else if difference.reordered {
                continue;
            } else {
                Cause::SourceChange
            };
            seen.add(cause, "constant pool", format!("{a} → {b}"));
        }
    }
    if let Some(evidence) = debug_attributes(&difference) {
        seen.add(Cause::DebugInfo, "attributes", evidence);
        return seen.finish("class");
    }
    let known = !seen.is_empty() && alone == 0;
    let same_rest = l.rest == r.rest && l.kinds == r.kinds;
    if difference.reordered && seen.is_empty() {
        let evidence = "the same constants or members in another order";
        seen.add(Cause::HashOrder, "constant pool", evidence);
    } else if !(known && (same_rest || l.kinds == r.kinds && l.rest.len() == r.rest.len())) {
        let evidence = format!(
            "code and members: {} → {} bytes, {} → {} constants",
            l.rest.len(),
            r.rest.len(),
            l.kinds.len(),
            r.kinds.len()
        );
        seen.add(Cause::SourceChange, "class", evidence);
    }
    seen.finish("class")
}

/// Tables for debuggers that only one side has, if it lacks nothing else.
fn debug_attributes(difference: &strings::Difference) -> Option<String> {
    let more = match (&*difference.removed, &*difference.added) {
        ([], more) | (more, []) if difference.pairs.is_empty() => more,
        _ => return None,
    };
    let attributes = [
        "LineNumberTable",
        "LocalVariableTable",
        "LocalVariableTypeTable",
        "SourceFile",
    ];
    let found: Vec<&str> = attributes
        .into_iter()
        .filter(|name| more.iter().any(|text| text == name))
        .collect();
    (!found.is_empty()).then(|| format!("only one side has {}", found.join(", ")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A class whose constants are these texts, and nothing else.
    pub(in crate::binary) fn class(major: u8, texts: &[&str]) -> Vec<u8> {
        let mut data = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, major];
        data.extend((texts.len() as u16 + 1).to_be_bytes());
        for text in texts {
            data.push(1);
            data.extend((text.len() as u16).to_be_bytes());
            data.extend_from_slice(text.as_bytes());
        }
        data.extend([0; 14]);
        data
    }

    #[test]
    fn constants_tell_why() {
        let plain = class(65, &["Main", "built 2024-01-02", "red"]);
        let cause = |other: &[u8]| compare(&plain, other).unwrap().findings[0].cause;
        assert_eq!(cause(&class(66, &["Main"])), Cause::ToolchainVersion);
        assert_eq!(
            cause(&class(65, &["Main", "built 2025-03-04", "red"])),
            Cause::Timestamp
        );
        assert_eq!(
            cause(&class(65, &["Main", "red", "built 2024-01-02"])),
            Cause::HashOrder
        );
        assert_eq!(
            cause(&class(65, &["Main", "built 2024-01-02", "blue"])),
            Cause::SourceChange
        );
        assert_eq!(compare(&plain, &plain[..30]), None);
    }
}
