//! Bytes of no known format: where they differ first, and how much.

use crate::{Cause, Comparison, Excerpt, Finding};

/// Compare two files that differ.
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Comparison {
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let at = format!("offset {same:#x}");
    let piece = |data: &[u8]| {
        let from = (same.saturating_sub(32) & !15).min(data.len());
        data[from..(from + 96).min(data.len())].to_vec()
    };
    let evidence = if left.len() == right.len() {
        let differing = left.iter().zip(right).filter(|(a, b)| a != b).count();
        format!(
            "{differing} of {} bytes differ, this is the first",
            left.len()
        )
    } else {
        format!(
            "the first byte that differs, of {} and {} bytes",
            left.len(),
            right.len()
        )
    };
    Comparison {
        format: "bytes",
        findings: vec![Finding {
            cause: Cause::Unexplained,
            at: at.clone(),
            evidence,
        }],
        excerpts: vec![Excerpt {
            at,
            left: piece(left),
            right: piece(right),
            text: false,
        }],
        more: false,
    }
}
