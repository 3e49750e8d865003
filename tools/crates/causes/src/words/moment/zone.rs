//! Time zones, by their names and as offsets.

use super::reader::Reader;

/// Abbreviations of zones, with minutes east of Greenwich if only one zone is called so.
const ZONES: &[(&str, Option<i32>)] = &[
    ("UTC", Some(0)),
    ("GMT", Some(0)),
    ("WET", Some(0)),
    ("WEST", Some(60)),
    ("BST", None),
    ("CET", Some(60)),
    ("MET", Some(60)),
    ("CEST", Some(120)),
    ("MEST", Some(120)),
    ("EET", Some(120)),
    ("EEST", Some(180)),
    ("MSK", Some(180)),
    ("IST", None),
    ("CST", None),
    ("HKT", Some(480)),
    ("JST", Some(540)),
    ("KST", Some(540)),
    ("AEST", Some(600)),
    ("AEDT", Some(660)),
    ("NZST", Some(720)),
    ("NZDT", Some(780)),
    ("BRT", Some(-180)),
    ("ART", Some(-180)),
    ("EST", Some(-300)),
    ("EDT", Some(-240)),
    ("CDT", Some(-300)),
    ("MST", Some(-420)),
    ("MDT", Some(-360)),
    ("PST", Some(-480)),
    ("PDT", Some(-420)),
    ("HST", Some(-600)),
    ("AKST", Some(-540)),
    ("AKDT", Some(-480)),
];

/// Whether a word is the abbreviation or the name of a time zone.
pub(in crate::words) fn is_zone(word: &str) -> bool {
    const AREAS: &[&str] = &[
        "Africa",
        "America",
        "Antarctica",
        "Asia",
        "Atlantic",
        "Australia",
        "Etc",
        "Europe",
        "Indian",
        "Pacific",
        "US",
    ];
    let plain = word.trim_start_matches(':');
    ZONES.iter().any(|(name, _)| *name == plain)
        || plain
            .split_once('/')
            .is_some_and(|(area, city)| AREAS.contains(&area) && !city.is_empty())
        || ["UTC", "GMT"].iter().any(|base| {
            plain.strip_prefix(base).is_some_and(|rest| {
                rest.starts_with(['+', '-'])
                    && rest.len() <= 6
                    && rest[1..].bytes().all(|b| b.is_ascii_digit() || b == b':')
            })
        })
}

impl Reader<'_> {
    /// Z, +0100, +01:00, +01, UTC, CET.
    pub(super) fn zone(&mut self) -> bool {
        if self.moment.time.is_none() || self.moment.zoned {
            return false;
        }
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let (offset, length) = match bytes {
            [b'Z' | b'z', after @ ..] if !after.first().is_some_and(u8::is_ascii_alphanumeric) => {
                (Some(0), 1)
            }
            [sign @ (b'+' | b'-'), after @ ..] => {
                let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
                let two = |at: usize| -> Option<i32> {
                    rest.get(at..at + 2)?.parse::<u8>().ok().map(i32::from)
                };
                let (hours, minutes, length) = match (digits, after.get(2)) {
                    (4, _) => (two(1), two(3), 5),
                    (2, Some(b':')) => (two(1), two(4), 6),
                    (2, _) => (two(1), Some(0), 3),
                    _ => return false,
                };
                match (hours, minutes) {
                    (Some(h @ 0..=14), Some(m @ 0..=59)) => {
                        let east = h * 60 + m;
                        (Some(if *sign == b'-' { -east } else { east }), length)
                    }
                    _ => return false,
                }
            }
            _ => {
                let length = bytes.iter().take_while(|b| b.is_ascii_uppercase()).count();
                if bytes.get(length).is_some_and(u8::is_ascii_alphanumeric) {
                    return false;
                }
                match ZONES.iter().find(|(name, _)| *name == &rest[..length]) {
                    Some((_, offset)) => (*offset, length),
                    None => return false,
                }
            }
        };
        self.moment.offset = offset;
        self.moment.zoned = true;
        self.at += length;
        true
    }
}
