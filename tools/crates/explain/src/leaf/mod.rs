//! Files of one format, as long as `verbatim-causes` holds only the catalogue: text by patterns of
//! what varies in it, all else by its first byte. [`compare`] and [`Catalogue`] have the signatures
//! that the crate will have, so that only these two names change when it does.

mod catalogue;
mod text;

use verbatim_causes::{Cause, Comparison, Excerpt, Finding};

pub(crate) use self::catalogue::Catalogue;

/// Compare two files that differ.
pub(crate) fn compare(_name: &str, left: &[u8], right: &[u8]) -> Comparison {
    let as_text = |data: &'_ [u8]| -> Option<String> {
        let text = std::str::from_utf8(data).ok()?;
        (!text.contains('\0')).then(|| text.to_owned())
    };
    if let (Some(l), Some(r)) = (as_text(left), as_text(right)) {
        return text::compare(&l, &r);
    }
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
