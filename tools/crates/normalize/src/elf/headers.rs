//! The headers of an ELF file, of either width and byte order, checked against its length.

use std::ops::Range;

use super::Error;

const ET_REL: u64 = 1;
const ET_EXEC: u64 = 2;
const ET_DYN: u64 = 3;
const ET_CORE: u64 = 4;
const PT_NULL: u64 = 0;
const PN_XNUM: u64 = 0xffff;
pub(super) const SHT_NULL: u64 = 0;
pub(super) const SHT_SYMTAB: u64 = 2;
pub(super) const SHT_STRTAB: u64 = 3;
pub(super) const SHT_RELA: u64 = 4;
const SHT_NOBITS: u64 = 8;
pub(super) const SHT_REL: u64 = 9;
pub(super) const SHT_GROUP: u64 = 17;
pub(super) const SHT_SYMTAB_SHNDX: u64 = 18;
const SHF_ALLOC: u64 = 2;
pub(super) const SHF_INFO_LINK: u64 = 0x40;

/// A longer name is not one that a tool wrote, and many long names could cost more memory than the file.
const LONGEST_NAME: usize = 512;

/// Where the fields of a class of ELF files stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) wide: bool,
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

    pub(super) fn section_size(self) -> usize {
        if self.wide {
            64
        } else {
            40
        }
    }

    pub(super) fn word(self) -> usize {
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

    pub(super) fn set(self, data: &mut [u8], at: usize, width: usize, value: u64) {
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
pub(super) struct Section {
    pub(super) name: Vec<u8>,
    pub(super) kind: u64,
    pub(super) flags: u64,
    pub(super) address: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) link: u64,
    pub(super) info: u64,
    pub(super) alignment: u64,
    pub(super) entry_size: u64,
}

impl Section {
    /// The bytes it has in the file.
    pub(super) fn range(&self) -> Option<Range<u64>> {
        let end = self.offset.checked_add(self.size)?;
        (self.kind != SHT_NULL && self.kind != SHT_NOBITS && self.size > 0)
            .then_some(self.offset..end)
    }

    pub(super) fn loaded(&self) -> bool {
        self.kind != SHT_NULL && self.flags & SHF_ALLOC != 0
    }

    pub(super) fn write(&self, shape: Shape, name: u64, out: &mut Vec<u8>) {
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
pub(super) struct Image {
    pub(super) shape: Shape,
    /// The headers and segments: what must stay where it is.
    pub(super) fixed: Vec<Range<u64>>,
    /// The real number of program headers, if it is too large for the header and stands in section 0.
    pub(super) extended_segments: Option<u64>,
    pub(super) sections: Vec<Section>,
    /// Where the section table ends; 0 if there is none.
    pub(super) table_end: u64,
}

impl Image {
    pub(super) fn parse(data: &[u8]) -> Result<Self, Error> {
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
