//! Java properties: the comment with the time at which they were written.
//!
//! `java.util.Properties.store` puts the date into a comment near the top, for example in
//! the `pom.properties` of a Maven jar. A comment that is nothing but such a date goes.

use super::{has_extension, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Properties;

pub(super) const CHANGE: &str = "date comment";

/// Content of any name without its date comments; none if it has none, or is no properties.
pub(super) fn without_dates(content: &[u8]) -> Option<Vec<u8>> {
    if !content.starts_with(b"#") || !are_properties(content) {
        return None;
    }
    let mut out = Vec::with_capacity(content.len());
    let mut at_top = true;
    for line in content.split_inclusive(|&b| b == b'\n') {
        at_top &= line.starts_with(b"#");
        let is_whole = line.ends_with(b"\n") && line.len() as u64 <= LONGEST;
        if !(at_top && is_whole && is_date(&line[1..])) {
            out.extend_from_slice(line);
        }
    }
    (out.len() < content.len()).then_some(out)
}

/// Whether all lines are comments, empty, or keys with values.
fn are_properties(content: &[u8]) -> bool {
    let mut goes_on = false;
    content.split(|&b| b == b'\n').all(|line| {
        let line = line.trim_ascii();
        let is_property = goes_on
            || matches!(line.first(), None | Some(b'#' | b'!'))
            || line.iter().any(|b| matches!(b, b'=' | b':'));
        let slashes = line.iter().rev().take_while(|&&b| b == b'\\').count();
        goes_on = slashes % 2 == 1;
        is_property && !line.contains(&0)
    })
}

/// A longer line is no date.
const LONGEST: u64 = 1 << 10;

impl Handler for Properties {
    fn name(&self) -> &'static str {
        "properties"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["properties"]) && head.starts_with(b"#")
    }

    fn normalize(&self, source: &Source, _: &Context) -> Result<Plan, Flaw> {
        let mut plan = Plan::default();
        let mut at = 0;
        // Comments that the caller of `store` gave come first.
        while at < source.len() {
            let line = source.read(at..source.len().min(at + LONGEST))?;
            let Some(end) = memchr::memchr(b'\n', &line) else {
                break;
            };
            if line[0] != b'#' {
                break;
            }
            let next = at + end as u64 + 1;
            if is_date(&line[1..end]) {
                plan.change(CHANGE);
            } else {
                plan.copy(at..next);
            }
            at = next;
        }
        plan.copy(at..source.len());
        Ok(plan)
    }
}

/// Whether a comment is a date and a time, and nothing else.
fn is_date(comment: &[u8]) -> bool {
    let text = comment.trim_ascii();
    is_date_of_java(text) || is_date_of_iso(text)
}

/// Whether this is in the form of ISO 8601: `2026-11-23T14:04:45Z`, with fractions or not.
fn is_date_of_iso(text: &[u8]) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let Some((start, rest)) = text.split_at_checked(FORM.len()) else {
        return false;
    };
    let fits = start.iter().zip(FORM).all(|(&byte, &form)| match form {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b' '),
        form => byte == form,
    });
    // A fraction of the second and a zone: `.123+01:00[Europe/Berlin]`, ` UTC`.
    let zone = rest.strip_prefix(b" ").unwrap_or(rest);
    fits && zone.len() <= 32
        && zone
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b".,:+-/[]_".contains(byte))
}

/// Whether this is what `java.util.Date` writes: `Mon Nov 23 14:04:45 UTC 2026`.
fn is_date_of_java(text: &[u8]) -> bool {
    const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let mut words = text.split(|byte| *byte == b' ');
    let mut next = |fits: &dyn Fn(&[u8]) -> bool| words.next().is_some_and(fits);
    next(&|day| DAYS.contains(&day))
        && next(&|month| MONTHS.contains(&month))
        && next(&|day| day.len() == 2 && day.iter().all(u8::is_ascii_digit))
        && next(&|time| {
            time.len() == 8
                && time.iter().enumerate().all(|(at, byte)| match at {
                    2 | 5 => *byte == b':',
                    _ => byte.is_ascii_digit(),
                })
        })
        && next(&|zone| !zone.is_empty() && zone.len() <= 32)
        && next(&|year| year.len() == 4 && year.iter().all(u8::is_ascii_digit))
        && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_told_by_their_lines() {
        let date = "#Mon Nov 23 14:04:45 UTC 2026\n";
        let normal = |text: &str| {
            let normal = without_dates(text.as_bytes())?;
            assert_eq!(without_dates(&normal), None);
            String::from_utf8(normal).ok()
        };
        for (rest, want) in [
            ("a=b\n", Some("a=b\n")),
            (
                "# c\n\na : b\n! d\nlong=x\\\n  y\n",
                Some("# c\n\na : b\n! d\nlong=x\\\n  y\n"),
            ),
            ("", Some("")),
            ("plain words\n", None),
            ("a=b\0\n", None),
        ] {
            assert_eq!(normal(&format!("{date}{rest}")).as_deref(), want, "{rest}");
            // Another comment may stand before the date, but no property.
            let after = format!("#Generated\r\n{date}{rest}");
            let want = want.map(|want| format!("#Generated\r\n{want}"));
            assert_eq!(normal(&after), want);
            assert_eq!(normal(&format!("a=b\n{date}{rest}")), None);
        }
        assert_eq!(normal("# Mon Nov 23\na=b\n"), None);
        for date in [
            "# Mon Nov 23 14:04:45 UTC 2026",
            "#2026-11-23T14:04:45Z",
            "# 2026-11-23T14:04:45.123+01:00[Europe/Berlin]",
            "#2026-11-23 14:04:45",
            // Of Ant and Gradle, wherever they ran, and with ends of lines of another system.
            "#Mon Nov 23 14:04:45 CET 2026",
            "#Mon Nov 23 14:04:45 GMT+01:00 2026\r",
            "#Mon Nov 23 14:04:45 America/Argentina/Buenos_Aires 2026",
            "#2026-11-23T14:04:45,123456789+0100",
        ] {
            assert_eq!(
                normal(&format!("{date}\na=b\n")).as_deref(),
                Some("a=b\n"),
                "{date}"
            );
        }
        for comment in [
            "#2026-11-23",
            "#2026-11-23 14:04:45 was when it broke",
            "#2026-11-23T14:04:45Z = the time of the release",
            "#2026-11-23 14:04",
            "#Mo Nov 23 14:04:45 MEZ 2026",
            "#Mon Nov 23 14:04:45 2026",
            "#Mon Nov 23 14:04:45 UTC 2026 by alice",
            "#since Mon Nov 23 14:04:45 UTC 2026",
            "!Mon Nov 23 14:04:45 UTC 2026",
        ] {
            assert_eq!(normal(&format!("{comment}\na=b\n")), None, "{comment}");
        }
    }
}
