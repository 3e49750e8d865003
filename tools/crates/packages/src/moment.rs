//! Moments: what a source stands for, and the dates of indexes.

use std::fmt;
use std::str::FromStr;

use jiff::fmt::rfc2822;
use jiff::Timestamp;
use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// A moment in whole seconds, written as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// By seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// A date as Debian's indexes have it: RFC 2822, with the zone `UTC`.
    pub fn parse_rfc2822(text: &str) -> Result<Self> {
        let text = text.trim();
        let numeric = text.strip_suffix("UTC").map(|rest| format!("{rest}+0000"));
        rfc2822::parse(numeric.as_deref().unwrap_or(text))
            .map(|zoned| Self(zoned.timestamp().as_second()))
            .map_err(|_| Error::refused(format!("`{}` is no date", short(text))))
    }
}

impl FromStr for Moment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<Timestamp>()
            .map(|timestamp| Self(timestamp.as_second()))
            .map_err(|_| {
                Error::wrong(format!(
                    "`{}` is no moment; write it like 2026-11-01T00:00:00Z",
                    short(text)
                ))
            })
    }
}

fn short(text: &str) -> String {
    verbatim_foreign::excerpt(text, 60)
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_indexes_and_snapshots() {
        let date = Moment::parse_rfc2822("Sat, 08 Nov 2025 10:15:04 UTC").unwrap();
        assert_eq!(date.to_string(), "2025-11-08T10:15:04Z");
        assert_eq!(date, "2025-11-08T10:15:04Z".parse().unwrap());
        assert_eq!(
            Moment::parse_rfc2822("Sat, 08 Nov 2025 12:15:04 +0200").unwrap(),
            date
        );
        assert!(Moment::parse_rfc2822("yesterday").is_err());
        assert!("2025-11-08".parse::<Moment>().is_err());
    }
}
