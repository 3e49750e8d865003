//! The bytes of a layer are a promise: these digests change only with a new version of an encoder, on purpose.
//!
//! Each stands for a compression and a level over one generated layer that covers several
//! blocks, and must come out with 1, 2 and 8 threads, in every build mode and on every
//! architecture.

use verbatim_archive::{
    Builder, Compression, Cut, Defaults, Encoding, Item, Layer, Settings, Wish,
};
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
    // Enough for a second frame of zstd, whose end the content decides, and quick at every level.
    let sparse = (0..9_000_000).map(|at| u8::from(at % 4001 == 0)).collect();
    add("usr/sparse", Item::Bytes(sparse));
    add("usr/link", Item::Symlink(b"text".to_vec()));
    add("usr/name", Item::HardLink(b"usr/text".to_vec()));
    builder.finish().unwrap()
}

const DIFF_ID: &str = "393ba95494ac3c1e777388e817215b287ee9fdc5f121924f76df0cbc992229e3";

const GZIP: [&str; 9] = [
    "dd59ff6a1d6724fee527d60e14ba191cf3fcdf2b9e829725f38db8d74c4e816e",
    "db53b7c5af410fe114fb61c9f49bb2d183b0053030a3dd802152c51acadd2f7b",
    "db53b7c5af410fe114fb61c9f49bb2d183b0053030a3dd802152c51acadd2f7b",
    "93815355af82e03e2df846d8ce848f5f62f68a318d3bf4b7981bdc2b74ee4243",
    "93815355af82e03e2df846d8ce848f5f62f68a318d3bf4b7981bdc2b74ee4243",
    "7c6e4a6b99ba428ef6960e80f074dda1dad26b71a9984aff5c7f4cf051db5869",
    "b0630e6e5b09e54f2cebead97e76bec252c2fa1bf4f6e02acc54efb2598edfc1",
    "0332229715aeab6c5a5b918a136e45f6eea8b42b9fc7ce7ebd2e27b3503a33a6",
    "3d12d1cadb5cb34b8e53d5db730b5fc360fb583eca71c6146cff66e7a4fdbab9",
];

/// Of what is compressed already, at the default level of gzip.
const PACKED: &str = "cac8c54f249a4799869b3739524701f5dd2884bde9552168adc3a5f9dfc697e4";

const ZSTD: [&str; 19] = [
    "6e65112b89045540d75aab24f2b6886c1a7c78d5a3f4a9b358693df3103a4c11",
    "90169c2e290c25191366e5c854292444e27f44c1f9de9b81cf440897f3262913",
    "08c905ff708bda1a3d4aa0b21e38b307e80161f858cf7f2dd8058066d10ccd6d",
    "86b978ae5a1639ffa6be10ce1764eac2030b1167ae884247152fdbf5a5d6afe4",
    "3f42e5fd19579b24342ad7688053c6d9e70898eac1a4a5806a8cd35e572e5fe7",
    "67eecabaa2e5081f74b2cc6c039aa863bbf38310d20bc69a28e1a4400b3cc5c3",
    "0a70e0cb9500d1d53f7f22ca4171bb9082d503d18e9edd489b39f9878ea062bb",
    "2e3630824470fa9933f7b3bcdc0081955c9596fa840c1a24eade3798611c6aa9",
    "03fbd3657c0d30831199876d4d74dd46f795d757bd26c2bf35b3279acea0f5ce",
    "6d2098ce06a10a4d09d9f361b9b3b831336aa2910525b5c32775b6fbd7092e29",
    "6b5ccb3c2fac09bd72d7ba1c4450a647486b6113342c799a1e8df1b593058fa1",
    "9192d1a5595e576a0896027b4d69b097482521fda3d37ff6d58dc526293d1344",
    "30312fd086797d366db69649cca15e32119b81c03f447b50518e4eae9830c3b6",
    "45eadb42e6549f88a4d2d578208f05b2b7c16ccb2c59485c9f2036f96537193f",
    "1ca848693a7156d9f6494c8043f35deb26dab959dfa95cb8b9fca9b1c091135e",
    "362420a85d68eca7be033aac4b1b0347bae31e5eb1ae3120205489a3a5ed36a6",
    "c207f1ebadb39db57c703b07aa245c3018d005d8be14163fa12a9ebcb1f177e8",
    "9ce9248133d49562768e12e0a6b4d42e28060db580e99939f322a7469e0bfed3",
    "39bcedadd5ad23390dcf6bbea595a0d8c25ecd3b2db8c9b365e03d40159cdd30",
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
        (gzip.level, gzip.settings, gzip.cut),
        (
            Some(6),
            Some(Settings {
                data: 3,
                text: 5,
                packed: 1
            }),
            Some(Cut {
                rule: "content/1",
                largest: 2 << 20
            })
        )
    );
    let zstd = Encoding::new(Compression::Zstd, None).unwrap().encoder();
    assert_eq!((zstd.name, zstd.version), ("zstd", Some("1.5.7")));
    assert_eq!(
        (zstd.level, zstd.settings, zstd.cut),
        (
            Some(3),
            None,
            Some(Cut {
                rule: "content/1",
                largest: 8 << 20
            })
        )
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
