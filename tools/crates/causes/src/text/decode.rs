//! Bytes as text: UTF-8, UTF-16 with a mark, or one of the old sets of 256 characters.

use std::borrow::Cow;

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
    /// Each byte is a character; which, cannot be known.
    Bytes,
}

impl Encoding {
    pub(super) fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Utf16Little => "UTF-16, low bytes first",
            Encoding::Utf16Big => "UTF-16, high bytes first",
            Encoding::Bytes => "a set of 256 characters",
        }
    }
}

/// A text, how it is encoded, and whether it starts with a mark of the byte order.
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) encoding: Encoding,
    pub(super) marked: bool,
}

/// Read bytes as text; `None` if they are none.
pub(super) fn decode(data: &[u8]) -> Option<Text<'_>> {
    if let [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] = data {
        let little = data[0] == 0xff;
        if rest.len() % 2 != 0 {
            return None;
        }
        let units = rest.chunks_exact(2).map(|pair| {
            let pair = [pair[0], pair[1]];
            if little {
                u16::from_le_bytes(pair)
            } else {
                u16::from_be_bytes(pair)
            }
        });
        let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
        return is_text(&text).then_some(Text {
            text: text.into(),
            encoding: if little {
                Encoding::Utf16Little
            } else {
                Encoding::Utf16Big
            },
            marked: true,
        });
    }
    let (body, marked) = match data {
        [0xef, 0xbb, 0xbf, rest @ ..] => (rest, true),
        _ => (data, false),
    };
    if let Ok(text) = std::str::from_utf8(body) {
        return is_text(text).then_some(Text {
            text: text.into(),
            encoding: Encoding::Utf8,
            marked,
        });
    }
    let control = |b: u8| (b < 0x20 && !b"\t\n\r\x0c\x1b".contains(&b)) || b == 0x7f;
    let high = data.iter().filter(|&&b| b >= 0x80).count();
    // Latin letters beyond ASCII are few; in bytes that are no text, half of them are high.
    (!data.iter().any(|&b| control(b)) && high * 4 <= data.len()).then(|| Text {
        text: data
            .iter()
            .map(|&b| char::from(b))
            .collect::<String>()
            .into(),
        encoding: Encoding::Bytes,
        marked: false,
    })
}

/// No byte zero, and hardly any other control character.
fn is_text(text: &str) -> bool {
    let mut control = 0;
    for b in text.bytes() {
        match b {
            0 => return false,
            b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1b | 0x08 => {}
            1..=0x1f | 0x7f => control += 1,
            _ => {}
        }
    }
    control * 20 <= text.len()
}
