//! What a handler wants to do with a file: which of its bytes stay, and what stands between them.

/// A stretch of the normalised file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes of the file as it is.
    Copy(std::ops::Range<u64>),
    /// Other bytes.
    Bytes(Vec<u8>),
}

/// What a handler wants to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(super) pieces: Vec<Piece>,
    pub(crate) changes: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Plan {
    /// The next bytes of the file, as they are.
    pub(crate) fn copy(&mut self, range: std::ops::Range<u64>) {
        if range.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Copy(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Copy(range)),
        }
    }

    /// Other bytes.
    pub(crate) fn bytes(&mut self, bytes: impl Into<Vec<u8>>) {
        let mut bytes = bytes.into();
        match self.pieces.last_mut() {
            Some(Piece::Bytes(last)) => last.append(&mut bytes),
            _ => self.pieces.push(Piece::Bytes(bytes)),
        }
    }

    /// Name a change, once.
    pub(crate) fn change(&mut self, what: impl AsRef<str> + Into<String>) {
        if !self.changes.iter().any(|known| known == what.as_ref()) {
            self.changes.push(what.into());
        }
    }

    /// Say what was left alone, once.
    pub(crate) fn note(&mut self, what: impl AsRef<str> + Into<String>) {
        if !self.notes.iter().any(|known| known == what.as_ref()) {
            self.notes.push(what.into());
        }
    }

    /// The whole result, for content that is in memory anyway.
    pub(crate) fn assemble(&self, original: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(original.len());
        for piece in &self.pieces {
            match piece {
                Piece::Copy(range) => {
                    out.extend_from_slice(&original[range.start as usize..range.end as usize]);
                }
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
            }
        }
        out
    }
}
