//! Archives that GNU tar, bsdtar, Python, pax and busybox wrote, in every format they
//! have. `fixtures/make.py` made them; the expectations here do not come from reading them.

use std::collections::BTreeMap;
use std::io::Read;

use verbatim_reader::{Archive, Compression, Kind};

/// What was in the tree, beyond what every format can hold.
#[derive(Clone, Copy, Default)]
struct Has {
    long: bool,
    special: bool,
    sparse: bool,
    big: bool,
    time: bool,
    xattr: bool,
}

const NOTHING: Has = Has {
    long: false,
    special: false,
    sparse: false,
    big: false,
    time: false,
    xattr: false,
};
const SPECIAL: Has = Has {
    special: true,
    ..NOTHING
};
const ALL: Has = Has {
    long: true,
    special: true,
    sparse: true,
    big: true,
    time: true,
    xattr: true,
};
const NO_XATTR: Has = Has {
    xattr: false,
    ..ALL
};

const FIXTURES: &[(&str, &[u8], Compression, Has)] = &[
    (
        "gnu-v7.tar.gz",
        include_bytes!("fixtures/gnu-v7.tar.gz"),
        Compression::Gzip,
        NOTHING,
    ),
    (
        "gnu-ustar.tar.bz2",
        include_bytes!("fixtures/gnu-ustar.tar.bz2"),
        Compression::Bzip2,
        SPECIAL,
    ),
    (
        "gnu-oldgnu.tar.gz",
        include_bytes!("fixtures/gnu-oldgnu.tar.gz"),
        Compression::Gzip,
        NO_XATTR,
    ),
    (
        "gnu-gnu.tar.zst",
        include_bytes!("fixtures/gnu-gnu.tar.zst"),
        Compression::Zstd,
        NO_XATTR,
    ),
    (
        "gnu-posix-0.0.tar.gz",
        include_bytes!("fixtures/gnu-posix-0.0.tar.gz"),
        Compression::Gzip,
        ALL,
    ),
    (
        "gnu-posix-0.1.tar.zst",
        include_bytes!("fixtures/gnu-posix-0.1.tar.zst"),
        Compression::Zstd,
        ALL,
    ),
    (
        "gnu-posix-1.0.tar.xz",
        include_bytes!("fixtures/gnu-posix-1.0.tar.xz"),
        Compression::Xz,
        ALL,
    ),
    (
        "python-ustar.tar.gz",
        include_bytes!("fixtures/python-ustar.tar.gz"),
        Compression::Gzip,
        SPECIAL,
    ),
    (
        "python-gnu.tar.gz",
        include_bytes!("fixtures/python-gnu.tar.gz"),
        Compression::Gzip,
        Has {
            time: false,
            ..NO_XATTR
        },
    ),
    (
        "python-pax.tar.gz",
        include_bytes!("fixtures/python-pax.tar.gz"),
        Compression::Gzip,
        NO_XATTR,
    ),
    (
        "bsdtar-v7.tar.gz",
        include_bytes!("fixtures/bsdtar-v7.tar.gz"),
        Compression::Gzip,
        NOTHING,
    ),
    (
        "bsdtar-ustar.tar.gz",
        include_bytes!("fixtures/bsdtar-ustar.tar.gz"),
        Compression::Gzip,
        SPECIAL,
    ),
    (
        "bsdtar-gnutar.tar.gz",
        include_bytes!("fixtures/bsdtar-gnutar.tar.gz"),
        Compression::Gzip,
        Has {
            time: false,
            sparse: false,
            ..NO_XATTR
        },
    ),
    (
        "bsdtar-pax.tar.gz",
        include_bytes!("fixtures/bsdtar-pax.tar.gz"),
        Compression::Gzip,
        Has { time: false, ..ALL },
    ),
    (
        "pax-ustar.tar.gz",
        include_bytes!("fixtures/pax-ustar.tar.gz"),
        Compression::Gzip,
        SPECIAL,
    ),
    (
        "busybox.tar.gz",
        include_bytes!("fixtures/busybox.tar.gz"),
        Compression::Gzip,
        Has {
            long: true,
            ..SPECIAL
        },
    ),
];

#[derive(Debug, PartialEq, Eq, Clone)]
struct Got {
    kind: Kind,
    mode: u32,
    owner: (u64, u64),
    mtime: i64,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    content: Vec<u8>,
}

const TIME: i64 = 1_000_000_000;

fn read(mut archive: Archive<impl Read>) -> BTreeMap<String, Got> {
    let mut all = BTreeMap::new();
    let mut last = 0;
    while let Some(mut entry) = archive.next_entry().unwrap() {
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, entry.size);
        assert_eq!(entry.offset % 512, 0);
        assert!(all.is_empty() || entry.offset > last);
        last = entry.offset;
        let path = String::from_utf8(entry.path.clone()).unwrap();
        let got = Got {
            kind: entry.kind.clone(),
            mode: entry.mode,
            owner: (entry.uid, entry.gid),
            mtime: entry.mtime,
            xattrs: entry.xattrs.clone(),
            content,
        };
        let path = path.trim_end_matches('/').to_owned();
        assert!(all.insert(path.clone(), got).is_none(), "{path} is twice");
    }
    all
}

fn long_name() -> String {
    let part = format!("directory-{}", "x".repeat(50));
    [&part[..]; 5].join("/") + "/name-" + &"y".repeat(110)
}

fn expected(has: Has) -> BTreeMap<String, Got> {
    let mut all = BTreeMap::new();
    let entry = |kind, mode, content: &[u8]| Got {
        kind,
        mode,
        owner: (0, 0),
        mtime: TIME,
        xattrs: BTreeMap::new(),
        content: content.to_vec(),
    };
    let mut add = |name: &str, got: Got| {
        let path = format!("sample/{name}");
        all.insert(path.trim_end_matches('/').to_owned(), got);
    };
    add("", entry(Kind::Directory, 0o755, b""));
    let mut file = entry(Kind::File, 0o644, b"hello\n");
    let mut dir = entry(Kind::Directory, 0o750, b"");
    if has.xattr {
        file.xattrs
            .insert(b"user.note".to_vec(), b"a=b\n\0c".to_vec());
        file.xattrs
            .insert(b"user.100%=x".to_vec(), b"odd name".to_vec());
        dir.xattrs.insert(b"user.empty".to_vec(), b"".to_vec());
    }
    add("file", file);
    add("dir", dir);
    let target = b"sample/file".to_vec();
    add("hard", entry(Kind::HardLink { target }, 0o644, b""));
    let mut program = entry(Kind::File, 0o4755, &b"#!/bin/sh\nexit 0\n".repeat(50));
    program.owner = (12, 34);
    add("program", program);
    add("block", entry(Kind::File, 0o644, &[b'b'; 512]));
    let link = |to: &str| Kind::Symlink {
        target: to.as_bytes().to_vec(),
    };
    add("soft", entry(link("file"), 0o777, b""));
    add("dir/grüße", entry(Kind::File, 0o644, "grüße\n".as_bytes()));
    let mut empty = entry(Kind::File, 0o600, b"");
    if has.big {
        empty.owner = (3_000_000, 4_000_000);
    }
    if has.time {
        empty.mtime = -2;
    }
    add("empty", empty);
    if has.long {
        let name = long_name();
        for (at, _) in name.match_indices('/') {
            add(&name[..at], entry(Kind::Directory, 0o755, b""));
        }
        add(&name, entry(Kind::File, 0o644, b"far away\n"));
        let target = "../".repeat(40) + "elsewhere";
        add("longlink", entry(link(&target), 0o777, b""));
    }
    if has.special {
        add("fifo", entry(Kind::Fifo, 0o644, b""));
        let (major, minor) = (1, 3);
        add("null", entry(Kind::CharDevice { major, minor }, 0o666, b""));
    }
    if has.sparse {
        let mut content = vec![0; 30 * 65536];
        for i in 0..30 {
            content[i * 65536 + 4096..][..4096].fill(i as u8 + 1);
        }
        add("sparse", entry(Kind::File, 0o644, &content));
    }
    all
}

/// Tools differ in which of two names comes first, and whether attributes are written twice.
fn settle_hard_links(got: &mut BTreeMap<String, Got>) {
    let target = b"sample/hard".to_vec();
    if got["sample/file"].kind == (Kind::HardLink { target }) {
        let first = got["sample/hard"].clone();
        let second = std::mem::replace(got.get_mut("sample/file").unwrap(), first);
        let target = b"sample/file".to_vec();
        *got.get_mut("sample/hard").unwrap() = Got {
            kind: Kind::HardLink { target },
            ..second
        };
    }
    got.get_mut("sample/hard").unwrap().xattrs.clear();
}

fn compare(name: &str, mut got: BTreeMap<String, Got>, has: Has) {
    settle_hard_links(&mut got);
    let expected = expected(has);
    for (path, got) in &got {
        let want = expected.get(path);
        assert!(Some(got) == want, "{name}: {path}: {got:?} is not {want:?}");
    }
    let paths = |all: &BTreeMap<String, Got>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&got), paths(&expected), "{name}");
}

#[test]
fn every_format_of_every_tool() {
    for &(name, bytes, compression, has) in FIXTURES {
        assert_eq!(
            verbatim_reader::decompress(bytes).compression().unwrap(),
            compression
        );
        compare(name, read(Archive::open(bytes)), has);
        // On another thread, with the same result.
        let ahead = verbatim_reader::decompress(bytes).read_ahead();
        compare(name, read(Archive::new(ahead)), has);
    }
}
