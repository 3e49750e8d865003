//! Who may sign: files in the form of `allowed_signers` (ssh-keygen(1), "ALLOWED SIGNERS").
//!
//! ```text
//! PRINCIPALS [OPTIONS] KEYTYPE KEY [COMMENT]
//! ```
//!
//! A line is obeyed whole or passed over: what it says of the time and the use of a key, and what
//! nobody here understands, can only keep the key from being believed.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::Date;
use ssh_key::public::KeyData;
use ssh_key::PublicKey;
use verbatim_foreign::excerpt;

/// What is asked of a key.
pub(super) struct Use<'a> {
    pub(super) key: &'a KeyData,
    pub(super) namespace: &'a str,
    /// In seconds since 1970.
    pub(super) now: u64,
}

/// The time of this machine.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// What one line says of a use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The key may be used so; its owner.
    Good(String),
    /// It is the line of the key, and forbids this use.
    Forbidden(String),
    /// It is of another key, or of something that is not supported.
    PassedOver,
    /// It is no line of such a file.
    Malformed,
}

/// Read one line. Lines that are empty or comments are passed over.
pub(super) fn read(line: &str, asked: &Use<'_>) -> Line {
    let line = line.trim_matches(BLANKS);
    if line.is_empty() || line.starts_with('#') {
        return Line::PassedOver;
    }
    // The line of a `.pub` file has no principals.
    if let Some(key) = key(line) {
        let owner = match key.comment() {
            "" => "a key without a name".to_owned(),
            comment => excerpt(comment, 200),
        };
        return match key.key_data() == asked.key {
            true => Line::Good(owner),
            false => Line::PassedOver,
        };
    }
    if is_key_of_unknown_kind(line) {
        return Line::PassedOver;
    }
    let Some((principals, rest)) = principals(line) else {
        return Line::Malformed;
    };
    if let Some(key) = key(rest) {
        return whose(&key, asked, principals, &Options::default());
    }
    if is_key_of_unknown_kind(rest) {
        return Line::PassedOver;
    }
    let (options, rest) = rest.split_at(end_of_options(rest));
    let rest = rest.trim_start_matches(BLANKS);
    let Some(key) = key(rest) else {
        return match is_key_of_unknown_kind(rest) {
            true => Line::PassedOver,
            false => Line::Malformed,
        };
    };
    match Options::parse(options) {
        Some(options) => whose(&key, asked, principals, &options),
        None if key.key_data() == asked.key => Line::Forbidden(format!(
            "its line has options that are not understood: {}",
            excerpt(options, 100)
        )),
        None => Line::PassedOver,
    }
}

fn whose(key: &PublicKey, asked: &Use<'_>, principals: &str, options: &Options) -> Line {
    if key.key_data() != asked.key || options.is_authority {
        return Line::PassedOver;
    }
    // A list that only excludes names nobody.
    if !principals
        .split(',')
        .any(|principal| !principal.is_empty() && !principal.starts_with('!'))
    {
        return Line::PassedOver;
    }
    let why = if options
        .namespaces
        .as_deref()
        .is_some_and(|list| !matches_list(asked.namespace, list))
    {
        "its line is for other namespaces"
    } else if options.valid_after.is_some_and(|after| asked.now < after) {
        "its line says that it is not valid yet (valid-after)"
    } else if options
        .valid_before
        .is_some_and(|before| asked.now > before)
    {
        "its line says that it is not valid any more (valid-before)"
    } else {
        return Line::Good(excerpt(principals, 200));
    };
    Line::Forbidden(why.to_owned())
}

const BLANKS: [char; 3] = [' ', '\t', '\r'];

/// A key in the words of a `.pub` file, whatever stands between them.
fn key(text: &str) -> Option<PublicKey> {
    let (kind, rest) = text.split_once(BLANKS)?;
    let rest = rest.trim_start_matches(BLANKS);
    let (body, comment) = match rest.split_once(BLANKS) {
        Some((body, comment)) => (body, comment.trim_matches(BLANKS)),
        None => (rest, ""),
    };
    let mut key: PublicKey = format!("{kind} {body}").parse().ok()?;
    key.set_comment(comment);
    Some(key)
}

/// Whether words have the form of a key, of whatever kind: `ssh-NAME AAAA…`.
fn is_key_of_unknown_kind(text: &str) -> bool {
    let mut words = text.split(BLANKS).filter(|word| !word.is_empty());
    let (Some(kind), Some(body)) = (words.next(), words.next()) else {
        return false;
    };
    let named = kind
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-@._".contains(&b));
    // Every key begins with the length of the name of its kind, which has less than 256 bytes.
    let begins = body.starts_with("AAAA") && body.len() > 16;
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    named && kind.contains('-') && begins && body.bytes().all(base64)
}

/// The first word, which may stand in quotes, and the rest.
fn principals(line: &str) -> Option<(&str, &str)> {
    let (first, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_once(BLANKS)?,
    };
    Some((first, rest.trim_start_matches(BLANKS)))
}

/// Where the first word ends, outside of quotes.
fn end_of_options(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if escaped => {}
            '"' => quoted = !quoted,
            _ if BLANKS.contains(&c) && !quoted => return at,
            _ => {}
        }
        escaped = c == '\\';
    }
    text.len()
}

/// What a line says besides.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    is_authority: bool,
    namespaces: Option<String>,
    valid_after: Option<u64>,
    valid_before: Option<u64>,
}

impl Options {
    /// `None` where anything is not as OpenSSH would read it: then the line is of no use there.
    fn parse(mut text: &str) -> Option<Self> {
        let mut options = Self::default();
        loop {
            let end = text.find(['=', ',']).unwrap_or(text.len());
            let name = text[..end].to_ascii_lowercase();
            let mut value = None;
            text = &text[end..];
            if let Some(rest) = text.strip_prefix('=') {
                let (quoted, rest) = quoted(rest)?;
                value = Some(quoted);
                text = rest;
            }
            // Said twice is a mistake.
            match (name.as_str(), value) {
                ("cert-authority", None) => options.is_authority = true,
                ("namespaces", Some(list)) if options.namespaces.is_none() => {
                    options.namespaces = Some(list);
                }
                ("valid-after", Some(time)) if options.valid_after.is_none() => {
                    options.valid_after = Some(moment(&time)?);
                }
                ("valid-before", Some(time)) if options.valid_before.is_none() => {
                    options.valid_before = Some(moment(&time)?);
                }
                _ => return None,
            }
            if text.is_empty() {
                break;
            }
            text = text.strip_prefix(',')?;
        }
        match (options.valid_after, options.valid_before) {
            (Some(after), Some(before)) if before <= after => None,
            _ => Some(options),
        }
    }
}

/// The text in quotes, in which `\"` is a quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inner.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &inner[at + 1..])),
            '\\' if characters.peek().is_some_and(|(_, next)| *next == '"') => {
                value.push('"');
                characters.next();
            }
            c => value.push(c),
        }
    }
    None
}

/// `YYYYMMDD[HHMM[SS]][Z]` in seconds since 1970. Without `Z` it is the time of the machine
/// that reads it, for OpenSSH; here it is UTC, so that every machine gives the same answer.
fn moment(text: &str) -> Option<u64> {
    let digits = ["Z", "z", "UTC", "utc"]
        .iter()
        .find_map(|zone| text.strip_suffix(zone))
        .unwrap_or(text);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> u64 {
        digits
            .get(range)
            .and_then(|part| part.parse().ok())
            .unwrap_or(0)
    };
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let (hour, minute, second) = (number(8..10), number(10..12), number(12..14));
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    if year < 1970 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let midnight = date.duration_since(Date::constant(1970, 1, 1)).as_secs();
    let time = u64::try_from(midnight).ok()? + hour * 3_600 + minute * 60 + second;
    (time > 0).then_some(time)
}

/// A list of patterns (ssh_config(5), "PATTERNS"): one must match, and none with `!` before it may.
fn matches_list(text: &str, list: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(text.as_bytes(), pattern.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(text.as_bytes(), pattern.as_bytes()),
        }
    }
    found
}

/// `*` is any text and `?` one character. In time of the product of both lengths at most.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    // Where the last `*` stands, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => {
                t += 1;
                p += 1;
            }
            Some(c) if *c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    t = *taken;
                    p = *at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../testdata/ssh_ed25519.pub");
    const OTHER: &str = include_str!("../../testdata/ssh_ecdsa.pub");

    fn bare(file: &str) -> String {
        let words: Vec<_> = file.split_whitespace().take(2).collect();
        words.join(" ")
    }

    /// What a line says of the key, in 2026, for files. `KEY` and `OTHER` in it stand for keys.
    fn say(line: &str) -> Line {
        let key: PublicKey = KEY.parse().unwrap();
        let asked = Use {
            key: key.key_data(),
            namespace: "file",
            now: moment("20260701").unwrap(),
        };
        let line = line
            .replace("KEY", &bare(KEY))
            .replace("OTHER", &bare(OTHER));
        read(&line, &asked)
    }

    #[test]
    fn each_line_is_obeyed_or_passed_over() {
        for line in [
            "me@e KEY",
            "KEY",
            "KEY a comment",
            "me@e,you@e KEY comment",
            "*@e,!you@e KEY",
            "\"me at e\" KEY",
            "  me@e\tKEY",
            "me@e  KEY  ",
            "me@e namespaces=\"file\" KEY",
            "me@e namespaces=\"git,fi?e\" KEY",
            "me@e namespaces=\"*\" KEY",
            "me@e NameSpaces=\"f*,!git\" KEY",
            "me@e valid-after=\"20200101\" KEY",
            "me@e valid-after=\"20200101\",valid-before=\"20990101\" KEY",
            "me@e valid-after=\"202001011200Z\",valid-before=\"20990101120000\" KEY",
            "me@e valid-before=\"20260701Z\",namespaces=\"file\"\tKEY",
        ] {
            assert!(
                matches!(say(line), Line::Good(_)),
                "{line}: {:?}",
                say(line)
            );
        }
        for line in [
            "me@e namespaces=\"git\" KEY",
            "me@e namespaces=\"*,!file\" KEY",
            "me@e namespaces=\"!git\" KEY",
            "me@e namespaces=\"\" KEY",
            "me@e valid-before=\"20200101\" KEY",
            "me@e valid-before=\"20260630235959\" KEY",
            "me@e valid-after=\"20990101\" KEY",
            "me@e valid-after=\"20260701000001\" KEY",
            // What OpenSSH would not read either.
            "me@e namespaces=file KEY",
            "me@e namespaces=\"file KEY\" KEY",
            "me@e namespaces=\"file\",namespaces=\"file\" KEY",
            "me@e namespaces=\"file\", KEY",
            "me@e valid-after=\"20201301\" KEY",
            "me@e valid-after=\"2020\" KEY",
            "me@e valid-after=\"20300101\",valid-before=\"20200101\" KEY",
            "me@e no-touch-required KEY",
        ] {
            assert!(
                matches!(say(line), Line::Forbidden(_)),
                "{line}: {:?}",
                say(line)
            );
        }
        for line in [
            "",
            "# KEY",
            "  # me@e KEY",
            "me@e OTHER",
            "OTHER",
            "me@e valid-before=\"20200101\" OTHER",
            "me@e cert-authority KEY",
            "me@e CERT-AUTHORITY,namespaces=\"file\" KEY",
            "!me@e KEY",
            "me@e ssh-mldsa44 AAAAC3NzaC1tbGRzYTQ0AAAA",
            "me@e namespaces=\"file\" ssh-new@example.com AAAAC3NzaC1tbGRzYTQ0AAAA",
            "ssh-dss AAAAB3NzaC1kc3MAAACBAAAA comment",
        ] {
            assert_eq!(say(line), Line::PassedOver, "{line}");
        }
        for line in [
            "nonsense",
            "me@e nonsense",
            "me@e namespaces=\"file\" nonsense",
            "\"me KEY",
        ] {
            assert_eq!(say(line), Line::Malformed, "{line}");
        }
        assert_eq!(
            say("me@e,\u{1b}you KEY"),
            Line::Good("me@e,\\u{1b}you".into())
        );
    }

    #[test]
    fn moments() {
        // As `date -u -d … +%s` says.
        for (text, seconds) in [
            ("19700102", Some(86_400)),
            ("20000229", Some(951_782_400)),
            ("20240229", Some(1_709_164_800)),
            ("20260701", Some(1_782_864_000)),
            ("202607011230", Some(1_782_909_000)),
            ("20260701123015Z", Some(1_782_909_015)),
            ("20260701123015UTC", Some(1_782_909_015)),
            ("20230229", None),
            ("21000229", None),
            ("20260431", None),
            ("19700101", None),
            ("202607012460", None),
            ("2026-07-01", None),
            ("", None),
        ] {
            assert_eq!(moment(text), seconds, "{text}");
        }
    }

    #[test]
    fn patterns() {
        for (text, pattern, matched) in [
            ("file", "file", true),
            ("file", "f*", true),
            ("file", "*", true),
            ("file", "*l?", true),
            ("file", "file*", true),
            ("file", "f?e", false),
            ("file", "", false),
            ("", "*", true),
            ("file", "File", false),
            ("aaaa", "*a*a*b", false),
        ] {
            assert_eq!(
                matches(text.as_bytes(), pattern.as_bytes()),
                matched,
                "{text} {pattern}"
            );
        }
        let long = "a".repeat(1 << 12);
        let pattern = "*a".repeat(1 << 10) + "b";
        assert!(!matches(long.as_bytes(), pattern.as_bytes()));
    }
}
