//! Java properties: the comment with the time at which they were written.
//!
//! `java.util.Properties.store` puts the date into a comment near the top, for example in
//! the `pom.properties` of a Maven jar. A comment that is nothing but such a date goes.

use super::{has_extension, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Properties;

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
            if is_date(line[1..end].trim_ascii_end()) {
                plan.change("date comment");
            } else {
                plan.copy(at..next);
            }
            at = next;
        }
        plan.copy(at..source.len());
        Ok(plan)
    }
}

/// Whether this is what `java.util.Date` writes: `Mon Nov 23 14:04:45 UTC 2026`.
fn is_date(text: &[u8]) -> bool {
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
