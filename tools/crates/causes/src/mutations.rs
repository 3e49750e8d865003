//! No bytes, and no change of bytes, may end the program: files of all formats with random changes.

use crate::{compare, Comparison};

/// Numbers that are the same on each run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % n.max(1)
    }

    fn changed(&mut self, data: &[u8]) -> Vec<u8> {
        let mut data = data.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(data.len() + 1);
            match self.below(7) {
                0 if at < data.len() => data[at] = self.below(256) as u8,
                1 if at < data.len() => data[at] ^= 1 << self.below(8),
                2 => data.insert(at, self.below(256) as u8),
                3 => data.truncate(at),
                4 => {
                    let end = (at + self.below(20)).min(data.len());
                    data.drain(at..end);
                }
                5 => {
                    let end = (at + self.below(40)).min(data.len());
                    let piece = data[at..end].to_vec();
                    let to = self.below(data.len() + 1);
                    data.splice(to..to, piece);
                }
                _ => {
                    let pieces: [&[u8]; 10] = [
                        b"\r\n",
                        "\u{e9}".as_bytes(),
                        "\u{5e74}".as_bytes(),
                        b"2026-11-25 10:11:12",
                        b"Nov ",
                        b"\xff\xfe",
                        b"-----BEGIN CERTIFICATE-----",
                        b"/home/",
                        b"=",
                        b"00000000000000000000000000",
                    ];
                    let piece = pieces[self.below(pieces.len())];
                    data.splice(at..at, piece.iter().copied());
                }
            }
        }
        data
    }
}

const SEEDS: &[(&str, &[u8])] = &[
    ("a.txt", "Built Wed Nov 25 10:11:12 UTC 2026 by root@node1 in /home/a/x-20261125.c\nid 123e4567-e89b-12d3-a456-426614174000\n2026年11月25日 caf\u{e9}\n".as_bytes()),
    ("a.json", br#"{"created":"2026-11-25T10:11:12Z","env":["A=b","PATH=/x"],"history":[{"n":1},[[],{}]],"files":["a/b","c/d"]}"#),
    ("env.txt", b"HOME=/root\nPATH=/bin:/usr/bin\nPWD=/a\nLC_ALL=C\nMAKEFLAGS=-j4\n"),
    ("etc/shadow", b"root:$6$ab$cd:19000:0:99999:7:::\nbin:*:1:0:99999:7:::\n"),
    ("var/lib/dpkg/status", b"Package: a\nArchitecture: amd64\nVersion: 1.0-1\n\nPackage: b\nVersion: 2\n"),
    ("lib/apk/db/installed", b"C:Q1a=\nP:a\nV:1\n\nP:b\nV:2\n"),
    ("ca.crt", b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----\n"),
    ("InRelease", b"-----BEGIN PGP SIGNED MESSAGE-----\na\n-----BEGIN PGP SIGNATURE-----\nb\n"),
    ("a.bin", b"\x00\x01\x0f/home/alice/x.c\x00\x00\x00\xd0\xf1\x53\x65GCC: (Debian 12.2.0-14) 12.2.0\x00\xff\xfe\xfd\x00Linux h 6.1.0-18-amd64 #1 SMP\x00"),
    ("build.log", b"[1/3] CC a.o\n[2/3] CC b.o\n[3/3] LD x in 1.2s\n"),
];

#[test]
fn nothing_ends_the_program() {
    let mut random = Random(20_261_125);
    for round in 0..3_000 {
        let (name, data) = SEEDS[round % SEEDS.len()];
        let left = random.changed(data);
        let right = if random.below(4) == 0 {
            let other = random.below(SEEDS.len());
            random.changed(SEEDS[other].1)
        } else {
            random.changed(&left)
        };
        if left == right {
            continue;
        }
        let comparison: Comparison = compare(name, &left, &right);
        assert!(!comparison.findings.is_empty(), "{name} {left:?} {right:?}");
        assert!(comparison.excerpts.len() <= 8);
        assert_eq!(comparison, compare(name, &left, &right));
    }
}

#[test]
fn long_files_are_read_to_the_end() {
    // Time that is not linear would not end here.
    let one = vec![b'a'; 1 << 20];
    let mut other = one.clone();
    other[1 << 19] = b'b';
    for name in ["a", "a.json", "etc/shadow", "requirements.txt"] {
        compare(name, &one, &other);
    }
    let lines = |step: usize| -> Vec<u8> {
        (0..60_000usize)
            .flat_map(|n| format!("{} x=1,y=2\n", n * step % 1009).into_bytes())
            .collect()
    };
    compare("a", &lines(7), &lines(11));
    let noise = |step: usize| -> Vec<u8> {
        (0..1usize << 20)
            .map(|n| ((n * n * step) >> 3) as u8)
            .collect()
    };
    compare("a", &noise(7), &noise(11));
    // A long line of which each word differs, and packages that are all called alike.
    let words = |side: char| -> String { (0..100_000).map(|n| format!("{side}{n} ")).collect() };
    compare("a", words('a').as_bytes(), words('b').as_bytes());
    let packages = "Package: a\nVersion: 1\n\n".repeat(20_000);
    let more = format!("{packages}Package: b\nVersion: 1\n");
    compare("var/lib/dpkg/status", packages.as_bytes(), more.as_bytes());
}
