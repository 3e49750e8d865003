//! What goes to standard output.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use serde::Serialize;
use verbatim_document::json;
use verbatim_foreign::is_hidden;

/// Print to stdout; a closed pipe is nobody's mistake.
pub fn print(text: &str) -> anyhow::Result<()> {
    print_with(|out| out.write_all(text.as_bytes()))
}

/// The same of what is written as it is made.
pub fn print_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Print lines of JSON that others wrote: to the byte, but not what a terminal would act upon.
pub fn print_lines(lines: &str) -> anyhow::Result<()> {
    if io::stdout().is_terminal() {
        return print(&escaped(lines));
    }
    print(lines)
}

/// Print a report for machines: one object of JSON on a line. It is canonical, but for what
/// nobody would see on a terminal, which is written as `\u…`: the words are the same.
pub fn print_json(report: &impl Serialize) -> anyhow::Result<()> {
    let line = String::from_utf8(json::to_canonical_line(report)?)?;
    print(&escaped(&line))
}

/// JSON with all that is hidden in its strings written as `\u…`, which is the same to a reader.
/// It must be on one line, or on one for each value.
fn escaped(json: &str) -> Cow<'_, str> {
    let is_hidden = |c| c != '\n' && is_hidden(c);
    if !json.contains(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_without_what_is_hidden() {
        for text in [
            "a\"b\\",
            "\u{1b}\u{7f}\u{9b}\n",
            "\u{202e}\u{feff}",
            "\u{e0041}ü",
        ] {
            let line = serde_json::to_string(text).unwrap();
            let escaped = escaped(&line);
            assert!(!escaped.contains(is_hidden), "{escaped:?}");
            assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
