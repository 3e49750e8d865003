//! Words that others wrote, fit to be shown.
//!
//! Names of files, labels, answers of servers, comments of signatures: all of them may come
//! from an attacker, and all of them end in messages, reports and pages that people read on
//! terminals. A control character there moves the cursor and rewrites the verdict above it;
//! a bidirectional one shows another name than the one that was checked; one without width
//! makes two names look alike. This crate is the one place that knows which characters these
//! are ([`is_hidden`]) and how they are written instead. A character is written as `\u{1b}`,
//! a byte that is no text as `\xff`; everything else stays as it is, quotes and backslashes
//! included: what is shown is for eyes, and not to be parsed again.
//!
//! A message that holds a word of foreign origin shows it through [`printable`],
//! [`printable_bytes`] or [`printable_path`], and through [`excerpt`] where it may be long; a page
//! and a picture do through [`markup`].
//! Beside them stands [`counted`], for numbers in messages.
//! Documents for machines (JSON) hold the words themselves: escaping is the encoder's there.

use std::borrow::Cow;
use std::path::Path;

/// Whether a character changes what is shown around it, or is not seen itself: controls
/// (Unicode's category Cc), and of the formatting characters (Cf) and separators those that
/// turn the direction of writing, break lines, join or have no width (Unicode 16, UAX #9 and
/// chapter 23).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Text with every [hidden](is_hidden) character written as `\u{…}`; borrowed where there is none.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    push(&mut safe, text);
    Cow::Owned(safe)
}

/// Bytes that are usually text, such as a path in an archive: as [`printable`], and what is
/// not UTF-8 as `\x…`.
pub fn printable_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return printable(text);
    }
    let mut safe = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        push(&mut safe, chunk.valid());
        for byte in chunk.invalid() {
            safe.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(safe)
}

/// Text for a page or a picture, between tags and in quoted attributes: [`printable`], and
/// without what is markup.
pub fn markup(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A path of a file system for a message, in place of [`Path::display`].
pub fn printable_path(path: &Path) -> Cow<'_, str> {
    printable_bytes(path.as_os_str().as_encoded_bytes())
}

/// At most `limit` characters of a text, [`printable`], with `…` where there were more.
pub fn excerpt(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => printable(text).into_owned(),
        Some((end, _)) => format!("{}…", printable(&text[..end])),
    }
}

/// A number with its noun, as people say it: `1 image`, `2 images`, `0 entries`.
pub fn counted<N: std::fmt::Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    if count == N::from(1) {
        return format!("{count} {noun}");
    }
    let sibilant = ["s", "x", "z", "ch", "sh"]
        .iter()
        .any(|end| noun.ends_with(end));
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ if sibilant => format!("{count} {noun}es"),
        _ => format!("{count} {noun}s"),
    }
}

fn push(safe: &mut String, text: &str) {
    for c in text.chars() {
        if is_hidden(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_as_it_is_stays() {
        for text in ["", "usr/bin/x", "späße", "it's \"x\" \\ y", "日本語", "a b"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn nothing_hidden_is_left() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}"), r"a\u{1b}[2Jb\u{202e}");
        assert_eq!(
            printable("a\u{9b}2J\0\r\n\t"),
            r"a\u{9b}2J\u{0}\u{d}\u{a}\u{9}"
        );
        assert_eq!(
            printable("x\u{200b}y\u{feff}\u{e0041}"),
            r"x\u{200b}y\u{feff}\u{e0041}"
        );
        for c in '\0'..=char::MAX {
            let shown = printable(&c.to_string()).into_owned();
            assert!(!shown.contains(is_hidden), "{c:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_seen() {
        assert_eq!(printable_bytes(b"a\x1b[2J\xff"), r"a\u{1b}[2J\xff");
        assert_eq!(printable_bytes("späße".as_bytes()), "späße");
        assert_eq!(printable_path(Path::new("a\nb")), r"a\u{a}b");
    }

    #[test]
    fn nothing_is_markup() {
        let text = "<a href='x' title=\"y\">&\u{202e}";
        let safe = r"&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;\u{202e}";
        assert_eq!(markup(text), safe);
    }

    #[test]
    fn one_is_not_many() {
        for (count, noun, said) in [
            (1, "image", "1 image"),
            (0, "image", "0 images"),
            (2, "entry", "2 entries"),
            (2, "key", "2 keys"),
            (2, "index", "2 indexes"),
            (2, "patch", "2 patches"),
        ] {
            assert_eq!(counted(count, noun), said);
        }
        assert_eq!(counted(1_u64, "byte"), "1 byte");
        assert_eq!(counted(usize::MAX, "byte"), format!("{} bytes", usize::MAX));
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(excerpt("abcdef", 3), "abc…");
        assert_eq!(excerpt("äöü", 3), "äöü");
        assert_eq!(excerpt("\u{1b}\u{1b}\u{1b}", 1), r"\u{1b}…");
    }
}
