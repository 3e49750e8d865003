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

use std::collections::BTreeMap;
use std::ops::Range;

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

const ET_REL: u64 = 1;
const ET_EXEC: u64 = 2;
const ET_DYN: u64 = 3;
const ET_CORE: u64 = 4;
const PT_NULL: u64 = 0;
const PN_XNUM: u64 = 0xffff;
const SHN_LORESERVE: usize = 0xff00;
const SHT_NULL: u64 = 0;
const SHT_SYMTAB: u64 = 2;
const SHT_STRTAB: u64 = 3;
const SHT_RELA: u64 = 4;
const SHT_NOBITS: u64 = 8;
const SHT_REL: u64 = 9;
const SHT_GROUP: u64 = 17;
const SHT_SYMTAB_SHNDX: u64 = 18;
const SHF_ALLOC: u64 = 2;
const SHF_INFO_LINK: u64 = 0x40;

/// A longer name is not one that a tool wrote, and many long names could cost more memory than the file.
const LONGEST_NAME: usize = 512;

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

/// Where the fields of a class of ELF files stand.
#[derive(Debug, Clone, Copy)]
struct Shape {
    wide: bool,
    big_endian: bool,
}

impl Shape {
    /// The shape that the first bytes announce.
    fn of(data: &[u8]) -> Result<Self, Error> {
        let malformed = |offset: u64, what: &str| Error::Malformed {
            offset,
            what: what.to_owned(),
        };
        let ident = data
            .get(..16)
            .ok_or_else(|| malformed(data.len() as u64, "the header is cut short"))?;
        let shape = Self {
            wide: match ident[4] {
                1 => false,
                2 => true,
                _ => return Err(malformed(4, "the class is neither 32 nor 64 bits")),
            },
            big_endian: match ident[5] {
                1 => false,
                2 => true,
                _ => {
                    return Err(malformed(
                        5,
                        "the byte order is neither little nor big endian",
                    ))
                }
            },
        };
        if data.len() < shape.header_size() {
            return Err(malformed(data.len() as u64, "the header is cut short"));
        }
        if ident[6] != 1 {
            return Err(malformed(6, "the version is not 1"));
        }
        Ok(shape)
    }

    fn header_size(self) -> usize {
        if self.wide {
            64
        } else {
            52
        }
    }

    fn segment_size(self) -> usize {
        if self.wide {
            56
        } else {
            32
        }
    }

    fn section_size(self) -> usize {
        if self.wide {
            64
        } else {
            40
        }
    }

    fn word(self) -> usize {
        if self.wide {
            8
        } else {
            4
        }
    }

    /// Read `width` bytes at `at`, which the caller has checked to be there.
    fn get(self, data: &[u8], at: usize, width: usize) -> u64 {
        let field = &data[at..at + width];
        let shift = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if self.big_endian {
            field.iter().fold(0, shift)
        } else {
            field.iter().rev().fold(0, shift)
        }
    }

    fn set(self, data: &mut [u8], at: usize, width: usize, value: u64) {
        let field = &mut data[at..at + width];
        if self.big_endian {
            field.copy_from_slice(&value.to_be_bytes()[8 - width..]);
        } else {
            field.copy_from_slice(&value.to_le_bytes()[..width]);
        }
    }
}

/// A section header, whatever its width.
#[derive(Debug, Clone, Default)]
struct Section {
    name: Vec<u8>,
    kind: u64,
    flags: u64,
    address: u64,
    offset: u64,
    size: u64,
    link: u64,
    info: u64,
    alignment: u64,
    entry_size: u64,
}

impl Section {
    /// The bytes it has in the file.
    fn range(&self) -> Option<Range<u64>> {
        let end = self.offset.checked_add(self.size)?;
        (self.kind != SHT_NULL && self.kind != SHT_NOBITS && self.size > 0)
            .then_some(self.offset..end)
    }

    fn loaded(&self) -> bool {
        self.kind != SHT_NULL && self.flags & SHF_ALLOC != 0
    }

    fn kept(&self) -> bool {
        if self.loaded() {
            return true;
        }
        let listed = REMOVED.iter().any(|name| self.name == name.as_bytes())
            || REMOVED_PREFIXES
                .iter()
                .any(|prefix| self.name.starts_with(prefix.as_bytes()));
        let linking = matches!(
            self.kind,
            SHT_NULL | SHT_SYMTAB | SHT_STRTAB | SHT_RELA | SHT_REL | SHT_GROUP | SHT_SYMTAB_SHNDX
        );
        !listed && !linking
    }

    fn write(&self, shape: Shape, name: u64, out: &mut Vec<u8>) {
        let word = shape.word();
        let at = out.len();
        out.resize(at + shape.section_size(), 0);
        let mut position = at;
        for (width, value) in [
            (4, name),
            (4, self.kind),
            (word, self.flags),
            (word, self.address),
            (word, self.offset),
            (word, self.size),
            (4, self.link),
            (4, self.info),
            (word, self.alignment),
            (word, self.entry_size),
        ] {
            shape.set(out, position, width, value);
            position += width;
        }
    }
}

/// The headers of a linked ELF file, checked against its length.
struct Image {
    shape: Shape,
    /// The headers and segments: what must stay where it is.
    fixed: Vec<Range<u64>>,
    /// The real number of program headers, if it is too large for the header and stands in section 0.
    extended_segments: Option<u64>,
    sections: Vec<Section>,
    /// Where the section table ends; 0 if there is none.
    table_end: u64,
}

impl Image {
    fn parse(data: &[u8]) -> Result<Self, Error> {
        let shape = Shape::of(data)?;
        let word = shape.word();
        let length = data.len() as u64;
        let malformed = |offset: usize, what: String| Error::Malformed {
            offset: offset as u64,
            what,
        };
        match shape.get(data, 16, 2) {
            ET_EXEC | ET_DYN => {}
            ET_REL => return Err(Error::NotLinked("a relocatable object (.o)")),
            ET_CORE => return Err(Error::NotLinked("a core dump")),
            _ => return Err(Error::NotLinked("an ELF file of an unknown type")),
        }
        let header_size = shape.header_size();
        let segments_at = shape.get(data, 24 + word, word);
        let sections_at = shape.get(data, 24 + 2 * word, word);
        let counts = 24 + 3 * word + 6;
        let segment_size = shape.get(data, counts, 2);
        let mut segments = shape.get(data, counts + 2, 2);
        let section_size = shape.get(data, counts + 4, 2);
        let mut sections = shape.get(data, counts + 6, 2);
        let mut names = shape.get(data, counts + 8, 2);

        // The table that starts at `at`, if all of it is in the file.
        let table = |at: u64, count: u64, size: usize| {
            let end = count.checked_mul(size as u64)?.checked_add(at)?;
            (end <= length).then_some(at..end)
        };

        let mut extended_segments = None;
        if sections_at != 0 {
            if section_size != shape.section_size() as u64 {
                return Err(malformed(
                    counts + 4,
                    format!("section headers of {section_size} bytes"),
                ));
            }
            // Section 0 holds what does not fit into the header.
            let first = table(sections_at, 1, shape.section_size()).ok_or_else(|| {
                malformed(
                    24 + 2 * word,
                    "the section table lies beyond the end of the file".into(),
                )
            })?;
            let first = first.start as usize;
            if sections == 0 {
                sections = shape.get(data, first + 8 + 3 * word, word);
            }
            if names == 0xffff {
                names = shape.get(data, first + 8 + 4 * word, 4);
            }
            if segments == PN_XNUM {
                segments = shape.get(data, first + 12 + 4 * word, 4);
                extended_segments = Some(segments);
            }
        } else {
            sections = 0;
        }

        if segments_at == 0 || segments == 0 {
            return Err(malformed(
                24 + word,
                "it has no program headers, so nothing could run it".into(),
            ));
        }
        if segment_size != shape.segment_size() as u64 {
            return Err(malformed(
                counts,
                format!("program headers of {segment_size} bytes"),
            ));
        }
        let program_headers =
            table(segments_at, segments, shape.segment_size()).ok_or_else(|| {
                malformed(
                    24 + word,
                    format!("{segments} program headers do not fit into the file"),
                )
            })?;
        let mut fixed = vec![0..header_size as u64, program_headers.clone()];
        for index in 0..segments as usize {
            let at = program_headers.start as usize + index * shape.segment_size();
            if shape.get(data, at, 4) == PT_NULL {
                continue;
            }
            let (offset_at, size_at) = if shape.wide { (8, 32) } else { (4, 16) };
            let offset = shape.get(data, at + offset_at, word);
            let size = shape.get(data, at + size_at, word);
            if size == 0 {
                continue;
            }
            let end = offset
                .checked_add(size)
                .filter(|end| *end <= length)
                .ok_or_else(|| {
                    malformed(
                        at,
                        format!("segment {index} reaches beyond the end of the file"),
                    )
                })?;
            fixed.push(offset..end);
        }

        let mut image = Self {
            shape,
            fixed,
            extended_segments,
            sections: Vec::new(),
            table_end: 0,
        };
        if sections == 0 {
            return Ok(image);
        }
        let headers = table(sections_at, sections, shape.section_size()).ok_or_else(|| {
            malformed(
                24 + 2 * word,
                format!("{sections} section headers do not fit into the file"),
            )
        })?;
        image.table_end = headers.end;
        let mut name_offsets = Vec::new();
        for index in 0..sections as usize {
            let at = headers.start as usize + index * shape.section_size();
            let mut position = at;
            let mut next = |width: usize| {
                let value = shape.get(data, position, width);
                position += width;
                value
            };
            name_offsets.push(next(4));
            let section = Section {
                name: Vec::new(),
                kind: next(4),
                flags: next(word),
                address: next(word),
                offset: next(word),
                size: next(word),
                link: next(4),
                info: next(4),
                alignment: next(word),
                entry_size: next(word),
            };
            let inside = section
                .offset
                .checked_add(section.size)
                .is_some_and(|end| end <= length);
            if !inside
                && section.size > 0
                && index > 0
                && !matches!(section.kind, SHT_NULL | SHT_NOBITS)
            {
                return Err(malformed(
                    at,
                    format!("section {index} reaches beyond the end of the file"),
                ));
            }
            image.sections.push(section);
        }
        // Section 0 is none: what it holds was read above.
        if let Some(first) = image.sections.first_mut() {
            *first = Section::default();
        }
        let strings = match image.sections.get(names as usize) {
            Some(section) => section.range().unwrap_or(0..0),
            None => {
                return Err(malformed(
                    counts + 8,
                    format!("section {names} should hold the names, and there is none"),
                ))
            }
        };
        let strings = &data[strings.start as usize..strings.end as usize];
        for (index, offset) in name_offsets.into_iter().enumerate().skip(1) {
            let name = strings
                .get(offset as usize..)
                .unwrap_or_default()
                .iter()
                .take(LONGEST_NAME + 1)
                .take_while(|byte| **byte != 0)
                .copied()
                .collect::<Vec<_>>();
            if name.len() > LONGEST_NAME {
                return Err(malformed(
                    headers.start as usize + index * shape.section_size(),
                    format!("the name of section {index} is longer than {LONGEST_NAME} bytes"),
                ));
            }
            image.sections[index].name = name;
        }
        Ok(image)
    }
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
        if !section.kept() {
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
