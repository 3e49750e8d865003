//! Stripping: no panic, no growth beyond the headers, twice is the same as once, and an
//! error leaves the file as it was.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use verbatim_normalize::{elf, scan};

static RULES: LazyLock<scan::Rules> =
    LazyLock::new(|| scan::Rules::new(true, &["secret"], &["allowed"]).unwrap());

fuzz_target!(|input: &[u8]| {
    let mut once = input.to_vec();
    match elf::strip(&mut once) {
        Err(_) => assert!(once == input),
        Ok(report) => {
            assert_eq!(report.to, once.len() as u64);
            assert!(once.len() < 20 * input.len() + (1 << 18));
            let mut twice = once.clone();
            elf::strip(&mut twice).unwrap();
            assert!(once == twice);
        }
    }
    for finding in RULES.scan(input).first {
        assert!((finding.offset as usize) < input.len());
    }
});
