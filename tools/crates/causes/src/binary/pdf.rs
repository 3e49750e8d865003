//! PDF documents (ISO 32000): the dates and identifiers that writers put in, apart from the rest.

use super::seen::{shown, Seen};
use super::strings;
use crate::{Cause, Comparison};
use verbatim_formats::inflate;

/// Values that a writer stamps in: the key, what closes the value, and why it varies.
const KEYS: &[(&[u8], Cause)] = &[
    (b"/CreationDate", Cause::Timestamp),
    (b"/ModDate", Cause::Timestamp),
    (b"/M(D:", Cause::Timestamp),
    (b"/ID", Cause::RandomId),
    (b"/Producer", Cause::ToolchainVersion),
    (b"/Creator", Cause::ToolchainVersion),
    (b"<xmp:CreateDate>", Cause::Timestamp),
    (b"<xmp:ModifyDate>", Cause::Timestamp),
    (b"<xmp:MetadataDate>", Cause::Timestamp),
    (b"<xmp:CreatorTool>", Cause::ToolchainVersion),
    (b"<pdf:Producer>", Cause::ToolchainVersion),
    (b"<xmpMM:DocumentID>", Cause::Uuid),
    (b"<xmpMM:InstanceID>", Cause::Uuid),
];
/// Bytes that all compressed streams of a document may grow to, for each of its bytes.
const GROWTH: usize = 16;

/// A document: its stamps, and all else.
struct Document {
    stamps: Vec<(usize, String)>,
    rest: Vec<u8>,
}

/// Compare two documents; `None` if one is none.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let is_pdf = |data: &[u8]| data.starts_with(b"%PDF-");
    (is_pdf(left) && is_pdf(right)).then_some(())?;
    let (flat_left, flat_right) = (inflated(left), inflated(right));
    let mut seen = Seen::default();
    if flat_left == flat_right {
        let evidence = "the same streams, compressed in another way";
        seen.add(Cause::Compression, "streams", evidence);
        return seen.finish("pdf");
    }
    let (l, r) = (read(&flat_left), read(&flat_right));
    let keys =
        |document: &Document| -> Vec<usize> { document.stamps.iter().map(|s| s.0).collect() };
    if keys(&l) == keys(&r) {
        for ((key, a), (_, b)) in l.stamps.iter().zip(&r.stamps).filter(|(a, b)| a != b) {
            let (key, cause) = KEYS[*key];
            let at = String::from_utf8_lossy(key).into_owned();
            seen.add(cause, at, format!("{} → {}", shown(a), shown(b)));
        }
    }
    // An identifier is most often a sum over the rest, with the dates in it.
    if seen.has(Cause::Timestamp) || l.rest != r.rest {
        seen.drop(Cause::RandomId);
    }
    if l.rest != r.rest {
        let (a, b) = (strings::printable(&l.rest), strings::printable(&r.rest));
        let difference = strings::compare(&a, &b);
        let before = seen.count();
        for pair in &difference.pairs {
            seen.add(pair.cause, "text", pair.evidence());
        }
        if seen.count() == before {
            let evidence = format!(
                "objects and streams differ: {} → {} bytes",
                l.rest.len(),
                r.rest.len()
            );
            seen.add(Cause::SourceChange, "objects", evidence);
        }
    }
    seen.finish("pdf")
}

/// The document with streams as they are decompressed, and without what counts their bytes.
fn inflated(data: &[u8]) -> Vec<u8> {
    let mut flat = Vec::with_capacity(data.len());
    let mut budget = data.len().saturating_mul(GROWTH).max(1 << 20);
    let mut rest = data;
    while let Some(at) = find(rest, b"stream") {
        let (head, tail) = rest.split_at(at + 6);
        let body = tail.strip_prefix(b"\r\n").or(tail.strip_prefix(b"\n"));
        let Some(body) = body else {
            flat.extend_from_slice(head);
            rest = tail;
            continue;
        };
        // Sought only now, and once for each byte: what follows goes on behind it.
        let Some(end) = find(tail, b"endstream") else {
            break;
        };
        flat.extend_from_slice(&without_lengths(head));
        // A table of offsets may be a stream, too.
        let is_table = find(&head[head.len().saturating_sub(512)..], b"/XRef").is_some();
        let content = &body[..end.saturating_sub(tail.len() - body.len()).min(body.len())];
        let plain = (content.first() == Some(&0x78))
            .then(|| inflate::zlib(content, budget))
            .flatten();
        match plain {
            _ if is_table => {}
            Some(plain) => {
                budget = budget.saturating_sub(plain.len());
                flat.extend_from_slice(&plain);
            }
            None => flat.extend_from_slice(content),
        }
        flat.extend_from_slice(b"endstream");
        rest = &tail[end + 9..];
    }
    flat.extend_from_slice(&without_lengths(rest));
    flat
}

/// Without the lengths of streams and the table of offsets, which follow from the content.
fn without_lengths(text: &[u8]) -> Vec<u8> {
    let mut rest = Vec::with_capacity(text.len());
    let (mut at, mut kept) = (0, 0);
    while let Some(found) = memchr::memchr3(b'/', b's', b'\n', &text[at..]) {
        at += found;
        let keys: [&[u8]; 3] = [b"/Length ", b"startxref", b"\nxref"];
        let Some(key) = keys.iter().find(|key| text[at..].starts_with(key)) else {
            at += 1;
            continue;
        };
        at += key.len();
        rest.extend_from_slice(&text[kept..at]);
        // Entries of the table end with "n" or "f".
        let is_table = key.starts_with(b"\n");
        let follows = |b: &u8| {
            b.is_ascii_digit() || b.is_ascii_whitespace() || (is_table && matches!(b, b'n' | b'f'))
        };
        at += text[at..].iter().take_while(|b| follows(b)).count();
        kept = at;
    }
    rest.extend_from_slice(&text[kept..]);
    rest
}

/// How far a key is sought at once.
const WINDOW: usize = 4096;

fn find(data: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(data, what)
}

/// Take the values of all keys out.
fn read(data: &[u8]) -> Document {
    let mut document = Document {
        stamps: Vec::new(),
        rest: Vec::with_capacity(data.len()),
    };
    let mut at = 0;
    let mut kept = 0;
    while let Some(found) = memchr::memchr2(b'/', b'<', &data[at..]) {
        let start = at + found;
        at = start + 1;
        let key = KEYS
            .iter()
            .position(|(key, _)| data[start..].starts_with(key));
        let Some(i) = key else {
            continue;
        };
        let value_at = start + KEYS[i].0.len();
        let Some(length) = value(&data[value_at..], KEYS[i].0) else {
            continue;
        };
        let text = String::from_utf8_lossy(&data[value_at..value_at + length]);
        document.stamps.push((i, text.trim().to_owned()));
        document.rest.extend_from_slice(&data[kept..value_at]);
        at = value_at + length;
        kept = at;
    }
    document.rest.extend_from_slice(&data[kept..]);
    document
}

/// How long the value behind a key is.
fn value(data: &[u8], key: &[u8]) -> Option<usize> {
    let data = &data[..data.len().min(WINDOW)];
    if key.starts_with(b"<") {
        return data.iter().position(|&b| b == b'<');
    }
    if key.ends_with(b"(D:") {
        return data.iter().position(|&b| b == b')');
    }
    let start = data.iter().position(|b| !b.is_ascii_whitespace())?;
    let end = match data[start] {
        b'(' => {
            let mut escaped = false;
            data[start..].iter().position(|&b| {
                let end = b == b')' && !escaped;
                escaped = b == b'\\' && !escaped;
                end
            })?
        }
        b'[' => data[start..].iter().position(|&b| b == b']')?,
        b'<' => data[start..].iter().position(|&b| b == b'>')?,
        _ => return None,
    };
    Some(start + end + 1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A document with a date, an identifier and a page; offsets follow from the lengths.
    pub(in crate::binary) fn document(date: &str, id: &str, page: &str) -> Vec<u8> {
        let body = format!("%PDF-1.4\n1 0 obj\n<< /CreationDate (D:{date}) /Title (x) >>\nendobj\n2 0 obj\n<< /Length {} >>\nstream\n{page}\nendstream\nendobj\n", page.len());
        let at = body.len();
        format!("{body}xref\n0 2\n0000000000 65535 f \n{at:010} 00000 n \ntrailer\n<< /Size 2 /ID [<{id}> <{id}>] >>\nstartxref\n{at}\n%%EOF\n").into_bytes()
    }

    #[test]
    fn dates_and_identifiers() {
        let plain = document("20240102100000Z", "00ff00ff00ff00ff", "(hello) Tj");
        let causes = |other: &[u8]| -> Vec<Cause> {
            let found = compare(&plain, other).unwrap().findings;
            found.iter().map(|f| f.cause).collect()
        };
        let other = document("20250607111213+02'00'", "a1b2c3d4e5f60718", "(hello) Tj");
        assert_eq!(causes(&other), [Cause::Timestamp]);
        let other = document("20240102100000Z", "a1b2c3d4e5f60718", "(hello) Tj");
        assert_eq!(causes(&other), [Cause::RandomId]);
        let other = document("20240102100000Z", "a1b2c3d4e5f60718", "(hello, you) Tj");
        assert_eq!(causes(&other), [Cause::SourceChange]);
    }
}
