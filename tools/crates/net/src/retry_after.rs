//! When a server wants to be asked again.

use std::time::{Duration, SystemTime};

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
