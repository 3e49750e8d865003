//! Percent-encoding (RFC 3986, section 2.1).

use percent_encoding::{percent_decode_str, utf8_percent_encode, AsciiSet, NON_ALPHANUMERIC};

/// Everything that is not unreserved (section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Everything that has no place in a segment of a path (section 3.3).
const NO_SEGMENT: &AsciiSet = &RESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// A text as a value in an address, or in a form.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, NO_SEGMENT).to_string()
}

/// Undo it, as far as it was done.
pub fn unescaped(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_addresses() {
        assert_eq!(escaped("a/b:c d~é"), "a%2Fb%3Ac%20d~%C3%A9");
        assert_eq!(segment("a b%c?d#e/f"), "a%20b%25c%3Fd%23e%2Ff");
        assert_eq!(segment("tool-1.0_linux~x:y@z"), "tool-1.0_linux~x:y@z");
        assert_eq!(unescaped("p%40ss%2f%zz%"), "p@ss/%zz%");
        assert_eq!(unescaped("%ff"), "\u{fffd}");
    }
}
