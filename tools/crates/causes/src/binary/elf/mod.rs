//! Programs, libraries and object files: section by section.
//!
//! The linker makes most of an ELF file out of a little: if a string grows, the code that points
//! behind it changes, and so do symbols, unwinding tables and the build ID. So what can be
//! explained is sought first (compilers, strings, order), and the rest is a finding of its own
//! only if it cannot follow from that.

mod code;
mod read;

use std::borrow::Cow;

use self::read::{Elf, Role, Section};
use super::seen::{shown, Seen};
use super::strings::{self, Difference};
use crate::{Cause, Comparison};

/// Differing sections that are compared one by one.
const MOST: usize = 8192;
/// Strings of known causes in which parts of them are sought.
const NAMED: usize = 64;
/// Characters that make a difference of strings, where numbers around them differ as well.
const LETTERS: usize = 3;

/// A section that differs: both sides, or one where the other has none.
struct Differing<'e, 'a> {
    name: &'a str,
    role: Role,
    left: Option<&'e Section<'a>>,
    right: Option<&'e Section<'a>>,
}

impl Differing<'_, '_> {
    fn both(&self) -> Option<(&[u8], &[u8])> {
        Some((&self.left?.data, &self.right?.data))
    }

    fn moved(&self) -> bool {
        match (self.left, self.right) {
            (Some(l), Some(r)) => l.size != r.size || l.data.len() != r.data.len(),
            _ => true,
        }
    }

    fn place(&self) -> String {
        format!("section {}", self.name)
    }
}

/// Compare two ELF files; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let is_elf = |data: &[u8]| data.starts_with(b"\x7fELF");
    (is_elf(left) && is_elf(right)).then_some(())?;
    let mut seen = Seen::default();
    sections(&mut seen, left, right)?;
    if seen.is_empty() {
        let evidence =
            "all sections are equal: headers, segments or the bytes between sections differ";
        seen.add(Cause::Unexplained, "headers", evidence);
    }
    seen.finish("elf")
}

/// Compare the sections of two programs of one format; nothing is found if all are equal.
pub(super) fn sections(seen: &mut Seen, left: &[u8], right: &[u8]) -> Option<()> {
    let (l, r) = (Elf::read(left)?, Elf::read(right)?);
    if l.target != r.target {
        let evidence = format!("{} → {}", l.target, r.target);
        seen.add(Cause::SourceChange, "header", evidence);
        return Some(());
    }
    let differing = differing(&l, &r);
    if let Some(evidence) = code::random_section_names(&l, &r) {
        seen.add(Cause::RandomId, "section names", evidence);
    }
    if differing.is_empty() {
        let names = |elf: &Elf| -> Vec<String> {
            let names = elf.sections.iter().map(|s| s.name.to_owned());
            names.collect()
        };
        if names(&l) != names(&r) {
            let evidence = "the same sections with the same content, in another order";
            seen.add(Cause::FileOrder, "section headers", evidence);
        }
        return Some(());
    }
    if differing.len() > MOST {
        let evidence = format!("{} sections differ", differing.len());
        seen.add(Cause::SourceChange, "sections", evidence);
        return Some(());
    }
    let is_debug = |d: &Differing| matches!(d.role, Role::Debug | Role::BuildId);
    for section in &differing {
        if let Some((a, b)) = section.both() {
            let first = a.iter().zip(b).take_while(|(x, y)| x == y).count();
            if first < a.len().max(b.len()) {
                seen.bytes(&section.place(), a, b);
            }
        }
    }
    let strings = strings_of(&differing);
    if !tools(seen, &differing, &strings) {
        named(seen, &strings, &l, &r);
        if differing.iter().all(is_debug) {
            debug(seen, &differing);
        } else {
            program(seen, &differing, &strings, &l, &r);
        }
    }
    follow(seen, &differing);
    Some(())
}

/// The sections that are not the same, in the order of the left file.
fn differing<'e, 'a>(l: &'e Elf<'a>, r: &'e Elf<'a>) -> Vec<Differing<'e, 'a>> {
    let (mut on_left, on_right) = (l.by_name(), r.by_name());
    let mut found = Vec::new();
    let mut times = std::collections::HashMap::new();
    for section in &l.sections {
        let n: &mut usize = times.entry(section.name).or_default();
        let key = (section.name, *n);
        *n += 1;
        let other = on_right.get(&key).copied();
        if other.is_none_or(|o| o.data != section.data || o.size != section.size) {
            found.push(Differing {
                name: section.name,
                role: section.role,
                left: Some(section),
                right: other,
            });
        }
    }
    times.clear();
    for section in &r.sections {
        let n: &mut usize = times.entry(section.name).or_default();
        if on_left.remove(&(section.name, *n)).is_none() {
            found.push(Differing {
                name: section.name,
                role: section.role,
                left: None,
                right: Some(section),
            });
        }
        *n += 1;
    }
    found
}

/// The strings of each section that is known to hold some.
fn strings_of<'d>(differing: &'d [Differing]) -> Vec<(&'d Differing<'d, 'd>, Difference)> {
    let holds = |d: &Differing| match d.role {
        Role::Debug => {
            matches!(
                d.name,
                ".debug_str"
                    | ".debug_line_str"
                    | ".debug_line"
                    | ".debug_info"
                    | ".debug_types"
                    | ".strtab"
                    | ".gnu_debuglink"
                    | ".stabstr"
            ) || d.name.starts_with(".zdebug_")
        }
        Role::Comment | Role::Data | Role::Names => true,
        Role::BuildId | Role::Code | Role::Table => false,
    };
    let mut found = Vec::new();
    for section in differing.iter().filter(|d| holds(d)) {
        let Some((a, b)) = section.both() else {
            continue;
        };
        let difference = strings::compare(&strings::printable(a), &strings::printable(b));
        if !difference.is_none() {
            found.push((section, difference));
        }
    }
    found
}

/// Another compiler explains everything that is not known to vary by itself.
fn tools(seen: &mut Seen, differing: &[Differing], strings: &[(&Differing, Difference)]) -> bool {
    let list = |section: Option<&Section>| -> Vec<String> {
        let data: Cow<[u8]> = section.map_or(Cow::Borrowed(&[]), |s| Cow::Borrowed(&*s.data));
        let mut names: Vec<String> = strings::printable(&data)
            .into_iter()
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    for section in differing.iter().filter(|d| d.role == Role::Comment) {
        let (a, b) = (list(section.left), list(section.right));
        if a != b {
            let only = |these: &[String], those: &[String]| {
                let only: Vec<&str> = these
                    .iter()
                    .filter(|name| those.binary_search(name).is_err())
                    .map(String::as_str)
                    .collect();
                shown(&only.join(", "))
            };
            let evidence = format!("{} → {}", only(&a, &b), only(&b, &a));
            seen.add(Cause::ToolchainVersion, section.place(), evidence);
        }
    }
    for (section, difference) in strings {
        for pair in &difference.pairs {
            if section.role != Role::Comment && code::is_compiler(&pair.left, &pair.right) {
                seen.add(Cause::ToolchainVersion, section.place(), pair.evidence());
            }
        }
    }
    let found = seen.has(Cause::ToolchainVersion);
    if found {
        for (section, difference) in strings {
            for pair in &difference.pairs {
                if pair.cause == Cause::Timestamp {
                    seen.add(pair.cause, section.place(), pair.evidence());
                }
            }
        }
    }
    found
}

/// Strings that are known to vary.
fn named(seen: &mut Seen, strings: &[(&Differing, Difference)], l: &Elf, r: &Elf) {
    // A part of a string that code copies by itself is a constant of its own.
    let known: Vec<&strings::Pair> = strings
        .iter()
        .flat_map(|(_, difference)| &difference.pairs)
        .filter(|pair| pair.cause != Cause::SourceChange)
        .take(NAMED)
        .collect();
    let is_part = |pair: &strings::Pair| known.iter().any(|whole| whole.has_part(pair));
    // The program's own strings tell more than the debugger's copies of them.
    let program = strings.iter().filter(|(d, _)| d.role != Role::Debug);
    let debug = strings.iter().filter(|(d, _)| d.role == Role::Debug);
    for (section, difference) in program.chain(debug) {
        for pair in &difference.pairs {
            // A mangled name ends with a hash of what is named elsewhere.
            let hashed = section.role == Role::Debug || section.name == ".dynstr";
            if pair.cause == Cause::SourceChange
                || is_part(pair)
                || (hashed && pair.cause == Cause::RandomId && !seen.is_empty())
            {
                continue;
            }
            let told = section.role == Role::Debug && seen.has(pair.cause);
            if !told {
                seen.add(pair.cause, section.place(), pair.evidence());
            }
        }
    }
    if let Some(evidence) = code::link_order(l, r) {
        seen.add(Cause::FileOrder, "symbols", evidence);
    }
}

/// Only debug information differs, and what hangs on it.
fn debug(seen: &mut Seen, differing: &[Differing]) {
    if !seen.is_empty() {
        return;
    }
    let debug: Vec<&Differing> = differing.iter().filter(|d| d.role == Role::Debug).collect();
    let Some(first) = debug.first() else {
        let id = |section: Option<&Section>| {
            section.map_or("none".to_owned(), |s| code::build_id(&s.data))
        };
        for section in differing {
            let evidence = format!(
                "{} → {}, and no other section differs",
                id(section.left),
                id(section.right)
            );
            seen.add(Cause::BuildId, section.place(), evidence);
        }
        return;
    };
    let one_sided = |side: fn(&Differing) -> bool| debug.iter().all(|d| side(d));
    let evidence = if one_sided(|d| d.left.is_none()) {
        "the left side is stripped, the right side is not; the program is the same".to_owned()
    } else if one_sided(|d| d.right.is_none()) {
        "the right side is stripped, the left side is not; the program is the same".to_owned()
    } else if first.name == ".gnu_debuglink" && debug.len() == 1 {
        "the checksum of the separate debug file; the program is the same".to_owned()
    } else {
        let names: Vec<&str> = debug.iter().take(6).map(|d| d.name).collect();
        format!(
            "only debug information differs ({}), the program is the same",
            names.join(", ")
        )
    };
    seen.add(Cause::DebugInfo, first.place(), evidence);
}

/// The program itself differs: what of it is not explained by its strings.
fn program(
    seen: &mut Seen,
    differing: &[Differing],
    strings: &[(&Differing, Difference)],
    l: &Elf,
    r: &Elf,
) {
    let changed = |role: Role| differing.iter().filter(move |d| d.role == role);
    let longer = |difference: &Difference| difference.pairs.iter().any(|p| p.longer != 0);
    let moved = strings.iter().any(|(_, difference)| longer(difference));
    // Constants and immediate operands that are moments, where no address can have changed.
    for section in differing {
        if moved || !matches!(section.role, Role::Data | Role::Code) {
            continue;
        }
        let Some((a, b)) = section.both() else {
            continue;
        };
        let told = strings.iter().any(|(d, _)| std::ptr::eq(*d, section));
        if !told {
            if let Some(evidence) = code::moment(a, b, section.role == Role::Code) {
                seen.add(Cause::Timestamp, section.place(), evidence);
            }
        }
    }
    let reordered = strings
        .iter()
        .find(|(d, difference)| d.role == Role::Data && difference.reordered);
    if seen.is_empty() {
        if let Some((cause, evidence)) = code::function_order(l, r) {
            seen.add(cause, "symbols", evidence);
        } else if let Some((section, _)) = reordered {
            let with_code = changed(Role::Code).next().is_some();
            let (cause, what) = if with_code {
                (Cause::FileOrder, "the code is in another order as well")
            } else {
                (Cause::HashOrder, "the code is the same")
            };
            let evidence = format!("the same strings in another order, and {what}");
            seen.add(cause, section.place(), evidence);
        }
    }
    let named: Vec<&strings::Pair> = strings
        .iter()
        .flat_map(|(_, difference)| &difference.pairs)
        .filter(|pair| pair.cause != Cause::SourceChange)
        .take(NAMED)
        .collect();
    // Strings that nothing is known about: someone wrote them.
    let known = !seen.is_empty();
    let mut source = false;
    for (section, difference) in strings.iter().filter(|(d, _)| d.role != Role::Debug) {
        for pair in difference
            .pairs
            .iter()
            .filter(|p| p.cause == Cause::SourceChange)
        {
            let is_symbol = section.name == ".dynstr";
            if named.iter().any(|whole| whole.has_part(pair)) {
                continue;
            }
            // Numbers beside a string may look like its first or last letters.
            if known && (is_symbol || (moved && pair.exact < LETTERS)) {
                continue;
            }
            source = true;
            seen.add(Cause::SourceChange, section.place(), pair.evidence());
        }
        for (text, what) in (difference
            .removed
            .iter()
            .map(|t| (t, "only on the left side")))
        .chain(
            difference
                .added
                .iter()
                .map(|t| (t, "only on the right side")),
        ) {
            if !known {
                source = true;
                seen.add(
                    Cause::SourceChange,
                    section.place(),
                    format!("{} is {what}", shown(text)),
                );
            }
        }
    }
    // Code and constants beyond that: a longer string moves what lies behind it, no more.
    let moves = known && strings.iter().any(|(_, d)| d.reordered || longer(d));
    if source {
        return;
    }
    let order = seen.has(Cause::FileOrder) || seen.has(Cause::HashOrder);
    for section in changed(Role::Code).chain(changed(Role::Data)) {
        let told = strings.iter().any(|(d, difference)| {
            std::ptr::eq(*d, section)
                && difference
                    .pairs
                    .iter()
                    .any(|p| p.cause != Cause::SourceChange)
        });
        let timed = !moved
            && section
                .both()
                .is_some_and(|(a, b)| code::moment(a, b, section.role == Role::Code).is_some());
        let follows = moves && (section.role == Role::Data || !section.moved());
        let copied = section.both().is_some_and(|(a, b)| {
            let pairs = strings.iter().flat_map(|(_, d)| &d.pairs);
            let known = pairs.filter(|p| p.cause != Cause::SourceChange);
            code::is_of_strings(a, b, known.map(|p| (&*p.left, &*p.right)))
        });
        if told || timed || order || follows || copied {
            continue;
        }
        seen.add(
            Cause::SourceChange,
            section.place(),
            code::evidence(section.left, section.right, l, r),
        );
    }
    // A build ID of another length moves addresses, too.
    let id = changed(Role::BuildId).find(|d| d.moved());
    let tables = |d: &Differing| matches!(d.role, Role::BuildId | Role::Debug | Role::Table);
    if let Some(id) = id.filter(|_| seen.is_empty() && differing.iter().all(tables)) {
        let evidence = code::evidence(id.left, id.right, l, r);
        seen.add(Cause::BuildId, id.place(), evidence);
    }
    if seen.is_empty() {
        for section in differing
            .iter()
            .filter(|d| !matches!(d.role, Role::Debug | Role::BuildId))
        {
            let evidence = code::evidence(section.left, section.right, l, r);
            seen.add(Cause::SourceChange, section.place(), evidence);
        }
    }
}

/// What else differs follows from what was found.
fn follow(seen: &mut Seen, differing: &[Differing]) {
    if differing.iter().any(|d| d.role == Role::BuildId) && !seen.has(Cause::BuildId) {
        seen.consequence("the build ID follows from it");
    }
    let rest = differing
        .iter()
        .filter(|d| !matches!(d.role, Role::BuildId))
        .count();
    if rest > 1 && !seen.has(Cause::SourceChange) {
        seen.consequence(&format!("{rest} sections differ by it"));
    }
}
