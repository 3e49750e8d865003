//! Static libraries and other `ar` archives, as `ar D` writes them.
//!
//! Dates, owners and modes go; the order of the members and the symbol table stay,
//! because both are a function of what was put in. Thin archives, whose members lie
//! elsewhere, have headers like the others.

use verbatim_formats::ar::{Field, Member, Members, MAGIC, THIN_MAGIC};

use super::{has_extension, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Ar;

impl Handler for Ar {
    fn name(&self) -> &'static str {
        "ar"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["a", "lib", "rlib"])
            && (head.starts_with(MAGIC) || head.starts_with(THIN_MAGIC))
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let mut members = Members::of(source)?;
        let mut plan = Plan::default();
        plan.copy(0..MAGIC.len() as u64);
        while let Some(member) = members.next()? {
            let new = normal_header(&member, context, &mut plan)?;
            if *member.header == new {
                plan.copy(member.at..member.body.start);
            } else {
                plan.bytes(new);
            }
            plan.copy(member.body);
            if let Some(at) = member.padding {
                if *source.read(at..at + 1)? == *b"\n" {
                    plan.copy(at..at + 1);
                } else {
                    plan.change("padding");
                    plan.bytes(*b"\n");
                }
            }
        }
        Ok(plan)
    }
}

fn normal_header(member: &Member, context: &Context, plan: &mut Plan) -> Result<Vec<u8>, Flaw> {
    let mut new = member.header.to_vec();
    let mut set = |field: Field, value: &str, what: &str| {
        let field = &mut new[field.range()];
        // A table of names has no date, owner or mode at all.
        if field.iter().all(|byte| *byte == b' ') {
            return;
        }
        let value = format!("{value:<width$}", width = field.len());
        if field != value.as_bytes() {
            field.copy_from_slice(value.as_bytes());
            plan.change(what);
        }
    };
    let date = member.number(Field::Date)?.unwrap_or(0);
    let date = context.time(date.min(i64::MAX as u64) as i64);
    let date = date.clamp(0, 999_999_999_999);
    set(Field::Date, &date.to_string(), "dates");
    set(Field::Owner, "0", "owners");
    set(Field::Group, "0", "owners");
    // Symbol tables of GNU and SysV have mode 0.
    let mode = if member.is_symbol_table() { "0" } else { "644" };
    set(Field::Mode, mode, "modes");
    Ok(new)
}
