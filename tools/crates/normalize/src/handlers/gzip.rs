//! The header of a gzip file: time, name, comment, and what compressed it.
//!
//! The compressed content is not touched. Only the first member's header is normalised:
//! where the next one begins can only be told by decompressing, and what writes several
//! members (bgzip, pigz, eStargz) writes no times into them.

use super::{has_extension, u16_at, u32_at, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Gzip;

const TEXT: u8 = 1;
const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// "Unknown": the one value that says nothing about the machine.
const UNKNOWN_SYSTEM: u8 = 255;

/// All that a header can hold within reason: the extra field, a name and a comment.
const LONGEST: u64 = 1 << 18;

impl Handler for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["gz", "tgz", "dz", "svgz"]) && head.starts_with(&[0x1f, 0x8b, 8])
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        // Most headers are short; a second look at the longest costs little.
        let mut plan = None;
        for limit in [512, LONGEST] {
            let head = source.read(0..source.len().min(limit))?;
            plan = header(&head, source.len(), context)?;
            if plan.is_some() || source.len() <= limit {
                break;
            }
        }
        plan.ok_or_else(|| Flaw::at(10, "the header has no end"))
    }
}

/// The plan, or none if the header does not end in these bytes.
fn header(head: &[u8], length: u64, context: &Context) -> Result<Option<Plan>, Flaw> {
    // Header, two bits of content, checksum and size are the least.
    if length < 18 {
        return Err(Flaw::at(length, "the file is cut short"));
    }
    let flags = head[3];
    if flags & RESERVED != 0 {
        return Err(Flaw::at(3, "reserved flags are set"));
    }
    let mut end = 10usize;
    let mut extra = 10..10;
    if flags & EXTRA != 0 {
        if head.len() < end + 2 {
            return Ok(None);
        }
        extra = end..end + 2 + usize::from(u16_at(head, end));
        end = extra.end;
    }
    for (flag, present) in [(NAME, flags & NAME), (COMMENT, flags & COMMENT)] {
        if present == flag {
            let rest = head.get(end..).unwrap_or_default();
            match rest.iter().position(|byte| *byte == 0) {
                Some(at) => end += at + 1,
                None => return Ok(None),
            }
        }
    }
    if flags & HEADER_CRC != 0 {
        end += 2;
    }
    if end > head.len() {
        return Ok(None);
    }
    if end as u64 + 8 > length {
        return Err(Flaw::at(end as u64, "nothing follows the header"));
    }

    let mut plan = Plan::default();
    let time = u32_at(head, 4);
    let new_time = context.time32(time);
    if time != new_time {
        plan.change("time");
    }
    if flags & NAME != 0 {
        plan.change("file name");
    }
    if flags & COMMENT != 0 {
        plan.change("comment");
    }
    if flags & HEADER_CRC != 0 {
        plan.change("header checksum");
    }
    if head[8] != 0 || head[9] != UNKNOWN_SYSTEM {
        plan.change("compressor and system");
    }
    let mut new = vec![0x1f, 0x8b, 8, flags & (TEXT | EXTRA)];
    new.extend_from_slice(&new_time.to_le_bytes());
    new.extend_from_slice(&[0, UNKNOWN_SYSTEM]);
    new.extend_from_slice(&head[extra]);
    plan.bytes(new);
    plan.copy(end as u64..length);
    Ok(Some(plan))
}
