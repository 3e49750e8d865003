//! The words of a Starlark file (Bazel's `MODULE.bazel`), as far as calls with literal arguments
//! need them. Nothing is evaluated.

use std::ops::Range;

/// One word, and where it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// In bytes of the file; of a string without its quotes.
    pub(crate) at: Range<usize>,
    /// From 1.
    pub(crate) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name.
    Name(String),
    /// A string without escapes, as it stands there. One with escapes is no [`Kind::Text`]: no
    /// reference and no digest has any.
    Text(String),
    /// Anything else: one character, or a string with escapes.
    Other(char),
}

/// All words of a file. What is no Starlark gives words too, that make no call.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        let rest = &text[at..];
        let kind = match c {
            '#' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '"' | '\'' => {
                let (content, end, kind) = string(rest, c);
                let began = line;
                line += rest[..end].matches('\n').count();
                at += end;
                tokens.push(Token {
                    kind,
                    at: start + content.start..start + content.end,
                    line: began,
                });
                continue;
            }
            c if c == '_' || c.is_ascii_alphabetic() => {
                let end = rest
                    .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
                    .unwrap_or(rest.len());
                at += end;
                Kind::Name(rest[..end].to_owned())
            }
            c => {
                at += c.len_utf8();
                if c == '\n' {
                    line += 1;
                }
                if c.is_whitespace() {
                    continue;
                }
                Kind::Other(c)
            }
        };
        tokens.push(Token {
            kind,
            at: start..at,
            line,
        });
    }
    tokens
}

/// The string that `rest` begins with: its content, how long it is with its quotes, and what it is.
fn string(rest: &str, quote: char) -> (Range<usize>, usize, Kind) {
    let three: String = std::iter::repeat_n(quote, 3).collect();
    let (delimiter, long) = if rest.starts_with(&three) {
        (three.as_str(), true)
    } else {
        (&three[..1], false)
    };
    let start = delimiter.len();
    let (mut at, mut escaped) = (start, false);
    loop {
        let Some(c) = rest[at..].chars().next() else {
            return (start..at, at, Kind::Other(quote));
        };
        if rest[at..].starts_with(delimiter) {
            let kind = if escaped {
                Kind::Other(quote)
            } else {
                Kind::Text(rest[start..at].to_owned())
            };
            return (start..at, at + delimiter.len(), kind);
        }
        match c {
            // A short string ends with its line, whatever it lacks.
            '\n' if !long => return (start..at, at, Kind::Other(quote)),
            '\\' => {
                escaped = true;
                at += 1;
                at += rest[at..].chars().next().map_or(0, char::len_utf8);
            }
            c => at += c.len_utf8(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text)
            .into_iter()
            .map(|token| match token.kind {
                Kind::Name(name) => name,
                Kind::Text(content) => format!("<{content}>"),
                Kind::Other(c) => c.to_string(),
            })
            .collect()
    }

    #[test]
    fn names_strings_and_the_rest() {
        assert_eq!(
            words("images.pull(name = \"a\", # \"no\"\n tags = ['b', \"\"\"c\nd\"\"\"])"),
            [
                "images", ".", "pull", "(", "name", "=", "<a>", ",", "tags", "=", "[", "<b>", ",",
                "<c\nd>", "]", ")"
            ]
        );
    }

    #[test]
    fn what_is_cut_ends_somewhere() {
        for text in [
            "\"",
            "'''",
            "\"a\\",
            "\"a\nb\"",
            "é\"é",
            "\\",
            "\"\"\"a\"\"",
        ] {
            for token in tokens(text) {
                assert!(text.get(token.at.clone()).is_some(), "{text:?}: {token:?}");
            }
        }
    }

    #[test]
    fn lines_are_counted_through_strings_and_comments() {
        let tokens = tokens("# a\n\"\"\"\n\n\"\"\"\nx");
        assert_eq!(tokens.last().map(|token| token.line), Some(5));
    }
}
