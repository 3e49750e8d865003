//! Dates and times as tools write them: ISO 8601, RFC 2822, `ctime`, `__DATE__`, and those of languages.
//!
//! A moment is read element by element (weekday, day, month, year, time, zone), so that one reader
//! does for all the orders in which they are written.

mod date;
mod reader;
mod time;
mod zone;

use jiff::civil::Date;

use self::reader::Reader;
pub(super) use self::zone::is_zone;
use super::clock::{monotonic, Clock};
use super::month::Language;
use crate::Cause;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// A date, a time, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    year: Option<i16>,
    month: Option<u8>,
    day: Option<u8>,
    time: Option<Clock>,
    /// Digits of the second's fraction are written.
    fraction: bool,
    /// Minutes east of Greenwich.
    offset: Option<i32>,
    /// Whether a zone is written, even if nobody knows its offset.
    zoned: bool,
    language: Option<Language>,
    /// In which order and with which borders: another one is another locale.
    style: u32,
}

impl Moment {
    /// Read a moment that starts at the start of `text`; with its length in bytes.
    pub(super) fn read(text: &str) -> Option<(Moment, usize)> {
        let mut reader = Reader {
            text,
            at: 0,
            end: 0,
            order: 1,
            moment: Moment::default(),
        };
        while reader.element() && reader.order < 1 << 24 {
            reader.end = reader.at;
            reader.border();
        }
        let mut moment = reader.moment;
        moment.style = reader.order;
        if moment.time.is_some() {
            reader.end += monotonic(&text[reader.end..]);
        }
        moment.is_whole().then_some((moment, reader.end))
    }

    /// Whether this is enough to be sure of.
    fn is_whole(&self) -> bool {
        let dated = self.month.is_some() && (self.day.is_some() || self.year.is_some());
        dated || matches!(self.time, Some((_, _, Some(_))))
    }

    fn date(&self) -> Option<(i16, u8, u8)> {
        Some((self.year?, self.month?, self.day?))
    }

    /// Seconds since 1970 as the clock on the wall shows them.
    fn local_seconds(&self) -> Option<i64> {
        let (year, month, day) = self.date()?;
        let (h, m, s) = self.time?;
        // A day that the month has not counts into the next one, as it does where dates are added up.
        let first = Date::new(year, month.try_into().ok()?, 1).ok()?;
        Some(
            first.duration_since(EPOCH).as_secs()
                + (i64::from(day) - 1) * 86_400
                + i64::from(h) * 3600
                + i64::from(m) * 60
                + i64::from(s.unwrap_or(0)),
        )
    }

    /// Why one moment stands where another one stood.
    pub(super) fn cause(&self, other: &Moment) -> Cause {
        let same_day =
            self.month == other.month && self.day == other.day && self.year == other.year;
        let same_wall = same_day && self.time == other.time;
        if same_wall && (self.offset != other.offset || self.zoned != other.zoned) {
            return Cause::Timezone;
        }
        let instants = (|| {
            let utc =
                |moment: &Moment| Some(moment.local_seconds()? - 60 * i64::from(moment.offset?));
            Some((utc(self)?, utc(other)?))
        })();
        if let Some((a, b)) = instants {
            if a == b && self.offset != other.offset {
                return Cause::Timezone;
            }
            if a != b {
                return Cause::Timestamp;
            }
        }
        if same_wall && (self.language != other.language || self.style != other.style) {
            return Cause::Locale;
        }
        if self.shifted_by_a_zone(other) {
            return Cause::Timezone;
        }
        Cause::Timestamp
    }

    /// Whether minutes and seconds agree and the hours do not, where no zone is written that would
    /// say better. Full hours agree by chance too often.
    fn shifted_by_a_zone(&self, other: &Moment) -> bool {
        if self.offset.is_some() && other.offset.is_some() {
            return false;
        }
        let (Some((h1, m1, Some(s1))), Some((h2, m2, Some(s2)))) = (self.time, other.time) else {
            return false;
        };
        if self.fraction || other.fraction || s1 != s2 || s1 == 0 {
            return false;
        }
        match (self.local_seconds(), other.local_seconds()) {
            (Some(a), Some(b)) => {
                let apart = (a - b).abs();
                apart > 0 && apart <= 14 * 3600 && apart % 1800 == 0
            }
            (None, None) => {
                self.month == other.month && self.day == other.day && m1 == m2 && h1 != h2
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<Moment> {
        Moment::read(text).and_then(|(moment, end)| (end == text.len()).then_some(moment))
    }

    #[test]
    fn all_common_shapes_are_read() {
        for text in [
            "2026-11-25",
            "2026/11/25",
            "2026-11-25T10:11:12Z",
            "2026-11-25T10:11:12.123456+01:00",
            "2026-11-25 10:11:12 +0100",
            "2026-11-25 10:11",
            "Wed, 25 Nov 2026 10:11:12 +0000",
            "Wed, 25 Nov 2026 10:11:12 GMT",
            "Wed Nov 25 10:11:12 2026",
            "Wed Nov 25 10:11:12 UTC 2026",
            "Nov 25 2026",
            "Nov  5 2026",
            "November 25, 2026",
            "25 November 2026",
            "25-Nov-2026",
            "25. November 2026",
            "November 2026",
            "Nov 25 10:11",
            "10:11:12",
            "9:05 PM",
            "20261125",
            "20261125T101112Z",
            "20261125101112",
            "20261125-101112",
            "25.11.2026",
            "11/25/2026",
            "2026年11月25日",
            "25 novembre 2026",
        ] {
            assert!(whole(text).is_some(), "{text}: {:?}", Moment::read(text));
        }
    }

    #[test]
    fn other_numbers_are_no_moments() {
        for text in [
            "1.2.3",
            "12.2.0-14",
            "10:11",
            "1234",
            "20261325",
            "2026",
            "99:11:12",
            "12:34:56:78:9a:bc",
            "May",
            "Mar",
            "Monday",
            "0.20.1",
            "3/4",
            "12345678",
            "",
        ] {
            assert!(whole(text).is_none(), "{text}");
        }
    }

    #[test]
    fn zones_and_languages_are_told_from_times() {
        let cause = |a: &str, b: &str| whole(a).unwrap().cause(&whole(b).unwrap());
        for (a, b, expected) in [
            (
                "2026-11-25T10:11:12Z",
                "2026-11-25T19:11:12+09:00",
                Cause::Timezone,
            ),
            (
                "2026-11-25T10:11:12Z",
                "2026-11-25T19:11:13+09:00",
                Cause::Timestamp,
            ),
            (
                "Wed Nov 25 22:13:35 UTC 2026",
                "Thu Nov 26 07:13:35 JST 2026",
                Cause::Timezone,
            ),
            (
                "2026-11-25 10:11:12",
                "2026-11-25 12:11:12",
                Cause::Timezone,
            ),
            (
                "2026-11-25 10:00:00",
                "2026-11-25 12:00:00",
                Cause::Timestamp,
            ),
            (
                "2026-11-25 10:11:12",
                "2026-11-26 10:11:12",
                Cause::Timestamp,
            ),
            ("25 November 2026", "25 novembre 2026", Cause::Locale),
            ("11/25/2026", "25.11.2026", Cause::Locale),
            ("Nov 25 2026", "Nov 26 2026", Cause::Timestamp),
        ] {
            assert_eq!(cause(a, b), expected, "{a} {b}");
        }
        assert!(is_zone("Europe/Berlin") && is_zone("UTC+2") && !is_zone("usr/lib"));
    }
}
