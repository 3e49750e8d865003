//! PNG pictures (RFC 2083): chunk by chunk, and pixel by pixel.

use super::inflate;
use super::seen::Seen;
use super::strings;
use crate::{Cause, Comparison};

const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Chunks that are not pixels, and bytes of a compressed text: no picture has more.
const CHUNKS: usize = 1024;
const TEXT: usize = 64 << 10;

/// A chunk that is no part of the pixels, and all pixels as they are compressed.
struct Png<'a> {
    chunks: Vec<([u8; 4], &'a [u8])>,
    pixels: Vec<u8>,
}

impl<'a> Png<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut rest = data.strip_prefix(MAGIC)?;
        let mut png = Self {
            chunks: Vec::new(),
            pixels: Vec::new(),
        };
        while !rest.is_empty() {
            let size = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
            let kind: [u8; 4] = rest.get(4..8)?.try_into().ok()?;
            let content = rest.get(8..8_usize.checked_add(size)?)?;
            rest = rest.get(12 + size..)?;
            match &kind {
                b"IDAT" => png.pixels.extend_from_slice(content),
                _ if png.chunks.len() == CHUNKS => return None,
                _ => png.chunks.push((kind, content)),
            }
        }
        (png.chunks.first()?.0 == *b"IHDR").then_some(png)
    }

    fn header(&self) -> &'a [u8] {
        self.chunks.first().map_or(&[], |(_, content)| content)
    }

    /// The bytes of all lines, without what was subtracted from them; interlaced pictures are
    /// left as they are.
    fn lines(&self) -> Option<Vec<u8>> {
        let header = self.header();
        let width = u32::from_be_bytes(header.get(..4)?.try_into().ok()?) as usize;
        let (depth, colour, interlace) = (*header.get(8)?, *header.get(9)?, *header.get(12)?);
        let samples = match colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        let bits = samples * usize::from(depth);
        let length = width.checked_mul(bits)?.div_ceil(8);
        let height = u32::from_be_bytes(header.get(4..8)?.try_into().ok()?) as usize;
        // Interlaced pictures have more lines, shorter ones.
        let size = height.saturating_mul(length.saturating_add(1));
        let raw = inflate::zlib(&self.pixels, size.saturating_mul(2))?;
        // A picture without lines may claim to be as wide as it likes.
        if interlace != 0 || length == 0 || raw.is_empty() || raw.len() % (length + 1) != 0 {
            return Some(raw);
        }
        Some(unfilter(&raw, length, bits.div_ceil(8)))
    }
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

/// Compare two pictures; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (Png::read(left)?, Png::read(right)?);
    let mut seen = Seen::default();
    if l.header() != r.header() {
        let size = |png: &Png| {
            let word = |at: usize| {
                png.header()
                    .get(at..at + 4)
                    .map_or(0, |b| b.iter().fold(0_u32, |n, &b| (n << 8) | u32::from(b)))
            };
            format!("{} × {}", word(0), word(4))
        };
        let evidence = format!(
            "size {} → {}, or another kind of pixels",
            size(&l),
            size(&r)
        );
        seen.add(Cause::SourceChange, "chunk IHDR", evidence);
        return seen.finish("png");
    }
    chunks(&mut seen, &l, &r);
    if l.pixels != r.pixels {
        match (l.lines(), r.lines()) {
            (Some(a), Some(b)) if a == b => {
                let evidence = format!(
                    "the same {} bytes of pixels, compressed to {} → {} bytes",
                    a.len(),
                    l.pixels.len(),
                    r.pixels.len()
                );
                seen.add(Cause::Compression, "chunk IDAT", evidence);
            }
            (Some(a), Some(b)) => {
                let n = a.iter().zip(&b).filter(|(a, b)| a != b).count();
                let evidence = format!("{n} of {} bytes of pixels differ", a.len());
                seen.add(Cause::SourceChange, "chunk IDAT", evidence);
            }
            _ => return None,
        }
    } else if seen.is_empty() {
        let evidence = "the same compressed pixels, cut into chunks in another way";
        seen.add(Cause::Compression, "chunk IDAT", evidence);
    }
    seen.finish("png")
}

fn chunks(seen: &mut Seen, l: &Png, r: &Png) {
    if l.chunks == r.chunks {
        return;
    }
    let (mut only_left, mut only_right) = (l.chunks.clone(), r.chunks.clone());
    let (of_left, of_right): (std::collections::HashSet<_>, std::collections::HashSet<_>) =
        (l.chunks.iter().collect(), r.chunks.iter().collect());
    only_left.retain(|chunk| !of_right.contains(chunk));
    only_right.retain(|chunk| !of_left.contains(chunk));
    if only_left.is_empty() && only_right.is_empty() {
        let evidence = "the same chunks in another order";
        seen.add(Cause::FileOrder, "chunks", evidence);
        return;
    }
    // Texts are known by their keyword, all others by their kind.
    let name = |(kind, content): &([u8; 4], &[u8])| -> (String, String, Option<String>) {
        let kind = String::from_utf8_lossy(kind).into_owned();
        match text(&kind, content) {
            Some((keyword, text)) => (kind, keyword, Some(text)),
            None => (kind, String::new(), None),
        }
    };
    let mut others: Vec<_> = only_right.iter().map(|c| (name(c), c.1)).collect();
    for chunk in &only_left {
        let (kind, keyword, text) = name(chunk);
        let at = match &*keyword {
            "" => format!("chunk {kind}"),
            keyword => format!("chunk {kind}, {keyword}"),
        };
        let partner = others
            .iter()
            .position(|((k, w, _), _)| *k == kind && *w == keyword);
        let Some(i) = partner else {
            seen.add(alone(&kind, &keyword), at, "only on the left side");
            continue;
        };
        let ((_, _, other), content) = others.remove(i);
        match (text, other) {
            (Some(a), Some(b)) => {
                let pair = strings::explain(&a, &b);
                let cause = match pair.cause {
                    Cause::SourceChange => of_keyword(&keyword).unwrap_or(Cause::SourceChange),
                    cause => cause,
                };
                seen.add(cause, at, pair.evidence());
            }
            _ if kind == "tIME" => {
                let evidence = format!("{} → {}", time(chunk.1), time(content));
                seen.add(Cause::Timestamp, at, evidence);
            }
            _ => {
                let evidence = format!("{} → {} bytes that differ", chunk.1.len(), content.len());
                seen.add(Cause::SourceChange, at, evidence);
            }
        }
    }
    for ((kind, keyword, _), _) in others {
        seen.add(
            alone(&kind, &keyword),
            format!("chunk {kind} {keyword}"),
            "only on the right side",
        );
    }
}

/// Why one side has a chunk.
fn alone(kind: &str, keyword: &str) -> Cause {
    match kind {
        "tIME" => Cause::Timestamp,
        _ => of_keyword(keyword).unwrap_or(Cause::SourceChange),
    }
}

fn of_keyword(keyword: &str) -> Option<Cause> {
    let keyword = keyword.to_ascii_lowercase();
    if keyword.contains("date") || keyword.contains("time") {
        Some(Cause::Timestamp)
    } else if keyword == "software" {
        Some(Cause::ToolchainVersion)
    } else {
        None
    }
}

/// Keyword and text of `tEXt`, `zTXt` and `iTXt`.
fn text(kind: &str, content: &[u8]) -> Option<(String, String)> {
    let end = content.iter().position(|&b| b == 0)?;
    let keyword = String::from_utf8_lossy(&content[..end]).into_owned();
    let rest = &content[end + 1..];
    let text = match kind {
        "tEXt" => rest.to_vec(),
        "zTXt" => inflate::zlib(rest.get(1..)?, TEXT)?,
        "iTXt" => {
            let compressed = *rest.first()? == 1;
            // Behind flag and method: the language and the translated keyword.
            let mut parts = rest.get(2..)?.splitn(3, |&b| b == 0);
            let text = parts.nth(2)?;
            match compressed {
                true => inflate::zlib(text, TEXT)?,
                false => text.to_vec(),
            }
        }
        _ => return None,
    };
    Some((keyword, String::from_utf8_lossy(&text).into_owned()))
}

/// A moment in a `tIME` chunk.
fn time(content: &[u8]) -> String {
    match content {
        [a, b, month, day, hour, minute, second] => format!(
            "{:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}",
            u16::from_be_bytes([*a, *b])
        ),
        _ => "no time".to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use zlib_rs::{Deflate, DeflateFlush, Status};

    use super::*;

    fn deflated(data: &[u8], level: i32) -> Vec<u8> {
        let mut deflate = Deflate::new(level, true, 15);
        let mut output = vec![0; data.len() + 1024];
        let status = deflate.compress(data, &mut output, DeflateFlush::Finish);
        assert_eq!(status.unwrap(), Status::StreamEnd);
        output.truncate(deflate.total_out() as usize);
        output
    }

    fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut crc = 0xffff_ffff_u32;
        for &byte in kind.iter().chain(content) {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            }
        }
        let size = (content.len() as u32).to_be_bytes();
        [&size[..], kind, content, &(!crc).to_be_bytes()].concat()
    }

    /// Eight by eight grey pixels, each line with the filter, and other chunks.
    pub(in crate::binary) fn picture(filter: u8, level: i32, add: u8, chunks: &[u8]) -> Vec<u8> {
        let lines: Vec<Vec<u8>> = (0..8_u8)
            .map(|y| {
                (0..8_u8)
                    .map(|x| x.wrapping_mul(y).wrapping_add(add))
                    .collect()
            })
            .collect();
        let mut raw = Vec::new();
        for line in &lines {
            raw.push(filter);
            for (x, byte) in line.iter().enumerate() {
                let left = if filter == 1 && x > 0 { line[x - 1] } else { 0 };
                raw.push(byte.wrapping_sub(left));
            }
        }
        let header = [0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0];
        [
            MAGIC,
            &chunk(b"IHDR", &header),
            chunks,
            &chunk(b"IDAT", &deflated(&raw, level)),
            &chunk(b"IEND", b""),
        ]
        .concat()
    }

    fn causes(left: &[u8], right: &[u8]) -> Vec<Cause> {
        let found = compare(left, right).unwrap().findings;
        found.iter().map(|f| f.cause).collect()
    }

    #[test]
    fn chunks_tell_why() {
        let plain = picture(0, 6, 0, b"");
        let with = |kind: &[u8; 4], content: &[u8]| picture(0, 6, 0, &chunk(kind, content));
        let time = |second| with(b"tIME", &[7, 0xe8, 1, 2, 3, 4, second]);
        assert_eq!(causes(&time(5), &time(6)), [Cause::Timestamp]);
        assert_eq!(causes(&plain, &time(6)), [Cause::Timestamp]);
        let date = |text: &str| with(b"tEXt", format!("date:create\0{text}").as_bytes());
        assert_eq!(
            causes(
                &date("2024-01-02T10:00:00+00:00"),
                &date("2025-01-02T10:00:00+00:00")
            ),
            [Cause::Timestamp]
        );
        let note = |text: &str| with(b"tEXt", format!("Comment\0{text}").as_bytes());
        assert_eq!(causes(&note("red"), &note("blue")), [Cause::SourceChange]);
        let software = |text: &str| with(b"tEXt", format!("Software\0{text}").as_bytes());
        assert_eq!(
            causes(&software("Paint 1.0"), &software("Paint 1.1")),
            [Cause::ToolchainVersion]
        );
    }

    #[test]
    fn pixels_are_compared_as_pixels() {
        let plain = picture(0, 6, 0, b"");
        assert_eq!(causes(&plain, &picture(0, 0, 0, b"")), [Cause::Compression]);
        assert_eq!(causes(&plain, &picture(1, 6, 0, b"")), [Cause::Compression]);
        assert_eq!(
            causes(&plain, &picture(0, 6, 1, b"")),
            [Cause::SourceChange]
        );
        assert_eq!(compare(&plain, &plain[..plain.len() - 4]), None);
    }
}
