//! The handlers of files that are normalised in place: no panic, and what was normalised
//! once is normal. The first byte chooses the file's name, and so the handler.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verbatim_normalize::{normalize_bytes, Options};

const NAMES: [&str; 10] = [
    "x.gz",
    "x.a",
    "x.zip",
    "x.jar",
    "x.whl",
    "x.png",
    "x.pyc",
    "x.html",
    "x.properties",
    "x.mo",
];

fuzz_target!(|input: &[u8]| {
    let Some((selector, data)) = input.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*selector) % NAMES.len()];
    let options = Options {
        mtime: if selector & 0x40 != 0 {
            1_700_000_000
        } else {
            0
        },
        clamp: selector & 0x80 != 0,
        ..Options::default()
    };
    if let Ok((report, Some(content))) = normalize_bytes(name, data, &options) {
        assert!(report.changed());
        let (report, again) = normalize_bytes(name, &content, &options).unwrap();
        assert!(again.is_none(), "{report:?}");
    }
});
