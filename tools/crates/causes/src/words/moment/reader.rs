//! A moment element by element (weekday, day, month, year, time, zone), in whatever order they are written.

use super::date::plausible_year;
use super::Moment;
use crate::words::clock::{is_time, joining};
use crate::words::month::{month, weekday};

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// Where the last element ended.
    pub(super) end: usize,
    /// The elements so far, three bits each.
    pub(super) order: u32,
    pub(super) moment: Moment,
}

impl<'a> Reader<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What may stand between two elements.
    pub(super) fn border(&mut self) {
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

    pub(super) fn note(&mut self, kind: u32, length: usize) -> bool {
        self.order = self.order << 3 | kind;
        self.at += length;
        true
    }

    pub(super) fn set_date(
        &mut self,
        year: i16,
        month: u8,
        day: u8,
        kind: u32,
        length: usize,
    ) -> bool {
        if self.moment.month.is_some() || self.moment.day.is_some() {
            return false;
        }
        self.moment.year = Some(year);
        self.moment.month = Some(month);
        self.moment.day = Some(day);
        self.note(kind, length)
    }

    /// Read one more element, if there is one.
    pub(super) fn element(&mut self) -> bool {
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
