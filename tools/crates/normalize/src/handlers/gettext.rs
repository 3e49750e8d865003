//! Message catalogues of gettext: when the template was extracted.
//!
//! `POT-Creation-Date` is the time at which a build ran xgettext; `PO-Revision-Date` is
//! the translator's and stays.

use verbatim_formats::gettext::{Catalogue, MAGIC};

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
        has_extension(name, &["mo", "gmo"]) && MAGIC.iter().any(|magic| head.starts_with(magic))
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let length = source.len();
        let catalogue = Catalogue::open(source)?;
        let mut plan = Plan::default();
        for index in 0..catalogue.count().min(LOOKED_AT) {
            let message = catalogue.message(index)?;
            if !message.original.is_empty() {
                continue;
            }
            let offset = message.translation.start;
            if message.translation.end - offset > LONGEST_HEADER {
                return Err(Flaw::at(
                    offset,
                    "the catalogue's own header is longer than any",
                ));
            }
            let text = source.read(message.translation)?;
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
