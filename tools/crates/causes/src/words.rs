//! What two differing pieces of text give away: the rules by which words have causes.
//!
//! All formats that hold strings ask here: a line of a text, a value of a document, a string of a
//! program, a column of a database.

use crate::Cause;

/// Why `right` stands where `left` stood. [`Cause::SourceChange`] if nothing is known to vary so.
pub(crate) fn cause_of(left: &str, right: &str) -> Cause {
    let both = |test: fn(&str) -> bool| test(left) && test(right);
    if both(is_uuid) {
        Cause::Uuid
    } else if both(has_time) {
        Cause::Timestamp
    } else if both(is_build_path) {
        Cause::BuildPath
    } else if both(is_random) {
        Cause::RandomId
    } else {
        Cause::SourceChange
    }
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let text = text.trim_start_matches("urn:uuid:");
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 5
        && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit())
        })
}

/// A date (2024-05-01), a time (12:00:00), or seconds since 1970 of our days.
fn has_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    if shape.contains("0000-00-00") || shape.contains("00:00:00") {
        return true;
    }
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    if months.iter().any(|month| text.contains(month)) && shape.contains("00") {
        return true;
    }
    let digits = text.trim_matches(|c: char| !c.is_ascii_digit());
    match digits.parse::<u64>() {
        // 1990 to 2100, in seconds or milliseconds.
        Ok(n) => {
            (631_152_000..4_102_444_800).contains(&n)
                || (631_152_000_000..4_102_444_800_000).contains(&n)
        }
        Err(_) => false,
    }
}

fn is_build_path(text: &str) -> bool {
    text.contains("/home/")
        || text.contains("/tmp/")
        || text.contains("/build")
        || text.contains("/execroot/")
        || text.contains("/workspace")
        || text.contains("/root/")
}

/// A run of sixteen hexadecimal digits or more.
fn is_random(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .any(|run| run.len() >= 16 && run.bytes().any(|b| b.is_ascii_digit()))
}
