//! Seconds since 1970 as a date, in UTC, for formats that write dates.

use jiff::civil::{Date, DateTime, Time};
use jiff::SignedDuration;

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

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Moment {
    /// The date of a second since 1970; what lies outside of the years 0 to 9999 becomes the nearest in them.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let since = SignedDuration::from_secs(seconds.clamp(FIRST, LAST));
        let moment = EPOCH.saturating_add(since);
        Self {
            year: moment.year().into(),
            month: moment.month() as u8,
            day: moment.day() as u8,
            hour: moment.hour() as u8,
            minute: moment.minute() as u8,
            second: moment.second() as u8,
        }
    }

    /// The second since 1970. Days, hours and seconds that there are not (31 June) count into what follows;
    /// years after 9999 are the end of that one.
    pub(crate) fn to_seconds(self) -> i64 {
        let year = i16::try_from(self.year).unwrap_or(i16::MAX);
        let Ok(month) = Date::new(year, self.month as i8, 1) else {
            return LAST;
        };
        month
            .to_datetime(Time::midnight())
            .duration_since(EPOCH)
            .as_secs()
            + (i64::from(self.day) - 1) * 86_400
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
        let moment = |year, month, day| Moment {
            year,
            month,
            day,
            ..Moment::from_seconds(0)
        };
        // Days that there are not are those that follow, and years end where formats do.
        assert_eq!(
            moment(2023, 2, 31).to_seconds(),
            moment(2023, 3, 3).to_seconds()
        );
        assert_eq!(moment(65_535, 1, 1).to_seconds(), LAST);
        for seconds in (FIRST..LAST).step_by(777_777_777) {
            assert_eq!(Moment::from_seconds(seconds).to_seconds(), seconds);
        }
    }
}
