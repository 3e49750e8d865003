//! The civil calendar, as far as headers and helpers write it.

/// Seconds since 1970 of a time in UTC; `None` if there is no such time.
pub(crate) fn seconds(year: u64, month: u64, day: u64, h: u64, m: u64, s: u64) -> Option<u64> {
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && h <= 23
        && m <= 59
        && s <= 60;
    if !valid {
        return None;
    }
    // With years that begin in March, the leap day is the last.
    let (y, shifted) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + h * 3600 + m * 60 + s)
}
