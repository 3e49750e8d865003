//! Python bytecode: the time of the source in the header, and marks in the code.
//!
//! Python takes a cached file for current if the time and the size in its header are
//! those of the source. A layer gives all its files one time, so the bytecode must carry
//! the same: set both with the same `mtime`. Files that are bound to their source by a hash
//! (PEP 552) carry no time. What varies in the code itself is told in [`super::marshal`].

use super::{has_extension, marshal, u16_at, u32_at, Handler};
use crate::in_place::{Context, Flaw, Plan, Source};

pub(super) struct Pyc;

/// The code of a larger file was not written by people.
const LARGEST_CODE: u64 = 8 << 20;

/// What the number in the first two bytes says about the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    /// Magic and time: 2.x and up to 3.2.
    Time,
    /// And the size of the source: 3.3 to 3.6.
    TimeAndSize,
    /// Flags between them: from 3.7 on.
    Flags,
}

impl Header {
    fn of(magic: u16) -> Option<Self> {
        match magic {
            // 1.5 to 2.7
            20121..=62300 => Some(Header::Time),
            3000..=3189 => Some(Header::Time),
            3190..=3389 => Some(Header::TimeAndSize),
            // 3.7 is 3390, 3.14 is 3627; Python's own test for it is "from 3390 on".
            3390..=4999 => Some(Header::Flags),
            _ => None,
        }
    }

    fn size(self) -> u64 {
        match self {
            Header::Time => 8,
            Header::TimeAndSize => 12,
            Header::Flags => 16,
        }
    }
}

impl Handler for Pyc {
    fn name(&self) -> &'static str {
        "pyc"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        has_extension(name, &["pyc", "pyo"])
            && head.len() >= 8
            && head[2..4] == *b"\r\n"
            && Header::of(u16_at(head, 0)).is_some()
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        let length = source.len();
        let head = source.read(0..length.min(16))?;
        let mut plan = Plan::default();
        let Some(header) = Header::of(u16_at(&head, 0)) else {
            return Ok(plan);
        };
        if length <= header.size() {
            return Err(Flaw::at(length, "no code follows the header"));
        }
        let mut at = 4;
        let mut timed = true;
        if header == Header::Flags {
            match u32_at(&head, 4) {
                0 => at = 8,
                1 | 3 => timed = false,
                flags => return Err(Flaw::at(4, format!("unknown flags {flags:#x}"))),
            }
        }
        let mut new = head[..header.size() as usize].to_vec();
        if timed {
            let time = context.time32(u32_at(&head, at));
            new[at..at + 4].copy_from_slice(&time.to_le_bytes());
            if new != head[..new.len()] {
                plan.change("time of the source");
            }
        }
        plan.bytes(new);
        match marshal::Code::of(u16_at(&head, 0)) {
            Some(form) if length <= LARGEST_CODE => {
                let code = source.read(header.size()..length)?;
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
        plan.copy(header.size()..length);
        Ok(plan)
    }
}
