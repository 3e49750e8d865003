//! What is in an entry.

use std::borrow::Cow;
use std::cell::RefCell;

use super::{Entry, DEFLATED, ENCRYPTED, STORED};
use crate::{Flaw, ReadAt};

/// Deflate does not shrink further than this, so a larger claim is a lie.
const HIGHEST_RATIO: u64 = 1100;

impl Entry<'_> {
    /// Whether the content can be had, and is no larger than `most` bytes, stored or not.
    pub fn can_be_unpacked(&self, most: u64) -> bool {
        self.flags() & ENCRYPTED == 0
            && matches!(self.method(), STORED | DEFLATED)
            && self.compressed <= most
            && self.uncompressed <= most
            && self.uncompressed / HIGHEST_RATIO <= self.compressed
    }

    /// The content of an entry that [can be unpacked](Self::can_be_unpacked); its length and its
    /// checksum are right.
    pub fn content<'s, S: ReadAt + ?Sized>(&self, source: &'s S) -> Result<Cow<'s, [u8]>, Flaw> {
        let stored = source.read(self.stored())?;
        let content = match self.method() {
            DEFLATED => inflate(&stored, self.uncompressed)
                .ok_or_else(|| Flaw::at(self.data, "the content of an entry is damaged"))?
                .into(),
            _ => stored,
        };
        if content.len() as u64 != self.uncompressed || libdeflater::crc32(&content) != self.crc() {
            return Err(Flaw::at(self.data, "the checksum of an entry does not fit"));
        }
        Ok(content)
    }
}

thread_local! {
    /// It takes longer to make than to use on a small file.
    static INFLATE: RefCell<libdeflater::Decompressor> =
        RefCell::new(libdeflater::Decompressor::new());
}

/// What was compressed, if it is exactly so long.
fn inflate(compressed: &[u8], length: u64) -> Option<Vec<u8>> {
    let mut out = vec![0; usize::try_from(length).ok()?];
    let written = INFLATE
        .with_borrow_mut(|decompressor| decompressor.deflate_decompress(compressed, &mut out));
    (written.ok()? == out.len()).then_some(out)
}
