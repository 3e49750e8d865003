//! Strip a linked ELF program to the bytes that a loader needs.
//!
//! The `strip` of a machine's binutils gives other bytes in other versions, knows only
//! the architectures it was built for, and silently cuts off what was appended to a
//! program. This one is a plain function of the file: everything that a segment covers
//! stays where it is, byte for byte; sections that only a debugger or a linker reads go;
//! what remains outside the segments moves up; the table of section headers, with names
//! written anew, ends the file. It works the same for 32 and 64 bits, both byte orders
//! and every architecture, because nothing in it depends on one.
//!
//! The numbers of sections that the dynamic symbol table can refer to never change (a
//! removed section in front of a loaded one leaves an empty header), so no byte inside a
//! segment has to be touched.

mod headers;

use std::collections::BTreeMap;
use std::ops::Range;

use self::headers::{
    Image, Section, SHF_INFO_LINK, SHT_GROUP, SHT_NULL, SHT_REL, SHT_RELA, SHT_STRTAB, SHT_SYMTAB,
    SHT_SYMTAB_SHNDX,
};

/// An ELF file could not be stripped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another kind of ELF file than a program or a shared object.
    #[error("it is {0}, and only linked programs and shared objects can be stripped; link it first, or leave out --strip")]
    NotLinked(&'static str),
    /// The headers contradict themselves or the length of the file.
    #[error("the ELF file is malformed at offset {offset}: {what}; build it again, or leave out --strip if the file is meant to be so")]
    Malformed {
        /// Where the wrong value stands.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Something follows the ELF image: a self-extracting archive, for example.
    #[error("{length} bytes are appended to the ELF image at offset {offset}, and the program may look for them at its end; leave out --strip")]
    Appended {
        /// Where the ELF image ends.
        offset: u64,
        /// How much follows.
        length: u64,
    },
    /// More sections than a plain section table can count.
    #[error("{0} sections remain, more than the 65279 that can be written; leave out --strip")]
    TooManySections(usize),
}

/// What [`strip`] took out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stripped {
    /// The names of the removed sections, in the order of the file.
    pub removed: Vec<String>,
    /// The length before.
    pub from: u64,
    /// The length after.
    pub to: u64,
}

/// Whether the bytes begin as an ELF file does.
pub fn is_elf(data: &[u8]) -> bool {
    data.starts_with(b"\x7fELF")
}

const SHN_LORESERVE: usize = 0xff00;

/// Alignment asked for outside the segments; more is a broken header, not a need.
const LARGEST_ALIGNMENT: u64 = 1 << 16;

/// Sections by name that only debuggers, linkers and profilers read.
///
/// A section that is neither loaded nor listed stays: programs keep data of their own
/// there (the archive of a frozen Python program, a compiler plug-in's metadata).
const REMOVED: &[&str] = &[
    ".comment",
    ".ctf",
    ".gdb_index",
    ".gnu_debugaltlink",
    ".gnu_debugdata",
    ".gnu_debuglink",
    ".line",
    ".llvm_addrsig",
    ".llvmbc",
    ".llvmcmd",
    ".note.GNU-stack",
    ".note.gnu.gold-version",
    ".pdr",
    ".shstrtab",
    ".strtab",
    ".symtab",
    ".symtab_shndx",
];

/// The same, for families of names.
const REMOVED_PREFIXES: &[&str] = &[
    ".debug_",
    ".debug.",
    ".gnu.build.attributes",
    ".gnu.debuglto_",
    ".gnu.lto_",
    ".gnu.warning.",
    ".llvm.",
    ".mdebug",
    ".rel.debug_",
    ".rela.debug_",
    ".stab",
    ".zdebug_",
];

fn is_kept(section: &Section) -> bool {
    if section.loaded() {
        return true;
    }
    let listed = REMOVED.iter().any(|name| section.name == name.as_bytes())
        || REMOVED_PREFIXES
            .iter()
            .any(|prefix| section.name.starts_with(prefix.as_bytes()));
    let linking = matches!(
        section.kind,
        SHT_NULL | SHT_SYMTAB | SHT_STRTAB | SHT_RELA | SHT_REL | SHT_GROUP | SHT_SYMTAB_SHNDX
    );
    !listed && !linking
}

/// Sorted and merged, so that the gaps between them can be told.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn aligned(position: u64, alignment: u64) -> u64 {
    position.div_ceil(alignment) * alignment
}

/// Strip a linked ELF program or shared object, in place.
///
/// Nothing changes if there is an error, or if the file has no section table (then it
/// holds nothing that could be removed). Stripping twice is the same as once. Memory is
/// that of the file plus its small sections; time is linear in the file.
pub fn strip(data: &mut Vec<u8>) -> Result<Stripped, Error> {
    let image = Image::parse(data)?;
    let shape = image.shape;
    let from = data.len() as u64;
    if image.sections.is_empty() {
        return Ok(Stripped {
            removed: Vec::new(),
            from,
            to: from,
        });
    }

    let end = image
        .fixed
        .iter()
        .map(|range| range.end)
        .chain(image.sections.iter().filter_map(|s| Some(s.range()?.end)))
        .chain([image.table_end])
        .max()
        .unwrap_or(0);
    if data[end as usize..].iter().any(|byte| *byte != 0) {
        return Err(Error::Appended {
            offset: end,
            length: from - end,
        });
    }

    let loaded = image.sections.iter().filter(|section| section.loaded());
    let fixed = merged(
        image
            .fixed
            .iter()
            .cloned()
            .chain(loaded.filter_map(Section::range))
            .collect(),
    );
    let fixed_end = fixed.last().map_or(0, |range| range.end);
    let stays = |range: &Range<u64>| {
        let next = fixed.partition_point(|f| f.start <= range.start);
        next > 0 && fixed[next - 1].end >= range.end
    };

    // Numbers up to the last loaded section stay; see the module's text.
    let last_loaded = image
        .sections
        .iter()
        .rposition(Section::loaded)
        .unwrap_or(0);
    let mut renumbered = vec![0u64; image.sections.len()];
    let mut sections = vec![Section::default()];
    let mut removed = Vec::new();
    // What remains outside the segments, with its place behind them.
    let mut tail: Vec<(u64, Range<u64>)> = Vec::new();
    let mut tail_end = fixed_end;
    let mut moved = 0u64;
    for (index, section) in image.sections.iter().enumerate().skip(1) {
        if !is_kept(section) {
            // The names are written anew, not removed.
            if section.kind != SHT_NULL && section.name != b".shstrtab" {
                removed.push(String::from_utf8_lossy(&section.name).into_owned());
            }
            if index < last_loaded {
                sections.push(Section::default());
            }
            continue;
        }
        let mut section = section.clone();
        match section.range() {
            Some(range) if !stays(&range) => {
                let alignment = section.alignment.max(1);
                if !alignment.is_power_of_two() || alignment > LARGEST_ALIGNMENT {
                    return Err(Error::Malformed {
                        offset: range.start,
                        what: format!("section {index} asks for an alignment of {alignment}"),
                    });
                }
                moved = moved.saturating_add(section.size + alignment);
                if moved > from + LARGEST_ALIGNMENT {
                    return Err(Error::Malformed {
                        offset: range.start,
                        what: format!("section {index} overlaps others"),
                    });
                }
                section.offset = aligned(tail_end, alignment);
                tail_end = section.offset + section.size;
                tail.push((section.offset, range));
            }
            // A section without bytes of its own must not point beyond the end.
            None if !section.loaded() => section.offset = fixed_end,
            _ => {}
        }
        renumbered[index] = sections.len() as u64;
        sections.push(section);
    }
    if sections.len() + 1 >= SHN_LORESERVE {
        return Err(Error::TooManySections(sections.len() + 1));
    }
    for section in &mut sections {
        let renumber = |number: u64| renumbered.get(number as usize).copied().unwrap_or(0);
        section.link = renumber(section.link);
        if matches!(section.kind, SHT_REL | SHT_RELA) || section.flags & SHF_INFO_LINK != 0 {
            section.info = renumber(section.info);
        }
    }
    if let Some(segments) = image.extended_segments {
        sections[0].info = segments;
    }

    sections.push(Section {
        name: b".shstrtab".to_vec(),
        kind: SHT_STRTAB,
        offset: tail_end,
        alignment: 1,
        ..Section::default()
    });
    let mut names = vec![0u8];
    let mut known: BTreeMap<&[u8], u64> = BTreeMap::from([(&b""[..], 0)]);
    let name_offsets: Vec<u64> = sections
        .iter()
        .map(|section| {
            *known.entry(&section.name).or_insert_with(|| {
                let at = names.len() as u64;
                names.extend_from_slice(&section.name);
                names.push(0);
                at
            })
        })
        .collect();
    if let Some(last) = sections.last_mut() {
        last.size = names.len() as u64;
    }
    let table_at = aligned(tail_end + names.len() as u64, shape.word() as u64);
    let to = table_at + (sections.len() * shape.section_size()) as u64;
    if !shape.wide && to > u64::from(u32::MAX) {
        return Err(Error::Malformed {
            offset: 4,
            what: "it would grow beyond what 32 bits can address".into(),
        });
    }

    let mut end_of_file = Vec::with_capacity((to - fixed_end) as usize);
    for (offset, range) in tail {
        end_of_file.resize((offset - fixed_end) as usize, 0);
        end_of_file.extend_from_slice(&data[range.start as usize..range.end as usize]);
    }
    end_of_file.extend_from_slice(&names);
    end_of_file.resize((table_at - fixed_end) as usize, 0);
    for (section, name) in sections.iter().zip(name_offsets) {
        section.write(shape, name, &mut end_of_file);
    }

    // From here on nothing can fail.
    data.truncate(fixed_end as usize);
    for gap in fixed.windows(2) {
        data[gap[0].end as usize..gap[1].start as usize].fill(0);
    }
    data.extend_from_slice(&end_of_file);
    let word = shape.word();
    let counts = 24 + 3 * word + 6;
    shape.set(data, 24 + 2 * word, word, table_at);
    shape.set(data, counts + 6, 2, sections.len() as u64);
    shape.set(data, counts + 8, 2, sections.len() as u64 - 1);
    Ok(Stripped { removed, from, to })
}
