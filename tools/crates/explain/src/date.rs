//! Moments as people write them, and back.

use jiff::civil::{date, DateTime};
use jiff::SignedDuration;

/// Seconds since 1970 in the form of RFC 3339, in UTC.
pub(crate) fn shown(seconds: i64) -> String {
    let epoch: DateTime = date(1970, 1, 1).into();
    // Beyond the year 9999 there is no form that everybody reads.
    match epoch.checked_add(SignedDuration::from_secs(seconds)) {
        Ok(moment) if moment.year() > 0 => format!("{moment}Z"),
        _ => format!("{seconds} s"),
    }
}

/// A date and time of MS-DOS, as zip files have it: no zone, steps of two seconds.
pub(crate) fn dos(date: u16, time: u16) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        1980 + (date >> 9),
        date >> 5 & 15,
        date & 31,
        time >> 11,
        time >> 5 & 63,
        (time & 31) * 2
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(shown(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(shown(-1), "1969-12-31T23:59:59Z");
        assert_eq!(shown(253_402_300_799), "9999-12-31T23:59:59Z");
        assert_eq!(shown(253_402_300_800), "253402300800 s");
        assert_eq!(shown(-62_135_596_801), "-62135596801 s");
        assert_eq!(shown(i64::MAX), format!("{} s", i64::MAX));
        assert_eq!(dos(0x21, 0), "1980-01-01 00:00:00");
    }
}
