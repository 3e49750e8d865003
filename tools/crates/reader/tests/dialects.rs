//! What each dialect can say, one thing at a time.

mod support;

use std::io::{BufRead, Read};

use support::{header, one, read, Magic, Tar};
use verbatim_reader::{Archive, ErrorKind, Kind};

#[test]
fn ustar() {
    let got = one(&Tar::new()
        .header(header(b"name", b'0', 3).with(345, b"some/prefix"))
        .data(b"abc")
        .end());
    assert_eq!(got.path, b"some/prefix/name");
    assert_eq!(got.kind, Kind::File);
    assert_eq!((got.mode, got.uid, got.gid, got.mtime), (0o644, 1, 2, 3));
    assert_eq!(got.content, b"abc");
    // A name and a prefix that fill their fields have no zero byte.
    let (name, prefix) = ([b'n'; 100], [b'p'; 155]);
    let got = one(&Tar::new()
        .header(header(&name, b'0', 0).with(345, &prefix))
        .end());
    assert_eq!(got.path, [&prefix[..], b"/", &name].concat());
}

#[test]
fn v7() {
    let v7 = |flag, size, path: &[u8]| header(path, flag, size).magic(Magic::None);
    let got = one(&Tar::new()
        .header(v7(0, 1, b"a").with(345, b"not a prefix"))
        .data(b"x")
        .end());
    assert_eq!((&got.path[..], got.kind), (&b"a"[..], Kind::File));
    // The slash makes the directory, and file types stand in the mode.
    let got = one(&Tar::new()
        .header(v7(0, 0, b"d/").with(100, b"040755 \0"))
        .end());
    assert_eq!((got.kind, got.mode), (Kind::Directory, 0o755));
    let got = one(&Tar::new().header(v7(b'1', 0, b"h").link(b"a")).end());
    assert_eq!(
        got.kind,
        Kind::HardLink {
            target: b"a".to_vec()
        }
    );
}

#[test]
fn types() {
    for (flag, kind) in [
        (b'0', Kind::File),
        (0, Kind::File),
        (b'7', Kind::File),
        (
            b'2',
            Kind::Symlink {
                target: b"t".to_vec(),
            },
        ),
        (b'3', Kind::CharDevice { major: 8, minor: 9 }),
        (b'4', Kind::BlockDevice { major: 8, minor: 9 }),
        (b'5', Kind::Directory),
        (b'6', Kind::Fifo),
    ] {
        let head = header(b"p", flag, 0)
            .link(b"t")
            .with(329, b"0000010\0")
            .with(337, b"0000011\0");
        assert_eq!(one(&Tar::new().header(head).end()).kind, kind);
    }
    for flag in [b'M', b'N', b'E', b'I', b'Z', 0xff] {
        let error = read(&Tar::new().header(header(b"p", flag, 0)).end()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn gnu() {
    let long = vec![b'l'; 300];
    let target = vec![b't'; 400];
    let named = |flag, data: &[u8]| {
        let mut data = data.to_vec();
        data.push(0);
        Tar::new()
            .header(header(b"././@LongLink", flag, data.len() as u64).magic(Magic::Gnu))
            .data(&data)
    };
    let mut tar = named(b'L', &long);
    tar.0.extend(named(b'K', &target).0);
    let got = one(&tar
        .header(
            header(b"lll", b'2', 0)
                .magic(Magic::Gnu)
                .link(b"ttt")
                // Where ustar has its prefix, GNU keeps times.
                .with(345, b"12345670123\x0076543210123\0"),
        )
        .end());
    assert_eq!(got.path, long);
    assert_eq!(got.kind, Kind::Symlink { target });
    let big = header(b"big", b'0', 0)
        .magic(Magic::Gnu)
        .with(108, b"\x80\0\0\0\x01\0\0\0")
        .with(116, b"\x80\0\0\0\xff\xff\xff\xff")
        .with(136, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe");
    let got = one(&Tar::new().header(big).end());
    assert_eq!(
        (got.uid, got.gid, got.mtime),
        (1 << 24, u64::from(u32::MAX), -2)
    );
    // A volume label is no entry, and neither is what an incremental dump says.
    let got = read(
        &Tar::new()
            .header(header(b"label", b'V', 0).magic(Magic::Gnu))
            .header(header(b"dir/", b'D', 5).magic(Magic::Gnu))
            .data(b"Yab\0\0")
            .file(b"f", b"1")
            .end(),
    )
    .unwrap();
    assert_eq!((got[0].kind.clone(), got[0].size), (Kind::Directory, 0));
    assert_eq!(got[1].content, b"1");
}

#[test]
fn star() {
    let mut prefix = [b'p'; 131];
    prefix[130] = 0;
    let with_mark = header(b"n", b'0', 0)
        .with(345, &prefix)
        .with(476, b"12345670123 12345670123 ")
        .with(508, b"tar\0");
    let path = [&prefix[..130], b"/n"].concat();
    assert_eq!(one(&Tar::new().header(with_mark).end()).path, path);
    let without = header(b"n", b'0', 0)
        .with(345, &prefix)
        .with(476, b"12345670123 12345670123 ");
    assert_eq!(one(&Tar::new().header(without).end()).path, path);
    // A sparse file: the map stands elsewhere than in GNU's header.
    let sparse = header(b"s", b'S', 1)
        .with(356, b"00000000004 00000000001 ")
        .with(452, b"00000000006\0")
        .with(508, b"tar\0");
    let got = one(&Tar::new().header(sparse).data(b"x").end());
    assert_eq!(got.content, b"\0\0\0\0x\0");
}

#[test]
fn pax() {
    let got = one(&Tar::new()
        .pax(
            b'x',
            &[
                ("path", b"from/pax"),
                ("linkpath", b"target"),
                ("uid", b"5000000000"),
                ("gid", b"6000000000"),
                ("mtime", b"1234.999"),
                ("atime", b"1.0"),
                ("uname", b"nobody"),
                ("comment", b"whatever"),
                ("hdrcharset", b"BINARY"),
                ("SCHILY.xattr.user.a", b"\x00\xff"),
                ("LIBARCHIVE.xattr.user.b", b"AP8="),
            ],
        )
        .header(
            header(b"short", b'2', 0)
                .link(b"other")
                .with(108, b"garbage!"),
        )
        .end());
    assert_eq!(got.path, b"from/pax");
    assert_eq!(
        got.kind,
        Kind::Symlink {
            target: b"target".to_vec()
        }
    );
    assert_eq!(
        (got.uid, got.gid, got.mtime),
        (5_000_000_000, 6_000_000_000, 1234)
    );
    assert_eq!(got.xattrs[&b"user.a"[..]], b"\0\xff");
    assert_eq!(got.xattrs[&b"user.b"[..]], b"\0\xff");
    // The size of PAX counts, not that of the header.
    let got = read(
        &Tar::new()
            .pax(b'x', &[("size", b"600")])
            .header(header(b"a", b'0', 0))
            .data(&[b'a'; 600])
            .file(b"b", b"b")
            .end(),
    )
    .unwrap();
    assert_eq!((got[0].size, got[1].size), (600, 1));
}

#[test]
fn pax_global() {
    let got = read(
        &Tar::new()
            .pax(
                b'g',
                &[
                    ("uid", b"7"),
                    ("mtime", b"9"),
                    ("comment", b"commit"),
                    ("SCHILY.xattr.user.g", b"g"),
                ],
            )
            .file(b"a", b"")
            .pax(
                b'x',
                &[
                    ("uid", b""),
                    ("mtime", b"10"),
                    ("SCHILY.xattr.user.g", b"own"),
                ],
            )
            .file(b"b", b"")
            .pax(b'g', &[("uid", b"")])
            .file(b"c", b"")
            .end(),
    )
    .unwrap();
    let told: Vec<_> = got.iter().map(|e| (e.uid, e.mtime)).collect();
    assert_eq!(told, [(7, 9), (1, 10), (1, 9)]);
    assert_eq!(got[0].xattrs[&b"user.g"[..]], b"g");
    assert_eq!(got[1].xattrs[&b"user.g"[..]], b"own");
}

#[test]
fn two_names_that_disagree() {
    let tar = |pax: &[u8]| {
        Tar::new()
            .pax(b'x', &[("path", pax)])
            .header(header(b"././@LongLink", b'L', 4).magic(Magic::Gnu))
            .data(b"long")
            .file(b"short", b"")
            .end()
    };
    assert_eq!(one(&tar(b"long")).path, b"long");
    let error = read(&tar(b"other")).unwrap_err();
    assert!(error.to_string().contains("two different paths"), "{error}");
    assert_eq!(error.offset(), 0);
}

#[test]
fn sparse_files() {
    let content = b"\0\0\0\0abc\0\0\0d\0\0";
    let size = content.len().to_string();
    let size = size.as_bytes();
    let stored = b"abcd";
    let v00 = Tar::new()
        .pax(
            b'x',
            &[
                ("GNU.sparse.size", size),
                ("GNU.sparse.numblocks", b"3"),
                ("GNU.sparse.offset", b"4"),
                ("GNU.sparse.numbytes", b"3"),
                ("GNU.sparse.offset", b"10"),
                ("GNU.sparse.numbytes", b"1"),
                ("GNU.sparse.offset", b"13"),
                ("GNU.sparse.numbytes", b"0"),
            ],
        )
        .file(b"s", stored);
    let v01 = Tar::new()
        .pax(
            b'x',
            &[
                ("GNU.sparse.size", size),
                ("GNU.sparse.numblocks", b"2"),
                ("GNU.sparse.name", b"s"),
                ("GNU.sparse.map", b"4,3,10,1"),
            ],
        )
        .file(b"GNUSparseFile.1/s", stored);
    let mut map = b"2\n4\n3\n10\n1\n".to_vec();
    map.resize(512, 0);
    map.extend(stored);
    let v10 = Tar::new()
        .pax(
            b'x',
            &[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.name", b"s"),
                ("GNU.sparse.realsize", size),
                ("path", b"GNUSparseFile.1/s"),
            ],
        )
        .file(b"GNUSparseFile.1/s", &map);
    let old = Tar::new()
        .header(
            header(b"s", b'S', 4)
                .magic(Magic::Gnu)
                .with(386, b"00000000004\x0000000000003\0")
                .with(410, b"00000000012\x0000000000001\0")
                .with(483, b"00000000015\0"),
        )
        .data(stored);
    // The same with the second piece in a further block.
    let mut more = [0; 512];
    more[..24].copy_from_slice(b"00000000012\x0000000000001\0");
    let extended = Tar::new()
        .header(
            header(b"s", b'S', 4)
                .magic(Magic::Gnu)
                .with(386, b"00000000004\x0000000000003\0")
                .with(482, b"\x01")
                .with(483, b"00000000015\0"),
        )
        .block(more)
        .data(stored);
    for tar in [v00, v01, v10, old, extended] {
        let bytes = tar.file(b"next", b"n").end();
        let got = read(&bytes).unwrap();
        assert_eq!(
            (&got[0].path[..], &got[0].content[..]),
            (&b"s"[..], &content[..])
        );
        assert_eq!(got[1].content, b"n");
        // In small steps, through the buffer, and left unread.
        let mut archive = Archive::new(&bytes[..]);
        let mut entry = archive.next_entry().unwrap().unwrap();
        let mut seen = Vec::new();
        while let [first, ..] = entry.fill_buf().unwrap() {
            seen.push(*first);
            entry.consume(1);
        }
        assert_eq!(seen, content);
        let mut archive = Archive::new(&bytes[..]);
        let mut entry = archive.next_entry().unwrap().unwrap();
        entry.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(archive.next_entry().unwrap().unwrap().path, b"next");
    }
}

#[test]
fn old_checksums() {
    let head = || header("grüße".as_bytes(), b'0', 0);
    assert_ne!(head().done(), head().done_signed());
    let got = one(&Tar::new().block(head().done_signed()).end());
    assert_eq!(got.path, "grüße".as_bytes());
}

#[test]
fn archives_joined_with_cat() {
    let first = Tar::new()
        .pax(b'g', &[("uid", b"7")])
        .file(b"a", b"1")
        .end();
    let second = Tar::new().file(b"b", b"2").end();
    for gap in [0, 512, 10240] {
        let joined = [&first[..], &vec![0; gap], &second].concat();
        let got = read(&joined).unwrap();
        assert_eq!(got.len(), 2);
        // What was global in the first is not in the second.
        assert_eq!((got[0].uid, got[1].uid), (7, 1));
    }
    // One zero block also ends an archive, and an odd number of zeros after it is padding.
    let mut odd = Tar::new().file(b"a", b"1").0;
    odd.extend([0; 512 + 100]);
    assert_eq!(read(&odd).unwrap().len(), 1);
}

#[test]
fn sizes_without_content() {
    // A link that gives the size of its target, and a directory that gives a quota.
    for flag in *b"1256" {
        let head = || header(b"p", flag, 700).link(b"t");
        let got = read(&Tar::new().header(head()).file(b"next", b"n").end()).unwrap();
        assert_eq!((got.len(), got[0].size), (2, 0));
        assert_eq!(got[1].content, b"n");
        assert_eq!(read(&Tar::new().header(head()).end()).unwrap().len(), 1);
        // PAX lets a hard link carry the content.
        let got = read(
            &Tar::new()
                .header(head())
                .data(&[b'c'; 700])
                .file(b"next", b"n")
                .end(),
        )
        .unwrap();
        assert_eq!((got.len(), got[0].size), (2, 0));
        assert_eq!(got[1].content, b"n");
    }
}

#[test]
fn the_end_of_an_archive() {
    let whole = Tar::new().file(b"a", b"1");
    let error = read(&whole.0).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::Truncated, 1024));
    let got = support::read_from(Archive::new(&whole.0[..]).accept_missing_end()).unwrap();
    assert_eq!(got.len(), 1);
    // Compression says where the end is.
    let packed = zstd::encode_all(&whole.0[..], 3).unwrap();
    assert_eq!(
        support::read_from(Archive::open(&packed[..]))
            .unwrap()
            .len(),
        1
    );
    let error = support::read_from(Archive::open(&whole.0[..])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert_eq!(read(b"").unwrap_err().kind(), ErrorKind::Truncated);
    assert!(read(&[0; 1024]).unwrap().is_empty());
    assert!(read(&[0; 10240]).unwrap().is_empty());
}

/// Docker's classic builder leaves out the closing blocks, and what fills the last one.
#[test]
fn the_last_content_may_end_inside_its_block_where_the_end_may_be_missing() {
    let mut cut = Tar::new().file(b"a", b"abc").file(b"b", &[7; 700]).0;
    cut.truncate(cut.len() - (1024 - 700));
    let got = support::read_from(Archive::new(&cut[..]).accept_missing_end()).unwrap();
    assert_eq!(got[1].content, [7; 700]);
    // Passed over instead of read, it is the same.
    let mut archive = Archive::new(&cut[..]).accept_missing_end();
    while archive.next_entry().unwrap().is_some() {}

    let error = read(&cut).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    // One byte less is one of the content.
    cut.pop();
    let error = support::read_from(Archive::new(&cut[..]).accept_missing_end()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
}
