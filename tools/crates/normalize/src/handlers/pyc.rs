//! Python bytecode: the time of the source in the header, and marks in the code.
//!
//! Python takes a cached file for current if the time and the size in its header are
//! those of the source. A layer gives all its files one time, so the bytecode must carry
//! the same: set both with the same `mtime`. Files that are bound to their source by a hash
//! (PEP 552) carry no time. What varies in the code itself is told in [`super::marshal`].

use verbatim_formats::pyc::{Header, Stamp};

use super::{has_extension, marshal, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Pyc;

/// The code of a larger file was not written by people.
const LARGEST_CODE: u64 = 8 << 20;

impl Handler for Pyc {
    fn name(&self) -> &'static str {
        "pyc"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["pyc", "pyo"]) && head.len() >= 8 && Header::begins(head)
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let length = source.len();
        let header = Header::read(source)?;
        let mut plan = Plan::default();
        let mut new = source.read(0..header.code)?.into_owned();
        if let Stamp::Time { at, seconds, .. } = header.stamp {
            let time = context.time32(seconds);
            if time != seconds {
                new[at..at + 4].copy_from_slice(&time.to_le_bytes());
                plan.change("time of the source");
            }
        }
        plan.bytes(new);
        match marshal::released(header.magic) {
            Some(form) if length <= LARGEST_CODE => {
                let code = source.read(header.code..length)?;
                match marshal::normal(&code, form) {
                    Some(new) if new != *code => {
                        plan.change("marks of shared objects");
                        plan.bytes(new);
                        return Ok(plan);
                    }
                    Some(_) => {}
                    None => plan.note("the code is of an unknown form and was left alone"),
                }
            }
            _ => {}
        }
        plan.copy(header.code..length);
        Ok(plan)
    }
}
