//! A line as tokens: words, moments, white space and single marks.

use super::moment::Moment;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Moment(Moment),
    /// Letters, digits, and what joins them in paths, versions and identifiers.
    Word,
    Space,
    Mark,
}

/// A piece of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Where it starts in the line, in bytes.
    pub(super) at: usize,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    pub(super) fn is_space(&self) -> bool {
        self.kind == Kind::Space
    }
}

/// Characters of words. A colon is one only in `C:\` and `https://`, and `user@host` is three.
fn in_word(rest: &str, before: Option<char>) -> Option<usize> {
    let mut chars = rest.chars();
    let c = chars.next()?;
    let joins = match c {
        '_' | '-' | '.' | '+' | '/' | '~' | '\\' | '%' | '$' | '#' => true,
        '@' => {
            !(before.is_some_and(char::is_alphanumeric)
                && chars.next().is_some_and(char::is_alphanumeric))
        }
        ':' => rest[1..].starts_with("//") || rest[1..].starts_with('\\'),
        _ => c.is_alphanumeric(),
    };
    joins.then_some(c.len_utf8())
}

/// Cut a line into tokens, whose texts together are the line.
pub(super) fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    // Where the word began that is being read.
    let mut word = None;
    // A word of hexadecimal groups is no place to look for dates.
    let mut opaque_until = 0;
    while let Some(c) = line[at..].chars().next() {
        let rest = &line[at..];
        let before = line[..at].chars().next_back();
        let starts = !before.is_some_and(char::is_alphanumeric)
            || (before == Some('v') && c.is_ascii_digit());
        if starts && c.is_alphanumeric() && at >= opaque_until {
            if word.is_none() {
                let pairs = if before == Some(':') {
                    0
                } else {
                    super::random::colon_pairs(rest)
                };
                if pairs > 0 {
                    tokens.push(Token {
                        kind: Kind::Word,
                        text: &rest[..pairs],
                        at,
                    });
                    at += pairs;
                    continue;
                }
                opaque_until = at + opaque(rest);
            }
            if at >= opaque_until {
                if let Some((moment, length)) = moment(rest, before) {
                    finish(line, &mut word, at, &mut tokens);
                    tokens.push(Token {
                        kind: Kind::Moment(moment),
                        text: &rest[..length],
                        at,
                    });
                    at += length;
                    continue;
                }
            }
        }
        if let Some(length) = in_word(rest, before) {
            word.get_or_insert(at);
            at += length;
            continue;
        }
        finish(line, &mut word, at, &mut tokens);
        let length = if c.is_whitespace() {
            rest.len() - rest.trim_start().len()
        } else {
            c.len_utf8()
        };
        tokens.push(Token {
            kind: if c.is_whitespace() {
                Kind::Space
            } else {
                Kind::Mark
            },
            text: &rest[..length],
            at,
        });
        at += length;
    }
    finish(line, &mut word, at, &mut tokens);
    tokens
}

/// End a word. A full stop at its end belongs to the sentence.
fn finish<'a>(line: &'a str, word: &mut Option<usize>, end: usize, tokens: &mut Vec<Token<'a>>) {
    let Some(at) = word.take() else { return };
    let text = &line[at..end];
    let bare = text.trim_end_matches('.');
    if bare.is_empty() || bare.len() == text.len() {
        tokens.push(Token {
            kind: Kind::Word,
            text,
            at,
        });
        return;
    }
    for (text, at, kind) in [
        (bare, at, Kind::Word),
        (&text[bare.len()..], at + bare.len(), Kind::Mark),
    ] {
        tokens.push(Token { kind, text, at });
    }
}

/// The length of the UUID, the long hexadecimal run or the version with a commit in it at the start
/// of a text.
fn opaque(rest: &str) -> usize {
    if let Some(length) = super::revision::pseudo_version(rest) {
        return length;
    }
    let bytes = rest.as_bytes();
    let length = bytes
        .iter()
        .take(80)
        .take_while(|b| b.is_ascii_hexdigit() || **b == b'-')
        .count();
    let letters = bytes[..length].iter().any(u8::is_ascii_alphabetic);
    if super::random::is_uuid(&rest[..length]) || (letters && length >= 24) {
        length
    } else {
        0
    }
}

/// A moment that does not go on as something else.
fn moment(rest: &str, before: Option<char>) -> Option<(Moment, usize)> {
    let first = rest.chars().next()?;
    if !(first.is_ascii_digit() || first.is_alphabetic()) {
        return None;
    }
    // 1.20240131 is a date in a version, 1:10:11:12 is none.
    if before == Some(':') && first.is_ascii_digit() && rest.as_bytes().get(2) == Some(&b':') {
        return None;
    }
    let (moment, length) = Moment::read(rest)?;
    let next = rest[length..].chars().next();
    (!next.is_some_and(char::is_alphanumeric)).then_some((moment, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(line: &str) -> Vec<(&str, bool)> {
        tokens(line)
            .iter()
            .filter(|t| !t.is_space())
            .map(|t| (t.text, matches!(t.kind, Kind::Moment(_))))
            .collect()
    }

    #[test]
    fn tokens_are_the_whole_line() {
        for line in [
            "",
            "a  b=c, d.",
            "é—ü 2026-11-25T10:11:12Z.",
            "...",
            "C:\\x https://a/b",
        ] {
            let joined: String = tokens(line).iter().map(|t| t.text).collect();
            assert_eq!(joined, line);
        }
        assert_eq!(
            kinds("at=2026-11-25 10:11:12 in /a/b-20261125.log"),
            [
                ("at", false),
                ("=", false),
                ("2026-11-25 10:11:12", true),
                ("in", false),
                ("/a/b-", false),
                ("20261125", true),
                (".log", false),
            ]
        );
        assert_eq!(
            kinds("00112233-2026-1125-8899-aabbccddeeff"),
            [("00112233-2026-1125-8899-aabbccddeeff", false)]
        );
        assert_eq!(
            kinds("host:10:11:12"),
            [
                ("host", false),
                (":", false),
                ("10", false),
                (":", false),
                ("11", false),
                (":", false),
                ("12", false)
            ]
        );
    }
}
