//! One line of a list of sums: see [`text`](crate::text).

use std::borrow::Cow;

use verbatim_digest::Digest;
use verbatim_foreign::printable;
use verbatim_naming::registry_of;

use crate::subject::Reader;
use crate::text::MAX_LINE;
use crate::Subject;

/// What a line says.
pub(crate) struct Sum<'a> {
    pub(crate) digest: Digest,
    pub(crate) subject: Subject,
    pub(crate) form: Form<'a>,
}

/// In which form a line says what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// As we write it; the name as it stands there, and whether it is said to be escaped.
    Plain { name: (bool, &'a str) },
    /// With the mark of `sha256sum --binary`.
    Binary,
    /// `REFERENCE@DIGEST`, as container tools write it.
    Pin,
}

/// A line of the form `REFERENCE@DIGEST`, as many projects publish their images.
fn parse_pin(line: &str) -> Option<Result<Sum<'static>, String>> {
    let (reference, digest) = line.split_once('@')?;
    let digest = digest.parse().ok()?;
    let subject = Subject::Image(reference.parse().ok()?);
    // As a line of ours it would be a file.
    if registry_of(reference).is_none() {
        return Some(Err(format!(
            "the pin names no registry; where Docker Hub is meant, write docker.io/{reference}"
        )));
    }
    Some(Ok(Sum {
        digest,
        subject,
        form: Form::Pin,
    }))
}

pub(crate) fn too_long() -> String {
    format!("the line has more than {MAX_LINE} bytes; it is no list of sums")
}

/// One line without its line feed; on failure the column and the reason.
pub(crate) fn parse_line<'a>(
    line: &'a str,
    reader: &Reader<'_>,
) -> Result<Sum<'a>, (usize, String)> {
    if line.is_empty() {
        return Err((1, "the line is empty; remove it".into()));
    }
    if line.len() > MAX_LINE {
        return Err((1, too_long()));
    }
    if line.ends_with('\r') {
        return Err((
            line.chars().count(),
            "the line ends with a carriage return; convert the file to plain line feeds".into(),
        ));
    }
    if let Some(pin) = parse_pin(line) {
        return pin.map_err(|reason| (1, reason));
    }
    let (escaped, rest) = match line.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let first = usize::from(escaped) + 1;
    let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
    let hex = &rest[..digits];
    let digest = Digest::from_hex(hex).map_err(|_| {
        if let Some(at) = hex.find(|c: char| c.is_ascii_uppercase()) {
            (first + at, "the digest has upper-case digits; write them in lower case".to_owned())
        } else if digits == 0 {
            (first, "the line does not begin with a digest; it must be 64 hexadecimal digits, two spaces and a name".to_owned())
        } else {
            (
                first,
                format!("the digest has {digits} hexadecimal digits, and a sha256 has 64"),
            )
        }
    })?;
    let after = first + digits;
    let rest = &rest[digits..];
    let (form, name) = if let Some(name) = rest.strip_prefix("  ") {
        (
            Form::Plain {
                name: (escaped, name),
            },
            name,
        )
    } else if let Some(name) = rest.strip_prefix(" *") {
        (Form::Binary, name)
    } else if rest.is_empty() {
        return Err((
            after,
            "the name is missing; write two spaces and a name after the digest".into(),
        ));
    } else {
        return Err((
            after,
            "the digest is not followed by two spaces; write exactly two, and the name".into(),
        ));
    };
    let after = after + 2;
    if name.is_empty() {
        return Err((
            after,
            "the name is missing; write one after the two spaces".into(),
        ));
    }
    if name.starts_with([' ', '\t']) || name.ends_with([' ', '\t']) {
        return Err((
            after,
            "the name begins or ends with white space; remove it".into(),
        ));
    }
    let control = || name.chars().enumerate().find(|(_, c)| c.is_control());
    // Most names are plain, which is seen faster than where they are not.
    let is_plain = name.bytes().all(|b| matches!(b, b' '..=b'~'));
    if let Some((at, control)) = (!is_plain).then(control).flatten() {
        return Err((
            after + at,
            format!(
                "the name holds the control character {}; rename the file",
                printable(&control.to_string())
            ),
        ));
    }
    let name = if escaped {
        Cow::Owned(unescape(name, after)?)
    } else {
        Cow::Borrowed(name)
    };
    let subject = reader.read(&name).map_err(|e| (after, e.to_string()))?;
    Ok(Sum {
        digest,
        subject,
        form,
    })
}

fn unescape(name: &str, column: usize) -> Result<String, (usize, String)> {
    let mut plain = String::with_capacity(name.len());
    let mut characters = name.chars().enumerate();
    while let Some((at, character)) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        plain.push(match characters.next() {
            Some((_, '\\')) => '\\',
            Some((_, 'n')) => '\n',
            Some((_, 'r')) => '\r',
            _ => return Err((
                column + at,
                "a backslash in an escaped name is followed by neither a backslash, `n` nor `r`; write it twice"
                    .into(),
            )),
        });
    }
    Ok(plain)
}
