//! Dates and times as tools write them: ISO 8601, RFC 2822, `ctime`, `__DATE__`, and those of languages.
//!
//! A moment is read element by element (weekday, day, month, year, time, zone), so that one reader
//! does for all the orders in which they are written.

use jiff::civil::Date;
use jiff::SignedDuration;

use super::clock::{
    clock, deployment, fraction, is_time, is_time_behind, joined, joining, monotonic, shows_colons,
    Clock,
};
use super::month::{self, month, weekday, Language};
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
pub(super) fn is_zone(word: &str) -> bool {
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

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Where the last element ended.
    end: usize,
    /// The elements so far, three bits each.
    order: u32,
    moment: Moment,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What may stand between two elements.
    fn border(&mut self) {
        let rest = self.rest().as_bytes();
        // `25 de noviembre de 2026`, `25th of November`.
        let joined = self.moment.day.is_some() || self.moment.month.is_some();
        if let Some(length) = [" de ", " del ", " of "]
            .iter()
            .find(|word| joined && rest.starts_with(word.as_bytes()))
            .map(|word| word.len())
        {
            self.at += length;
            return;
        }
        // `20261125.1011`, `2026-11-25@10:11`, `2026-11-25--10-11-12`: only between a date and a time.
        if self.moment.date().is_some() && self.moment.time.is_none() {
            let length = match rest {
                [b'-', b'-', ..] | [b'_', b'_', ..] => 2,
                [b'.' | b'@' | b'+' | b't' | b'\t', ..] => 1,
                _ => 0,
            };
            if length > 0 && is_time(&self.rest()[length..]) {
                self.at += length;
                return;
            }
        }
        // `25.11.2026 um 10:11`, `25 novembre 2026 à 10:11`, `25 Nov at 10:11`.
        if joined && self.moment.time.is_none() {
            let length = joining(self.rest());
            if length > 0 {
                self.at += length;
                return;
            }
        }
        let length = match rest {
            [b',', b' ', ..] | [b'.', b' ', ..] | [b' ', b' ', ..] => 2,
            [b' ' | b'-' | b'_' | b'T' | b'/' | b',' | b':' | b'(', ..] => 1,
            _ => 0,
        };
        self.at += length;
    }

    fn note(&mut self, kind: u32, length: usize) -> bool {
        self.order = self.order << 3 | kind;
        self.at += length;
        true
    }

    /// Read one more element, if there is one.
    fn element(&mut self) -> bool {
        let rest = self.rest();
        match rest.as_bytes().first() {
            Some(b'0'..=b'9') => self.number(),
            Some(b'+' | b'-') => self.zone(),
            Some(_) => {
                if self.moment.time.is_some() && !self.moment.zoned && self.zone() {
                    return true;
                }
                self.word()
            }
            None => false,
        }
    }

    fn number(&mut self) -> bool {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let bytes = rest.as_bytes();
        // After a time, a minus that was taken for a border was a zone's.
        if self.moment.time.is_some()
            && !self.moment.zoned
            && self.at > self.end
            && self.text.as_bytes().get(self.at - 1) == Some(&b'-')
        {
            self.at -= 1;
            return self.zone();
        }
        let follows = bytes.get(digits).copied();
        if self.joined_time() {
            return true;
        }
        match digits {
            8 | 12 | 14 => self.compact(digits),
            4 if follows == Some(b'-') && self.day_of_year() => true,
            4 if matches!(follows, Some(b'-' | b'W')) && self.week() => true,
            4 if self.moment.month.is_none()
                && matches!(follows, Some(b'-' | b'/' | b'.' | b'_' | b':')) =>
            {
                self.year_first()
            }
            4 if rest[digits..].starts_with(['年', '년']) => self.east_asian(),
            1 | 2 if follows == Some(b':') => self.time(),
            1 | 2 if matches!(follows, Some(b'.' | b'/' | b'-' | b'_')) && self.day_first() => true,
            1 | 2 => {
                let value: u8 = rest[..digits].parse().unwrap_or(0);
                if self.moment.day.is_some() || !(1..=31).contains(&value) {
                    return false;
                }
                if self.moment.month.is_none() {
                    // `25 Nov`, `25-Nov`, `25. November`.
                    let after = rest[digits..].trim_start_matches(['.', ' ', '-', '/']);
                    let after = after.strip_prefix("de ").unwrap_or(after);
                    let Some((_, _, length)) = month(after) else {
                        return false;
                    };
                    // `2 Mar  1  2024` is a size and a date, as `ls -l` prints them.
                    let next = after[length..].trim_start_matches(' ').as_bytes();
                    let day = next.iter().take_while(|b| b.is_ascii_digit()).count();
                    if (1..=2).contains(&day) && next.get(day) == Some(&b' ') {
                        return false;
                    }
                }
                // `Nov 25.5` is no day.
                if follows == Some(b'.') && bytes.get(digits + 1).is_some_and(u8::is_ascii_digit) {
                    return false;
                }
                self.moment.day = Some(value);
                let ordinal = ["st", "nd", "rd", "th"]
                    .iter()
                    .any(|end| rest[digits..].starts_with(end))
                    && self.moment.month.is_some();
                self.note(1, digits + if ordinal { 2 } else { 0 })
            }
            4 if self.moment.month.is_some() && self.moment.year.is_none() => {
                let Some(year) = plausible_year(&rest[..4]) else {
                    return false;
                };
                self.moment.year = Some(year);
                self.note(2, 4)
            }
            _ => false,
        }
    }

    /// A time that is joined to the date before it: 20261125T101112, 2026-11-25_10-11-12,
    /// 20261125-1011, 2026-11-25T10h11.
    fn joined_time(&mut self) -> bool {
        if self.moment.date().is_none() || self.moment.time.is_some() || self.at == self.end {
            return false;
        }
        let spaced = self.text.as_bytes()[self.at - 1] == b' ';
        let Some((time, length)) = joined(self.rest()) else {
            return false;
        };
        // `2026-11-25 10.11.12` is a date and a version, `2026-11-25 1011` one and a number.
        let seconds = time.2.is_some();
        let sure = match self.rest().as_bytes().get(2) {
            Some(b'-' | b'h') => true,
            Some(b'0'..=b'9') => seconds,
            _ => false,
        };
        if spaced && !sure {
            return false;
        }
        let behind = if seconds {
            fraction(&self.rest()[length..])
        } else {
            0
        };
        // `1.0-20261125.101112-7`: how often Maven has deployed it by then.
        let after_point = self.text.as_bytes()[self.at - 1] == b'.';
        let number = if after_point && seconds && behind == 0 {
            deployment(&self.rest()[length..])
        } else {
            0
        };
        self.moment.time = Some(time);
        self.moment.fraction |= behind > 0;
        self.note(3, length + behind + number)
    }

    /// 20261125, 202611251011, 20261125101112.
    fn compact(&mut self, digits: usize) -> bool {
        let rest = self.rest();
        if self.order != 1 {
            return false;
        }
        let Some((year, month, day)) = date(&rest[..4], &rest[4..6], &rest[6..8]) else {
            return false;
        };
        if digits > 8 {
            let Some(time) = clock(&rest[8..digits]) else {
                return false;
            };
            self.moment.time = Some(time);
        }
        self.set_date(year, month, day, 4, digits)
    }

    fn set_date(&mut self, year: i16, month: u8, day: u8, kind: u32, length: usize) -> bool {
        if self.moment.month.is_some() || self.moment.day.is_some() {
            return false;
        }
        self.moment.year = Some(year);
        self.moment.month = Some(month);
        self.moment.day = Some(day);
        self.note(kind, length)
    }

    /// 2026-11-25, 2026/11/25.
    fn year_first(&mut self) -> bool {
        let rest = self.rest();
        let Some(piece) = rest.get(..10) else {
            return false;
        };
        let bytes = piece.as_bytes();
        // Dots, colons and underscores also stand in versions and addresses: a time has to follow.
        let sure = matches!(bytes[4], b'-' | b'/') || is_time_behind(&rest[10..]);
        if bytes[4] != bytes[7]
            || !sure
            || rest.as_bytes().get(10).is_some_and(u8::is_ascii_digit)
            || !piece.is_ascii()
        {
            return false;
        }
        match date(&piece[..4], &piece[5..7], &piece[8..]) {
            Some((year, month, day)) => self.set_date(year, month, day, 5, 10),
            None => false,
        }
    }

    /// 2026-329, the day of the year (ISO 8601). Alone it is any number, so that a time has to follow.
    fn day_of_year(&mut self) -> bool {
        let rest = self.rest();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let dated = rest.get(5..).is_some_and(|day| digits(day) == 3)
            && rest
                .get(8..)
                .and_then(|time| time.strip_prefix('T'))
                .is_some_and(|time| matches!(digits(time), 2 | 4 | 6));
        if !dated {
            return false;
        }
        let (Some(year), Ok(day @ 1..=366)) =
            (plausible_year(&rest[..4]), rest[5..8].parse::<i64>())
        else {
            return false;
        };
        let since = SignedDuration::from_hours(24 * (day - 1));
        let Ok(date) = Date::new(year, 1, 1).and_then(|first| first.checked_add(since)) else {
            return false;
        };
        let (month, day) = (date.month() as u8, date.day() as u8);
        self.set_date(year, month, day, 5, 8)
    }

    /// 2026-W48-3, 2026-W48, 2026W483: the week of the year, and a day of it (ISO 8601).
    fn week(&mut self) -> bool {
        let rest = self.rest();
        let border = if rest.as_bytes()[4] == b'-' { "-" } else { "" };
        let week = rest[4..]
            .strip_prefix(border)
            .and_then(|rest| rest.strip_prefix('W'));
        let Some(digits) = week.and_then(|rest| rest.get(..2)) else {
            return false;
        };
        let length = 4 + border.len() + 3;
        let day = rest[length..]
            .strip_prefix(border)
            .and_then(|rest| rest.chars().next())
            .filter(|c| ('1'..='7').contains(c));
        let (Some(year), Ok(week @ 1..=53)) = (plausible_year(&rest[..4]), digits.parse::<i64>())
        else {
            return false;
        };
        let length = length + day.map_or(0, |_| border.len() + 1);
        // Which day of the year it is does not matter here, only that each week has its own.
        let weekday = day.and_then(|c| c.to_digit(10)).unwrap_or(1);
        let since = SignedDuration::from_hours(24 * (7 * (week - 1) + i64::from(weekday) - 1));
        let Ok(date) = Date::new(year, 1, 1).and_then(|first| first.checked_add(since)) else {
            return false;
        };
        self.set_date(date.year(), date.month() as u8, date.day() as u8, 5, length)
    }

    /// 25.11.2026, 11/25/2026, 25/11/2026.
    fn day_first(&mut self) -> bool {
        let rest = self.rest();
        let border = match rest.bytes().find(|b| !b.is_ascii_digit()) {
            Some(b'.') => '.',
            Some(b'-') => '-',
            Some(b'_') => '_',
            _ => '/',
        };
        let mut parts = rest.splitn(3, border);
        let (Some(a), Some(b), Some(c)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        let digits = c.bytes().take_while(u8::is_ascii_digit).count();
        if !matches!(digits, 2 | 4) || a.len() > 2 || b.len() > 2 || a.is_empty() || b.is_empty() {
            return false;
        }
        let length = a.len() + b.len() + 2 + digits;
        // Two digits of a year stand in versions too: a clock has to follow.
        let short = digits == 2;
        if short
            && (a.len() + b.len() < 4
                || !rest[length..].strip_prefix(' ').is_some_and(shows_colons))
        {
            return false;
        }
        if matches!(border, '-' | '_') && !is_time_behind(&rest[length..]) {
            return false;
        }
        let year = if short {
            &["20", &c[..2]].concat()
        } else {
            &c[..4]
        };
        if border == '/' {
            if let Some((year, month, day)) = date(year, a, b) {
                return self.set_date(year, month, day, 6, length);
            }
        }
        match date(year, b, a) {
            Some((year, month, day)) => self.set_date(year, month, day, 7, length),
            None => false,
        }
    }

    /// 2026年11月25日, 2026年 11月 25日 星期三, 2026년 11월 25일 (수).
    fn east_asian(&mut self) -> bool {
        let rest = self.rest();
        let mut numbers = [0u16; 3];
        let mut at = 0;
        let marks = [['年', '년'], ['月', '월'], ['日', '일']];
        for (number, mark) in numbers.iter_mut().zip(marks) {
            at += rest[at..].len() - rest[at..].trim_start_matches(' ').len();
            let digits = rest[at..].bytes().take_while(u8::is_ascii_digit).count();
            let Some(value) = rest[at..at + digits.min(4)].parse().ok() else {
                return false;
            };
            *number = value;
            if !rest[at + digits..].starts_with(mark) {
                return false;
            }
            // Each of the marks takes three bytes.
            at += digits + '年'.len_utf8();
        }
        let weekday = rest[at..].trim_start_matches([' ', '(']);
        let length = month::east_asian_weekday(weekday);
        if length > 0 {
            at = rest.len() - weekday.len() + length;
            at += usize::from(rest[at..].starts_with(')'));
        }
        let [year, month, day] = numbers.map(|n| n.to_string());
        match date(&year, &month, &day) {
            Some((year, month, day)) => {
                self.moment.language = Some(Language::Chinese);
                self.set_date(year, month, day, 5, at)
            }
            None => false,
        }
    }

    /// 10:11:12, 10:11:12.345678, 9:05 PM.
    fn time(&mut self) -> bool {
        if self.moment.time.is_some() {
            return false;
        }
        let rest = self.rest();
        let number = |at: usize| -> Option<(u8, usize)> {
            let digits = rest
                .get(at..)?
                .bytes()
                .take_while(u8::is_ascii_digit)
                .count();
            (digits == 1 || digits == 2).then(|| {
                let value = rest[at..at + digits].parse().unwrap_or(99);
                (value, at + digits)
            })
        };
        let Some((mut hour, at)) = number(0) else {
            return false;
        };
        let Some((minute, mut at2)) = number(at + 1).filter(|(_, end)| *end == at + 3) else {
            return false;
        };
        let mut second = None;
        let bytes = rest.as_bytes();
        if bytes.get(at2) == Some(&b':') {
            match number(at2 + 1).filter(|(_, end)| *end == at2 + 3) {
                Some((value, end)) => {
                    second = Some(value);
                    at2 = end;
                }
                None => return false,
            }
        }
        if second.is_some() && matches!(bytes.get(at2), Some(b'.' | b',')) {
            let digits = bytes[at2 + 1..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            if digits > 0 {
                self.moment.fraction = true;
                at2 += 1 + digits;
            }
        }
        // A colon goes on: an address, not a time, but where a date follows.
        if bytes.get(at2) == Some(&b':')
            && bytes.get(at2 + 1).is_some_and(u8::is_ascii_alphanumeric)
            && !(second.is_some() && is_year(&rest[at2 + 1..]))
        {
            return false;
        }
        let after = &rest[at2..];
        let mut kind = 3;
        for (mark, add) in [("AM", 0), ("PM", 12), ("am", 0), ("pm", 12)] {
            if after.trim_start_matches(' ').starts_with(mark)
                && hour <= 12
                && after.len() - after.trim_start_matches(' ').len() <= 1
            {
                at2 += after.find(mark).unwrap_or(0) + 2;
                hour = hour % 12 + add;
                // Half a day is as good as seconds.
                second = second.or(Some(0));
                kind = 0;
                break;
            }
        }
        if hour > 23 || minute > 59 || second.is_some_and(|s| s > 60) {
            return false;
        }
        self.moment.time = Some((hour, minute, second));
        self.note(kind, at2)
    }

    /// Z, +0100, +01:00, +01, UTC, CET.
    fn zone(&mut self) -> bool {
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

    /// A month or a weekday.
    fn word(&mut self) -> bool {
        let rest = self.rest();
        if let Some((number, language, length)) = month(rest) {
            if self.moment.month.is_some() {
                return false;
            }
            self.moment.month = Some(number);
            self.moment.language = self.moment.language.or(language);
            return self.note(4, length);
        }
        match weekday(rest) {
            Some(length) if self.order == 1 => {
                self.at += length;
                // It says nothing by itself.
                self.moment.month.is_none()
            }
            // `25 Kas 2026 Çar 10:11:12`.
            Some(length)
                if self.moment.day.is_some()
                    && self.moment.time.is_none()
                    && rest.starts_with(char::is_uppercase)
                    && rest[length..]
                        .trim_start_matches([' ', ','])
                        .starts_with(|c: char| c.is_ascii_digit()) =>
            {
                self.at += length;
                true
            }
            _ => false,
        }
    }
}

fn plausible_year(digits: &str) -> Option<i16> {
    digits
        .parse()
        .ok()
        .filter(|year| (1970..2100).contains(year))
}

fn date(year: &str, month: &str, day: &str) -> Option<(i16, u8, u8)> {
    let year = plausible_year(year)?;
    let month = month.parse().ok().filter(|m| (1..=12).contains(m))?;
    let day = day.parse().ok().filter(|d| (1..=31).contains(d))?;
    Some((year, month, day))
}

/// `2026-` or `2026/`.
fn is_year(text: &str) -> bool {
    let (year, rest) = text.split_at_checked(4).unwrap_or_default();
    plausible_year(year).is_some() && rest.starts_with(['-', '/'])
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
