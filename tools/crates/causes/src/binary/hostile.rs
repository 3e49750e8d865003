//! Damaged files of all formats: no reader may panic, hang, or call two files explained that it
//! found nothing in.

use super::{class, compare, font, gettext, macho, pdf, pe, png, rpm, sqlite};
use crate::Cause;

/// Numbers that are the same in every run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// A program of ELF: two sections, and the names of all.
fn elf(text: &str) -> Vec<u8> {
    let names = b"\0.rodata\0.note.gnu.build-id\0.shstrtab\0";
    let mut data = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".to_vec();
    data.extend([0; 16]);
    data.extend(0x100_u64.to_le_bytes());
    data.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0, 4, 0, 3, 0]);
    data.resize(0x100, 0);
    data[0x40..0x40 + text.len()].copy_from_slice(text.as_bytes());
    data[0x80..0x84].copy_from_slice(&[4, 0, 0, 0]);
    data[0xc0..0xc0 + names.len()].copy_from_slice(names);
    let mut section = |name: u32, kind: u32, flags: u64, at: u64, size: u64| {
        data.extend(name.to_le_bytes());
        data.extend(kind.to_le_bytes());
        for field in [flags, 0, at, size, 0, 1, 0] {
            data.extend(field.to_le_bytes());
        }
    };
    section(0, 0, 0, 0, 0);
    section(1, 1, 2, 0x40, 0x40);
    section(9, 7, 2, 0x80, 0x40);
    section(28, 3, 0, 0xc0, 0x40);
    data
}

/// A program whose compilers are told by these bytes.
fn elf_with_comment(comment: &[u8]) -> Vec<u8> {
    let mut data = elf("");
    // Behind the names that are there, and in the header of the first section.
    let (name, header) = (38, 0x140);
    data[0xc0 + name..][..9].copy_from_slice(b".comment\0");
    data[header..header + 4].copy_from_slice(&(name as u32).to_le_bytes());
    let at = data.len() as u64;
    data[header + 24..header + 32].copy_from_slice(&at.to_le_bytes());
    data[header + 32..header + 40].copy_from_slice(&(comment.len() as u64).to_le_bytes());
    data.extend_from_slice(comment);
    data
}

fn pyc(content: &[u8]) -> Vec<u8> {
    let head = b"\x2b\x0e\r\n\0\0\0\0\x01\0\0\0\x02\0\0\0";
    [&head[..], content].concat()
}

/// Two files of each format, which differ.
fn pairs() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let other = macho::tests::Parts {
        object_time: 1,
        ..macho::tests::PARTS
    };
    vec![
        (
            "elf",
            elf("built 2024-01-02"),
            elf("built 2025-01-02 later"),
        ),
        (
            "pyc",
            pyc(b")\x04\xfa\x05helloi\x01\0\0\0>\x02\0\0\0z\x01az\x01br\0\0\0\0"),
            pyc(b")\x04\xfa\x05worldi\x02\0\0\0>\x02\0\0\0z\x01bz\x01ar\0\0\0\0"),
        ),
        (
            "sqlite",
            sqlite::tests::database(&[["a", "2024-01-02"], ["b", "x"]]),
            sqlite::tests::database(&[["a", "2024-01-03"], ["b", "x"]]),
        ),
        (
            "rpm",
            rpm::tests::package("one", 1, b"x"),
            rpm::tests::package("two", 2, b"y"),
        ),
        (
            "png",
            png::tests::picture(0, 6, 0, b""),
            png::tests::picture(1, 1, 0, b""),
        ),
        (
            "class",
            class::tests::class(65, &["a", "b"]),
            class::tests::class(65, &["a", "c"]),
        ),
        (
            "pe",
            pe::tests::program(1_700_000_000, 1, "a b"),
            pe::tests::program(1_700_000_001, 2, "c d"),
        ),
        (
            "mach-o",
            macho::tests::program(macho::tests::PARTS),
            macho::tests::program(other),
        ),
        (
            "pdf",
            pdf::tests::document("20240102100000Z", "00ff", "(a) Tj"),
            pdf::tests::document("20240102100001Z", "00fe", "(b) Tj"),
        ),
        (
            "mo",
            gettext::tests::catalogue("2024-01-02 10:00+0100", "ja"),
            gettext::tests::catalogue("2024-01-03 10:00+0100", "ja"),
        ),
        ("font", font::tests::font(1, 1), font::tests::font(2, 1)),
        (
            "ld.so.cache",
            b"glibc-ld.so.cache1.1\0\0libc.so.6".to_vec(),
            b"glibc-ld.so.cache1.1\0\0libm.so.6".to_vec(),
        ),
    ]
}

#[test]
fn each_pair_is_read_as_its_format() {
    for (format, left, right) in pairs() {
        let comparison = compare("file", &left, &right);
        let read_as = comparison.map_or("nothing", |c| c.format);
        assert_eq!(read_as, format);
    }
}

#[test]
fn damage_of_any_kind_is_survived() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for (format, left, right) in pairs() {
        for round in 0..500 {
            let mut damaged = right.clone();
            match round % 4 {
                0 => damaged.truncate(numbers.below(right.len())),
                1 => {
                    // A number that is far too large.
                    let at = numbers.below(right.len().saturating_sub(4).max(1));
                    let end = (at + 1 + numbers.below(4)).min(right.len());
                    damaged[at..end].fill(0xff);
                }
                2 => {
                    let (from, to) = (numbers.below(right.len()), numbers.below(right.len()));
                    damaged
                        .copy_within(from..(from + 16).min(right.len()), to.min(right.len() - 16));
                }
                _ => {
                    for _ in 0..=numbers.below(4) {
                        let at = numbers.below(right.len());
                        damaged[at] = numbers.below(256) as u8;
                    }
                }
            }
            for (l, r) in [(&left, &damaged), (&damaged, &left)] {
                if l == r {
                    continue;
                }
                if let Some(comparison) = compare("file", l, r) {
                    assert!(!comparison.findings.is_empty(), "{format}, {round}");
                }
            }
        }
    }
}

#[test]
fn files_that_repeat_themselves_are_read_to_the_end() {
    // What readers look for, again and again: time that is not linear would not end here.
    let many = |head: &[u8], unit: &[u8]| [head, &unit.repeat(200_000 / unit.len())].concat();
    let files = [
        many(b"%PDF-1.4\n", b"stream\n"),
        many(b"%PDF-1.4\n", b"startxref"),
        many(b"%PDF-1.4\n", b"/ID ("),
        many(b"%PDF-1.4\n", b"/ID["),
        many(&pyc(b""), b"\xa9\x01"),
        many(&pyc(b"[\xff\xff\0\0"), b"\xda\x01a"),
        many(b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\0\0\0\0"),
        many(b"\xca\xfe\xba\xbe\0\0\0\x41\xff\xff", b"\x01\0\x01a"),
        many(b"glibc-ld.so.cache1.1", b"libx\0"),
        many(&elf("x"), b"/home/a/x\0"),
        many(b"MZ", b"PE\0\0"),
    ];
    for file in &files {
        let mut other = file.clone();
        other.extend_from_slice(b"abcd");
        compare("file", file, &other);
        let middle = file.len() / 2;
        other[middle] ^= 1;
        compare("file", file, &other);
    }
}

#[test]
fn what_is_sought_again_and_again_is_found_at_once() {
    // Streams that are no streams, in front of the end of one.
    let pdf = |last: &[u8]| [b"%PDF-1.4\n", &b"streamX".repeat(500_000)[..], last].concat();
    compare("file", &pdf(b"endstream 1"), &pdf(b"endstream 2")).unwrap();
    // Compilers of which each side has others.
    let comment = |side: u8| -> Vec<u8> {
        let strings = (0..60_000).map(|n| [&[side][..], format!("{n:06}\0").as_bytes()].concat());
        elf_with_comment(&strings.collect::<Vec<_>>().concat())
    };
    let comparison = compare("file", &comment(b'a'), &comment(b'b')).unwrap();
    assert_eq!(comparison.findings[0].cause, Cause::ToolchainVersion);
    // As many tables as a font can have, with the names in another order.
    let font = |backwards: bool| -> Vec<u8> {
        let mut data = vec![0, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
        for n in 0..0xffff_u32 {
            let name = if backwards { 0xfffe - n } else { n };
            data.extend(name.to_be_bytes());
            data.extend([0; 12]);
        }
        data[12..16].copy_from_slice(b"head");
        data
    };
    compare("file", &font(false), &font(true)).unwrap();
}

#[test]
fn a_picture_without_pixels_takes_no_memory_for_its_width() {
    let picture = |pixels: &[u8]| {
        let mut data =
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\xff\xff\xff\xff\0\0\0\x01\xff\x06\0\0\0....".to_vec();
        data.extend((pixels.len() as u32).to_be_bytes());
        data.extend_from_slice(b"IDAT");
        data.extend_from_slice(pixels);
        data.extend_from_slice(b"....");
        data
    };
    // Two streams of no bytes.
    let (one, other) = (
        picture(b"\x78\x9c\x03\0\0\0\0\x01"),
        picture(b"\x78\x01\x01\0\0\xff\xff\0\0\0\x01"),
    );
    let comparison = compare("file", &one, &other).unwrap();
    assert_eq!(comparison.findings[0].cause, Cause::Compression);
}

#[test]
fn a_class_may_end_its_constants_with_a_wide_one() {
    // The last of 65,534 places takes two, of which the second is none.
    let class = |last: u8| {
        let mut data = b"\xca\xfe\xba\xbe\0\0\0\x41\xff\xff".to_vec();
        data.extend([7, 0, 1].repeat(0xfffd));
        data.extend([5, 0, 0, 0, 0, 0, 0, 0, last]);
        data.extend([0; 14]);
        data
    };
    let comparison = compare("file", &class(1), &class(2)).unwrap();
    assert_eq!(comparison.format, "class");
}
