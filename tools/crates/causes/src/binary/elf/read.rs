//! A program as far as it is compared: its sections by name, and its symbols.

use std::borrow::Cow;
use std::collections::HashMap;

use object::read::{Object, ObjectSection, ObjectSymbol};
use object::{CompressionFormat, File, ObjectKind, SectionKind, SymbolKind};

use verbatim_formats::inflate;

/// How often sections and names may overlap: honest files do not reuse more.
const REUSE: usize = 4;

/// What a section is for, as far as causes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An identifier that the linker draws from the content, or at random.
    BuildId,
    /// The compilers' names and versions.
    Comment,
    /// Debug information and names that only debuggers read.
    Debug,
    /// Strings and constants of the program.
    Data,
    /// Names and paths for the dynamic linker, and notes.
    Names,
    /// Machine code.
    Code,
    /// Tables that follow from the others: addresses, relocations, hashes.
    Table,
}

impl Role {
    fn of(name: &str, kind: SectionKind) -> Self {
        match name {
            ".note.gnu.build-id" | ".note.go.buildid" => Self::BuildId,
            ".comment" => Self::Comment,
            ".symtab" | ".strtab" | ".gdb_index" | ".stab" | ".stabstr" | ".gnu_debuglink"
            | ".gnu_debugaltlink" | ".gnu_debugdata" => Self::Debug,
            ".interp" | ".dynstr" | ".note.package" | ".note.ABI-tag" => Self::Names,
            ".go.buildinfo" | ".gopclntab" | ".modinfo" | ".rustc" => Self::Data,
            ".eh_frame" | ".eh_frame_hdr" | ".gcc_except_table" | ".dynamic" | ".got"
            | ".got.plt" | ".gnu.hash" | ".hash" | ".dynsym" => Self::Table,
            _ if name.starts_with(".debug_") || name.starts_with(".zdebug_") => Self::Debug,
            // Mach-O, whose constants lie in the segment of the code.
            _ if name.starts_with("__debug_") || name.starts_with("__zdebug_") => Self::Debug,
            "__apple_names" | "__apple_types" | "__apple_namespac" | "__apple_objc" => Self::Debug,
            "__const" | "__cstring" | "__rodata" | "__gopclntab" | "__typelink" | "__itablink" => {
                Self::Data
            }
            "__eh_frame" | "__unwind_info" | "__stubs" | "__stub_helper" | "__got" => Self::Table,
            // PE.
            ".reloc" | ".pdata" | ".xdata" | ".idata" | ".edata" => Self::Table,
            ".rdata" => Self::Data,
            _ if name.starts_with(".plt") => Self::Table,
            _ if name.starts_with(".rela") || name.starts_with(".rel.") => Self::Table,
            _ if name.starts_with(".gnu.lto_") => Self::Code,
            _ => match kind {
                SectionKind::Text => Self::Code,
                SectionKind::Data
                | SectionKind::ReadOnlyData
                | SectionKind::ReadOnlyDataWithRel
                | SectionKind::ReadOnlyString
                | SectionKind::Tls
                | SectionKind::OtherString
                | SectionKind::Note
                | SectionKind::Other => Self::Data,
                _ => Self::Table,
            },
        }
    }
}

/// A section and its content, decompressed where that can be done.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    /// What the compiler drew at random for the end of the name (link-time optimisation).
    pub(super) number: &'a str,
    pub(super) role: Role,
    pub(super) data: Cow<'a, [u8]>,
    /// Bytes in memory, also of sections that hold none.
    pub(super) size: u64,
}

/// A function or an object.
#[derive(Debug)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a [u8],
    pub(super) address: u64,
    pub(super) size: u64,
}

/// What is compared of one file.
#[derive(Debug)]
pub(super) struct Elf<'a> {
    /// Whether this is an object file, not yet linked.
    pub(super) is_object: bool,
    /// Processor, word size, byte order and kind of file.
    pub(super) target: String,
    pub(super) sections: Vec<Section<'a>>,
    /// The names of source files, in the order of linking.
    pub(super) files: Vec<&'a [u8]>,
    pub(super) functions: Vec<Symbol<'a>>,
}

impl<'a> Elf<'a> {
    /// `None` if the file is no program, or contradicts itself.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let file = File::parse(data).ok()?;
        let mut budget = data.len().saturating_mul(REUSE);
        let mut spend = |bytes: usize| -> Option<()> {
            budget = budget.checked_sub(bytes)?;
            Some(())
        };
        let mut sections = Vec::new();
        for section in file.sections() {
            let name = std::str::from_utf8(section.name_bytes().ok()?).ok()?;
            spend(name.len())?;
            // The names of all sections follow from the sections.
            if name == ".shstrtab" {
                continue;
            }
            let (name, number) = numbered(name);
            let compressed = section.compressed_data().ok()?;
            spend(compressed.data.len())?;
            let data = match compressed.format {
                CompressionFormat::Zlib => {
                    inflate::zlib(compressed.data, data.len().saturating_mul(64))
                        .map_or(compressed.data.into(), Cow::Owned)
                }
                _ => Cow::Borrowed(compressed.data),
            };
            sections.push(Section {
                name,
                number,
                role: Role::of(name, section.kind()),
                data,
                size: section.size(),
            });
        }
        let (mut files, mut functions) = (Vec::new(), Vec::new());
        let symbols = match file.symbol_table() {
            Some(_) => file.symbols(),
            None => file.dynamic_symbols(),
        };
        for symbol in symbols {
            let Ok(name) = symbol.name_bytes() else {
                continue;
            };
            spend(name.len())?;
            match symbol.kind() {
                SymbolKind::File if !name.is_empty() => files.push(name),
                SymbolKind::Text if symbol.size() > 0 => functions.push(Symbol {
                    name,
                    address: symbol.address(),
                    size: symbol.size(),
                }),
                _ => {}
            }
        }
        functions.sort_by_key(|symbol| symbol.address);
        Some(Self {
            is_object: file.kind() == ObjectKind::Relocatable,
            target: format!(
                "{:?}, {} bit, {:?} endian, {:?}",
                file.architecture(),
                if file.is_64() { 64 } else { 32 },
                file.endianness(),
                file.kind()
            ),
            sections,
            files,
            functions,
        })
    }

    /// The sections by name, and by number where several have one name.
    pub(super) fn by_name(&self) -> HashMap<(&'a str, usize), &Section<'a>> {
        let mut times: HashMap<&str, usize> = HashMap::new();
        let mut map = HashMap::new();
        for section in &self.sections {
            let n = times.entry(section.name).or_default();
            map.insert((section.name, *n), section);
            *n += 1;
        }
        map
    }
}

/// The name of a section of link-time optimisation, and the number at its end.
fn numbered(name: &str) -> (&str, &str) {
    let split = name.strip_prefix(".gnu.lto_").and(name.rsplit_once('.'));
    match split {
        Some((start, number))
            if number.len() >= 6 && number.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            (start, number)
        }
        _ => (name, ""),
    }
}
