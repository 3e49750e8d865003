//! Message catalogues of gettext: when the template was extracted.
//!
//! `POT-Creation-Date` is the time at which a build ran xgettext; `PO-Revision-Date` is
//! the translator's and stays.

use super::{find, has_extension, Handler};
use crate::in_place::{Context, Flaw, Moment, Plan, Source};

pub(super) struct Gettext;

const FIELD: &[u8] = b"POT-Creation-Date: ";
/// The catalogue's header is a few lines.
const LONGEST_HEADER: u64 = 1 << 16;
/// The strings are sorted, so the empty one comes first; older tools were not strict.
const LOOKED_AT: u64 = 16;

impl Handler for Gettext {
    fn name(&self) -> &'static str {
        "gettext"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["mo", "gmo"])
            && (head.starts_with(b"\xde\x12\x04\x95") || head.starts_with(b"\x95\x04\x12\xde"))
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let length = source.len();
        if length < 28 {
            return Err(Flaw::at(length, "the header is cut short"));
        }
        let head = source.read(0..28)?;
        let little = head[0] == 0xde;
        let number = |data: &[u8], at: usize| {
            let bytes = [data[at], data[at + 1], data[at + 2], data[at + 3]];
            u64::from(if little {
                u32::from_le_bytes(bytes)
            } else {
                u32::from_be_bytes(bytes)
            })
        };
        let count = number(&head, 8);
        let (originals, translations) = (number(&head, 12), number(&head, 16));
        let row = |table: u64, index: u64| -> Result<(u64, u64), Flaw> {
            let at = table + index * 8;
            if at + 8 > length {
                return Err(Flaw::at(at, "a table reaches beyond the end of the file"));
            }
            let row = source.read(at..at + 8)?;
            Ok((number(&row, 0), number(&row, 4)))
        };
        let mut plan = Plan::default();
        for index in 0..count.min(LOOKED_AT) {
            if row(originals, index)?.0 != 0 {
                continue;
            }
            let (size, offset) = row(translations, index)?;
            if size > LONGEST_HEADER || offset + size > length {
                return Err(Flaw::at(
                    translations + index * 8,
                    "the catalogue's own header reaches too far",
                ));
            }
            let text = source.read(offset..offset + size)?;
            let Some(start) = find(&text, FIELD).map(|at| at + FIELD.len()) else {
                break;
            };
            let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |at| start + at);
            let old = &text[start..end];
            let time = context.time_of_text(old);
            if context.clamp && crate::in_place::parse_date(old) == Some(time) {
                break;
            }
            let date = Moment::from_seconds(time);
            let new = format!("{} {:02}:{:02}+0000", date.date(), date.hour, date.minute);
            if old == new.as_bytes() {
                break;
            }
            // A catalogue is full of offsets; only a date of the same length can take the place.
            if old.len() != new.len() {
                plan.note("POT-Creation-Date is no date of the usual form");
                break;
            }
            plan.change("POT-Creation-Date");
            plan.copy(0..offset + start as u64);
            plan.bytes(new);
            plan.copy(offset + end as u64..length);
            return Ok(plan);
        }
        Ok(plan)
    }
}
