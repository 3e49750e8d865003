//! Catalogues of translations (GNU `.mo`): message by message, and the header line by line.

use std::collections::BTreeMap;
use std::ops::Range;

use verbatim_formats::gettext::Catalogue;

use super::seen::{shown, Seen};
use super::strings;
use crate::{Cause, Comparison};

/// Messages, each with its translation; the empty one has the header.
fn read(data: &[u8]) -> Option<BTreeMap<String, String>> {
    let text = |at: Range<u64>| {
        let bytes = &data[at.start as usize..at.end as usize];
        String::from_utf8_lossy(bytes).into_owned()
    };
    let messages = Catalogue::open(data).ok()?.messages().ok()?;
    let messages = messages.into_iter();
    Some(
        messages
            .map(|message| (text(message.original), text(message.translation)))
            .collect(),
    )
}

/// Compare two catalogues; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (read(left)?, read(right)?);
    let mut seen = Seen::default();
    for (message, translation) in &l {
        let at = match &**message {
            "" => "header".to_owned(),
            message => format!("message {}", shown(message)),
        };
        match r.get(message) {
            None => seen.add(Cause::SourceChange, at, "only on the left side"),
            Some(other) if other == translation => {}
            Some(other) if message.is_empty() => {
                let (a, b): (Vec<&str>, Vec<&str>) =
                    (translation.lines().collect(), other.lines().collect());
                let difference = strings::compare(&a, &b);
                for pair in &difference.pairs {
                    seen.add(pair.cause, "header", pair.evidence());
                }
                for line in difference.removed.iter().chain(&difference.added) {
                    let evidence = format!("{} is on one side only", shown(line));
                    seen.add(Cause::SourceChange, "header", evidence);
                }
            }
            Some(other) => {
                let pair = strings::explain(translation, other);
                seen.add(pair.cause, at, pair.evidence());
            }
        }
    }
    for message in r.keys().filter(|message| !l.contains_key(*message)) {
        let at = format!("message {}", shown(message));
        seen.add(Cause::SourceChange, at, "only on the right side");
    }
    if seen.is_empty() {
        let evidence =
            "the same messages and translations, laid out by another version or option of msgfmt";
        seen.add(Cause::Unexplained, "", evidence);
    }
    seen.finish("mo")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A catalogue of one message, whose header has a date.
    pub(in crate::binary) fn catalogue(date: &str, translation: &str) -> Vec<u8> {
        let header = format!("Project-Id-Version: x\nPOT-Creation-Date: {date}\nLanguage: de\n");
        let texts = ["", "yes", &header, translation];
        let mut tables = Vec::new();
        let mut strings = Vec::new();
        for text in texts {
            tables.extend((text.len() as u32).to_le_bytes());
            tables.extend((28 + 32 + strings.len() as u32).to_le_bytes());
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
        }
        let mut data = Vec::new();
        for word in [0x9504_12de_u32, 0, 2, 28, 44, 0, 0] {
            data.extend(word.to_le_bytes());
        }
        [data, tables, strings].concat()
    }

    #[test]
    fn messages_are_compared_one_by_one() {
        let first = catalogue("2024-01-02 10:00+0100", "ja");
        let cause = |other: &[u8]| compare(&first, other).unwrap().findings[0].cause;
        assert_eq!(
            cause(&catalogue("2025-06-07 11:12+0100", "ja")),
            Cause::Timestamp
        );
        assert_eq!(
            cause(&catalogue("2024-01-02 10:00+0100", "doch")),
            Cause::SourceChange
        );
        assert_eq!(compare(&first, &first[..40]), None);
    }
}
