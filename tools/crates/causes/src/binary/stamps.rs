//! What tools stamp into programs for Windows and macOS: times, identifiers, checksums and
//! signatures, apart from what they are stamped on.

use super::elf;
use super::seen::Seen;
use crate::{Cause, Comparison};

/// Bytes at the start of a file in which Go looks for its identifier, and more.
const GO_BUILD_ID: usize = 64 * 1024;

/// A field of a file that holds no content of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) value: String,
}

/// What a stamp is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The clock or a version: it varies by itself.
    Varies(Cause),
    /// The content, or chance: it is a cause only if nothing else differs.
    Follows(Cause),
    /// The content alone: a checksum.
    Sum,
}

/// A file without its stamps, which are zero in it.
pub(super) struct Bare {
    pub(super) data: Vec<u8>,
    pub(super) stamps: Vec<Stamp>,
}

impl Bare {
    /// Take a field out; `None` if the file has no such place.
    pub(super) fn take(
        &mut self,
        at: usize,
        size: usize,
        name: &'static str,
        stamp: impl FnOnce(&[u8]) -> (Kind, String),
    ) -> Option<()> {
        let field = self.data.get_mut(at..at.checked_add(size)?)?;
        let (kind, value) = stamp(field);
        field.fill(0);
        self.stamps.push(Stamp { name, kind, value });
        Some(())
    }

    /// Take out the identifier that Go writes in front of the code where a format has no notes
    /// (`cmd/internal/buildid`). Its four parts are hashes of the inputs and the outputs.
    pub(super) fn take_go_build_id(&mut self) {
        const START: &[u8] = b"\xff Go build ID: \"";
        const END: &[u8] = b"\"\n \xff";
        let head = &self.data[..self.data.len().min(GO_BUILD_ID)];
        let Some(from) = memchr::memmem::find(head, START).map(|at| at + START.len()) else {
            return;
        };
        let Some(size) = memchr::memmem::find(&head[from..], END) else {
            return;
        };
        self.take(from, size, "Go build ID", |id| {
            let id = String::from_utf8_lossy(id).into_owned();
            (Kind::Follows(Cause::BuildId), id)
        });
    }
}

/// Compare the stamps and the sections of two programs of one format.
pub(super) fn compare(format: &'static str, left: &Bare, right: &Bare) -> Option<Comparison> {
    let mut seen = Seen::default();
    let differing: Vec<(&Stamp, &Stamp)> = left
        .stamps
        .iter()
        .zip(&right.stamps)
        .filter(|(a, b)| a.name == b.name && a.value != b.value)
        .collect();
    let add = |seen: &mut Seen, kinds: fn(Kind, Kind) -> Option<Cause>| {
        for (a, b) in &differing {
            if let Some(cause) = kinds(a.kind, b.kind) {
                seen.add(cause, a.name, format!("{} → {}", a.value, b.value));
            }
        }
    };
    add(&mut seen, |a, b| match (a, b) {
        (Kind::Varies(a), Kind::Varies(b)) if a == b => Some(a),
        _ => None,
    });
    // Another linker explains the rest of the file.
    if left.data != right.data && !seen.has(Cause::ToolchainVersion) {
        elf::sections(&mut seen, &left.data, &right.data)?;
    }
    let plain = left.data == right.data;
    if seen.is_empty() && plain {
        add(&mut seen, |a, b| match (a, b) {
            (Kind::Follows(a), _) | (_, Kind::Follows(a)) => Some(a),
            _ => None,
        });
    }
    if seen.is_empty() && plain && left.stamps.len() != right.stamps.len() {
        let evidence = "one side has stamps that the other has not";
        seen.add(Cause::BuildId, "headers", evidence);
    }
    if seen.is_empty() {
        let evidence = "all sections are equal: headers or the bytes between sections differ";
        seen.add(Cause::Unexplained, "headers", evidence);
    }
    seen.finish(format)
}

/// The first bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    verbatim_digest::hex(&bytes[..bytes.len().min(20)])
}

/// Enough to tell one run of bytes from another.
pub(super) fn sum(field: &[u8]) -> String {
    let sum = field
        .iter()
        .fold(0_u64, |n, &b| n.wrapping_mul(31).wrapping_add(u64::from(b)));
    format!("{} bytes ({sum:016x})", field.len())
}
