//! The text form: what is published, signed, and compared as a whole.
//!
//! One line for each subject:
//!
//! ```text
//! <64 lower-case hexadecimal digits><two spaces><subject><line feed>
//! ```
//!
//! sorted by subject, every subject once; images before files. It is the form of `sha256sum`,
//! so `sha256sum -c` checks the lines of files. As there, a line whose file name holds a
//! backslash begins with one, and in the name it stands twice. What `sha256sum` writes of names with
//! a line feed or a carriage return (`\n` and `\r` in such a line) is refused, as are all names with
//! control characters.
//!
//! Reading is strict in what could be understood in two ways and reports the rest as
//! [`Deviation`]s: text that other tools wrote can be compared, but is not what we would write.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::io::{self, BufRead, Read, Write};

use verbatim_digest::Digest;

use crate::line::{parse_line, too_long, Form, Sum};
use crate::list::Entry;
use crate::subject::{begins_with_host, Reader};
use crate::{Conflict, Reading, Subject, Sums};

/// The largest sums file that is read: a million lines of ordinary length.
pub const MAX_TEXT: usize = 256 << 20;

/// The longest line that is read: no file system has names of a tenth of that.
pub const MAX_LINE: usize = 64 << 10;

/// Why a text is not a list of sums.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A line that is no sum.
    #[error("{file}, line {line}, column {column}: {reason}")]
    Line {
        /// The file, as it was named.
        file: String,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What is wrong, and the fix.
        reason: String,
    },
    /// The text as a whole.
    #[error("{file}: {reason}")]
    File {
        /// The file, as it was named.
        file: String,
        /// What is wrong, and the fix.
        reason: String,
    },
    /// One subject with two digests.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

/// Where a text says what it means in another way than we would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Counted from 1.
    pub line: usize,
    /// What it is.
    pub what: &'static str,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A text that was read.
#[derive(Debug)]
pub struct Parsed {
    /// What it says.
    pub sums: Sums,
    /// Where it is not in the form that [`render`] gives, in the order of lines. Empty exactly
    /// where rendering gives the same bytes again.
    pub deviations: Vec<Deviation>,
}

/// The text form of the sums.
pub fn render(sums: &Sums) -> String {
    let mut text = String::new();
    for (subject, digest) in sums.iter() {
        push_line(&mut text, digest, &subject.in_text());
    }
    text
}

/// The text form of the sums, written as it is made: it may be as large as the sums.
pub fn write(sums: &Sums, mut out: impl Write) -> io::Result<()> {
    let mut line = String::new();
    for (subject, digest) in sums.iter() {
        line.clear();
        push_line(&mut line, digest, &subject.in_text());
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

fn push_line(text: &mut String, digest: Digest, subject: &str) {
    let name = escaped(subject);
    if matches!(name, Cow::Owned(_)) {
        text.push('\\');
    }
    text.push_str(&digest.hex());
    text.push_str("  ");
    text.push_str(&name);
    text.push('\n');
}

/// A name as it stands in a line; its own only where nothing in it must be escaped.
fn escaped(name: &str) -> Cow<'_, str> {
    match name.contains('\\') {
        true => Cow::Owned(name.replace('\\', "\\\\")),
        false => Cow::Borrowed(name),
    }
}

/// The bytes of a text, as far as it can be one: a line without an end is given up at its limit.
pub fn read(mut input: impl Read, file: &str) -> io::Result<Result<Vec<u8>, Error>> {
    let failed = |reason| {
        Ok(Err(Error::File {
            file: file.to_owned(),
            reason,
        }))
    };
    let mut data = Vec::new();
    let mut line = 0;
    loop {
        let before = data.len();
        let part = input
            .by_ref()
            .take(MAX_LINE as u64)
            .read_to_end(&mut data)?;
        if part == 0 {
            return Ok(Ok(data));
        }
        if let Some(end) = data[before..].iter().rposition(|&b| b == b'\n') {
            line = before + end + 1;
        }
        if data.len() - line > MAX_LINE {
            let number = data.iter().filter(|&&b| b == b'\n').count() + 1;
            return failed(format!(
                "line {number} has more than {MAX_LINE} bytes; it is no list of sums"
            ));
        }
        if data.len() > MAX_TEXT {
            return failed(format!(
                "it has more than {MAX_TEXT} bytes, which is the most that a sums file has"
            ));
        }
    }
}

/// Read a text by its form alone; `file` is its name in messages.
pub fn parse(data: &[u8], file: &str) -> Result<Parsed, Error> {
    parse_as(data, file, Reading::Form)
}

/// Read a text of which more is known than its form.
pub fn parse_as(data: &[u8], file: &str, reading: Reading<'_>) -> Result<Parsed, Error> {
    parse_lines(data, file, reading).map_err(|stop| match stop {
        Stop::Text(error) => error,
        // Of what is in memory this cannot be.
        Stop::Input(error) => Error::File {
            file: file.to_owned(),
            reason: error.to_string(),
        },
    })
}

/// Read a text as it comes, one line in memory at a time.
pub fn read_as(
    input: impl BufRead,
    file: &str,
    reading: Reading<'_>,
) -> io::Result<Result<Parsed, Error>> {
    match parse_lines(input, file, reading) {
        Ok(parsed) => Ok(Ok(parsed)),
        Err(Stop::Text(error)) => Ok(Err(error)),
        Err(Stop::Input(error)) => Err(error),
    }
}

/// Why a text was not read to its end.
enum Stop {
    Text(Error),
    Input(io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Text(error)
    }
}

impl From<Conflict> for Stop {
    fn from(conflict: Conflict) -> Self {
        Self::Text(conflict.into())
    }
}

/// The lines of a text.
struct Lines<'a, R> {
    input: R,
    file: &'a str,
    line: Vec<u8>,
    /// Of the line that was given last, counted from 1.
    number: usize,
    bytes: usize,
}

impl<R: BufRead> Lines<'_, R> {
    /// The next line, with its line feed if it has one.
    fn next(&mut self) -> Result<Option<&str>, Stop> {
        self.line.clear();
        self.number += 1;
        let mut input = self.input.by_ref().take(MAX_LINE as u64 + 2);
        let read = input.read_until(b'\n', &mut self.line);
        self.bytes += read.map_err(Stop::Input)?;
        let number = self.number;
        let failed = |reason: String| -> Result<Option<&str>, Stop> {
            Err(Stop::Text(Error::File {
                file: self.file.to_owned(),
                reason,
            }))
        };
        if self.line.is_empty() {
            return match number {
                1 => failed("it is empty; a release has at least one sum".into()),
                _ => Ok(None),
            };
        }
        if self.line.len() > MAX_LINE + 1 {
            return Err(Stop::Text(Error::Line {
                file: self.file.to_owned(),
                line: number,
                column: 1,
                reason: too_long(),
            }));
        }
        if self.bytes > MAX_TEXT {
            return failed(format!(
                "it has more than {MAX_TEXT} bytes, which is the most that a sums file has"
            ));
        }
        if number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
            return failed(
                "it begins with a byte order mark; save it as plain UTF-8 without one".into(),
            );
        }
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => failed(format!("line {number} is not UTF-8 text; save it as UTF-8")),
        }
    }
}

fn parse_lines(input: impl BufRead, file: &str, reading: Reading<'_>) -> Result<Parsed, Stop> {
    let reader = Reader::new(reading);
    let mut text = Lines {
        input,
        file,
        line: Vec::new(),
        number: 0,
        bytes: 0,
    };
    let mut lines: Vec<(Subject, Entry)> = Vec::new();
    let mut deviations = Vec::new();
    let mut number = 0;
    while let Some(line) = text.next()? {
        number += 1;
        let mut deviates = |what| deviations.push(Deviation { line: number, what });
        let line = match line.strip_suffix('\n') {
            Some(line) => line,
            None => {
                deviates("the last line does not end with a line feed");
                line
            }
        };
        let Sum {
            digest,
            subject,
            form,
        } = parse_line(line, &reader).map_err(|(column, reason)| Error::Line {
            file: file.to_owned(),
            line: number,
            column,
            reason,
        })?;
        match form {
            Form::Plain { name } => {
                // Without `./` only who knows more than the form takes it for a file.
                let shortest = is_written_so(name, &subject.in_text())
                    || is_written_so(name, subject.as_str());
                if !shortest {
                    deviates("the file name is not in its shortest form");
                }
            }
            Form::Binary => {
                deviates("the name is marked with `*` as binary; write a space instead");
            }
            Form::Pin => deviates("it is a pin (REFERENCE@DIGEST) and not a sum"),
        }
        if let Some((previous, _)) = lines.last() {
            match previous.cmp(&subject) {
                Ordering::Less => {}
                Ordering::Equal => deviates("the line stands there twice"),
                Ordering::Greater if in_other_order(previous, &subject) => {}
                Ordering::Greater => deviates("the line is not in order"),
            }
        }
        lines.push((subject, Entry::of_line(digest, number)));
    }
    let (sums, synonyms) = Sums::of_lines(lines, file)?;
    if !synonyms.is_empty() {
        let what = "the image stands there twice, under another of its names";
        deviations.extend(synonyms.iter().map(|&line| Deviation { line, what }));
        deviations.sort_by_key(|deviation| deviation.line);
    }
    Ok(Parsed { sums, deviations })
}

/// Whether two names that can be read as something else are in the order of file names, or in
/// the order of a writer that knew better what they are of.
fn in_other_order(a: &Subject, b: &Subject) -> bool {
    match (a, b) {
        (Subject::Image(_), Subject::Image(_)) => false,
        (Subject::File(_), Subject::File(_)) => begins_with_host(a) || begins_with_host(b),
        _ => a.as_str() < b.as_str(),
    }
}

/// Whether the name in a line, with the backslash that stands before the digest of an escaped
/// one, is how this name is written.
fn is_written_so((is_escaped, written): (bool, &str), name: &str) -> bool {
    match escaped(name) {
        Cow::Borrowed(plain) => !is_escaped && plain == written,
        Cow::Owned(escaped) => is_escaped && escaped == written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(n: u8) -> String {
        Digest::of(&[n]).hex()
    }

    fn canonical(text: &str) -> Sums {
        let parsed = parse(text.as_bytes(), "f").unwrap();
        assert_eq!(parsed.deviations, []);
        assert_eq!(render(&parsed.sums), text);
        parsed.sums
    }

    #[test]
    fn the_form_is_fixed_to_the_byte() {
        let mut sums = Sums::new();
        for (n, name) in [
            "b.io/x/y:2",
            "tool",
            "b.io/x/y:1",
            "a.io:5000/z",
            "a.io/z",
            "a.io/p/z",
            "b.io/x/y",
            "tool.exe",
        ]
        .iter()
        .enumerate()
        {
            let subject = Subject::from_text(name).unwrap();
            sums.add_all([(subject, Digest::of(&[n as u8]), "t")])
                .unwrap();
        }
        let text = render(&sums);
        assert_eq!(
            text,
            format!(
                "{}  a.io/z\n{}  a.io/p/z\n{}  a.io:5000/z\n{}  b.io/x/y\n{}  b.io/x/y:1\n{}  b.io/x/y:2\n{}  tool\n{}  tool.exe\n",
                hex(4), hex(5), hex(3), hex(6), hex(2), hex(0), hex(1), hex(7)
            )
        );
        assert_eq!(canonical(&text), sums);
    }

    #[test]
    fn names_are_escaped_as_sha256sum_does() {
        let mut sums = Sums::new();
        let subject = Subject::File("a\\b\\nc".parse().unwrap());
        sums.add_all([(subject, Digest::of(b"x"), "t")]).unwrap();
        let text = render(&sums);
        assert_eq!(
            text,
            format!("\\{}  a\\\\b\\\\nc\n", Digest::of(b"x").hex())
        );
        assert_eq!(canonical(&text), sums);
    }

    #[test]
    fn what_is_malformed_is_named_by_line_and_column() {
        let good = format!("{}  a\n", hex(0));
        for (text, line, column, part) in [
            (format!("{good}\n"), 2, 1, "empty"),
            (format!("{}  a\r\n", hex(0)), 1, 68, "carriage return"),
            (
                format!("{}  a\n", hex(0).to_uppercase()),
                1,
                1,
                "upper-case",
            ),
            (
                format!("{good}{}  a\n", &hex(0)[1..]),
                2,
                1,
                "63 hexadecimal digits",
            ),
            (format!("{}0  a\n", hex(0)), 1, 1, "65 hexadecimal digits"),
            (format!("{} a\n", hex(0)), 1, 65, "two spaces"),
            (format!("{}\ta\n", hex(0)), 1, 65, "two spaces"),
            (format!("{}   a\n", hex(0)), 1, 67, "white space"),
            (format!("{}  a \n", hex(0)), 1, 67, "white space"),
            (format!("{}  \n", hex(0)), 1, 67, "missing"),
            (format!("{}\n", hex(0)), 1, 65, "missing"),
            (format!("{}  ../a\n", hex(0)), 1, 67, "leaves"),
            (format!("{}  /a\n", hex(0)), 1, 67, "relative"),
            (format!("\\{}  a\\x\n", hex(0)), 1, 69, "backslash"),
            (format!("\\{}  a\\ntxt\n", hex(0)), 1, 68, "control"),
            (format!("\\{}  a\\rtxt\n", hex(0)), 1, 68, "control"),
            (format!("\\{}  ./a\\n\n", hex(0)), 1, 68, "control"),
            (format!("{}  library/x:\n", hex(0)), 1, 67, "tag is empty"),
            (format!("{}  :v1\n", hex(0)), 1, 67, "name is empty"),
            (
                format!("{}  a\x1b[2J\n", hex(0)),
                1,
                68,
                "control character \\u{1b}",
            ),
            (format!("{}  a\tb\n", hex(0)), 1, 68, "control"),
            (format!("{}  a\u{9b}\n", hex(0)), 1, 68, "control"),
            (
                format!("{}  r.example.com/x:\n", hex(0)),
                1,
                67,
                "tag is empty",
            ),
            (
                format!("{}  r.example.com/X:v1\n", hex(0)),
                1,
                67,
                "lower case",
            ),
            (
                format!("{}  r.example.com/x:v1 y\n", hex(0)),
                1,
                67,
                "more words",
            ),
            (
                format!("{}  r.example.com/x@sha256:{}\n", hex(0), hex(0)),
                1,
                67,
                "holds a digest",
            ),
            (
                format!("{}  {}\n", hex(0), "a".repeat(MAX_LINE)),
                1,
                1,
                "more than",
            ),
            (
                format!("acme/tool:v1@sha256:{}\n", hex(0)),
                1,
                1,
                "write docker.io/acme/tool:v1",
            ),
            (
                "sha256:00  a\n".to_owned(),
                1,
                1,
                "does not begin with a digest",
            ),
        ] {
            match parse(text.as_bytes(), "f").unwrap_err() {
                Error::Line {
                    line: l,
                    column: c,
                    reason,
                    ..
                } => {
                    assert!(reason.contains(part), "{text:?}: {reason}");
                    assert_eq!(
                        (l, c),
                        (line, if part == "upper-case" { c } else { column }),
                        "{text:?}"
                    );
                }
                other => panic!("{text:?}: {other}"),
            }
        }
        for (data, part) in [
            (&b""[..], "empty"),
            (b"\xef\xbb\xbf0", "byte order mark"),
            (b"\xff\xfe0\0", "not UTF-8"),
        ] {
            let error = parse(data, "f").unwrap_err().to_string();
            assert!(error.starts_with("f: ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_understood_but_not_ours_is_reported() {
        let lines = format!("{}  b\n{}  a\n{}  a\n{} *c", hex(0), hex(1), hex(1), hex(2));
        let parsed = parse(lines.as_bytes(), "f").unwrap();
        let said: Vec<_> = parsed.deviations.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(said[0].starts_with("line 2: ") && said[0].contains("order"));
        assert!(said[1].starts_with("line 3: ") && said[1].contains("twice"));
        assert!(said[2].starts_with("line 4: ") && said[2].contains("line feed"));
        assert!(said[3].starts_with("line 4: ") && said[3].contains("binary"));
        assert_eq!(parsed.sums.len(), 3);
    }

    #[test]
    fn a_file_that_could_be_an_image_is_written_with_its_folder() {
        let line = |name: &str| format!("{}  {name}\n", hex(0));
        let sums = canonical(&line("./v1.2/tool"));
        assert_eq!(
            sums.iter().next().unwrap().0,
            &Subject::File("v1.2/tool".parse().unwrap())
        );
        // Who knows that they are files takes them without.
        let text = line("a") + &line("node.js/LICENSE") + &line("v1.2/tool");
        let parsed = parse_as(text.as_bytes(), "f", Reading::Files(None)).unwrap();
        assert_eq!(parsed.deviations, []);
        assert_eq!(
            render(&parsed.sums),
            line("a") + &line("./node.js/LICENSE") + &line("./v1.2/tool")
        );
        assert_eq!(canonical(&render(&parsed.sums)), parsed.sums);
        let parsed = parse(line("./a").as_bytes(), "f").unwrap();
        assert_eq!(parsed.deviations.len(), 1);
        let mut written = Vec::new();
        write(&parsed.sums, &mut written).unwrap();
        assert_eq!(written, line("a").as_bytes());
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let endless = io::repeat(b'a');
        let error = read(endless, "f").unwrap().unwrap_err().to_string();
        assert!(error.starts_with("f: line 1 has more than"), "{error}");
        let lines = format!("{}  a\n", hex(0)).repeat(10_000);
        let text = lines.clone() + &"x".repeat(3 * MAX_LINE);
        let error = read(text.as_bytes(), "f").unwrap().unwrap_err().to_string();
        assert!(error.contains("line 10001 "), "{error}");
        assert_eq!(
            read(lines.as_bytes(), "f").unwrap().unwrap(),
            lines.as_bytes()
        );
        assert_eq!(read(&b""[..], "f").unwrap().unwrap(), b"");
    }

    #[test]
    fn a_conflict_names_both_lines() {
        let text = format!("{}  a\n{}  a\n", hex(0), hex(1));
        let error = parse(text.as_bytes(), "f").unwrap_err().to_string();
        assert!(
            error.contains("conflicting digests")
                && error.contains("f, line 1")
                && error.contains("f, line 2"),
            "{error}"
        );
    }

    #[test]
    fn published_sums_of_another_project_are_read() {
        let text = include_bytes!("../testdata/constellation-rpm-SHA256SUMS-v2.24.0");
        let parsed = parse(text, "f").unwrap();
        assert_eq!(parsed.sums.len(), 358);
    }

    #[test]
    fn a_text_that_comes_in_pieces_says_the_same() {
        let line = |n: u8, name: &str| format!("{}  {name}\n", hex(n));
        let long = line(1, &"n".repeat(MAX_LINE));
        for text in [
            line(1, "a.io/x:1") + &line(2, "tool"),
            line(1, "b") + &line(2, "a") + "\n",
            line(1, "a").trim_end().to_owned(),
            line(1, "a") + &line(2, "a"),
            line(1, "\u{e9}"),
            "\u{feff}".to_owned() + &line(1, "a"),
            String::new(),
            "x".to_owned(),
            line(1, "a") + &long,
            line(1, "a") + long.trim_end(),
        ] {
            for size in [1, 7, 64, 1 << 20] {
                let pieces = std::io::BufReader::with_capacity(size, text.as_bytes());
                let come = read_as(pieces, "f", Reading::Form).unwrap();
                match (parse(text.as_bytes(), "f"), come) {
                    (Ok(whole), Ok(come)) => {
                        assert_eq!(whole.sums, come.sums);
                        assert_eq!(whole.deviations, come.deviations);
                    }
                    (Err(whole), Err(come)) => assert_eq!(whole.to_string(), come.to_string()),
                    (whole, come) => panic!("{whole:?} and {come:?}"),
                }
            }
        }
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let first = line(1, "a");
        let failing = std::io::BufReader::new(first.as_bytes().chain(Failing));
        assert!(read_as(failing, "f", Reading::Form).is_err());
    }
}
