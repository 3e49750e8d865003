//! How digests are made and written.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use base64::Engine;
use verbatim_digest::hex;

/// A way to make a digest of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RFC 1321, 16 bytes.
    Md5,
    /// FIPS 180-4, 20 bytes.
    Sha1,
    /// The SHA-1 by which git names a file: of its size and its content.
    GitBlob,
    /// FIPS 180-4, 28 bytes.
    Sha224,
    /// FIPS 180-4, 32 bytes.
    Sha256,
    /// FIPS 180-4, 48 bytes.
    Sha384,
    /// FIPS 180-4, 64 bytes.
    Sha512,
    /// RFC 7693, 64 bytes.
    Blake2b,
    /// The same, 32 bytes.
    Blake2b256,
    /// RFC 7693, 32 bytes.
    Blake2s,
    /// The checksum of zip and gzip, 4 bytes.
    Crc32,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &[Algorithm] = &[
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::GitBlob,
        Algorithm::Sha224,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Blake2b,
        Algorithm::Blake2b256,
        Algorithm::Blake2s,
        Algorithm::Crc32,
    ];

    pub(super) fn bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 | Algorithm::GitBlob => 20,
            Algorithm::Sha224 => 28,
            Algorithm::Sha256 | Algorithm::Blake2b256 | Algorithm::Blake2s => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 | Algorithm::Blake2b => 64,
            Algorithm::Crc32 => 4,
        }
    }

    /// What a text must say before a word is taken for a rare digest that is as long as one of
    /// SHA-2: every algorithm costs the time of reading all contents once more.
    pub(super) fn said(self) -> Option<&'static [u8]> {
        match self {
            Algorithm::Blake2b256 => Some(b"blake2b"),
            Algorithm::Blake2s => Some(b"blake2s"),
            _ => None,
        }
    }
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Spelling {
    Hex,
    UpperHex,
    Base64,
    /// RFC 4648, section 5: as in wheels.
    Base64Url,
    Base32,
    LowerBase32,
    /// Nix and Guix: an alphabet of their own, last bits first.
    NixBase32,
}

impl Spelling {
    pub(super) const ALL: [Spelling; 7] = [
        Spelling::Hex,
        Spelling::UpperHex,
        Spelling::Base64,
        Spelling::Base64Url,
        Spelling::Base32,
        Spelling::LowerBase32,
        Spelling::NixBase32,
    ];

    /// Without the `=` at the end.
    pub(super) fn write(self, digest: &[u8]) -> String {
        match self {
            Spelling::Hex => hex(digest),
            Spelling::UpperHex => hex(digest).to_ascii_uppercase(),
            Spelling::Base64 => STANDARD_NO_PAD.encode(digest),
            Spelling::Base64Url => URL_SAFE_NO_PAD.encode(digest),
            Spelling::Base32 => base32(digest, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            Spelling::LowerBase32 => base32(digest, b"abcdefghijklmnopqrstuvwxyz234567"),
            Spelling::NixBase32 => nix_base32(digest),
        }
    }

    pub(super) fn length(self, bytes: usize) -> usize {
        match self {
            Spelling::Hex | Spelling::UpperHex => 2 * bytes,
            Spelling::Base64 | Spelling::Base64Url => (8 * bytes).div_ceil(6),
            Spelling::Base32 | Spelling::LowerBase32 | Spelling::NixBase32 => {
                (8 * bytes).div_ceil(5)
            }
        }
    }
}

fn base32(digest: &[u8], alphabet: &[u8; 32]) -> String {
    let bit = |n: usize| digest.get(n / 8).map_or(0, |b| b >> (7 - n % 8) & 1);
    (0..Spelling::Base32.length(digest.len()))
        .map(|i| (0..5).fold(0, |n, b| n << 1 | bit(5 * i + b)))
        .map(|n| char::from(alphabet[usize::from(n)]))
        .collect()
}

fn nix_base32(digest: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";
    let bit = |n: usize| digest.get(n / 8).map_or(0, |b| b >> (n % 8) & 1);
    (0..Spelling::NixBase32.length(digest.len()))
        .rev()
        .map(|i| (0..5).rev().fold(0, |n, b| n << 1 | bit(5 * i + b)))
        .map(|n| char::from(ALPHABET[usize::from(n)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_those_of_others() {
        // RFC 4648, section 10, and `nix hash convert`.
        assert_eq!(
            base32(b"foobar", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            "MZXW6YTBOI"
        );
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let sum: Vec<u8> = (0..64)
            .step_by(2)
            .map(|i| u8::from_str_radix(&empty[i..i + 2], 16).unwrap())
            .collect();
        assert_eq!(
            nix_base32(&sum),
            "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"
        );
        assert_eq!(
            Spelling::Base64.write(&sum),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
        );
    }
}
