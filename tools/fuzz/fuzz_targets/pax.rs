//! The records of extended headers, for one entry and for all: the input is the data of
//! such a header, up to its first `0xff`, and after that the content of a file.

#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use verbatim_reader::Archive;

fn put(out: &mut Vec<u8>, flag: u8, data: &[u8]) {
    let mut block = [0; 512];
    block[0] = b'f';
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
    block[156] = flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&block);
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
}

fuzz_target!(|input: &[u8]| {
    let split = input.iter().position(|&b| b == 0xff);
    let (records, content) = match split {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &b"content"[..]),
    };
    for flag in [b'x', b'g'] {
        let mut bytes = Vec::new();
        put(&mut bytes, flag, records);
        put(&mut bytes, b'0', content);
        put(&mut bytes, b'0', b"next");
        bytes.resize(bytes.len() + 1024, 0);
        let mut archive = Archive::new(&bytes[..]).limit_holes(1 << 22);
        while let Ok(Some(mut entry)) = archive.next_entry() {
            let mut read = Vec::new();
            if entry.read_to_end(&mut read).is_ok() {
                assert_eq!(read.len() as u64, entry.size);
            }
        }
    }
});
