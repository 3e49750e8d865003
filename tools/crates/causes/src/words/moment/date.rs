//! Dates of digits: 20261125, 2026-11-25, 25.11.2026, 2026-329, 2026-W48-3, 2026年11月25日.

use jiff::civil::Date;
use jiff::SignedDuration;

use super::reader::Reader;
use crate::words::clock::{clock, is_time_behind, shows_colons};
use crate::words::month::{self, Language};

impl Reader<'_> {
    /// 20261125, 202611251011, 20261125101112.
    pub(super) fn compact(&mut self, digits: usize) -> bool {
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

    /// 2026-11-25, 2026/11/25.
    pub(super) fn year_first(&mut self) -> bool {
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
    pub(super) fn day_of_year(&mut self) -> bool {
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
    pub(super) fn week(&mut self) -> bool {
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
    pub(super) fn day_first(&mut self) -> bool {
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
    pub(super) fn east_asian(&mut self) -> bool {
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
}

pub(super) fn plausible_year(digits: &str) -> Option<i16> {
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
pub(super) fn is_year(text: &str) -> bool {
    let (year, rest) = text.split_at_checked(4).unwrap_or_default();
    plausible_year(year).is_some() && rest.starts_with(['-', '/'])
}
