//! PNG pictures: chunk by chunk, and pixel by pixel.

use verbatim_formats::png::{pixels, text, Chunks};

use super::seen::Seen;
use super::strings;
use crate::{Cause, Comparison};

/// Chunks that are not pixels: no picture has more.
const CHUNKS: usize = 1024;

/// The chunks that are no part of the pixels, and all pixels as they are compressed.
struct Png<'a> {
    chunks: Vec<([u8; 4], &'a [u8])>,
    pixels: Vec<u8>,
    /// What follows the picture.
    rest: &'a [u8],
}

impl<'a> Png<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut png = Self {
            chunks: Vec::new(),
            pixels: Vec::new(),
            rest: &[],
        };
        let mut chunks = Chunks::of(data).ok()?;
        while let Some(chunk) = chunks.next().ok()? {
            let content = &data[chunk.content.start as usize..chunk.content.end as usize];
            match &chunk.kind {
                b"IDAT" => png.pixels.extend_from_slice(content),
                _ if png.chunks.len() == CHUNKS => return None,
                kind => png.chunks.push((*kind, content)),
            }
        }
        png.rest = &data[chunks.position() as usize..];
        (png.chunks.first()?.0 == *b"IHDR").then_some(png)
    }

    fn header(&self) -> &'a [u8] {
        self.chunks.first().map_or(&[], |(_, content)| content)
    }

    fn lines(&self) -> Option<Vec<u8>> {
        pixels(self.header(), &self.pixels)
    }
}

/// Compare two pictures; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (Png::read(left)?, Png::read(right)?);
    (l.rest == r.rest).then_some(())?;
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
    let name = |(bytes, content): &([u8; 4], &[u8])| -> (String, String, Option<String>) {
        let kind = String::from_utf8_lossy(bytes).into_owned();
        match text(*bytes, content) {
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
            verbatim_formats::png::MAGIC,
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
