//! The same items of a line in another order.

use super::token::{Kind, Token};
use crate::ends;
use crate::Cause;

/// Why a line holds the same list or the same map in another order, if it does: a folder gave
/// the order of names of files, and a hash table that of other things.
pub(super) fn cause(left: &str, right: &str, l: &[Token<'_>], r: &[Token<'_>]) -> Option<Cause> {
    if !is_reordered(left, right, l, r) {
        return None;
    }
    let moved = || l.iter().zip(r).filter(|(a, b)| a.text != b.text);
    let words = moved()
        .flat_map(|(a, b)| [a, b])
        .filter(|t| t.kind == Kind::Word);
    let (all, files) = words.fold((0, 0), |(all, files), token| {
        (all + 1, files + usize::from(is_file(token.text)))
    });
    Some(if all > 0 && all == files {
        Cause::FileOrder
    } else {
        Cause::HashOrder
    })
}

/// `src/main.c`, `main.o`: with an ending that is no number, for `a/b` may be two choices.
fn is_file(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or("");
    name.rsplit_once('.').is_some_and(|(stem, end)| {
        let letters = end.bytes().all(|b| b.is_ascii_alphanumeric())
            && end.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
        // `example.com` is no file, and `config.debug` need not be one.
        let known = word.contains('/')
            || matches!(
                end,
                "a" | "c"
                    | "h"
                    | "o"
                    | "s"
                    | "d"
                    | "cc"
                    | "cpp"
                    | "hpp"
                    | "rs"
                    | "go"
                    | "py"
                    | "js"
                    | "ts"
                    | "so"
                    | "rb"
                    | "java"
                    | "class"
                    | "jar"
                    | "md"
                    | "txt"
                    | "json"
                    | "xml"
                    | "html"
                    | "css"
            );
        !stem.is_empty() && (1..=5).contains(&end.len()) && letters && known
    })
}

/// Whether a line holds the same list or the same map in another order. Two words that changed
/// places in a sentence are another sentence.
fn is_reordered(left: &str, right: &str, l: &[Token<'_>], r: &[Token<'_>]) -> bool {
    if l.len() != r.len() || left.len() != right.len() {
        return false;
    }
    let sorted = |tokens: &[Token<'_>]| {
        let mut texts: Vec<String> = tokens.iter().map(|t| t.text.to_owned()).collect();
        texts.sort_unstable();
        texts
    };
    if sorted(l) != sorted(r) {
        return false;
    }
    let (start, end) = ends::common_by(l, r, |a, b| a.text == b.text);
    let middle = &l[start..l.len() - end];
    let words = middle
        .iter()
        .filter(|t| matches!(t.kind, Kind::Word | Kind::Moment(_)))
        .count();
    let separated = middle
        .iter()
        .any(|t| t.kind == Kind::Mark && matches!(t.text, "," | ";" | "|" | "&"));
    if separated {
        // Items stay whole: a list of pairs is still the same pairs.
        let opens = |t: &Token<'_>| {
            t.kind == Kind::Mark
                && matches!(t.text, "," | ";" | "|" | "&" | "{" | "[" | "(" | "=" | ":")
        };
        let closes = |t: &Token<'_>| {
            t.kind == Kind::Mark && matches!(t.text, "," | ";" | "|" | "&" | "}" | "]" | ")")
        };
        let from = l[..start].iter().rposition(opens).map_or(0, |at| at + 1);
        let more = l[l.len() - end..].iter().position(closes).unwrap_or(end);
        let to = l.len() - end + more;
        return words >= 2 && items(&l[from..to]) == items(&r[from..to]);
    }
    // Items between spaces, in a list that has a name.
    let named = l[..start]
        .iter()
        .any(|t| t.kind == Kind::Mark && matches!(t.text, ":" | "=" | "(" | "["));
    let marks = middle.iter().any(|t| t.kind == Kind::Mark);
    named && !marks && words >= 2
}

/// What stands between commas, sorted. Brackets at the borders belong to the list.
fn items(tokens: &[Token<'_>]) -> Vec<String> {
    let text: String = tokens.iter().map(|t| t.text).collect();
    let mut items: Vec<String> = text
        .split([',', ';', '|', '&'])
        .map(|item| {
            item.trim()
                .trim_matches(['{', '}', '[', ']', '(', ')'])
                .trim()
                .to_owned()
        })
        .collect();
    items.sort_unstable();
    items
}
