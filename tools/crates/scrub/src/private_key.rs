//! Private keys, told by what is in a file.
//!
//! A key is a key with its body: libraries that read and write keys, their documentation and
//! their error messages are full of the lines that begin one. So what follows the first line
//! is read as the tool that the key is for would read it, in the ways in which keys are
//! embedded in other files: indented in YAML, with `\n` for line ends in JSON and in
//! variables, in strings of a program that are joined, behind comment signs, or encoded
//! once more as Kubernetes does. Something that has no base64 after its first line, or only
//! a word that stands for it, is not a key.

use crate::content::Found;
use crate::rule::Rules;

const KEY: Found = Found::Bad {
    what: "holds a private key",
    fix: "make the key where the image runs, not where it is built",
};

/// Whether a file that begins so holds a private key in a form that is recognised for sure.
pub(crate) fn look(start: &[u8], _: &Rules) -> Found {
    let holds_key =
        |text: &[u8]| armoured(text) || encoded(text) || putty(text) || age(text) || signify(text);
    match holds_key(start) || narrowed(start).iter().any(|text| holds_key(text)) {
        true => KEY,
        false => Found::Fine,
    }
}

/// A word of each kind of key.
const WORDS: [&[u8]; 5] = [
    b"BEGIN",
    b"LS0tLS1CRUdJ",
    b"PuTTY",
    b"AGE-SECRET",
    b"untrusted",
];

/// What of a file is text of two bytes a character (UTF-16, as PowerShell and programs of Windows
/// write it), in one byte a character; what is not ASCII is a byte that is none of a key. It may begin anywhere,
/// with a byte order mark or without. Nothing where no such text can be of a key.
fn narrowed(start: &[u8]) -> Vec<Vec<u8>> {
    let is_there = |word: &&[u8]| {
        let zero = word.iter().flat_map(|&b| [b, 0]);
        let wide: Vec<u8> = zero.take(2 * word.len() - 1).collect();
        memchr::memmem::find(start, &wide).is_some()
    };
    if !WORDS.iter().any(is_there) {
        return Vec::new();
    }
    // The other byte is zero, whichever of both comes first: the zero before the next character is
    // as good as the one behind this.
    let narrow = |text: &[u8]| {
        let pairs = text.chunks(2);
        let one = pairs.map(|pair| match pair {
            [byte, 0] | [byte] => *byte,
            _ => 0xff,
        });
        one.collect()
    };
    let odd = start.get(1..).unwrap_or_default();
    vec![narrow(start), narrow(odd)]
}

/// Whether a Kerberos keytab has entries: keys of a host.
pub(crate) fn keytab(start: &[u8], _: &Rules) -> Found {
    match start {
        [5, 1 | 2, _, ..] => Found::Bad {
            what: "holds the keys of one host",
            fix: "give it to the container when it runs",
        },
        _ => Found::Fine,
    }
}

/// Each place where a text stands; what follows it.
fn after<'a>(text: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = memchr::memmem::find(rest, mark)?;
        rest = &rest[at + mark.len()..];
        Some(rest)
    })
}

/// PEM, OpenSSH, PGP and SSH2: `-----BEGIN … PRIVATE KEY…-----`, a body, and the same with `END`.
fn armoured(text: &[u8]) -> bool {
    after(text, b"-BEGIN ")
        .chain(after(text, b"- BEGIN "))
        .any(|rest| {
            // "RSA PRIVATE KEY-----", "PGP PRIVATE KEY BLOCK-----", "SSH2 ENCRYPTED PRIVATE KEY ----"
            let Some(end) = rest[..rest.len().min(60)]
                .windows(4)
                .position(|w| w == b"----")
            else {
                return false;
            };
            let label = rest[..end].trim_ascii();
            let is_label = label
                .iter()
                .all(|&b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
            let is_key = is_label && label.windows(11).any(|word| word == b"PRIVATE KEY");
            is_key && {
                let body = &rest[end..];
                let dashes = body.iter().take_while(|&&b| b == b'-').count();
                has_body(&body[dashes..], label)
            }
        })
}

/// Whether a key of this kind begins here.
fn has_body(rest: &[u8], label: &[u8]) -> bool {
    // A string of a program ends with a zero; nothing of it is behind that.
    let text = rest.split(|&b| b == 0).next().unwrap_or_default();
    let end = memchr::memmem::find(text, b"----");
    let body = &text[..end.unwrap_or(text.len())];
    let closed = end.map(|end| {
        let closing = text[end..].trim_ascii_start();
        let dashes = closing.iter().take_while(|&&b| b == b'-').count();
        let closing = closing[dashes..].trim_ascii_start();
        closing
            .strip_prefix(b"END ")
            .is_some_and(|rest| rest.starts_with(label))
    });
    // What begins anew before it ended is a list of first lines.
    closed != Some(false) && is_key(&unescaped(body))
}

const XML_LINE_ENDS: &[&[u8]] = &[b"&#10;", b"&#13;", b"&#xA;", b"&#xD;", b"&#xa;", b"&#xd;"];

/// A text as the reader of a string in JSON, YAML or a program gets it: escaped line ends are
/// line ends, and other signs that are escaped are themselves.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let line_end = XML_LINE_ENDS.iter().find(|end| rest.starts_with(end));
        if let Some(end) = line_end {
            out.push(b'\n');
            rest = &rest[end.len()..];
            continue;
        }
        rest = after;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        // Strings in strings are escaped more than once.
        while let [b'\\', after @ ..] = rest {
            rest = after;
        }
        let hex = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        match rest {
            [b'n' | b'r' | b't', after @ ..] => {
                out.push(b'\n');
                rest = after;
            }
            [b'u', b'0', b'0', high, low, after @ ..] | [b'x', high, low, after @ ..] => {
                if let Some(byte) = hex(&[*high, *low]) {
                    out.push(byte);
                    rest = after;
                }
            }
            [b'0', b'1', b'2' | b'5', after @ ..] => {
                out.push(b'\n');
                rest = after;
            }
            _ => {}
        }
    }
    out
}

/// How long a line of armour is at least in a whole key.
const LINE: usize = 48;

/// How long at least one of its words is, however it is broken into lines.
const SHORT_LINE: usize = 32;

/// Whether this, between the first and the last line, is a key.
fn is_key(text: &[u8]) -> bool {
    let mut key: Vec<u8> = Vec::new();
    // Lines that are nothing but base64, of the length of the first of them.
    let (mut full, mut width) = (0, 0);
    let mut longest = 0;
    let mut clean = true;
    let mut in_headers = false;
    for line in text.split(|&b| b == b'\n' || b == b'\r') {
        let line = line.trim_ascii();
        let begin = line.iter().position(u8::is_ascii_alphanumeric);
        let bare = &line[begin.unwrap_or(line.len())..];
        let name = bare.split(|&b| b == b':').next().unwrap_or_default();
        let is_header = name.len() < bare.len()
            && name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-');
        if key.is_empty() && is_header {
            in_headers = true;
            // Where the lines were joined, the key follows on the same one.
            let joined = words(line).into_iter();
            let joined = joined.filter(|word| word.len() >= LINE && is_base64(word));
            for word in joined {
                longest = longest.max(word.len());
                key.extend_from_slice(word);
            }
            continue;
        }
        if line.is_empty() {
            in_headers = false;
            continue;
        }
        let words = words(line);
        if in_headers && !words.iter().all(|word| is_base64(word)) {
            // A comment goes on.
            continue;
        }
        in_headers = false;
        match words[..] {
            [word] if word.len() >= LINE && is_base64(word) => {
                width = if width == 0 { word.len() } else { width };
                full += usize::from(word.len() == width);
            }
            _ => {}
        }
        for word in words {
            if is_base64(word) {
                longest = longest.max(word.len());
                key.extend_from_slice(word);
            } else {
                clean = false;
            }
        }
    }
    // With something else between: enough of it is there to be one.
    if !clean {
        return full >= 3;
    }
    let different = different(&key);
    // A sequence in DER (30 82…, or 30 and a short length) may be shorter than all else. One
    // letter over and over stands for a key in documentation, and so do words without signs
    // between them: no key is broken into such short lines, nor written in one case of letters.
    let is_der = key.starts_with(b"MII")
        || (longest >= 16 && different >= 6 && matches!(key[..], [b'M', b'A'..=b'I', ..]));
    let is_mixed = key.iter().any(u8::is_ascii_uppercase) && key.iter().any(u8::is_ascii_lowercase);
    is_der && key.len() >= 4
        || key.len() >= 40 && longest >= SHORT_LINE && different >= 12 && is_mixed
}

/// How many different signs there are.
fn different(text: &[u8]) -> usize {
    let mut seen = [false; 256];
    text.iter().for_each(|&b| seen[usize::from(b)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// Signs that join strings or begin comments, and the letters before a string of Python or Rust.
const JOINING: &[&[u8]] = &[
    b"+", b".", b"&", b"_", b"-", b"$", b"@", b"..", b"<<", b"||", b"//", b"--", b"b", b"r", b"f",
    b"u", b"L", b"br", b"rb",
];

/// The words of a line, without the signs that a program, a list or a comment puts around them.
fn words(line: &[u8]) -> Vec<&[u8]> {
    line.split(|&b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b','))
        .map(|word| {
            let begin = word
                .iter()
                .position(|b| !b"()[]{}<>;|#*-".contains(b))
                .unwrap_or(word.len());
            let end = word
                .iter()
                .rposition(|b| !b"()[]{}<>;|#*".contains(b))
                .map_or(begin, |last| last + 1);
            &word[begin..end.max(begin)]
        })
        .filter(|word| !word.is_empty() && !JOINING.contains(word))
        .collect()
}

/// Whether a word is base64 with its padding, or the checksum at the end of PGP's armour.
fn is_base64(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"=").unwrap_or(word);
    let padding = digits.iter().rev().take_while(|&&b| b == b'=').count();
    padding <= 2
        && digits[..digits.len() - padding]
            .iter()
            .all(|&b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// Armour that is encoded once more as a whole, as in secrets of Kubernetes and its
/// configuration of clients: `LS0tLS1CRUdJTi…`.
fn encoded(text: &[u8]) -> bool {
    const BEGIN: &[u8] = b"LS0tLS1CRUdJTi";
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, BEGIN) {
        // All of it: certificates or parameters may stand before the key.
        let end = rest[at..]
            .iter()
            .position(|&b| !is_digit(b) && !b.is_ascii_whitespace() && b != b'\\');
        let end = end.map_or(rest.len(), |length| at + length);
        if armoured(&decoded(&rest[at..end])) {
            return true;
        }
        rest = &rest[end..];
    }
    false
}

/// Whether this is a digit of base64.
fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// What the base64 at the beginning of a text stands for, over all its lines: `base64` breaks what
/// it writes after 76 digits.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = unescaped(text)
        .into_iter()
        .filter(|b| !b.is_ascii_whitespace())
        .take_while(|&b| is_digit(b))
        .collect();
    let value = |digit: u8| match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut out = Vec::with_capacity(digits.len() / 4 * 3);
    for four in digits.chunks(4) {
        let bits = four
            .iter()
            .fold(0u32, |bits, &digit| bits << 6 | u32::from(value(digit)));
        let bits = bits << (6 * (4 - four.len()));
        out.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    out
}

/// How many digits of base64 a line begins with.
fn digits(line: &[u8]) -> usize {
    line.iter()
        .take_while(|&&b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
        .count()
}

/// PuTTY's own form, whose secret is behind `Private-Lines`.
fn putty(text: &[u8]) -> bool {
    after(text, b"PuTTY-User-Key-File-").any(|rest| {
        let begins = matches!(rest, [b'1'..=b'9', b':', ..]);
        begins
            && after(rest, b"Private-Lines:").next().is_some_and(|rest| {
                let text = unescaped(&rest[..rest.len().min(1 << 10)]);
                let mut lines = text.split(|&b| b == b'\n' || b == b'\r');
                let count = lines.next().unwrap_or_default().trim_ascii();
                let line = lines.map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
                !count.is_empty()
                    && count.iter().all(u8::is_ascii_digit)
                    && line.is_some_and(|line| digits(line) >= 16)
            })
    })
}

/// An identity of age: a prefix, and at least 58 signs of bech32.
fn age(text: &[u8]) -> bool {
    let is_body = |rest: &[u8]| {
        let length = rest
            .iter()
            .take_while(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
            .count();
        length >= 58 && different(&rest[..length]) >= 8
    };
    after(text, b"AGE-SECRET-KEY-1").any(is_body)
        || after(text, b"AGE-SECRET-KEY-PQ-1").any(is_body)
}

/// A secret key of signify or minisign: a comment that says so, and a line of base64. Signatures
/// have a comment that names the secret key that made them, and a shorter line.
fn signify(text: &[u8]) -> bool {
    const SIGNATURE: usize = 100;
    after(text, b"untrusted comment:").any(|rest| {
        let text = unescaped(&rest[..rest.len().min(1 << 11)]);
        let mut lines = text.split(|&b| b == b'\n' || b == b'\r');
        let comment = lines.next().unwrap_or_default();
        let line = lines.map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
        comment.trim_ascii_end().ends_with(b"secret key")
            && line.is_some_and(|line| line.starts_with(b"RW") && digits(line) > SIGNATURE)
    })
}

#[cfg(test)]
#[path = "private_key_tests.rs"]
mod tests;
