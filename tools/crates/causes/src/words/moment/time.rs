//! Times: with colons, with AM and PM, and joined to a date.

use super::date::is_year;
use super::reader::Reader;
use crate::words::clock::{deployment, fraction, joined};

impl Reader<'_> {
    /// A time that is joined to the date before it: 20261125T101112, 2026-11-25_10-11-12,
    /// 20261125-1011, 2026-11-25T10h11.
    pub(super) fn joined_time(&mut self) -> bool {
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

    /// 10:11:12, 10:11:12.345678, 9:05 PM.
    pub(super) fn time(&mut self) -> bool {
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
}
