//! Identifiers that must be unique, derived from content.

use std::fmt;

use verbatim_digest::Digest;

/// A UUID of version 8 (RFC 9562, section 5.8): the first bytes of a sha256, with the version
/// and the variant in their places. The same content has the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// The one of some content.
    pub fn of(content: &[u8]) -> Self {
        let digest = Digest::of(content);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_variant_are_in_their_places() {
        // sha256 of nothing: e3b0c442 98fc 1c14 9afb f4c8996fb924.
        assert_eq!(
            Uuid::of(b"").to_string(),
            "e3b0c442-98fc-8c14-9afb-f4c8996fb924"
        );
        assert_ne!(Uuid::of(b"a"), Uuid::of(b"b"));
    }
}
