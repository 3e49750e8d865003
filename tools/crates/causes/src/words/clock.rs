//! The time of day as it stands behind a date, and what belongs to it.

/// Hours, minutes, and seconds if they are written.
pub(super) type Clock = (u8, u8, Option<u8>);

/// What languages say between a date and a time.
const BEFORE: &[&str] = &[
    " - ", " at ", " um ", " à ", " a las ", " alle ", " kl. ", " om ", " o ", " в ",
];

/// The length of what languages say between a date and a time, where a time follows it, or 0.
pub(super) fn joining(text: &str) -> usize {
    let is_clock = |rest: &str| {
        let seconds = |(time, _): (Clock, usize)| time.2.is_some();
        shows_colons(rest) || self::joined(rest).is_some_and(seconds)
    };
    BEFORE
        .iter()
        .find(|word| text.strip_prefix(**word).is_some_and(is_clock))
        .map_or(0, |word| word.len())
}

/// Whether a border and a time follow a date.
pub(super) fn is_time_behind(text: &str) -> bool {
    text.strip_prefix([' ', '_', '-', 'T', ':', '.', '@', '+'])
        .is_some_and(is_time)
}

/// Whether a text begins with a time, of any of the forms that stand behind dates.
pub(super) fn is_time(text: &str) -> bool {
    shows_colons(text) || joined(text).is_some()
}

/// Whether a text begins with a time as clocks show it: `10:11`.
pub(super) fn shows_colons(text: &str) -> bool {
    let two = |at: usize| text.get(at..at + 2).and_then(|two| two.parse::<u8>().ok());
    let colons = text.as_bytes().get(2) == Some(&b':')
        && two(0).is_some_and(|h| h < 24)
        && two(3).is_some_and(|m| m < 60);
    // `10:11:12:13` is a part of an address.
    let more = text.get(5..).is_some_and(|rest| {
        rest.matches(':').count() > 1
            && rest
                .bytes()
                .take(12)
                .all(|b| b == b':' || b.is_ascii_hexdigit())
    });
    colons && !more
}

/// A time as it is joined to a date, and its length: `10-11-12`, `10.11.12`, `10_11`, `10h11m12s`,
/// `101112`, `1011`.
pub(super) fn joined(text: &str) -> Option<(Clock, usize)> {
    let bytes = text.as_bytes();
    let two = |at: usize| -> Option<u8> {
        let digits = bytes.get(at..at + 2)?.iter().all(u8::is_ascii_digit);
        digits.then(|| text[at..at + 2].parse().ok())?
    };
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let hour = two(0)?;
    let (minute, second, length) = match *bytes.get(2)? {
        mark @ (b'-' | b'.' | b'_') => {
            let minute = two(3)?;
            match (bytes.get(5), two(6)) {
                (Some(next), Some(second)) if *next == mark && !digit(8) => {
                    (minute, Some(second), 8)
                }
                _ if digit(5) || bytes.get(5) == Some(&mark) || mark == b'.' => return None,
                _ => (minute, None, 5),
            }
        }
        b'h' => {
            let minute = two(3)?;
            match (bytes.get(5), two(6)) {
                (Some(b'm'), Some(second)) => {
                    let unit = usize::from(bytes.get(8) == Some(&b's'));
                    (minute, Some(second), 8 + unit)
                }
                (Some(b'm'), None) => (minute, None, 6),
                _ => (minute, None, 5),
            }
        }
        b'0'..=b'9' => match bytes.iter().take_while(|b| b.is_ascii_digit()).count() {
            4 => (two(2)?, None, 4),
            6 => (two(2)?, two(4), 6),
            _ => return None,
        },
        _ => return None,
    };
    let plausible = hour < 24 && minute < 60 && second.is_none_or(|s| s <= 60);
    plausible.then_some(((hour, minute, second), length))
}

/// The length of the parts of a second that stand behind it: `.123`, `,123456`, `_123`, `-123`.
pub(super) fn fraction(text: &str) -> usize {
    let rest = text.get(1..).unwrap_or("");
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = !rest[digits..].starts_with(|c: char| c.is_alphabetic() && c != 'Z');
    let plausible = match text.as_bytes().first() {
        Some(b'.' | b',') => (1..=9).contains(&digits),
        // Milliseconds or microseconds; other numbers are counters.
        Some(b'_' | b'-') => matches!(digits, 3 | 6),
        _ => false,
    };
    if plausible && ends {
        1 + digits
    } else {
        0
    }
}

/// The length of `-7` with nothing more behind it.
pub(super) fn deployment(text: &str) -> usize {
    let rest = text.strip_prefix('-').unwrap_or("");
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = !rest[digits..].starts_with(|c: char| c.is_alphanumeric());
    if (1..=4).contains(&digits) && ends {
        1 + digits
    } else {
        0
    }
}

/// The length of ` UTC m=+0.012345678`, the clock that only goes on, as Go prints it behind a time.
pub(super) fn monotonic(text: &str) -> usize {
    // The name of the zone, behind its offset.
    let name = text.trim_start_matches(' ');
    let name = &name[name.bytes().take_while(|b| b.is_ascii_uppercase()).count()..];
    let Some(number) = [text, name].iter().find_map(|s| s.strip_prefix(" m=")) else {
        return 0;
    };
    let signed = number.starts_with(['+', '-']);
    let digits = number[usize::from(signed)..]
        .bytes()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .count();
    if signed && digits > 0 {
        text.len() - number.len() + 1 + digits
    } else {
        0
    }
}

/// HHMM or HHMMSS.
pub(super) fn clock(digits: &str) -> Option<Clock> {
    let part = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let (h, m) = (part(0)?, part(2)?);
    let s = part(4);
    (h < 24 && m < 60 && s.unwrap_or(0) <= 60).then_some((h, m, Some(s.unwrap_or(0))))
}
