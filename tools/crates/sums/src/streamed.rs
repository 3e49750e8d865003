//! The document beside a text, read as it comes: of a million entries the bytes would take more room
//! than what they say.
//!
//! Read so is the form that [`Record::write`] writes, and nothing else: members in order, no white space
//! between entries. Any other document is for who reads it whole, as is the sentence about
//! one that is wrong: here there is no place to tell.

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use verbatim_oci::json;

use crate::record::{File, Image, Schema};
use crate::Record;

/// So much is read at a time.
const CHUNK: usize = 1 << 18;

/// The largest entry: an index of more images than any registry takes.
const MAX_ENTRY: usize = 16 << 20;

/// The document, if it is in the form that is written here and right in every entry.
pub(crate) fn read(input: impl Read) -> io::Result<Option<Record>> {
    let mut text = Text::new(input);
    let Some(files) = text.list(b"{\"files\":[", |_: &File| false)? else {
        return Ok(None);
    };
    let Some(images) = text.list(b",\"images\":[", has_parts)? else {
        return Ok(None);
    };
    if !text.skip(b",\"schema\":")? {
        return Ok(None);
    }
    let Some(schema) = text.value(|_: &Schema| false)? else {
        return Ok(None);
    };
    if !text.skip(b"}\n")? || !text.is_over()? {
        return Ok(None);
    }
    Ok(Some(Record::of_entries(schema, images, files)))
}

/// Whether a value has parts that may hold members of any name.
type Parts<T> = fn(&T) -> bool;

/// What stands in a platform may; an image and a file know their members, and none twice.
fn has_parts(image: &Image) -> bool {
    !image.platforms.is_empty()
}

/// A text of which a part is in memory.
struct Text<R> {
    input: R,
    buffer: Vec<u8>,
    /// Where what was not taken yet begins.
    at: usize,
}

impl<R: Read> Text<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::with_capacity(CHUNK),
            at: 0,
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// Read on; whether there was more.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let more = CHUNK.max(self.buffer.len());
        Ok(self
            .input
            .by_ref()
            .take(more as u64)
            .read_to_end(&mut self.buffer)?
            > 0)
    }

    fn is_over(&mut self) -> io::Result<bool> {
        Ok(self.rest().is_empty() && !self.fill()?)
    }

    /// Pass over these bytes, if they come next.
    fn skip(&mut self, bytes: &[u8]) -> io::Result<bool> {
        while self.rest().len() < bytes.len() {
            if !self.fill()? {
                return Ok(false);
            }
        }
        let is_next = self.rest().starts_with(bytes);
        if is_next {
            self.at += bytes.len();
        }
        Ok(is_next)
    }

    /// The value that comes next, if it is one of this type; whether it is so in all its parts is looked at
    /// where there are such of which the type does not see to it by itself.
    fn value<T: DeserializeOwned>(&mut self, has_parts: Parts<T>) -> io::Result<Option<T>> {
        loop {
            let mut values = serde_json::Deserializer::from_slice(self.rest()).into_iter::<T>();
            match values.next() {
                Some(Ok(value)) => {
                    let length = values.byte_offset();
                    let is_right =
                        !has_parts(&value) || json::is_strict_json(&self.rest()[..length]);
                    self.at += length;
                    return Ok(is_right.then_some(value));
                }
                // The rest of it may be still to come.
                Some(Err(error)) if error.is_eof() && self.rest().len() < MAX_ENTRY => {}
                Some(Err(_)) => return Ok(None),
                None => {}
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// A list of values, after these bytes.
    fn list<T: DeserializeOwned>(
        &mut self,
        before: &[u8],
        has_parts: Parts<T>,
    ) -> io::Result<Option<Vec<T>>> {
        let mut list = Vec::new();
        if !self.skip(before)? {
            return Ok(None);
        }
        if self.skip(b"]")? {
            return Ok(Some(list));
        }
        loop {
            match self.value(has_parts)? {
                Some(value) => list.push(value),
                None => return Ok(None),
            }
            if self.skip(b"]")? {
                return Ok(Some(list));
            }
            if !self.skip(b",")? {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use verbatim_digest::Digest;
    use verbatim_oci::MediaType;

    use super::*;
    use crate::record::PlatformImage;

    /// A reader that gives few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn record() -> Record {
        let image = |name: &str, platforms: Vec<PlatformImage>| Image {
            digest: Digest::of(name.as_bytes()),
            image_id: platforms.first().map(|image| image.config.digest),
            media_type: MediaType::OCI_MANIFEST,
            platforms,
            reference: name.parse().unwrap(),
            size: 7,
        };
        let descriptor = verbatim_oci::Descriptor::of(MediaType::OCI_MANIFEST, b"{}");
        let platform = PlatformImage {
            platform: "linux/arm64".parse().unwrap(),
            manifest: descriptor.clone(),
            config: descriptor,
            layers: Vec::new(),
            runtime: None,
        };
        let file = |name: &str, size| File {
            digest: Digest::of(name.as_bytes()),
            name: name.parse().unwrap(),
            size,
        };
        Record::new(
            vec![
                image("r.example.com/a:1", vec![]),
                image("r.example.com/b", vec![platform]),
            ],
            vec![file("\u{e9}\"{[", Some(1)), file("z", None)],
        )
    }

    #[test]
    fn what_is_written_is_read_in_pieces_of_any_size() {
        for record in [record(), Record::new(vec![], vec![])] {
            let mut written = Vec::new();
            record.write(&mut written).unwrap();
            for size in [1, 2, 3, 7, 64, 1 << 20] {
                assert_eq!(read(Slow(&written, size)).unwrap(), Some(record.clone()));
            }
        }
    }

    #[test]
    fn anything_else_is_left_to_others() {
        let mut written = Vec::new();
        record().write(&mut written).unwrap();
        for end in 0..written.len() {
            assert_eq!(read(&written[..end]).unwrap(), None, "{end}");
        }
        let text = String::from_utf8(written).unwrap();
        for (from, to) in [
            ("}\n", "}\n\n"),
            ("}\n", "}"),
            ("}\n", "}x\n"),
            (r#""size":7"#, r#""size":7,"size":7"#),
            (r#""size":7"#, r#""size":7,"more":7"#),
            (r#""size":7"#, r#""size":-7"#),
            (r#""os":"linux""#, r#""os":"linux","os":"linux""#),
            (r#""layers":[]"#, r#""layers":[],"x":{"a":1,"a":1}"#),
            ("sums/1", "sums/2"),
            ("\"files\"", "\"Files\""),
            ("},{", "}, {"),
            ("},{", "},,{"),
            ("},{", "}{"),
        ] {
            assert!(text.contains(from), "{text}");
            let wrong = text.replacen(from, to, 1);
            let got = read(wrong.as_bytes()).unwrap();
            // White space within a list is harmless, and all else is not.
            assert!(got.is_none() || to == "}, {", "{wrong}");
        }
        assert_eq!(read(&b"{\"files\":[\""[..]).unwrap(), None);
        let failing = io::Error::other("gone");
        struct Failing(Option<io::Error>);
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(self.0.take().unwrap())
            }
        }
        assert!(read(Failing(Some(failing))).is_err());
    }

    #[test]
    fn an_entry_without_an_end_is_given_up() {
        let endless = b"{\"files\":[\"".chain(io::repeat(b'x'));
        assert_eq!(read(endless).unwrap(), None);
    }
}
