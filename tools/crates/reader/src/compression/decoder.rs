//! What a decoder of one format does: one part after another, step by step.

use crate::error::DAMAGED;
use crate::ErrorKind;

/// What one call of a decoder did.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The part (member, frame, stream) is complete and all of it was given out.
    pub(super) done: bool,
}

/// Why a decoder cannot go on.
pub(super) struct Bad {
    pub(super) kind: ErrorKind,
    pub(super) what: String,
    pub(super) fix: &'static str,
    /// Where it shows, counted from the first byte of the input of this call.
    pub(super) at: usize,
}

impl Bad {
    pub(super) fn damaged(at: usize, what: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Malformed,
            what: what.into(),
            fix: DAMAGED,
            at,
        }
    }
}

/// A decoder of one part after another.
pub(super) trait Decoder {
    /// Go on with `input`. With `ended` nothing follows it; a decoder that then neither
    /// consumes nor produces anything has met a truncated file.
    fn step(&mut self, input: &[u8], out: &mut [u8], ended: bool) -> Result<Step, Bad>;
    /// Whether these bytes begin another part.
    fn begins(&self, start: &[u8]) -> bool;
    /// Make ready for another part.
    fn restart(&mut self) -> Result<(), Bad>;
    /// The unit of the zeros that the format allows between two parts, if it allows any.
    fn padding_unit(&self) -> Option<u64> {
        None
    }
}

/// Whether the bytes begin with the magic, or with what is left of it in a file that was cut
/// short.
pub(super) fn begins_like(start: &[u8], magic: &[u8]) -> bool {
    start.iter().zip(magic).all(|(a, b)| a == b)
}

pub(super) type BoxedDecoder = Box<dyn Decoder + Send>;
