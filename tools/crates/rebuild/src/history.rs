//! What moved in the history of two images that `buildah` made.
//!
//! The last step of a build holds its labels and annotations as the command line had them:
//! `… LABEL "a"="1" "b"="2"|clamp-mtime=1767352500x=1,y=2`. Two images whose labels and annotations are equal can
//! differ in that order alone, and a person who sees two long lines does not see it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use verbatim_foreign::excerpt;

/// So many characters of a value are shown.
const SHOWN: usize = 120;

/// What moved or changed from the published config to the rebuilt one, in words.
pub fn changes(published: &Value, rebuilt: &Value) -> Vec<String> {
    let steps = |config: &Value| -> Vec<String> {
        let steps = config["history"].as_array();
        let texts = steps
            .into_iter()
            .flatten()
            .map(|step| step["created_by"].as_str().unwrap_or_default().to_owned());
        texts.collect()
    };
    let (published, rebuilt) = (steps(published), steps(rebuilt));
    if published.len() != rebuilt.len() {
        return Vec::new();
    }
    published
        .iter()
        .zip(&rebuilt)
        .enumerate()
        .filter(|(_, (one, other))| one != other)
        .filter_map(|(i, (one, other))| Some((i, Step::parse(one)?, Step::parse(other)?)))
        .flat_map(|(i, one, other)| {
            let labels = compare(i, "label", &one.labels, &other.labels);
            labels.into_iter().chain(compare(
                i,
                "annotation",
                &one.annotations,
                &other.annotations,
            ))
        })
        .collect()
}

/// A step that sets labels and annotations.
struct Step {
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
}

impl Step {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.split_once("#(nop) ")?.1;
        let mut labels = Vec::new();
        if let Some(after) = rest.strip_prefix("LABEL ") {
            rest = after;
            while let Some((label, after)) = quoted_pair(rest) {
                labels.push(label);
                rest = after.strip_prefix(' ').unwrap_or(after);
            }
        }
        // Notes follow, then annotations, without anything between.
        if let Some((_, after)) = rest.split_once("|clamp-mtime=") {
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        let mut annotations: Vec<(String, String)> = Vec::new();
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            match (part.split_once('='), annotations.last_mut()) {
                (Some((key, value)), _) => annotations.push((key.to_owned(), value.to_owned())),
                // A comma inside of a value.
                (None, Some((_, value))) => {
                    value.push(',');
                    value.push_str(part);
                }
                (None, None) => return None,
            }
        }
        (!labels.is_empty() || !annotations.is_empty()).then_some(Self {
            labels,
            annotations,
        })
    }
}

/// `"key"="value"` as Go quotes it.
fn quoted_pair(text: &str) -> Option<((String, String), &str)> {
    let (key, rest) = quoted(text)?;
    let (value, rest) = quoted(rest.strip_prefix('=')?)?;
    Some(((key, value), rest))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &inner[at + 1..])),
            '\\' => out.push(chars.next()?.1),
            c => out.push(c),
        }
    }
    None
}

fn compare(
    step: usize,
    what: &str,
    one: &[(String, String)],
    other: &[(String, String)],
) -> Vec<String> {
    if one == other {
        return Vec::new();
    }
    let (mut a, mut b) = (one.to_vec(), other.to_vec());
    a.sort();
    b.sort();
    if a == b {
        let names = |pairs: &[(String, String)]| {
            let names: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
            excerpt(&names.join(", "), 4 * SHOWN)
        };
        return vec![format!(
            "/history/{step}/created_by: each {what} is the same, in another order: {} → {}",
            names(one),
            names(other)
        )];
    }
    let by_key = |pairs: &[(String, String)]| -> BTreeMap<String, String> {
        // The first of several.
        pairs.iter().rev().cloned().collect()
    };
    let (one, other) = (by_key(one), by_key(other));
    let shown = |value: Option<&String>| {
        value.map_or_else(|| "nothing".to_owned(), |value| excerpt(value, SHOWN))
    };
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    keys.into_iter()
        .map(|key| (key, shown(one.get(key)), shown(other.get(key))))
        .filter(|(_, before, after)| before != after)
        .map(|(key, before, after)| {
            format!(
                "/history/{step}/created_by: {what} {} {before} → {after}",
                excerpt(key, SHOWN)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(step: &str) -> Value {
        json!({"history": [{"created_by": "/bin/sh -c #(nop) COPY file:a in /a"}, {"created_by": step}]})
    }

    fn changed(one: &str, other: &str) -> Vec<String> {
        changes(&config(one), &config(other))
    }

    const LABELS: &str = "/bin/sh -c #(nop) LABEL \"a\"=\"1\" \"b\"=\"x \\\" y\"|clamp-mtime=17";

    #[test]
    fn another_order_is_said_to_be_one() {
        let found = changed(&format!("{LABELS}x=1,y=2,3"), &format!("{LABELS}y=2,3,x=1"));
        assert_eq!(
            found,
            ["/history/1/created_by: each annotation is the same, in another order: x, y → y, x"]
        );
        let other = "/bin/sh -c #(nop) LABEL \"b\"=\"x \\\" y\" \"a\"=\"1\"|clamp-mtime=17";
        assert!(changed(LABELS, other)[0]
            .contains("each label is the same, in another order: a, b → b, a"));
    }

    #[test]
    fn another_value_is_named_with_its_key() {
        let found = changed(&format!("{LABELS}x=1"), &format!("{LABELS}x=2,z=3"));
        assert_eq!(
            found,
            [
                "/history/1/created_by: annotation x 1 → 2",
                "/history/1/created_by: annotation z nothing → 3"
            ]
        );
    }

    #[test]
    fn other_steps_say_nothing() {
        assert!(changed("/bin/sh -c echo a", "/bin/sh -c echo b").is_empty());
        assert!(changed("", "x").is_empty());
        assert!(changes(&json!({}), &config("x")).is_empty());
    }
}
