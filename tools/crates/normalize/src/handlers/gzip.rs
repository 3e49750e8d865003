//! The header of a gzip file: time, name, comment, and what compressed it.
//!
//! The compressed content is not touched. Only the first member's header is normalised:
//! where the next one begins can only be told by decompressing, and what writes several
//! members (bgzip, pigz, eStargz) writes no times into them.

use verbatim_formats::gzip::{Header, COMMENT, EXTRA, HEADER_CRC, MAGIC, NAME, TEXT};

use super::{has_extension, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Gzip;

/// "Unknown": the one value that says nothing about the machine.
const UNKNOWN_SYSTEM: u8 = 255;

impl Handler for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["gz", "tgz", "dz", "svgz"]) && head.starts_with(MAGIC)
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let header = Header::read(source)?;
        let mut plan = Plan::default();
        let new_time = context.time32(header.mtime());
        if header.mtime() != new_time {
            plan.change("time");
        }
        for (flag, what) in [
            (NAME, "file name"),
            (COMMENT, "comment"),
            (HEADER_CRC, "header checksum"),
        ] {
            if header.flags() & flag != 0 {
                plan.change(what);
            }
        }
        if header.extra_flags() != 0 || header.system() != UNKNOWN_SYSTEM {
            plan.change("compressor and system");
        }
        let mut new = [MAGIC, &[header.flags() & (TEXT | EXTRA)]].concat();
        new.extend_from_slice(&new_time.to_le_bytes());
        new.extend_from_slice(&[0, UNKNOWN_SYSTEM]);
        if header.flags() & EXTRA != 0 {
            new.extend_from_slice(&(header.extra().len() as u16).to_le_bytes());
            new.extend_from_slice(header.extra());
        }
        plan.bytes(new);
        plan.copy(header.len()..source.len());
        Ok(plan)
    }
}
