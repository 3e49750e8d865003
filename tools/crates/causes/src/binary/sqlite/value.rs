//! Why two values of a column differ: what the values show, and what the column is called.

use verbatim_digest::hex;
use verbatim_formats::sqlite::Value;

use crate::binary::seen::shown;
use crate::binary::strings;
use crate::Cause;

/// 2010 to 2038 in seconds since 1970.
const SECONDS: std::ops::Range<i64> = 1_262_304_000..2_147_483_648;
/// The same as days of the Julian calendar.
const DAYS: std::ops::Range<f64> = 2_455_197.0..2_465_442.0;

/// Whether rows are numbered by a column of their own.
pub(super) fn id_column(sql: &str) -> bool {
    sql.to_ascii_uppercase().contains("INTEGER PRIMARY KEY")
}

/// Why a column has two values, and what they are.
pub(super) fn cause_of(column: &str, left: &Value, right: &Value) -> (Cause, String) {
    let evidence = format!("{} → {}", shown(&text(left)), shown(&text(right)));
    let cause = match (left, right) {
        (Value::Text(a), Value::Text(b)) => {
            let pair = strings::explain(a, b);
            match pair.cause {
                Cause::SourceChange => of_column(column)
                    .filter(|cause| *cause != Cause::Timestamp || (has_digit(a) && has_digit(b)))
                    .unwrap_or(Cause::SourceChange),
                cause => return (cause, pair.evidence()),
            }
        }
        (Value::Int(a), Value::Int(b)) => of_numbers(column, *a, *b),
        (Value::Real(a), Value::Real(b)) => {
            let seconds = |n: f64| SECONDS.contains(&(n as i64));
            if (DAYS.contains(a) && DAYS.contains(b)) || (seconds(*a) && seconds(*b)) {
                Cause::Timestamp
            } else {
                of_column(column).unwrap_or(Cause::SourceChange)
            }
        }
        (Value::Blob(a), Value::Blob(b)) => of_column(column).unwrap_or_else(|| of_blobs(a, b)),
        _ => of_column(column).unwrap_or(Cause::SourceChange),
    };
    (cause, evidence)
}

/// Why two numbers differ.
pub(super) fn of_numbers(column: &str, left: i64, right: i64) -> Cause {
    let is_moment = |n: i64| {
        [1, 1_000, 1_000_000, 1_000_000_000]
            .iter()
            .any(|unit| SECONDS.contains(&(n / unit)))
    };
    // No counter gets this far: it is drawn.
    let is_drawn = |n: i64| n.unsigned_abs() >> 53 != 0;
    let named = of_column(column).filter(|c| !matches!(c, Cause::Hostname | Cause::Username));
    if let Some(cause) = named {
        cause
    } else if is_moment(left) && is_moment(right) {
        Cause::Timestamp
    } else if is_drawn(left) && is_drawn(right) {
        Cause::RandomId
    } else {
        Cause::SourceChange
    }
}

fn of_blobs(left: &[u8], right: &[u8]) -> Cause {
    if let (Ok(a), Ok(b)) = (std::str::from_utf8(left), std::str::from_utf8(right)) {
        let pair = strings::explain(a, b);
        if pair.cause != Cause::SourceChange {
            return pair.cause;
        }
    }
    let is_uuid = |b: &[u8]| b.len() == 16 && (1..=8).contains(&(b[6] >> 4)) && b[8] >> 6 == 2;
    // Bytes that hardly ever repeat: drawn, and not written by anybody.
    let is_drawn = |bytes: &[u8]| {
        let distinct = bytes
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        [8, 12, 16, 20, 24, 32, 64].contains(&bytes.len()) && distinct * 4 >= bytes.len() * 3
    };
    if is_uuid(left) && is_uuid(right) {
        Cause::Uuid
    } else if left.len() == right.len() && is_drawn(left) && is_drawn(right) {
        Cause::RandomId
    } else {
        Cause::SourceChange
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

/// What the name of a column says of its values.
fn of_column(column: &str) -> Option<Cause> {
    let column = column.to_ascii_lowercase();
    let words: Vec<&str> = column.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let has = |names: &[&str]| names.iter().any(|name| words.contains(name));
    if has(&[
        "time",
        "timestamp",
        "mtime",
        "ctime",
        "atime",
        "date",
        "datetime",
        "created",
        "updated",
        "modified",
        "installtime",
        "buildtime",
    ]) || column.ends_with("_at")
        || column.ends_with("time")
        || column.ends_with("timestamp")
    {
        Some(Cause::Timestamp)
    } else if has(&["host", "hostname", "buildhost", "machine", "node"]) {
        Some(Cause::Hostname)
    } else if has(&["user", "username", "builder", "login"]) {
        Some(Cause::Username)
    } else if has(&["uuid", "guid"]) {
        Some(Cause::Uuid)
    } else if has(&["nonce", "salt", "seed", "random", "token"]) {
        Some(Cause::RandomId)
    } else {
        None
    }
}

/// A value as evidence has it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Real(n) => n.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => {
            let digits = hex(&bytes[..bytes.len().min(16)]);
            format!("{} bytes {digits}", bytes.len())
        }
    }
}
