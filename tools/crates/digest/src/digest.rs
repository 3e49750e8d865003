use std::fmt;
use std::str::FromStr;

use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

use crate::Hasher;

/// The sha256 of some bytes, written `sha256:<64 lower-case hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a string is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// There is no `sha256:` in front.
    #[error("`{0}` is not a digest: it must begin with `sha256:`")]
    NoAlgorithm(String),
    /// Another algorithm than sha256.
    #[error("`{0}:` digests are not supported: use a sha256 digest")]
    Algorithm(String),
    /// Too short or too long.
    #[error("a sha256 digest has 64 hexadecimal digits, and this one has {0}")]
    Length(usize),
    /// A character that is no lower-case hexadecimal digit.
    #[error("a digest has lower-case hexadecimal digits only, and character {position} after the colon is `{character}`")]
    Character {
        /// Counted from 1.
        position: usize,
        /// What stands there.
        character: char,
    },
}

impl Digest {
    /// The digest of bytes that are in memory.
    pub fn of(data: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(data);
        hasher.finish()
    }

    /// The digest that these 32 bytes are.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest written as bare hexadecimal digits, as `sha256sum` prints it.
    pub fn from_hex(hex: &str) -> Result<Self, ParseError> {
        if let Some(bytes) = right_digits(hex.as_bytes()) {
            return Ok(Self(bytes));
        }
        if let Some((at, character)) = hex
            .chars()
            .enumerate()
            .find(|(_, c)| !matches!(c, '0'..='9' | 'a'..='f'))
        {
            return Err(ParseError::Character {
                position: at + 1,
                character,
            });
        }
        Err(ParseError::Length(hex.len()))
    }

    /// The 64 hexadecimal digits without the algorithm: the name of a blob in an OCI layout.
    pub fn hex(&self) -> String {
        Written::of(self).as_str()[ALGORITHM.len()..].to_owned()
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What stands before the digits.
const ALGORITHM: &str = "sha256:";

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Bytes as hexadecimal digits, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// A digest as it stands in documents; of these there may be millions.
struct Written([u8; ALGORITHM.len() + 64]);

impl Written {
    fn of(digest: &Digest) -> Self {
        let mut text = [0; ALGORITHM.len() + 64];
        let (algorithm, digits) = text.split_at_mut(ALGORITHM.len());
        algorithm.copy_from_slice(ALGORITHM.as_bytes());
        for (pair, byte) in digits.chunks_exact_mut(2).zip(digest.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(text)
    }

    fn as_str(&self) -> &str {
        // Of ASCII alone.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What each byte is worth as a digit; [`NONE`] where it is none.
const WORTH: [u8; 256] = {
    let mut worth = [NONE; 256];
    let mut n = 0;
    while n < 16 {
        worth[DIGITS[n as usize] as usize] = n;
        n += 1;
    }
    worth
};
const NONE: u8 = 0xff;

/// The bytes that 64 digits in lower case stand for, found without a branch for each.
fn right_digits(hex: &[u8]) -> Option<[u8; 32]> {
    let hex: &[u8; 64] = hex.try_into().ok()?;
    let mut bytes = [0; 32];
    let mut all = 0;
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let (high, low) = (WORTH[usize::from(pair[0])], WORTH[usize::from(pair[1])]);
        all |= high | low;
        *byte = high << 4 | low;
    }
    (all < 16).then_some(bytes)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Written::of(self).as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Self::from_hex(hex),
            Some((algorithm, _)) if is_algorithm(algorithm) => {
                Err(ParseError::Algorithm(algorithm.to_owned()))
            }
            _ => Err(ParseError::NoAlgorithm(shortened(text))),
        }
    }
}

/// Looks like the name of an algorithm in the sense of the OCI image specification.
fn is_algorithm(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 32
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'.' | b'_' | b'-'))
}

/// The text as far as it helps in a message; hostile input may be long.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Written::of(self).as_str())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a digest such as sha256:9f86d0…")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn known_digests() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(
            Digest::of(b"abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn text_and_back() {
        let digest: Digest = EMPTY.parse().unwrap();
        assert_eq!(digest, Digest::of(b""));
        assert_eq!(Digest::from_hex(&digest.hex()).unwrap(), digest);
        assert_eq!(Digest::from_bytes(*digest.as_bytes()), digest);
        assert_eq!(
            serde_json::to_string(&digest).unwrap(),
            format!("\"{EMPTY}\"")
        );
        assert_eq!(
            serde_json::from_str::<Digest>(&format!("\"{EMPTY}\"")).unwrap(),
            digest
        );
    }

    #[test]
    fn only_one_spelling_is_taken() {
        let error = |text: &str| text.parse::<Digest>().unwrap_err();
        let hex = &EMPTY["sha256:".len()..];
        assert_eq!(
            error(&format!("sha512:{hex}{hex}")),
            ParseError::Algorithm("sha512".into())
        );
        assert_eq!(error(hex), ParseError::NoAlgorithm(hex.into()));
        assert_eq!(error(""), ParseError::NoAlgorithm("".into()));
        assert_eq!(error(&EMPTY[..70]), ParseError::Length(63));
        assert_eq!(error(&format!("{EMPTY}0")), ParseError::Length(65));
        assert_eq!(
            error(&EMPTY.replace("e3b0", "e3B0")),
            ParseError::Character {
                position: 3,
                character: 'B'
            }
        );
        assert!(matches!(
            error(&format!("{EMPTY}\n")),
            ParseError::Character { position: 65, .. }
        ));
        assert!(error(&"x".repeat(1 << 20)).to_string().len() < 200);
        assert!(matches!(
            error(&format!("sha256:é{hex}")),
            ParseError::Character { position: 1, .. }
        ));
        let json = serde_json::from_str::<Digest>("\"sha512:00\"").unwrap_err();
        assert!(json.to_string().contains("use a sha256 digest"), "{json}");
    }
}
