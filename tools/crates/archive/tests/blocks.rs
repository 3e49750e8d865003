//! Blocks end where `docs/layer-format.md` says, and what changes in one place changes no others.
//!
//! The judge below is written from that page alone: it takes a tar stream apart and finds the ends of blocks
//! in the plainest way.

mod support;

use support::Chunker;
use verbatim_archive::{Builder, Compression, Defaults, Encoding, Item, Layer, Wish};

/// The rule of the page.
mod judge {
    fn octal(field: &[u8]) -> usize {
        let digits = field.iter().take_while(|b| (b'0'..=b'7').contains(b));
        digits.fold(0, |n, b| n * 8 + usize::from(b - b'0'))
    }

    /// An entry: where it begins, where its content begins, and where the next one begins.
    #[derive(Debug, Clone, Copy)]
    pub struct Entry {
        begin: usize,
        content: usize,
        end: usize,
    }

    /// The entries of a tar stream.
    pub fn entries(tar: &[u8]) -> Vec<Entry> {
        let (mut entries, mut at) = (Vec::new(), 0);
        while tar[at] != 0 {
            let begin = at;
            if tar[at + 156] == b'x' {
                at += 512 + octal(&tar[at + 124..at + 136]).next_multiple_of(512);
            }
            let content = at + 512;
            let end = content + octal(&tar[at + 124..at + 136]).next_multiple_of(512);
            entries.push(Entry {
                begin,
                content,
                end,
            });
            at = end;
        }
        assert_eq!(tar.len(), at + 1024);
        entries
    }

    /// Where the blocks of a stream end.
    pub fn ends(tar: &[u8], m: usize) -> Vec<usize> {
        let entries = entries(tar);
        let large = |entry: &Entry| entry.end - entry.begin > m / 2;
        let mut ends = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            if large(entry) {
                ends.push(entry.begin);
                let end = if number + 1 == entries.len() {
                    tar.len()
                } else {
                    entry.end
                };
                inside(tar, entry.begin, end, m, &mut ends);
            }
        }
        for run in entries.chunk_by(|a, b| !large(a) && !large(b)) {
            if let ([first, ..], Some(last)) = (run, run.last()) {
                if !large(first) {
                    let is_last = last.end + 1024 == tar.len();
                    let end = last.end + if is_last { 1024 } else { 0 };
                    between(tar, run, end, m, &mut ends);
                }
            }
        }
        ends.push(tar.len());
        ends.sort();
        ends.dedup();
        if ends[0] == 0 {
            ends.remove(0);
        }
        ends
    }

    fn rank(header: &[u8]) -> u64 {
        let mut r: u64 = 0;
        for w in header.chunks(8) {
            r = r.wrapping_add(u64::from_le_bytes(w.try_into().unwrap()));
            r = r.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        r
    }

    /// A run of entries that are not large.
    fn between(tar: &[u8], run: &[Entry], end: usize, m: usize, ends: &mut Vec<usize>) {
        let begin = run[0].begin;
        let boundaries: Vec<(usize, u64)> = run[1..]
            .iter()
            .map(|entry| (entry.begin, rank(&tar[entry.begin..entry.content])))
            .collect();
        let near = 7 * m / 16;
        let mut cuts = vec![begin];
        for &(at, rank) in &boundaries {
            let outranked = boundaries.iter().any(|&(other, its)| {
                (other < at && at - other < near && its >= rank)
                    || (other > at && other - at < near && its > rank)
            });
            if at - begin >= near && end - at >= near && !outranked {
                cuts.push(at);
            }
        }
        cuts.push(end);
        while let Some(long) = cuts.windows(2).position(|ab| ab[1] - ab[0] > m) {
            let (a, b) = (cuts[long], cuts[long + 1]);
            let middle = a + (b - a) / 4..=b - (b - a) / 4;
            let mut highest: Option<(usize, u64)> = None;
            for &(at, rank) in boundaries.iter().filter(|(at, _)| middle.contains(at)) {
                if highest.is_none_or(|(_, so_far)| rank > so_far) {
                    highest = Some((at, rank));
                }
            }
            cuts.insert(long + 1, highest.unwrap().0);
        }
        ends.extend(cuts);
    }

    fn gear() -> Vec<u64> {
        let mut s: u64 = 0;
        let next = |_| {
            s = s.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (s ^ (s >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        (0..256).map(next).collect()
    }

    /// A large entry.
    fn inside(tar: &[u8], mut begin: usize, end: usize, m: usize, ends: &mut Vec<usize>) {
        let g = gear();
        assert_eq!(g[0], 0xe220_a839_7b1d_cdaf);
        while end - begin > m {
            // What is older than 64 bytes has left the hash, so it may go on over the whole block.
            let (mut h, mut lowest) = (0u64, (u64::MAX, 0));
            let mut length = None;
            for n in 1..=m {
                h = h
                    .wrapping_mul(2)
                    .wrapping_add(g[usize::from(tar[begin + n - 1])]);
                if n < m / 8 {
                    continue;
                }
                if u128::from(h) < (1u128 << 64) / (m as u128 / 4) {
                    length = Some(n);
                    break;
                }
                if h <= lowest.0 {
                    lowest = (h, n);
                }
            }
            begin += length.unwrap_or(lowest.1);
            ends.push(begin);
        }
        ends.push(end);
    }
}

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Half of the bits: it is compressed, but not to nothing.
    fn bytes(&mut self, size: usize) -> Vec<u8> {
        (0..size)
            .map(|_| b'a' + (self.next() >> 32) as u8 % 16)
            .collect()
    }

    /// Mostly small numbers, as sizes of files are.
    fn size(&mut self, bits: u64) -> usize {
        let bits = 1 + self.next() % bits;
        (self.next() % (1 << bits)) as usize
    }
}

type Files = Vec<(String, Vec<u8>)>;

fn layer(files: &Files) -> Layer {
    let mut builder = Builder::new(Defaults::default(), ".");
    for (path, content) in files {
        builder
            .item(
                path.as_bytes(),
                Item::Bytes(content.clone()),
                &Wish::default(),
                "the test",
            )
            .unwrap();
    }
    builder.finish().unwrap()
}

fn write(layer: &Layer, compression: Compression, threads: usize) -> Vec<u8> {
    let level = (compression != Compression::None).then_some(1);
    let encoding = Encoding::new(compression, level).unwrap();
    let mut blob = Vec::new();
    layer.write(encoding, threads, &mut blob, &|_| {}).unwrap();
    blob
}

/// The members or frames of a blob, and how many bytes of the stream each holds.
fn blocks(blob: &[u8]) -> Vec<(&[u8], usize)> {
    let (mut blocks, mut rest) = (Vec::new(), blob);
    while !rest.is_empty() {
        let (length, content) = if rest[0] == 0x1f {
            gzip_member(rest)
        } else {
            (
                zstd::zstd_safe::find_frame_compressed_size(rest).unwrap(),
                zstd::zstd_safe::get_frame_content_size(rest)
                    .unwrap()
                    .unwrap() as usize,
            )
        };
        let (block, after) = rest.split_at(length);
        blocks.push((block, content));
        rest = after;
    }
    blocks
}

/// The length of the first member, and of its content.
fn gzip_member(bytes: &[u8]) -> (usize, usize) {
    let mut out = vec![0; 2 << 20];
    let (mut taken, mut made) = (0, 0);
    // SAFETY: all pointers lead to memory of the length that is given beside them, or to one number.
    let result = unsafe {
        let decompressor = libdeflate_sys::libdeflate_alloc_decompressor();
        let result = libdeflate_sys::libdeflate_gzip_decompress_ex(
            decompressor,
            bytes.as_ptr().cast(),
            bytes.len(),
            out.as_mut_ptr().cast(),
            out.len(),
            &mut taken,
            &mut made,
        );
        libdeflate_sys::libdeflate_free_decompressor(decompressor);
        result
    };
    assert_eq!(result, libdeflate_sys::libdeflate_result_LIBDEFLATE_SUCCESS);
    (taken, made)
}

/// Both compressions cut where the judge does, and no number of threads changes a byte.
fn check(files: &Files) {
    let layer = layer(files);
    let tar = write(&layer, Compression::None, 1);
    for (compression, largest) in [(Compression::Gzip, 2 << 20), (Compression::Zstd, 8 << 20)] {
        let blob = write(&layer, compression, 1);
        let mut at = 0;
        let ends: Vec<usize> = blocks(&blob)
            .iter()
            .map(|(_, content)| {
                at += content;
                at
            })
            .collect();
        assert_eq!(ends, judge::ends(&tar, largest), "{compression}");
        for threads in [2, 8] {
            assert!(
                write(&layer, compression, threads) == blob,
                "{compression}: {threads} threads"
            );
        }
    }
}

#[test]
fn blocks_end_where_the_page_says() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    // Files of all sizes, with names that need a PAX header among them.
    let mut files: Files = (0..700)
        .map(|n| {
            let size = numbers.size(17);
            let name = format!("{:x}/{n}{}", n / 100, "x".repeat(n % 300));
            (name, numbers.bytes(size))
        })
        .collect();
    // Large ones for one or both: below, at and above the limits, one behind another.
    let half = |m: usize| [m / 2 - 512, m / 2 - 511, m / 2, m - 512, m - 511, m + 1];
    for (n, size) in half(2 << 20)
        .into_iter()
        .chain([5 << 20, 9 << 20])
        .enumerate()
    {
        files.push((format!("2/{n}"), numbers.bytes(size)));
    }
    check(&files);
}

#[test]
fn blocks_of_what_repeats_and_of_nothing() {
    check(&vec![]);
    check(&vec![("a".into(), vec![])]);
    // The end of the archive counts to a large entry, where that is the last one.
    check(&vec![("a".into(), vec![]), ("b".into(), vec![0; 9 << 20])]);
    check(&vec![
        ("a".into(), b"0123456789".repeat(900_000)),
        ("b".into(), vec![7; 3 << 20]),
        ("c".into(), vec![]),
    ]);
}

/// How many blocks of `new` are not in `old`, and how many bytes a chunker finds to be new.
fn moved(old: &Files, new: &Files, compression: Compression) -> (usize, usize, usize) {
    let (old, new) = (
        write(&layer(old), compression, 2),
        write(&layer(new), compression, 2),
    );
    let known = blocks(&old);
    let fresh = blocks(&new)
        .iter()
        .filter(|block| !known.contains(block))
        .count();
    (
        fresh,
        Chunker::new(64 << 10).new_bytes(&old, &new),
        new.len(),
    )
}

#[test]
fn a_change_stays_where_it_is() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let base: Files = (0..1500)
        .map(|n| {
            let size = numbers.size(17);
            (format!("{n:04}"), numbers.bytes(size))
        })
        .collect();
    let other = numbers.bytes(10_000);
    for at in [3, 750, 1496] {
        let mut inserted = base.clone();
        inserted.push((format!("{at:04}-a"), other.clone()));
        let mut removed = base.clone();
        removed.remove(at);
        let mut changed = base.clone();
        changed[at].1.clone_from(&other);
        for (what, files) in [
            ("inserted", inserted),
            ("removed", removed),
            ("changed", changed),
        ] {
            let (blocks, bytes, all) = moved(&base, &files, Compression::Gzip);
            assert!(
                blocks <= 3 && 8 * bytes < all,
                "{what} at {at}: {blocks} blocks, {bytes} of {all} bytes"
            );
        }
    }
}

#[test]
fn bytes_inserted_into_a_large_file_change_blocks_near_them() {
    let mut numbers = Numbers(0x0123_4567_89ab_cdef);
    let content = numbers.bytes(16 << 20);
    let base: Files = vec![("large".into(), content.clone())];
    for at in [10, content.len() / 2, content.len() - 10] {
        let mut longer = content.clone();
        longer.splice(at..at, *b"0123456789");
        let files: Files = vec![("large".into(), longer)];
        let (blocks, bytes, all) = moved(&base, &files, Compression::Gzip);
        // The first block always: the size is in the header.
        assert!(
            blocks <= 5 && 4 * bytes < all,
            "at {at}: {blocks} blocks, {bytes} of {all} bytes"
        );
    }
}
