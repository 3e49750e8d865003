//! Whatever holds attestations, taken apart: an envelope over one or many lines, lines of
//! envelopes (also as `jq` prints them), Sigstore bundles, a bare statement. Nothing is believed of it here.

use std::io::Read;

use serde::de::IgnoredAny;
use serde_json::Value;
use verbatim_document::{json, ErrorKind};
use verbatim_foreign::printable;

use crate::bundle::{Bundle, Signed};
use crate::dsse::Envelope;
use crate::Error;

/// The largest file of attestations that is read, in bytes. One that is larger is refused when
/// so much of it has been read.
pub const MAX_DOCUMENT: u64 = 16 << 20;

/// The most documents that one file may hold.
pub const MAX_DOCUMENTS: usize = 10_000;

/// The most values that one document may hold: JSON of 16 MiB that is nothing but zeros in a
/// list takes a gigabyte of memory otherwise.
const MAX_VALUES: usize = 1 << 20;

/// An object counts as so many values: each takes half a kilobyte, and one member more is as cheap as
/// an item of a list. No document of the largest size comes near, that says something in its objects.
const OBJECT: usize = 4;

/// One document of a file.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file, and the line where it has several: its name in messages.
    pub name: String,
    /// What it is.
    pub content: Content,
}

/// What a document is.
#[derive(Debug, Clone)]
pub enum Content {
    /// A DSSE envelope.
    Envelope(Envelope),
    /// A Sigstore bundle, which may be about an envelope.
    Bundle(Box<Bundle>),
    /// An in-toto statement that nobody signed, as it stands.
    Statement(Vec<u8>),
}

impl Document {
    /// The envelope, alone or in a bundle.
    pub fn envelope(&self) -> Option<&Envelope> {
        match &self.content {
            Content::Envelope(envelope) => Some(envelope),
            Content::Bundle(bundle) => match &bundle.signed {
                Signed::Envelope(envelope) => Some(envelope),
                Signed::Message(_) => None,
            },
            Content::Statement(_) => None,
        }
    }

    /// The envelope, where this is an attestation that somebody may have signed.
    ///
    /// # Errors
    ///
    /// Does not hold: there is none.
    pub fn attestation(&self) -> Result<&Envelope, Error> {
        self.envelope().ok_or_else(|| {
            let why = match self.content {
                Content::Statement(_) => "it is a statement that nobody signed",
                _ => "it is the signature of a file, and no attestation",
            };
            Error::does_not_hold(&self.name, why)
        })
    }

    /// The payload of the envelope or the bare statement, by whomever it may be: for those who
    /// were told to believe anybody. [`Document::verify`] gives what is signed.
    pub fn unverified(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Statement(statement) => Some(statement),
            _ => self.envelope().map(|envelope| envelope.payload.as_slice()),
        }
    }
}

/// Each document of a file, in order. One that is broken does not spoil the others: an error
/// stands in its place.
///
/// # Errors
///
/// Malformed: nothing in it is a document, or there are more than [`MAX_DOCUMENTS`].
pub fn read(data: &[u8], file: &str) -> Result<Vec<Result<Document, Error>>, Error> {
    let whole = document(data, file);
    if whole.is_ok() {
        return Ok(vec![whole]);
    }
    if let Some(documents) = sequence(data, file) {
        return Ok(documents);
    }
    let lines = || {
        data.split(|&byte| byte == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
    };
    if lines().count() > MAX_DOCUMENTS {
        return Err(too_much(
            file,
            format!("it has more than {MAX_DOCUMENTS} lines"),
        ));
    }
    let documents: Vec<_> = lines()
        .map(|(number, line)| document(line, &format!("{file}, line {}", number + 1)))
        .collect();
    match documents.iter().any(Result::is_ok) {
        true => Ok(documents),
        // A broken document over several lines is one mistake and not many.
        false => whole.map(|whole| vec![Ok(whole)]),
    }
}

/// Several values of JSON, one after another over any number of lines; `None` where it is not
/// all JSON.
fn sequence(data: &[u8], file: &str) -> Option<Vec<Result<Document, Error>>> {
    let mut values = serde_json::Deserializer::from_slice(data).into_iter::<IgnoredAny>();
    let mut documents = Vec::new();
    let (mut start, mut line) = (0, 1);
    while let Some(value) = values.next() {
        value.ok()?;
        if documents.len() == MAX_DOCUMENTS {
            return None;
        }
        let text = data.get(start..values.byte_offset())?;
        let before = text.len() - text.trim_ascii_start().len();
        let feeds = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
        line += feeds(&text[..before]);
        documents.push(document(text, &format!("{file}, line {line}")));
        line += feeds(&text[before..]);
        start += text.len();
    }
    (documents.len() > 1).then_some(documents)
}

/// [`read`] what a reader gives, at most [`MAX_DOCUMENT`] bytes.
///
/// # Errors
///
/// As [`read`]; what is larger, and what cannot be read.
pub fn read_from(reader: impl Read, file: &str) -> Result<Vec<Result<Document, Error>>, Error> {
    read(&json::read_limited(reader, MAX_DOCUMENT, file)?, file)
}

/// A value of JSON that holds no member twice and not too many values.
pub fn parse(data: &[u8], file: &str) -> Result<Value, Error> {
    // Each value but the first stands behind one of these. Those in texts count too: no
    // document comes near.
    let values: usize = data
        .iter()
        .map(|byte| match byte {
            b',' | b'[' => 1,
            b'{' => OBJECT,
            _ => 0,
        })
        .sum();
    if values > MAX_VALUES {
        return Err(too_much(
            file,
            format!(
                "it holds more than {MAX_VALUES} values of JSON, each object counted as {OBJECT}"
            ),
        ));
    }
    Ok(json::parse_value(data, file)?)
}

/// Refuse what is no in-toto statement, as far as every statement is alike: its version, its
/// subjects and the type of its predicate (in-toto attestation framework, "Statement").
///
/// # Errors
///
/// Malformed, with the place.
pub fn statement(data: &[u8], file: &str) -> Result<(), Error> {
    let value = parse(data, file)?;
    let wrong = |pointer: &str, why: &str| {
        let error = verbatim_document::Error::new(ErrorKind::Malformed, file, why);
        Err(Error::from(error.at(pointer)))
    };
    if !is_statement(&value) {
        return wrong(
            "/_type",
            "it is no in-toto statement; one begins with `{\"_type\":\"https://in-toto.io/Statement/v1\"`",
        );
    }
    if value["predicateType"].as_str().is_none_or(str::is_empty) {
        return wrong("/predicateType", "there must be the URI of a type");
    }
    let subjects = value["subject"].as_array().map_or(&[][..], Vec::as_slice);
    if subjects.is_empty() {
        return wrong("/subject", "there must be a list of at least one subject");
    }
    for (number, subject) in subjects.iter().enumerate() {
        let digests = subject["digest"].as_object();
        let is_digest = |digest: &Value| digest.as_str().is_some_and(|text| !text.is_empty());
        if !digests.is_some_and(|set| !set.is_empty() && set.values().all(is_digest)) {
            return wrong(
                &format!("/subject/{number}/digest"),
                "there must be at least one digest, as `\"sha256\":\"…\"`",
            );
        }
    }
    Ok(())
}

fn document(data: &[u8], name: &str) -> Result<Document, Error> {
    let value = parse(data, name)?;
    let has = |member: &str| value.get(member).is_some();
    let content = if has("payloadType") || has("payload") {
        Content::Envelope(Envelope::from_json(value, name)?)
    } else if has("mediaType") || has("verificationMaterial") || has("dsseEnvelope") {
        let text = std::str::from_utf8(data)
            .map_err(|e| Error::malformed(name, format!("is not UTF-8: {e}")))?;
        Content::Bundle(Box::new(Bundle::from_json(value, text, name)?))
    } else if is_statement(&value) {
        Content::Statement(data.trim_ascii().to_vec())
    } else {
        return Err(Error::malformed(
            name,
            "it is no attestation; there are DSSE envelopes, Sigstore bundles and in-toto statements",
        ));
    };
    Ok(Document {
        name: name.to_owned(),
        content,
    })
}

fn is_statement(value: &Value) -> bool {
    value
        .get("_type")
        .and_then(Value::as_str)
        .is_some_and(|name| name.starts_with("https://in-toto.io/Statement/"))
}

fn too_much(file: &str, what: String) -> Error {
    verbatim_document::Error::new(ErrorKind::Limit, printable(file), what).into()
}
