//! What registries say beside the thing that was asked for: errors, and when to come back.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use verbatim_foreign::excerpt;

/// The first error of the distribution specification's error document ("Error Codes"), or
/// the first line of what else came.
pub(crate) fn first_error(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    if let Ok(Errors { errors }) = serde_json::from_slice(body) {
        return errors.first().map_or_else(String::new, |one| {
            let both = match (one.code.is_empty(), one.message.is_empty()) {
                (false, false) => format!("{}: {}", one.code, one.message),
                (false, true) => one.code.clone(),
                (true, _) => one.message.clone(),
            };
            excerpt(&both, 300)
        });
    }
    let text = String::from_utf8_lossy(body);
    let line = text.trim().lines().next().unwrap_or_default();
    // A page for browsers says nothing here.
    if line.starts_with('<') {
        return String::new();
    }
    excerpt(line, 200)
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    // Clocks know the date and not always the day of the week, which adds nothing.
    let date = value.split_once(", ").map_or(value, |(_, date)| date);
    let then = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        .iter()
        .find_map(|day| httpdate::parse_http_date(&format!("{day}, {date}")).ok())
        .or_else(|| httpdate::parse_http_date(value).ok())?;
    Some(
        then.duration_since(SystemTime::now())
            .unwrap_or(Duration::ZERO),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_a_registry() {
        let body =
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#;
        assert_eq!(first_error(body), "MANIFEST_UNKNOWN: manifest unknown");
        assert_eq!(first_error(b"too many\nrequests"), "too many");
        assert_eq!(first_error(b"<html>"), "");
        assert_eq!(first_error(b"\xff\x1b[2J"), "\u{fffd}\\u{1b}[2J");
        assert_eq!(first_error(b"{\"errors\":[]}"), "");
    }

    #[test]
    fn dates() {
        for text in [
            "",
            "Sun, 06 Nov 1994",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            "soon",
            "7.5",
        ] {
            assert_eq!(retry_after(text), None, "{text}");
        }
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::ZERO)
        );
        for text in [
            "Tue, 31 Dec 2999 23:59:59 GMT",
            "Fri, 31 Dec 2999 23:59:59 GMT",
        ] {
            let days = retry_after(text).unwrap().as_secs() / 86_400;
            assert!((300_000..400_000).contains(&days), "{text}: {days}");
        }
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            retry_after("99999999999999999999999"),
            Some(Duration::from_secs(u64::MAX))
        );
        assert_eq!(retry_after("-1"), None);
    }
}
