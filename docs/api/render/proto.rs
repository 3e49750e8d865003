//! The wire form of protocol buffers, as much of it as Bazel's documentation extract uses.

use std::fmt;

/// Why bytes are no message.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(usize);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "it is no protocol buffer: wrong at {} bytes before the end",
            self.0
        )
    }
}

impl std::error::Error for Malformed {}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A message: its fields in order, by number.
#[derive(Debug, Default)]
pub struct Message<'a>(Vec<(u64, Value<'a>)>);

fn varint(data: &mut &[u8]) -> Result<u64, Malformed> {
    let left = data.len();
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = data.split_first().ok_or(Malformed(left))?;
        *data = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed(left))
}

fn take<'a>(data: &mut &'a [u8], count: u64) -> Result<&'a [u8], Malformed> {
    let left = data.len();
    let count = usize::try_from(count).map_err(|_| Malformed(left))?;
    let (taken, rest) = data.split_at_checked(count).ok_or(Malformed(left))?;
    *data = rest;
    Ok(taken)
}

impl<'a> Message<'a> {
    pub fn parse(mut data: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Vec::new();
        while !data.is_empty() {
            let left = data.len();
            let key = varint(&mut data)?;
            let value = match key & 7 {
                0 => Value::Number(varint(&mut data)?),
                2 => {
                    let count = varint(&mut data)?;
                    Value::Bytes(take(&mut data, count)?)
                }
                1 => Value::Bytes(take(&mut data, 8)?),
                5 => Value::Bytes(take(&mut data, 4)?),
                _ => return Err(Malformed(left)),
            };
            fields.push((key >> 3, value));
        }
        Ok(Self(fields))
    }

    /// The text of a field; empty where it is absent.
    pub fn text(&self, number: u64) -> String {
        self.0
            .iter()
            .rev()
            .find_map(|(n, value)| match value {
                Value::Bytes(bytes) if *n == number => {
                    Some(String::from_utf8_lossy(bytes).into_owned())
                }
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The number in a field; 0 where it is absent.
    pub fn number(&self, number: u64) -> u64 {
        self.0
            .iter()
            .rev()
            .find_map(|(n, value)| match value {
                Value::Number(value) if *n == number => Some(*value),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The messages in a repeated field.
    pub fn messages(&self, number: u64) -> Result<Vec<Message<'a>>, Malformed> {
        self.0
            .iter()
            .filter_map(|(n, value)| match value {
                Value::Bytes(bytes) if *n == number => Some(Message::parse(bytes)),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_number() {
        // 1: "ab", 3: 300, 2: {1: "x"}, 2: {}
        let data = [
            0x0a, 2, b'a', b'b', 0x18, 0xac, 0x02, 0x12, 3, 0x0a, 1, b'x', 0x12, 0,
        ];
        let message = Message::parse(&data).unwrap();
        assert_eq!(message.text(1), "ab");
        assert_eq!(message.text(9), "");
        assert_eq!(message.number(3), 300);
        let inner = message.messages(2).unwrap();
        assert_eq!(inner.len(), 2);
        assert_eq!(inner[0].text(1), "x");
    }

    #[test]
    fn cut_messages_are_errors() {
        for data in [
            &[0x0a, 5, b'a'][..],
            &[0x18],
            &[0x18, 0x80],
            &[0x0b],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
        ] {
            assert!(Message::parse(data).is_err(), "{data:?}");
        }
    }
}
