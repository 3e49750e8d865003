//! Documents of repositories, read part by part in bounded memory. There are no entities but the
//! five that XML itself has, so nothing can expand.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use quick_xml::events::{BytesStart, Event};
use quick_xml::Reader;

/// The longest tag or text that is read.
const LONGEST: usize = 4 << 20;
/// How deep elements may be nested; those of repositories have five levels.
const DEEPEST: usize = 64;

/// A part of a document.
#[derive(Debug)]
pub(super) enum Part<'a> {
    /// An element begins: its name without a prefix, and its attributes.
    Open(&'a str, &'a BytesStart<'a>),
    /// A piece of the text between tags; several may follow each other.
    Text(&'a str),
    /// The element with this name ends.
    Close(&'a str),
}

/// A source that gives no more than it was allowed since it was last asked.
struct Metered<R> {
    inner: R,
    left: Rc<Cell<usize>>,
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left.get() == 0 {
            let what = "a tag or a text in it is longer than 4 MiB";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let data = self.inner.fill_buf()?;
        Ok(&data[..data.len().min(self.left.get())])
    }

    fn consume(&mut self, n: usize) {
        self.left.set(self.left.get().saturating_sub(n));
        self.inner.consume(n);
    }
}

/// Read a document to its end. Errors say what is wrong, without the name of the file.
pub(super) fn read(
    source: impl BufRead,
    mut part: impl FnMut(Part<'_>) -> Result<(), String>,
) -> io::Result<()> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let left = Rc::new(Cell::new(LONGEST));
    let mut reader = Reader::from_reader(Metered {
        inner: source,
        left: Rc::clone(&left),
    });
    let mut buffer = Vec::new();
    let mut depth = 0_usize;
    let mut elements = 0_u64;
    loop {
        buffer.clear();
        left.set(LONGEST);
        let event = reader.read_event_into(&mut buffer).map_err(|e| match e {
            quick_xml::Error::Io(e) => io::Error::new(e.kind(), e.to_string()),
            e => wrong(format!("it is no XML that can be read ({e})")),
        })?;
        match event {
            Event::Start(element) => {
                depth += 1;
                elements += 1;
                if depth > DEEPEST {
                    return Err(wrong("its elements are nested too deep".to_owned()));
                }
                part(Part::Open(element.local_name().as_ref(), &element)).map_err(wrong)?;
            }
            Event::Empty(element) => {
                elements += 1;
                let name = element.local_name();
                part(Part::Open(name.as_ref(), &element)).map_err(wrong)?;
                part(Part::Close(name.as_ref())).map_err(wrong)?;
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                part(Part::Close(element.local_name().as_ref())).map_err(wrong)?;
            }
            Event::Text(text) => part(Part::Text(&text)).map_err(wrong)?,
            Event::CData(text) => part(Part::Text(&text)).map_err(wrong)?,
            Event::GeneralRef(reference) => {
                let c = match &*reference {
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "apos" => Some('\''),
                    "quot" => Some('"'),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                let c =
                    c.ok_or_else(|| wrong("it names an entity, which no index has".to_owned()))?;
                part(Part::Text(c.encode_utf8(&mut [0; 4]))).map_err(wrong)?;
            }
            Event::DocType(_) => {
                let what = "it declares a type of document, which no index does";
                return Err(wrong(what.to_owned()));
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof if depth > 0 || elements == 0 => {
                return Err(wrong("it is cut short".to_owned()));
            }
            Event::Eof => return Ok(()),
        }
    }
}

/// The value of an attribute, by its name without a prefix.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|e| format!("a tag cannot be read ({e})"))?;
        if attribute.key.local_name().as_ref() == name {
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|e| format!("an attribute cannot be read ({e})"))?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(document: &str) -> Result<String, String> {
        let mut out = String::new();
        read(document.as_bytes(), |part| {
            match part {
                Part::Open(name, element) => {
                    out += &format!("<{name}");
                    if let Some(value) = attribute(element, "a")? {
                        out += &format!(" {value}");
                    }
                }
                Part::Text(text) => out += text,
                Part::Close(name) => out += &format!("{name}>"),
            }
            Ok(())
        })
        .map_err(|e| e.to_string())?;
        Ok(out)
    }

    #[test]
    fn elements_texts_and_attributes() {
        let document = "<?xml version='1.0'?><m:r xmlns:m='x'><e a='1&lt;2'/><e>a&amp;b&#x41;<![CDATA[<c>]]></e></m:r>";
        assert_eq!(parts(document).unwrap(), "<r<e 1<2e><ea&bA<c>e>r>");
    }

    #[test]
    fn nothing_expands_and_nothing_grows() {
        let refused = |document: &str, what: &str| {
            let error = parts(document).unwrap_err();
            assert!(error.contains(what), "{error}");
        };
        refused(
            "<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;</r>",
            "type of document",
        );
        refused("<r>&a;</r>", "entity");
        refused("<r a='&b;'/>", "attribute");
        refused(&"<r>".repeat(100_000), "too deep");
        refused(&format!("<r>{}</r>", "x".repeat(5 << 20)), "longer than");
        refused(&format!("<r a='{}'/>", "x".repeat(5 << 20)), "longer than");
        refused("<r><e></e>", "cut short");
        refused("", "cut short");
        refused("<r></e>", "no XML");
    }
}
