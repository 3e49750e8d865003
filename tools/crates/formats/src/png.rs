//! PNG pictures (RFC 2083): chunks, the texts in them, and pixels.

use std::ops::Range;

use crate::inflate;
use crate::{Flaw, ReadAt};

/// What a picture begins with.
pub const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Bytes of a compressed text: no picture has more.
const LONGEST_TEXT: usize = 64 << 10;
/// Bytes of a chunk around its content: length, kind, and checksum.
const FRAME: u64 = 12;

/// A chunk of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Four letters.
    pub kind: [u8; 4],
    /// All of it: length, kind, content, checksum.
    pub whole: Range<u64>,
    /// The content.
    pub content: Range<u64>,
}

/// The chunks of a picture, one after another, up to the one that ends it.
#[derive(Debug)]
pub struct Chunks<'a, S: ?Sized> {
    source: &'a S,
    at: u64,
    ended: bool,
}

impl<'a, S: ReadAt + ?Sized> Chunks<'a, S> {
    /// Begin behind the magic bytes.
    pub fn of(source: &'a S) -> Result<Self, Flaw> {
        let start = MAGIC.len() as u64;
        if source.size() < start || *source.read(0..start)? != *MAGIC {
            return Err(Flaw::at(0, "it does not begin as pictures do"));
        }
        Ok(Self {
            source,
            at: start,
            ended: false,
        })
    }

    /// Where the next chunk begins, or what follows the picture.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The next chunk; none at the end.
    #[expect(clippy::should_implement_trait, reason = "an error ends the picture")]
    pub fn next(&mut self) -> Result<Option<Chunk>, Flaw> {
        let (at, size) = (self.at, self.source.size());
        if self.ended || at >= size {
            return Ok(None);
        }
        if size - at < FRAME {
            return Err(Flaw::at(at, "the last chunk is cut short"));
        }
        let head = self.source.read(at..at + 8)?;
        let length = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
        if length > size - at - FRAME {
            return Err(Flaw::at(at, "a chunk reaches beyond the end of the file"));
        }
        let chunk = Chunk {
            kind: [head[4], head[5], head[6], head[7]],
            whole: at..at + FRAME + length,
            content: at + 8..at + 8 + length,
        };
        self.at = chunk.whole.end;
        self.ended = chunk.kind == *b"IEND";
        Ok(Some(chunk))
    }
}

/// Keyword and text of a chunk of the kinds `tEXt`, `zTXt` and `iTXt`.
pub fn text(kind: [u8; 4], content: &[u8]) -> Option<(String, String)> {
    let end = content.iter().position(|&b| b == 0)?;
    let keyword = String::from_utf8_lossy(&content[..end]).into_owned();
    let rest = &content[end + 1..];
    let text = match &kind {
        b"tEXt" => rest.to_vec(),
        b"zTXt" => inflate::zlib(rest.get(1..)?, LONGEST_TEXT)?,
        b"iTXt" => {
            let compressed = *rest.first()? == 1;
            // Behind flag and method: the language and the translated keyword.
            let mut parts = rest.get(2..)?.splitn(3, |&b| b == 0);
            let text = parts.nth(2)?;
            match compressed {
                true => inflate::zlib(text, LONGEST_TEXT)?,
                false => text.to_vec(),
            }
        }
        _ => return None,
    };
    Some((keyword, String::from_utf8_lossy(&text).into_owned()))
}

/// The bytes of all lines, without what was subtracted from them, of a picture with this header
/// (`IHDR`) and these compressed pixels (`IDAT`); interlaced pictures are left as they are. `None`
/// if they are damaged.
pub fn pixels(header: &[u8], compressed: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| -> Option<usize> {
        let bytes = header.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes) as usize)
    };
    let (width, height) = (number(0)?, number(4)?);
    let (depth, colour, interlace) = (*header.get(8)?, *header.get(9)?, *header.get(12)?);
    let samples = match colour {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let bits = samples * usize::from(depth);
    let length = width.checked_mul(bits)?.div_ceil(8);
    // Interlaced pictures have more lines, shorter ones.
    let size = height.saturating_mul(length.saturating_add(1));
    let raw = inflate::zlib(compressed, size.saturating_mul(2))?;
    // A picture without lines may claim to be as wide as it likes.
    if interlace != 0 || length == 0 || raw.is_empty() || raw.len() % (length + 1) != 0 {
        return Some(raw);
    }
    Some(unfilter(&raw, length, bits.div_ceil(8)))
}

/// Undo the filters of RFC 2083, section 6.
fn unfilter(raw: &[u8], length: usize, step: usize) -> Vec<u8> {
    let mut lines: Vec<u8> = Vec::with_capacity(raw.len());
    let mut above = vec![0; length];
    for line in raw.chunks_exact(length + 1) {
        let mut current = line[1..].to_vec();
        for i in 0..length {
            let left = if i >= step { current[i - step] } else { 0 };
            let corner = if i >= step { above[i - step] } else { 0 };
            let up = above[i];
            let predicted = match line[0] {
                1 => left,
                2 => up,
                3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
                4 => paeth(left, up, corner),
                _ => 0,
            };
            current[i] = current[i].wrapping_add(predicted);
        }
        lines.extend_from_slice(&current);
        above = current;
    }
    lines
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let p = a + b - c;
    let (pa, pb, pc) = ((p - a).abs(), (p - b).abs(), (p - c).abs());
    if pa <= pb && pa <= pc {
        left
    } else if pb <= pc {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = (content.len() as u32).to_be_bytes();
        [&size[..], kind, content, &[0; 4]].concat()
    }

    #[test]
    fn chunks_up_to_the_end_of_the_picture() {
        let picture = [MAGIC, &chunk(b"tEXt", b"a\0b"), &chunk(b"IEND", b"")].concat();
        let data = [&picture[..], b"rest"].concat();
        let mut chunks = Chunks::of(&data[..]).unwrap();
        let first = chunks.next().unwrap().unwrap();
        assert_eq!((first.kind, first.content), (*b"tEXt", 16..19));
        assert_eq!(&chunks.next().unwrap().unwrap().kind, b"IEND");
        assert_eq!(chunks.next().unwrap(), None);
        assert_eq!(chunks.position(), picture.len() as u64);
        for end in 0..picture.len() {
            let mut chunks = match Chunks::of(&picture[..end]) {
                Ok(chunks) => chunks,
                Err(_) => continue,
            };
            // A picture may be cut between two chunks.
            while let Ok(Some(chunk)) = chunks.next() {
                assert!(chunk.whole.end <= end as u64);
            }
        }
    }

    #[test]
    fn texts_of_all_kinds() {
        let both = |keyword: &str, text: &str| Some((keyword.to_owned(), text.to_owned()));
        assert_eq!(text(*b"tEXt", b"a\0b"), both("a", "b"));
        assert_eq!(text(*b"iTXt", b"a\0\0\0de\0A\0b"), both("a", "b"));
        let packed = b"\x78\x9c\x4b\x02\0\0\x63\0\x63";
        assert_eq!(
            text(*b"zTXt", &[b"a\0\0", &packed[..]].concat()),
            both("a", "b")
        );
        for damaged in [&b""[..], b"a", b"a\0", b"a\0\0", b"a\0\x01\0de"] {
            assert_eq!(text(*b"zTXt", damaged), None);
        }
        assert_eq!(text(*b"IDAT", b"a\0b"), None);
    }
}
