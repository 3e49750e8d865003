//! The tar reader: any bytes, and the same bytes with the checksums of headers put right,
//! for a fuzzer does not find those by itself.

#![no_main]

use std::io::{self, BufRead, Read};

mod checksums;

use libfuzzer_sys::fuzz_target;
use verbatim_reader::{Archive, Error};

/// What was read, in few bytes: a hash of everything, or where it stopped.
fn read_whole(source: impl Read) -> Result<u64, (u64, String)> {
    let place = |e: &Error| (e.offset(), e.to_string());
    let mut archive = Archive::new(source).limit_holes(1 << 22);
    let mut sum = 0u64;
    let mut add = |bytes: &[u8]| {
        for &b in bytes {
            sum = sum.wrapping_mul(31).wrapping_add(u64::from(b) + 1);
        }
    };
    let mut buffer = [0; 4000];
    while let Some(mut entry) = archive.next_entry().map_err(|e| place(&e))? {
        assert!(!entry.path.is_empty() && !entry.path.contains(&0));
        assert!(entry.mode <= 0o7777);
        add(&entry.path);
        add(format!("{:?}{}{}{}", entry.kind, entry.uid, entry.gid, entry.mtime).as_bytes());
        for (name, value) in &entry.xattrs {
            add(name);
            add(value);
        }
        let mut length = 0;
        loop {
            let n = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) => return Err(place(&e.downcast::<Error>().expect("our own error"))),
            };
            add(&buffer[..n]);
            length += n as u64;
        }
        assert_eq!(length, entry.size);
    }
    Ok(sum)
}

/// The same archive without looking at the content: the same entries, the same end.
fn skip_through(bytes: &[u8]) -> Result<(), u64> {
    let mut archive = Archive::new(bytes).limit_holes(1 << 22);
    let mut odd = false;
    while let Some(mut entry) = archive.next_entry().map_err(|e| e.offset())? {
        odd = !odd;
        if odd && entry.size > 0 {
            let n = match entry.fill_buf() {
                Ok(found) => found.len(),
                Err(e) => return Err(e.downcast::<Error>().expect("our own error").offset()),
            };
            assert!(n > 0);
            entry.consume(n.div_ceil(2));
        }
    }
    Ok(())
}

struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(97);
        self.0.read(&mut out[..n])
    }
}

fn check(bytes: &[u8]) {
    let whole = read_whole(bytes);
    assert_eq!(whole, read_whole(Trickle(bytes)));
    assert_eq!(whole.is_ok(), skip_through(bytes).is_ok());
    if let Err((offset, _)) = whole {
        assert!(offset <= bytes.len() as u64);
    }
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut bytes = bytes.to_vec();
    checksums::put_right(&mut bytes);
    check(&bytes);
    // The zeros that a truncated archive lacks.
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    check(&bytes);
});
