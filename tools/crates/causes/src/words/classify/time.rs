//! What speaks of time and is no moment by its shape: zones, seconds, dates that look like versions, years, and how
//! long something took.

use crate::words::context::{Context, Key};
use crate::words::moment::is_zone;
use crate::words::token::{tokens, Kind};
use crate::Cause;

pub(super) fn zone(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    // Also as the target of a link: `/usr/share/zoneinfo/Etc/UTC`.
    let name = |word: &'_ str| -> String {
        let name = word.rsplit_once("zoneinfo/").map_or(word, |(_, name)| name);
        name.to_owned()
    };
    let zones = is_zone(&name(left)) && is_zone(&name(right));
    let named = key.has(&["tz", "timezone", "tzname", "zone", "zoneinfo", "utcoffset"])
        || (key.has(&["time", "utc"]) && key.has(&["zone", "offset"]));
    let offset = |word: &str| {
        let digits = word.trim_start_matches(['+', '-']);
        digits.len() >= 2
            && digits.len() <= 5
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b':')
    };
    // `1764065472 +0100`, as git writes it.
    let signed = |word: &str| word.len() == 5 && word.starts_with(['+', '-']) && offset(word);
    let after_seconds = key.all.last().is_some_and(|word| {
        matches!(word.len(), 9 | 10) && word.bytes().all(|b| b.is_ascii_digit())
    });
    if after_seconds && signed(left) && signed(right) {
        return Some(Cause::Timezone);
    }
    (zones || (named && (is_zone(left) || is_zone(right) || (offset(left) && offset(right)))))
        .then_some(Cause::Timezone)
}

/// Seconds, or parts of them, since 1970.
pub(super) fn seconds(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    const TIMES: &[&str] = &[
        "time",
        "date",
        "stamp",
        "timestamp",
        "epoch",
        "mtime",
        "ctime",
        "atime",
        "birth",
        "created",
        "modified",
        "built",
        "when",
        "expires",
        "updated",
        "generated",
        "at",
        "since",
        "buildtime",
        "lastmodified",
        "ts",
        "clock",
        "now",
        "built_at",
        "datetime",
    ];
    const COUNTS: &[&str] = &[
        "size", "bytes", "length", "count", "offset", "port", "address", "phone", "crc",
        "checksum", "serial", "isbn", "limit", "max", "min", "mask", "seed",
    ];
    let whole = |text: &str| -> Option<(usize, u64)> {
        // As C and Java write wide numbers.
        let text = text.trim_end_matches(['L', 'l', 'U', 'u']);
        let text = text.trim_start_matches('@');
        let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
        let plain = digits.bytes().all(|b| b.is_ascii_digit())
            && fraction.bytes().all(|b| b.is_ascii_digit())
            && digits.len() <= 19;
        let unit = match digits.len() {
            9 | 10 => 1,
            12 | 13 => 1_000,
            15 | 16 => 1_000_000,
            18 | 19 => 1_000_000_000,
            _ => return None,
        };
        if !plain {
            return None;
        }
        let seconds = digits.parse::<u64>().ok()? / unit;
        // 1990 to 2100.
        (631_152_000..4_102_444_800)
            .contains(&seconds)
            .then_some((digits.len() % 3, seconds))
    };
    let ((shape, a), (other, b)) = (whole(left)?, whole(right)?);
    let named = key.has(TIMES) || key.near(TIMES, 2);
    if key.has(COUNTS) && !named {
        return None;
    }
    // Before September 2001 there were nine digits, as many numbers have, and what is later than
    // 32 bits with a sign can say is more often a checksum.
    let is_sure = |seconds: u64| (1_000_000_000..1 << 31).contains(&seconds);
    let sure = shape == 1 && other == 1 && is_sure(a) && is_sure(b);
    (sure || named).then_some(Cause::Timestamp)
}

/// `2026.11.25`: a date where the words before it say so, and a version elsewhere.
pub(super) fn dotted_date(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    const SAID: &[&str] = &[
        "date",
        "on",
        "built",
        "build",
        "generated",
        "updated",
        "compiled",
        "created",
        "modified",
    ];
    let date = |text: &str| {
        let parts: Vec<&str> = text.split('.').collect();
        let number = |at: usize, length: usize, range: std::ops::RangeInclusive<u16>| {
            parts[at].len() == length && parts[at].parse().is_ok_and(|n| range.contains(&n))
        };
        parts.len() == 3
            && number(0, 4, 1990..=2100)
            && number(1, 2, 1..=12)
            && number(2, 2, 1..=31)
    };
    (date(left) && date(right) && key.near(SAID, 2) && !key.near(&["version"], 2))
        .then_some(Cause::Timestamp)
}

/// How long something took.
pub(super) fn duration(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let bare = |text: &'_ str| -> Option<(bool, bool)> {
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'µ');
        let unit = &text[number.len()..];
        let plain = !number.is_empty()
            && number.len() <= 16
            && number
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'.' || b == b'm')
            && number.as_bytes()[0].is_ascii_digit()
            && number.matches('.').count() <= 1;
        (plain
            && matches!(
                unit,
                "" | "s" | "ms" | "us" | "µs" | "ns" | "m" | "sec" | "min"
            ))
        .then_some((!unit.is_empty(), number.contains('.')))
    };
    let ((unit_l, point_l), (unit_r, point_r)) = (bare(left)?, bare(right)?);
    let next = context.after.trim_start();
    let unit = (unit_l && unit_r)
        || [
            "seconds",
            "sec",
            "ms",
            "s ",
            "s)",
            "s,",
            "s]",
            "milliseconds",
            "minutes",
            "msec",
        ]
        .iter()
        .any(|unit| next.starts_with(unit))
        || next == "s";
    let spent = [
        "took",
        "elapsed",
        "duration",
        "finished",
        "completed",
        "runtime",
        "seconds",
        "done",
        "spent",
    ];
    let said = key.has(&spent) || key.near(&spent, 3) || key.near(&["in"], 1);
    // `real 0m1.234s`, as `time` prints it.
    let of_shell = key.near(&["real", "user", "sys"], 1) && left.contains('m');
    let timed = key.words.last().is_some_and(|word| word == "time") || of_shell;
    ((unit && (said || timed)) || (said && point_l && point_r) || (timed && point_l && point_r))
        .then_some(Cause::Timestamp)
}

/// The year of a copyright notice.
pub(super) fn year(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let year = |text: &str| {
        let text = text.rsplit('-').next().unwrap_or("");
        text.len() == 4
            && (text.starts_with("19") || text.starts_with("20"))
            && text.bytes().all(|b| b.is_ascii_digit())
    };
    let near = context.before.chars().rev().take(12);
    let said = key.near(&["copyright", "year", "c"], 3) || near.into_iter().any(|c| c == '©');
    (year(left) && year(right) && said).then_some(Cause::Timestamp)
}

/// Several tokens with a date among them, where dates of several forms stand.
pub(super) fn of_moments(_: &Context<'_>, _: &Key, left: &str, right: &str) -> Option<Cause> {
    let dated = |text: &str| {
        let tokens = tokens(text);
        let moments = tokens
            .iter()
            .filter(|t| matches!(t.kind, Kind::Moment(_)))
            .count();
        let words = tokens.iter().filter(|t| t.kind == Kind::Word).count();
        moments > 0 && words <= 2
    };
    (left.len() <= 128 && right.len() <= 128 && dated(left) && dated(right))
        .then_some(Cause::Timestamp)
}
