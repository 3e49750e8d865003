//! What code, symbols and constants of two programs show.

use std::collections::{BTreeMap, HashSet};

use verbatim_digest::hex;

use super::read::{Elf, Section, Symbol};
use crate::words::cause_of;
use crate::Cause;

/// Seconds since 1970 that are taken for a moment of a build: 2010 to 2038.
const MOMENTS: std::ops::Range<u32> = 0x4b3d_3b00..0x7fff_ffff;
/// Bytes that may differ where one number does.
const NUMBER: usize = 8;

/// Letters of a string that is copied by instructions.
const COPIED: usize = 64;

/// The identifier in a note, in hexadecimal digits (or as text, if it is that).
pub(super) fn build_id(note: &[u8]) -> String {
    // Sizes of name and descriptor, type, name (padded), descriptor.
    let descriptor = note.get(16..).unwrap_or_default();
    if !descriptor.is_empty()
        && descriptor
            .iter()
            .all(|b| (0x20..0x7f).contains(b) || *b == 0)
    {
        return String::from_utf8_lossy(descriptor)
            .trim_matches('\0')
            .to_owned();
    }
    hex(&descriptor[..descriptor.len().min(32)])
}

/// Names and versions of compilers: "GNU C17 14.2.0 …", "rustc version 1.80.0", "go1.22.1".
pub(super) fn is_compiler(left: &str, right: &str) -> bool {
    let is = |text: &str| {
        [
            "GNU C",
            "GNU AS ",
            "GNU Fortran",
            "GCC: (",
            "clang version ",
            "clang LLVM (rustc",
            "rustc version ",
            "Go cmd/compile ",
        ]
        .iter()
        .any(|start| text.contains(start))
            || text
                .strip_prefix("go1.")
                .is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()))
    };
    // The flags stand behind the version: other flags are not another compiler.
    let version = |text: &str| text.split(" -").next().unwrap_or_default().to_owned();
    is(left) && is(right) && version(left) != version(right)
}

/// Sections of link-time optimisation end with a number that the compiler draws.
pub(super) fn random_section_names(l: &Elf, r: &Elf) -> Option<String> {
    let mut pairs = l.sections.iter().zip(&r.sections);
    let (a, b) = pairs.find(|(a, b)| a.name == b.name && a.number != b.number)?;
    Some(format!(
        "the names of the sections of link-time optimisation end with {} → {}",
        a.number, b.number
    ))
}

/// The same source files or functions of other files, linked in another order.
pub(super) fn link_order(l: &Elf, r: &Elf) -> Option<String> {
    // The linker names what it adds itself now first, now last.
    let own = |name: &[u8]| {
        let starts = ["crt", "Scrt", "gcrt", "Mcrt", "rcrt"];
        name.is_empty()
            || starts
                .iter()
                .any(|start| name.starts_with(start.as_bytes()))
    };
    let of = |elf: &Elf<'_>| -> Vec<Vec<u8>> {
        let files = elf.files.iter().filter(|name| !own(name));
        files.map(|name| name.to_vec()).collect()
    };
    let (left, right) = (of(l), of(r));
    let sorted = |files: &[Vec<u8>]| {
        let mut files: Vec<Vec<u8>> = files.to_vec();
        files.sort_unstable();
        files
    };
    if left == right || sorted(&left) != sorted(&right) {
        return None;
    }
    let i = left.iter().zip(&right).position(|(a, b)| a != b)?;
    Some(format!(
        "the same {} object files are linked in another order: number {} is {} here and {} there",
        left.len(),
        i + 1,
        String::from_utf8_lossy(&left[i]),
        String::from_utf8_lossy(&right[i])
    ))
}

/// The same functions in another order: those of one source, or of several in the order of linking.
pub(super) fn function_order(l: &Elf, r: &Elf) -> Option<(Cause, String)> {
    let keys = |elf: &Elf| -> Vec<(Vec<u8>, u64)> {
        elf.functions
            .iter()
            .map(|f| (f.name.to_vec(), f.size))
            .collect()
    };
    let (a, b) = (keys(l), keys(r));
    let first = a.iter().zip(&b).position(|(x, y)| x != y)?;
    let (mut x, mut y) = (a.clone(), b.clone());
    x.sort_unstable();
    y.sort_unstable();
    // Without the names of sources, the linker is what puts functions in order.
    let one_source = l.is_object || !l.files.is_empty();
    let cause = match one_source {
        true => Cause::HashOrder,
        false => Cause::FileOrder,
    };
    (x == y).then(|| {
        let evidence = format!(
            "the same {} functions in another order, {} here where {} is there",
            a.len(),
            String::from_utf8_lossy(&a[first].0),
            String::from_utf8_lossy(&b[first].0)
        );
        (cause, evidence)
    })
}

/// A number of seconds since 1970, if it is the only thing that differs.
///
/// In code a number has to differ by more than one byte: a small operand that changed, together
/// with the instruction behind it, looks like a moment too.
pub(super) fn moment(left: &[u8], right: &[u8], is_code: bool) -> Option<String> {
    if left.len() != right.len() {
        return None;
    }
    let differing: Vec<usize> = (0..left.len())
        .filter(|&i| left[i] != right[i])
        .take(NUMBER + 1)
        .collect();
    let (&first, &last) = (differing.first()?, differing.last()?);
    if differing.len() > NUMBER || last - first >= NUMBER {
        return None;
    }
    // Text in an operand: a time of eight characters fits one.
    let wide = |data: &[u8]| -> String {
        let from = first.saturating_sub(NUMBER);
        let to = (last + NUMBER).min(data.len());
        let run = data[from..to]
            .split(|b| !(0x20..0x7f).contains(b))
            .find(|run| {
                let at = run.as_ptr() as usize - data.as_ptr() as usize;
                at <= first && first < at + run.len()
            });
        String::from_utf8_lossy(run.unwrap_or_default()).into_owned()
    };
    let (a, b) = (wide(left), wide(right));
    if a.len() >= 4 && b.len() >= 4 && cause_of(&a, &b) == Cause::Timestamp {
        return Some(format!("{a:?} → {b:?}"));
    }
    if is_code && differing.len() < 2 {
        return None;
    }
    // The number itself: the highest of its bytes is the same on both sides.
    (first.saturating_sub(2)..=first).find_map(|at| {
        let number = |data: &[u8]| Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?));
        let (a, b) = (number(left)?, number(right)?);
        let whole = last < at + 3;
        (whole && MOMENTS.contains(&a) && MOMENTS.contains(&b))
            .then(|| format!("{a} → {b}, which are seconds since 1970"))
    })
}

/// Whether all that differs in code is letters of strings that differ: short strings are copied
/// by instructions which have them as numbers.
pub(super) fn is_of_strings<'a>(
    left: &[u8],
    right: &[u8],
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> bool {
    let letters: HashSet<(u8, u8)> = pairs
        .filter(|(a, b)| a.len() == b.len())
        .flat_map(|(a, b)| a.bytes().zip(b.bytes()))
        .filter(|(a, b)| a != b)
        .collect();
    let mut differing = left.iter().zip(right).filter(|(a, b)| a != b);
    left.len() == right.len()
        && differing.clone().take(COPIED + 1).count() <= COPIED
        && differing.all(|(a, b)| letters.contains(&(*a, *b)))
}

/// How much of a section differs, and in which functions.
pub(super) fn evidence(
    left: Option<&Section>,
    right: Option<&Section>,
    l: &Elf,
    r: &Elf,
) -> String {
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (Some(_), None) => return "only on the left side".to_owned(),
        _ => return "only on the right side".to_owned(),
    };
    let mut evidence = if left.data.len() == right.data.len() {
        let n = left
            .data
            .iter()
            .zip(&*right.data)
            .filter(|(a, b)| a != b)
            .count();
        if n == 0 {
            format!("{} bytes in memory → {}", left.size, right.size)
        } else {
            format!("{n} of {} bytes differ", left.data.len())
        }
    } else {
        format!("{} bytes → {} bytes", left.data.len(), right.data.len())
    };
    if left.name == ".text" {
        let sizes = |functions: &[Symbol]| -> BTreeMap<Vec<u8>, u64> {
            functions
                .iter()
                .map(|f| (f.name.to_vec(), f.size))
                .collect()
        };
        let (a, b) = (sizes(&l.functions), sizes(&r.functions));
        let mut names: Vec<&Vec<u8>> = a
            .iter()
            .filter(|(name, size)| b.get(*name) != Some(size))
            .map(|(name, _)| name)
            .chain(b.keys().filter(|name| !a.contains_key(*name)))
            .collect();
        names.truncate(4);
        if !names.is_empty() {
            let names: Vec<_> = names.iter().map(|n| String::from_utf8_lossy(n)).collect();
            evidence.push_str(&format!(
                "; functions of another size: {}",
                names.join(", ")
            ));
        }
    }
    evidence
}
