//! Static libraries and other `ar` archives, as `ar D` writes them.
//!
//! Dates, owners and modes go; the order of the members and the symbol table stay,
//! because both are a function of what was put in. Thin archives, whose members lie
//! elsewhere, have headers like the others.

use super::{has_extension, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Ar;

const MAGIC: &[u8] = b"!<arch>\n";
const THIN_MAGIC: &[u8] = b"!<thin>\n";
const HEADER: u64 = 60;

impl Handler for Ar {
    fn name(&self) -> &'static str {
        "ar"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["a", "lib", "rlib"])
            && (head.starts_with(MAGIC) || head.starts_with(THIN_MAGIC))
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let length = source.len();
        let thin = &*source.read(0..8)? == THIN_MAGIC;
        let mut plan = Plan::default();
        plan.copy(0..8);
        let mut at = 8;
        while at < length {
            if length - at < HEADER {
                return Err(Flaw::at(at, "the last header is cut short"));
            }
            let header = source.read(at..at + HEADER)?;
            if &header[58..] != b"`\n" {
                return Err(Flaw::at(at + 58, "a header does not end as headers do"));
            }
            let name = &header[..16];
            let new = normal_header(&header, at, context, &mut plan)?;
            let size = decimal(&header[48..58])
                .ok_or_else(|| Flaw::at(at + 48, "the size of a member is no number"))?;
            if *header == new {
                plan.copy(at..at + HEADER);
            } else {
                plan.bytes(new);
            }
            at += HEADER;
            // In a thin archive only the tables are here.
            let table = name.starts_with(b"/ ")
                || name.starts_with(b"// ")
                || name.starts_with(b"/SYM64/ ");
            if thin && !table {
                continue;
            }
            if size > length - at {
                return Err(Flaw::at(
                    at - HEADER + 48,
                    "a member reaches beyond the end of the file",
                ));
            }
            plan.copy(at..at + size);
            at += size;
            if size % 2 == 1 && at < length {
                let padding = source.read(at..at + 1)?[0];
                if padding == b'\n' {
                    plan.copy(at..at + 1);
                } else {
                    plan.change("padding");
                    plan.bytes(*b"\n");
                }
                at += 1;
            }
        }
        Ok(plan)
    }
}

fn normal_header(
    header: &[u8],
    at: u64,
    context: &Context,
    plan: &mut Plan,
) -> Result<Vec<u8>, Flaw> {
    let mut new = header.to_vec();
    let mut set = |from: usize, to: usize, value: &str, what: &str| {
        let field = &mut new[from..to];
        // A table of names has no date, owner or mode at all.
        if field.iter().all(|byte| *byte == b' ') {
            return;
        }
        let value = format!("{value:<width$}", width = to - from);
        if field != value.as_bytes() {
            field.copy_from_slice(value.as_bytes());
            plan.change(what);
        }
    };
    let date = &header[16..28];
    let date = if date.iter().all(|byte| *byte == b' ') {
        0
    } else {
        decimal(date).ok_or_else(|| Flaw::at(at + 16, "the date of a member is no number"))?
    };
    let date = context.time(date.min(i64::MAX as u64) as i64);
    let date = date.clamp(0, 999_999_999_999);
    set(16, 28, &date.to_string(), "dates");
    set(28, 34, "0", "owners");
    set(34, 40, "0", "owners");
    // Symbol tables of GNU and SysV have mode 0.
    let symbols = header.starts_with(b"/ ") || header.starts_with(b"/SYM64/ ");
    set(40, 48, if symbols { "0" } else { "644" }, "modes");
    Ok(new)
}

/// A number with spaces behind it.
fn decimal(field: &[u8]) -> Option<u64> {
    let digits = field.trim_ascii_end();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
