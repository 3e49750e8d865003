//! The readers of compressed files: the same result for any size of the pieces, and none
//! after an error.

#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use verbatim_reader::decompress;

/// Enough for everything but bombs.
const MOST: usize = 8 << 20;

fn read(bytes: &[u8], piece: usize, threads: usize) -> Result<Vec<u8>, String> {
    let mut reader = decompress(Pieces(bytes, piece)).threads(threads);
    let mut out = Vec::new();
    let mut buffer = vec![0; piece];
    while out.len() < MOST {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => out.extend_from_slice(&buffer[..n]),
            Err(e) => {
                assert!(reader.read(&mut buffer).is_err());
                return Err(e.to_string());
            }
        }
    }
    out.truncate(MOST);
    Ok(out)
}

struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = out.len().min(self.1);
        self.0.read(&mut out[..n])
    }
}

fuzz_target!(|bytes: &[u8]| {
    let large = read(bytes, 100_000, 1);
    let small = read(bytes, 100, 3);
    // Where exactly an error shows depends on how far a decoder looks ahead.
    assert_eq!(large.is_ok(), small.is_ok(), "{large:?} {small:?}");
    if let (Ok(large), Ok(small)) = (large, small) {
        assert!(large == small);
    }
});
