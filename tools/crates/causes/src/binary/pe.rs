//! Programs for Windows (PE/COFF, <https://learn.microsoft.com/windows/win32/debug/pe-format>).

use object::pe;
use object::read::coff::SectionTable;
use object::read::pe::{DataDirectories, ImageNtHeaders};
use object::LittleEndian as LE;

use super::stamps::{self, hex, sum, Bare, Kind};
use crate::{Cause, Comparison};

/// Entries of a debug directory: linkers write a handful.
const ENTRIES: usize = 64;

/// Compare two programs; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    stamps::compare("pe", &bare(left)?, &bare(right)?)
}

fn bare(data: &[u8]) -> Option<Bare> {
    data.starts_with(b"MZ").then_some(())?;
    match object::FileKind::parse(data).ok()? {
        object::FileKind::Pe32 => strip::<pe::ImageNtHeaders32>(data),
        object::FileKind::Pe64 => strip::<pe::ImageNtHeaders64>(data),
        _ => None,
    }
}

fn strip<Headers: ImageNtHeaders>(data: &[u8]) -> Option<Bare> {
    let dos = pe::ImageDosHeader::parse(data).ok()?;
    let header = dos.nt_headers_offset() as usize;
    let mut offset = header as u64;
    let (headers, directories) = Headers::parse(data, &mut offset).ok()?;
    let sections = headers.sections(data, offset).ok()?;
    let mut bare = Bare {
        data: data.to_vec(),
        stamps: Vec::new(),
    };
    let entries = debug_entries(data, &directories, &sections)?;
    let is_hash = entries.iter().any(|entry| entry.kind == REPRODUCIBLE);
    let time = |field: &[u8]| time(field, is_hash);
    // Signature, then machine and number of sections.
    bare.take(header + 8, 4, "TimeDateStamp", time)?;
    let optional = header + 24;
    bare.take(optional + 64, 4, "CheckSum", |field| {
        (Kind::Sum, hex(field))
    })?;
    if let Some(directory) = directories.get(pe::IMAGE_DIRECTORY_ENTRY_EXPORT) {
        let address = directory.virtual_address.get(LE);
        if let Some((at, _)) = sections.pe_file_range_at(address) {
            bare.take(at as usize + 4, 4, "TimeDateStamp of the exports", time)?;
        }
    }
    for entry in entries {
        bare.take(
            entry.at + 4,
            4,
            "TimeDateStamp of the debug directory",
            time,
        )?;
        let is_guid = entry.kind == CODE_VIEW && data.get(entry.content..)?.starts_with(b"RSDS");
        if is_guid {
            bare.take(entry.content + 4, 20, "GUID of the debug file", |field| {
                (Kind::Follows(Cause::BuildId), hex(field))
            })?;
        }
    }
    if let Some(directory) = directories.get(pe::IMAGE_DIRECTORY_ENTRY_SECURITY) {
        // This one is an offset in the file.
        let at = directory.virtual_address.get(LE) as usize;
        let size = directory.size.get(LE) as usize;
        if size > 0 {
            bare.take(at, size, "signature", |field| {
                (Kind::Follows(Cause::Signature), sum(field))
            })?;
        }
    }
    bare.take_go_build_id();
    Some(bare)
}

/// Kinds of debug entries: the name of the debug file, and that times are hashes.
const CODE_VIEW: usize = 2;
const REPRODUCIBLE: usize = 16;

/// An entry of the debug directory, and where in the file it and its content are.
struct DebugEntry {
    at: usize,
    kind: usize,
    content: usize,
}

fn debug_entries(
    data: &[u8],
    directories: &DataDirectories,
    sections: &SectionTable,
) -> Option<Vec<DebugEntry>> {
    let Some(directory) = directories.get(pe::IMAGE_DIRECTORY_ENTRY_DEBUG) else {
        return Some(Vec::new());
    };
    let address = directory.virtual_address.get(LE);
    if address == 0 {
        return Some(Vec::new());
    }
    let (start, _) = sections.pe_file_range_at(address)?;
    let count = (directory.size.get(LE) as usize / 28).min(ENTRIES);
    let entry = |i: usize| {
        let at = start as usize + i * 28;
        let entry = data.get(at..at + 28)?;
        let word = |at: usize| {
            let bytes = entry[at..at + 4].iter().rev();
            bytes.fold(0, |n, &b| (n << 8) | usize::from(b))
        };
        Some(DebugEntry {
            at,
            kind: word(12),
            content: word(24),
        })
    };
    (0..count).map(entry).collect()
}

/// Seconds since 1970, or a hash in their place: what linkers write if asked to be reproducible.
fn time(field: &[u8], is_hash: bool) -> (Kind, String) {
    let n = field
        .iter()
        .rev()
        .fold(0_u32, |n, &b| (n << 8) | u32::from(b));
    match n {
        0 | 0x386d_4380..=0x7fff_ffff if !is_hash => (
            Kind::Varies(Cause::Timestamp),
            format!("{n} (seconds since 1970)"),
        ),
        _ => (Kind::Follows(Cause::BuildId), format!("{n:#x}")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const OPTIONAL: usize = 240;

    /// A program with a debug directory and one text.
    pub(in crate::binary) fn program(time: u32, guid: u8, text: &str) -> Vec<u8> {
        let mut data = vec![0; 0x800];
        let mut put = |at: usize, bytes: &[u8]| data[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &64_u32.to_le_bytes());
        put(64, b"PE\0\0");
        put(68, &0x8664_u16.to_le_bytes());
        put(70, &2_u16.to_le_bytes());
        put(72, &time.to_le_bytes());
        put(84, &(OPTIONAL as u16).to_le_bytes());
        put(86, &0x22_u16.to_le_bytes());
        put(88, &0x20b_u16.to_le_bytes());
        // A sum over all, which follows from the rest.
        put(88 + 64, &(time ^ u32::from(guid)).to_le_bytes());
        put(88 + 108, &16_u32.to_le_bytes());
        let directory = 88 + 112 + 6 * 8;
        put(directory, &0x2000_u32.to_le_bytes());
        put(directory + 4, &28_u32.to_le_bytes());
        for (i, (name, address, at, flags)) in [
            (&b".text"[..], 0x1000_u32, 0x400_u32, 0x6000_0020_u32),
            (b".rdata", 0x2000, 0x600, 0x4000_0040),
        ]
        .into_iter()
        .enumerate()
        {
            let header = 88 + OPTIONAL + i * 40;
            put(header, name);
            for (field, value) in [
                (8, 0x200),
                (12, address),
                (16, 0x200),
                (20, at),
                (36, flags),
            ] {
                put(header + field, &value.to_le_bytes());
            }
        }
        put(0x600 + 4, &time.to_le_bytes());
        put(0x600 + 12, &2_u32.to_le_bytes());
        put(0x600 + 16, &32_u32.to_le_bytes());
        put(0x600 + 24, &0x640_u32.to_le_bytes());
        put(0x640, b"RSDS");
        put(0x644, &[guid; 16]);
        put(0x658, b"app.pdb\0");
        put(0x700, text.as_bytes());
        data
    }

    #[test]
    fn stamps_are_told_from_content() {
        let plain = program(1_700_000_000, 1, "hello there");
        let causes = |other: &[u8]| -> Vec<Cause> {
            let found = compare(&plain, other).unwrap().findings;
            let mut causes: Vec<Cause> = found.iter().map(|f| f.cause).collect();
            causes.dedup();
            causes
        };
        let other = program(1_711_111_111, 2, "hello there");
        assert_eq!(causes(&other), [Cause::Timestamp]);
        let other = program(1_700_000_000, 2, "hello there");
        assert_eq!(causes(&other), [Cause::BuildId]);
        let other = program(1_700_000_000, 2, "hello world");
        assert_eq!(causes(&other), [Cause::SourceChange]);
        let a = program(1_700_000_000, 1, "/home/one/src/a.c");
        let b = program(1_700_000_000, 2, "/home/two/src/a.c");
        assert_eq!(compare(&a, &b).unwrap().findings[0].cause, Cause::BuildPath);
        assert_eq!(compare(&a, &b[..0x300]), None);
    }
}
