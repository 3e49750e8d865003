//! Digests that somebody claims a file has.

use std::fmt;
use std::io::{self, Read};

use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// How a digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RFC 1321: dpkg, and old packages of RPM.
    Md5,
    /// FIPS 180-4: apk.
    Sha1,
    /// FIPS 180-4.
    Sha224,
    /// FIPS 180-4: RPM, Python.
    Sha256,
    /// FIPS 180-4.
    Sha384,
    /// FIPS 180-4.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// Its name in lower case: `sha256`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The algorithm of a name in lower case.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// By its number in OpenPGP (RFC 9580, section 9.5), as RPM has it.
    pub(crate) fn of_openpgp(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Md5,
            2 => Self::Sha1,
            8 => Self::Sha256,
            9 => Self::Sha384,
            10 => Self::Sha512,
            11 => Self::Sha224,
            _ => return None,
        })
    }

    /// The bytes of a digest.
    pub fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of a content.
    pub fn of(self, content: impl Read) -> io::Result<Checksum> {
        let bytes = match self {
            Self::Md5 => hash::<Md5>(content)?,
            Self::Sha1 => hash::<Sha1>(content)?,
            Self::Sha224 => hash::<Sha224>(content)?,
            Self::Sha256 => hash::<Sha256>(content)?,
            Self::Sha384 => hash::<Sha384>(content)?,
            Self::Sha512 => hash::<Sha512>(content)?,
        };
        Ok(Checksum {
            algorithm: self,
            bytes,
        })
    }
}

fn hash<D: sha2::Digest>(mut content: impl Read) -> io::Result<Box<[u8]>> {
    let mut hasher = D::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().as_slice().into()),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// A digest of some algorithm, of its length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    bytes: Box<[u8]>,
}

impl Checksum {
    /// A digest by its bytes; `None` if there are too many or too few.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algorithm.length()).then(|| Self {
            algorithm,
            bytes: bytes.into(),
        })
    }

    /// A digest in hexadecimal digits.
    pub fn of_hex(algorithm: Algorithm, text: &[u8]) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        if text.len() != 2 * algorithm.length() {
            return None;
        }
        let bytes: Option<Box<[u8]>> = text
            .chunks_exact(2)
            .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
            .collect();
        Some(Self {
            algorithm,
            bytes: bytes?,
        })
    }

    /// How it was made.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// In hexadecimal digits, in lower case.
    pub fn hex(&self) -> String {
        verbatim_digest::hex(&self.bytes)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.word(), self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_contents() {
        for (algorithm, hex) in [
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                Algorithm::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ] {
            let checksum = algorithm.of(&b"abc"[..]).unwrap();
            assert_eq!(checksum.hex(), hex);
            assert_eq!(Checksum::of_hex(algorithm, hex.as_bytes()), Some(checksum));
            assert_eq!(Checksum::of_hex(algorithm, &hex.as_bytes()[1..]), None);
        }
        for algorithm in Algorithm::ALL {
            let checksum = algorithm.of(&b""[..]).unwrap();
            assert_eq!(checksum.bytes().len(), algorithm.length());
            assert_eq!(Algorithm::of_word(algorithm.word()), Some(algorithm));
        }
        assert_eq!(Checksum::of_hex(Algorithm::Md5, &[b'g'; 32]), None);
    }
}
