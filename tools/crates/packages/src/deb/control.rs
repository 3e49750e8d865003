//! Paragraphs of fields: the form of indexes, of control files and of dpkg's database
//! (deb822(5)).

use std::io::{self, BufRead};

use crate::{Error, Result};

/// A paragraph longer than this is none: the longest of Debian have some 100 KiB.
const LONGEST: usize = 8 << 20;

/// The fields of a paragraph, as they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paragraph {
    text: String,
    /// Where each field begins, where its value begins, and where it ends.
    fields: Vec<(usize, usize, usize)>,
}

impl Paragraph {
    /// The value of a field, by its name in any case, without white space around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The same for a field that must be there.
    pub fn need(&self, name: &str) -> Result<&str> {
        match self.get(name) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(Error::refused(format!("a paragraph has no field `{name}`"))),
        }
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|&(start, value, end)| {
            let name = self.text[start..value].trim_end_matches(':');
            (name, self.text[value..end].trim())
        })
    }

    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    fn add(&mut self, line: &str) -> Result<()> {
        let malformed = |why: &str| {
            Err(Error::refused(format!(
                "the line `{}` {why}",
                verbatim_foreign::excerpt(line, 60)
            )))
        };
        if self.text.len() + line.len() > LONGEST {
            return malformed("is of a paragraph of more than 8 MiB");
        }
        let start = self.text.len();
        if line.starts_with([' ', '\t']) {
            let Some(last) = self.fields.last_mut() else {
                return malformed("goes on with a field before there is one");
            };
            self.text.push('\n');
            self.text.push_str(line);
            last.2 = self.text.len();
            return Ok(());
        }
        let Some(colon) = line.find(':') else {
            return malformed("is no field");
        };
        let name = &line[..colon];
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return malformed("is no field");
        }
        // Two values of one field would be read differently by different programs.
        if self.get(name).is_some() {
            return malformed("gives a field a second time");
        }
        self.text.push_str(line);
        self.fields
            .push((start, start + colon + 1, self.text.len()));
        Ok(())
    }
}

/// A stream of paragraphs.
#[derive(Debug)]
pub struct Paragraphs<R> {
    source: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Paragraphs<R> {
    /// Read them one after another.
    pub fn new(source: R) -> Self {
        Self {
            source,
            line: Vec::new(),
            number: 0,
        }
    }

    /// Read the next one into `paragraph`; false after the last one.
    pub fn next_into(&mut self, paragraph: &mut Paragraph) -> Result<bool> {
        paragraph.clear();
        loop {
            self.line.clear();
            let mut limited = io::Read::take(&mut self.source, LONGEST as u64);
            let read = limited
                .read_until(b'\n', &mut self.line)
                .map_err(|e| Error::refused(e.to_string()))?;
            if read == 0 {
                return Ok(!paragraph.fields.is_empty());
            }
            self.number += 1;
            // Some maintainers' names are not in UTF-8; nothing that is decided on is.
            let text = String::from_utf8_lossy(&self.line);
            let line = text.trim_end_matches(['\n', '\r']);
            if line.trim().is_empty() {
                if paragraph.fields.is_empty() {
                    continue;
                }
                return Ok(true);
            }
            if line.starts_with('#') {
                continue;
            }
            paragraph
                .add(line)
                .map_err(|e| e.of(format!("line {}", self.number)))?;
        }
    }
}

/// The only paragraph of a text.
pub fn single(text: &[u8]) -> Result<Paragraph> {
    let mut paragraphs = Paragraphs::new(text);
    let mut paragraph = Paragraph::default();
    if !paragraphs.next_into(&mut paragraph)? {
        return Err(Error::refused("it holds no fields"));
    }
    if paragraphs.next_into(&mut Paragraph::default())? {
        return Err(Error::refused(
            "it holds several paragraphs where one must be",
        ));
    }
    Ok(paragraph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_their_lines() {
        let paragraph =
            single(b"Package: a\nDescription: short\n long\n .\n\ttab\nempty:\n\n").unwrap();
        assert_eq!(paragraph.get("package"), Some("a"));
        assert_eq!(
            paragraph.get("Description"),
            Some("short\n long\n .\n\ttab")
        );
        assert_eq!(paragraph.get("Empty"), Some(""));
        assert!(paragraph.need("Empty").is_err() && paragraph.need("Nothing").is_err());
    }

    #[test]
    fn paragraphs_one_after_another() {
        let mut paragraphs = Paragraphs::new(&b"\n\nA: 1\n\n \nA: 2\nB: 3"[..]);
        let mut paragraph = Paragraph::default();
        let mut seen = Vec::new();
        while paragraphs.next_into(&mut paragraph).unwrap() {
            seen.push(paragraph.get("A").unwrap().to_owned());
        }
        assert_eq!(seen, ["1", "2"]);
    }

    #[test]
    fn what_is_no_field_is_named_by_its_line() {
        for (text, words) in [
            (&b"A: 1\nno field\n"[..], "line 2"),
            (b" goes on\n", "before there is one"),
            (b"A: 1\na: 2\n", "a second time"),
            (b": x\n", "is no field"),
            (b"A: 1\n\nB: 2\n", "several paragraphs"),
            (b"", "no fields"),
        ] {
            let message = single(text).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
