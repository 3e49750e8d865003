//! Archives that are cut short, damaged, or made to do harm.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use support::{header, read, read_from, record, Magic, Tar};
use verbatim_reader::{Archive, Error, ErrorKind, ReadAhead};

/// Counts what is allocated, to hold the reader to its bounds.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// One measurement at a time.
static MEASURING: Mutex<()> = Mutex::new(());

// SAFETY: everything is left to the system's allocator; this only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The result of `run`, which may take `limit` bytes beyond what is in use. Other tests run
/// beside it, with a few mebibytes, so the limits are generous; what they guard against
/// would take sixty-four of them and more.
fn within<T>(limit: usize, run: impl FnOnce() -> T) -> T {
    let _one = MEASURING.lock().unwrap();
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = run();
    let used = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    assert!(used < limit, "{used} bytes were used");
    result
}

const MIB: usize = 1 << 20;

/// The same bytes again and again, `times` over.
struct Endless {
    bytes: Vec<u8>,
    at: usize,
    times: usize,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.times == 0 {
            return Ok(0);
        }
        let n = out.len().min(self.bytes.len() - self.at);
        out[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        if self.at == self.bytes.len() {
            self.at = 0;
            self.times -= 1;
        }
        Ok(n)
    }
}

fn endless(bytes: Vec<u8>, total: usize) -> Endless {
    Endless {
        times: total / bytes.len() + 1,
        bytes,
        at: 0,
    }
}

/// Small archives that together use everything the reader knows, without their end.
fn archives() -> Vec<Vec<u8>> {
    let sparse_map = {
        let mut map = b"2\n4\n3\n10\n1\n".to_vec();
        map.resize(512, 0);
        map.extend(b"abcd");
        map
    };
    let mut more = [0; 512];
    more[..24].copy_from_slice(b"00000000012\x0000000000001\0");
    vec![
        // V7
        Tar::new()
            .header(header(b"d/", 0, 0).magic(Magic::None))
            .header(header(b"d/f", 0, 5).magic(Magic::None))
            .data(b"hello")
            .header(header(b"h", b'1', 0).magic(Magic::None).link(b"d/f"))
            .0,
        // ustar, with a link that gives a size
        Tar::new()
            .header(header(b"name", b'0', 600).with(345, b"prefix"))
            .data(&[b'x'; 600])
            .header(header(b"link", b'1', 600).link(b"prefix/name"))
            .header(header(b"null", b'3', 0).with(329, b"0000001\x000000003\0"))
            .0,
        // GNU with long names and an old sparse file
        Tar::new()
            .header(header(b"././@LongLink", b'K', 300).magic(Magic::Gnu))
            .data(&[b't'; 300])
            .header(header(b"././@LongLink", b'L', 300).magic(Magic::Gnu))
            .data(&[b'n'; 300])
            .header(header(b"n", b'2', 0).magic(Magic::Gnu).link(b"t"))
            .header(
                header(b"s", b'S', 4)
                    .magic(Magic::Gnu)
                    .with(386, b"00000000004\x0000000000003\0")
                    .with(482, b"\x01")
                    .with(483, b"00000000015\0"),
            )
            .block(more)
            .data(b"abcd")
            .0,
        // PAX with everything
        Tar::new()
            .pax(
                b'g',
                &[
                    ("comment", b"c"),
                    ("uid", b"9"),
                    ("SCHILY.xattr.user.g", b"g"),
                ],
            )
            .pax(
                b'x',
                &[
                    ("path", b"p"),
                    ("mtime", b"1.5"),
                    ("size", b"3"),
                    ("SCHILY.xattr.user.a", b"\n=\0"),
                    ("LIBARCHIVE.xattr.user.%41", b"AAAA"),
                ],
            )
            .file(b"q", b"abc")
            .pax(
                b'x',
                &[
                    ("GNU.sparse.size", b"13"),
                    ("GNU.sparse.numblocks", b"2"),
                    ("GNU.sparse.map", b"4,3,10,1"),
                ],
            )
            .file(b"s01", b"abcd")
            .pax(
                b'x',
                &[
                    ("GNU.sparse.major", b"1"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.name", b"s"),
                    ("GNU.sparse.realsize", b"13"),
                ],
            )
            .file(b"s10", &sparse_map)
            .0,
        // star
        Tar::new()
            .header(
                header(b"s", b'S', 1)
                    .with(356, b"00000000004 00000000001 ")
                    .with(452, b"00000000006\0")
                    .with(508, b"tar\0"),
            )
            .data(b"x")
            .0,
    ]
}

#[test]
fn cut_short_anywhere() {
    for open in archives() {
        let whole = {
            let mut whole = open.clone();
            whole.resize(open.len() + 1024, 0);
            whole
        };
        let all = read(&whole).unwrap();
        // One zero block is enough of an end.
        for n in 0..open.len() + 512 {
            let error = read(&whole[..n]).expect_err("a part is not the whole");
            assert_eq!(error.kind(), ErrorKind::Truncated, "{n}: {error}");
            assert!(error.offset() <= n as u64, "{n}: {error}");
        }
        for n in open.len() + 512..=whole.len() {
            assert_eq!(read(&whole[..n]).unwrap(), all);
        }
    }
}

#[test]
fn one_wrong_byte_anywhere() {
    for mut bytes in archives() {
        bytes.resize(bytes.len() + 1024, 0);
        for at in 0..bytes.len() {
            for flip in [0x01, 0x10, 0x80, 0xff, bytes[at]] {
                bytes[at] ^= flip;
                if let Err(error) = read(&bytes) {
                    assert!(error.offset() <= bytes.len() as u64, "{at}: {error}");
                    let text = error.to_string();
                    assert!(text.starts_with("at byte "), "{text}");
                    assert!(!text.contains('\n'), "{text}");
                }
                bytes[at] ^= flip;
            }
        }
    }
}

/// Gives one byte at a time, and is interrupted now and then.
struct Trickle<'a>(&'a [u8], u32);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = out.len().min(1);
        self.0.read(&mut out[..n])
    }
}

#[test]
fn a_source_in_small_pieces() {
    for mut bytes in archives() {
        bytes.resize(bytes.len() + 1024, 0);
        let all = read(&bytes).unwrap();
        assert_eq!(read_from(Archive::new(Trickle(&bytes, 0))).unwrap(), all);
        let packed = zstd::encode_all(&bytes[..], 1).unwrap();
        assert_eq!(read_from(Archive::open(Trickle(&packed, 0))).unwrap(), all);
        let ahead = ReadAhead::new(io::Cursor::new(bytes));
        assert_eq!(read_from(Archive::new(ahead)).unwrap(), all);
    }
}

#[test]
fn seeking_over_content() {
    let large = vec![b'l'; 700_000];
    let open = Tar::new()
        .file(b"first", &large)
        .pax(b'x', &[("size", b"300000")])
        .file(b"second", &large[..300_000])
        .file(b"third", b"3");
    let bytes = open.clone().end();
    let mut archive = Archive::open_file(io::Cursor::new(&bytes));
    let mut paths = Vec::new();
    while let Some(mut entry) = archive.next_entry().unwrap() {
        let (at, size) = (
            entry.content_offset().unwrap() as usize,
            entry.size as usize,
        );
        let mut content = vec![0; 10.min(size)];
        entry.read_exact(&mut content).unwrap();
        assert_eq!(content, bytes[at..at + content.len()]);
        assert_eq!(entry.content_offset(), None);
        paths.push((entry.path.clone(), size));
    }
    let expected = [("first", 700_000), ("second", 300_000), ("third", 1)];
    assert_eq!(paths, expected.map(|(p, n)| (p.as_bytes().to_vec(), n)));
    // What is cut short inside content that nobody reads is found all the same.
    for n in [1000, 400_000, 700_512, 900_000, open.0.len()] {
        let mut archive = Archive::open_file(io::Cursor::new(&bytes[..n]));
        let error = loop {
            match archive.next_entry() {
                Ok(found) => assert!(found.is_some(), "{n}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Truncated);
        assert_eq!(error.offset(), n as u64, "{error}");
    }
    // Compressed files are read through.
    let packed = zstd::encode_all(&bytes[..], 1).unwrap();
    let mut archive = Archive::open_file(io::Cursor::new(&packed));
    let mut n = 0;
    while archive.next_entry().unwrap().is_some() {
        n += 1;
    }
    assert_eq!(n, 3);
}

#[test]
fn a_source_that_fails() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let start = Tar::new().file(b"a", &[1; 2000]).0;
    let mut archive = Archive::open(io::Cursor::new(start).chain(Fails));
    let mut entry = archive.next_entry().unwrap().unwrap();
    // The content is whole, what comes after it is not.
    io::copy(&mut entry, &mut io::sink()).unwrap();
    let error = archive.next_entry().unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::Io, 2560));
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    let error = archive.next_entry().unwrap_err();
    assert!(error.to_string().contains("after an error"), "{error}");
}

#[test]
fn sizes_that_claim_too_much() {
    for (size, kind) in [
        (&b"\x80\0\0\0\x10\0\0\0\0\0\0\0"[..], ErrorKind::Truncated), // 2^60
        (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", ErrorKind::Malformed),      // 2^63
        (
            b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            ErrorKind::Malformed,
        ),
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            ErrorKind::Malformed,
        ), // -1
        (b"777777777777", ErrorKind::Truncated),
        (b"7777777x7777", ErrorKind::Malformed),
        (b"-0000000001\0", ErrorKind::Malformed),
    ] {
        for flag in *b"051VDLKxgS" {
            let bytes = Tar::new()
                .header(header(b"f", flag, 0).link(b"t").with(124, size))
                .data(b"content")
                .end();
            let error = within(20 * MIB, || read(&bytes).unwrap_err());
            match flag {
                // Too long for a name before it is too long for the archive.
                b'L' | b'K' | b'x' | b'g' if kind == ErrorKind::Truncated => {
                    assert_eq!(error.kind(), ErrorKind::Limit);
                }
                // The map, which is empty, does not cover it.
                b'S' => assert_eq!(error.kind(), ErrorKind::Malformed),
                _ => assert_eq!(error.kind(), kind, "{} {error}", char::from(flag)),
            }
        }
        // The same in PAX, and left unread.
    }
    for size in [&b"1152921504606846976"[..], b"9223372036854775807"] {
        let bytes = Tar::new()
            .pax(b'x', &[("size", size)])
            .file(b"f", b"c")
            .end();
        let mut archive = Archive::new(&bytes[..]);
        archive.next_entry().unwrap().unwrap();
        assert_eq!(
            archive.next_entry().unwrap_err().kind(),
            ErrorKind::Truncated
        );
    }
    for size in [
        &b"9223372036854775808"[..],
        b"18446744073709551616",
        b"-1",
        b"1e3",
        b"0x1",
    ] {
        let bytes = Tar::new()
            .pax(b'x', &[("size", size)])
            .file(b"f", b"c")
            .end();
        assert_eq!(read(&bytes).unwrap_err().kind(), ErrorKind::Malformed);
    }
}

#[test]
fn names_and_attributes_that_are_too_large() {
    // A gigabyte of header is refused before any of it is read or kept.
    for flag in *b"xgLK" {
        let head = header(b"h", flag, 1 << 30).done().to_vec();
        let source = io::Cursor::new(head).chain(endless(vec![b'1'; 512], 1 << 30));
        let error = within(20 * MIB, || read_from(Archive::new(source)).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
    // Many small ones for one entry add up.
    let block = Tar::new()
        .pax(b'x', &[("SCHILY.xattr.user.a", &[1; 100_000])])
        .0;
    let source = endless(block, 64 * MIB);
    let error = within(20 * MIB, || read_from(Archive::new(source)).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn endless_global_headers() {
    // The same one again and again takes no memory; it is only an archive without entries.
    let same = Tar::new()
        .pax(b'g', &[("comment", &[b'c'; 1000]), ("uid", b"1")])
        .0;
    let error = within(20 * MIB, || {
        read_from(Archive::new(endless(same, 64 * MIB))).unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Truncated);
    // Ever new attributes are refused.
    let records: Vec<u8> = (0..2000)
        .flat_map(|i| record(&format!("LIBARCHIVE.xattr.user.%4{:X}{i}", i % 16), b"AAAA"))
        .collect();
    let error = read(&Tar::new().raw_pax(b'g', &records).end()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    for key in ["path", "linkpath", "size", "GNU.sparse.map"] {
        let bytes = Tar::new().pax(b'g', &[(key, b"1")]).file(b"f", b"").end();
        let error = read(&bytes).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn pax_records_with_wrong_lengths() {
    for bad in [
        &b"999999998 path=a\n"[..],
        b"18446744073709551615 path=a\n",
        b"99999999999999999999999999999998 path=a\n",
        b"0 path=a\n",
        b"1 path=a\n",
        b"8 path=a\n",
        b"11 path=a\n",
        b"10 path=a",
        b"path=a\n",
        b"\npath=a",
        b"10 path=a\n8 path=a\n",
    ] {
        let error = read(&Tar::new().raw_pax(b'x', bad).file(b"f", b"").end()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.offset() >= 512, "{error}");
    }
    // The offset is that of the record.
    let bytes = Tar::new().raw_pax(b'x', b"10 path=a\n8 path=a\n").end();
    assert_eq!(read(&bytes).unwrap_err().offset(), 512 + 10);
}

#[test]
fn headers_without_an_entry() {
    let pax = Tar::new().pax(b'x', &[("path", b"a")]);
    let error = read(&pax.clone().end()).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::Malformed, 0));
    assert!(read(&pax.0).is_err());
    let long = Tar::new().header(header(b"l", b'L', 0)).end();
    assert!(read(&long).is_err());
    // A global header needs none.
    assert!(read(&Tar::new().pax(b'g', &[("comment", b"c")]).end())
        .unwrap()
        .is_empty());
}

#[test]
fn sparse_maps_that_lie() {
    let old = |pairs: &[u8], size: &[u8; 12], stored: u64| {
        Tar::new()
            .header(
                header(b"s", b'S', stored)
                    .magic(Magic::Gnu)
                    .with(386, pairs)
                    .with(483, size),
            )
            .data(&vec![1; stored as usize])
            .end()
    };
    for bytes in [
        // overlapping, out of order, beyond the end, not what is stored, not numbers
        old(
            b"00000000000\x0000000000002\x0000000000001\x0000000000002\0",
            b"00000000010\0",
            4,
        ),
        old(
            b"00000000004\x0000000000002\x0000000000000\x0000000000002\0",
            b"00000000010\0",
            4,
        ),
        old(b"00000000007\x0000000000004\0", b"00000000010\0", 4),
        old(b"00000000000\x0000000000002\0", b"00000000010\0", 4),
        old(b"garbage....\x0000000000002\0", b"00000000010\0", 2),
        old(
            b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff00000000002\0",
            b"00000000010\0",
            2,
        ),
        old(b"00000000000\x0000000000002\0", b"garbage.....", 2),
    ] {
        assert_eq!(read(&bytes).unwrap_err().kind(), ErrorKind::Malformed);
    }
    let pax = |records: &[(&str, &[u8])], content: &[u8]| {
        read(&Tar::new().pax(b'x', records).file(b"s", content).end()).unwrap_err()
    };
    let size = ("GNU.sparse.size", &b"9"[..]);
    for records in [
        &[size, ("GNU.sparse.map", b"0,1,")][..],
        &[size, ("GNU.sparse.map", b"0,1,5")],
        &[size, ("GNU.sparse.map", b"5,1,0,1")],
        &[size, ("GNU.sparse.map", b"0,18446744073709551615")],
        &[
            size,
            ("GNU.sparse.map", b"0,2"),
            ("GNU.sparse.numblocks", b"2"),
        ],
        &[
            size,
            ("GNU.sparse.offset", b"0"),
            ("GNU.sparse.offset", b"1"),
        ],
        &[size, ("GNU.sparse.numbytes", b"0")],
        &[size],
        &[("GNU.sparse.map", b"0,2")],
        &[
            ("GNU.sparse.size", b"9223372036854775808"),
            ("GNU.sparse.map", b"0,2"),
        ],
    ] {
        assert_eq!(
            pax(records, b"ab").kind(),
            ErrorKind::Malformed,
            "{records:?}"
        );
    }
    let inside: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"9"),
    ];
    for map in [
        &b"1\n0\n9"[..],
        b"2\n0\n1\n",
        b"x\n",
        b"\n",
        b"1\n0\n99999999999999999999999\n",
    ] {
        assert_eq!(pax(inside, map).kind(), ErrorKind::Malformed);
    }
    assert_eq!(pax(inside, b"99999999\n").kind(), ErrorKind::Limit);
    let error = pax(&[("GNU.sparse.major", b"2")], b"");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    // A directory cannot be sparse.
    let bytes = Tar::new().pax(b'x', &[size, ("GNU.sparse.map", b"0,0")]);
    let bytes = bytes.header(header(b"d", b'5', 0)).end();
    assert_eq!(read(&bytes).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn sparse_maps_of_millions() {
    // Map blocks without an end: twenty-one pieces each, always further on.
    struct Pieces(u64, Vec<u8>);
    impl Read for Pieces {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.1.is_empty() {
                for _ in 0..21 {
                    self.1
                        .extend(format!("{:011o} {:011o} ", self.0, 1).bytes());
                    self.0 += 2;
                }
                self.1.extend([1, 0, 0, 0, 0, 0, 0, 0]);
            }
            let n = out.len().min(self.1.len());
            out[..n].copy_from_slice(&self.1[..n]);
            self.1.drain(..n);
            Ok(n)
        }
    }
    let head = header(b"s", b'S', 1 << 30)
        .magic(Magic::Gnu)
        .with(386, b"00000000000 00000000001 ")
        .with(482, b"\x01")
        .with(483, b"77777777777\0")
        .done();
    let source = io::Cursor::new(head.to_vec()).chain(Pieces(2, Vec::new()));
    let error = within(64 * MIB, || read_from(Archive::new(source)).unwrap_err());
    assert!(error.to_string().contains("million"), "{error}");
}

#[test]
fn a_file_of_nothing_but_holes() {
    let huge = Tar::new()
        .pax(
            b'x',
            &[
                ("GNU.sparse.size", b"1152921504606846976"),
                ("GNU.sparse.map", b"0,0"),
            ],
        )
        .file(b"s", b"")
        .end();
    let error = read(&huge).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    // The limit is for all files together.
    let one = Tar::new()
        .pax(
            b'x',
            &[("GNU.sparse.size", b"1000"), ("GNU.sparse.map", b"0,0")],
        )
        .file(b"s", b"");
    let bytes = [&one.0[..], &one.0, &one.0, &[0; 512]].concat();
    let limited = |n| read_from(Archive::new(&bytes[..]).limit_holes(n));
    assert_eq!(limited(3000).unwrap().len(), 3);
    assert_eq!(limited(2999).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn what_is_not_tar() {
    let shown = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert!(shown(b"PK\x03\x04").contains("zip"));
    assert!(shown(&[0x1f, 0x8b, 8, 0]).contains("compressed"));
    assert!(shown(b"#!/bin/sh\n").contains("too short"));
    assert!(shown(&[b'x'; 4096]).contains("not a tar archive"));
    assert!(shown(&[b'x'; 100]).contains("too short"));
    let mut hidden = Tar::new().file(b"a", b"").end();
    hidden.extend([b'x'; 512]);
    let error = read(&hidden).unwrap_err();
    assert_eq!(error.offset(), 1536);
    assert!(error.to_string().contains("follows the end"), "{error}");
    let mut damaged = Tar::new().file(b"a", b"").file(b"b", b"").end();
    damaged[600] ^= 1;
    let error = read(&damaged).unwrap_err();
    assert_eq!(error.offset(), 512);
    assert!(error.to_string().contains("checksum"), "{error}");
}

#[test]
fn a_directory_with_content() {
    let bytes = Tar::new().file(b"d/", b"content").end();
    let error = read(&bytes).unwrap_err();
    assert!(error.to_string().contains("directory"), "{error}");
    assert_eq!(error.offset(), 0);
}

#[test]
fn fields_that_hold_no_number() {
    for (at, field) in [(100, "mode"), (108, "owner"), (116, "group"), (124, "size")] {
        let head = header(b"f", b'0', 0).with(at, b"gar\xffage");
        let error = read(&Tar::new().header(head).end()).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
    let head = header(b"f", b'3', 0).with(329, b"garbage\0");
    let error = read(&Tar::new().header(head).end()).unwrap_err();
    assert!(error.to_string().contains("device"), "{error}");
    // Where nobody needs the number, nobody minds.
    let head = header(b"f", b'0', 0).with(329, b"garbage\0");
    assert!(read(&Tar::new().header(head).end()).is_ok());
    for (flag, path) in [(b'0', &b""[..]), (b'1', b"l"), (b'2', b"l")] {
        assert!(read(&Tar::new().header(header(path, flag, 0)).end()).is_err());
    }
}

#[test]
fn errors_stay_themselves_on_their_way() {
    let bytes = Tar::new().file(b"a", &[0; 5000]).end();
    let mut packed = zstd::encode_all(&bytes[..], 1).unwrap();
    packed.truncate(packed.len() - 3);
    for mut archive in [
        Box::new(Archive::open(&packed[..])) as Box<dyn Walk>,
        Box::new(Archive::new(
            verbatim_reader::decompress(io::Cursor::new(packed.clone())).read_ahead(),
        )),
    ] {
        let error = archive.walk();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        assert!(error.to_string().contains("of the zstd file"), "{error}");
        assert_eq!(error.offset(), packed.len() as u64);
    }

    trait Walk {
        fn walk(&mut self) -> Error;
    }
    impl<R: Read> Walk for Archive<R> {
        fn walk(&mut self) -> Error {
            loop {
                match self.next_entry() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("the archive is cut short"),
                    Err(error) => return error,
                }
            }
        }
    }
}
