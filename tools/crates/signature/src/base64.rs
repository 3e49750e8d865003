//! Base64 as envelopes hold it: of either alphabet, padded or not (DSSE v1.0.2, "Data
//! Structure"), and nothing that two readers could take for different bytes.

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{Engine, BASE64_STANDARD};

const EITHER_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const OF_STANDARD: GeneralPurpose = GeneralPurpose::new(&STANDARD, EITHER_PADDING);
const OF_URLS: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, EITHER_PADDING);

/// The bytes, or `None` if it is no base64 of one alphabet.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let engine = match text.contains(['-', '_']) {
        true => OF_URLS,
        false => OF_STANDARD,
    };
    engine.decode(text).ok()
}

/// Of the standard alphabet, padded: what everybody reads.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_alphabet_and_padding_and_nothing_else() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(decode(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(decode(""), Some(Vec::new()));
        // Mixed, broken, with bits that are left over, padded too much.
        for text in ["+_8=", "+", "+/9=", "+/8==", "+/8=x", "+/ 8=", "\u{e4}"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
