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
    bare.take_go_build_id();
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What the small program has in it.
    #[derive(Clone, Copy)]
    pub(in crate::binary) struct Parts {
        pub(in crate::binary) uuid: u8,
        pub(in crate::binary) sdk: u32,
        pub(in crate::binary) signature: u8,
        pub(in crate::binary) object_time: u64,
        pub(in crate::binary) text: &'static str,
    }

    pub(in crate::binary) const PARTS: Parts = Parts {
        uuid: 1,
        sdk: 14 << 16,
        signature: 1,
        object_time: 1_700_000_000,
        text: "hello there",
    };

    pub(in crate::binary) fn program(parts: Parts) -> Vec<u8> {
        let word = |n: u32| n.to_le_bytes();
        let words =
            |list: &[u32]| -> Vec<u8> { list.iter().flat_map(|n| n.to_le_bytes()).collect() };
        let name = |name: &str| -> Vec<u8> {
            let mut bytes = name.as_bytes().to_vec();
            bytes.resize(16, 0);
            bytes
        };
        let mut segment = [&words(&[0x19, 152])[..], &name("__TEXT")].concat();
        for n in [0_u64, 0x1000, 0x200, 0x100] {
            segment.extend(n.to_le_bytes());
        }
        segment.extend(words(&[5, 5, 1, 0]));
        segment.extend(name("__cstring"));
        segment.extend(name("__TEXT"));
        segment.extend(0x200_u64.to_le_bytes());
        segment.extend(0x100_u64.to_le_bytes());
        segment.extend(words(&[0x200, 0, 0, 0, 2, 0, 0, 0]));
        let uuid = [&words(&[0x1b, 24])[..], &[parts.uuid; 16]].concat();
        let version = words(&[0x32, 32, 1, 13 << 16, parts.sdk, 1, 3, 0x0400_0000]);
        let signature = words(&[0x1d, 16, 0x340, 0x40]);
        let symbols = words(&[2, 24, 0x300, 1, 0x310, 0x10]);
        let commands = [segment, uuid, version, signature, symbols].concat();
        let header = words(&[
            0xfeed_facf,
            0x0100_0007,
            3,
            2,
            5,
            commands.len() as u32,
            0,
            0,
        ]);
        let mut data = [header, commands].concat();
        data.resize(0x380, 0);
        data[0x200..0x200 + parts.text.len()].copy_from_slice(parts.text.as_bytes());
        data[0x300..0x304].copy_from_slice(&word(1));
        data[0x304] = macho::N_OSO;
        data[0x308..0x310].copy_from_slice(&parts.object_time.to_le_bytes());
        data[0x311..0x314].copy_from_slice(b"a.o");
        data[0x340..0x380].fill(parts.signature);
        data
    }

    #[test]
    fn constants_beside_the_code_are_strings() {
        let named = |section: &[u8; 16], text| {
            let mut data = program(Parts { text, ..PARTS });
            // The one section's name, behind its segment's command.
            data[104..120].copy_from_slice(section);
            data
        };
        let name = b"__rodata\0\0\0\0\0\0\0\0";
        let (a, b) = (
            named(name, "built 2026-11-25T10:00:00Z"),
            named(name, "built 2026-11-26T11:11:11Z"),
        );
        let found = compare(&a, &b).unwrap().findings;
        assert_eq!(found[0].cause, Cause::Timestamp, "{found:?}");
        assert_eq!(found[0].at, "section __rodata");
    }

    #[test]
    fn the_build_id_of_go_follows() {
        let id = |n: u8| {
            let id = format!("\" Go build ID: \"{n}abc/def/ghi/jkl\"\n \"").into_bytes();
            let mut data = program(PARTS);
            data[0x240..0x240 + id.len()].copy_from_slice(&id);
            data[0x240] = 0xff;
            data[0x240 + id.len() - 1] = 0xff;
            data
        };
        let found = compare(&id(1), &id(2)).unwrap().findings;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].cause, Cause::BuildId);
        let mut moved = id(2);
        moved[0x200..0x211].copy_from_slice(b"/home/two/src/a.c");
        let mut left = id(1);
        left[0x200..0x211].copy_from_slice(b"/home/one/src/a.c");
        let found = compare(&left, &moved).unwrap().findings;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].cause, Cause::BuildPath);
    }

    #[test]
    fn stamps_are_told_from_content() {
        let plain = program(PARTS);
        let causes = |other: Parts| -> Vec<Cause> {
            let found = compare(&plain, &program(other)).unwrap().findings;
            found.iter().map(|f| f.cause).collect()
        };
        assert_eq!(causes(Parts { uuid: 2, ..PARTS }), [Cause::BuildId]);
        assert_eq!(
            causes(Parts {
                signature: 2,
                ..PARTS
            }),
            [Cause::Signature]
        );
        let later = Parts {
            uuid: 2,
            signature: 2,
            object_time: 1_711_111_111,
            ..PARTS
        };
        assert_eq!(causes(later), [Cause::Timestamp]);
        let newer = Parts {
            uuid: 2,
            signature: 2,
            sdk: 15 << 16,
            ..PARTS
        };
        assert_eq!(causes(newer), [Cause::ToolchainVersion]);
        let changed = Parts {
            uuid: 2,
            signature: 2,
            text: "good morning",
            ..PARTS
        };
        assert_eq!(causes(changed), [Cause::SourceChange]);
        assert_eq!(compare(&plain, &plain[..0x100]), None);
    }
}
