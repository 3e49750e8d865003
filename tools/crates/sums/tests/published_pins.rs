//! Images that another project published, with the digests that it pinned.

use verbatim_oci::Reference;
use verbatim_sums::{text, Subject, Sums};

const PINS: &str = include_str!("../testdata/constellation-published-pins-v2.7.1.txt");

fn pins() -> Vec<(Reference, verbatim_digest::Digest)> {
    PINS.lines()
        .map(|line| {
            let (reference, digest) = line.split_once('@').unwrap();
            (reference.parse().unwrap(), digest.parse().unwrap())
        })
        .collect()
}

#[test]
fn they_have_one_text_whatever_their_order() {
    let mut pins = pins();
    assert_eq!(pins.len(), 12);
    let mut texts = Vec::new();
    for _ in 0..pins.len() {
        pins.rotate_left(5);
        let mut sums = Sums::new();
        let one = |(reference, digest): &(Reference, _)| {
            (Subject::Image(reference.clone()), *digest, "pins")
        };
        sums.add_all(pins.iter().map(one)).unwrap();
        texts.push(text::render(&sums));
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]));
    // The list is in the order of its lines. By parts, what has the prefix `edgelesssys` comes
    // before what has `edgelesssys/constellation`.
    let mut lines: Vec<String> = PINS
        .lines()
        .map(|line| {
            let (reference, digest) = line.split_once('@').unwrap();
            format!("{}  {reference}\n", &digest["sha256:".len()..])
        })
        .collect();
    let agent = lines.pop().unwrap();
    assert!(agent.ends_with("ghcr.io/edgelesssys/gcp-guest-agent:20230221.0\n"));
    lines.insert(3, agent);
    let published = lines.concat();
    assert_eq!(texts[0], published);
    let parsed = text::parse(texts[0].as_bytes(), "pins").unwrap();
    assert_eq!(parsed.deviations, []);
    assert_eq!(text::render(&parsed.sums), published);
}

#[test]
fn their_parts_are_found() {
    for (reference, _) in pins() {
        assert_eq!(reference.registry(), "ghcr.io");
        assert!(reference.prefix().starts_with("edgelesssys"));
        assert!(reference.tag().is_some());
    }
}

#[test]
fn a_list_of_pins_is_read_as_it_was_published() {
    let parsed = text::parse(PINS.as_bytes(), "pins").unwrap();
    assert_eq!(parsed.sums.len(), 12);
    assert!(parsed.deviations.iter().any(|d| d.line == 12));
    for (reference, digest) in pins() {
        assert_eq!(parsed.sums.get(&Subject::Image(reference)), Some(digest));
    }
}
