//! The bytes of a layer are a promise: these digests change only with a new version of an encoder, on purpose.
//!
//! Each stands for a compression and a level over one generated layer that covers several
//! blocks, and must come out with 1, 2 and 8 threads, in every build mode and on every
//! architecture.

use verbatim_archive::{Builder, Compression, Defaults, Encoding, Item, Layer, Settings, Wish};
use verbatim_digest::Digest;

/// A small random number generator whose numbers are the same for ever.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Something like text: words of a small vocabulary.
fn text(numbers: &mut Numbers, size: usize) -> Vec<u8> {
    let words: Vec<Vec<u8>> = (0..600)
        .map(|_| {
            let length = 2 + numbers.below(9) as usize;
            (0..length)
                .map(|_| b'a' + numbers.below(26) as u8)
                .collect()
        })
        .collect();
    let mut out = Vec::with_capacity(size + 16);
    while out.len() < size {
        // Small numbers are more frequent, as words are.
        let pick = numbers.below(600).min(numbers.below(600)) as usize;
        out.extend_from_slice(&words[pick]);
        out.push(if numbers.below(12) == 0 { b'\n' } else { b' ' });
    }
    out.truncate(size);
    out
}

/// Something like a program: small numbers, repetitions and stretches of noise.
fn binary(numbers: &mut Numbers, size: usize) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(size + 4096);
    while out.len() < size {
        match numbers.below(8) {
            0 => out.extend((0..64).map(|_| numbers.next() as u8)),
            1 => out.extend(std::iter::repeat_n(0, numbers.below(2000) as usize)),
            2 if out.len() > 5000 => {
                let from = numbers.below(out.len() as u64 - 4000) as usize;
                let length = 8 + numbers.below(500) as usize;
                out.extend_from_within(from..from + length);
            }
            _ => {
                for _ in 0..40 {
                    out.extend_from_slice(&(numbers.below(1 << 12) as u32).to_le_bytes());
                }
            }
        }
    }
    out.truncate(size);
    out
}

fn layer() -> Layer {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut builder = Builder::new(Defaults::default(), ".");
    let mut add = |path: &str, item: Item| {
        builder
            .item(path.as_bytes(), item, &Wish::default(), "the test")
            .unwrap();
    };
    add("usr", Item::Directory);
    add("usr/share", Item::Directory);
    for number in 0..200 {
        let size = numbers.below(6000) as usize;
        let path = format!("usr/share/{:03}{}", number, "/x".repeat(number % 3));
        if number % 3 > 0 {
            add(&format!("usr/share/{number:03}"), Item::Directory);
        }
        if number % 3 == 2 {
            add(&format!("usr/share/{number:03}/x"), Item::Directory);
        }
        add(&path, Item::Bytes(text(&mut numbers, size)));
    }
    add("usr/lib.so", Item::Bytes(binary(&mut numbers, 700_000)));
    add(
        "usr/noise",
        Item::Bytes((0..300_000).map(|_| numbers.next() as u8).collect()),
    );
    add("usr/text", Item::Bytes(text(&mut numbers, 700_000)));
    // Enough for a second frame of zstd, and quick at every level.
    let sparse = (0..2_700_000).map(|at| u8::from(at % 4001 == 0)).collect();
    add("usr/sparse", Item::Bytes(sparse));
    add("usr/link", Item::Symlink(b"text".to_vec()));
    add("usr/name", Item::HardLink(b"usr/text".to_vec()));
    builder.finish().unwrap()
}

const DIFF_ID: &str = "e691bacd5cdec65e17e068aeb1a23e90e6d7bb5df51b975d1ce1aae82e808e73";

const GZIP: [&str; 9] = [
    "c06c53a44ea1144c1e91bf2b41c7519783f34396dc9a5ad5d8bb4887e4091238",
    "c717d4a7b8bee11be0446ebefa2ff0dbe162d79b2e70d525e20fbcb2ecaa6dad",
    "c717d4a7b8bee11be0446ebefa2ff0dbe162d79b2e70d525e20fbcb2ecaa6dad",
    "370eedd87c9f67936b25ab325c34e3bc0d63ad88f6e4c03643f1003d0b83c15d",
    "370eedd87c9f67936b25ab325c34e3bc0d63ad88f6e4c03643f1003d0b83c15d",
    "51643ece2b894ff0daf4db9a1a0bd8966cbfd922c6bba8876e43734a1d818bcd",
    "3a6aba0fc96db4d4171860938b8b0976745329ae2010be050de3505602681ec5",
    "71a6c8e596d2e4d21ee44c7277f384c6ba47f99fe12addf8cb2f488fe7cd04e6",
    "f60647407e19e5905f7ee09703efb091352cf5446811910ed333751d570762a7",
];

/// Of what is compressed already, at the default level of gzip.
const PACKED: &str = "f363b7391906f397b7b087834f97c6bbd3c5c68951a752f497e6ce746e0d6c18";

const ZSTD: [&str; 19] = [
    "8a75841b217b57021caf156f809ba81d2bca25cf714915b5b29effb0afbf74f5",
    "d2ba63ec30a95a1ab002d6f8f042eda505111cd72b0458b4b0702e13f7c4ef1b",
    "1b88c0c4a68172369b30e3635a86e10f892c3102a02c1ce1a72078f6353e89d5",
    "ce9b8851e7bc2100cb1ef55ae4bc36da1fc0591eff217e1565fbe39bcf3e6ec1",
    "c7f6467244266f9d00615dfc2fcdd160ea8a99f664928ab1f19245aaedc5f041",
    "da95d0bc0cb85fddc68c1bb8d83ef1833c49f7b4f4c47a3e7f1cb9ff405762d7",
    "64f0155e1fae491e625bcdc83c756549e13d753a57b74f029ff3375b35ee3bc6",
    "c767c560a7916b0b0f518dc61f59b114f62df24fc62264454a4a383287406d5c",
    "728984668b51011c05efd7759f51f5c0e209b98444e6c67506337d54a0dfa9be",
    "66a2583ad1ede385227be5f8159471d4ef18ba7b55fe5e642979a771ad17b851",
    "b4c05af30207dedcd8216177f3f6f39a519ce128d36734844348d4806e849244",
    "b4c05af30207dedcd8216177f3f6f39a519ce128d36734844348d4806e849244",
    "8f25415890bea179a3bae2cbe989692820436a593a77fa45cf34d0a28efb5e1c",
    "d20ef68f600d65e05dd9805997f43d431e2ade18ae67800af5cc7a778b2d4b2e",
    "75c5235b997cac24d9f9858420c1edba68e3cf3a4cd0e77b8944da233a0da899",
    "ebf838c3f06ca8583215bf3f6dfba073e3b38c97de3c6a8383a61f0bc6046ce6",
    "467b099466eba9d073ea98af8bdc65e0c3280102121092b5779fdfe0d34f46eb",
    "fa3a31c733c16123d132601b1c2f45258de7758d24660f43c4db2ce70a3672fb",
    "d3a04f7974e641c1ae490c904d55d062971539644b807fa7829e6c4ff79deed2",
];

/// Write the layer with 1, 2 and 8 threads, see that the bytes are the same, and give their digest.
fn digest(layer: &Layer, compression: Compression, level: Option<i32>) -> String {
    let encoding = Encoding::new(compression, level).unwrap();
    let write = |threads| {
        let mut blob = Vec::new();
        let summary = layer.write(encoding, threads, &mut blob, &|_| {}).unwrap();
        assert_eq!(summary.digest, Digest::of(&blob), "{compression} {level:?}");
        assert_eq!(summary.size, blob.len() as u64);
        assert_eq!(summary.diff_id.hex(), DIFF_ID, "{compression} {level:?}");
        (summary, blob)
    };
    let (summary, blob) = write(1);
    for threads in [2, 8] {
        assert!(
            write(threads) == (summary.clone(), blob.clone()),
            "{compression} {level:?}: {threads} threads give other bytes than one"
        );
    }
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut verbatim_reader::decompress(&blob[..]), &mut tar).unwrap();
    assert_eq!(Digest::of(&tar).hex(), DIFF_ID, "{compression} {level:?}");
    summary.digest.hex()
}

fn check(compression: Compression, expected: &[&str]) {
    let layer = layer();
    let actual: Vec<_> = (1..=expected.len() as i32)
        .map(|level| digest(&layer, compression, Some(level)))
        .collect();
    assert!(
        actual == expected,
        "{compression} gives other bytes: {actual:#?}"
    );
    let default = Encoding::new(compression, None)
        .unwrap()
        .encoder()
        .level
        .unwrap();
    assert_eq!(
        digest(&layer, compression, None),
        expected[default as usize - 1]
    );
}

#[test]
fn uncompressed() {
    assert_eq!(digest(&layer(), Compression::None, None), DIFF_ID);
}

#[test]
fn gzip() {
    check(Compression::Gzip, &GZIP);
}

/// What is compressed already: the default level of gzip stores one part of it, and the other one,
/// bytes that are as frequent but come in a pattern, is compressed.
#[test]
fn gzip_of_what_is_packed() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut builder = Builder::new(Defaults::default(), ".");
    for (path, content) in [
        (
            &b"noise"[..],
            (0..3 << 20).map(|_| numbers.next() as u8).collect(),
        ),
        (b"pattern", (0..3 << 20).map(|at| at as u8).collect()),
    ] {
        builder
            .item(path, Item::Bytes(content), &Wish::default(), "the test")
            .unwrap();
    }
    let layer = builder.finish().unwrap();
    let encoding = Encoding::new(Compression::Gzip, None).unwrap();
    let mut tar = Vec::new();
    layer
        .write(
            Encoding::new(Compression::None, None).unwrap(),
            1,
            &mut tar,
            &|_| {},
        )
        .unwrap();
    for threads in [1, 2, 8] {
        let mut blob = Vec::new();
        let summary = layer.write(encoding, threads, &mut blob, &|_| {}).unwrap();
        assert!(summary.size > 3 << 20 && summary.size < (3 << 20) + 200_000);
        assert_eq!(summary.digest.hex(), PACKED, "{threads} threads");
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut verbatim_reader::decompress(&blob[..]), &mut read).unwrap();
        assert!(read == tar);
    }
}

#[test]
fn zstd() {
    check(Compression::Zstd, &ZSTD);
}

#[test]
fn the_encoders_are_the_pinned_ones() {
    let gzip = Encoding::new(Compression::Gzip, None).unwrap().encoder();
    assert_eq!((gzip.name, gzip.version), ("libdeflate", Some("1.26.1")));
    assert_eq!(
        (gzip.level, gzip.settings, gzip.block),
        (
            Some(6),
            Some(Settings {
                data: 3,
                text: 5,
                packed: 1
            }),
            Some(1 << 20)
        )
    );
    let zstd = Encoding::new(Compression::Zstd, None).unwrap().encoder();
    assert_eq!((zstd.name, zstd.version), ("zstd", Some("1.5.7")));
    assert_eq!(
        (zstd.level, zstd.settings, zstd.block),
        (Some(3), None, Some(4 << 20))
    );
}

#[test]
fn levels_that_do_not_exist_are_refused() {
    for (compression, level) in [
        (Compression::Gzip, 0),
        (Compression::Gzip, 10),
        (Compression::Zstd, 20),
        (Compression::Zstd, -1),
        (Compression::None, 1),
    ] {
        let error = Encoding::new(compression, Some(level))
            .unwrap_err()
            .to_string();
        assert!(error.contains("level"), "{error}");
    }
}
