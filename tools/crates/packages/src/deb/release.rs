//! The index of indexes: `InRelease`, or `Release` with `Release.gpg`.

use std::collections::BTreeMap;

use verbatim_digest::Digest;

use super::control;
use crate::source::SafePath;
use crate::{Error, Moment, Result};

/// What a `Release` says.
#[derive(Debug)]
pub struct Release {
    /// When it was made.
    pub date: Option<Moment>,
    /// From when on it must not be believed.
    valid_until: Option<Moment>,
    /// Whether indexes can be had by their digest.
    pub by_hash: bool,
    /// Whether packages of the architecture `all` stand in the index of each other one.
    pub all_is_elsewhere: bool,
    /// The architectures that it has indexes for.
    pub architectures: Vec<String>,
    /// The indexes below its folder.
    pub files: BTreeMap<SafePath, (Digest, u64)>,
}

impl Release {
    /// Read it from the text that was signed.
    pub fn parse(text: &str) -> Result<Self> {
        let paragraph = control::single(text.as_bytes())?;
        let date = |name: &str| {
            paragraph
                .get(name)
                .map(|text| Moment::parse_rfc2822(text).map_err(|e| e.of(format!("its `{name}`"))))
                .transpose()
        };
        let is_yes = |name: &str| paragraph.get(name) == Some("yes");
        let mut files = BTreeMap::new();
        for line in paragraph.get("SHA256").unwrap_or_default().lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(digest), Some(size), Some(path), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                if line.trim().is_empty() {
                    continue;
                }
                return Err(Error::refused(
                    "its `SHA256` has a line that is no digest, size and path",
                ));
            };
            let digest = Digest::from_hex(digest)
                .map_err(|e| Error::refused(format!("its `SHA256`: {e}")))?;
            let size = size
                .parse()
                .map_err(|_| Error::refused("its `SHA256` has a size that is no number"))?;
            let path: SafePath = path.parse()?;
            if let Some(other) = files.insert(path.clone(), (digest, size)) {
                if other != (digest, size) {
                    return Err(Error::refused(format!("it gives {path} two digests")));
                }
            }
        }
        Ok(Self {
            date: date("Date")?,
            valid_until: date("Valid-Until")?,
            by_hash: is_yes("Acquire-By-Hash"),
            all_is_elsewhere: paragraph
                .get("No-Support-for-Architecture-all")
                .is_some_and(|kinds| {
                    kinds
                        .split_ascii_whitespace()
                        .any(|kind| kind == "Packages")
                }),
            architectures: paragraph
                .get("Architectures")
                .unwrap_or_default()
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
            files,
        })
    }

    /// Whether it may be believed at this moment, and is no older than what was believed before.
    pub fn check_freshness(&self, at: Moment, before: Option<Moment>) -> Result<()> {
        if let Some(date) = self.date.filter(|date| *date > at) {
            return Err(Error::refused(format!(
                "it is from the future: its date is {date}, and it is judged at {at}; see `snapshot`"
            )));
        }
        if let Some(end) = self.valid_until.filter(|end| *end < at) {
            return Err(Error::refused(format!(
                "it was valid until {end}, and it is judged at {at}: somebody keeps newer ones away, or name the moment that it stands for as `snapshot`"
            )));
        }
        match (self.date, before) {
            (Some(date), Some(before)) if date < before => Err(Error::refused(format!(
                "it is a downgrade: its date is {date}, and the lock was made with the one of {before}; remove the lock to go back on purpose"
            ))),
            (None, Some(before)) => Err(Error::refused(format!(
                "it has no date, and the lock was made with one of {before}; remove the lock to accept that"
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Date: Sat, 11 Jul 2026 10:16:37 UTC\nValid-Until: Sat, 18 Jul 2026 10:16:37 UTC\nAcquire-By-Hash: yes\nSHA256:\n e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages\n";

    #[test]
    fn freshness_is_judged_at_a_moment() {
        let release = Release::parse(TEXT).unwrap();
        assert!(release.by_hash && release.files.len() == 1);
        let check = |at: &str, before: Option<&str>| {
            release
                .check_freshness(at.parse().unwrap(), before.map(|at| at.parse().unwrap()))
                .map_err(|e| e.to_string())
        };
        check("2026-07-11T10:16:37Z", None).unwrap();
        check("2026-07-15T00:00:00Z", Some("2026-07-11T10:16:37Z")).unwrap();
        for (at, before, words) in [
            ("2026-07-10T00:00:00Z", None, "from the future"),
            ("2026-07-19T00:00:00Z", None, "was valid until"),
            (
                "2026-07-15T00:00:00Z",
                Some("2026-07-12T00:00:00Z"),
                "a downgrade",
            ),
        ] {
            let message = check(at, before).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn what_it_lists_stays_below_it() {
        for (from, to) in [
            ("main/", "../"),
            ("main/", "/etc/"),
            ("e3b0", "E3B0"),
            (" 0 ", " x "),
            (" 0 ", " "),
        ] {
            assert!(Release::parse(&TEXT.replace(from, to)).is_err(), "{to}");
        }
    }
}
