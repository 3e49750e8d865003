//! Every compression, whole, in parts, cut short and damaged.

use std::io::{self, Read, Write};

use bzip2::write::BzEncoder;
use liblzma::write::XzEncoder;
use verbatim_reader::{decompress, Compression, Error, ErrorKind};

/// Something with enough in it to need every part of a format.
fn sample() -> Vec<u8> {
    let mut state = 1u32;
    (0..6000u32)
        .flat_map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = if i % 3 == 0 { state } else { i / 50 };
            noise.to_le_bytes()
        })
        .collect()
}

fn gzip_with(plain: &[u8], header: &[u8]) -> Vec<u8> {
    use zlib_rs::{Deflate, DeflateFlush, Status};
    let mut out = header.to_vec();
    let mut deflate = Deflate::new(6, false, 15);
    let mut body = vec![0; plain.len() + 1000];
    let status = deflate.compress(plain, &mut body, DeflateFlush::Finish);
    assert_eq!(status.unwrap(), Status::StreamEnd);
    out.extend(&body[..deflate.total_out() as usize]);
    out.extend(crc32fast::hash(plain).to_le_bytes());
    out.extend((plain.len() as u32).to_le_bytes());
    out
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    gzip_with(plain, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn xz(plain: &[u8]) -> Vec<u8> {
    let mut encoder = XzEncoder::new(Vec::new(), 1);
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(plain: &[u8]) -> Vec<u8> {
    let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

type Encode = fn(&[u8]) -> Vec<u8>;

const ALL: [(Compression, Encode); 4] = [
    (Compression::Gzip, gzip),
    (Compression::Zstd, zstd),
    (Compression::Xz, xz),
    (Compression::Bzip2, bzip2),
];

fn read(packed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut reader = decompress(packed);
    match reader.read_to_end(&mut out) {
        Ok(_) => {
            assert_eq!(reader.compressed_bytes(), packed.len() as u64);
            Ok(out)
        }
        Err(e) => {
            // Asked again, it neither goes on nor says that this was the end.
            assert!(reader.read(&mut [0; 10]).is_err());
            Err(e.downcast::<Error>().expect("an error of the reader"))
        }
    }
}

#[test]
fn whole_and_in_parts() {
    let plain = sample();
    let (a, b) = plain.split_at(10_000);
    for (compression, encode) in ALL {
        let mut reader = decompress(io::Cursor::new(encode(&plain)));
        assert_eq!(reader.compression().unwrap(), compression);
        let (mut out, mut ahead) = (Vec::new(), reader.read_ahead());
        ahead.read_to_end(&mut out).unwrap();
        assert!(out == plain);
        // Parts, an empty one among them, and zeros at the end.
        let parts = [encode(a), encode(b""), encode(b), vec![0; 700]].concat();
        assert!(read(&parts).unwrap() == plain, "{compression}");
        assert_eq!(read(&encode(b"")).unwrap(), b"");
    }
    assert!(read(&plain).unwrap() == plain);
    assert_eq!(read(b"").unwrap(), b"");
    assert_eq!(
        decompress(&b""[..]).compression().unwrap(),
        Compression::None
    );
}

#[test]
fn more_than_any_buffer() {
    let plain = sample().repeat(100);
    for (_, encode) in ALL {
        assert!(read(&encode(&plain)).unwrap() == plain);
    }
    let mut ahead = decompress(io::Cursor::new(plain.clone())).read_ahead();
    let mut out = Vec::new();
    ahead.read_to_end(&mut out).unwrap();
    assert!(out == plain);
    // A reader that is left early does not hang.
    let mut ahead = decompress(io::Cursor::new(gzip(&plain))).read_ahead();
    ahead.read_exact(&mut [0; 10]).unwrap();
}

#[test]
fn skippable_frames() {
    let skippable = |n: u8, data: &[u8]| {
        let mut frame = vec![0x50 + n, 0x2a, 0x4d, 0x18];
        frame.extend((data.len() as u32).to_le_bytes());
        frame.extend(data);
        frame
    };
    let plain = sample();
    let parts = [
        skippable(0, b""),
        skippable(15, &[7; 300_000]),
        zstd(&plain),
        skippable(3, b"table"),
    ]
    .concat();
    assert!(read(&parts).unwrap() == plain);
    let error = read(&skippable(1, b"abc")[..10]).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::Truncated, 10));
}

#[test]
fn gzip_headers() {
    let plain = sample();
    // Extra field, name, comment and the header's own checksum.
    let mut header = vec![0x1f, 0x8b, 8, 0b11110, 1, 2, 3, 4, 2, 3];
    header.extend([5, 0]);
    header.extend(b"extra");
    header.extend(b"name\0comment\0");
    let crc = crc32fast::hash(&header) as u16;
    header.extend(crc.to_le_bytes());
    let packed = gzip_with(&plain, &header);
    assert!(read(&packed).unwrap() == plain);
    for n in 3..header.len() {
        assert_eq!(read(&packed[..n]).unwrap_err().kind(), ErrorKind::Truncated);
    }
    let mut wrong = packed.clone();
    wrong[header.len() - 1] ^= 1;
    assert!(read(&wrong).unwrap_err().to_string().contains("header"));
    let empty_extra = [&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255][..], &[0, 0]].concat();
    assert!(read(&gzip_with(&plain, &empty_extra)).unwrap() == plain);
    for (at, value) in [(2, 7), (3, 0x80)] {
        let mut second = gzip(&plain);
        second[at] = value;
        let error = read(&[gzip(b"first"), second].concat()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

#[test]
fn cut_short_anywhere() {
    let plain = &sample()[..3000];
    for (compression, encode) in ALL {
        let packed = encode(plain);
        for n in 10..packed.len() {
            let error = read(&packed[..n]).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Truncated,
                "{compression} {n}: {error}"
            );
            assert_eq!(error.offset(), n as u64);
        }
        // The same in a second part, from its first byte.
        let both = [&packed[..], &packed].concat();
        for n in packed.len() + 1..both.len() {
            let error = read(&both[..n]).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Truncated,
                "{compression} {n}: {error}"
            );
        }
    }
}

#[test]
fn one_wrong_byte_anywhere() {
    let plain = &sample()[..3000];
    for (compression, encode) in ALL {
        let mut packed = encode(plain);
        for at in 10..packed.len() {
            for flip in [0x01, 0x40, 0xff] {
                packed[at] ^= flip;
                match read(&packed) {
                    // Bits that mean nothing; the checksum says so.
                    Ok(same) => assert!(same == plain, "{compression} {at}"),
                    Err(error) => {
                        assert!(error.offset() <= packed.len() as u64);
                        assert!(!error.to_string().contains('\n'), "{error}");
                    }
                }
                packed[at] ^= flip;
            }
        }
    }
}

#[test]
fn what_follows_the_end() {
    for (compression, encode) in ALL {
        let packed = encode(b"content");
        for (tail, at) in [(&b"x"[..], 0), (b"\0\0\0x", 3)] {
            let error = read(&[&packed, tail].concat()).unwrap_err();
            assert_eq!(error.offset(), (packed.len() + at) as u64, "{compression}");
            assert!(error.to_string().contains("follows"), "{error}");
        }
        // A tar archive's zeros are not padding of a plain file.
        assert_eq!(read(b"plain\0\0").unwrap(), b"plain\0\0");
    }
}

#[test]
fn windows_that_are_too_large() {
    // A zstd frame of one byte, with a window of 2^27 and of 2^28.
    let frame = |log: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 9, 0, 0, b'x'];
    assert_eq!(read(&frame(27)).unwrap(), b"x");
    let error = read(&frame(28)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    // An xz block header that asks for a dictionary of 64 and of 128 MiB.
    let stream = |dictionary: u8| {
        let mut out = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1];
        out.extend(crc32fast::hash(&[0, 1]).to_le_bytes());
        let block = [2, 0, 0x21, 1, dictionary, 0, 0, 0];
        out.extend(block);
        out.extend(crc32fast::hash(&block).to_le_bytes());
        out
    };
    assert_eq!(read(&stream(28)).unwrap_err().kind(), ErrorKind::Truncated);
    let error = read(&stream(30)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

#[test]
fn endless_but_empty() {
    for (compression, encode) in ALL {
        let one = encode(b"");
        let error = read(&one.repeat(70_000)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{compression}: {error}");
        assert_eq!(read(&one.repeat(1000)).unwrap(), b"");
    }
}

#[test]
fn a_bomb_is_a_stream() {
    // Four bytes for 128 KiB of zeros: read one piece at a time, never whole.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    let block = |last: u32| ((128u32 << 10) << 3 | 1 << 1 | last).to_le_bytes();
    for _ in 0..2000 {
        bomb.extend(&block(0)[..3]);
        bomb.push(0);
    }
    bomb.extend(&block(1)[..3]);
    bomb.push(0);
    let n = io::copy(&mut decompress(&bomb[..]), &mut io::sink()).unwrap();
    assert_eq!(n, 2001 * (128 << 10));
}

#[test]
fn what_only_looks_compressed() {
    // A name in a tar archive, or text.
    for plain in [
        &b"BZh91AY&S"[..],
        b"BZh9",
        b"\x1f\x8b",
        b"\x28\xb5\x2f",
        b"\xfd7zX",
    ] {
        assert_eq!(decompress(plain).compression().unwrap(), Compression::None);
        assert_eq!(read(plain).unwrap(), plain);
    }
}

/// Members of a gzip file that were decompressed together, and each by itself.
fn check_members(packed: &[u8], expected: Result<&[u8], ErrorKind>) {
    let mut first: Option<Result<Vec<u8>, String>> = None;
    for (threads, piece) in [(1, 100_000), (2, 9_999_999), (8, 100_000)] {
        let mut out = Vec::new();
        let mut reader = decompress(Pieces(packed, piece)).threads(threads);
        let got = match reader.read_to_end(&mut out) {
            Ok(_) => {
                assert!(Ok(&out[..]) == expected, "{threads}");
                assert_eq!(reader.compressed_bytes(), packed.len() as u64);
                Ok(out)
            }
            Err(e) => {
                let e = e.downcast::<Error>().unwrap();
                assert_eq!(Err(e.kind()), expected.map(|_| ()), "{threads} {e}");
                assert!(reader.read(&mut [0; 10]).is_err());
                Err(e.to_string())
            }
        };
        assert!(*first.get_or_insert_with(|| got.clone()) == got);
    }
    let mut out = Vec::new();
    let ahead = decompress(io::Cursor::new(packed.to_vec())).read_ahead();
    let result = io::BufReader::new(ahead).read_to_end(&mut out);
    assert_eq!(result.is_ok(), expected.is_ok());
}

struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(self.1);
        self.0.read(&mut out[..n])
    }
}

#[test]
fn gzip_of_many_members() {
    let plain = sample().repeat(150);
    for size in [plain.len() / 7, 1 << 20, 200_000, 30_000] {
        let packed: Vec<u8> = plain.chunks(size).flat_map(gzip).collect();
        check_members(&packed, Ok(&plain));
        check_members(&[&packed[..], &[0; 1000]].concat(), Ok(&plain));
        // Something wrong in a member at the end, in the middle, and between two.
        let mut wrong = packed.clone();
        let last = wrong.len() - 5;
        wrong[last] ^= 1;
        check_members(&wrong, Err(ErrorKind::Malformed));
        let mut wrong = packed.clone();
        let middle = wrong.len() / 2 + 1;
        wrong[middle] ^= 0x10;
        check_members(&wrong, Err(ErrorKind::Malformed));
        check_members(&packed[..packed.len() - 1], Err(ErrorKind::Truncated));
        check_members(&packed[..packed.len() / 2 + 1], Err(ErrorKind::Truncated));
        check_members(&[&packed[..], b"x"].concat(), Err(ErrorKind::Malformed));
    }
}

#[test]
fn gzip_members_that_are_hard_to_guess() {
    let part = sample();
    // Members inside of members, not compressed again: their headers lead astray.
    let nested: Vec<u8> = part.chunks(1000).flat_map(gzip).collect();
    let stored = |plain: &[u8]| {
        let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        for (i, chunk) in plain.chunks(60_000).enumerate() {
            out.push(u8::from((i + 1) * 60_000 >= plain.len()));
            out.extend((chunk.len() as u16).to_le_bytes());
            out.extend((!(chunk.len() as u16)).to_le_bytes());
            out.extend(chunk);
        }
        out.extend(crc32fast::hash(plain).to_le_bytes());
        out.extend((plain.len() as u32).to_le_bytes());
        out
    };
    let mut packed = Vec::new();
    let mut plain = Vec::new();
    for i in 0..60 {
        if i % 3 == 0 {
            packed.extend(gzip(&part));
            plain.extend(&part);
        } else {
            packed.extend(stored(&nested));
            plain.extend(&nested);
        }
    }
    check_members(&packed, Ok(&plain));
    // Headers that change, names in them, empty members, one that is large.
    let large = part.repeat(200);
    let mut packed = Vec::new();
    let mut plain = Vec::new();
    for i in 0..50u8 {
        let name = [&[0x1f, 0x8b, 8, 8, i / 10, 0, 0, 0, 0, 3][..], b"name\0"].concat();
        packed.extend(gzip_with(&part, &name));
        plain.extend(&part);
        packed.extend(gzip_with(b"", &name));
        if i == 25 {
            packed.extend(gzip(&large));
            plain.extend(&large);
        }
    }
    check_members(&packed, Ok(&plain));
    // A length that lies.
    let mut lies: Vec<u8> = (0..10).flat_map(|_| gzip(&part)).collect();
    let one = gzip(&part).len();
    lies[5 * one - 1] ^= 1;
    check_members(&lies, Err(ErrorKind::Malformed));
}

/// A source that gives one byte at a time: no look ahead is ever in one piece.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(1);
        Read::read(&mut self.0, &mut out[..n])
    }
}

/// `xz` itself, its parallel relatives and tape drives write padding between streams.
#[test]
fn xz_streams_with_padding_between_them() {
    let one = xz(b"one");
    for zeros in [4, 8, 512, 300_000] {
        let packed = [&one[..], &vec![0; zeros], &xz(b"two"), &[0; 4]].concat();
        assert_eq!(read(&packed).unwrap(), b"onetwo", "{zeros}");
        let mut slow = Vec::new();
        decompress(Trickle(&packed)).read_to_end(&mut slow).unwrap();
        assert_eq!(slow, b"onetwo", "{zeros}");
    }
    // Twice, and around a stream without content.
    let pad = [0; 4];
    let packed = [&one[..], &pad, &xz(b""), &pad, &pad, &xz(b"two")].concat();
    assert_eq!(read(&packed).unwrap(), b"onetwo");

    for zeros in [1, 2, 3, 5, 511] {
        let packed = [&one[..], &vec![0; zeros], &xz(b"two")].concat();
        let error = read(&packed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert_eq!(error.offset(), (one.len() + zeros) as u64);
        assert!(error.to_string().contains("multiple of 4"), "{error}");
        // Behind the last one too (the .xz file format 1.2, section 2.2).
        let error = read(&[&one[..], &vec![0; zeros]].concat()).unwrap_err();
        assert_eq!(error.offset(), (one.len() + zeros) as u64);
        assert!(error.to_string().contains("multiple of 4"), "{error}");
    }
    // Garbage behind padding, a stream of another format, and one that is cut short.
    for wrong in [&b"x"[..], &gzip(b"two"), &xz(b"two")[..20]] {
        assert!(read(&[&one[..], &pad, wrong].concat()).is_err());
    }
}

/// No other format has padding: its tools stop there or warn.
#[test]
fn zeros_between_parts_of_other_formats() {
    for (compression, encode) in ALL {
        if compression == Compression::Xz {
            continue;
        }
        let one = encode(b"one");
        let packed = [&one[..], &[0; 4], &encode(b"two")].concat();
        let error = read(&packed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{compression}");
        assert_eq!(error.offset(), one.len() as u64 + 4, "{compression}");
    }
}

#[test]
fn empty_xz_streams_with_padding_have_an_end() {
    let part = [&xz(b"")[..], &[0; 4]].concat();
    let error = read(&part.repeat(70_000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}
