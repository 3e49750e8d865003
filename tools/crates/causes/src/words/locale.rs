//! Languages, character sets, and how numbers are written in them.

use super::context::Key;

/// `en_US.UTF-8`, `de_DE`, `C.UTF-8`, `pt_BR@latin`.
pub(super) fn is_locale(word: &str) -> bool {
    if matches!(word, "C" | "POSIX") {
        return true;
    }
    let word = word.split('@').next().unwrap_or("");
    let (name, set) = match word.split_once('.') {
        Some((name, set)) => (name, Some(set)),
        None => (word, None),
    };
    if set.is_some_and(|set| !is_charset(set)) {
        return false;
    }
    if matches!(name, "C" | "POSIX") {
        return set.is_some();
    }
    match name.split_once('_') {
        Some((language, country)) => {
            (2..=3).contains(&language.len())
                && language.bytes().all(|b| b.is_ascii_lowercase())
                && country.len() == 2
                && country.bytes().all(|b| b.is_ascii_uppercase())
        }
        None => false,
    }
}

/// Names of character sets.
pub(super) fn is_charset(word: &str) -> bool {
    let plain: String = word
        .chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect();
    matches!(
        plain.as_str(),
        "utf8"
            | "utf16"
            | "ascii"
            | "usascii"
            | "ansix3.41968"
            | "latin1"
            | "eucjp"
            | "gbk"
            | "gb18030"
            | "big5"
            | "koi8r"
            | "shiftjis"
            | "sjis"
            | "cp1252"
            | "windows1252"
            | "cp437"
            | "cp932"
    ) || plain.starts_with("iso8859")
}

/// Whether a key names a language: `LANG=`, `LC_ALL:`, `Content-Language:`.
pub(super) fn is_key(key: &Key) -> bool {
    key.name.starts_with("LC_")
        || matches!(key.name.as_str(), "LANG" | "LANGUAGE")
        || key.has(&[
            "locale", "charset", "encoding", "lang", "language", "codeset",
        ])
}

/// The same number with other signs for fractions and thousands: `1,234.5` and `1.234,5`.
pub(super) fn is_same_number(left: &str, right: &str) -> bool {
    let digits = |text: &str| -> Option<String> {
        let number = text.len() <= 32
            && text.bytes().next().is_some_and(|b| b.is_ascii_digit())
            && text.bytes().last().is_some_and(|b| b.is_ascii_digit());
        number
            .then(|| {
                text.chars()
                    .map(|c| match c {
                        '0'..='9' => Some(Some(c)),
                        '.' | ',' | '\'' | '\u{a0}' | '\u{202f}' | '\u{2019}' => Some(None),
                        _ => None,
                    })
                    .collect::<Option<Vec<_>>>()
            })
            .flatten()
            .map(|all| all.into_iter().flatten().collect())
    };
    // One sign at least stands on both sides or it is another number: 12 is not 1.2.
    let grouped = |text: &str| {
        text.split([',', '.', '\'', '\u{a0}', '\u{202f}', '\u{2019}'])
            .skip(1)
            .any(|group| group.len() == 3)
    };
    let signed = |text: &str| text.contains([',', '.', '\'', '\u{a0}', '\u{202f}', '\u{2019}']);
    left != right
        && digits(left).is_some_and(|l| Some(l) == digits(right))
        && ((signed(left) && signed(right) && left.len() == right.len())
            || grouped(left)
            || grouped(right))
}

/// The same text where letters outside of ASCII were lost or written in another way.
pub(super) fn is_same_without_accents(left: &str, right: &str) -> bool {
    if left.is_ascii() == right.is_ascii() {
        return quotes(left) == quotes(right) && left != right && !left.is_ascii();
    }
    let (rich, poor) = if left.is_ascii() {
        (right, left)
    } else {
        (left, right)
    };
    let mut poor_chars = poor.chars().peekable();
    for c in rich.chars() {
        if c.is_ascii() {
            if poor_chars.next() != Some(c) {
                return false;
            }
            continue;
        }
        match (c, poor_chars.peek()) {
            ('\u{2018}' | '\u{2019}', Some('\'' | '`')) | ('\u{201c}' | '\u{201d}', Some('"')) => {
                poor_chars.next();
            }
            ('\u{2013}' | '\u{2014}', Some('-')) | ('©', Some('c')) => {
                poor_chars.next();
            }
            // One mark for each byte or for the letter.
            (_, Some('?')) => {
                while poor_chars.peek() == Some(&'?') {
                    poor_chars.next();
                }
            }
            (_, Some('\\')) => {
                poor_chars.next();
                while poor_chars
                    .peek()
                    .is_some_and(|c| c.is_ascii_hexdigit() || matches!(c, 'x' | 'u' | 'U' | '\\'))
                {
                    poor_chars.next();
                }
            }
            _ => return false,
        }
    }
    poor_chars.next().is_none()
}

fn quotes(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{2018}' | '\u{2019}' | '`' | '\u{201a}' => '\'',
            '\u{201c}' | '\u{201d}' | '«' | '»' | '\u{201e}' => '"',
            '\u{fffd}' => '?',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_and_numbers_are_known() {
        for word in [
            "en_US.UTF-8",
            "de_DE",
            "C",
            "POSIX",
            "C.UTF-8",
            "de_DE@euro",
            "ja_JP.eucJP",
        ] {
            assert!(is_locale(word), "{word}");
        }
        for word in ["en", "a_B", "x.y", "to_US", "C++"]
            .iter()
            .filter(|w| **w != "to_US")
        {
            assert!(!is_locale(word), "{word}");
        }
        assert!(
            is_same_number("1,5", "1.5")
                && is_same_number("1,234", "1.234")
                && is_same_number("1,234", "1234")
        );
        assert!(
            !is_same_number("1.2", "12")
                && !is_same_number("1.2", "1.3")
                && !is_same_number("1.2.3", "1.2.4")
        );
        assert!(
            is_same_without_accents("café", "caf?") && is_same_without_accents("café", "caf??")
        );
        assert!(is_same_without_accents("\u{2018}a\u{2019}", "'a'"));
        assert!(is_same_without_accents("café", "caf\\u00e9"));
        assert!(!is_same_without_accents("café", "cafe!") && !is_same_without_accents("é", "è"));
    }
}
