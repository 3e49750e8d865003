//! Dates in PNG images: the `tIME` chunk and dates among the texts.

use verbatim_formats::png::{Chunk, Chunks, MAGIC};

use super::{has_extension, Handler};
use crate::in_place::{Context, Flaw, Moment, Plan, Source};

pub(super) struct Png;

/// The longest keyword that a text may have.
const KEYWORD: u64 = 79;
/// A longer text is no date, whatever its keyword says.
const LONGEST_DATE: u64 = 256;

impl Handler for Png {
    fn name(&self) -> &'static str {
        "png"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["png", "apng"]) && head.starts_with(MAGIC)
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let mut chunks = Chunks::of(source)?;
        let mut plan = Plan::default();
        plan.copy(0..chunks.position());
        while let Some(Chunk {
            kind,
            whole,
            content,
        }) = chunks.next()?
        {
            match &kind {
                b"tIME" if content.end - content.start == 7 => {
                    let old = source.read(content)?;
                    let new = time(&old, context);
                    if *old == new {
                        plan.copy(whole);
                    } else {
                        plan.change("tIME chunk");
                        plan.bytes(written(b"tIME", &new));
                    }
                }
                b"tEXt" | b"zTXt" | b"iTXt" => {
                    match text(source, content, kind == *b"tEXt", context)? {
                        Some((keyword, new)) => {
                            plan.change(format!("text {keyword:?}"));
                            plan.bytes(written(b"tEXt", &new));
                        }
                        None => plan.copy(whole),
                    }
                }
                _ => plan.copy(whole),
            }
        }
        // What follows the end is no part of the image, and stays.
        plan.copy(chunks.position()..source.len());
        Ok(plan)
    }
}

/// The content of the chunk that says when the image was last modified.
fn time(old: &[u8], context: &Context) -> [u8; 7] {
    let year = i64::from(u16::from_be_bytes([old[0], old[1]]));
    let moment = Moment {
        year,
        month: old[2].clamp(1, 12),
        day: old[3].clamp(1, 31),
        hour: old[4],
        minute: old[5],
        second: old[6],
    };
    let new = context.time(moment.to_seconds());
    if new == moment.to_seconds() && moment.month == old[2] && moment.day == old[3] {
        let mut same = [0; 7];
        same.copy_from_slice(old);
        return same;
    }
    let new = Moment::from_seconds(new);
    let year = (new.year as u16).to_be_bytes();
    [
        year[0], year[1], new.month, new.day, new.hour, new.minute, new.second,
    ]
}

/// The keyword and the new content, if the text is a date that changes.
fn text(
    source: &Source,
    content: std::ops::Range<u64>,
    plain: bool,
    context: &Context,
) -> Result<Option<(String, Vec<u8>)>, Flaw> {
    let length = content.end - content.start;
    let start = source.read(content.start..content.start + length.min(KEYWORD + 1))?;
    let Some(end) = start.iter().position(|byte| *byte == 0) else {
        return Ok(None);
    };
    let keyword = &start[..end];
    if !keyword.starts_with(b"date:") && keyword != b"Creation Time" {
        return Ok(None);
    }
    let old = if plain && length <= LONGEST_DATE {
        source.read(content.start + end as u64 + 1..content.end)?
    } else {
        // Compressed, or far too long: whatever it says, it is replaced.
        Default::default()
    };
    let date = Moment::from_seconds(context.time_of_text(&old));
    let date = format!(
        "{}T{:02}:{:02}:{:02}+00:00",
        date.date(),
        date.hour,
        date.minute,
        date.second
    );
    let kept = plain
        && context.clamp
        && crate::in_place::parse_date(&old).is_some_and(|time| time <= context.mtime);
    if kept || (plain && *old == *date.as_bytes()) {
        return Ok(None);
    }
    let name = String::from_utf8_lossy(keyword).into_owned();
    Ok(Some((name, [keyword, b"\0", date.as_bytes()].concat())))
}

/// A chunk with its length and checksum.
fn written(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(content.len() + 12);
    chunk.extend_from_slice(&(content.len() as u32).to_be_bytes());
    chunk.extend_from_slice(kind);
    chunk.extend_from_slice(content);
    let checksum = libdeflater::crc32(&chunk[4..]);
    chunk.extend_from_slice(&checksum.to_be_bytes());
    chunk
}
