//! What must hold for every layer, tried on many that chance made (with fixed seeds).

use std::collections::BTreeMap;
use std::io::Read;

use verbatim_archive::{
    ArchiveOptions, Builder, Compression, Defaults, Devices, Encoding, Item, Mtime, Wish, Xattrs,
};
use verbatim_reader::{Archive, Kind};

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

/// A list of things for one layer; the first names of hard links may come after the others.
fn things(numbers: &mut Numbers) -> Vec<(Vec<u8>, Item, Wish)> {
    let mut list: Vec<(Vec<u8>, Item, Wish)> = Vec::new();
    let mut directories: Vec<Vec<u8>> = vec![Vec::new()];
    let mut files: Vec<Vec<u8>> = Vec::new();
    for number in 0..1 + numbers.below(60) {
        // Names are long, odd and of other bytes than ASCII now and then.
        let mut name = format!("{number}").into_bytes();
        match numbers.below(12) {
            0 => name.extend(std::iter::repeat_n(b'n', numbers.below(240))),
            1 => name.extend("é\u{4e2d} -.".as_bytes()),
            2 => name.extend(b"\xff\n\\"),
            _ => {}
        }
        let mut path = directories[numbers.below(directories.len())].clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend(name);
        let mut wish = Wish {
            mode: Some(numbers.below(0o10000) as u32),
            uid: Some(numbers.next() >> numbers.below(64)),
            gid: Some(numbers.next() >> numbers.below(64)),
            mtime: Some((numbers.next() >> numbers.below(63)) as i64),
            xattrs: Xattrs::new(),
        };
        // What a plain entry can hold, for any program that reads it.
        wish.uid = wish.uid.map(|n| n & 0x7fff_ffff);
        wish.gid = wish.gid.map(|n| n & 0x7fff_ffff);
        wish.mtime = wish.mtime.map(|n| n % (1 << 40));
        if numbers.below(6) == 0 {
            for _ in 0..1 + numbers.below(3) {
                let value = (0..numbers.below(700))
                    .map(|_| numbers.next() as u8)
                    .collect();
                wish.xattrs
                    .insert(format!("user.{}", numbers.below(100)).into_bytes(), value);
            }
        }
        let item = match numbers.below(10) {
            0..=2 => {
                directories.push(path.clone());
                Item::Directory
            }
            3 => {
                wish = Wish::default();
                let length = 1 + numbers.below(200);
                Item::Symlink(
                    (0..length)
                        .map(|_| b'a' + numbers.below(26) as u8)
                        .collect(),
                )
            }
            4 if !files.is_empty() => {
                wish = Wish::default();
                Item::HardLink(files[numbers.below(files.len())].clone())
            }
            _ => {
                files.push(path.clone());
                let limit = 1 << numbers.below(14);
                let size = numbers.below(limit);
                Item::Bytes((0..size).map(|_| numbers.next() as u8).collect())
            }
        };
        list.push((path, item, wish));
    }
    list
}

fn build(list: &[(Vec<u8>, Item, Wish)], encoding: Encoding, threads: usize) -> Vec<u8> {
    let mut builder = Builder::new(Defaults::default(), ".");
    for (path, item, wish) in list {
        builder.item(path, item.clone(), wish, "the test").unwrap();
    }
    write(builder, encoding, threads)
}

fn write(builder: Builder, encoding: Encoding, threads: usize) -> Vec<u8> {
    let mut out = Vec::new();
    builder
        .finish()
        .unwrap()
        .write(encoding, threads, &mut out, &|_| {})
        .unwrap();
    out
}

fn plain() -> Encoding {
    Encoding::new(Compression::None, None).unwrap()
}

/// The layer that an archive gives.
fn normalize(archive: &[u8]) -> Vec<u8> {
    merge(&[archive])
}

/// The layer that several archives give together.
fn merge(archives: &[&[u8]]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let defaults = Defaults {
        mtime: Mtime::Clamp(i64::MAX),
        ..Defaults::default()
    };
    let mut builder = Builder::new(defaults, dir.path());
    let options = ArchiveOptions {
        devices: Devices::Keep,
        ..ArchiveOptions::default()
    };
    for (number, archive) in archives.iter().enumerate() {
        let name = format!("{number}.tar");
        let path = dir.path().join(&name);
        std::fs::write(&path, archive).unwrap();
        builder.archive(b"", &path, &options, &name).unwrap();
    }
    write(builder, plain(), 2)
}

#[derive(Debug, PartialEq)]
struct Seen {
    kind: Kind,
    mode: u32,
    owner: (u64, u64),
    mtime: i64,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    content: Vec<u8>,
}

/// What is in an archive, in its order, with the offset of each entry.
fn read(bytes: &[u8]) -> Vec<(Vec<u8>, u64, Seen)> {
    let mut archive = Archive::new(bytes);
    let mut list = Vec::new();
    while let Some(mut entry) = archive.next_entry().unwrap() {
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let path = entry
            .path
            .strip_suffix(b"/")
            .unwrap_or(&entry.path)
            .to_vec();
        let seen = Seen {
            kind: entry.kind.clone(),
            mode: entry.mode,
            owner: (entry.uid, entry.gid),
            mtime: entry.mtime,
            xattrs: entry.xattrs.clone(),
            content,
        };
        list.push((path, entry.offset, seen));
    }
    list
}

/// The same as the `tar` crate reads it, which shares no line with what wrote it.
fn judged(bytes: &[u8]) -> Vec<(Vec<u8>, Seen)> {
    let mut archive = tar::Archive::new(bytes);
    let mut list = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut xattrs = BTreeMap::new();
        let mut mtime = None;
        for record in entry.pax_extensions().unwrap().into_iter().flatten() {
            let record = record.unwrap();
            if let Some(name) = record.key_bytes().strip_prefix(b"SCHILY.xattr.") {
                xattrs.insert(name.to_vec(), record.value_bytes().to_vec());
            } else if record.key_bytes() == b"mtime" {
                mtime = record.value().unwrap().parse().ok();
            }
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let target = entry.link_name_bytes().map(|name| name.into_owned());
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Regular => Kind::File,
            tar::EntryType::Directory => Kind::Directory,
            tar::EntryType::Symlink => Kind::Symlink {
                target: target.unwrap(),
            },
            tar::EntryType::Link => Kind::HardLink {
                target: target.unwrap(),
            },
            other => panic!("{other:?}"),
        };
        let seen = Seen {
            kind,
            mode: header.mode().unwrap(),
            owner: (header.uid().unwrap(), header.gid().unwrap()),
            mtime: mtime.unwrap_or_else(|| header.mtime().unwrap() as i64),
            xattrs,
            content,
        };
        let path = entry.path_bytes();
        let path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
        list.push((path, seen));
    }
    list
}

#[test]
fn nothing_is_lost_and_order_makes_no_difference() {
    for seed in 1..=120u64 {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut list = things(&mut numbers);
        let tar = build(&list, plain(), 1);

        // The order in which things are added makes no difference.
        numbers.shuffle(&mut list);
        assert!(build(&list, plain(), 1) == tar, "seed {seed}");

        // What comes out is sorted, and is what went in.
        let seen = read(&tar);
        assert!(
            seen.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "seed {seed}"
        );
        assert_eq!(seen.len(), list.len(), "seed {seed}");
        assert!(tar.ends_with(&[0; 1024]) && tar.len().is_multiple_of(512));
        let by_path: BTreeMap<_, _> = seen.iter().map(|(path, _, seen)| (path, seen)).collect();
        let resolve = |path: &Vec<u8>| match &by_path[path].kind {
            Kind::HardLink { target } => by_path[target],
            _ => by_path[path],
        };
        for (path, item, wish) in &list {
            let found = resolve(path);
            match item {
                Item::Bytes(bytes) => {
                    assert_eq!((&found.kind, &found.content), (&Kind::File, bytes))
                }
                Item::HardLink(target) => assert_eq!(found.content, resolve(target).content),
                Item::Symlink(target) => {
                    let target = target.clone();
                    assert_eq!(
                        (&found.kind, found.mode),
                        (&Kind::Symlink { target }, 0o777)
                    );
                    continue;
                }
                _ => assert_eq!(found.kind, Kind::Directory),
            }
            if let (Some(mode), Some(uid), Some(gid), Some(mtime)) =
                (wish.mode, wish.uid, wish.gid, wish.mtime)
            {
                assert_eq!(found.mode, mode, "seed {seed}");
                assert_eq!(found.owner, (uid, gid), "seed {seed}");
                assert_eq!(found.mtime, mtime, "seed {seed}");
                assert_eq!(found.xattrs, wish.xattrs, "seed {seed}");
            }
        }

        // Normalising what is normal changes nothing, and undoes any other order.
        assert!(normalize(&tar) == tar, "seed {seed}");
        let mut pieces: Vec<&[u8]> = Vec::new();
        for (at, (_, offset, _)) in seen.iter().enumerate() {
            let end = seen
                .get(at + 1)
                .map_or(tar.len() as u64 - 1024, |next| next.1);
            pieces.push(&tar[*offset as usize..end as usize]);
        }
        numbers.shuffle(&mut pieces);
        let mut shuffled = pieces.concat();
        shuffled.extend([0; 10240]);
        assert!(normalize(&shuffled) == tar, "seed {seed}");
    }
}

#[test]
fn another_program_reads_what_was_written() {
    for seed in 1..=120u64 {
        let mut list = things(&mut Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        // For that crate a line feed is the end of a record, whatever the record's length says.
        let tame = |bytes: &mut Vec<u8>| bytes.iter_mut().for_each(|b| *b = (*b).max(b' '));
        for (path, item, wish) in &mut list {
            tame(path);
            if let Item::HardLink(target) = item {
                tame(target);
            }
            wish.xattrs.values_mut().for_each(tame);
        }
        let tar = build(&list, plain(), 1);
        let (own, other) = (read(&tar), judged(&tar));
        assert_eq!(own.len(), other.len(), "seed {seed}");
        for ((path, _, own), (other_path, other)) in own.iter().zip(&other) {
            assert_eq!((path, own), (other_path, other), "seed {seed}");
        }
    }
}

/// In an archive a later entry replaces an earlier one. What was replaced is no contradiction to
/// another archive, whichever of them comes first.
#[test]
fn what_an_archive_replaces_contradicts_no_other_one() {
    let file = |content: &[u8]| {
        let item = Item::Bytes(content.to_vec());
        build(&[(b"f".to_vec(), item, Wish::default())], plain(), 1)
    };
    let (old, new) = (file(b"old"), file(b"new"));
    let changed = [&old[..old.len() - 1024], &new].concat();
    assert!(merge(&[&changed]) == new);
    assert!(merge(&[&changed, &new]) == new);
    assert!(merge(&[&new, &changed]) == new);
    // GNU tar that stores a file twice writes a link to itself the second time: nothing new.
    let mut link = new[..512].to_vec();
    link[156] = b'1';
    link[157] = b'f';
    link[124..135].fill(b'0');
    link[148..156].fill(b' ');
    let sum: u32 = link.iter().map(|&b| u32::from(b)).sum();
    link[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let twice = [&new[..new.len() - 1024], &link, &[0; 1024]].concat();
    assert!(merge(&[&twice]) == new);
    assert!(merge(&[&twice, &new]) == new);
    assert!(merge(&[&new, &twice]) == new);
}

#[test]
fn any_compression_and_any_number_of_threads_hold_the_same_archive() {
    let mut numbers = Numbers(77);
    let mut list = things(&mut numbers);
    // Enough for several blocks of any size, with a content that begins in one and ends in another.
    for (name, size) in [("big", 9_000_001), ("even", 3 << 20), ("small", 511)] {
        let bytes = (0..size)
            .map(|at: usize| (at / 7 * at % 251) as u8)
            .collect();
        list.push((name.into(), Item::Bytes(bytes), Wish::default()));
    }
    let tar = build(&list, plain(), 1);
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let encoding = Encoding::new(compression, None).unwrap();
        let blob = build(&list, encoding, 1);
        let mut back = Vec::new();
        verbatim_reader::decompress(&blob[..])
            .read_to_end(&mut back)
            .unwrap();
        assert!(back == tar, "{compression}");
        for threads in [2, 3, 8] {
            assert!(
                build(&list, encoding, threads) == blob,
                "{compression} {threads}"
            );
        }
        assert!(normalize(&blob) == tar, "{compression}");
    }
}
