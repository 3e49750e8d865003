//! Programs for macOS (Mach-O of one architecture): load commands that are stamps.

use std::collections::BTreeSet;

use object::macho;
use object::read::macho::MachHeader;
use object::Endianness;

use super::stamps::{self, hex, sum, Bare, Kind};
use crate::{Cause, Comparison};

/// Compare two programs; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    stamps::compare("mach-o", &bare(left)?, &bare(right)?)
}

fn bare(data: &[u8]) -> Option<Bare> {
    match object::FileKind::parse(data).ok()? {
        object::FileKind::MachO32 => strip::<macho::MachHeader32<Endianness>>(data),
        object::FileKind::MachO64 => strip::<macho::MachHeader64<Endianness>>(data),
        _ => None,
    }
}

fn strip<Header: MachHeader<Endian = Endianness>>(data: &[u8]) -> Option<Bare> {
    let header = Header::parse(data, 0).ok()?;
    let endian = header.endian().ok()?;
    let mut commands = header.load_commands(endian, data, 0).ok()?;
    let mut bare = Bare {
        data: data.to_vec(),
        stamps: Vec::new(),
    };
    let mut at = std::mem::size_of::<Header>();
    let mut known = BTreeSet::new();
    while let Some(command) = commands.next().ok()? {
        let size = command.cmdsize() as usize;
        let raw = command.raw_data();
        let word = |at: usize| -> Option<usize> {
            let bytes: [u8; 4] = raw.get(at..at + 4)?.try_into().ok()?;
            let word = match endian {
                Endianness::Little => u32::from_le_bytes(bytes),
                Endianness::Big => u32::from_be_bytes(bytes),
            };
            Some(word as usize)
        };
        let kind = command.cmd();
        if !known.insert(kind) {
            // Libraries and segments repeat, stamps do not.
            at += size;
            continue;
        }
        match kind {
            macho::LC_UUID => bare.take(at + 8, 16, "LC_UUID", |field| {
                (Kind::Follows(Cause::BuildId), hex(field))
            })?,
            macho::LC_BUILD_VERSION => {
                bare.take(at + 8, size.checked_sub(8)?, "LC_BUILD_VERSION", |field| {
                    (
                        Kind::Varies(Cause::ToolchainVersion),
                        versions(field, endian),
                    )
                })?
            }
            macho::LC_VERSION_MIN_MACOSX
            | macho::LC_VERSION_MIN_IPHONEOS
            | macho::LC_SOURCE_VERSION => {
                bare.take(at + 8, size.checked_sub(8)?, "LC_VERSION_MIN", |field| {
                    (Kind::Varies(Cause::ToolchainVersion), hex(field))
                })?;
            }
            macho::LC_CODE_SIGNATURE => {
                let (offset, length) = (word(8)?, word(12)?);
                bare.take(offset, length, "code signature", |field| {
                    (Kind::Follows(Cause::Signature), sum(field))
                })?;
                bare.data.get_mut(at + 8..at + 16)?.fill(0);
            }
            // Notes for the debugger: an object file and when it was written.
            macho::LC_SYMTAB => {
                let (offset, count) = (word(8)?, word(12)?);
                let width = if header.is_type_64() { 16 } else { 12 };
                let table = data.get(offset..offset.checked_add(count.checked_mul(width)?)?)?;
                for (i, symbol) in table.chunks_exact(width).enumerate() {
                    if symbol[4] == macho::N_OSO {
                        bare.take(
                            offset + i * width + 8,
                            width - 8,
                            "time of an object file",
                            |field| {
                                (
                                    Kind::Varies(Cause::Timestamp),
                                    number(field, endian).to_string(),
                                )
                            },
                        )?;
                    }
                }
            }
            _ => {}
        }
        at += size;
    }
    Some(bare)
}

fn number(field: &[u8], endian: Endianness) -> u64 {
    let add = |n: u64, b: &u8| (n << 8) | u64::from(*b);
    match endian {
        Endianness::Little => field.iter().rev().fold(0, add),
        Endianness::Big => field.iter().fold(0, add),
    }
}

/// Platform, lowest system, SDK, and the tools with their versions.
fn versions(field: &[u8], endian: Endianness) -> String {
    let version = |n: u64| format!("{}.{}.{}", n >> 16, n >> 8 & 0xff, n & 0xff);
    let words: Vec<u64> = field.chunks(4).map(|word| number(word, endian)).collect();
    let mut text = format!(
        "system {}, SDK {}",
        version(words.get(1).copied().unwrap_or(0)),
        version(words.get(2).copied().unwrap_or(0))
    );
    for tool in words.get(4..).unwrap_or_default().chunks_exact(2).take(8) {
        text.push_str(&format!(", tool {} {}", tool[0], version(tool[1])));
    }
    text
}
