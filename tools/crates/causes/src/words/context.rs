//! What stands before a word on its line: keys and phrases that say what the word is.

/// The words around a difference.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    /// The line up to the difference, or the key of a value followed by a colon.
    pub(crate) before: &'a str,
    /// The line after it.
    pub(crate) after: &'a str,
    /// Whether the line stands among environment variables.
    pub(crate) environment: bool,
}

/// The key of a value, as lower-case words, and what else is known of its place.
#[derive(Debug, Default)]
pub(super) struct Key {
    /// `Build-Host:` is build, host; `buildHost=` too.
    pub(super) words: Vec<String>,
    /// The words of a name without its borders: `LC_ALL`.
    pub(super) name: String,
    /// Whether other words stand between the key and the difference: `Author: Alice`, and then a
    /// difference.
    pub(super) loose: bool,
    /// All lower-case words before the difference, nearest last; at most eight.
    pub(super) all: Vec<String>,
}

/// Bytes of a line that are looked at before a difference.
const REACH: usize = 160;

/// Words of an identifier or a sentence, in lower case.
pub(super) fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut previous = ' ';
    for c in text.chars() {
        let starts = c.is_uppercase() && (previous.is_lowercase() || previous.is_ascii_digit());
        if (!c.is_alphanumeric() || starts) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        previous = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What an element of HTML or XML is called by one of its attributes, where it is not closed yet.
fn attribute(before: &str) -> Option<&str> {
    let element = &before[before.rfind('<')?..];
    if element.contains('>') {
        return None;
    }
    [
        " name=",
        " property=",
        " key=",
        " http-equiv=",
        " itemprop=",
    ]
    .iter()
    .find_map(|name| {
        let value = &element[element.find(name)? + name.len()..];
        let quote = value.chars().next().filter(|c| "\"'".contains(*c))?;
        value[1..].split(quote).next()
    })
}

impl Key {
    pub(super) fn of(before: &str) -> Key {
        let mut from = before.len().saturating_sub(REACH);
        while !before.is_char_boundary(from) {
            from += 1;
        }
        let before = &before[from..];
        let mut all = split_words(before);
        let all = all.split_off(all.len().saturating_sub(8));
        // What ends with `=` or `:` (and opening quotes or brackets) is the key. Inside of a
        // quoted or a path-like value the key lies further back.
        let bare = before.trim_end_matches(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '[' | '{' | '(' | '<' | '>')
        });
        let keyed = bare.strip_suffix(['=', ':']).or_else(|| {
            // <user>name</user>, value="name"
            let tag = before.trim_end().strip_suffix('>')?;
            tag.rfind('<').map(|at| &tag[at + 1..])
        });
        let loose = keyed.is_none();
        let keyed = keyed.or_else(|| {
            let at = bare.rfind(['=', ':', '>', ';', '|', '#'])?;
            let name = bare[at + 1..]
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '"' | '_' | '('));
            (bare.len() - at <= 48 && name && matches!(bare.as_bytes()[at], b'=' | b':'))
                .then(|| &bare[..at])
        });
        let Some(keyed) = keyed else {
            return Key {
                all,
                ..Key::default()
            };
        };
        let keyed = keyed.trim_end_matches(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ':' | '=' | '+' | '?' | ']' | '*')
        });
        let start = keyed
            .rfind(|c: char| {
                matches!(
                    c,
                    ',' | ';' | '{' | '(' | '"' | '\'' | '=' | '|' | '[' | '#' | '\t' | '/'
                )
            })
            .map_or(0, |at| at + 1);
        let name = keyed[start..].trim();
        // `<meta name="author" content="`, `<property name="user" value="`
        let name = match name {
            "content" | "value" => attribute(&keyed[..start]).unwrap_or(name),
            _ => name,
        };
        let last = name.rsplit(' ').next().unwrap_or("");
        Key {
            words: split_words(name),
            name: last.trim_matches(['-', '*', '$', '@']).to_owned(),
            loose,
            all,
        }
    }

    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| words.contains(&word.as_str()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether the words before the difference end with these.
    pub(super) fn ends_with(&self, phrase: &[&str]) -> bool {
        self.all.len() >= phrase.len()
            && self.all[self.all.len() - phrase.len()..]
                .iter()
                .zip(phrase)
                .all(|(a, b)| a == b)
    }

    /// Whether one of the last words before the difference is one of these.
    pub(super) fn near(&self, words: &[&str], reach: usize) -> bool {
        self.all
            .iter()
            .rev()
            .take(reach)
            .any(|word| words.contains(&word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found() {
        for (before, name, words) in [
            ("Build-Host: ", "Build-Host", vec!["build", "host"]),
            ("  \"buildHost\" : \"", "buildHost", vec!["build", "host"]),
            ("export LC_ALL=", "LC_ALL", vec!["export", "lc", "all"]),
            ("a=1, user='", "user", vec!["user"]),
            ("<user>", "user", vec!["user"]),
        ] {
            let key = Key::of(before);
            assert_eq!(key.name, name, "{before}");
            assert_eq!(key.words, words, "{before}");
        }
        let key = Key::of("compiled by ");
        assert!(key.is_empty() && key.ends_with(&["compiled", "by"]));
    }
}
