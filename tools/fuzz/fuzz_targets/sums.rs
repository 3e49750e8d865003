//! Lists of sums: the text, and the document beside it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verbatim_oci::{json, Reference};
use verbatim_sums::{text, Reading, Record};

fuzz_target!(|data: &[u8]| {
    // The document, in pieces as it comes and as a whole.
    let record = Record::parse(data, "f");
    assert_eq!(record.as_ref().ok(), json::parse::<Record>(data, "f").ok().as_ref());
    if let Ok(record) = &record {
        let mut written = Vec::new();
        record.write(&mut written).unwrap();
        assert_eq!(Record::parse(&written, "f").ok().as_ref(), Some(record));
    }
    for reading in [Reading::Form, Reading::Files(None)] {
        let Ok(parsed) = text::parse_as(data, "f", reading) else {
            continue;
        };
        // What was understood is written in one form, which says the same.
        let written = text::render(&parsed.sums);
        let again = text::parse(written.as_bytes(), "f").unwrap();
        assert_eq!(again.deviations, []);
        assert_eq!(again.sums, parsed.sums);
        for (subject, digest) in parsed.sums.iter() {
            assert_eq!(parsed.sums.get(subject), Some(digest));
        }
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(reference) = text.parse::<Reference>() {
        let parts = (reference.prefix(), reference.name(), reference.tag().unwrap_or_default());
        let made = Reference::new(reference.registry(), parts.0, parts.1, parts.2);
        assert_eq!(made.as_ref(), Ok(&reference));
        assert_eq!(reference.as_str(), text);
        assert!(reference.registry().is_ascii() && !reference.registry().contains('/'));
        for other in reference.synonyms() {
            assert_eq!(other.identity(), reference.identity());
        }
    }
});
