//! Files of one format, as long as `verbatim-causes` only has the catalogue: text by its first
//! line that differs, all else by its first byte.

use verbatim_causes::{Cause, Comparison, Excerpt, Finding};

/// What the catalogue will say of a cause.
pub(crate) trait Catalogue {
    fn fix(self) -> &'static str;
    fn rank(self) -> u32;
}

impl Catalogue for Cause {
    fn fix(self) -> &'static str {
        "see the page of this cause in docs/causes"
    }

    fn rank(self) -> u32 {
        match self {
            Cause::Unexplained => 2,
            Cause::AddedFile | Cause::RemovedFile | Cause::SourceChange => 1,
            _ => 0,
        }
    }
}

/// Compare two files that differ.
pub(crate) fn compare(_name: &str, left: &[u8], right: &[u8]) -> Comparison {
    let text = |data: &[u8]| std::str::from_utf8(data).is_ok_and(|t| !t.contains('\0'));
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (format, at, cause) = if text(left) && text(right) {
        let line = left[..same].iter().filter(|&&b| b == b'\n').count() + 1;
        ("text", format!("line {line}"), Cause::SourceChange)
    } else {
        ("bytes", format!("offset {same:#x}"), Cause::Unexplained)
    };
    let piece = |data: &[u8]| {
        let from = same.saturating_sub(32).min(data.len());
        data[from..(from + 96).min(data.len())].to_vec()
    };
    Comparison {
        format,
        findings: vec![Finding {
            cause,
            at: at.clone(),
            evidence: format!("{} and {} bytes differ", left.len(), right.len()),
        }],
        excerpts: vec![Excerpt {
            at,
            left: piece(left),
            right: piece(right),
            text: format == "text",
        }],
        more: true,
    }
}
