//! What is known of an artifact: the digests that were made from its bytes, here.

use std::fmt;
use std::io::{self, Read};

use sha2::{Digest as _, Sha512 as Hasher512};
use verbatim_digest::{hex, Digest, Hasher};

/// How much is hashed at a time: little beside the processor's cache.
const BUFFER: usize = 1 << 17;

/// The sha512 of some bytes, as digest sets of statements hold it: 128 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha512([u8; 64]);

impl Sha512 {
    /// Of bytes in memory.
    pub fn of(data: &[u8]) -> Self {
        Self(Hasher512::digest(data).into())
    }

    /// From the one spelling that is taken. `None` for anything else.
    pub fn from_hex(hex: &str) -> Option<Self> {
        // Two halves in the form of the digest that there is a type for already.
        let (first, second) = hex.split_at_checked(64)?;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(Digest::from_hex(first).ok()?.as_bytes());
        bytes[32..].copy_from_slice(Digest::from_hex(second).ok()?.as_bytes());
        Some(Self(bytes))
    }
}

impl fmt::Display for Sha512 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Sha512 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha512:{self}")
    }
}

/// The digests of an artifact, recomputed from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The sha256, which is also the name that a registry gives to an image.
    pub sha256: Digest,
    /// The sha512, where a statement asks for it: making it takes as long again as all the rest.
    pub sha512: Option<Sha512>,
}

impl Known {
    /// Of bytes in memory.
    pub fn of(data: &[u8]) -> Self {
        Self {
            sha256: Digest::of(data),
            sha512: Some(Sha512::of(data)),
        }
    }

    /// Of all that a reader gives, in one pass and little memory.
    pub fn of_reader(mut reader: impl Read, with_sha512: bool) -> io::Result<Self> {
        let mut sha256 = Hasher::new();
        let mut sha512 = with_sha512.then(Hasher512::new);
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            sha256.update(&buffer[..count]);
            if let Some(sha512) = &mut sha512 {
                sha512.update(&buffer[..count]);
            }
        }
        Ok(Self {
            sha256: sha256.finish(),
            sha512: sha512.map(|hasher| Sha512(hasher.finalize().into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn sha512_has_one_spelling() {
        assert_eq!(Sha512::of(b"abc").to_string(), ABC);
        assert_eq!(Sha512::from_hex(ABC), Some(Sha512::of(b"abc")));
        let upper = ABC.to_uppercase();
        let long = format!("{ABC}0");
        for wrong in ["", "00", &ABC[1..], &upper, &long, "é"] {
            assert_eq!(Sha512::from_hex(wrong), None, "{wrong}");
        }
        // A character across the middle.
        assert_eq!(
            Sha512::from_hex(&format!("{}é{}", &ABC[..63], &ABC[65..])),
            None
        );
    }

    #[test]
    fn a_stream_is_known_as_its_bytes_are() {
        let data = vec![7; BUFFER + 3];
        assert_eq!(Known::of_reader(&data[..], true).unwrap(), Known::of(&data));
        let less = Known::of_reader(&data[..], false).unwrap();
        assert_eq!((less.sha256, less.sha512), (Digest::of(&data), None));
    }
}
