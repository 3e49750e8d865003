//! Seconds since 1970 as a date, in UTC, for formats that write dates.

/// A second, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

/// The years that every format here can write with four digits.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

impl Moment {
    /// The date of a second since 1970; what lies outside of the years 0 to 9999 becomes the nearest in them.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let seconds = seconds.clamp(FIRST, LAST);
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Years are counted from March, so that the leap day is the last; 400 years repeat.
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month: month as u8,
            day: day as u8,
            hour: (rest / 3600) as u8,
            minute: (rest / 60 % 60) as u8,
            second: (rest % 60) as u8,
        }
    }

    /// The second since 1970.
    pub(crate) fn to_seconds(self) -> i64 {
        let month = i64::from(self.month);
        let year = self.year - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let shifted = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * shifted + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        days * 86_400
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
    }

    /// The date alone: `1970-01-01`.
    pub(crate) fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Read a date as ISO 8601 and its relatives write it: `2026-11-23`, `2026-11-23 14:04+0100`,
/// `2026-11-23T14:04:45Z`. Without a zone it is UTC.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let digits = |from: usize, to: usize| -> Option<i64> {
        let field = text.get(from..to)?;
        field.iter().all(u8::is_ascii_digit).then(|| {
            field
                .iter()
                .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
        })
    };
    let is = |at: usize, bytes: &[u8]| text.get(at).is_some_and(|byte| bytes.contains(byte));
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !is(4, b"-") || !is(7, b"-") || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut moment = Moment {
        year,
        month: month as u8,
        day: day as u8,
        hour: 0,
        minute: 0,
        second: 0,
    };
    if text.len() == 10 {
        return Some(moment.to_seconds());
    }
    let (hour, minute) = (digits(11, 13)?, digits(14, 16)?);
    if !is(10, b"T ") || !is(13, b":") || hour > 23 || minute > 59 {
        return None;
    }
    (moment.hour, moment.minute) = (hour as u8, minute as u8);
    let mut at = 16;
    if is(at, b":") {
        moment.second = u8::try_from(digits(17, 19)?).ok().filter(|s| *s < 61)?;
        at = 19;
    }
    if is(at, b".") {
        at += 1;
        at += text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    }
    let zone = match text.get(at..)? {
        b"" | b"Z" => 0,
        zone => {
            let minutes = if zone.get(3) == Some(&b':') { 4 } else { 3 };
            let value =
                digits(at + 1, at + 3)? * 3600 + digits(at + minutes, at + minutes + 2)? * 60;
            match zone[0] {
                b'+' if zone.len() == minutes + 2 => value,
                b'-' if zone.len() == minutes + 2 => -value,
                _ => return None,
            }
        }
    };
    Some(moment.to_seconds() - zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_spelling() {
        for (text, seconds) in [
            ("1970-01-02", Some(86_400)),
            ("1970-01-01 01:00+0100", Some(0)),
            ("1970-01-01T00:00:01Z", Some(1)),
            ("1970-01-01T00:00:01.5-00:30", Some(1801)),
            ("1970-01-01T00:00", Some(0)),
            ("1970-13-01", None),
            ("1970-01-01T", None),
            ("1970-01-01T00:00:01X", None),
            ("1970-01-01 00:00+01", None),
            ("YEAR-MO-DA HO:MI+ZONE", None),
        ] {
            assert_eq!(parse(text.as_bytes()), seconds, "{text}");
            for end in 0..text.len() {
                parse(&text.as_bytes()[..end]);
            }
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
            (i64::MIN, "0000-01-01"),
            (i64::MAX, "9999-12-31"),
        ] {
            assert_eq!(Moment::from_seconds(seconds).date(), date);
        }
        for seconds in (FIRST..LAST).step_by(777_777_777) {
            assert_eq!(Moment::from_seconds(seconds).to_seconds(), seconds);
        }
    }
}
